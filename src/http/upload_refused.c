// SPDX-License-Identifier: Apache-2.0
// GET /api/uploads/refused: files that were not taken, newest first, and counts by reason.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "storage/store_uploads.h"
#include "util/text.h"

#include <stdlib.h>

enum { REASONS_MAX = 64 };

struct reason {
    char name[32];
    int64_t count;
};

struct refused_call {
    struct nj_store_call call;
    struct nj_refused_filter filter;
    size_t limit;
    struct nj_refused_row *rows;
    size_t count;
    struct reason reasons[REASONS_MAX];
    size_t reason_count;
    int64_t total;
};

static int add_reason(void *arg, const char *reason, int64_t count)
{
    struct refused_call *self = arg;
    self->total += count;
    if (self->reason_count == REASONS_MAX)
        return 0;
    struct reason *place = &self->reasons[self->reason_count++];
    nj_text_copy(place->name, sizeof place->name, reason);
    place->count = count;
    return 0;
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct refused_call *self = NJ_CONTAINER_OF(op, struct refused_call, call.op);
    self->reason_count = 0;
    self->total = 0;
    int rc = nj_refused_counts(db, add_reason, self, err);
    return rc != 0 ? rc : nj_refused_list(db, &self->filter, &self->rows, &self->count, err);
}

static void write_row(const struct nj_refused_row *row, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, NULL);
    nj_json_int(writer, "id", row->id);
    nj_json_text(writer, "path", row->path);
    nj_json_text(writer, "camera_id", row->camera_id[0] != '\0' ? row->camera_id : NULL);
    nj_json_text(writer, "reason", row->reason);
    nj_json_text(writer, "detail", row->detail);
    nj_json_int(writer, "size", row->size);
    nj_json_time(writer, "refused_at", row->refused_us);
    nj_json_object_end(writer);
}

static void reply(struct nj_store_call *call)
{
    const struct refused_call *self = NJ_CONTAINER_OF(call, struct refused_call, call);
    struct nj_pagination pagination = {.limit = self->limit,
                                       .total = self->total,
                                       .more = self->count > self->limit,
                                       .shown = self->count};
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    if (pagination.more) {
        const struct nj_refused_row *last = &self->rows[self->limit - 1];
        pagination.shown = self->limit;
        pagination.next = (struct nj_cursor){last->refused_us, last->id};
    }
    nj_json_array_begin(&answer.writer, "items");
    for (size_t i = 0; i < pagination.shown; i++)
        write_row(&self->rows[i], &answer.writer);
    nj_json_array_end(&answer.writer);
    nj_json_object_begin(&answer.writer, "counts");
    for (size_t i = 0; i < self->reason_count; i++)
        nj_json_int(&answer.writer, self->reasons[i].name, self->reasons[i].count);
    nj_json_object_end(&answer.writer);
    nj_pagination_write(&pagination, &answer.writer);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

static void finish(struct nj_store_call *call)
{
    free(NJ_CONTAINER_OF(call, struct refused_call, call)->rows);
}

void nj_route_upload_refused(struct nj_exchange *exchange)
{
    struct nj_cursor cursor = {.id = 0};
    size_t limit;
    if (!nj_query_limit(exchange, &limit) || !nj_query_cursor(exchange, &cursor))
        return;
    struct refused_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        self->limit = limit;
        self->filter.limit = limit + 1;
        self->filter.before_id = cursor.id;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
