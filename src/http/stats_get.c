// SPDX-License-Identifier: Apache-2.0
// GET /api/system/stats: how much there is.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "storage/store_events.h"
#include "util/build_info.h"

#include <stdlib.h>

struct stats_call {
    struct nj_store_call call;
    int64_t cameras, detections, events, unreviewed;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct stats_call *self = NJ_CONTAINER_OF(op, struct stats_call, call.op);
    const struct nj_detection_filter detections = {.limit = 1};
    const struct nj_event_filter events = {.reviewed = -1, .limit = 1};
    const struct nj_event_filter unreviewed = {.reviewed = 0, .limit = 1};
    struct nj_camera_row *cameras = NULL;
    size_t count = 0;
    int rc = nj_cameras_list(db, &cameras, &count, err);
    free(cameras);
    self->cameras = (int64_t)count;
    if (rc == 0)
        rc = nj_detections_count(db, &detections, &self->detections, err);
    if (rc == 0)
        rc = nj_events_count(db, &events, &self->events, err);
    return rc != 0 ? rc : nj_events_count(db, &unreviewed, &self->unreviewed, err);
}

static void reply(struct nj_store_call *call)
{
    const struct stats_call *self = NJ_CONTAINER_OF(call, struct stats_call, call);
    const struct nj_api *api = call->exchange->api;
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_int(&answer.writer, "total_cameras", self->cameras);
    nj_json_int(&answer.writer, "total_detections", self->detections);
    nj_json_int(&answer.writer, "total_events", self->events);
    nj_json_int(&answer.writer, "unreviewed_events", self->unreviewed);
    nj_api_write_uptime(api, &answer.writer);
    nj_json_text(&answer.writer, "version", nj_build_version());
    nj_json_time(&answer.writer, "timestamp", nj_api_wall_us(api));
    nj_json_answer_send(&answer, call->exchange, NULL);
}

void nj_route_stats_get(struct nj_exchange *exchange)
{
    struct stats_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
