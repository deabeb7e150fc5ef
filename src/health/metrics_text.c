// SPDX-License-Identifier: Apache-2.0
// Metrics as Prometheus text, exposition format 0.0.4.
#include "health/metrics_priv.h"
#include "util/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Integers up to here are exact in a double and read best without an exponent.
static const double exact_integer_max = 9007199254740992.0;

static void write_number(struct nj_buf *out, double value)
{
    char text[40];
    if (isnan(value)) {
        nj_buf_append_text(out, "NaN");
        return;
    }
    if (isinf(value)) {
        nj_buf_append_text(out, value > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (value == floor(value) && fabs(value) <= exact_integer_max) {
        nj_buf_printf(out, "%.0f", value);
        return;
    }
    // The fewest digits that read back the same.
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    // The format wants a point whatever the locale writes.
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    nj_buf_append_text(out, text);
}

// `quotes`: label values escape the quotation mark too, help texts do not.
static void write_escaped(struct nj_buf *out, const char *text, bool quotes)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            nj_buf_append_text(out, "\\\\");
        else if (*c == '\n')
            nj_buf_append_text(out, "\\n");
        else if (*c == '"' && quotes)
            nj_buf_append_text(out, "\\\"");
        else
            nj_buf_append_char(out, *c);
    }
}

static void write_head(struct nj_buf *out, const char *name, const char *help,
                       enum nj_metric_type type)
{
    static const char *const types[] = {
        [NJ_COUNTER] = "counter", [NJ_GAUGE] = "gauge", [NJ_HISTOGRAM] = "histogram"};
    nj_buf_append_text(out, "# HELP ");
    nj_buf_append_text(out, name);
    nj_buf_append_char(out, ' ');
    write_escaped(out, help ? help : "", false);
    nj_buf_append_text(out, "\n# TYPE ");
    nj_buf_append_text(out, name);
    nj_buf_append_char(out, ' ');
    nj_buf_append_text(out, types[type]);
    nj_buf_append_char(out, '\n');
}

// name + suffix + {label="value",le="bound"} + blank; `bound` NULL: none.
static void write_series(struct nj_buf *out, const struct nj_metric_spec *spec, const char *suffix,
                         const char *label_value, const double *bound)
{
    nj_buf_append_text(out, spec->name);
    nj_buf_append_text(out, suffix);
    if (label_value || bound)
        nj_buf_append_char(out, '{');
    if (label_value) {
        nj_buf_append_text(out, spec->label);
        nj_buf_append_text(out, "=\"");
        write_escaped(out, label_value, true);
        nj_buf_append_char(out, '"');
    }
    if (bound) {
        nj_buf_append_text(out, label_value ? ",le=\"" : "le=\"");
        write_number(out, *bound);
        nj_buf_append_char(out, '"');
    }
    nj_buf_append_text(out, label_value || bound ? "} " : " ");
}

static void write_histogram(struct nj_buf *out, const struct nj_metric_spec *spec,
                            const struct nj_metric *metric)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= metric->bound_count; i++) {
        double bound = i < metric->bound_count ? metric->bounds[i] : INFINITY;
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        write_series(out, spec, "_bucket", metric->label_value, &bound);
        nj_buf_printf(out, "%llu\n", (unsigned long long)count);
    }
    write_series(out, spec, "_sum", metric->label_value, NULL);
    write_number(out, nj_metric_value(metric));
    nj_buf_append_char(out, '\n');
    // The count must equal the last bucket, so it is the sum just taken and not read again.
    write_series(out, spec, "_count", metric->label_value, NULL);
    nj_buf_printf(out, "%llu\n", (unsigned long long)count);
}

static void write_family(struct nj_buf *out, const struct nj_metric_family *family)
{
    const struct nj_metric_spec *spec = &family->spec;
    write_head(out, spec->name, spec->help, spec->type);
    for (size_t i = 0; i < family->count; i++) {
        const struct nj_metric *metric = family->series[i];
        if (spec->type == NJ_HISTOGRAM) {
            write_histogram(out, spec, metric);
            continue;
        }
        write_series(out, spec, "", metric->label_value, NULL);
        write_number(out, nj_metric_value(metric));
        nj_buf_append_char(out, '\n');
    }
}

static void write_process(struct nj_buf *out)
{
    struct nj_process_stats stats;
    nj_process_stats_read(&stats);
    const struct {
        const char *name;
        const char *help;
        enum nj_metric_type type;
        double value;
    } rows[] = {
        {"process_cpu_seconds_total", "User and system CPU time in seconds.", NJ_COUNTER,
         stats.cpu_seconds},
        {"process_max_fds", "Most file descriptors that may be open.", NJ_GAUGE, stats.max_fds},
        {"process_open_fds", "Open file descriptors.", NJ_GAUGE, stats.open_fds},
        {"process_resident_memory_bytes", "Resident memory in bytes.", NJ_GAUGE,
         stats.resident_bytes},
        {"process_start_time_seconds", "Start of the process in seconds since 1970.", NJ_GAUGE,
         stats.start_s},
        {"process_threads", "Threads of the process.", NJ_GAUGE, stats.threads},
        {"process_virtual_memory_bytes", "Virtual memory in bytes.", NJ_GAUGE, stats.virtual_bytes},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        if (rows[i].value < 0)
            continue;
        write_head(out, rows[i].name, rows[i].help, rows[i].type);
        nj_buf_append_text(out, rows[i].name);
        nj_buf_append_char(out, ' ');
        write_number(out, rows[i].value);
        nj_buf_append_char(out, '\n');
    }
}

void nj_metrics_write(struct nj_metrics *metrics, struct nj_buf *out)
{
    // Collectors look series up, which takes the lock: they run before it is held.
    struct nj_metric_collector collectors[NJ_METRIC_COLLECTORS_MAX];
    pthread_mutex_lock(&metrics->lock);
    size_t collector_count = metrics->collector_count;
    memcpy(collectors, metrics->collectors, collector_count * sizeof(collectors[0]));
    pthread_mutex_unlock(&metrics->lock);
    for (size_t i = 0; i < collector_count; i++)
        collectors[i].fn(collectors[i].arg);

    pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < metrics->count; i++)
        write_family(out, metrics->families[i]);
    pthread_mutex_unlock(&metrics->lock);
    write_process(out);
}
