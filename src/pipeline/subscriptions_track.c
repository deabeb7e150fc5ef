// SPDX-License-Identifier: Apache-2.0
// What is done with each frame of a subscription that is due: the archive's first model on the
// crop, tracking, and whether a car stands there.
#include "pipeline/subscriptions_priv.h"
#include "pipeline/track_inputs_priv.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Two boxes of which the smaller lies this much within the other are one car and its front, say.
static const float part_share = 0.8f;

static float larger(float a, float b)
{
    return a > b ? a : b;
}

static float smaller(float a, float b)
{
    return a < b ? a : b;
}

bool nj_feed_crop(const struct nj_subscription_spec *spec, const struct nj_frame *frame,
                  struct nj_rect *out)
{
    struct nj_rect crop = {.w = 0};
    if (spec->has_crop) {
        const float right = smaller((float)spec->crop[2], (float)frame->full_width);
        const float bottom = smaller((float)spec->crop[3], (float)frame->full_height);
        crop.x = (float)spec->crop[0];
        crop.y = (float)spec->crop[1];
        crop.w = right - crop.x;
        crop.h = bottom - crop.y;
        if (crop.w < 1 || crop.h < 1)
            return false;
    }
    *out = crop;
    return true;
}

static const struct nj_spec_node *root_of(const struct nj_feed *feed)
{
    return &feed->registry->parts->archive(feed->pipeline)->spec->root;
}

static struct nj_detector *model_of(const struct nj_feed *feed)
{
    return feed->registry->parts->model(feed->pipeline, root_of(feed)->index);
}

static void track_options(const struct nj_feed *feed, const struct nj_spec_node *root,
                          struct nj_track_options *out)
{
    const struct nj_subscriptions_config *config = &feed->registry->config;
    const struct nj_spec_tracking *tracking = &root->tracking;
    const double threshold = (double)feed->keep_threshold;
    *out = *config->track;
    out->high_score = tracking->high_score > 0 ? tracking->high_score : threshold;
    out->new_score = tracking->new_score > threshold ? tracking->new_score : threshold;
    out->low_score = tracking->low_score > 0 ? tracking->low_score : out->low_score;
    if (out->low_score > out->high_score)
        out->low_score = out->high_score;
    if (tracking->lost_frames > 0)
        out->lost_us = (nj_us)((double)tracking->lost_frames / config->options->fps * NJ_US_PER_S);
    if (tracking->confirm_hits > 0)
        out->confirm_hits = tracking->confirm_hits;
}

// By class: only what the archive names; NULL stays for all.
static int choose_classes(struct nj_feed *feed, const struct nj_spec_node *root,
                          struct nj_error *err)
{
    const struct nj_model *model = nj_detector_model(model_of(feed));
    const struct nj_spec_names *names = &root->trigger_classes;
    if (names->count == 0)
        return 0;
    feed->wanted = calloc((size_t)model->class_count, sizeof *feed->wanted);
    if (feed->wanted == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for tracking");
    for (size_t i = 0; i < names->count; i++) {
        for (int32_t k = 0; k < model->class_count; k++) {
            if (nj_text_equal_nocase(names->items[i], model->class_names[k]))
                feed->wanted[k] = true;
        }
    }
    return 0;
}

static int make_tracking(struct nj_feed *feed, struct nj_error *err)
{
    const struct nj_spec_node *root = root_of(feed);
    struct nj_track_options options;
    const bool given = root->min_confidence >= 0;
    feed->keep_threshold =
        (float)(given ? root->min_confidence : nj_detector_threshold(model_of(feed)));
    track_options(feed, root, &options);
    feed->threshold = (float)options.low_score;
    int rc = choose_classes(feed, root, err);
    if (rc == 0)
        rc = nj_tracker_create(&options, feed->last_track + 1, &feed->tracker, err);
    if (rc == 0)
        rc = nj_validator_create(feed->registry->config.validator,
                                 root->tracking.stability_threshold, &feed->validator, err);
    if (rc != 0)
        return rc;
    feed->inputs = calloc(NJ_DETECTIONS_MAX, sizeof *feed->inputs);
    if (feed->inputs == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for tracking");
    return 0;
}

int nj_feed_attach(struct nj_feed *feed, struct nj_error *err)
{
    const struct nj_feed_parts *parts = feed->registry->parts;
    nj_feed_detach(feed);
    feed->pipeline = parts->ref(feed->model->pipeline);
    int rc = make_tracking(feed, err);
    if (rc != 0) {
        nj_feed_detach(feed);
        return rc;
    }
    nj_feed_look(feed);
    return 0;
}

void nj_feed_detach(struct nj_feed *feed)
{
    nj_tracker_destroy(feed->tracker);
    nj_validator_destroy(feed->validator);
    free(feed->inputs);
    if (feed->inferring && feed->job.wanted == feed->wanted && feed->wanted != NULL)
        feed->job_wanted = feed->wanted;
    else
        free(feed->wanted);
    feed->tracker = NULL;
    feed->validator = NULL;
    feed->inputs = NULL;
    feed->wanted = NULL;
    feed->tracks = NULL;
    feed->track_count = 0;
    feed->problem[0] = '\0';
    if (feed->pipeline != NULL)
        feed->registry->parts->unref(feed->pipeline);
    feed->pipeline = NULL;
}

void nj_feed_reset_tracks(struct nj_feed *feed)
{
    feed->tracks = NULL;
    feed->track_count = 0;
    if (feed->tracker == NULL)
        return;
    nj_tracker_reset(feed->tracker);
    nj_validator_reset(feed->validator);
}

// The validator's zones are those of what the display sees: tracks in coordinates of the crop.
static int validate(struct nj_feed *feed, const struct nj_frame *frame, const struct nj_rect *crop,
                    const struct nj_validator_result **out, size_t *out_count)
{
    const bool whole = crop->w < 1;
    void *shifted = feed->shifted;
    int rc = nj_array_reserve(&shifted, &feed->shifted_capacity, feed->track_count + 1,
                              sizeof *feed->shifted);
    feed->shifted = shifted;
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < feed->track_count; i++) {
        feed->shifted[i] = feed->tracks[i];
        feed->shifted[i].x -= whole ? 0 : crop->x;
        feed->shifted[i].y -= whole ? 0 : crop->y;
    }
    const struct nj_validator_input input = {
        .tracks = feed->shifted,
        .count = feed->track_count,
        .width = whole ? frame->full_width : (int32_t)crop->w,
        .height = whole ? frame->full_height : (int32_t)crop->h,
        .time_us = frame->captured_mono_us,
    };
    return nj_validator_update(feed->validator, &input, out, out_count);
}

static const struct nj_track *find_track(const struct nj_feed *feed, int64_t id)
{
    for (size_t i = 0; i < feed->track_count; i++) {
        if (feed->tracks[i].id == id)
            return &feed->tracks[i];
    }
    return NULL;
}

// Of several things that stand there the largest: the car rather than its front.
static int64_t choose_car(const struct nj_feed *feed, const struct nj_validator_result *results,
                          size_t count)
{
    int64_t chosen = 0;
    float best = 0;
    for (size_t i = 0; i < count; i++) {
        const struct nj_track *track =
            results[i].process ? find_track(feed, results[i].track_id) : NULL;
        if (track != NULL && track->w * track->h > best) {
            best = track->w * track->h;
            chosen = track->id;
        }
    }
    return chosen;
}

static bool is_part(const struct nj_track *a, const struct nj_track *b)
{
    const float w = smaller(a->x + a->w, b->x + b->w) - larger(a->x, b->x);
    const float h = smaller(a->y + a->h, b->y + b->h) - larger(a->y, b->y);
    return w > 0 && h > 0 && w * h >= part_share * smaller(a->w * a->h, b->w * b->h);
}

void nj_feed_mark_car(struct nj_feed *feed, int64_t track_id)
{
    if (feed->validator == NULL)
        return;
    const struct nj_track *car = find_track(feed, track_id);
    nj_validator_mark_processed(feed->validator, track_id);
    for (size_t i = 0; car != NULL && i < feed->track_count; i++) {
        if (is_part(car, &feed->tracks[i]))
            nj_validator_mark_processed(feed->validator, feed->tracks[i].id);
    }
}

static void consider(struct nj_feed *feed, const struct nj_validator_result *results, size_t count)
{
    const nj_us now_us = nj_feed_now_us(feed->registry);
    for (size_t i = 0; i < feed->track_count; i++) {
        if (feed->tracks[i].state == NJ_TRACK_CONFIRMED)
            nj_session_seen(&feed->session, feed->tracks[i].id, now_us);
    }
    nj_feed_tick_session(feed);
    const int64_t car = choose_car(feed, results, count);
    if (car == 0)
        return;
    if (nj_session_stable(&feed->session, car, now_us) == NJ_SESSION_RUN)
        nj_feed_start_run(feed, &feed->job, car);
    else if (feed->session.state == NJ_SESSION_ACTIVE && feed->session.track_id == car)
        nj_feed_mark_car(feed, car); // the session found its car without a run
}

static void follow(struct nj_feed *feed)
{
    const struct nj_detect_job *job = &feed->job;
    const struct nj_validator_result *results = NULL;
    size_t count = 0;
    if (atomic_exchange(&feed->reset_wanted, false))
        nj_feed_reset_tracks(feed);
    const struct nj_track_inputs inputs = {
        feed->inputs,
        nj_track_inputs_make(nj_detector_model(model_of(feed)), &job->result, feed->inputs),
        job->frame->captured_mono_us};
    if (nj_tracker_update(feed->tracker, &inputs, &feed->tracks, &feed->track_count) != 0) {
        feed->tracks = NULL; // a scene beyond the limits; the next frame is judged anew
        feed->track_count = 0;
        return;
    }
    for (size_t i = 0; i < feed->track_count; i++) {
        if (feed->tracks[i].id > feed->last_track)
            feed->last_track = feed->tracks[i].id;
    }
    if (validate(feed, job->frame, &job->crop, &results, &count) != 0)
        count = 0;
    nj_feed_cache_tracks(feed, job->frame, results, count);
    consider(feed, results, count);
}

static void tell_inference(struct nj_feed *feed)
{
    const struct nj_detect_job *job = &feed->job;
    const bool passing = job->rc == NJ_E_TIMEOUT || job->rc == NJ_E_CANCELLED;
    const bool failed = job->rc != 0 && !passing;
    if (failed && !feed->inference_failed)
        nj_feed_tell_failure(feed, NJ_FAILURE_INFERENCE,
                             job->error.text[0] != '\0' ? job->error.text : nj_error_name(job->rc));
    if (!passing)
        feed->inference_failed = failed;
}

static void handle_inferred(struct nj_call *call)
{
    struct nj_feed *feed = NJ_CONTAINER_OF(call, struct nj_feed, inferred);
    feed->inferring = false;
    // The model may have changed meanwhile: then this picture says nothing.
    const bool ours =
        !feed->ended && feed->pipeline != NULL && feed->job.detector == model_of(feed);
    if (ours) {
        tell_inference(feed);
        if (feed->job.rc == 0) {
            feed->registry->parts->note(feed->pipeline, root_of(feed)->index,
                                        feed->job.finished_us - feed->job.started_us);
            follow(feed);
        }
    }
    nj_frame_unref(feed->job.frame);
    feed->job.frame = NULL;
    feed->registry->parts->unref(feed->job_pipeline);
    feed->job_pipeline = NULL;
    free(feed->job_wanted);
    feed->job_wanted = NULL;
    if (feed->ended)
        nj_feed_settle(feed);
    else
        nj_feed_look(feed);
}

// Called from: inference thread.
static void handle_done(struct nj_detect_job *job)
{
    struct nj_feed *feed = NJ_CONTAINER_OF(job, struct nj_feed, job);
    nj_loop_post(feed->registry->config.loop, &feed->inferred);
}

static void submit(struct nj_feed *feed, struct nj_frame *frame, const struct nj_rect *crop)
{
    struct nj_subscriptions *registry = feed->registry;
    feed->job = (struct nj_detect_job){
        .source = feed->key,
        .deadline_us = nj_feed_now_us(registry) + registry->config.options->frame_deadline_us,
        .frame = frame,
        .detector = model_of(feed),
        .crop = *crop,
        .threshold = feed->threshold,
        .wanted = feed->wanted,
        .done = handle_done,
    };
    feed->inferred.fn = handle_inferred;
    feed->looked_sequence = frame->sequence;
    feed->inferring = true;
    feed->job_pipeline = registry->parts->ref(feed->pipeline);
    if (registry->parts->submit(registry->config.scheduler, &feed->job) == 0)
        return;
    feed->inferring = false; // the scheduler is full: this frame drops, the next one tries again
    feed->job.frame = NULL;
    registry->parts->unref(feed->job_pipeline);
    feed->job_pipeline = NULL;
    nj_frame_unref(frame);
}

void nj_feed_look(struct nj_feed *feed)
{
    struct nj_rect crop;
    if (feed->user == NULL || feed->tracker == NULL || feed->inferring)
        return;
    struct nj_frame *frame = feed->registry->parts->newest(feed->user);
    if (frame == NULL)
        return;
    const bool inside = nj_feed_crop(&feed->spec, frame, &crop);
    const bool was_outside = feed->problem[0] != '\0';
    if (!inside && !was_outside)
        snprintf(feed->problem, sizeof feed->problem,
                 "the crop lies outside of the picture of %" PRId32 "x%" PRId32, frame->full_width,
                 frame->full_height);
    if (inside)
        feed->problem[0] = '\0';
    if (inside == was_outside)
        nj_feed_tell_state(feed, NJ_PART_CROP);
    if (inside && frame->sequence != feed->looked_sequence)
        submit(feed, frame, &crop);
    else
        nj_frame_unref(frame);
}
