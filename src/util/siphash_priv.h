// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4 (Aumasson and Bernstein 2012), for the hash map.
#ifndef NJ_UTIL_SIPHASH_PRIV_H
#define NJ_UTIL_SIPHASH_PRIV_H

#include <stddef.h>
#include <stdint.h>

struct nj_siphash_key {
    uint64_t words[2]; // the 16 key bytes, little-endian
};

uint64_t nj_siphash(struct nj_siphash_key key, const void *bytes, size_t length);

#endif
