// SPDX-License-Identifier: Apache-2.0
// Exponential delay with a cap and jitter.
#include "util/backoff.h"

nj_us nj_backoff_delay(const struct nj_backoff *backoff, unsigned attempt, struct nj_rng *rng)
{
    nj_us delay = backoff->base_us < backoff->cap_us ? backoff->base_us : backoff->cap_us;
    for (unsigned n = 1; n < attempt && delay > 0 && delay < backoff->cap_us; n++)
        delay = delay > backoff->cap_us / 2 ? backoff->cap_us : delay * 2;
    if (delay <= 0)
        return 0;
    double extra = rng ? (double)delay * backoff->jitter * nj_rng_uniform(rng) : 0;
    if (extra >= (double)(INT64_MAX - delay))
        return INT64_MAX;
    return delay + (extra > 0 ? (nj_us)extra : 0);
}
