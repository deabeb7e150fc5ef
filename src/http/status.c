// SPDX-License-Identifier: Apache-2.0
// The members of system_status and performance_update, in the form that existing clients read.
#include "http/http_priv.h"

#include <stdio.h>
#include <string.h>

static const double giga = 1024.0 * 1024 * 1024;

static int64_t waiting(struct nj_work_queue *queue, int64_t *dead)
{
    struct nj_work_queue_stats stats;
    if (queue == NULL)
        return 0;
    nj_work_queue_get_stats(queue, &stats);
    *dead += stats.dead_failed + stats.dead_overflow;
    return stats.waiting + stats.in_flight;
}

static void write_queues(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    int64_t dead = 0;
    nj_json_object_begin(writer, "queues");
    nj_json_int(writer, "detection_queue", waiting(context->detection_queue, &dead));
    nj_json_int(writer, "analysis_queue", waiting(context->analysis_queue, &dead));
    nj_json_int(writer, "dlq_total", dead);
    nj_json_object_end(writer);
}

static void write_cameras(const struct nj_vitals_view *vitals, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "cameras");
    nj_json_number(writer, "total", vitals->cameras);
    nj_json_number(writer, "online", vitals->online);
    nj_json_number(writer, "offline", vitals->offline);
    nj_json_object_end(writer);
}

static void write_service_names(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "services");
    for (size_t i = 0; i < nj_registry_service_count(context->registry); i++) {
        struct nj_health_report report;
        bool critical;
        const char *name = nj_registry_probe(context->registry, i, &report, &critical);
        nj_json_text(writer, name, nj_health_status_name(report.status));
    }
    nj_json_object_end(writer);
}

void nj_api_write_status(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    struct nj_vitals_view vitals;
    nj_vitals_read(context->metrics, &vitals);
    nj_json_null(writer, "gpu");
    write_queues(context, writer);
    if (vitals.cameras >= 0)
        write_cameras(&vitals, writer);
    else
        nj_json_null(writer, "cameras");
    if (context->registry == NULL)
        return;
    write_service_names(context, writer);
    nj_json_text(writer, "health", nj_health_status_name(nj_registry_overall(context->registry)));
}

static enum nj_health_status health_of(const struct nj_api_context *context, const char *service)
{
    struct nj_health_report report;
    bool critical;
    if (context->registry == NULL)
        return NJ_HEALTH_UNKNOWN;
    for (size_t i = 0; i < nj_registry_service_count(context->registry); i++)
        if (strcmp(nj_registry_probe(context->registry, i, &report, &critical), service) == 0)
            return report.status;
    return NJ_HEALTH_UNKNOWN;
}

// Clients know three states of a model. One that is there works or does not; what is between is a
// service that does not answer.
static const char *model_status(enum nj_health_status status)
{
    if (status == NJ_HEALTH_HEALTHY || status == NJ_HEALTH_UNHEALTHY)
        return nj_health_status_name(status);
    return "unreachable";
}

static void write_model(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    static const char name[] = "yolo26"; // of the service as of the model
    nj_json_object_begin(writer, "ai_models");
    if (context->detector != NULL) {
        nj_json_object_begin(writer, name);
        nj_json_text(writer, "status", model_status(health_of(context, name)));
        nj_json_null(writer, "vram_gb");
        nj_json_text(writer, "model", nj_detector_model(context->detector)->name);
        nj_json_text(writer, "device", nj_detector_device(context->detector));
        nj_json_object_end(writer);
    }
    nj_json_object_end(writer);
}

static void write_latency(const struct nj_api_context *context, struct nj_json_writer *writer,
                          const char *key, enum nj_stage stage)
{
    struct nj_latency_summary summary = {.count = 0};
    if (context->latency != NULL)
        nj_latency_get(context->latency, stage, &summary);
    nj_json_object_begin(writer, key);
    nj_json_fixed(writer, "avg", summary.avg_ms, 2);
    nj_json_fixed(writer, "p95", summary.p95_ms, 2);
    nj_json_fixed(writer, "p99", summary.p99_ms, 2);
    nj_json_object_end(writer);
}

static double per_minute(struct nj_work_queue *queue)
{
    struct nj_work_queue_stats stats = {.per_minute = 0};
    if (queue != NULL)
        nj_work_queue_get_stats(queue, &stats);
    return stats.per_minute;
}

// Existing clients know the stages by the names of models; the names stay for them.
static void write_inference(const struct nj_api_context *context,
                            const struct nj_vitals_view *vitals, struct nj_json_writer *writer)
{
    int64_t dead = 0;
    nj_json_object_begin(writer, "inference");
    write_latency(context, writer, "yolo26_latency_ms", NJ_STAGE_DETECT);
    write_latency(context, writer, "nemotron_latency_ms", NJ_STAGE_ANALYZE);
    write_latency(context, writer, "pipeline_latency_ms", NJ_STAGE_TOTAL_PIPELINE);
    nj_json_object_begin(writer, "throughput");
    nj_json_fixed(writer, "images_per_min", vitals->pictures_per_minute, 2);
    nj_json_fixed(writer, "events_per_min", per_minute(context->analysis_queue), 2);
    nj_json_object_end(writer);
    nj_json_object_begin(writer, "queues");
    nj_json_int(writer, "detection", waiting(context->detection_queue, &dead));
    nj_json_int(writer, "analysis", waiting(context->analysis_queue, &dead));
    nj_json_object_end(writer);
    nj_json_object_end(writer);
}

static void write_database(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "databases");
    if (context->store != NULL) {
        struct nj_store_stats stats;
        nj_store_get_stats(context->store, &stats);
        nj_json_object_begin(writer, "sqlite");
        nj_json_text(writer, "status", stats.read_only ? "unhealthy" : "healthy");
        nj_json_int(writer, "queued", stats.queued);
        nj_json_int(writer, "file_bytes", stats.file_bytes);
        nj_json_fixed(writer, "commit_ms_avg", stats.commit_ms_avg, 3);
        nj_json_object_end(writer);
    }
    nj_json_object_end(writer);
}

static void write_host(const struct nj_vitals_view *vitals, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "host");
    nj_json_fixed(writer, "cpu_percent", vitals->cpu_percent, 1);
    nj_json_fixed(writer, "ram_used_gb", vitals->ram_used / giga, 2);
    nj_json_fixed(writer, "ram_total_gb", vitals->ram_total / giga, 2);
    nj_json_fixed(writer, "disk_used_gb", vitals->disk_used / giga, 2);
    nj_json_fixed(writer, "disk_total_gb", vitals->disk_total / giga, 2);
    nj_json_object_end(writer);
}

struct threshold {
    const char *metric, *what;
    double warning, critical; // percent
};

static void write_alert(const struct threshold *threshold, double value,
                        struct nj_json_writer *writer)
{
    char message[96];
    if (value < threshold->warning)
        return;
    bool critical = value >= threshold->critical;
    snprintf(message, sizeof message, "%s high: %.0f%%", threshold->what, value);
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "severity", critical ? "critical" : "warning");
    nj_json_text(writer, "metric", threshold->metric);
    nj_json_fixed(writer, "value", value, 1);
    nj_json_fixed(writer, "threshold", critical ? threshold->critical : threshold->warning, 1);
    nj_json_text(writer, "message", message);
    nj_json_object_end(writer);
}

static double share(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void write_alerts(const struct nj_vitals_view *vitals, struct nj_json_writer *writer)
{
    static const struct threshold cpu = {"host_cpu", "Processor load", 80, 95};
    static const struct threshold ram = {"host_ram", "Memory use", 85, 95};
    static const struct threshold disk = {"host_disk", "Disk use", 80, 90};
    nj_json_array_begin(writer, "alerts");
    write_alert(&cpu, vitals->cpu_percent, writer);
    write_alert(&ram, share(vitals->ram_used, vitals->ram_total), writer);
    write_alert(&disk, share(vitals->disk_used, vitals->disk_total), writer);
    nj_json_array_end(writer);
}

void nj_api_write_performance(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    struct nj_vitals_view vitals;
    nj_vitals_read(context->metrics, &vitals);
    nj_json_time(writer, "timestamp", nj_wall_us(nj_loop_clock(context->loop)));
    nj_json_null(writer, "gpu");
    write_model(context, writer);
    nj_json_null(writer, "nemotron");
    write_inference(context, &vitals, writer);
    write_database(context, writer);
    if (vitals.cameras >= 0)
        write_host(&vitals, writer);
    else
        nj_json_null(writer, "host");
    nj_json_array_begin(writer, "containers");
    nj_json_array_end(writer);
    write_alerts(&vitals, writer);
}
