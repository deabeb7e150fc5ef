// SPDX-License-Identifier: Apache-2.0
// GET /api/cameras/{id}: the camera with its newest frame's tracks.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>

struct camera_call {
    struct nj_store_call call;
    char id[NJ_CAMERA_ID_SIZE];
    struct nj_camera_row row;
};

void nj_api_camera_write(const struct nj_camera_row *row, struct nj_json_writer *writer)
{
    char url[128];
    snprintf(url, sizeof url, "/api/cameras/%s/snapshot", row->id);
    nj_json_text(writer, "id", row->id);
    nj_json_text(writer, "name", row->name);
    nj_json_text(writer, "kind", row->kind);
    nj_json_text(writer, "status", row->status);
    nj_json_text(writer, "reason", row->reason[0] != '\0' ? row->reason : NULL);
    nj_json_time(writer, "created_at", row->created_us);
    nj_json_time(writer, "last_seen_at", row->last_seen_us);
    nj_json_time(writer, "picture_at", row->picture_us);
    nj_json_text(writer, "snapshot_url", url);
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct camera_call *self = NJ_CONTAINER_OF(op, struct camera_call, call.op);
    return nj_cameras_get(db, self->id, &self->row, err);
}

static void reply(struct nj_store_call *call)
{
    const struct camera_call *self = NJ_CONTAINER_OF(call, struct camera_call, call);
    const struct nj_api_context *context = call->exchange->api->context;
    struct nj_live_pipeline *pipeline = nj_api_live_find(context, self->id);
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_api_camera_write(&self->row, &answer.writer);
    nj_api_live_write(pipeline, &answer.writer);
    nj_api_live_write_frame(context, pipeline, &answer.writer);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

void nj_route_camera_get(struct nj_exchange *exchange)
{
    struct camera_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        // A longer id is no camera's, and is not found as it is.
        nj_text_copy(self->id, sizeof self->id, exchange->params[0]);
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
