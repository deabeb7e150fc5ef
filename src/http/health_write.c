// SPDX-License-Identifier: Apache-2.0
// Services, breakers and queues as JSON members, shared by routes and the system channel.
#include "http/http_priv.h"

nj_us nj_api_wall_us(const struct nj_api *api)
{
    return nj_wall_us(nj_loop_clock(api->context->loop));
}

void nj_api_write_uptime(const struct nj_api *api, struct nj_json_writer *writer)
{
    nj_us up_us = nj_mono_us(nj_loop_clock(api->context->loop)) - api->context->started_us;
    nj_json_fixed(writer, "uptime_seconds", (double)up_us / NJ_US_PER_S, 3);
}

void nj_api_write_services(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    size_t count = context->registry != NULL ? nj_registry_service_count(context->registry) : 0;
    nj_json_object_begin(writer, "services");
    for (size_t i = 0; i < count; i++) {
        struct nj_health_report report;
        bool critical;
        const char *name = nj_registry_probe(context->registry, i, &report, &critical);
        nj_json_object_begin(writer, name);
        nj_json_text(writer, "status", nj_health_status_name(report.status));
        nj_json_text(writer, "message", report.message[0] != '\0' ? report.message : NULL);
        nj_json_bool(writer, "critical", critical);
        nj_json_object_end(writer);
    }
    nj_json_object_end(writer);
}

void nj_api_write_breakers(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    size_t count = context->registry != NULL ? nj_registry_breaker_count(context->registry) : 0;
    nj_json_object_begin(writer, "circuit_breakers");
    for (size_t i = 0; i < count; i++) {
        struct nj_breaker *breaker = nj_registry_breaker(context->registry, i);
        struct nj_breaker_status status;
        nj_breaker_get(breaker, &status);
        nj_json_object_begin(writer, nj_breaker_name(breaker));
        nj_json_text(writer, "state", nj_breaker_state_name(status.state));
        nj_json_int(writer, "failure_count", status.failures);
        nj_json_int(writer, "total_calls", (int64_t)status.calls);
        nj_json_int(writer, "rejected_calls", (int64_t)status.rejected);
        nj_json_int(writer, "failed_calls", (int64_t)status.failed);
        nj_json_int(writer, "opened_count", (int64_t)status.opened);
        nj_json_fixed(writer, "retry_in_seconds", (double)status.retry_in_us / NJ_US_PER_S, 3);
        nj_json_object_end(writer);
    }
    nj_json_object_end(writer);
}

static const char *queue_status(const struct nj_work_queue_stats *stats)
{
    if (stats->full)
        return "critical";
    return stats->pressure ? "warning" : "healthy";
}

static void write_queue(struct nj_work_queue *queue, struct nj_json_writer *writer)
{
    struct nj_work_queue_stats stats;
    if (queue == NULL)
        return;
    nj_work_queue_get_stats(queue, &stats);
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "name", nj_work_queue_name(queue));
    nj_json_text(writer, "status", queue_status(&stats));
    nj_json_int(writer, "depth", stats.waiting);
    nj_json_int(writer, "running", stats.in_flight);
    nj_json_int(writer, "max_size", stats.max_size);
    nj_json_fixed(writer, "fill_ratio", stats.fill_ratio, 4);
    nj_json_fixed(writer, "throughput_per_minute", stats.per_minute, 2);
    nj_json_fixed(writer, "oldest_wait_seconds", (double)stats.oldest_wait_us / NJ_US_PER_S, 3);
    nj_json_int(writer, "completed", (int64_t)stats.completed);
    nj_json_int(writer, "failed", (int64_t)stats.failed);
    nj_json_int(writer, "retried", (int64_t)stats.retried);
    nj_json_int(writer, "dropped", (int64_t)stats.dropped);
    nj_json_int(writer, "rejected", (int64_t)stats.rejected);
    nj_json_int(writer, "dead_letters", stats.dead_failed);
    nj_json_int(writer, "overflow_letters", stats.dead_overflow);
    nj_json_object_end(writer);
}

void nj_api_queues_write(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    nj_json_array_begin(writer, "queues");
    write_queue(context->detection_queue, writer);
    write_queue(context->analysis_queue, writer);
    write_queue(context->action_queue, writer);
    nj_json_array_end(writer);
}
