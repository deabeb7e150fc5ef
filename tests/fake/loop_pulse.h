// SPDX-License-Identifier: Apache-2.0
// Whether something held a loop up.
#ifndef NJ_FAKE_LOOP_PULSE_H
#define NJ_FAKE_LOOP_PULSE_H

#include "loop/loop.h"

struct nj_loop_pulse {
    struct nj_timer timer;
    nj_us last_us;
    nj_us longest_us; // between two beats
};

// Beats every few milliseconds until nj_timer_stop of its timer.
void nj_loop_pulse_start(struct nj_loop_pulse *pulse, struct nj_loop *loop);

#endif
