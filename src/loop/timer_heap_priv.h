// SPDX-License-Identifier: Apache-2.0
// Binary heap of timers, earliest first; equal times in the order of their starting.
#ifndef NJ_LOOP_TIMER_HEAP_PRIV_H
#define NJ_LOOP_TIMER_HEAP_PRIV_H

#include "loop/loop.h"

// Zeroed is empty. A timer's heap_index is its place from 1, and 0 when it is not inside.
struct nj_timer_heap {
    struct nj_timer **timers; // timers[0] is place 1
    size_t count, capacity;
};

void nj_timer_heap_finish(struct nj_timer_heap *heap);
struct nj_timer *nj_timer_heap_first(const struct nj_timer_heap *heap);       // NULL when empty
int nj_timer_heap_insert(struct nj_timer_heap *heap, struct nj_timer *timer); // 0 or NJ_E_NOMEM
void nj_timer_heap_remove(struct nj_timer_heap *heap, struct nj_timer *timer);
// To be called after due_us or order of a timer inside changed.
void nj_timer_heap_moved(struct nj_timer_heap *heap, struct nj_timer *timer);

#endif
