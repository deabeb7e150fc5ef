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
    struct nj_page_query page;
    int64_t total;
    struct record *records; // room for limit and one
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
                                           .before_id = self->page.before.id,
                                           .limit = (int64_t)self->page.limit + 1};
    drop_records(self);
    int rc = self->page.counted ? nj_records_count(db, query.table, &self->total, err) : 0;
    return rc != 0 ? rc : nj_records_list(db, &query, see, self, err);
}

static void write_record(const void *row, struct nj_json_writer *writer)
{
    const struct record *record = row;
    nj_json_object_begin(writer, NULL);
    nj_api_record_write(&record->row, writer);
    nj_json_object_end(writer);
}

static void reply(struct nj_store_call *call)
{
    const struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    nj_rows_reply(call->exchange, &self->page,
                  &(struct nj_page_rows){
                      self->records, sizeof *self->records, self->count, self->total, write_record,
                      offsetof(struct record, row.created_us), offsetof(struct record, id)});
}

static void finish(struct nj_store_call *call)
{
    struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    drop_records(self);
    free(self->records);
}

void nj_route_record_list(struct nj_exchange *exchange)
{
    struct nj_page_query page;
    if (!nj_query_page(exchange, &page))
        return;
    struct list_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        self->page = page;
        self->records = calloc(page.limit + 1, sizeof *self->records);
    }
    if (self != NULL && self->records == NULL) {
        free(self);
        self = NULL;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
