// SPDX-License-Identifier: Apache-2.0
// Hash map from text to pointer (SipHash with a random key: foreign keys cannot collide on
// purpose).
#ifndef NJ_UTIL_STRMAP_H
#define NJ_UTIL_STRMAP_H

#include <stddef.h>

struct nj_strmap;

// NULL without memory. `free_value` (may be NULL) is called for values that are replaced or left.
struct nj_strmap *nj_strmap_create(void (*free_value)(void *value));
void nj_strmap_destroy(struct nj_strmap *map);

size_t nj_strmap_count(const struct nj_strmap *map);
void *nj_strmap_get(const struct nj_strmap *map, const char *key); // NULL when absent
// Copies the key, takes the value. On NJ_E_NOMEM the value stays the caller's.
int nj_strmap_set(struct nj_strmap *map, const char *key, void *value);
void nj_strmap_remove(struct nj_strmap *map, const char *key);

// Iteration in no order: start with *cursor = 0; false at the end. The map must not change
// meanwhile.
int nj_strmap_next(const struct nj_strmap *map, size_t *cursor, const char **key, void **value);

#endif
