// SPDX-License-Identifier: Apache-2.0
// The machine's clocks.
#include "util/clock.h"

#include <time.h>

static nj_us read_clock(clockid_t id)
{
    struct timespec now = {0, 0};
    clock_gettime(id, &now); // cannot fail for the two clocks that POSIX requires
    return (nj_us)now.tv_sec * NJ_US_PER_S + now.tv_nsec / 1000;
}

static nj_us real_mono_us(const struct nj_clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_MONOTONIC);
}

static nj_us real_wall_us(const struct nj_clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_REALTIME);
}

const struct nj_clock *nj_clock_real(void)
{
    static const struct nj_clock real = {.mono_us = real_mono_us, .wall_us = real_wall_us};
    return &real;
}
