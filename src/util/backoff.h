// SPDX-License-Identifier: Apache-2.0
// Delay before the next try: min(base * 2^(n-1), cap) * (1 + U(0, jitter)).
#ifndef NJ_UTIL_BACKOFF_H
#define NJ_UTIL_BACKOFF_H

#include "util/clock.h"
#include "util/rng.h"

struct nj_backoff {
    nj_us base_us;
    nj_us cap_us;
    double jitter; // 0.25 adds 0 to 25 %
};

// `attempt` is the number of the try that failed, from 1. Never overflows.
nj_us nj_backoff_delay(const struct nj_backoff *backoff, unsigned attempt, struct nj_rng *rng);

#endif
