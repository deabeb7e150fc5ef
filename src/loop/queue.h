// SPDX-License-Identifier: Apache-2.0
// Bounded hand-over between threads, in items and bytes, with the overflow policy chosen where it
// is created. In-memory only: durable queues live in jobs/.
#ifndef NJ_LOOP_QUEUE_H
#define NJ_LOOP_QUEUE_H

#include "util/clock.h"
#include "util/error.h"

#include <stddef.h>
#include <stdint.h>

enum nj_queue_policy {
    NJ_QUEUE_REJECT,     // push returns NJ_E_FULL
    NJ_QUEUE_DROP_OLDEST // the oldest item is given to `drop`, counted, and the new one enters
};

struct nj_queue_options {
    size_t max_items; // > 0
    size_t max_bytes; // 0: no limit in bytes
    enum nj_queue_policy policy;
    void (*drop)(void *item, void *arg); // required for DROP_OLDEST; also for items left at destroy
    void *arg;
};

struct nj_queue_stats {
    size_t items, bytes, max_items;
    uint64_t pushed, popped, rejected, dropped;
};

struct nj_queue; // explicitly thread-safe

int nj_queue_create(const struct nj_queue_options *options, struct nj_queue **out);
void nj_queue_destroy(struct nj_queue *queue);

// The queue takes `item` (not NULL) on success. NJ_E_FULL, NJ_E_CANCELLED after close, NJ_E_TOO_BIG
// when `bytes` alone are beyond max_bytes, so that it would never fit. `drop` runs on the pushing
// thread, without the lock.
int nj_queue_push(struct nj_queue *queue, void *item, size_t bytes);

// Waits at most `timeout_us` real time (0: not at all, negative: until closed). NJ_E_AGAIN when
// nothing came, NJ_E_CANCELLED when closed and empty.
int nj_queue_pop(struct nj_queue *queue, nj_us timeout_us, void **out);

// No more pushes; what is inside can still be popped. Wakes all waiters.
void nj_queue_close(struct nj_queue *queue);

void nj_queue_get_stats(struct nj_queue *queue, struct nj_queue_stats *out);

#endif
