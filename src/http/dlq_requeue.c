// SPDX-License-Identifier: Apache-2.0
// POST /api/dlq/requeue/{queue}, /requeue-all/{queue}, /requeue/{queue}/{id}.
#include "http/http_priv.h"
#include "http/routes_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PIECE = 200,     // letters moved in one transaction: others want to write too
    ALL_MAX = 10000, // letters moved by one request
};

struct requeue_call {
    struct nj_store_call call;
    struct nj_letters_of of;
    int64_t id;   // 0: the oldest
    bool all;     // up to ALL_MAX of them
    size_t moved; // by this transaction
    size_t stuck; // letters whose job waits again: they stay and are passed over
    size_t total_moved, total_stuck;
    bool full, end; // the queue is full; no letters are left
};

// Id of the oldest letter of the name behind the first `skip` ones; NJ_E_NOT_FOUND.
static int find_oldest(const struct requeue_call *self, struct nj_db *db, size_t skip, int64_t *out,
                       struct nj_error *err)
{
    struct nj_letter_page pages[2];
    int rc = nj_letters_page(db, &self->of, (const size_t[]){skip, 1}, pages, err);
    if (rc != 0)
        return rc;
    if (pages[0].count + pages[1].count > 0)
        *out = pages[0].count > 0 ? pages[0].rows[0].id : pages[1].rows[0].id;
    else
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "there are no letters");
    nj_letter_page_finish(&pages[0]);
    nj_letter_page_finish(&pages[1]);
    return rc;
}

static int apply_one(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct requeue_call *self = NJ_CONTAINER_OF(op, struct requeue_call, call.op);
    int64_t id = self->id;
    int rc = id == 0 ? find_oldest(self, db, 0, &id, err) : 0;
    if (rc == 0)
        rc = nj_work_queue_requeue(self->of.queue, db, id, err);
    self->moved = rc == 0;
    return rc;
}

static int apply_piece(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct requeue_call *self = NJ_CONTAINER_OF(op, struct requeue_call, call.op);
    self->moved = self->stuck = 0; // it may run twice
    self->full = self->end = false;
    int rc = 0;
    while (rc == 0 && self->moved + self->stuck < PIECE) {
        int64_t id = 0;
        rc = find_oldest(self, db, self->total_stuck + self->stuck, &id, err);
        if (rc == 0)
            rc = nj_work_queue_requeue(self->of.queue, db, id, err);
        self->moved += rc == 0;
        self->stuck += rc == NJ_E_EXISTS;
        rc = rc == NJ_E_EXISTS ? 0 : rc;
    }
    self->full = rc == NJ_E_FULL;
    self->end = rc == NJ_E_NOT_FOUND;
    return self->full || self->end ? 0 : rc;
}

static void reply(struct nj_store_call *call)
{
    struct requeue_call *self = NJ_CONTAINER_OF(call, struct requeue_call, call);
    char message[160];
    self->total_moved += self->moved;
    self->total_stuck += self->stuck;
    bool over = !self->all || self->full || self->end;
    if (!over && self->total_moved + self->total_stuck < ALL_MAX) {
        call->again = true;
        return;
    }
    snprintf(message, sizeof message, "%zu job%s put back%s%s", self->total_moved,
             self->total_moved == 1 ? "" : "s",
             self->total_stuck > 0 ? "; those that wait again already stay" : "",
             self->full ? "; the queue is full" : "");
    if (self->total_moved > 0)
        nj_log_at(call->exchange->api->context->log, NJ_LOG_INFO, "Dead letters put back by hand",
                  NJ_TEXT("queue", call->exchange->params[0]),
                  NJ_INT("count", (int64_t)self->total_moved));
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_bool(&answer.writer, "success", self->total_moved > 0 || self->end);
    nj_json_text(&answer.writer, "message", message);
    nj_json_null(&answer.writer, "job");
    nj_json_int(&answer.writer, "requeued", (int64_t)self->total_moved);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

// A full queue is not a store that is busy: its own words say what to do.
static void refuse(struct nj_store_call *call)
{
    struct requeue_call *self = NJ_CONTAINER_OF(call, struct requeue_call, call);
    const struct nj_store_op *op = &call->op;
    if (op->rc == NJ_E_FULL && nj_work_queue_is_full(self->of.queue))
        nj_exchange_unserved(call->exchange, op->error.text, op->rc, &op->error);
    else
        nj_exchange_store_error(call->exchange, op->rc, &op->error);
}

static void start(struct nj_exchange *exchange, int64_t id, bool all)
{
    struct nj_letters_of of;
    if (!nj_letters_param(exchange, &of))
        return;
    struct requeue_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = all ? apply_piece : apply_one;
        self->call.reply = reply;
        self->call.failed = refuse;
        self->call.write = true;
        self->of = of;
        self->id = id;
        self->all = all;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}

void nj_route_dlq_requeue(struct nj_exchange *exchange)
{
    start(exchange, 0, false);
}

void nj_route_dlq_requeue_all(struct nj_exchange *exchange)
{
    start(exchange, 0, true);
}

void nj_route_dlq_requeue_one(struct nj_exchange *exchange)
{
    int64_t id;
    if (nj_param_id(exchange, 1, &id))
        start(exchange, id, false);
}
