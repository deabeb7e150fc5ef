// SPDX-License-Identifier: Apache-2.0
// Clocks are handed in: the monotonic one measures, the wall clock names moments.
#ifndef NJ_UTIL_CLOCK_H
#define NJ_UTIL_CLOCK_H

#include <stdint.h>

typedef int64_t nj_us; // microseconds; a span, or a point on one of the two clocks

enum {
    NJ_US_PER_MS = 1000,
    NJ_US_PER_S = 1000000,
};

// Explicitly thread-safe in every implementation.
struct nj_clock {
    nj_us (*mono_us)(const struct nj_clock *clock); // never goes back; origin arbitrary
    nj_us (*wall_us)(const struct nj_clock *clock); // since 1970-01-01T00:00:00Z; may jump
};

// The machine's clocks. The pointer is valid for ever.
const struct nj_clock *nj_clock_real(void);

static inline nj_us nj_mono_us(const struct nj_clock *clock)
{
    return clock->mono_us(clock);
}

static inline nj_us nj_wall_us(const struct nj_clock *clock)
{
    return clock->wall_us(clock);
}

#endif
