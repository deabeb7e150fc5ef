// SPDX-License-Identifier: Apache-2.0
// Memory that lives as long as its owner: everything of a snapshot or of one read file goes at
// once.
#ifndef NJ_CONFIG_CONFIG_ARENA_PRIV_H
#define NJ_CONFIG_CONFIG_ARENA_PRIV_H

#include <stddef.h>

struct nj_arena_block;

struct nj_arena {
    struct nj_arena_block *blocks; // NULL when empty; a zeroed arena is ready for use
};

// Zeroed and aligned for every type; NULL without memory. Valid until nj_arena_finish.
void *nj_arena_alloc(struct nj_arena *arena, size_t count, size_t size);
char *nj_arena_text(struct nj_arena *arena, const char *text, size_t length); // adds the NUL
void nj_arena_finish(struct nj_arena *arena); // empties it; may be used again

#endif
