// SPDX-License-Identifier: Apache-2.0
// Bounded hand-over between threads: a ring of fixed capacity under one mutex.
#include "loop/queue.h"

#include "loop/thread.h"
#include "util/mem.h"

#include <stdlib.h>

struct slot {
    void *item;
    size_t bytes;
};

struct nj_queue {
    struct nj_queue_options options;
    struct slot *slots; // max_items of them

    pthread_mutex_t mutex; // protects what follows
    pthread_cond_t filled; // an item came, or the queue was closed
    size_t first, count, bytes;
    uint64_t pushed, popped, rejected, dropped;
    bool closed;
};

int nj_queue_create(const struct nj_queue_options *options, struct nj_queue **out)
{
    if (options->max_items == 0 || (options->policy == NJ_QUEUE_DROP_OLDEST && !options->drop))
        return NJ_E_INVALID;
    struct nj_queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return NJ_E_NOMEM;
    queue->options = *options;
    queue->slots = nj_malloc_array(options->max_items, sizeof(*queue->slots));
    if (!queue->slots)
        goto no_slots;
    if (pthread_mutex_init(&queue->mutex, NULL))
        goto no_mutex;
    if (nj_cond_init(&queue->filled))
        goto no_cond;
    *out = queue;
    return 0;
no_cond:
    pthread_mutex_destroy(&queue->mutex);
no_mutex:
    free(queue->slots);
no_slots:
    free(queue);
    return NJ_E_NOMEM;
}

static void *take_first_locked(struct nj_queue *queue)
{
    struct slot *slot = &queue->slots[queue->first];
    queue->first = (queue->first + 1) % queue->options.max_items;
    queue->count--;
    queue->bytes -= slot->bytes;
    return slot->item;
}

void nj_queue_destroy(struct nj_queue *queue)
{
    if (!queue)
        return;
    while (queue->count) {
        void *item = take_first_locked(queue);
        if (queue->options.drop)
            queue->options.drop(item, queue->options.arg);
    }
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->mutex);
    free(queue->slots);
    free(queue);
}

static bool has_room_locked(const struct nj_queue *queue, size_t bytes)
{
    size_t max_bytes = queue->options.max_bytes;
    return queue->count < queue->options.max_items &&
           (max_bytes == 0 || bytes <= max_bytes - queue->bytes);
}

// Drops the oldest items until there is room. The callback runs without the lock, so that it may
// use the queue; what changed meanwhile is looked at again.
static int make_room_locked(struct nj_queue *queue, size_t bytes)
{
    while (!queue->closed && !has_room_locked(queue, bytes)) {
        if (queue->options.policy == NJ_QUEUE_REJECT) {
            queue->rejected++;
            return NJ_E_FULL;
        }
        void *oldest = take_first_locked(queue);
        queue->dropped++;
        pthread_mutex_unlock(&queue->mutex);
        queue->options.drop(oldest, queue->options.arg);
        pthread_mutex_lock(&queue->mutex);
    }
    return queue->closed ? NJ_E_CANCELLED : 0;
}

int nj_queue_push(struct nj_queue *queue, void *item, size_t bytes)
{
    pthread_mutex_lock(&queue->mutex);
    int rc = 0;
    if (queue->options.max_bytes && bytes > queue->options.max_bytes && !queue->closed) {
        queue->rejected++;
        rc = NJ_E_TOO_BIG;
    } else {
        rc = make_room_locked(queue, bytes);
    }
    if (!rc) {
        size_t last = (queue->first + queue->count) % queue->options.max_items;
        queue->slots[last] = (struct slot){item, bytes};
        queue->count++;
        queue->bytes += bytes;
        queue->pushed++;
        pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->mutex);
    return rc;
}

// Waits until there is an item, the queue is closed, or the time is over.
static void wait_filled_locked(struct nj_queue *queue, nj_us timeout_us)
{
    nj_us deadline = timeout_us > 0 ? nj_mono_us(nj_clock_real()) + timeout_us : 0;
    nj_us left = timeout_us;
    while (!queue->count && !queue->closed && left != 0) {
        nj_cond_wait(&queue->filled, &queue->mutex, left);
        if (timeout_us > 0) {
            left = deadline - nj_mono_us(nj_clock_real());
            left = left > 0 ? left : 0;
        }
    }
}

int nj_queue_pop(struct nj_queue *queue, nj_us timeout_us, void **out)
{
    int rc = 0;
    pthread_mutex_lock(&queue->mutex);
    wait_filled_locked(queue, timeout_us);
    if (queue->count) {
        *out = take_first_locked(queue);
        queue->popped++;
    } else {
        rc = queue->closed ? NJ_E_CANCELLED : NJ_E_AGAIN;
    }
    pthread_mutex_unlock(&queue->mutex);
    return rc;
}

void nj_queue_close(struct nj_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->closed = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->mutex);
}

void nj_queue_get_stats(struct nj_queue *queue, struct nj_queue_stats *out)
{
    pthread_mutex_lock(&queue->mutex);
    *out = (struct nj_queue_stats){
        .items = queue->count,
        .bytes = queue->bytes,
        .max_items = queue->options.max_items,
        .pushed = queue->pushed,
        .popped = queue->popped,
        .rejected = queue->rejected,
        .dropped = queue->dropped,
    };
    pthread_mutex_unlock(&queue->mutex);
}
