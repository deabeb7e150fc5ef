// SPDX-License-Identifier: Apache-2.0
// What becomes of a live frame's detections: tracks, rows, and the view for people.
#include "health/pipeline_metrics.h"
#include "pipeline/live_priv.h"
#include "pipeline/track_inputs_priv.h"

#include <string.h>

static void show(struct nj_live_pipeline *pipeline, struct nj_frame *frame,
                 const struct nj_track *tracks, size_t count)
{
    pthread_mutex_lock(&pipeline->lock);
    struct nj_frame *old = pipeline->view_frame;
    pipeline->view_frame = nj_frame_ref(frame);
    pipeline->view_count = 0;
    for (size_t i = 0; i < count && pipeline->view_count < NJ_LIVE_TRACKS_MAX; i++)
        if (tracks[i].state == NJ_TRACK_CONFIRMED)
            pipeline->view_tracks[pipeline->view_count++] = tracks[i];
    pthread_mutex_unlock(&pipeline->lock);
    nj_frame_unref(old);
}

void nj_live_flush(struct nj_live_pipeline *pipeline)
{
    const struct nj_stability_action *actions = NULL;
    size_t count = 0;
    nj_stability_flush(pipeline->stability, &actions, &count);
    for (size_t i = 0; i < count; i++)
        nj_live_apply_action(pipeline, &actions[i], NULL);
}

static void follow(struct nj_live_pipeline *pipeline, const struct nj_detect_job *job)
{
    const struct nj_track *tracks = NULL;
    const struct nj_stability_action *actions = NULL;
    size_t count = 0, action_count = 0;
    if (atomic_exchange(&pipeline->reset_wanted, false)) {
        nj_live_flush(pipeline);
        nj_tracker_reset(pipeline->tracker);
    }
    nj_us time_us = job->frame->captured_mono_us;
    nj_us held_us = atomic_exchange(&pipeline->held_us, 0);
    if (held_us > 0 && held_us < time_us)
        nj_tracker_hold(pipeline->tracker, held_us);
    const struct nj_track_inputs inputs = {
        pipeline->inputs,
        nj_track_inputs_make(nj_detector_model(pipeline->config.detector), &job->result,
                             pipeline->inputs),
        time_us};
    if (nj_tracker_update(pipeline->tracker, &inputs, &tracks, &count) != 0)
        return; // a scene beyond the limits; the next frame is judged anew
    const struct nj_stability_tracks stable = {.items = tracks, .count = count};
    if (nj_stability_update(pipeline->stability, &stable, &actions, &action_count) != 0)
        action_count = 0;
    for (size_t i = 0; i < action_count; i++)
        nj_live_apply_action(pipeline, &actions[i], job->frame);
    show(pipeline, job->frame, tracks, count);
}

void nj_live_handle_detected(struct nj_detect_job *job)
{
    struct nj_live_pipeline *pipeline = NJ_CONTAINER_OF(job, struct nj_live_pipeline, job);
    if (job->rc == 0) {
        pipeline->inferred += 1;
        nj_pipeline_observe(pipeline->detect_stage, job->finished_us - job->started_us);
        nj_latency_add(pipeline->config.latency, NJ_STAGE_DETECT,
                       job->finished_us - job->started_us);
        follow(pipeline, job);
    } else if (job->rc == NJ_E_TIMEOUT) {
        pipeline->expired += 1;
    } else if (job->rc != NJ_E_CANCELLED) {
        nj_pipeline_error(pipeline->config.metrics, "detection_processing_error");
    }
    nj_frame_unref(job->frame);
    job->frame = NULL;
    if (nj_live_end_turn(pipeline))
        nj_live_submit(pipeline); // a newer frame may have come
}
