// SPDX-License-Identifier: Apache-2.0
// GET /api/system/health/full: services, breakers, queues and store together.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "util/build_info.h"

static void write_store(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    struct nj_store_stats stats;
    if (context->store == NULL) {
        nj_json_null(writer, "store");
        return;
    }
    nj_store_get_stats(context->store, &stats);
    nj_json_object_begin(writer, "store");
    nj_json_bool(writer, "read_only", stats.read_only);
    nj_json_text(writer, "problem", stats.problem[0] != '\0' ? stats.problem : NULL);
    nj_json_int(writer, "queued", stats.queued);
    nj_json_object_end(writer);
}

static void write_realtime(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    struct nj_realtime_stats stats;
    if (context->realtime == NULL) {
        nj_json_null(writer, "websocket");
        return;
    }
    nj_realtime_get_stats(context->realtime, &stats);
    nj_json_object_begin(writer, "websocket");
    nj_json_int(writer, "events_clients", (int64_t)stats.clients[NJ_CHANNEL_EVENTS]);
    nj_json_int(writer, "system_clients", (int64_t)stats.clients[NJ_CHANNEL_SYSTEM]);
    nj_json_int(writer, "published", (int64_t)stats.published);
    nj_json_int(writer, "delivered", (int64_t)stats.delivered);
    nj_json_int(writer, "closed_slow", (int64_t)stats.closed_slow);
    nj_json_object_end(writer);
}

void nj_route_health_full(struct nj_exchange *exchange)
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
    nj_json_text(&answer.writer, "build", nj_build_stamp());
    nj_api_write_services(context, &answer.writer);
    nj_api_write_breakers(context, &answer.writer);
    nj_api_queues_write(context, &answer.writer);
    write_store(context, &answer.writer);
    write_realtime(context, &answer.writer);
    nj_json_time(&answer.writer, "timestamp", nj_api_wall_us(exchange->api));
    nj_json_answer_send(
        &answer, exchange,
        &(struct nj_answer_options){.status = overall == NJ_HEALTH_UNHEALTHY ? 503 : 200});
}
