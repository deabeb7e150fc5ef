// SPDX-License-Identifier: Apache-2.0
// GET /api/detections, and those of an event: newest first, filtered, by cursor.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "bus/messages.h"

#include <stdlib.h>

struct list_call {
    struct nj_store_call call;
    struct nj_detection_filter filter;
    char texts[3][256]; // behind the filter
    struct nj_page_query page;
    struct nj_detection_row *rows;
    size_t count;
    int64_t total;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct list_call *self = NJ_CONTAINER_OF(op, struct list_call, call.op);
    struct nj_detection_filter all = self->filter;
    all.before_us = 0;
    all.before_id = 0;
    struct nj_event_row event;
    int rc = 0;
    if (self->filter.event_id > 0)
        rc = nj_events_get(db, self->filter.event_id, &event, err);
    if (rc == 0 && self->page.counted)
        rc = nj_detections_count(db, &all, &self->total, err);
    return rc != 0 ? rc : nj_detections_list(db, &self->filter, &self->rows, &self->count, err);
}

static void write_row(const void *row, struct nj_json_writer *writer)
{
    nj_message_detection_object(row, writer, NULL);
}

static void reply(struct nj_store_call *call)
{
    const struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    nj_rows_reply(call->exchange, &self->page,
                  &(struct nj_page_rows){self->rows, sizeof *self->rows, self->count, self->total,
                                         write_row, offsetof(struct nj_detection_row, detected_us),
                                         offsetof(struct nj_detection_row, id)});
}

static void finish(struct nj_store_call *call)
{
    free(NJ_CONTAINER_OF(call, struct list_call, call)->rows);
}

// False: answered.
static bool read_page(struct nj_exchange *exchange, struct list_call *self)
{
    if (!nj_query_page(exchange, &self->page))
        return false;
    self->filter.limit = self->page.limit + 1;
    self->filter.before_us = self->page.before.at_us;
    self->filter.before_id = self->page.before.id;
    return true;
}

static bool read_filter(struct nj_exchange *exchange, struct list_call *self)
{
    struct nj_detection_filter *filter = &self->filter;
    return nj_query_text(exchange, "camera_id", self->texts[0], &filter->camera_id) &&
           nj_query_text(exchange, "batch_id", self->texts[1], &filter->batch_id) &&
           nj_query_text(exchange, "object_type", self->texts[2], &filter->object_type) &&
           nj_query_number(exchange, "min_confidence", &filter->min_confidence) &&
           nj_query_time(exchange, "start_date", false, &filter->from_us) &&
           nj_query_time(exchange, "end_date", true, &filter->to_us);
}

static void list(struct nj_exchange *exchange, int64_t event_id)
{
    struct list_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        self->filter.event_id = event_id;
        if (!read_page(exchange, self) || (event_id == 0 && !read_filter(exchange, self))) {
            free(self);
            return;
        }
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}

void nj_route_detection_list(struct nj_exchange *exchange)
{
    list(exchange, 0);
}

void nj_route_event_detections(struct nj_exchange *exchange)
{
    int64_t id;
    if (nj_param_id(exchange, 0, &id))
        list(exchange, id);
}
