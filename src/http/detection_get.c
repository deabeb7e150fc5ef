// SPDX-License-Identifier: Apache-2.0
// GET /api/detections/{id}, its picture and its thumbnail.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "bus/messages.h"

#include <stdlib.h>

struct detection_call {
    struct nj_store_call call;
    int64_t id;
    struct nj_detection_row row;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct detection_call *self = NJ_CONTAINER_OF(op, struct detection_call, call.op);
    return nj_detections_get(db, self->id, &self->row, err);
}

static void reply_object(struct nj_store_call *call)
{
    const struct detection_call *self = NJ_CONTAINER_OF(call, struct detection_call, call);
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, NJ_JSON_ANSWER_MAX);
    nj_json_init(&writer, &buf);
    nj_message_detection_object(&self->row, &writer, NULL);
    nj_exchange_json(call->exchange, &buf, NULL);
}

static void reply_image(struct nj_store_call *call)
{
    const struct detection_call *self = NJ_CONTAINER_OF(call, struct detection_call, call);
    nj_picture_reply(call->exchange, &(struct nj_picture_want){.detection = &self->row});
}

static void reply_thumbnail(struct nj_store_call *call)
{
    const struct detection_call *self = NJ_CONTAINER_OF(call, struct detection_call, call);
    nj_picture_reply(call->exchange,
                     &(struct nj_picture_want){.detection = &self->row, .thumbnail = true});
}

static void find(struct nj_exchange *exchange, void (*reply)(struct nj_store_call *call))
{
    int64_t id;
    if (!nj_param_id(exchange, 0, &id))
        return;
    struct detection_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->id = id;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}

void nj_route_detection_get(struct nj_exchange *exchange)
{
    find(exchange, reply_object);
}

void nj_route_detection_image(struct nj_exchange *exchange)
{
    find(exchange, reply_image);
}

void nj_route_detection_thumbnail(struct nj_exchange *exchange)
{
    find(exchange, reply_thumbnail);
}
