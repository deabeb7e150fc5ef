// SPDX-License-Identifier: Apache-2.0
// Allocation helpers whose sizes cannot overflow, and container_of.
#ifndef NJ_UTIL_MEM_H
#define NJ_UTIL_MEM_H

#include <stddef.h>

#define NJ_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

// The struct of `type` whose `member` lies at `pointer`.
#define NJ_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

// Grows *array (may be NULL) so that at least `needed` items of `item_size` fit; at least doubles.
// *capacity counts items. Returns 0 or NJ_E_NOMEM (array and capacity then untouched).
int nj_array_reserve(void **array, size_t *capacity, size_t needed, size_t item_size);

// malloc of count * size; NULL on overflow or lack of memory.
void *nj_malloc_array(size_t count, size_t size);

// Copies of text, owned by the caller, freed with free(). NULL in gives NULL.
char *nj_strdup(const char *text);
char *nj_strndup(const char *text, size_t length);

#endif
