// SPDX-License-Identifier: Apache-2.0
// GET /api/cameras.
#include "http/http_priv.h"
#include "http/routes_priv.h"

#include <stdlib.h>

struct cameras_call {
    struct nj_store_call call;
    struct nj_camera_row *rows;
    size_t count;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct cameras_call *self = NJ_CONTAINER_OF(op, struct cameras_call, call.op);
    return nj_cameras_list(db, &self->rows, &self->count, err);
}

static void reply(struct nj_store_call *call)
{
    const struct cameras_call *self = NJ_CONTAINER_OF(call, struct cameras_call, call);
    const struct nj_api_context *context = call->exchange->api->context;
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_array_begin(&answer.writer, "items");
    for (size_t i = 0; i < self->count; i++) {
        nj_json_object_begin(&answer.writer, NULL);
        nj_api_camera_write(&self->rows[i], &answer.writer);
        nj_api_live_write(nj_api_live_find(context, self->rows[i].id), &answer.writer);
        nj_json_object_end(&answer.writer);
    }
    nj_json_array_end(&answer.writer);
    const struct nj_pagination pagination = {.limit = self->count, .total = (int64_t)self->count};
    nj_pagination_write(&pagination, &answer.writer);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

static void finish(struct nj_store_call *call)
{
    free(NJ_CONTAINER_OF(call, struct cameras_call, call)->rows);
}

void nj_route_camera_list(struct nj_exchange *exchange)
{
    struct cameras_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
