// SPDX-License-Identifier: Apache-2.0
// The known name that a mistyped one was likely meant to be, for "did you mean".
#ifndef NJ_UTIL_NEAREST_H
#define NJ_UTIL_NEAREST_H

#include <stddef.h>

enum { NJ_NEAREST_SIZE = 160 };

struct nj_nearest {
    const char *word;           // the mistyped one; borrowed
    size_t told;                // its first letters that say nothing of what is meant; 0
    unsigned distance;          // of the best
    char best[NJ_NEAREST_SIZE]; // "": none is near
};

void nj_nearest_begin(struct nj_nearest *nearest, const char *word);
// `shown` becomes the best when `name` is nearer than all before; the two differ where a name is
// told in another form than it was likely written in. Case alone is no distance.
void nj_nearest_consider(struct nj_nearest *nearest, const char *name, const char *shown);

#endif
