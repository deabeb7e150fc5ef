// SPDX-License-Identifier: Apache-2.0
// Life of a live camera's pipeline, and what its capture thread does with a frame.
#include "pipeline/live.h"

#include "health/pipeline_metrics.h"
#include "pipeline/live_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

// last_seen is for people and for "offline"; a write a frame would only wear the disk.
static const nj_us touch_every_us = 5 * (nj_us)NJ_US_PER_S;

// Nothing moved for as long as the gate goes on inferring after motion: keyframes are enough.
static void tell_still(struct nj_live_pipeline *pipeline, const struct nj_frame *frame,
                       const struct nj_motion_result *motion)
{
    struct nj_stream_user *user = atomic_load(&pipeline->user);
    if (motion->verdict != NJ_MOTION_STILL)
        pipeline->moved_us = frame->captured_mono_us;
    nj_us still_us = frame->captured_mono_us - pipeline->moved_us;
    if (user != NULL)
        nj_stream_set_still(user, still_us > pipeline->config.motion->hold_us);
}

static void handle_frame(void *context, struct nj_frame *frame)
{
    struct nj_live_pipeline *pipeline = context;
    struct nj_motion_result motion = {.verdict = NJ_MOTION_MOVING, .infer = true};
    if (frame->captured_mono_us - pipeline->touched_us >= touch_every_us) {
        pipeline->touched_us = frame->captured_mono_us;
        nj_live_touch(pipeline);
    }
    int rc = nj_motion_check(pipeline->motion, frame, &motion);
    tell_still(pipeline, frame, &motion);
    if (rc == 0 && !motion.infer) {
        pipeline->skipped_still += 1;
        pipeline->held_us = frame->captured_mono_us;
        return;
    }
    nj_frame_slot_put(pipeline->slot, frame);
    nj_live_submit(pipeline);
}

static void handle_reset(void *context)
{
    struct nj_live_pipeline *pipeline = context;
    nj_motion_reset(pipeline->motion);
    pipeline->reset_wanted = true;
}

void nj_live_submit(struct nj_live_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    struct nj_frame *frame = NULL;
    if (!pipeline->busy && !pipeline->stopping)
        frame = nj_frame_slot_take(pipeline->slot);
    pipeline->busy = pipeline->busy || frame != NULL;
    pthread_mutex_unlock(&pipeline->lock);
    if (frame == NULL)
        return;
    pipeline->job = (struct nj_detect_job){
        .source = pipeline->config.entry->id,
        .deadline_us =
            nj_mono_us(pipeline->config.clock) + pipeline->config.options->frame_deadline_us,
        .frame = frame,
        .done = nj_live_handle_detected,
    };
    if (nj_scheduler_submit(pipeline->config.scheduler, &pipeline->job) == 0)
        return;
    nj_frame_unref(frame); // the scheduler is full: this frame drops, the next one tries again
    pipeline->expired += 1;
    (void)nj_live_end_turn(pipeline);
}

static bool is_idle_locked(const struct nj_live_pipeline *pipeline)
{
    return !pipeline->busy && pipeline->writing == 0;
}

void nj_live_tell_rest_locked(const struct nj_live_pipeline *pipeline)
{
    const struct nj_live_config *config = &pipeline->config;
    if (pipeline->stopping && is_idle_locked(pipeline) && config->rested != NULL)
        config->rested(config->rested_context);
}

bool nj_live_end_turn(struct nj_live_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    bool stopping = pipeline->stopping;
    pipeline->busy = stopping;
    pthread_mutex_unlock(&pipeline->lock);
    if (!stopping)
        return true;
    nj_live_flush(pipeline);
    pthread_mutex_lock(&pipeline->lock);
    pipeline->busy = false;
    nj_live_tell_rest_locked(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
    return false;
}

static int make_motion(struct nj_live_pipeline *pipeline, struct nj_error *err)
{
    const struct nj_source_entry *entry = pipeline->config.entry;
    struct nj_live_masks masks;
    int rc = nj_live_masks_read(&entry->masks, &masks, err);
    if (rc != 0) {
        (void)nj_error_prefix(err, "camera %s", entry->id);
        return rc;
    }
    return nj_motion_create(pipeline->config.motion, masks.polygons, masks.count, &pipeline->motion,
                            err);
}

void nj_live_track_options(const struct nj_track_options *track, const struct nj_live_options *live,
                           double threshold, struct nj_track_options *out)
{
    *out = *track;
    out->high_score = threshold;
    out->new_score = threshold + live->new_track_margin;
    if (out->low_score > threshold)
        out->low_score = threshold;
}

static int make_tracking(struct nj_live_pipeline *pipeline, struct nj_error *err)
{
    struct nj_track_options options;
    nj_live_track_options(pipeline->config.track, pipeline->config.options,
                          nj_detector_threshold(pipeline->config.detector), &options);
    int rc = nj_tracker_create(&options, pipeline->config.last_track + 1, &pipeline->tracker, err);
    if (rc == 0)
        rc = nj_stability_create(pipeline->config.stability, &pipeline->stability, err);
    if (rc != 0)
        return rc;
    pipeline->row_capacity = (size_t)options.max_tracks;
    pipeline->rows = calloc(pipeline->row_capacity, sizeof *pipeline->rows);
    pipeline->inputs = calloc(NJ_DETECTIONS_MAX, sizeof *pipeline->inputs);
    if (pipeline->rows == NULL || pipeline->inputs == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    return nj_frame_slot_create(&pipeline->slot);
}

static int make_parts(struct nj_live_pipeline *pipeline, struct nj_error *err)
{
    int rc = make_tracking(pipeline, err);
    return rc == 0 ? make_motion(pipeline, err) : rc;
}

int nj_live_pipeline_create(const struct nj_live_config *config, struct nj_live_pipeline **out,
                            struct nj_error *err)
{
    struct nj_live_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (pipeline == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "camera %s: out of memory", config->entry->id);
    pipeline->config = *config;
    pipeline->detect_stage = nj_pipeline_stage(config->metrics, "detect");
    pthread_mutex_init(&pipeline->lock, NULL);
    int rc = make_parts(pipeline, err);
    if (rc != 0) {
        nj_live_pipeline_destroy(pipeline);
        return rc;
    }
    *out = pipeline;
    return 0;
}

int nj_live_pipeline_start(struct nj_live_pipeline *pipeline, struct nj_error *err)
{
    struct nj_source_entry entry = *pipeline->config.entry;
    const struct nj_stream_request request = {
        .entry = &entry,
        .rules = pipeline->config.rules,
        .fps = entry.fps,
        .sink = {.frame = handle_frame, .reset = handle_reset, .context = pipeline},
    };
    struct nj_stream_user *user = NULL;
    if (atomic_load(&pipeline->user) != NULL)
        return 0;
    if (entry.detect_url != NULL && entry.detect_url[0] != '\0')
        entry.url = entry.detect_url;
    int rc = nj_streams_join(pipeline->config.streams, &request, &user, err);
    if (rc == 0)
        atomic_store(&pipeline->user, user);
    return rc;
}

static void leave_stream(struct nj_live_pipeline *pipeline)
{
    struct nj_stream_user *user = atomic_load(&pipeline->user);
    if (user == NULL)
        return;
    nj_stream_get_stats(user, &pipeline->stopped);
    pipeline->stopped.state = NJ_SOURCE_STOPPED;
    pipeline->stopped.reason[0] = '\0';
    nj_streams_leave(user); // the last frame may still use the pointer
    atomic_store(&pipeline->user, NULL);
}

void nj_live_pipeline_stop(struct nj_live_pipeline *pipeline)
{
    leave_stream(pipeline);
    pthread_mutex_lock(&pipeline->lock);
    bool flush_here = !pipeline->stopping && !pipeline->busy;
    pipeline->stopping = true;
    pipeline->busy = pipeline->busy || flush_here;
    pthread_mutex_unlock(&pipeline->lock);
    if (flush_here)
        (void)nj_live_end_turn(pipeline); // else the inference under way does when it ends
}

bool nj_live_pipeline_idle(struct nj_live_pipeline *pipeline)
{
    pthread_mutex_lock(&pipeline->lock);
    bool idle = is_idle_locked(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
    return idle;
}

void nj_live_pipeline_destroy(struct nj_live_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    leave_stream(pipeline);
    nj_frame_slot_destroy(pipeline->slot);
    nj_motion_destroy(pipeline->motion);
    nj_tracker_destroy(pipeline->tracker);
    nj_stability_destroy(pipeline->stability);
    nj_frame_unref(pipeline->view_frame);
    pthread_mutex_destroy(&pipeline->lock);
    free(pipeline->inputs);
    free(pipeline->rows);
    free(pipeline);
}

void nj_live_pipeline_view(struct nj_live_pipeline *pipeline, struct nj_live_view *out)
{
    pthread_mutex_lock(&pipeline->lock);
    out->frame = pipeline->view_frame != NULL ? nj_frame_ref(pipeline->view_frame) : NULL;
    out->track_count = pipeline->view_count;
    memcpy(out->tracks, pipeline->view_tracks, pipeline->view_count * sizeof out->tracks[0]);
    pthread_mutex_unlock(&pipeline->lock);
}

void nj_live_pipeline_get_stats(struct nj_live_pipeline *pipeline, struct nj_live_stats *out)
{
    *out = (struct nj_live_stats){
        .inferred = pipeline->inferred,
        .skipped_still = pipeline->skipped_still,
        .dropped = nj_frame_slot_dropped(pipeline->slot) + pipeline->expired,
        .rows = pipeline->row_count,
        .updates = pipeline->update_count,
    };
    struct nj_stream_user *user = atomic_load(&pipeline->user);
    out->source = pipeline->stopped;
    if (user != NULL)
        nj_stream_get_stats(user, &out->source);
}
