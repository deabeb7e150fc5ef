// SPDX-License-Identifier: Apache-2.0
// A clock that stands still until a test moves it.
#include "tests/fake/fake_clock.h"

#include "util/mem.h"

static const nj_us mono_start_us = (nj_us)3600 * NJ_US_PER_S;

// The members that change are atomic, so that casting away const in a reader is never needed.
static nj_us fake_mono_us(const struct nj_clock *clock)
{
    const struct nj_fake_clock *fake = (const struct nj_fake_clock *)(const void *)clock;
    return atomic_load(&fake->mono_us);
}

static nj_us fake_wall_us(const struct nj_clock *clock)
{
    const struct nj_fake_clock *fake = (const struct nj_fake_clock *)(const void *)clock;
    return atomic_load(&fake->wall_us);
}

void nj_fake_clock_init(struct nj_fake_clock *fake, nj_us wall_us)
{
    _Static_assert(offsetof(struct nj_fake_clock, clock) == 0, "readers cast the clock back");
    fake->clock = (struct nj_clock){.mono_us = fake_mono_us, .wall_us = fake_wall_us};
    atomic_init(&fake->mono_us, mono_start_us);
    atomic_init(&fake->wall_us, wall_us);
}

void nj_fake_clock_advance(struct nj_fake_clock *fake, nj_us us)
{
    atomic_fetch_add(&fake->wall_us, us);
    atomic_fetch_add(&fake->mono_us, us);
}

void nj_fake_clock_jump_wall(struct nj_fake_clock *fake, nj_us us)
{
    atomic_fetch_add(&fake->wall_us, us);
}
