// SPDX-License-Identifier: Apache-2.0
// GET and DELETE /api/images/{key} and /api/images?key=: images that pipelines saved, wherever they
// are kept. Keys come from templates, and one with "/" is no segment of a path.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

struct image_call {
    struct nj_saved_image image;
    struct nj_exchange *exchange;
};

static void reply_error(struct image_call *self)
{
    const struct nj_saved_image *image = &self->image;
    if (image->at_redis && image->rc == NJ_E_FULL)
        nj_exchange_unserved(self->exchange,
                             "As many commands wait for Redis as redis.max_waiting allows. Ask "
                             "again in a moment.",
                             image->rc, &image->error);
    else if (image->at_redis && (image->rc == NJ_E_UNAVAILABLE || image->rc == NJ_E_TIMEOUT))
        nj_exchange_unserved(self->exchange,
                             "Redis, where the image may be, does not answer. See whether it runs "
                             "and redis.url is right.",
                             image->rc, &image->error);
    else
        nj_exchange_store_error(self->exchange, image->rc, &image->error);
}

static void on_got(struct nj_saved_image *image)
{
    struct image_call *self = NJ_CONTAINER_OF(image, struct image_call, image);
    // A key may be saved anew at any time.
    const struct nj_answer_options options = {.type = image->type, .cache = "no-cache"};
    if (image->rc == 0)
        nj_exchange_bytes(self->exchange, image->bytes, image->length, &options);
    else
        reply_error(self);
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
        reply_error(self);
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
    const char *key = exchange->params[0][0] != '\0' ? exchange->params[0]
                                                     : nj_http_query(exchange->request, "key");
    if (key == NULL || key[0] == '\0' || strlen(key) >= sizeof((struct nj_saved_image *)0)->key) {
        nj_exchange_problem(exchange, 400, "query parameter key: must be the key of an image");
        return NULL;
    }
    struct image_call *self = calloc(1, sizeof *self);
    if (self == NULL) {
        nj_exchange_error(exchange, NJ_E_NOMEM, NULL);
        return NULL;
    }
    self->exchange = exchange;
    self->image.done = done;
    nj_text_copy(self->image.key, sizeof self->image.key, key);
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
