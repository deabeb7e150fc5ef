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
    struct nj_page_query page;
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
    int rc = self->page.counted ? nj_refused_counts(db, add_reason, self, err) : 0;
    return rc != 0 ? rc : nj_refused_list(db, &self->filter, &self->rows, &self->count, err);
}

static void write_row(const void *of, struct nj_json_writer *writer)
{
    const struct nj_refused_row *row = of;
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
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_object_begin(&answer.writer, "counts");
    for (size_t i = 0; i < self->reason_count; i++)
        nj_json_int(&answer.writer, self->reasons[i].name, self->reasons[i].count);
    nj_json_object_end(&answer.writer);
    nj_rows_write(&self->page,
                  &(struct nj_page_rows){self->rows, sizeof *self->rows, self->count, self->total,
                                         write_row, offsetof(struct nj_refused_row, refused_us),
                                         offsetof(struct nj_refused_row, id)},
                  &answer.writer);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

static void finish(struct nj_store_call *call)
{
    free(NJ_CONTAINER_OF(call, struct refused_call, call)->rows);
}

void nj_route_upload_refused(struct nj_exchange *exchange)
{
    struct nj_page_query page;
    if (!nj_query_page(exchange, &page))
        return;
    struct refused_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        self->page = page;
        self->filter.limit = page.limit + 1;
        self->filter.before_id = page.before.id;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
