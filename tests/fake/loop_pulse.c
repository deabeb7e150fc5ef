// SPDX-License-Identifier: Apache-2.0
// A timer that measures how late it is.
#include "tests/fake/loop_pulse.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { BEAT_US = 5 * NJ_US_PER_MS };

static void handle_beat(struct nj_timer *timer)
{
    struct nj_loop_pulse *pulse = NJ_CONTAINER_OF(timer, struct nj_loop_pulse, timer);
    const nj_us now_us = nj_mono_us(nj_clock_real());
    if (now_us - pulse->last_us > pulse->longest_us)
        pulse->longest_us = now_us - pulse->last_us;
    pulse->last_us = now_us;
}

void nj_loop_pulse_start(struct nj_loop_pulse *pulse, struct nj_loop *loop)
{
    *pulse = (struct nj_loop_pulse){.last_us = nj_mono_us(nj_clock_real())};
    nj_timer_init(&pulse->timer, loop, handle_beat);
    assert_int_equal(nj_timer_start(&pulse->timer, BEAT_US, BEAT_US), 0);
}
