// SPDX-License-Identifier: Apache-2.0
// GET /ready and /api/system/health/ready: whether work may be given to this process.
#include "http/http_priv.h"
#include "http/routes_priv.h"

static void write_checks(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    const struct nj_clock *clock = nj_loop_clock(context->loop);
    nj_json_object_begin(writer, "checks");
    for (size_t i = 0; i < nj_registry_service_count(context->registry); i++) {
        struct nj_health_report report;
        const nj_us begun_us = nj_mono_us(clock);
        const char *name = nj_registry_probe(context->registry, i, &report, NULL);
        const nj_us took_us = nj_mono_us(clock) - begun_us;
        const bool is_error = report.status != NJ_HEALTH_HEALTHY && report.message[0] != '\0';
        nj_json_object_begin(writer, name);
        nj_json_text(writer, "status", nj_health_status_name(report.status));
        nj_json_fixed(writer, "latency_ms", (double)took_us / NJ_US_PER_MS, 3);
        nj_json_text(writer, "error", is_error ? report.message : NULL);
        nj_json_object_end(writer);
    }
    nj_json_object_end(writer);
}

void nj_route_health_ready(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    if (context->registry == NULL) {
        nj_exchange_missing(exchange, "the registry of services");
        return;
    }
    enum nj_health_status overall = nj_registry_overall(context->registry);
    bool ready = overall != NJ_HEALTH_UNHEALTHY && !exchange->api->stopping;
    bool whole = overall == NJ_HEALTH_HEALTHY;
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_bool(&answer.writer, "ready", ready);
    nj_json_text(&answer.writer, "status", !ready ? "not_ready" : whole ? "ready" : "degraded");
    write_checks(context, &answer.writer);
    nj_json_time(&answer.writer, "timestamp", nj_api_wall_us(exchange->api));
    nj_json_answer_send(&answer, exchange,
                        &(struct nj_answer_options){.status = ready ? 200 : 503});
}
