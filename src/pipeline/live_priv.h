// SPDX-License-Identifier: Apache-2.0
// What the files of the live pipeline share.
#ifndef NJ_PIPELINE_LIVE_PRIV_H
#define NJ_PIPELINE_LIVE_PRIV_H

#include "pipeline/live.h"

#include <pthread.h>
#include <stdatomic.h>

enum { NJ_LIVE_MASKS_MAX = 16, NJ_LIVE_MASK_POINTS_MAX = 64 }; // of one camera

struct nj_live_masks {
    struct nj_polygon polygons[NJ_LIVE_MASKS_MAX]; // into points
    float points[NJ_LIVE_MASKS_MAX][2 * NJ_LIVE_MASK_POINTS_MAX];
    size_t count;
};

// NJ_E_INVALID names the mask ("masks[1] ...") and what is allowed.
int nj_live_masks_read(const struct nj_text_list *masks, struct nj_live_masks *out,
                       struct nj_error *err);

// A track that has its row. Belongs to whoever owns the inference (one job at a time).
struct nj_live_row {
    bool used;
    struct nj_detection_row row;
};

struct nj_live_pipeline {
    struct nj_live_config config;
    struct nj_metric *detect_stage;
    _Atomic(struct nj_stream_user *) user; // NULL: not started, paused or stopped
    struct nj_source_stats stopped;        // what was known when it stopped
    struct nj_frame_slot *slot;
    struct nj_motion *motion; // capture thread
    nj_us touched_us;         // capture thread: when last_seen was last written, monotonic
    nj_us moved_us;           // capture thread: when the gate last saw motion, monotonic

    // The following fields belong to the inference under way: busy says that there is one.
    struct nj_tracker *tracker;
    struct nj_stability *stability;
    struct nj_track_input *inputs; // NJ_DETECTIONS_MAX
    struct nj_live_row *rows;      // row_capacity
    size_t row_capacity;
    struct nj_detect_job job;

    atomic_bool reset_wanted;     // the picture started anew
    atomic_int_least64_t held_us; // newest frame that the gate called still, monotonic; 0: none

    pthread_mutex_t lock;
    // The following fields are protected by lock.
    bool busy;      // a job is with the scheduler or being worked up
    bool stopping;  // nothing new is submitted; rows still open are ended
    size_t writing; // store operations under way
    struct nj_frame *view_frame;
    struct nj_track view_tracks[NJ_LIVE_TRACKS_MAX];
    size_t view_count;

    atomic_uint_least64_t inferred, skipped_still, expired, row_count, update_count;
};

// Any thread. Hands the newest frame to the scheduler when none is under way.
void nj_live_submit(struct nj_live_pipeline *pipeline);

// Called from: inference thread.
void nj_live_handle_detected(struct nj_detect_job *job);

// Any thread that owns the inference side gives it back. True when the next frame may have it;
// false when a stop came meanwhile: the rows that were open have been ended then.
bool nj_live_end_turn(struct nj_live_pipeline *pipeline);

// The lock is held: tells who waits for the end that it has come.
void nj_live_tell_rest_locked(const struct nj_live_pipeline *pipeline);

// Ends all rows that are open; the caller owns the inference side.
void nj_live_flush(struct nj_live_pipeline *pipeline);

// Carries an action of the stability validator into the store. `frame` is NULL for ends.
void nj_live_apply_action(struct nj_live_pipeline *pipeline,
                          const struct nj_stability_action *action, struct nj_frame *frame);

// Remembers that the camera was seen.
void nj_live_touch(struct nj_live_pipeline *pipeline);

#endif
