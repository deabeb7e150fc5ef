// SPDX-License-Identifier: Apache-2.0
// A clock that stands still until a test moves it.
#ifndef NJ_FAKE_CLOCK_H
#define NJ_FAKE_CLOCK_H

#include "util/clock.h"

#include <stdatomic.h>

struct nj_fake_clock {
    struct nj_clock clock; // hand out &fake.clock
    _Atomic nj_us mono_us;
    _Atomic nj_us wall_us;
};

// Wall time starts at `wall_us`, monotonic time at one hour (a process never starts at 0).
void nj_fake_clock_init(struct nj_fake_clock *fake, nj_us wall_us);
// Both clocks go on by `us`. Explicitly thread-safe, as reading is.
void nj_fake_clock_advance(struct nj_fake_clock *fake, nj_us us);
// Only the wall clock moves, by `us` (may be negative), as after a correction.
void nj_fake_clock_jump_wall(struct nj_fake_clock *fake, nj_us us);

#endif
