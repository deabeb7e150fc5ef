// SPDX-License-Identifier: Apache-2.0
// GET /api/events/{id}: the event with its detections and its neighbours in time.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "bus/messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { DETECTIONS_SHOWN = 1000 }; // further ones are at /api/events/{id}/detections

struct event_call {
    struct nj_store_call call;
    int64_t id, newer, older;
    struct nj_event_row row;
    struct nj_detection_row *detections;
    size_t count;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct event_call *self = NJ_CONTAINER_OF(op, struct event_call, call.op);
    const struct nj_detection_filter filter = {.event_id = self->id, .limit = DETECTIONS_SHOWN};
    int rc = nj_events_get(db, self->id, &self->row, err);
    if (rc == 0)
        rc = nj_events_neighbours(db, self->id, &self->newer, &self->older, err);
    return rc != 0 ? rc : nj_detections_list(db, &filter, &self->detections, &self->count, err);
}

static void write_id(struct nj_json_writer *writer, const char *key, int64_t id)
{
    if (id > 0)
        nj_json_int(writer, key, id);
    else
        nj_json_null(writer, key);
}

static void reply(struct nj_store_call *call)
{
    const struct event_call *self = NJ_CONTAINER_OF(call, struct event_call, call);
    char etag[NJ_ETAG_SIZE];
    // The version comes first: If-Match of a change reads it. What else can change follows.
    snprintf(etag, sizeof etag, "\"v%" PRId64 "-%" PRId64 "-%" PRId64 "-%zu\"", self->row.version,
             self->newer, self->older, self->count);
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_message_event_members(&self->row, &answer.writer);
    nj_json_array_begin(&answer.writer, "detections");
    for (size_t i = self->count; i > 0; i--) // oldest first: the course of things
        nj_message_detection_object(&self->detections[i - 1], &answer.writer, NULL);
    nj_json_array_end(&answer.writer);
    write_id(&answer.writer, "newer_id", self->newer);
    write_id(&answer.writer, "older_id", self->older);
    nj_json_answer_send(&answer, call->exchange,
                        &(struct nj_answer_options){.etag = etag, .cache = "no-cache"});
}

static void finish(struct nj_store_call *call)
{
    free(NJ_CONTAINER_OF(call, struct event_call, call)->detections);
}

void nj_route_event_get(struct nj_exchange *exchange)
{
    int64_t id;
    if (!nj_param_id(exchange, 0, &id))
        return;
    struct event_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        self->id = id;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
