// SPDX-License-Identifier: Apache-2.0
// Bytes by key in memory, bounded in bytes and in age; the longest unused go first. One thread.
#ifndef NJ_UTIL_LRU_H
#define NJ_UTIL_LRU_H

#include "util/clock.h"

#include <stddef.h>
#include <stdint.h>

struct nj_lru;

struct nj_lru_stats {
    size_t entries, bytes; // keys count as well
    uint64_t hits, misses, evictions, expired;
};

// What was put longer than `expire_us` ago is gone; 0: age does not matter. NULL without memory.
struct nj_lru *nj_lru_create(size_t max_bytes, nj_us expire_us);
void nj_lru_destroy(struct nj_lru *lru); // accepts NULL

// Borrowed until the next call, with a NUL behind it; NULL when absent. `now_us` is monotonic.
const void *nj_lru_get(struct nj_lru *lru, const char *key, nj_us now_us, size_t *length);
// Copies. What is too big, or finds no memory, is not kept: a cache may forget.
void nj_lru_put(struct nj_lru *lru, const char *key, const void *bytes, size_t length,
                nj_us now_us);
void nj_lru_remove(struct nj_lru *lru, const char *key);
void nj_lru_get_stats(const struct nj_lru *lru, struct nj_lru_stats *out);

#endif
