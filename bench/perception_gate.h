// SPDX-License-Identifier: Apache-2.0
// The motion gate on a clip whose truth is known: still stretches, people who walk slowly and light
// that changes, made from the background and the people of a real video.
#ifndef NJ_BENCH_PERCEPTION_GATE_H
#define NJ_BENCH_PERCEPTION_GATE_H

#include "track/mot.h"

struct gate_result {
    int64_t frames, still_frames, still_skipped;
    // A person in a frame. Lost: the frame was skipped and what was inferred last no longer shows
    // where that person is (overlap below .5), or never did.
    int64_t pairs, pairs_lost;
    // The same for persons who move in that frame, counting every skipped frame as lost.
    int64_t moving_pairs, moving_pairs_skipped;
};

// Plays the clip to a gate with the shipped settings. `gt` is the video's ground truth; people are
// cut out where it has them.
int gate_measure(const char *video, const struct nj_mot_table *gt, struct gate_result *out,
                 struct nj_error *err);

#endif
