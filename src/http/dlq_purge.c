// SPDX-License-Identifier: Apache-2.0
// DELETE /api/dlq/{queue}: throws the letters of a name away.
#include "http/http_priv.h"
#include "http/routes_priv.h"

#include <stdlib.h>

struct purge_call {
    struct nj_store_call call;
    struct nj_letters_of of;
    int64_t deleted;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct purge_call *self = NJ_CONTAINER_OF(op, struct purge_call, call.op);
    int64_t invalid = 0;
    int rc = nj_work_queue_purge(self->of.queue, db, self->of.overflow ? "overflow" : "failed",
                                 &self->deleted, err);
    if (rc != 0 || self->of.overflow)
        return rc;
    rc = nj_work_queue_purge(self->of.queue, db, "invalid", &invalid, err);
    self->deleted += invalid;
    return rc;
}

static void reply(struct nj_store_call *call)
{
    const struct purge_call *self = NJ_CONTAINER_OF(call, struct purge_call, call);
    nj_log_at(call->exchange->api->context->log, NJ_LOG_WARNING, "Dead letters deleted by hand",
              NJ_TEXT("queue", call->exchange->params[0]), NJ_INT("count", self->deleted));
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_bool(&answer.writer, "success", true);
    nj_json_text(&answer.writer, "queue_name", call->exchange->params[0]);
    nj_json_int(&answer.writer, "deleted", self->deleted);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

void nj_route_dlq_purge(struct nj_exchange *exchange)
{
    struct nj_letters_of of;
    if (!nj_letters_param(exchange, &of))
        return;
    struct purge_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.write = true;
        self->of = of;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
