// SPDX-License-Identifier: Apache-2.0
// GET /api/system/circuit-breakers.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_breaker_list(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    if (context->registry == NULL) {
        nj_exchange_missing(exchange, "the registry of services");
        return;
    }
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_api_write_breakers(context, &answer.writer);
    nj_json_int(&answer.writer, "total_count",
                (int64_t)nj_registry_breaker_count(context->registry));
    nj_json_time(&answer.writer, "timestamp", nj_api_wall_us(exchange->api));
    nj_json_answer_send(&answer, exchange, NULL);
}
