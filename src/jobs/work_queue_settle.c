// SPDX-License-Identifier: Apache-2.0
// How claimed items end when they were not completed: retry, dead letter, or given back. An end
// that the store refuses is tried again as long as the claim is ours.
#include "jobs/dead_letter.h"
#include "jobs/work_queue_priv.h"
#include "util/backoff.h"
#include "util/text.h"

#include <stdlib.h>

void nj_work_held_free(struct nj_work_held *held)
{
    nj_list_remove(&held->node);
    held->queue->held_count--;
    json_decref(held->item.payload);
    free(held->letter.history);
    nj_work_row_finish(&held->row);
    free(held);
}

static int bury(struct nj_work_held *held, struct nj_db *db, struct nj_error *err)
{
    struct nj_work_queue *queue = held->queue;
    int rc = nj_work_delete(db, held->item.id, held->item.fence, err);
    if (rc == 0)
        rc = nj_letters_insert(db, &held->letter, NULL, err);
    if (rc < 0)
        return rc;
    const struct nj_work_delta change = {.live = -1, .dead_failed = 1, .failed = 1};
    return nj_work_count(queue, db, &change, err);
}

static int apply_end(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_work_held *held = NJ_CONTAINER_OF(op, struct nj_work_held, op);
    if (held->end == NJ_WORK_BURY)
        return bury(held, db, err);
    if (held->end == NJ_WORK_GIVE_BACK)
        return nj_work_release(db, held->item.id, held->item.fence, err);
    if (held->end == NJ_WORK_POSTPONE)
        return nj_work_postpone(db, held->item.id, held->item.fence, held->delay_us, err);
    int rc = nj_work_retry(db, &held->row, held->delay_us, err);
    return rc < 0 ? rc : nj_work_count(held->queue, db, &(struct nj_work_delta){.retried = 1}, err);
}

static void wait_to_settle(struct nj_work_held *held)
{
    struct nj_work_queue *queue = held->queue;
    nj_list_remove(&held->node);
    nj_list_append(&queue->unsettled, &held->node);
    if (!nj_timer_active(&queue->settle_timer))
        (void)nj_timer_start(&queue->settle_timer, NJ_WORK_ERROR_WAIT_US, 0);
}

static void handle_ended(struct nj_store_op *op)
{
    struct nj_work_held *held = NJ_CONTAINER_OF(op, struct nj_work_held, op);
    struct nj_work_queue *queue = held->queue;
    queue->ops--;
    bool settled = op->rc == 0 || op->rc == NJ_E_CONFLICT || queue->destroyed;
    if (settled)
        nj_work_held_free(held);
    else
        wait_to_settle(held);
    if (queue->destroyed)
        nj_work_free_if_unused(queue);
    else
        nj_work_tend(queue); // room for a claim, or a due time that was not there
}

static void settle(struct nj_work_held *held)
{
    struct nj_work_queue *queue = held->queue;
    nj_list_remove(&held->node);
    nj_list_append(&queue->settling, &held->node);
    held->op.apply = apply_end;
    held->op.done = handle_ended;
    held->op.loop = queue->config.loop;
    int rc = nj_store_write(queue->config.store, &held->op);
    if (rc == 0)
        queue->ops++;
    else if (rc == NJ_E_CANCELLED) // the store is closed: the lease ends by itself
        nj_work_held_free(held);
    else
        wait_to_settle(held);
}

void nj_work_settle_again(struct nj_timer *timer)
{
    struct nj_work_queue *queue = NJ_CONTAINER_OF(timer, struct nj_work_queue, settle_timer);
    struct nj_list again;
    nj_list_init(&again);
    for (struct nj_list *node = NULL; (node = nj_list_pop(&queue->unsettled)) != NULL;)
        nj_list_append(&again, node);
    for (struct nj_list *node = NULL; (node = nj_list_pop(&again)) != NULL;) {
        struct nj_work_held *held = NJ_CONTAINER_OF(node, struct nj_work_held, node);
        if (held->lost)
            nj_work_held_free(held);
        else
            settle(held);
    }
}

void nj_work_give_back(struct nj_work_held *held)
{
    held->end = NJ_WORK_GIVE_BACK;
    settle(held);
}

void nj_work_put_off(struct nj_work_held *held, nj_us delay_us)
{
    held->end = NJ_WORK_POSTPONE;
    held->delay_us = delay_us;
    settle(held);
}

// Without memory for the history the letter is written without it: better than no letter.
void nj_work_bury(struct nj_work_held *held, const char *reason, const struct nj_error *why)
{
    struct nj_work_queue *queue = held->queue;
    struct nj_letter_row *letter = &held->letter;
    nj_us now = nj_wall_us(nj_loop_clock(queue->config.loop));
    held->end = NJ_WORK_BURY;
    nj_text_copy(letter->queue, sizeof letter->queue, queue->config.name);
    nj_text_copy(letter->reason, sizeof letter->reason, reason);
    nj_text_copy(letter->error, sizeof letter->error, why->text);
    nj_text_copy(letter->error_type, sizeof letter->error_type, nj_error_name(why->code));
    letter->payload = held->row.payload;
    letter->attempts = held->item.attempts;
    letter->last_failed_us = now;
    letter->first_failed_us = held->row.first_failed_us ? held->row.first_failed_us : now;
    const struct nj_letter_context context = {
        .failures = held->row.history,
        .unique_key = held->row.unique_key,
        .label = queue->config.metric_label,
        .depth = nj_work_count_committed(queue).live,
        .in_flight = (int64_t)queue->flying_count,
    };
    letter->history = nj_letter_history(&context);
    nj_log_at(queue->config.log, NJ_LOG_WARNING, "Work became a dead letter",
              NJ_TEXT("queue", queue->config.name), NJ_INT("item", held->item.id),
              NJ_INT("attempts", held->item.attempts), NJ_TEXT("error", why->text));
    settle(held);
}

// Takes the item from the consumer.
static struct nj_work_held *land(struct nj_work_queue *queue, struct nj_work_item *item)
{
    struct nj_work_held *held = NJ_CONTAINER_OF(item, struct nj_work_held, item);
    nj_list_remove(&held->node);
    atomic_store(&queue->in_flight, --queue->flying_count);
    return held;
}

// Items end in groups, as the store commits them: the claim waits for the last of the group and
// makes good for all of it at once.
static void go_on(struct nj_work_queue *queue)
{
    nj_work_dispatch(queue);
    nj_work_wake(queue);
}

void nj_work_queue_finish(struct nj_work_queue *queue, struct nj_work_item *item)
{
    nj_work_held_free(land(queue, item));
    go_on(queue);
}

void nj_work_queue_release(struct nj_work_queue *queue, struct nj_work_item *item)
{
    nj_work_give_back(land(queue, item));
    go_on(queue);
}

void nj_work_queue_postpone(struct nj_work_queue *queue, struct nj_work_item *item, nj_us delay_us)
{
    nj_work_put_off(land(queue, item), delay_us);
    go_on(queue);
}

void nj_work_queue_fail(struct nj_work_queue *queue, struct nj_work_item *item, bool permanent,
                        const struct nj_error *why)
{
    const struct nj_work_queue_options *options = &queue->config.options;
    const struct nj_backoff backoff = {
        .base_us = options->retry_base_us,
        .cap_us = options->retry_cap_us,
        .jitter = options->retry_jitter,
    };
    struct nj_work_held *held = land(queue, item);
    size_t failures = nj_failures_count(held->row.history) + 1;
    bool last = permanent || (int64_t)failures >= options->max_attempts;
    nj_us now = nj_wall_us(nj_loop_clock(queue->config.loop));
    struct nj_failure failure = {
        .attempt = held->item.attempts,
        .failed_us = now,
        .error = why->text,
        .error_type = nj_error_name(why->code),
    };
    if (!last)
        failure.delay_us = nj_backoff_delay(&backoff, (unsigned)failures, &queue->rng);
    // Without memory the failure is not remembered, and the item has one more try.
    char *history = nj_failures_append(held->row.history, &failure);
    if (history) {
        free(held->row.history);
        held->row.history = history;
    }
    if (!held->row.first_failed_us)
        held->row.first_failed_us = now;
    held->end = NJ_WORK_RETRY;
    held->delay_us = failure.delay_us;
    if (last)
        nj_work_bury(held, "failed", why);
    else
        settle(held);
    go_on(queue);
}
