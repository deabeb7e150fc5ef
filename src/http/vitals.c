// SPDX-License-Identifier: Apache-2.0
// Figures gathered in the background every few seconds and kept as gauges: cameras by status,
// pictures a minute, load of the host. Whoever shows them reads the gauges and waits for nothing.
#include "http/http_priv.h"

#include "health/pipeline_metrics.h"
#include "util/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_FILE_BYTES = 4096 };

static const nj_us interval_us = 5 * (nj_us)NJ_US_PER_S, minute_us = 60 * (nj_us)NJ_US_PER_S;

enum { READINGS_MAX = 13 }; // a minute of looks and the one before it

// The counter of pictures at a time.
struct reading {
    nj_us at_us; // monotonic
    double pictures;
};

static const struct nj_metric_spec cameras_spec = {
    .type = NJ_GAUGE,
    .name = "cameras",
    .help = "Cameras by status.",
    .label = "status",
};
static const struct nj_metric_spec cpu_spec = {
    .type = NJ_GAUGE,
    .name = "host_cpu_percent",
    .help = "Busy share of all processors of the host over the last seconds.",
};
static const struct nj_metric_spec ram_spec = {
    .type = NJ_GAUGE,
    .name = "host_memory_bytes",
    .help = "Memory of the host.",
    .label = "kind",
};
static const struct nj_metric_spec disk_spec = {
    .type = NJ_GAUGE,
    .name = "host_disk_bytes",
    .help = "File system of our own pictures.",
    .label = "kind",
};

static const struct nj_metric_spec pictures_spec = {
    .type = NJ_GAUGE,
    .name = "detect_pictures_per_minute",
    .help = "Pictures of uploads and cameras that detection looked at in the last minute.",
};

static const char *const statuses[] = {"online", "offline", "error", "unknown"};

struct nj_vitals {
    struct nj_api *api;
    struct nj_timer timer;
    struct nj_bus_subscriber told; // a camera's status changed
    struct nj_store_op op;
    bool reading, stale; // stale: something changed while reading
    size_t counts[NJ_COUNT_OF(statuses)];
    unsigned long long cpu_busy, cpu_total; // jiffies at the last look
    struct reading readings[READINGS_MAX];  // oldest first
    size_t reading_count;
};

static int count_cameras(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_vitals *vitals = NJ_CONTAINER_OF(op, struct nj_vitals, op);
    struct nj_camera_row *rows = NULL;
    size_t count = 0;
    int rc = nj_cameras_list(db, &rows, &count, err);
    if (rc != 0)
        return rc;
    memset(vitals->counts, 0, sizeof vitals->counts);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < NJ_COUNT_OF(statuses); k++)
            vitals->counts[k] += strcmp(rows[i].status, statuses[k]) == 0;
    }
    free(rows);
    return 0;
}

static void read_cameras(struct nj_vitals *vitals)
{
    struct nj_api *api = vitals->api;
    vitals->stale = vitals->reading;
    if (vitals->reading || api->context->store == NULL || api->stopping)
        return;
    vitals->reading = nj_store_read(api->context->store, &vitals->op) == 0;
    api->in_flight += vitals->reading; // a stop waits for it
}

static void on_counted(struct nj_store_op *op)
{
    struct nj_vitals *vitals = NJ_CONTAINER_OF(op, struct nj_vitals, op);
    struct nj_api *api = vitals->api;
    vitals->reading = false;
    api->in_flight--;
    for (size_t i = 0; i < NJ_COUNT_OF(statuses) && op->rc == 0; i++)
        nj_metric_set(nj_metrics_get(api->context->metrics, &cameras_spec, statuses[i]),
                      (double)vitals->counts[i]);
    if (vitals->stale)
        read_cameras(vitals);
    nj_api_end_if_idle(api);
}

static bool read_small(const char *path, char out[SMALL_FILE_BYTES])
{
    FILE *file = fopen(path, "re"); // procfs: in memory, never waits
    if (file == NULL)
        return false;
    size_t length = fread(out, 1, SMALL_FILE_BYTES - 1, file);
    fclose(file);
    out[length] = '\0';
    return length > 0;
}

static void read_cpu(struct nj_vitals *vitals)
{
    char text[SMALL_FILE_BYTES];
    unsigned long long ticks[8] = {0}, total = 0;
    if (!read_small("/proc/stat", text))
        return;
    // NOLINTNEXTLINE(cert-err34-c): the kernel's own numbers, which fit
    if (sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1], &ticks[2],
               &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]) < 5)
        return;
    for (size_t i = 0; i < NJ_COUNT_OF(ticks); i++)
        total += ticks[i];
    unsigned long long busy = total - ticks[3] - ticks[4]; // idle and waiting for a disk
    if (vitals->cpu_total > 0 && total > vitals->cpu_total && busy >= vitals->cpu_busy)
        nj_metric_set(nj_metrics_get(vitals->api->context->metrics, &cpu_spec, NULL),
                      100.0 * (double)(busy - vitals->cpu_busy) /
                          (double)(total - vitals->cpu_total));
    vitals->cpu_busy = busy;
    vitals->cpu_total = total;
}

static double kilobytes(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    return line != NULL ? strtod(line + strlen(name), NULL) * 1024 : -1;
}

static void read_memory(struct nj_metrics *metrics)
{
    char text[SMALL_FILE_BYTES];
    if (!read_small("/proc/meminfo", text))
        return;
    double total = kilobytes(text, "MemTotal:"), free_now = kilobytes(text, "MemAvailable:");
    if (total <= 0 || free_now < 0)
        return;
    nj_metric_set(nj_metrics_get(metrics, &ram_spec, "total"), total);
    nj_metric_set(nj_metrics_get(metrics, &ram_spec, "used"), total - free_now);
}

static void read_disk(const struct nj_api_context *context)
{
    int64_t room, total;
    if (context->media == NULL ||
        nj_disk_room(nj_media_folder(context->media), &room, &total, NULL) != 0)
        return;
    nj_metric_set(nj_metrics_get(context->metrics, &disk_spec, "total"), (double)total);
    nj_metric_set(nj_metrics_get(context->metrics, &disk_spec, "used"), (double)(total - room));
}

static void drop_oldest_reading(struct nj_vitals *vitals)
{
    vitals->reading_count--;
    memmove(vitals->readings, vitals->readings + 1,
            vitals->reading_count * sizeof vitals->readings[0]);
}

static void count_pictures(struct nj_vitals *vitals)
{
    const struct nj_api_context *context = vitals->api->context;
    const struct reading now = {nj_mono_us(nj_loop_clock(context->loop)),
                                nj_metric_value(nj_pipeline_jobs(context->metrics, "ok"))};
    if (vitals->reading_count == READINGS_MAX)
        drop_oldest_reading(vitals);
    vitals->readings[vitals->reading_count++] = now;
    // The first is what the others are counted from: the newest that is a minute old, if any is.
    while (vitals->reading_count > 1 && vitals->readings[1].at_us <= now.at_us - minute_us)
        drop_oldest_reading(vitals);
    const nj_us spent_us = now.at_us - vitals->readings[0].at_us;
    double pictures = now.pictures - vitals->readings[0].pictures;
    if (spent_us > minute_us) // the loop had no time for a look
        pictures *= (double)minute_us / (double)spent_us;
    nj_metric_set(nj_metrics_get(context->metrics, &pictures_spec, NULL), pictures);
}

static void look(struct nj_vitals *vitals)
{
    count_pictures(vitals);
    read_cameras(vitals);
    read_cpu(vitals);
    read_memory(vitals->api->context->metrics);
    read_disk(vitals->api->context);
}

static void on_timer(struct nj_timer *timer)
{
    look(NJ_CONTAINER_OF(timer, struct nj_vitals, timer));
}

static void on_told(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    if (strcmp(message->tag, "camera_status") == 0)
        read_cameras(NJ_CONTAINER_OF(subscriber, struct nj_vitals, told));
}

int nj_vitals_start(struct nj_api *api, struct nj_error *err)
{
    struct nj_vitals *vitals = calloc(1, sizeof *vitals);
    if (vitals == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the API");
    api->vitals = vitals;
    vitals->api = api;
    vitals->op.apply = count_cameras;
    vitals->op.done = on_counted;
    vitals->op.loop = api->context->loop;
    vitals->told.fn = on_told;
    nj_timer_init(&vitals->timer, api->context->loop, on_timer);
    if (api->context->metrics == NULL)
        return 0; // nowhere to keep them
    if (api->context->bus != NULL)
        nj_bus_subscribe(api->context->bus, &vitals->told, "events");
    // The first look waits for the loop: a start that fails after this leaves nothing under way.
    return nj_timer_start(&vitals->timer, 0, interval_us);
}

void nj_vitals_stop(struct nj_api *api)
{
    if (api->vitals == NULL)
        return;
    nj_timer_stop(&api->vitals->timer);
    nj_bus_unsubscribe(&api->vitals->told);
}

void nj_vitals_destroy(struct nj_api *api)
{
    nj_vitals_stop(api);
    free(api->vitals);
    api->vitals = NULL;
}

static double gauge(struct nj_metrics *metrics, const struct nj_metric_spec *spec,
                    const char *value)
{
    return nj_metric_value(nj_metrics_get(metrics, spec, value));
}

void nj_vitals_read(struct nj_metrics *metrics, struct nj_vitals_view *out)
{
    *out = (struct nj_vitals_view){-1, -1, -1, -1, -1, -1, -1, -1, 0};
    if (metrics == NULL)
        return;
    out->cameras = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(statuses); i++)
        out->cameras += gauge(metrics, &cameras_spec, statuses[i]);
    out->online = gauge(metrics, &cameras_spec, "online");
    out->offline = out->cameras - out->online; // whatever is not online, unknown ones too
    out->cpu_percent = gauge(metrics, &cpu_spec, NULL);
    out->pictures_per_minute = gauge(metrics, &pictures_spec, NULL);
    out->ram_used = gauge(metrics, &ram_spec, "used");
    out->ram_total = gauge(metrics, &ram_spec, "total");
    out->disk_used = gauge(metrics, &disk_spec, "used");
    out->disk_total = gauge(metrics, &disk_spec, "total");
}

void nj_api_read_load(struct nj_metrics *metrics, struct nj_api_load *out)
{
    struct nj_vitals_view view;
    nj_vitals_read(metrics, &view);
    *out = (struct nj_api_load){
        .cpu = view.cpu_percent,
        .memory = view.ram_total > 0 ? 100 * view.ram_used / view.ram_total : -1,
    };
}
