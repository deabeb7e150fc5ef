// SPDX-License-Identifier: Apache-2.0
// POST /api/system/circuit-breakers/{name}/reset: closes it now.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_breaker_reset(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    struct nj_breaker *breaker = NULL;
    struct nj_breaker_status before, after;
    if (context->registry == NULL) {
        nj_exchange_missing(exchange, "the registry of services");
        return;
    }
    breaker = nj_registry_find_breaker(context->registry, exchange->params[0]);
    if (breaker == NULL) {
        nj_exchange_problem(exchange, 404, "no such circuit breaker");
        return;
    }
    nj_breaker_get(breaker, &before);
    nj_breaker_reset(breaker);
    nj_breaker_get(breaker, &after);
    nj_log_at(context->log, NJ_LOG_INFO, "Circuit breaker reset by hand",
              NJ_TEXT("name", nj_breaker_name(breaker)));
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_text(&answer.writer, "name", nj_breaker_name(breaker));
    nj_json_text(&answer.writer, "previous_state", nj_breaker_state_name(before.state));
    nj_json_text(&answer.writer, "new_state", nj_breaker_state_name(after.state));
    nj_json_answer_send(&answer, exchange, NULL);
}
