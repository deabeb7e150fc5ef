// SPDX-License-Identifier: Apache-2.0
// GET /api/events: newest first, filtered, by cursor.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "bus/messages.h"

#include <stdlib.h>
#include <string.h>

struct list_call {
    struct nj_store_call call;
    struct nj_event_filter filter;
    char texts[4][256]; // behind the filter
    struct nj_page_query page;
    struct nj_event_row *rows;
    size_t count;
    int64_t total;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct list_call *self = NJ_CONTAINER_OF(op, struct list_call, call.op);
    struct nj_event_filter all = self->filter;
    all.before_id = 0;
    int rc = self->page.counted ? nj_events_count(db, &all, &self->total, err) : 0;
    return rc != 0 ? rc : nj_events_list(db, &self->filter, &self->rows, &self->count, err);
}

static void write_row(const void *row, struct nj_json_writer *writer)
{
    nj_message_event_object(row, writer, NULL);
}

static void reply(struct nj_store_call *call)
{
    const struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    nj_rows_reply(call->exchange, &self->page,
                  &(struct nj_page_rows){self->rows, sizeof *self->rows, self->count, self->total,
                                         write_row, offsetof(struct nj_event_row, created_us),
                                         offsetof(struct nj_event_row, id)});
}

static void finish(struct nj_store_call *call)
{
    free(NJ_CONTAINER_OF(call, struct list_call, call)->rows);
}

static bool read_texts(struct nj_exchange *exchange, struct list_call *self)
{
    struct nj_event_filter *filter = &self->filter;
    return nj_query_text(exchange, "camera_id", self->texts[0], &filter->camera_id) &&
           nj_query_text(exchange, "risk_level", self->texts[1], &filter->risk_level) &&
           nj_query_text(exchange, "object_type", self->texts[2], &filter->object_type) &&
           nj_query_text(exchange, "q", self->texts[3], &filter->text);
}

static bool level_is_known(struct nj_exchange *exchange, const char *level)
{
    static const char *const levels[] = {"low", "medium", "high", "critical"};
    for (size_t i = 0; level != NULL && i < NJ_COUNT_OF(levels); i++) {
        if (strcmp(level, levels[i]) == 0)
            level = NULL;
    }
    if (level != NULL)
        nj_exchange_problem(exchange, 400,
                            "query parameter risk_level: must be low, medium, high or critical");
    return level == NULL;
}

static bool read_rest(struct nj_exchange *exchange, struct list_call *self)
{
    struct nj_event_filter *filter = &self->filter;
    bool given = false, reviewed = false;
    if (!nj_query_bool(exchange, "reviewed", &given, &reviewed) ||
        !nj_query_time(exchange, "start_date", false, &filter->from_us) ||
        !nj_query_time(exchange, "end_date", true, &filter->to_us) ||
        !nj_query_page(exchange, &self->page))
        return false;
    filter->reviewed = given ? reviewed : -1;
    filter->limit = self->page.limit + 1;
    filter->before_id = self->page.before.id;
    return level_is_known(exchange, filter->risk_level);
}

void nj_route_event_list(struct nj_exchange *exchange)
{
    struct list_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        if (!read_texts(exchange, self) || !read_rest(exchange, self)) {
            free(self);
            return;
        }
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
