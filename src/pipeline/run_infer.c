// SPDX-License-Identifier: Apache-2.0
// One model on one part of the picture: given to the scheduler, back on the loop, or given up when
// its time is over.
#include "pipeline/executor_priv.h"

#include "frames/straighten.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SIDE_MIN_PX = 2,       // of a crop that is worth looking at
    MADE_SIDE_MAX = 4096,  // of a frame that is made for a model
    DEFAULT_TIMEOUT_S = 30 // of a node without one
};
static const float SURE_OF_NOTHING = 1e-6f; // a threshold of 0 that does not mean "the model's own"

void nj_run_unref(struct nj_run_work *work)
{
    if (--work->refs > 0)
        return;
    struct nj_executor *executor = work->executor;
    nj_list_remove(&work->list);
    nj_frame_unref(work->frame);
    nj_loaded_pipeline_unref(work->pipeline);
    nj_buf_finish(&work->branch_results);
    nj_buf_finish(&work->detection);
    free(work);
    executor->count--;
}

static void fail_node(struct nj_run_node *node, const char *type, const char *text)
{
    node->outcome = NJ_NODE_ERROR;
    node->error_type = type;
    nj_text_copy(node->error, sizeof node->error, text);
}

static void note(struct nj_run_node *node, enum nj_node_end end)
{
    const nj_us now_us = nj_mono_us(node->work->executor->clock);
    nj_loaded_pipeline_note(node->work->pipeline, node->spec->index, end,
                            now_us - node->started_us);
}

// Places of a made frame back in the picture.
static void place_in_picture(const struct nj_run_node *node, struct nj_detection *detection)
{
    const struct nj_rect *input = &node->input;
    const float x = input->w / (float)node->made_width, y = input->h / (float)node->made_height;
    struct nj_rect *box = &detection->box;
    *box = (struct nj_rect){input->x + box->x * x, input->y + box->y * y, box->w * x, box->h * y};
    for (int32_t i = 0; i < detection->point_count; i++) {
        detection->points[i][0] = input->x + detection->points[i][0] * x;
        detection->points[i][1] = input->y + detection->points[i][1] * y;
    }
}

static void take_detections(struct nj_run_node *node, const struct nj_detections *result)
{
    const struct nj_detector *detector = node->loaded->detector;
    for (size_t i = 0; i < result->count && node->found_count < NJ_RUN_DETECTIONS_MAX; i++) {
        struct nj_run_detection *found = &node->found[node->found_count++];
        *found = (struct nj_run_detection){
            .label = nj_detector_class_name(detector, result->items[i].class_id),
            .detection = result->items[i]};
        if (node->remade)
            place_in_picture(node, &found->detection);
    }
    node->outcome = node->found_count > 0 ? NJ_NODE_OK : NJ_NODE_NONE;
}

// The same threshold as for what triggers the branch: a brand or a text that is a guess is none.
static enum nj_node_outcome judge(const struct nj_run_node *node, float confidence)
{
    return (double)confidence >= node->spec->min_confidence ? NJ_NODE_OK : NJ_NODE_UNSURE;
}

static void take_class(struct nj_run_node *node, const struct nj_detections *result)
{
    const struct nj_frame *frame = node->work->frame;
    const struct nj_rect all = {.w = (float)frame->full_width, .h = (float)frame->full_height};
    node->outcome = NJ_NODE_NONE;
    if (result->count == 0)
        return;
    node->found[0] = (struct nj_run_detection){
        .label = nj_detector_class_name(node->loaded->detector, result->items[0].class_id),
        .detection = result->items[0]};
    node->found[0].detection.box = node->input.w > 0 ? node->input : all;
    node->found_count = 1;
    node->outcome = judge(node, result->items[0].confidence);
}

static void take_result(struct nj_run_node *node)
{
    const struct nj_detections *result = &node->job.result;
    switch (nj_detector_model(node->loaded->detector)->task) {
    case NJ_TASK_CLASSIFY:
        take_class(node, result);
        break;
    case NJ_TASK_RECOGNISE:
        nj_text_copy(node->text, sizeof node->text, result->text);
        node->text_confidence = result->text_confidence;
        node->outcome =
            result->text[0] != '\0' ? judge(node, result->text_confidence) : NJ_NODE_NONE;
        break;
    case NJ_TASK_DETECT:
    case NJ_TASK_COUNT:
        take_detections(node, result);
        break;
    }
}

static void handle_job(struct nj_call *call)
{
    struct nj_run_node *node = NJ_CONTAINER_OF(call, struct nj_run_node, call);
    struct nj_run_work *work = node->work;
    nj_frame_unref(node->job.frame);
    node->job.frame = NULL;
    nj_timer_stop(&node->timer);
    if (!node->abandoned && work->phase != NJ_RUN_ENDED) {
        node->inferred = true;
        if (node->job.rc == 0)
            take_result(node);
        else if (node->job.rc == NJ_E_TIMEOUT)
            fail_node(node, "timeout", node->job.error.text);
        else
            fail_node(node, "model_error", node->job.error.text);
        note(node, node->job.rc == 0              ? NJ_NODE_RAN
                   : node->job.rc == NJ_E_TIMEOUT ? NJ_NODE_TIMEOUT
                                                  : NJ_NODE_FAILED);
        nj_run_inferred(node);
    }
    nj_run_unref(work);
}

// Inference thread.
static void handle_detected(struct nj_detect_job *job)
{
    struct nj_run_node *node = NJ_CONTAINER_OF(job, struct nj_run_node, job);
    node->call.fn = handle_job;
    nj_loop_post(node->work->executor->config.loop, &node->call);
}

static void handle_time_over(struct nj_timer *timer)
{
    struct nj_run_node *node = NJ_CONTAINER_OF(timer, struct nj_run_node, timer);
    node->abandoned = true;
    node->inferred = true;
    fail_node(node, "timeout", "the model did not answer in time");
    note(node, NJ_NODE_TIMEOUT);
    nj_run_inferred(node);
}

// Inference thread: the frame that the model sees, where it is not just a part of the picture.
static int make_frame(struct nj_detect_job *job, const struct nj_job_tools *tools,
                      struct nj_frame **out, struct nj_error *err)
{
    const struct nj_run_node *node = NJ_CONTAINER_OF(job, struct nj_run_node, job);
    const struct nj_frame *frame = node->work->frame;
    const struct nj_rect all = {.w = (float)frame->full_width, .h = (float)frame->full_height};
    (void)tools;
    if (node->straightens)
        return nj_frame_straighten(frame, node->corners, node->made_width, node->made_height, out,
                                   err);
    return nj_frame_crop(frame, node->input.w > 0 ? &node->input : &all, node->made_width,
                         node->made_height, out, err);
}

static float side_of(const float a[2], const float b[2])
{
    return hypotf(a[0] - b[0], a[1] - b[1]);
}

// Made upright in its own proportions, as high as the model sees it.
static void plan_straight(struct nj_run_node *node, const struct nj_detection *region)
{
    const struct nj_model *model = nj_detector_model(node->loaded->detector);
    float(*corners)[2] = node->corners;
    for (int i = 0; i < 4; i++) {
        corners[i][0] = region->points[i][0];
        corners[i][1] = region->points[i][1];
    }
    const float width = side_of(corners[0], corners[1]) + side_of(corners[3], corners[2]);
    const float height = side_of(corners[0], corners[3]) + side_of(corners[1], corners[2]);
    if (!(width > 0) || !(height > 0))
        return;
    node->straightens = node->remade = true;
    node->made_height = model->input.height;
    const float wide = (float)model->input.height * width / height;
    node->made_width = (int32_t)fminf(fmaxf(wide, 1), MADE_SIDE_MAX);
}

// "resizeTarget" in between, unless the model's own size is the same.
static void plan_size(struct nj_run_node *node)
{
    const struct nj_model *model = nj_detector_model(node->loaded->detector);
    const int32_t width = node->spec->resize_width, height = node->spec->resize_height;
    if (width <= 0 || height <= 0)
        return;
    if (!node->straightens && width == model->input.width && height == model->input.height)
        return;
    node->remade = true;
    node->made_width = width;
    node->made_height = height;
}

// Which part of the picture the branch looks at. False: its crop is not there.
static bool plan_input(struct nj_run_node *node)
{
    char why[NJ_RUN_WHY_SIZE];
    const struct nj_run_detection *region = nj_run_trigger(node, why);
    const struct nj_spec_node *spec = node->spec;
    if (spec->crop && spec->crop_class[0] != '\0')
        region = nj_run_region(node->parent, spec->crop_class);
    node->input = node->parent->input;
    if (!spec->crop)
        return true;
    if (region == NULL || region->detection.box.w < SIDE_MIN_PX ||
        region->detection.box.h < SIDE_MIN_PX)
        return false;
    node->input = region->detection.box;
    if (spec->straighten && region->detection.point_count == 4)
        plan_straight(node, &region->detection);
    plan_size(node);
    return true;
}

static void fill_job(struct nj_run_node *node, nj_us timeout_us)
{
    struct nj_run_work *work = node->work;
    const double threshold = node->spec->min_confidence;
    node->job = (struct nj_detect_job){.source = work->camera_id,
                                       .deadline_us = node->started_us + timeout_us,
                                       .detector = node->loaded->detector,
                                       .keep = true,
                                       .done = handle_detected};
    if (node->remade) {
        node->job.load = make_frame;
    } else {
        node->job.frame = nj_frame_ref(work->frame);
        node->job.crop = node->input;
    }
    if (node->parent == NULL) {
        node->job.wanted = node->loaded->wanted;
        if (threshold >= 0)
            node->job.threshold = fmaxf((float)threshold, SURE_OF_NOTHING);
    }
}

static int submit(struct nj_run_node *node)
{
    struct nj_run_work *work = node->work;
    const struct nj_executor_config *config = &work->executor->config;
    const nj_us timeout_us = node->spec->timeout_us > 0 ? node->spec->timeout_us
                                                        : DEFAULT_TIMEOUT_S * (nj_us)NJ_US_PER_S;
    fill_job(node, timeout_us);
    nj_timer_init(&node->timer, config->loop, handle_time_over);
    int rc = nj_timer_start(&node->timer, timeout_us, 0);
    if (rc == 0)
        rc = nj_scheduler_submit(config->scheduler, &node->job);
    if (rc == 0) {
        work->refs++;
        return 0;
    }
    nj_timer_stop(&node->timer);
    nj_frame_unref(node->job.frame);
    node->job.frame = NULL;
    return rc;
}

void nj_run_infer(struct nj_run_node *node)
{
    char text[NJ_RUN_WHY_SIZE];
    node->begun = true;
    node->started_us = nj_mono_us(node->work->executor->clock);
    int rc = 0;
    if (node->parent == NULL)
        node->input = node->work->crop;
    else if (!plan_input(node)) {
        node->inferred = true; // its crop is not there: it does not run
        note(node, NJ_NODE_SKIPPED);
        nj_run_inferred(node);
        return;
    }
    rc = submit(node);
    if (rc == 0)
        return;
    snprintf(text, sizeof text, "the model could not be started: %s", nj_error_name(rc));
    node->inferred = true;
    fail_node(node, rc == NJ_E_FULL ? "model_error" : "unexpected_error", text);
    note(node, NJ_NODE_FAILED);
    nj_run_inferred(node);
}
