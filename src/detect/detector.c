// SPDX-License-Identifier: Apache-2.0
// One call from frames to detections: tensor, engine, decoder, suppression, back to the picture.
#include "detect/detect.h"

#include "detect/decoder_priv.h"
#include "detect/engine_driver.h"
#include "detect/nms_priv.h"
#include "detect/places_priv.h"

#include "util/mem.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>

struct nj_detector {
    const struct nj_engine_driver *driver;
    void *engine;
    struct nj_model model;
    struct nj_decoder_layout layout; // zeroed for engines that answer with detections
    const struct nj_clock *clock;
    double threshold;
    bool *wanted; // by class id; NULL: all
    pthread_mutex_t mutex;
    struct nj_detector_thread *idle; // protected by the mutex: states to be borrowed
};

struct nj_detector_thread {
    struct nj_detector *detector;
    struct nj_detector_thread *next; // in the detector's store
    void *engine_thread;
    struct nj_tensor_map *maps; // max_batch
    size_t output_strides[NJ_ENGINE_OUTPUTS_MAX];
    size_t output_count;
    struct nj_candidates candidates;
};

static int find_class(const struct nj_model *model, const char *name)
{
    for (int32_t i = 0; i < model->class_count; i++) {
        if (nj_text_equal_nocase(model->class_names[i], name))
            return i;
    }
    return -1;
}

static int select_classes(struct nj_detector *detector, const struct nj_text_list *classes,
                          struct nj_error *err)
{
    if (classes->count == 0)
        return 0;
    detector->wanted = calloc(NJ_MODEL_CLASSES_MAX, sizeof *detector->wanted);
    if (detector->wanted == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the classes of a detector");
    for (size_t i = 0; i < classes->count; i++) {
        const int id = find_class(&detector->model, classes->items[i]);
        if (id < 0)
            return nj_error_set(err, NJ_E_INVALID,
                                "detect.classes: \"%s\" is no class of the model \"%s\"",
                                classes->items[i], detector->model.name);
        detector->wanted[id] = true;
    }
    return 0;
}

static int load_model(struct nj_detector *detector, const struct nj_detect_options *options,
                      struct nj_error *err)
{
    char *path = malloc(NJ_MODEL_PATH_SIZE);
    if (path == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a path");
    int rc = nj_place_find_model(options, detector->driver->describe != NULL, path, err);
    rc = rc != 0 ? rc : nj_model_load(path, &detector->model, err);
    free(path);
    if (rc == 0)
        detector->threshold =
            options->threshold >= 0 ? options->threshold : detector->model.threshold;
    return rc;
}

static int load_engine(struct nj_detector *detector, const struct nj_detector_config *config,
                       struct nj_error *err)
{
    const struct nj_engine_config engine_config = {.options = config->options,
                                                   .model = &detector->model,
                                                   .clock = config->clock,
                                                   .breaker = config->breaker,
                                                   .log = config->log};
    int rc = detector->driver->create(&engine_config, &detector->engine, err);
    if (rc != 0 || detector->driver->describe == NULL)
        return rc;
    struct nj_engine_info info = {0};
    detector->driver->describe(detector->engine, &info);
    return nj_decoders[detector->model.decoder]->check(&detector->model, &info, &detector->layout,
                                                       err);
}

int nj_detector_create(const struct nj_detector_config *config, struct nj_detector **out,
                       struct nj_error *err)
{
    const struct nj_detect_options *options = config->options;
    if (options->engine < 0 || options->engine >= NJ_ENGINE_COUNT)
        return nj_error_set(err, NJ_E_INVALID, "detect.engine: unknown engine %d", options->engine);
    struct nj_detector *detector = calloc(1, sizeof *detector);
    if (detector == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a detector");
    detector->driver = nj_engine_drivers[options->engine];
    detector->clock = config->clock;
    pthread_mutex_init(&detector->mutex, NULL);
    int rc = load_model(detector, options, err);
    rc = rc != 0 ? rc : select_classes(detector, &options->classes, err);
    rc = rc != 0 ? rc : load_engine(detector, config, err);
    if (rc != 0)
        nj_detector_destroy(detector);
    else
        *out = detector;
    return rc;
}

void nj_detector_destroy(struct nj_detector *detector)
{
    if (detector == NULL)
        return;
    while (detector->idle != NULL) {
        struct nj_detector_thread *thread = detector->idle;
        detector->idle = thread->next;
        nj_detector_thread_destroy(thread);
    }
    pthread_mutex_destroy(&detector->mutex);
    detector->driver->destroy(detector->engine);
    nj_model_finish(&detector->model);
    free(detector->wanted);
    free(detector);
}

const struct nj_model *nj_detector_model(const struct nj_detector *detector)
{
    return &detector->model;
}

double nj_detector_threshold(const struct nj_detector *detector)
{
    return detector->threshold;
}

const char *nj_detector_device(const struct nj_detector *detector)
{
    return detector->driver->device(detector->engine);
}

const char *nj_detector_class_name(const struct nj_detector *detector, int32_t class_id)
{
    return class_id >= 0 && class_id < detector->model.class_count
               ? detector->model.class_names[class_id]
               : "unknown";
}

void nj_detector_least_size(const struct nj_detector *detector, int32_t *width, int32_t *height)
{
    const struct nj_tensor_spec *input = &detector->model.input;
    // An engine elsewhere gets the whole picture. A stretched picture fills both sides of the
    // input, a fitted one only the longer: a box of twice the side keeps enough up to 2 : 1.
    const int32_t times = input->fit == NJ_FIT_STRETCH ? 2 : 1;
    *width = detector->driver->describe != NULL ? input->width * times : 0;
    *height = detector->driver->describe != NULL ? input->height * times : 0;
}

int nj_detector_thread_create(struct nj_detector *detector, struct nj_detector_thread **out,
                              struct nj_error *err)
{
    struct nj_detector_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a detector thread");
    thread->detector = detector;
    thread->maps = calloc((size_t)detector->model.max_batch, sizeof *thread->maps);
    int rc = thread->maps != NULL
                 ? detector->driver->thread_create(detector->engine, &thread->engine_thread, err)
                 : nj_error_set(err, NJ_E_NOMEM, "no memory for a detector thread");
    if (rc != 0) {
        free(thread->maps);
        free(thread);
        return rc;
    }
    if (detector->driver->describe != NULL) {
        struct nj_engine_info info = {0};
        detector->driver->describe(detector->engine, &info);
        thread->output_count = info.output_count;
        for (size_t k = 0; k < info.output_count; k++) {
            thread->output_strides[k] = 1;
            for (size_t i = 1; i < info.outputs[k].rank; i++)
                thread->output_strides[k] *= (size_t)info.outputs[k].dims[i];
        }
    }
    *out = thread;
    return 0;
}

void nj_detector_thread_destroy(struct nj_detector_thread *thread)
{
    if (thread == NULL)
        return;
    thread->detector->driver->thread_destroy(thread->engine_thread);
    free(thread->maps);
    free(thread);
}

int nj_detector_thread_borrow(struct nj_detector *detector, struct nj_detector_thread **out,
                              struct nj_error *err)
{
    pthread_mutex_lock(&detector->mutex);
    struct nj_detector_thread *thread = detector->idle;
    if (thread != NULL)
        detector->idle = thread->next;
    pthread_mutex_unlock(&detector->mutex);
    if (thread == NULL)
        return nj_detector_thread_create(detector, out, err);
    *out = thread;
    return 0;
}

void nj_detector_thread_give_back(struct nj_detector_thread *thread)
{
    if (thread == NULL)
        return;
    struct nj_detector *detector = thread->detector;
    pthread_mutex_lock(&detector->mutex);
    thread->next = detector->idle;
    detector->idle = thread;
    pthread_mutex_unlock(&detector->mutex);
}

int nj_detector_probe(struct nj_detector_thread *thread, struct nj_error *err)
{
    const struct nj_engine_driver *driver = thread->detector->driver;
    return driver->probe != NULL ? driver->probe(thread->engine_thread, err) : 0;
}

// Leaves out the classes nobody wants before boxes compete with each other.
static void drop_unwanted(const bool *wanted, struct nj_candidates *candidates)
{
    size_t kept = 0;
    for (size_t i = 0; wanted != NULL && i < candidates->count; i++) {
        if (wanted[candidates->items[i].class_id])
            candidates->items[kept++] = candidates->items[i];
    }
    if (wanted != NULL)
        candidates->count = kept;
}

static void to_picture(const struct nj_candidates *candidates, const struct nj_tensor_map *map,
                       const struct nj_frame *frame, struct nj_detections *out)
{
    out->count = 0;
    for (size_t i = 0; i < candidates->count && out->count < NJ_DETECTIONS_MAX; i++) {
        const struct nj_candidate *c = &candidates->items[i];
        const struct nj_rect box = {c->x0, c->y0, c->x1 - c->x0, c->y1 - c->y0};
        const struct nj_rect rect = nj_tensor_unmap(map, box, frame);
        if (!(rect.w > 0 && rect.h > 0)) // it lay in the padding
            continue;
        out->items[out->count++] =
            (struct nj_detection){.class_id = c->class_id, .confidence = c->score, .box = rect};
    }
}

static float threshold_of(const struct nj_detector *detector,
                          const struct nj_detect_request *request)
{
    return request->threshold > 0 ? request->threshold : (float)detector->threshold;
}

static const bool *wanted_of(const struct nj_detector *detector,
                             const struct nj_detect_request *request)
{
    return request->wanted != NULL ? request->wanted : detector->wanted;
}

static void decode_picture(struct nj_detector_thread *thread,
                           const struct nj_detect_request *request, const float *const *outputs,
                           size_t index, struct nj_detections *out)
{
    const struct nj_detector *detector = thread->detector;
    const struct nj_model *model = &detector->model;
    const struct nj_decoder *decoder = nj_decoders[model->decoder];
    const float *own[NJ_ENGINE_OUTPUTS_MAX] = {NULL};
    for (size_t k = 0; k < thread->output_count; k++)
        own[k] = outputs[k] + index * thread->output_strides[k];
    thread->candidates.count = 0;
    decoder->decode(&detector->layout, own, threshold_of(detector, request), &thread->candidates);
    drop_unwanted(wanted_of(detector, request), &thread->candidates);
    nj_nms_run(&thread->candidates,
               &(struct nj_nms_options){.iou = decoder->suppressed ? 2.0F : (float)model->nms_iou,
                                        .group_iou = (float)model->group_iou,
                                        .class_groups = model->class_groups,
                                        .max = NJ_DETECTIONS_MAX});
    to_picture(&thread->candidates, &thread->maps[index], request->frames[index], out);
}

static const struct nj_rect *crop_of(const struct nj_detect_request *request, size_t index)
{
    return request->crops != NULL ? &request->crops[index] : NULL;
}

static int run_network(struct nj_detector_thread *thread, const struct nj_detect_request *request,
                       struct nj_detections *out, struct nj_error *err)
{
    const struct nj_detector *detector = thread->detector;
    const struct nj_engine_driver *driver = detector->driver;
    const size_t count = request->count;
    const float *outputs[NJ_ENGINE_OUTPUTS_MAX] = {NULL};
    const nj_us begin = nj_mono_us(detector->clock);
    for (size_t i = 0; i < count; i++) {
        int rc = nj_tensor_fill(request->frames[i], crop_of(request, i), &detector->model.input,
                                driver->input(thread->engine_thread, i), &thread->maps[i]);
        if (rc != 0)
            return nj_error_set(err, rc, "the picture could not be brought into the model's input");
    }
    const nj_us filled = nj_mono_us(detector->clock);
    int rc = driver->run(thread->engine_thread, count, outputs, err);
    if (rc != 0)
        return rc;
    const nj_us ran = nj_mono_us(detector->clock);
    for (size_t i = 0; i < count; i++) {
        decode_picture(thread, request, outputs, i, &out[i]);
        out[i].prepare_us = (filled - begin) / (nj_us)count;
        out[i].engine_us = (ran - filled) / (nj_us)count;
    }
    const nj_us decoded = (nj_mono_us(detector->clock) - ran) / (nj_us)count;
    for (size_t i = 0; i < count; i++)
        out[i].decode_us = decoded;
    return 0;
}

static int by_falling_confidence(const void *left, const void *right)
{
    const struct nj_detection *a = left;
    const struct nj_detection *b = right;
    if (a->confidence != b->confidence)
        return a->confidence < b->confidence ? 1 : -1;
    return a->class_id == b->class_id ? 0 : (a->class_id > b->class_id ? 1 : -1);
}

// What came from elsewhere: only sure ones of wanted classes, within the picture, in order.
static void tidy(const struct nj_detector *detector, const struct nj_detect_request *request,
                 const struct nj_frame *frame, struct nj_detections *out)
{
    const float threshold = threshold_of(detector, request);
    const bool *wanted = wanted_of(detector, request);
    static const struct nj_tensor_map same = {.factor_x = 1, .factor_y = 1};
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct nj_detection d = out->items[i];
        d.box = nj_tensor_unmap(&same, d.box, frame);
        if (d.confidence >= threshold && d.box.w > 0 && d.box.h > 0 &&
            (wanted == NULL || wanted[d.class_id]))
            out->items[kept++] = d;
    }
    out->count = kept;
    qsort(out->items, kept, sizeof out->items[0], by_falling_confidence);
}

int nj_detector_run(struct nj_detector_thread *thread, const struct nj_detect_request *request,
                    struct nj_detections *out, struct nj_error *err)
{
    const struct nj_detector *detector = thread->detector;
    const struct nj_engine_driver *driver = detector->driver;
    if (request->count < 1 || request->count > (size_t)detector->model.max_batch)
        return nj_error_set(err, NJ_E_INVALID, "%zu pictures at once, the model takes 1 to %d",
                            request->count, (int)detector->model.max_batch);
    if (request->cancel != NULL && nj_cancel_fired(request->cancel))
        return nj_error_set(err, NJ_E_CANCELLED, "detection was cancelled");
    for (size_t i = 0; i < request->count; i++) {
        out[i].text[0] = '\0';
        out[i].text_confidence = 0;
    }
    if (driver->describe != NULL)
        return run_network(thread, request, out, err);
    for (size_t i = 0; i < request->count; i++) {
        out[i].prepare_us = out[i].engine_us = out[i].decode_us = 0;
        int rc = driver->detect(thread->engine_thread, request, i, &out[i], err);
        if (rc != 0)
            return rc;
        tidy(detector, request, request->frames[i], &out[i]);
    }
    return 0;
}
