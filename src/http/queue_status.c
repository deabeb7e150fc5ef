// SPDX-License-Identifier: Apache-2.0
// GET /api/queues/status.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_queue_status(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    if (context->detection_queue == NULL && context->analysis_queue == NULL) {
        nj_exchange_missing(exchange, "the queues");
        return;
    }
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_api_queues_write(context, &answer.writer);
    nj_json_time(&answer.writer, "timestamp", nj_api_wall_us(exchange->api));
    nj_json_answer_send(&answer, exchange, NULL);
}
