// SPDX-License-Identifier: Apache-2.0
// Small seeded generator (xoshiro256**, Blackman and Vigna 2018) for jitter and simulation.
// Not for secrets.
#ifndef NJ_UTIL_RNG_H
#define NJ_UTIL_RNG_H

#include <stdint.h>

struct nj_rng {
    uint64_t state[4];
};

void nj_rng_seed(struct nj_rng *rng, uint64_t seed);
uint64_t nj_rng_next(struct nj_rng *rng);
double nj_rng_uniform(struct nj_rng *rng);                 // [0, 1)
uint64_t nj_rng_below(struct nj_rng *rng, uint64_t bound); // [0, bound), bound > 0

#endif
