// SPDX-License-Identifier: Apache-2.0
// Binary heap of timers, earliest first.
#include "loop/timer_heap_priv.h"

#include "util/mem.h"

#include <stdlib.h>

static bool before(const struct nj_timer *a, const struct nj_timer *b)
{
    return a->due_us < b->due_us || (a->due_us == b->due_us && a->order < b->order);
}

static void put(struct nj_timer_heap *heap, size_t place, struct nj_timer *timer)
{
    heap->timers[place - 1] = timer;
    timer->heap_index = place;
}

static void sift_up(struct nj_timer_heap *heap, struct nj_timer *timer)
{
    size_t place = timer->heap_index;
    while (place > 1 && before(timer, heap->timers[place / 2 - 1])) {
        put(heap, place, heap->timers[place / 2 - 1]);
        place /= 2;
    }
    put(heap, place, timer);
}

static void sift_down(struct nj_timer_heap *heap, struct nj_timer *timer)
{
    size_t place = timer->heap_index;
    while (place * 2 <= heap->count) {
        size_t child = place * 2;
        if (child < heap->count && before(heap->timers[child], heap->timers[child - 1]))
            child++;
        if (!before(heap->timers[child - 1], timer))
            break;
        put(heap, place, heap->timers[child - 1]);
        place = child;
    }
    put(heap, place, timer);
}

void nj_timer_heap_finish(struct nj_timer_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        heap->timers[i]->heap_index = 0;
    free(heap->timers);
    *heap = (struct nj_timer_heap){0};
}

struct nj_timer *nj_timer_heap_first(const struct nj_timer_heap *heap)
{
    return heap->count ? heap->timers[0] : NULL;
}

int nj_timer_heap_insert(struct nj_timer_heap *heap, struct nj_timer *timer)
{
    int rc = nj_array_reserve((void **)&heap->timers, &heap->capacity, heap->count + 1,
                              sizeof(struct nj_timer *));
    if (rc)
        return rc;
    put(heap, ++heap->count, timer);
    sift_up(heap, timer);
    return 0;
}

void nj_timer_heap_remove(struct nj_timer_heap *heap, struct nj_timer *timer)
{
    size_t place = timer->heap_index;
    if (!place)
        return;
    struct nj_timer *last = heap->timers[--heap->count];
    timer->heap_index = 0;
    if (last == timer)
        return;
    put(heap, place, last);
    nj_timer_heap_moved(heap, last);
}

void nj_timer_heap_moved(struct nj_timer_heap *heap, struct nj_timer *timer)
{
    sift_up(heap, timer);
    sift_down(heap, timer);
}
