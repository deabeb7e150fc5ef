// SPDX-License-Identifier: Apache-2.0
// When each frame of a file is due that plays at its own pace. No clock and no waiting of its own.
#ifndef NJ_FRAMES_PACER_H
#define NJ_FRAMES_PACER_H

#include "util/clock.h"

#include <stdbool.h>

// Plain data of one thread; zeroed is a pacer that starts with its first frame.
struct nj_pacer {
    bool started;
    nj_us origin_us;   // monotonic time at which time 0 of this round is due
    nj_us last_pts_us; // of this round
};

struct nj_pacer_step {
    nj_us wait_us; // until the frame is due; 0: now
    bool drop;     // too late to be of use: take the next one at once
};

// Due times are counted from the first frame, so that late frames do not delay those after them:
// what is more than `tolerance_us` late is to be dropped until the file has caught up. More than
// 5 s late (the machine slept) the count begins anew with this frame.
struct nj_pacer_step nj_pacer_next(struct nj_pacer *pacer, nj_us pts_us, nj_us now_mono_us,
                                   nj_us tolerance_us);

// The file starts over: its time 0 is due `gap_us` (a frame's duration) after the last frame.
void nj_pacer_loop(struct nj_pacer *pacer, nj_us gap_us);

#endif
