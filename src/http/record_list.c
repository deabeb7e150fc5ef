// SPDX-License-Identifier: Apache-2.0
// GET /api/records/{table}: records of a table in the embedded store, newest first, by cursor.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "storage/store_records.h"

#include <stdlib.h>

struct record {
    struct nj_record_row row;
    int64_t id;
};

struct list_call {
    struct nj_store_call call;
    size_t limit;
    int64_t before_id, total;
    struct record *records; // room for limit and one, which tells that there are more
    size_t count;
};

static void drop_records(struct list_call *self)
{
    for (size_t i = 0; i < self->count; i++)
        nj_record_row_finish(&self->records[i].row);
    self->count = 0;
}

static int see(const struct nj_record_row *row, int64_t id, void *arg)
{
    struct list_call *self = arg;
    struct record *record = &self->records[self->count];
    *record = (struct record){.row = *row, .id = id};
    record->row.json = nj_strdup(row->json);
    if (record->row.json == NULL)
        return NJ_E_NOMEM;
    self->count++;
    return 0;
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct list_call *self = NJ_CONTAINER_OF(op, struct list_call, call.op);
    const struct nj_records_query query = {.table = self->call.exchange->params[0],
                                           .before_id = self->before_id,
                                           .limit = (int64_t)self->limit + 1};
    drop_records(self);
    int rc = nj_records_count(db, query.table, &self->total, err);
    return rc != 0 ? rc : nj_records_list(db, &query, see, self, err);
}

static void reply(struct nj_store_call *call)
{
    const struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    struct nj_pagination pagination = {.limit = self->limit,
                                       .total = self->total,
                                       .more = self->count > self->limit,
                                       .shown = self->count};
    struct nj_json_answer answer;
    if (pagination.more) {
        const struct record *last = &self->records[self->limit - 1];
        pagination.shown = self->limit;
        pagination.next = (struct nj_cursor){last->row.created_us, last->id};
    }
    nj_json_answer_begin(&answer);
    nj_json_array_begin(&answer.writer, "items");
    for (size_t i = 0; i < pagination.shown; i++) {
        nj_json_object_begin(&answer.writer, NULL);
        nj_api_record_write(&self->records[i].row, &answer.writer);
        nj_json_object_end(&answer.writer);
    }
    nj_json_array_end(&answer.writer);
    nj_pagination_write(&pagination, &answer.writer);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

static void finish(struct nj_store_call *call)
{
    struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    drop_records(self);
    free(self->records);
}

void nj_route_record_list(struct nj_exchange *exchange)
{
    struct nj_cursor cursor = {.id = 0};
    size_t limit;
    if (!nj_query_limit(exchange, &limit) || !nj_query_cursor(exchange, &cursor))
        return;
    struct list_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        self->limit = limit;
        self->before_id = cursor.id;
        self->records = calloc(limit + 1, sizeof *self->records);
    }
    if (self != NULL && self->records == NULL) {
        free(self);
        self = NULL;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
