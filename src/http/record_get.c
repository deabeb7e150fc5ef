// SPDX-License-Identifier: Apache-2.0
// GET /api/records/{table}/{key}: a record that a pipeline wrote into the embedded store.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "storage/store_records.h"

#include <stdlib.h>
#include <string.h>

struct record_call {
    struct nj_store_call call;
    struct nj_record_row row;
};

void nj_api_record_write(const struct nj_record_row *row, struct nj_json_writer *writer)
{
    nj_json_text(writer, "table", row->table);
    nj_json_text(writer, "key", row->key);
    nj_json_time(writer, "created_at", row->created_us);
    nj_json_time(writer, "updated_at", row->updated_us);
    nj_json_raw(writer, "columns", row->json, strlen(row->json));
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct record_call *self = NJ_CONTAINER_OF(op, struct record_call, call.op);
    const struct nj_exchange *exchange = self->call.exchange;
    nj_record_row_finish(&self->row);
    return nj_records_get(db, exchange->params[0], exchange->params[1], &self->row, err);
}

static void reply(struct nj_store_call *call)
{
    const struct record_call *self = NJ_CONTAINER_OF(call, struct record_call, call);
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_api_record_write(&self->row, &answer.writer);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

static void finish(struct nj_store_call *call)
{
    nj_record_row_finish(&NJ_CONTAINER_OF(call, struct record_call, call)->row);
}

void nj_route_record_get(struct nj_exchange *exchange)
{
    struct record_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
