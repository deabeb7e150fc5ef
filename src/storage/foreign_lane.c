// SPDX-License-Identifier: Apache-2.0
// A lane of the foreign writer: one thread, one connection, writes in their order. What waits is
// sent together as one transaction; when the server refuses a write, those before it go alone, then
// those behind it, so that each is carried out once and in its turn, or told to have failed.
#include "loop/thread.h"
#include "storage/foreign_priv.h"
#include "util/backoff.h"

#include <stdio.h>
#include <string.h>

enum { DOUBLINGS = 6, SQL_MAX = 1 << 20 };
static const double jitter = 0.25;

struct nj_foreign_batch {
    struct nj_foreign_write *writes[NJ_FOREIGN_BATCH];
    bool touch[NJ_FOREIGN_BATCH];   // the table has "updated_at"
    bool missing[NJ_FOREIGN_BATCH]; // there is no such row
    size_t count;
    size_t at;         // the first that is not settled
    size_t limit;      // end of those that are tried together
    size_t failed;     // whom the server refused; `limit`: nobody by name
    bool looked_again; // at tables that were gone
    bool fresh;        // the connection is no older than the batch
    bool abandoned;    // none of `writes` may be touched, nor what is outside
    struct nj_error error;
    struct nj_foreign_statement statement;
    struct nj_rng rng;
};

void nj_foreign_lane_push(struct nj_foreign_lane *lane, struct nj_foreign_write *write)
{
    write->next = NULL;
    pthread_mutex_lock(&lane->lock);
    if (lane->last != NULL)
        lane->last->next = write;
    else
        lane->first = write;
    lane->last = write;
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
}

// False: closing, and nothing waits. An empty batch: it is time for the beat.
static bool take(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch)
{
    batch->count = 0;
    batch->at = 0;
    batch->looked_again = false;
    batch->fresh = false;
    pthread_mutex_lock(&lane->lock);
    if (lane->first == NULL && !lane->closing)
        (void)nj_cond_wait(&lane->wake, &lane->lock, lane->link.options->beat_us);
    while (lane->first != NULL && batch->count < NJ_FOREIGN_BATCH) {
        struct nj_foreign_write *write = lane->first;
        lane->first = write->next;
        batch->writes[batch->count++] = write;
    }
    if (lane->first == NULL)
        lane->last = NULL;
    batch->limit = batch->count;
    bool more = batch->count > 0 || !lane->closing;
    pthread_mutex_unlock(&lane->lock);
    return more;
}

// From here to come_back the thread touches nothing but its link. False: it may not go.
static bool go_away(struct nj_foreign_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->away = !lane->stopped;
    bool may = lane->away;
    pthread_mutex_unlock(&lane->lock);
    return may;
}

// False: abandoned meanwhile.
static bool come_back(struct nj_foreign_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->away = false;
    bool wanted = !lane->abandoned;
    pthread_mutex_unlock(&lane->lock);
    return wanted;
}

static enum nj_foreign_fate open_link(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch)
{
    if (lane->link.conn != NULL)
        return NJ_FOREIGN_DONE;
    bool again = lane->connected_once;
    batch->fresh = true;
    if (!go_away(lane)) {
        nj_error_set(&batch->error, NJ_E_CANCELLED, "PostgreSQL %s: the program stops",
                     lane->link.shown);
        return NJ_FOREIGN_AGAIN;
    }
    int rc = nj_foreign_link_open(&lane->link, &batch->error);
    batch->abandoned = !come_back(lane);
    if (batch->abandoned)
        return NJ_FOREIGN_AGAIN;
    const bool is_back = rc == 0 && lane->unreached;
    lane->unreached = rc != 0;
    if (rc != 0)
        return NJ_FOREIGN_AGAIN;
    if (is_back)
        nj_breaker_wake(lane->foreign->config.breaker);
    lane->connected_once = true;
    if (again)
        nj_foreign_note_reconnect(lane->foreign);
    return NJ_FOREIGN_DONE;
}

static enum nj_foreign_fate send_all(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch)
{
    struct nj_foreign_statement *statement = &batch->statement;
    for (size_t i = batch->at; i < batch->limit; i++) {
        nj_foreign_build(statement, batch->writes[i], batch->touch[i]);
        if (nj_buf_failed(&statement->sql)) {
            nj_error_set(&batch->error, NJ_E_NOMEM, "PostgreSQL %s: no memory", lane->link.shown);
            nj_foreign_link_close(&lane->link); // nothing of what was sent is carried out
            return NJ_FOREIGN_AGAIN;
        }
        if (nj_foreign_link_send(&lane->link, statement->sql.data, statement->count,
                                 statement->values, &batch->error) != 0)
            return NJ_FOREIGN_AGAIN;
    }
    return nj_foreign_link_sync(&lane->link, &batch->error) == 0 ? NJ_FOREIGN_DONE
                                                                 : NJ_FOREIGN_AGAIN;
}

// The statements that follow a refused one are passed over by the server.
static enum nj_foreign_fate receive_all(struct nj_foreign_lane *lane,
                                        struct nj_foreign_batch *batch)
{
    enum nj_foreign_fate fate = NJ_FOREIGN_DONE;
    struct nj_error ignored;
    for (size_t i = batch->at; i < batch->limit; i++) {
        PGresult *result = NULL;
        if (nj_foreign_link_result(&lane->link, &result, &batch->error) != 0)
            return NJ_FOREIGN_AGAIN;
        ExecStatusType status = PQresultStatus(result);
        batch->missing[i] =
            batch->writes[i]->kind == NJ_FOREIGN_UPDATE && strcmp(PQcmdTuples(result), "0") == 0;
        if (status == PGRES_FATAL_ERROR && fate == NJ_FOREIGN_DONE) {
            fate = nj_foreign_link_fail(&lane->link, result, &batch->error);
            batch->failed = i;
        }
        PQclear(result);
    }
    enum nj_foreign_fate end =
        nj_foreign_link_end(&lane->link, fate == NJ_FOREIGN_DONE ? &batch->error : &ignored);
    return fate != NJ_FOREIGN_DONE ? fate : end;
}

static enum nj_foreign_fate try_together(struct nj_foreign_lane *lane,
                                         struct nj_foreign_batch *batch)
{
    batch->failed = batch->limit;
    enum nj_foreign_fate fate = open_link(lane, batch);
    for (size_t i = batch->at; fate == NJ_FOREIGN_DONE && i < batch->limit; i++) {
        fate = nj_foreign_tables_ensure(lane->foreign->tables, &lane->link, batch->writes[i],
                                        &batch->touch[i], &batch->error);
        if (fate != NJ_FOREIGN_DONE)
            batch->failed = i;
    }
    if (fate == NJ_FOREIGN_DONE)
        fate = send_all(lane, batch);
    return fate == NJ_FOREIGN_DONE ? receive_all(lane, batch) : fate;
}

static void settle_until(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch, size_t end,
                         const struct nj_error *error)
{
    struct nj_error missing;
    for (; batch->at < end; batch->at++) {
        struct nj_foreign_write *write = batch->writes[batch->at];
        const struct nj_error *why = error;
        if (error == NULL && batch->missing[batch->at]) {
            nj_error_set(&missing, NJ_E_NOT_FOUND, "PostgreSQL %s: table \"%s\" has no such row",
                         lane->link.shown, write->table);
            why = &missing;
        }
        if (error == NULL || error->code == NJ_E_INVALID)
            write->attempts += 1; // this one; failed ones are counted already
        nj_foreign_settle(lane->foreign, write, why);
    }
    batch->limit = batch->count;
    batch->looked_again = false;
}

// The server refused one: it alone fails, in its turn.
static void handle_refused(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch)
{
    if (batch->failed == batch->limit && batch->limit - batch->at > 1)
        batch->limit = batch->at + (batch->limit - batch->at) / 2; // it was their end together
    else if (batch->failed > batch->at && batch->failed < batch->limit)
        batch->limit = batch->failed;
    else
        settle_until(lane, batch, batch->at + 1, &batch->error);
}

static void cancel_rest(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch)
{
    struct nj_error error;
    nj_error_set(&error, NJ_E_CANCELLED, "PostgreSQL %s: the program stops", lane->link.shown);
    settle_until(lane, batch, batch->count, &error);
}

// The connection or the server's state failed: those whose tries are used up end, the others wait.
static void handle_again(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch)
{
    const struct nj_foreign_options *options = lane->link.options;
    const struct nj_backoff backoff = {
        .base_us = options->retry_us, .cap_us = options->retry_us << DOUBLINGS, .jitter = jitter};
    // A connection may have ended while nobody looked; that says nothing of the server.
    bool stale = !batch->fresh && batch->error.code != NJ_E_TIMEOUT && lane->link.conn == NULL;
    if (stale)
        return;
    size_t end = batch->at;
    for (size_t i = batch->at; i < batch->limit; i++) {
        batch->writes[i]->attempts += 1;
        if (i == end && batch->writes[i]->attempts > options->tries)
            end++;
    }
    settle_until(lane, batch, end, &batch->error);
    if (batch->at == batch->count)
        return;
    unsigned attempt = (unsigned)batch->writes[batch->at]->attempts;
    if (nj_foreign_pause(lane->link.stop_fd, nj_backoff_delay(&backoff, attempt, &batch->rng)) != 0)
        cancel_rest(lane, batch);
}

static void report(struct nj_foreign_lane *lane, uint64_t round, enum nj_foreign_fate fate,
                   const struct nj_error *error)
{
    struct nj_breaker *breaker = lane->foreign->config.breaker;
    bool stopped = fate == NJ_FOREIGN_AGAIN && error->code == NJ_E_CANCELLED;
    if (!stopped)
        nj_foreign_note(lane->foreign, fate == NJ_FOREIGN_AGAIN ? error : NULL);
    if (breaker == NULL)
        return;
    if (stopped || (fate == NJ_FOREIGN_AGAIN && error->code == NJ_E_DENIED)) // nobody was asked
        nj_breaker_cancelled(breaker, round);
    else if (fate == NJ_FOREIGN_AGAIN)
        nj_breaker_failure(breaker, round);
    else
        nj_breaker_success(breaker, round);
}

// Nothing to write, or nothing may be: is the server there?
static void beat(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch)
{
    lane->looked_us = nj_mono_us(nj_clock_real());
    if (lane->index > 0 && lane->link.conn == NULL)
        return; // the first lane tries for all
    enum nj_foreign_fate fate = open_link(lane, batch);
    if (batch->abandoned)
        return;
    if (fate == NJ_FOREIGN_DONE)
        fate = nj_foreign_link_ask(&lane->link, "SELECT 1", NULL, NULL, &batch->error);
    if (fate != NJ_FOREIGN_AGAIN || batch->error.code != NJ_E_CANCELLED)
        nj_foreign_note(lane->foreign, fate == NJ_FOREIGN_AGAIN ? &batch->error : NULL);
}

static void step(struct nj_foreign_lane *lane, struct nj_foreign_batch *batch)
{
    struct nj_breaker *breaker = lane->foreign->config.breaker;
    uint64_t round = 0;
    if (breaker != NULL && nj_breaker_enter(breaker, &round, &batch->error) != 0) {
        if (nj_mono_us(nj_clock_real()) - lane->looked_us >= lane->link.options->beat_us) {
            beat(lane, batch); // a lane that is never idle has to look, too
            return;
        }
        settle_until(lane, batch, batch->count, &batch->error);
        return;
    }
    enum nj_foreign_fate fate = try_together(lane, batch);
    if (batch->abandoned)
        return;
    report(lane, round, fate, &batch->error);
    if (fate == NJ_FOREIGN_GONE && !batch->looked_again) {
        batch->looked_again = true;
        nj_foreign_tables_forget(lane->foreign->tables);
    } else if (fate == NJ_FOREIGN_DONE) {
        settle_until(lane, batch, batch->limit, NULL);
    } else if (fate != NJ_FOREIGN_AGAIN) {
        handle_refused(lane, batch);
    } else if (batch->error.code == NJ_E_CANCELLED) {
        cancel_rest(lane, batch);
    } else if (batch->error.code == NJ_E_DENIED) {
        settle_until(lane, batch, batch->count, &batch->error); // no later try helps
    } else {
        handle_again(lane, batch);
    }
}

static void run(void *arg)
{
    struct nj_foreign_lane *lane = arg;
    struct nj_foreign_batch batch = {.count = 0};
    nj_buf_init(&batch.statement.sql, SQL_MAX);
    pthread_mutex_lock(&lane->lock);
    lane->batch = &batch;
    pthread_mutex_unlock(&lane->lock);
    nj_rng_seed(&batch.rng, (uint64_t)nj_mono_us(nj_clock_real()) ^ (uint64_t)(uintptr_t)lane);
    if (lane->index == 0)
        beat(lane, &batch); // so that a wrong setting shows at once
    while (!batch.abandoned && take(lane, &batch)) {
        if (batch.count == 0)
            beat(lane, &batch);
        while (!batch.abandoned && batch.at < batch.count)
            step(lane, &batch);
    }
    nj_foreign_link_close(&lane->link);
    nj_buf_finish(&batch.statement.sql);
    nj_foreign_lane_ended(lane->foreign);
}

int nj_foreign_lane_start(struct nj_foreign_lane *lane, struct nj_error *err)
{
    char name[16];
    if (pthread_mutex_init(&lane->lock, NULL) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "PostgreSQL %s: no memory", lane->link.shown);
    int rc = nj_cond_init(&lane->wake);
    if (rc != 0) {
        pthread_mutex_destroy(&lane->lock);
        return nj_error_set(err, rc, "PostgreSQL %s: no memory", lane->link.shown);
    }
    snprintf(name, sizeof name, "nj-pg-%zu", lane->index);
    rc = nj_thread_start(&lane->thread, name, run, lane, err);
    if (rc == 0) {
        lane->started = true;
        return 0;
    }
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->lock);
    return rc;
}

void nj_foreign_lane_close(struct nj_foreign_lane *lane)
{
    if (!lane->started)
        return;
    pthread_mutex_lock(&lane->lock);
    lane->closing = true;
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->lock);
}

// The writes of a lane that is away, in their order.
static struct nj_foreign_write *take_writes(struct nj_foreign_lane *lane)
{
    struct nj_foreign_write *all = lane->first;
    const struct nj_foreign_batch *batch = lane->batch;
    for (size_t i = batch->count; i > batch->at; i--) {
        batch->writes[i - 1]->next = all;
        all = batch->writes[i - 1];
    }
    lane->first = lane->last = NULL;
    return all;
}

struct nj_foreign_write *nj_foreign_lane_stop(struct nj_foreign_lane *lane)
{
    struct nj_foreign_write *left = NULL;
    if (!lane->started)
        return NULL;
    pthread_mutex_lock(&lane->lock);
    lane->stopped = true;
    bool away = lane->abandoned = lane->away;
    if (away)
        left = take_writes(lane);
    pthread_mutex_unlock(&lane->lock);
    if (away)
        (void)pthread_detach(lane->thread);
    else
        nj_thread_join(lane->thread);
    return left;
}

void nj_foreign_lane_finish(struct nj_foreign_lane *lane)
{
    if (!lane->started)
        return;
    pthread_cond_destroy(&lane->wake);
    pthread_mutex_destroy(&lane->lock);
}
