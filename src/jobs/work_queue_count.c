// SPDX-License-Identifier: Apache-2.0
// Counts of a work queue in memory: changed when a transaction is durable, untouched by rollbacks.
#include "jobs/work_queue_priv.h"

#include <stdlib.h>

static const struct nj_metric_spec depth_spec = {
    .type = NJ_GAUGE,
    .name = "pipeline_queue_depth",
    .help = "Items waiting in a work queue",
    .label = "queue",
};

static const struct nj_metric_spec rejected_spec = {
    .type = NJ_COUNTER,
    .name = "queue_rejected_total",
    .help = "Items refused because the work queue was full",
    .label = "queue",
};

static const struct nj_metric_spec dropped_spec = {
    .type = NJ_COUNTER,
    .name = "queue_dropped_total",
    .help = "Oldest items dropped to make room in a full work queue",
    .label = "queue",
};

static const struct nj_metric_spec retried_spec = {
    .type = NJ_COUNTER,
    .name = "queue_retried_total",
    .help = "Failed attempts that will be tried again",
    .label = "queue",
};

static const struct nj_metric_spec dead_spec = {
    .type = NJ_COUNTER,
    .name = "queue_dead_letters_total",
    .help = "Items that became dead letters, overflow included",
    .label = "queue",
};

void nj_work_count_init(struct nj_work_queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    nj_list_init(&queue->pending);
    nj_list_init(&queue->spare);
    struct nj_metrics *metrics = queue->config.metrics;
    const char *label = queue->config.metric_label;
    if (!metrics)
        return;
    queue->depth_gauge = nj_metrics_get(metrics, &depth_spec, label);
    queue->rejected_total = nj_metrics_get(metrics, &rejected_spec, label);
    queue->dropped_total = nj_metrics_get(metrics, &dropped_spec, label);
    queue->retried_total = nj_metrics_get(metrics, &retried_spec, label);
    queue->dead_total = nj_metrics_get(metrics, &dead_spec, label);
}

static void free_deltas(struct nj_list *list)
{
    struct nj_list *node = NULL;
    while ((node = nj_list_pop(list)) != NULL)
        free(NJ_CONTAINER_OF(node, struct nj_work_delta, node));
}

void nj_work_count_finish(struct nj_work_queue *queue)
{
    free_deltas(&queue->pending);
    free_deltas(&queue->spare);
    pthread_mutex_destroy(&queue->lock);
}

static void add(struct nj_work_counts *counts, const struct nj_work_delta *delta, int sign)
{
    counts->live += sign * delta->live;
    counts->dead_failed += sign * delta->dead_failed;
    counts->dead_overflow += sign * delta->dead_overflow;
}

// Forgets what was rolled back since the last call; lock held.
static void reap(struct nj_work_queue *queue)
{
    while (!nj_list_empty(&queue->pending)) {
        struct nj_work_delta *delta =
            NJ_CONTAINER_OF(queue->pending.previous, struct nj_work_delta, node);
        if (delta->hook.queued)
            return;
        add(&queue->in_doubt, delta, -1);
        nj_list_remove(&delta->node);
        nj_list_append(&queue->spare, &delta->node);
    }
}

struct nj_work_counts nj_work_count_seen(struct nj_work_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    reap(queue);
    struct nj_work_counts seen = {
        .live = queue->counts.live + queue->in_doubt.live,
        .dead_failed = queue->counts.dead_failed + queue->in_doubt.dead_failed,
        .dead_overflow = queue->counts.dead_overflow + queue->in_doubt.dead_overflow,
    };
    pthread_mutex_unlock(&queue->lock);
    return seen;
}

struct nj_work_counts nj_work_count_committed(struct nj_work_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct nj_work_counts counts = queue->counts;
    pthread_mutex_unlock(&queue->lock);
    return counts;
}

static int64_t this_second(const struct nj_work_queue *queue)
{
    return nj_mono_us(nj_loop_clock(queue->config.loop)) / NJ_US_PER_S;
}

// Lock held.
static void count_done(struct nj_work_queue *queue, unsigned count)
{
    int64_t second = this_second(queue);
    size_t slot = (size_t)(second % NJ_WORK_SECONDS);
    if (queue->done_second[slot] != second) {
        queue->done_second[slot] = second;
        queue->done_count[slot] = 0;
    }
    queue->done_count[slot] += count;
}

unsigned nj_work_done_last_minute(struct nj_work_queue *queue)
{
    int64_t oldest = this_second(queue) - NJ_WORK_SECONDS + 1;
    unsigned sum = 0;
    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < NJ_WORK_SECONDS; i++)
        if (queue->done_second[i] >= oldest)
            sum += queue->done_count[i];
    pthread_mutex_unlock(&queue->lock);
    return sum;
}

void nj_work_show_depth(struct nj_work_queue *queue)
{
    if (!queue->depth_gauge)
        return;
    int64_t waiting = nj_work_count_committed(queue).live - (int64_t)atomic_load(&queue->in_flight);
    nj_metric_set(queue->depth_gauge, waiting > 0 ? (double)waiting : 0);
}

void nj_work_queue_expect(struct nj_work_queue *queue)
{
    if (nj_work_count_committed(queue).live == 0)
        nj_work_wake(queue);
}

void nj_work_wake(struct nj_work_queue *queue)
{
    if (!atomic_exchange(&queue->wake_posted, true))
        nj_loop_post(queue->config.loop, &queue->wake_call);
}

static void show_metrics(struct nj_work_queue *queue, const struct nj_work_delta *delta)
{
    if (!queue->depth_gauge)
        return;
    nj_metric_add(queue->dropped_total, delta->dropped);
    nj_metric_add(queue->retried_total, delta->retried);
    if (delta->failed || delta->dead_overflow > 0)
        nj_metric_add(queue->dead_total, delta->failed + (delta->dead_overflow > 0 ? 1 : 0));
    nj_work_show_depth(queue);
}

static void handle_commit(struct nj_commit_hook *hook)
{
    struct nj_work_delta *delta = NJ_CONTAINER_OF(hook, struct nj_work_delta, hook);
    struct nj_work_queue *queue = delta->queue;
    struct nj_work_delta done = *delta;
    if (done.put) // before it counts, or the queue would seem to rest with it
        nj_work_wake(queue);
    pthread_mutex_lock(&queue->lock);
    add(&queue->counts, delta, 1);
    add(&queue->in_doubt, delta, -1);
    queue->put += delta->put;
    queue->completed += delta->completed;
    queue->failed += delta->failed;
    queue->retried += delta->retried;
    queue->dropped += delta->dropped;
    if (delta->completed)
        count_done(queue, delta->completed);
    nj_list_remove(&delta->node);
    nj_list_append(&queue->spare, &delta->node);
    pthread_mutex_unlock(&queue->lock);
    show_metrics(queue, &done);
}

int nj_work_count(struct nj_work_queue *queue, struct nj_db *db, const struct nj_work_delta *change,
                  struct nj_error *err)
{
    pthread_mutex_lock(&queue->lock);
    reap(queue);
    struct nj_list *node = nj_list_pop(&queue->spare);
    struct nj_work_delta *delta =
        node ? NJ_CONTAINER_OF(node, struct nj_work_delta, node) : malloc(sizeof *delta);
    if (!delta) {
        pthread_mutex_unlock(&queue->lock);
        return nj_error_set(err, NJ_E_NOMEM, "%s: no memory", queue->config.name);
    }
    *delta = *change;
    delta->hook = (struct nj_commit_hook){.fn = handle_commit};
    delta->queue = queue;
    nj_list_append(&queue->pending, &delta->node);
    add(&queue->in_doubt, delta, 1);
    nj_db_after_commit(db, &delta->hook); // under the lock, or reap could take it for dropped
    pthread_mutex_unlock(&queue->lock);
    return 0;
}

void nj_work_count_correct(struct nj_work_queue *queue, const struct nj_work_counts *drift)
{
    pthread_mutex_lock(&queue->lock);
    queue->counts.live += drift->live;
    queue->counts.dead_failed += drift->dead_failed;
    queue->counts.dead_overflow += drift->dead_overflow;
    pthread_mutex_unlock(&queue->lock);
    nj_work_show_depth(queue);
}
