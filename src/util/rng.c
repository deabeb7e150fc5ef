// SPDX-License-Identifier: Apache-2.0
// xoshiro256** with SplitMix64 seeding.
#include "util/rng.h"

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

// SplitMix64 (Steele, Lea and Flood 2014): spreads a seed so that no state is all zero.
static uint64_t split_mix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void nj_rng_seed(struct nj_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rng->state[i] = split_mix(&seed);
}

uint64_t nj_rng_next(struct nj_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double nj_rng_uniform(struct nj_rng *rng)
{
    return (double)(nj_rng_next(rng) >> 11) * 0x1.0p-53;
}

uint64_t nj_rng_below(struct nj_rng *rng, uint64_t bound)
{
    // The first 2^64 mod bound values would make the small results too frequent.
    uint64_t skip = (0 - bound) % bound;
    uint64_t value;
    do {
        value = nj_rng_next(rng);
    } while (value < skip);
    return value % bound;
}
