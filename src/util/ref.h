// SPDX-License-Identifier: Apache-2.0
// Atomic reference count. Explicitly thread-safe.
#ifndef NJ_UTIL_REF_H
#define NJ_UTIL_REF_H

#include <stdatomic.h>
#include <stdbool.h>

struct nj_ref {
    atomic_uint count;
};

static inline void nj_ref_init(struct nj_ref *ref)
{
    atomic_init(&ref->count, 1);
}

static inline void nj_ref_take(struct nj_ref *ref)
{
    atomic_fetch_add_explicit(&ref->count, 1, memory_order_relaxed);
}

// True when the caller dropped the last reference and must free the object.
static inline bool nj_ref_drop(struct nj_ref *ref)
{
    // One acquire-release step instead of a release and a fence: ThreadSanitizer knows no fences.
    return atomic_fetch_sub_explicit(&ref->count, 1, memory_order_acq_rel) == 1;
}

#endif
