// SPDX-License-Identifier: Apache-2.0
// Set of files that need no second look, as 128-bit fingerprints of path, size and time: 16 bytes a
// file instead of its name. Keyed at random, so that nobody can prepare two names that meet.
#ifndef NJ_SOURCES_SEEN_SET_PRIV_H
#define NJ_SOURCES_SEEN_SET_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_seen_key {
    uint64_t high, low; // never both 0
};

struct nj_seen_set {
    uint64_t seeds[2];
    struct nj_seen_key *slots;
    size_t capacity; // power of two, or 0
    size_t count;
};

int nj_seen_set_init(struct nj_seen_set *set); // NJ_E_IO: no random bytes
void nj_seen_set_finish(struct nj_seen_set *set);
void nj_seen_set_clear(struct nj_seen_set *set); // keeps the key

struct nj_seen_key nj_seen_set_key(const struct nj_seen_set *set, const char *path, int64_t size,
                                   int64_t mtime_ns);
bool nj_seen_set_has(const struct nj_seen_set *set, struct nj_seen_key key);
int nj_seen_set_add(struct nj_seen_set *set, struct nj_seen_key key); // NJ_E_NOMEM
void nj_seen_set_remove(struct nj_seen_set *set, struct nj_seen_key key);

#endif
