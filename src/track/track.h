// SPDX-License-Identifier: Apache-2.0
// Multi-object tracking of one source: Kalman filter and staged association (SORT, Bewley 2016;
// ByteTrack, Zhang 2022). One tracker belongs to one thread.
#ifndef NJ_TRACK_TRACK_H
#define NJ_TRACK_TRACK_H

#include "config/options.h"
#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NJ_TRACK_MAX = 65536 }; // most tracks of one source: pairs are counted in 32 bits

struct nj_track_options {
    double new_score;     // only detections at least this sure begin a track, 0..1
    double high_score;    // first association stage, 0..1
    double low_score;     // second stage; below it a detection is ignored, 0..1
    double iou_gate;      // least overlap of a match, 0..1
    double enlarge;       // third stage: boxes grown by this part of their size; 0: no stage
    nj_us lost_us;        // how long a track without matches is kept at most
    double lost_share;    // and at most this part of the time it was followed before
    int64_t confirm_hits; // matches before a track is reported
    int64_t max_tracks;   // refuse more: a stranger's scene must not exhaust memory
    double measure_noise; // deviations in parts of the box height: of a detection,
    double drift_noise;   // of the predicted place after one second,
    double agility_noise; // of the predicted speed after one second (per second),
    double start_noise;   // of the unknown speed of a new track (per second)
};

extern const struct nj_option_group nj_track_option_group; // group "track", struct above

struct nj_track_input {
    float x, y, w, h; // pixels of the source, top-left corner and size
    float score;      // 0..1
    int32_t class_id;
    int32_t group; // associations never cross groups of classes (all vehicles, say)
};

enum nj_track_state { NJ_TRACK_TENTATIVE, NJ_TRACK_CONFIRMED, NJ_TRACK_LOST };

struct nj_track {
    int64_t id;       // from 1, never reused by this tracker
    float x, y, w, h; // filter estimate, pixels
    float score;      // of the newest match
    int32_t class_id;
    int32_t input; // index of the matched input of this update, or -1
    enum nj_track_state state;
    nj_us first_us, last_us; // first and newest match
    int64_t hits;
};

struct nj_tracker;

// `first_id` > 0 begins the ids (persisted highest + 1 after a restart). All memory but a list of
// overlapping pairs is had here; that list grows to the busiest frame. NJ_E_INVALID, NJ_E_NOMEM.
int nj_tracker_create(const struct nj_track_options *options, int64_t first_id,
                      struct nj_tracker **out, struct nj_error *err);
void nj_tracker_destroy(struct nj_tracker *tracker);

// What was detected in one frame, taken at `time_us` (monotonic, 0 or later).
struct nj_track_inputs {
    const struct nj_track_input *items;
    size_t count;
    nj_us time_us;
};

// One frame, not before the last one. `inputs` is only read here. *out borrows an
// array of the live tracks, oldest first, valid until the next call. Inputs with a score below
// low_score or a box that is empty or not finite are ignored. NJ_E_TOO_BIG beyond max_tracks
// inputs, NJ_E_INVALID for a time that goes back (both leave the tracker as it was), NJ_E_NOMEM.
int nj_tracker_update(struct nj_tracker *tracker, const struct nj_track_inputs *inputs,
                      const struct nj_track **out, size_t *out_count);

// The motion gate saw nothing move up to `time_us`: tracks keep their place and do not age, so that
// a parked car keeps its id without inference.
void nj_tracker_hold(struct nj_tracker *tracker, nj_us time_us);

// Forgets motion and pictures of the past after a reconnect; ids go on.
void nj_tracker_reset(struct nj_tracker *tracker);

#endif
