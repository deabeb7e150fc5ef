// SPDX-License-Identifier: Apache-2.0
// GET and DELETE /api/images/{key}: images that pipelines saved, wherever they are kept.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "util/text.h"

#include <stdlib.h>

struct image_call {
    struct nj_saved_image image;
    struct nj_exchange *exchange;
};

static void on_got(struct nj_saved_image *image)
{
    struct image_call *self = NJ_CONTAINER_OF(image, struct image_call, image);
    // A key may be saved anew at any time.
    const struct nj_answer_options options = {.type = image->type, .cache = "no-cache"};
    if (image->rc == 0)
        nj_exchange_bytes(self->exchange, image->bytes, image->length, &options);
    else
        nj_exchange_error(self->exchange, image->rc, &image->error);
    free(self);
}

static void on_deleted(struct nj_saved_image *image)
{
    struct image_call *self = NJ_CONTAINER_OF(image, struct image_call, image);
    struct nj_json_answer answer;
    if (image->rc == 0) {
        nj_json_answer_begin(&answer);
        nj_json_bool(&answer.writer, "success", true);
        nj_json_text(&answer.writer, "key", image->key);
        nj_json_answer_send(&answer, self->exchange, NULL);
    } else {
        nj_exchange_error(self->exchange, image->rc, &image->error);
    }
    free(self);
}

// NULL: answered.
static struct image_call *begin(struct nj_exchange *exchange,
                                void (*done)(struct nj_saved_image *image))
{
    if (exchange->api->context->actions == NULL) {
        nj_exchange_missing(exchange, "what runs the actions of pipelines");
        return NULL;
    }
    struct image_call *self = calloc(1, sizeof *self);
    if (self == NULL) {
        nj_exchange_error(exchange, NJ_E_NOMEM, NULL);
        return NULL;
    }
    self->exchange = exchange;
    self->image.done = done;
    nj_text_copy(self->image.key, sizeof self->image.key, exchange->params[0]);
    return self;
}

void nj_route_image_get(struct nj_exchange *exchange)
{
    struct image_call *self = begin(exchange, on_got);
    if (self != NULL)
        nj_saved_image_get(exchange->api->context->actions, &self->image);
}

void nj_route_image_delete(struct nj_exchange *exchange)
{
    struct image_call *self = begin(exchange, on_deleted);
    if (self != NULL)
        nj_saved_image_delete(exchange->api->context->actions, &self->image);
}
