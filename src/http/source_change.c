// SPDX-License-Identifier: Apache-2.0
// POST /api/sources, PUT and DELETE /api/sources/{id}, POST /api/sources/{id}/pause and /resume.
#include "http/http_priv.h"
#include "http/routes_priv.h"

#include <stdlib.h>

struct source_change {
    struct nj_live_change change;
    struct nj_exchange *exchange;
};

static void reply(struct nj_live_change *change)
{
    struct source_change *self = NJ_CONTAINER_OF(change, struct source_change, change);
    struct nj_exchange *exchange = self->exchange;
    if (change->rc != 0)
        nj_exchange_store_error(exchange, change->rc, &change->error);
    else if (change->kind == NJ_LIVE_REMOVE)
        nj_exchange_bytes(exchange, NULL, 0, &(struct nj_answer_options){.status = 204});
    else
        nj_api_source_reply(exchange, change->changed_id, change->kind == NJ_LIVE_ADD ? 201 : 200);
    free(self);
}

static void start_change(struct nj_exchange *exchange, enum nj_live_change_kind kind)
{
    struct nj_live_set *live = exchange->api->context->live;
    if (live == NULL) {
        nj_exchange_missing(exchange, "the live cameras");
        return;
    }
    struct source_change *self = calloc(1, sizeof *self);
    if (self == NULL) {
        nj_exchange_error(exchange, NJ_E_NOMEM, NULL);
        return;
    }
    self->exchange = exchange;
    self->change.kind = kind;
    self->change.id = exchange->params[0];
    self->change.json = exchange->body;
    self->change.length = exchange->body_length;
    self->change.done = reply;
    nj_live_set_change(live, &self->change);
}

void nj_route_source_add(struct nj_exchange *exchange)
{
    start_change(exchange, NJ_LIVE_ADD);
}

void nj_route_source_replace(struct nj_exchange *exchange)
{
    start_change(exchange, NJ_LIVE_REPLACE);
}

void nj_route_source_remove(struct nj_exchange *exchange)
{
    start_change(exchange, NJ_LIVE_REMOVE);
}

void nj_route_source_pause(struct nj_exchange *exchange)
{
    start_change(exchange, NJ_LIVE_PAUSE);
}

void nj_route_source_resume(struct nj_exchange *exchange)
{
    start_change(exchange, NJ_LIVE_RESUME);
}
