// SPDX-License-Identifier: Apache-2.0
// Due times of a paced playback.
#include "frames/pacer.h"

static const nj_us RESYNC_US = 5 * (nj_us)NJ_US_PER_S;

struct nj_pacer_step nj_pacer_next(struct nj_pacer *pacer, nj_us pts_us, nj_us now_mono_us,
                                   nj_us tolerance_us)
{
    bool far_off = pacer->started && now_mono_us - (pacer->origin_us + pts_us) > RESYNC_US;
    if (!pacer->started || far_off)
        pacer->origin_us = now_mono_us - pts_us;
    pacer->started = true;
    pacer->last_pts_us = pts_us;
    nj_us ahead = pacer->origin_us + pts_us - now_mono_us;
    struct nj_pacer_step step = {.wait_us = ahead > 0 ? ahead : 0, .drop = -ahead > tolerance_us};
    return step;
}

void nj_pacer_loop(struct nj_pacer *pacer, nj_us gap_us)
{
    pacer->origin_us += pacer->last_pts_us + gap_us;
    pacer->last_pts_us = 0;
}
