// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4: a keyed hash whose collisions cannot be found without the key.
#include "util/siphash_priv.h"

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static void rounds(uint64_t v[4], int count)
{
    for (int i = 0; i < count; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] = rotate_left(v[2], 32);
    }
}

static uint64_t little_endian(const uint8_t *bytes, size_t count)
{
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t nj_siphash(struct nj_siphash_key key, const void *bytes, size_t length)
{
    uint64_t v[4] = {
        key.words[0] ^ 0x736f6d6570736575u,
        key.words[1] ^ 0x646f72616e646f6du,
        key.words[0] ^ 0x6c7967656e657261u,
        key.words[1] ^ 0x7465646279746573u,
    };
    const uint8_t *at = bytes;
    size_t left = length;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word = little_endian(at, 8);
        v[3] ^= word;
        rounds(v, 2);
        v[0] ^= word;
    }
    uint64_t last = little_endian(at, left) | (uint64_t)length << 56;
    v[3] ^= last;
    rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
