// SPDX-License-Identifier: Apache-2.0
// The consumer's side of a work queue: claims in batches ahead of need, extends leases, recounts.
//
// All of it is one store operation, at most one of which is under way: what is wanted meanwhile is
// looked at when it comes back. So a burst of puts costs one claim, and nothing here is unbounded.
#include "jobs/dead_letter.h"
#include "jobs/work_queue_priv.h"

#include <stdlib.h>
#include <string.h>

static nj_us lease_us(const struct nj_work_queue *queue)
{
    return queue->config.options.lease_us;
}

// Also those whose lease has run out already or ends too late, before the claim: a jump of the wall
// clock must not make us claim what we hold.
static int extend_leases(struct nj_work_queue *queue, struct nj_db *db, struct nj_error *err)
{
    struct nj_work_tend *tend = &queue->tend;
    for (size_t i = 0; i < tend->lease_count; i++) {
        struct nj_work_lease *lease = &tend->leases[i];
        const nj_us left_us = lease->until_us - nj_db_now_us(db);
        lease->lost = false;
        if (!tend->extend && left_us > 0 && left_us <= lease_us(queue))
            continue;
        int rc = nj_work_extend(db, lease->id, lease->fence, lease_us(queue), err);
        if (rc == NJ_E_CONFLICT)
            lease->lost = true;
        else if (rc < 0)
            return rc;
        else
            lease->until_us = nj_db_now_us(db) + lease_us(queue);
    }
    return 0;
}

// After a clock that was set back, retries and the leases of a program that died would wait until
// it comes to their time again. Jitter at most doubles a retry's delay.
static int pull_in(const struct nj_work_queue *queue, struct nj_db *db, struct nj_error *err)
{
    const nj_us farthest_us = lease_us(queue) + 2 * queue->config.options.retry_cap_us;
    return nj_work_pull_in(db, queue->config.name, farthest_us, err);
}

static int recount(struct nj_work_queue *queue, struct nj_db *db, struct nj_error *err)
{
    struct nj_work_tend *tend = &queue->tend;
    struct nj_work_tally tally = {0};
    int64_t failed = 0, overflow = 0;
    const char *name = queue->config.name;
    int rc = nj_work_counts(db, name, &tally, err);
    if (rc == 0)
        rc = nj_letters_counts(db, name, &failed, &overflow, err);
    if (rc < 0)
        return rc;
    tend->oldest_us = tally.oldest_us;
    struct nj_work_counts seen = nj_work_count_seen(queue);
    tend->drift = (struct nj_work_counts){
        .live = tally.waiting + tally.claimed - seen.live,
        .dead_failed = failed - seen.dead_failed,
        .dead_overflow = overflow - seen.dead_overflow,
    };
    return 0;
}

static void forget_rows(struct nj_work_tend *tend)
{
    for (size_t i = 0; i < tend->row_count; i++)
        nj_work_row_finish(&tend->rows[i]);
    tend->row_count = 0;
}

static int apply_tend(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_work_tend *tend = NJ_CONTAINER_OF(op, struct nj_work_tend, op);
    struct nj_work_queue *queue = NJ_CONTAINER_OF(tend, struct nj_work_queue, tend);
    forget_rows(tend); // of a run whose commit failed
    tend->next_due_us = 0;
    tend->now_us = nj_db_now_us(db);
    int rc = extend_leases(queue, db, err);
    if (rc == 0 && tend->recount)
        rc = pull_in(queue, db, err);
    const struct nj_work_wish wish = {
        .queue = queue->config.name,
        .lease_us = lease_us(queue),
        .limit = tend->limit,
        .alone_from = queue->config.options.max_attempts,
        .others = tend->others,
    };
    if (rc == 0 && tend->limit)
        rc = nj_work_claim(db, &wish, tend->rows, &tend->row_count, err);
    if (rc == 0 && tend->row_count < tend->limit)
        rc = nj_work_next_due(db, queue->config.name, &tend->next_due_us, err);
    if (tend->next_due_us <= tend->now_us)
        tend->next_due_us = 0; // due already, and left for the end of those that are held
    if (rc == 0 && tend->recount)
        rc = recount(queue, db, err);
    return rc;
}

static struct nj_work_held *find_held(struct nj_list *list, const struct nj_work_lease *lease)
{
    for (struct nj_list *node = list->next; node != list; node = node->next) {
        struct nj_work_held *held = NJ_CONTAINER_OF(node, struct nj_work_held, node);
        if (held->item.id == lease->id && held->item.fence == lease->fence)
            return held;
    }
    return NULL;
}

// The item may have ended while the operation ran.
static void note_lease(struct nj_work_queue *queue, const struct nj_work_lease *lease)
{
    struct nj_work_held *held = find_held(&queue->ready, lease);
    if (held && lease->lost) {
        queue->ready_count--;
        nj_work_held_free(held);
        return;
    }
    if (!held)
        held = find_held(&queue->flying, lease);
    if (!held)
        held = find_held(&queue->unsettled, lease);
    if (!held)
        return;
    held->lost = lease->lost;
    held->row.lease_until_us = lease->until_us;
}

// Claims that ended without a failure being written: the process died, or stalled for a lease.
static bool was_lost_too_often(const struct nj_work_queue *queue, const struct nj_work_row *row)
{
    if (row->attempts <= queue->config.options.max_lost)
        return false;
    int64_t lost = row->attempts - 1 - (int64_t)nj_failures_count(row->history);
    return lost >= queue->config.options.max_lost;
}

static json_t *parse_payload(const struct nj_work_row *row, struct nj_error *err)
{
    json_t *payload = NULL;
    if (nj_json_parse(row->payload, strlen(row->payload), NJ_WORK_PAYLOAD_MAX, &payload, err) < 0)
        return NULL;
    if (!json_is_object(payload)) {
        nj_error_set(err, NJ_E_INVALID, "the payload is no JSON object");
        json_decref(payload);
        return NULL;
    }
    return payload;
}

// Takes over *row. Without memory the item comes back when its lease ends.
static void hold(struct nj_work_queue *queue, struct nj_work_row *row)
{
    struct nj_work_held *held = calloc(1, sizeof *held);
    if (!held) {
        nj_work_row_finish(row);
        return;
    }
    held->queue = queue;
    held->row = *row;
    *row = (struct nj_work_row){0};
    held->item.id = held->row.id;
    held->item.fence = held->row.fence;
    held->item.attempts = held->row.attempts;
    held->item.created_us = held->row.created_us;
    queue->held_count++;
    nj_list_append(&queue->ready, &held->node);
    struct nj_error why = {0};
    held->item.payload = parse_payload(&held->row, &why);
    if (why.code == NJ_E_NOMEM) {
        nj_work_put_off(held, NJ_WORK_ERROR_WAIT_US); // it says nothing about the payload
        return;
    }
    const char *reason = "invalid";
    if (held->item.payload && was_lost_too_often(queue, &held->row)) {
        nj_error_set(&why, NJ_E_TIMEOUT, "the program ended or stalled %lld times in this item",
                     (long long)queue->config.options.max_lost);
        reason = "failed";
    }
    if (why.code < 0)
        nj_work_bury(held, reason, &why);
    else
        queue->ready_count++;
}

static void arm_lease_timer(struct nj_work_queue *queue)
{
    nj_us third = lease_us(queue) / 3;
    if (queue->held_count && !nj_timer_active(&queue->lease_timer))
        (void)nj_timer_start(&queue->lease_timer, third, third);
}

// When something that waits becomes due. The wall clock may jump, so the wait is bounded: the
// recount's claim looks again.
static void arm_due_timer(struct nj_work_queue *queue)
{
    const struct nj_work_tend *tend = &queue->tend;
    if (!queue->running || !tend->next_due_us)
        return;
    nj_us delay = tend->next_due_us - tend->now_us;
    if (delay < NJ_WORK_DUE_MIN_US)
        delay = NJ_WORK_DUE_MIN_US;
    if (delay > NJ_WORK_RECOUNT_US)
        delay = NJ_WORK_RECOUNT_US;
    (void)nj_timer_start(&queue->due_timer, delay, 0);
}

static void warn_of_pressure(struct nj_work_queue *queue)
{
    struct nj_work_queue_stats stats;
    nj_work_queue_get_stats(queue, &stats);
    if (stats.pressure && !queue->in_pressure)
        nj_log_at(queue->config.log, NJ_LOG_WARNING, "Work queue is filling up",
                  NJ_TEXT("queue", queue->config.name), NJ_INT("waiting", stats.waiting),
                  NJ_NUMBER("fill_ratio", stats.fill_ratio));
    queue->in_pressure = stats.pressure;
}

static void take_results(struct nj_work_queue *queue)
{
    struct nj_work_tend *tend = &queue->tend;
    if (tend->extend)
        queue->extend_wanted = false;
    if (tend->recount) {
        queue->recount_wanted = false;
        queue->oldest_us = tend->oldest_us;
        nj_work_count_correct(queue, &tend->drift);
    }
    for (size_t i = 0; i < tend->lease_count; i++)
        note_lease(queue, &tend->leases[i]);
    for (size_t i = 0; i < tend->row_count; i++)
        hold(queue, &tend->rows[i]);
    if (tend->row_count == tend->limit && tend->limit)
        tend->again = true; // there may be more
    tend->row_count = 0;
    arm_lease_timer(queue);
    arm_due_timer(queue);
    warn_of_pressure(queue);
}

// A full disk fails every second, with claims between that find a little room; the log needs it
// once a minute.
static void tell_failure(struct nj_work_queue *queue, const struct nj_error *why)
{
    nj_us now_us = nj_mono_us(nj_loop_clock(queue->config.loop));
    if (queue->failure_told_us != 0 && now_us - queue->failure_told_us < NJ_WORK_TELL_EVERY_US)
        return;
    queue->failure_told_us = now_us;
    nj_log_at(queue->config.log, NJ_LOG_ERROR, "Cannot claim work",
              NJ_TEXT("queue", queue->config.name), NJ_TEXT("error", why->text));
}

static void handle_tended(struct nj_store_op *op)
{
    struct nj_work_tend *tend = NJ_CONTAINER_OF(op, struct nj_work_tend, op);
    struct nj_work_queue *queue = NJ_CONTAINER_OF(tend, struct nj_work_queue, tend);
    queue->ops--;
    tend->busy = false;
    if (queue->destroyed) {
        nj_work_free_if_unused(queue);
        return;
    }
    if (op->rc < 0) {
        tend->next_due_us = 0; // what was read went with the claim
        tell_failure(queue, &op->error);
        (void)nj_timer_start(&queue->due_timer, NJ_WORK_ERROR_WAIT_US, 0);
        return;
    }
    bool wanted = tend->again;
    tend->again = false;
    take_results(queue);
    if (!queue->running) {
        nj_work_queue_pause(queue); // gives back what came too late
    } else {
        nj_work_dispatch(queue);
    }
    if (wanted || tend->again)
        nj_work_tend(queue);
}

static void list_leases(struct nj_work_queue *queue, struct nj_list *list)
{
    struct nj_work_tend *tend = &queue->tend;
    for (struct nj_list *node = list->next; node != list; node = node->next) {
        const struct nj_work_held *held = NJ_CONTAINER_OF(node, struct nj_work_held, node);
        if (held->lost || tend->lease_count == tend->lease_capacity)
            continue;
        tend->leases[tend->lease_count++] = (struct nj_work_lease){
            .id = held->item.id,
            .fence = held->item.fence,
            .until_us = held->row.lease_until_us,
        };
    }
}

// Half of what is claimed ahead may be used up before it is worth another transaction.
static size_t claim_limit(const struct nj_work_queue *queue)
{
    size_t room = queue->capacity + queue->ahead;
    if (!queue->running || queue->held_count >= room || queue->ready_count > queue->ahead / 2)
        return 0;
    room -= queue->held_count;
    return room < NJ_WORK_BATCH_MAX ? room : NJ_WORK_BATCH_MAX;
}

void nj_work_tend(struct nj_work_queue *queue)
{
    struct nj_work_tend *tend = &queue->tend;
    if (tend->busy) {
        tend->again = true;
        return;
    }
    tend->limit = claim_limit(queue);
    tend->others = queue->held_count > 0;
    tend->extend = queue->extend_wanted && queue->held_count > 0;
    tend->recount = queue->recount_wanted;
    if (!tend->limit && !tend->extend && !tend->recount)
        return;
    tend->lease_count = 0;
    if (nj_array_reserve((void **)&tend->leases, &tend->lease_capacity, queue->held_count + 1,
                         sizeof *tend->leases) == 0 ||
        tend->lease_capacity) {
        list_leases(queue, &queue->ready);
        list_leases(queue, &queue->flying);
        list_leases(queue, &queue->unsettled);
    }
    tend->again = false;
    tend->op.patient = queue->held_count > 0; // else there is nothing to do meanwhile
    tend->next_due_us = 0;                    // unknown, also when the store does not take it
    tend->busy = nj_store_write(queue->config.store, &tend->op) == 0;
    if (tend->busy)
        queue->ops++;
    else
        (void)nj_timer_start(&queue->due_timer, NJ_WORK_ERROR_WAIT_US, 0);
}

void nj_work_dispatch(struct nj_work_queue *queue)
{
    if (queue->dispatching) // the handler ended an item at once; the loop below goes on
        return;
    queue->dispatching = true;
    while (queue->running && queue->flying_count < queue->capacity &&
           !nj_list_empty(&queue->ready)) {
        struct nj_work_held *held = NJ_CONTAINER_OF(queue->ready.next, struct nj_work_held, node);
        nj_list_remove(&held->node);
        nj_list_append(&queue->flying, &held->node);
        queue->ready_count--;
        atomic_store(&queue->in_flight, ++queue->flying_count);
        queue->handler(&held->item, queue->arg);
    }
    queue->dispatching = false;
    nj_work_show_depth(queue);
}

// The last look at the store still holds: whatever ends, or is put, is followed by another one.
bool nj_work_queue_rests(struct nj_work_queue *queue)
{
    const struct nj_work_tend *tend = &queue->tend;
    if (queue->held_count > 0 || tend->busy || atomic_load(&queue->wake_posted))
        return false;
    if (nj_work_count_committed(queue).live == 0)
        return true;
    return queue->running && tend->next_due_us > nj_wall_us(nj_loop_clock(queue->config.loop));
}

static void handle_due(struct nj_timer *timer)
{
    nj_work_tend(NJ_CONTAINER_OF(timer, struct nj_work_queue, due_timer));
}

static void handle_lease(struct nj_timer *timer)
{
    struct nj_work_queue *queue = NJ_CONTAINER_OF(timer, struct nj_work_queue, lease_timer);
    if (!queue->held_count) {
        nj_timer_stop(timer);
        return;
    }
    queue->extend_wanted = true;
    nj_work_tend(queue);
}

static void handle_recount(struct nj_timer *timer)
{
    struct nj_work_queue *queue = NJ_CONTAINER_OF(timer, struct nj_work_queue, recount_timer);
    queue->recount_wanted = true;
    nj_work_tend(queue);
}

void nj_work_tend_init(struct nj_work_queue *queue)
{
    struct nj_loop *loop = queue->config.loop;
    // A claim that a loss of power takes back is made again at the next start: no flush for it.
    queue->tend.op = (struct nj_store_op){
        .apply = apply_tend, .done = handle_tended, .loop = loop, .relaxed = true, .patient = true};
    nj_timer_init(&queue->due_timer, loop, handle_due);
    nj_timer_init(&queue->lease_timer, loop, handle_lease);
    nj_timer_init(&queue->recount_timer, loop, handle_recount);
    nj_timer_init(&queue->settle_timer, loop, nj_work_settle_again);
}

void nj_work_tend_finish(struct nj_work_queue *queue)
{
    forget_rows(&queue->tend);
    free(queue->tend.leases);
}
