// SPDX-License-Identifier: Apache-2.0
// Allocation helpers whose sizes cannot overflow.
#include "util/mem.h"

#include "util/error.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NJ_ARRAY_FIRST_CAPACITY = 8 };

int nj_array_reserve(void **array, size_t *capacity, size_t needed, size_t item_size)
{
    if (needed <= *capacity)
        return 0;
    size_t grown = *capacity > SIZE_MAX / 2 ? needed : *capacity * 2;
    if (grown < NJ_ARRAY_FIRST_CAPACITY)
        grown = NJ_ARRAY_FIRST_CAPACITY;
    if (grown < needed)
        grown = needed;
    if (!item_size || grown > PTRDIFF_MAX / item_size)
        return NJ_E_NOMEM;
    // Copied as bytes: the caller's pointer has a type of its own, which void * must not alias.
    void *old, *moved;
    memcpy(&old, array, sizeof(old));
    moved = realloc(old, grown * item_size);
    if (!moved)
        return NJ_E_NOMEM;
    memcpy(array, &moved, sizeof(moved));
    *capacity = grown;
    return 0; // cppcheck-suppress memleak ; *array has it
}

void *nj_malloc_array(size_t count, size_t size)
{
    if (size && count > PTRDIFF_MAX / size)
        return NULL;
    size_t bytes = count * size;
    return malloc(bytes ? bytes : 1);
}

char *nj_strdup(const char *text)
{
    return text ? nj_strndup(text, strlen(text)) : NULL;
}

char *nj_strndup(const char *text, size_t length)
{
    if (!text || length >= PTRDIFF_MAX)
        return NULL;
    length = strnlen(text, length);
    char *copy = malloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}
