// SPDX-License-Identifier: Apache-2.0
// Memory that lives as long as its owner: a chain of blocks, freed together.
#include "config/config_arena_priv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct nj_arena_block {
    struct nj_arena_block *next;
    max_align_t data[];
};

void *nj_arena_alloc(struct nj_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX - sizeof(struct nj_arena_block)) / size)
        return NULL;
    struct nj_arena_block *block = calloc(1, sizeof(*block) + count * size);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    arena->blocks = block;
    return block->data;
}

char *nj_arena_text(struct nj_arena *arena, const char *text, size_t length)
{
    char *copy = nj_arena_alloc(arena, length + 1, 1);
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

void nj_arena_finish(struct nj_arena *arena)
{
    struct nj_arena_block *block = arena->blocks;
    arena->blocks = NULL;
    while (block) {
        struct nj_arena_block *next = block->next;
        free(block);
        block = next;
    }
}
