// SPDX-License-Identifier: Apache-2.0
// One call from frames to detections: tensor, engine, decoder, suppression, back to the picture.
#include "detect/detector_priv.h"
#include "detect/nms_priv.h"

#include <math.h>
#include <stdlib.h>

static const struct nj_tensor_map same_place = {.factor_x = 1, .factor_y = 1};

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

static void map_points(const struct nj_tensor_map *map, struct nj_detection *out)
{
    out->point_count = NJ_MODEL_POINTS;
    for (size_t i = 0; i < NJ_MODEL_POINTS; i++) {
        out->points[i][0] = (out->points[i][0] - map->shift_x) / map->factor_x + map->origin_x;
        out->points[i][1] = (out->points[i][1] - map->shift_y) / map->factor_y + map->origin_y;
    }
}

struct place {
    const struct nj_decoder *decoder;
    const struct nj_decoder_layout *layout;
    const float *const *outputs;
    const struct nj_tensor_map *map;
    const struct nj_frame *frame;
};

static void to_picture(const struct nj_candidates *candidates, const struct place *place,
                       struct nj_detections *out)
{
    out->count = 0;
    for (size_t i = 0; i < candidates->count && out->count < NJ_DETECTIONS_MAX; i++) {
        const struct nj_candidate *c = &candidates->items[i];
        const struct nj_rect box = {c->x0, c->y0, c->x1 - c->x0, c->y1 - c->y0};
        const struct nj_rect rect = nj_tensor_unmap(place->map, box, place->frame);
        if (!(rect.w > 0 && rect.h > 0)) // it lay in the padding
            continue;
        struct nj_detection *item = &out->items[out->count++];
        *item = (struct nj_detection){.class_id = c->class_id, .confidence = c->score, .box = rect};
        if (place->decoder->find_points != NULL &&
            place->decoder->find_points(place->layout, place->outputs, c, item->points))
            map_points(place->map, item);
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

// The reported classes of what the network found.
static void map_classes(const struct nj_model *model, struct nj_candidates *candidates)
{
    size_t kept = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        struct nj_candidate candidate = candidates->items[i];
        candidate.class_id = model->class_map[candidate.class_id];
        if (candidate.class_id >= 0)
            candidates->items[kept++] = candidate;
    }
    candidates->count = kept;
}

static const struct nj_rect *crop_of(const struct nj_detect_request *request, size_t index)
{
    return request->crops != NULL ? &request->crops[index] : NULL;
}

// A class is that of all that was looked at.
static void set_boxes(const struct nj_detect_request *request, size_t index,
                      struct nj_detections *out)
{
    const struct nj_frame *frame = request->frames[index];
    const struct nj_rect *crop = crop_of(request, index);
    const struct nj_rect whole = {.w = (float)frame->full_width, .h = (float)frame->full_height};
    const struct nj_rect box = nj_tensor_unmap(&same_place, crop != NULL ? *crop : whole, frame);
    for (size_t i = 0; i < out->count; i++)
        out->items[i].box = box;
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
    if (decoder->read != NULL) {
        const bool varies = model->width_max > 0;
        const int32_t rows =
            varies ? detector->driver->rows(thread->engine_thread) : detector->layout.rows;
        out->count = 0;
        decoder->read(&detector->layout, own[0], rows, out);
        return;
    }
    struct nj_candidates *candidates = &thread->candidates;
    candidates->count = 0;
    decoder->decode(&detector->layout, own, threshold_of(detector, request), candidates);
    if (model->class_map != NULL && model->task == NJ_TASK_DETECT)
        map_classes(model, candidates);
    drop_unwanted(wanted_of(detector, request), candidates);
    const bool classifies = model->task == NJ_TASK_CLASSIFY;
    nj_nms_run(candidates, &(struct nj_nms_options){
                               .iou = decoder->suppressed ? 2.0F : (float)model->nms_iou,
                               .group_iou = classifies ? 2.0F : (float)model->group_iou,
                               .class_groups = model->class_groups,
                               .max = classifies ? (size_t)model->top : NJ_DETECTIONS_MAX});
    to_picture(candidates,
               &(struct place){.decoder = decoder,
                               .layout = &detector->layout,
                               .outputs = own,
                               .map = &thread->maps[index],
                               .frame = request->frames[index]},
               out);
    if (classifies)
        set_boxes(request, index, out);
}

// As wide as the crop's shape asks, in steps so that the sizes are few; what is longer than the
// network takes is pressed together.
static struct nj_tensor_spec fit_width(const struct nj_model *model, const struct nj_frame *frame,
                                       const struct nj_rect *crop)
{
    struct nj_tensor_spec spec = model->input;
    const double w = crop != NULL ? (double)crop->w : frame->full_width;
    const double h = crop != NULL ? (double)crop->h : frame->full_height;
    const double needed = w > 0 && h > 0 ? ceil(spec.height * w / h) : 0;
    spec.fit = needed <= model->width_max ? NJ_FIT_LETTERBOX_TOP_LEFT : NJ_FIT_STRETCH;
    if (needed >= model->width_max)
        spec.width = model->width_max;
    else if (needed > spec.width)
        spec.width += ((int32_t)needed - spec.width + model->width_step - 1) / model->width_step *
                      model->width_step;
    if (spec.width > model->width_max)
        spec.width = model->width_max;
    return spec;
}

static int fill_input(struct nj_detector_thread *thread, const struct nj_detect_request *request,
                      size_t index, struct nj_error *err)
{
    const struct nj_detector *detector = thread->detector;
    const struct nj_model *model = &detector->model;
    const struct nj_rect *crop = crop_of(request, index);
    const struct nj_tensor_spec *spec = &model->input;
    struct nj_tensor_spec varying;
    if (model->width_max > 0) {
        varying = fit_width(model, request->frames[index], crop);
        spec = &varying;
        int rc = detector->driver->set_width(thread->engine_thread, spec->width, err);
        if (rc != 0)
            return rc;
    }
    int rc =
        nj_tensor_fill(request->frames[index], crop, spec,
                       detector->driver->input(thread->engine_thread, index), &thread->maps[index]);
    return rc == 0
               ? 0
               : nj_error_set(err, rc, "the picture could not be brought into the model's input");
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
        int rc = fill_input(thread, request, i, err);
        if (rc != 0)
            return rc;
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
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct nj_detection d = out->items[i];
        d.box = nj_tensor_unmap(&same_place, d.box, frame);
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
