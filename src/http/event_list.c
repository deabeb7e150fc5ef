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
    size_t limit;
    struct nj_event_row *rows;
    size_t count;
    int64_t total;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct list_call *self = NJ_CONTAINER_OF(op, struct list_call, call.op);
    struct nj_event_filter all = self->filter;
    all.before_id = 0;
    int rc = nj_events_count(db, &all, &self->total, err);
    return rc != 0 ? rc : nj_events_list(db, &self->filter, &self->rows, &self->count, err);
}

static void reply(struct nj_store_call *call)
{
    const struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    struct nj_pagination pagination = {.limit = self->limit,
                                       .total = self->total,
                                       .more = self->count > self->limit,
                                       .shown = self->count};
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_array_begin(&answer.writer, "items");
    if (pagination.more) {
        const struct nj_event_row *last = &self->rows[self->limit - 1];
        pagination.shown = self->limit;
        pagination.next = (struct nj_cursor){last->created_us, last->id};
    }
    for (size_t i = 0; i < pagination.shown; i++)
        nj_message_event_object(&self->rows[i], &answer.writer, NULL);
    nj_json_array_end(&answer.writer);
    nj_pagination_write(&pagination, &answer.writer);
    nj_json_answer_send(&answer, call->exchange, NULL);
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
    struct nj_cursor cursor = {.id = 0};
    bool given = false, reviewed = false;
    if (!nj_query_bool(exchange, "reviewed", &given, &reviewed) ||
        !nj_query_time(exchange, "start_date", false, &filter->from_us) ||
        !nj_query_time(exchange, "end_date", true, &filter->to_us) ||
        !nj_query_limit(exchange, &self->limit) || !nj_query_cursor(exchange, &cursor))
        return false;
    filter->reviewed = given ? reviewed : -1;
    filter->limit = self->limit + 1; // one more tells whether there are more
    filter->before_id = cursor.id;
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
