// SPDX-License-Identifier: Apache-2.0
// A work queue's life, settings and statistics. Claims are in work_queue_tend.c, ends of items in
// work_queue_settle.c, what belongs to others' transactions in work_queue_put.c.
#include "jobs/work_queue_priv.h"
#include "util/text.h"

#include <stddef.h>
#include <stdlib.h>

static const char *const overflow_names[] = {"reject", "drop_oldest", "dlq", NULL};

static const struct nj_option options[] = {
    {.name = "max_size",
     .env = "QUEUE_MAX_SIZE",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_work_queue_options, max_size),
     .min = 1,
     .max = 10000000,
     .unit = "items",
     .fallback = "10000",
     .help = "Items a queue may hold, those being worked on included."},
    {.name = "overflow_policy",
     .env = "QUEUE_OVERFLOW_POLICY",
     .type = NJ_OPTION_CHOICE,
     .offset = offsetof(struct nj_work_queue_options, overflow),
     .choices = overflow_names,
     .fallback = "dlq",
     .help =
         "What happens when a queue is full: the new item is refused, the oldest is dropped, or "
         "the oldest becomes a dead letter."},
    {.name = "backpressure_threshold",
     .env = "QUEUE_BACKPRESSURE_THRESHOLD",
     .type = NJ_OPTION_NUMBER,
     .offset = offsetof(struct nj_work_queue_options, pressure_threshold),
     .min = 0.01,
     .max = 1,
     .fallback = "0.8",
     .help = "Fill ratio from which a queue warns that it is filling up."},
    {.name = "max_attempts",
     .env = "QUEUE_MAX_ATTEMPTS",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_work_queue_options, max_attempts),
     .min = 1,
     .max = 100,
     .unit = "attempts",
     .fallback = "3",
     .help = "Failed attempts after which an item becomes a dead letter."},
    {.name = "max_lost",
     .env = "QUEUE_MAX_LOST",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_work_queue_options, max_lost),
     .min = 1,
     .max = 1000,
     .unit = "claims",
     .fallback = "10",
     .help = "How often the program may end in the middle of an item before the item is taken for "
             "the cause and becomes a dead letter."},
    {.name = "retry_base",
     .env = "QUEUE_RETRY_BASE_SECONDS",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_work_queue_options, retry_base_us),
     .min = 0.001,
     .max = 3600,
     .unit = "s",
     .fallback = "1",
     .help = "Delay after the first failed attempt; it doubles with each further one."},
    {.name = "retry_cap",
     .env = "QUEUE_RETRY_CAP_SECONDS",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_work_queue_options, retry_cap_us),
     .min = 0.001,
     .max = 86400,
     .unit = "s",
     .fallback = "30",
     .help = "Longest delay between attempts, before jitter."},
    {.name = "retry_jitter",
     .env = "QUEUE_RETRY_JITTER",
     .type = NJ_OPTION_NUMBER,
     .offset = offsetof(struct nj_work_queue_options, retry_jitter),
     .min = 0,
     .max = 1,
     .fallback = "0.25",
     .help =
         "Share of the delay that is added at random, so that failures do not come back in step."},
    {.name = "lease",
     .env = "QUEUE_LEASE_SECONDS",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_work_queue_options, lease_us),
     .min = 1,
     .max = 3600,
     .unit = "s",
     .fallback = "30",
     .help = "How long items of a program that died stay out of reach; a living one renews its "
             "leases every third of it."},
};

const struct nj_option_group nj_work_queue_option_group = {
    .name = "queue",
    .title = "Work queues",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_work_queue_options),
};

struct load {
    struct nj_store_op op;
    const char *name;
    struct nj_work_counts counts;
    nj_us oldest_us;
};

static int apply_load(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct load *load = NJ_CONTAINER_OF(op, struct load, op);
    struct nj_work_tally tally = {0};
    int rc = nj_work_counts(db, load->name, &tally, err);
    if (rc == 0)
        rc = nj_letters_counts(db, load->name, &load->counts.dead_failed,
                               &load->counts.dead_overflow, err);
    load->counts.live = tally.waiting + tally.claimed;
    load->oldest_us = tally.oldest_us;
    return rc;
}

static void handle_wake(struct nj_call *call)
{
    struct nj_work_queue *queue = NJ_CONTAINER_OF(call, struct nj_work_queue, wake_call);
    atomic_store(&queue->wake_posted, false);
    if (queue->destroyed)
        nj_work_free_if_unused(queue);
    else
        nj_work_tend(queue);
}

static void queue_free(struct nj_work_queue *queue)
{
    nj_work_tend_finish(queue);
    nj_work_count_finish(queue);
    free(queue);
}

void nj_work_free_if_unused(struct nj_work_queue *queue)
{
    if (queue->destroyed && queue->ops == 0 && !atomic_load(&queue->wake_posted))
        queue_free(queue);
}

int nj_work_queue_create(const struct nj_work_queue_config *config, struct nj_work_queue **out,
                         struct nj_error *err)
{
    struct load load = {.op.apply = apply_load, .name = config->name};
    int rc = nj_store_read_wait(config->store, &load.op, err);
    if (rc < 0)
        return nj_error_prefix(err, "%s", config->name);
    struct nj_work_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return nj_error_set(err, NJ_E_NOMEM, "%s: no memory", config->name);
    queue->config = *config;
    nj_list_init(&queue->ready);
    nj_list_init(&queue->flying);
    nj_list_init(&queue->settling);
    nj_list_init(&queue->unsettled);
    nj_rng_seed(&queue->rng, config->seed);
    queue->wake_call.fn = handle_wake;
    queue->counts = load.counts;
    queue->oldest_us = load.oldest_us;
    nj_work_count_init(queue);
    nj_work_tend_init(queue);
    nj_work_show_depth(queue);
    *out = queue;
    return 0;
}

static void free_all(struct nj_list *list)
{
    while (!nj_list_empty(list))
        nj_work_held_free(NJ_CONTAINER_OF(list->next, struct nj_work_held, node));
}

void nj_work_queue_destroy(struct nj_work_queue *queue)
{
    if (!queue)
        return;
    nj_work_queue_pause(queue);
    queue->destroyed = true;
    nj_timer_stop(&queue->due_timer);
    nj_timer_stop(&queue->lease_timer);
    nj_timer_stop(&queue->recount_timer);
    nj_timer_stop(&queue->settle_timer);
    free_all(&queue->ready);
    free_all(&queue->flying);
    free_all(&queue->unsettled); // those of `settling` are freed by their operations
    nj_work_free_if_unused(queue);
}

int nj_work_queue_start(struct nj_work_queue *queue, size_t capacity, nj_work_handler handler,
                        void *arg)
{
    if (capacity == 0 || capacity > NJ_WORK_CAPACITY_MAX)
        return NJ_E_INVALID;
    queue->capacity = capacity;
    queue->ahead = capacity < NJ_WORK_AHEAD_MAX ? capacity : NJ_WORK_AHEAD_MAX;
    queue->handler = handler;
    queue->arg = arg;
    queue->running = true;
    int rc = nj_timer_start(&queue->recount_timer, NJ_WORK_RECOUNT_US, NJ_WORK_RECOUNT_US);
    if (rc < 0) {
        queue->running = false;
        return rc;
    }
    nj_work_tend(queue);
    return 0;
}

void nj_work_queue_pause(struct nj_work_queue *queue)
{
    queue->running = false;
    nj_timer_stop(&queue->due_timer);
    while (!nj_list_empty(&queue->ready)) {
        struct nj_work_held *held = NJ_CONTAINER_OF(queue->ready.next, struct nj_work_held, node);
        queue->ready_count--;
        nj_work_give_back(held);
    }
}

size_t nj_work_queue_in_flight(const struct nj_work_queue *queue)
{
    return queue->flying_count;
}

void nj_work_queue_get_stats(struct nj_work_queue *queue, struct nj_work_queue_stats *out)
{
    const struct nj_work_queue_options *set = &queue->config.options;
    struct nj_work_counts counts = nj_work_count_committed(queue);
    int64_t flying = (int64_t)queue->flying_count;
    *out = (struct nj_work_queue_stats){
        .waiting = counts.live > flying ? counts.live - flying : 0,
        .in_flight = flying,
        .dead_failed = counts.dead_failed,
        .dead_overflow = counts.dead_overflow,
        .max_size = set->max_size,
        .fill_ratio = (double)counts.live / (double)set->max_size,
        .full = counts.live >= set->max_size,
        .rejected = atomic_load(&queue->rejected),
        .per_minute = nj_work_done_last_minute(queue),
    };
    out->pressure = out->fill_ratio >= set->pressure_threshold;
    nj_us wait = nj_wall_us(nj_loop_clock(queue->config.loop)) - queue->oldest_us;
    if (out->waiting && queue->oldest_us && wait > 0)
        out->oldest_wait_us = wait;
    pthread_mutex_lock(&queue->lock);
    out->put = queue->put;
    out->completed = queue->completed;
    out->failed = queue->failed;
    out->retried = queue->retried;
    out->dropped = queue->dropped;
    pthread_mutex_unlock(&queue->lock);
}

const char *nj_work_queue_name(const struct nj_work_queue *queue)
{
    return queue->config.name;
}
