// SPDX-License-Identifier: Apache-2.0
// Making detectors and the states of their threads.
#include "detect/detect.h"

#include "detect/detector_priv.h"
#include "detect/places_priv.h"

#include "util/text.h"

#include <stdlib.h>

static int select_classes(struct nj_detector *detector, const struct nj_text_list *classes,
                          struct nj_error *err)
{
    if (classes->count == 0)
        return 0;
    detector->wanted = calloc(NJ_MODEL_CLASSES_MAX, sizeof *detector->wanted);
    if (detector->wanted == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the classes of a detector");
    for (size_t i = 0; i < classes->count; i++) {
        const int32_t id = nj_model_class(&detector->model, classes->items[i]);
        if (id < 0)
            return nj_error_set(err, NJ_E_INVALID,
                                "detect.classes: \"%s\" is no class of the model \"%s\"",
                                classes->items[i], detector->model.name);
        detector->wanted[id] = true;
    }
    return 0;
}

// What somebody else's network found is not said to be of ours.
static void take_over(const struct nj_engine_driver *driver, struct nj_model *model)
{
    nj_text_copy(model->name, sizeof model->name, driver->model_name);
    model->threshold = driver->threshold;
    model->fast_path_threshold = driver->fast_path_threshold;
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
    const bool named = options->model != NULL && options->model[0] != '\0';
    if (rc == 0 && !named && detector->driver->model_name != NULL)
        take_over(detector->driver, &detector->model);
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
    // A line of text is a small part of a picture.
    const bool whole =
        detector->driver->describe == NULL || detector->model.task == NJ_TASK_RECOGNISE;
    // An engine elsewhere gets the whole picture. A stretched picture fills both sides of the
    // input, a fitted one only the longer: a box of twice the side keeps enough up to 2 : 1.
    const int32_t times = input->fit == NJ_FIT_STRETCH ? 2 : 1;
    *width = whole ? 0 : input->width * times;
    *height = whole ? 0 : input->height * times;
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
