// SPDX-License-Identifier: Apache-2.0
// The tracker's memory: allocated whole at creation, so that an update allocates nothing but the
// growth of the pair list.
#ifndef NJ_TRACK_TRACK_PRIV_H
#define NJ_TRACK_TRACK_PRIV_H

#include "track/associate_priv.h"
#include "track/kalman_priv.h"
#include "track/match_priv.h"
#include "track/track.h"

struct nj_tracker {
    struct nj_track_options options;
    struct nj_kalman_noise noise;
    int64_t next_id;
    nj_us time_us; // of the newest update or hold; -1 before the first
    // Tracks, by age. Parallel arrays of max_tracks items.
    struct nj_track *tracks;
    struct nj_kalman *filters;
    nj_us *missed_us; // time without a match, without the time on hold
    size_t count;
    struct nj_boxes track_boxes;
    // Detections of this update that are not ignored, sorted from left to right when many.
    struct nj_boxes boxes;
    int32_t *input; // index in the caller's array
    bool *taken;
    size_t box_count;
    bool sorted;
    float width_max;
    // Lists of the stage at hand.
    struct nj_box_list rows, cols;
    struct nj_stage_box *scratch;
    struct nj_match match;
    void *memory; // the one block behind all arrays
};

#endif
