// SPDX-License-Identifier: Apache-2.0
// GET /api/sources and /api/sources/{id}: live cameras as they are set up.
#include "http/http_priv.h"
#include "http/routes_priv.h"

static void write_item(const struct nj_live_camera *camera, void *arg)
{
    struct nj_json_writer *writer = arg;
    nj_json_object_begin(writer, NULL);
    nj_api_source_write(camera, writer);
    nj_json_object_end(writer);
}

void nj_route_source_list(struct nj_exchange *exchange)
{
    struct nj_live_set *live = exchange->api->context->live;
    if (live == NULL) {
        nj_exchange_missing(exchange, "the live cameras");
        return;
    }
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_array_begin(&answer.writer, "items");
    nj_live_set_each(live, write_item, &answer.writer);
    nj_json_array_end(&answer.writer);
    size_t count = nj_live_set_count(live);
    const struct nj_pagination pagination = {.limit = count, .total = (int64_t)count};
    nj_pagination_write(&pagination, &answer.writer);
    nj_json_answer_send(&answer, exchange, NULL);
}

void nj_api_source_reply(struct nj_exchange *exchange, const char *id, int status)
{
    struct nj_live_camera camera;
    if (!nj_live_set_get(exchange->api->context->live, id, &camera)) {
        nj_exchange_problem(exchange, 404, "there is no such live camera");
        return;
    }
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_api_source_write(&camera, &answer.writer);
    nj_json_answer_send(&answer, exchange, &(struct nj_answer_options){.status = status});
}

void nj_route_source_get(struct nj_exchange *exchange)
{
    if (exchange->api->context->live == NULL)
        nj_exchange_missing(exchange, "the live cameras");
    else
        nj_api_source_reply(exchange, exchange->params[0], 0);
}
