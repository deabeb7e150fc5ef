// SPDX-License-Identifier: Apache-2.0
// GET /api/system/health: every service by name, and the whole.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "util/build_info.h"

void nj_route_health_get(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    if (context->registry == NULL) {
        nj_exchange_missing(exchange, "the registry of services");
        return;
    }
    enum nj_health_status overall = nj_registry_overall(context->registry);
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_text(&answer.writer, "status", nj_health_status_name(overall));
    nj_api_write_services(context, &answer.writer);
    nj_json_text(&answer.writer, "version", nj_build_version());
    nj_api_write_uptime(exchange->api, &answer.writer);
    nj_json_time(&answer.writer, "timestamp", nj_api_wall_us(exchange->api));
    nj_json_answer_send(
        &answer, exchange,
        &(struct nj_answer_options){.status = overall == NJ_HEALTH_UNHEALTHY ? 503 : 200});
}
