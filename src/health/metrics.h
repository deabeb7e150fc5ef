// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and histograms, and their Prometheus text (exposition format 0.0.4).
#ifndef NJ_HEALTH_METRICS_H
#define NJ_HEALTH_METRICS_H

#include "util/buf.h"
#include "util/error.h"

#include <stddef.h>
#include <stdint.h>

struct nj_metrics; // the registry; explicitly thread-safe
struct nj_metric;  // one series; updates are lock-free and explicitly thread-safe

enum nj_metric_type { NJ_COUNTER, NJ_GAUGE, NJ_HISTOGRAM };

struct nj_metric_spec {
    enum nj_metric_type type;
    const char *name; // [a-zA-Z_:][a-zA-Z0-9_:]*
    const char *help;
    const char *label;    // label name, or NULL for a family of one series
    const double *bounds; // histogram upper bounds, ascending, without +Inf
    size_t bound_count;
};

// Bounds of the pipeline's stage durations in seconds: .01 .025 .05 .1 .25 .5 1 2.5 5 10 30 60.
extern const double nj_stage_bounds[12];

struct nj_metrics *nj_metrics_create(void); // NULL without memory
void nj_metrics_destroy(struct nj_metrics *metrics);

// Finds or makes the series `spec.name{label="value"}`. At most 200 values a family: beyond that
// the series "other" is returned. Never NULL after a successful create: without memory a shared
// discard series is returned. The spec's texts must be static; `value` is copied. Valid as long as
// the registry; look it up once and keep it.
struct nj_metric *nj_metrics_get(struct nj_metrics *metrics, const struct nj_metric_spec *spec,
                                 const char *value);

void nj_metric_add(struct nj_metric *metric, double amount); // counter: amount >= 0
void nj_metric_set(struct nj_metric *metric, double value);  // gauge
void nj_metric_observe(struct nj_metric *metric, double value);
double nj_metric_value(const struct nj_metric *metric);   // histogram: sum
uint64_t nj_metric_count(const struct nj_metric *metric); // histogram: observations

// Before each exposition `fn` may refresh gauges. Called from: the thread that writes the text.
int nj_metrics_add_collector(struct nj_metrics *metrics, void (*fn)(void *arg), void *arg);

// All families in order of their names, then the process_* family.
void nj_metrics_write(struct nj_metrics *metrics, struct nj_buf *out);

// Resident bytes, CPU seconds (user + system), open descriptors and threads of this process, and
// its start as wall time in seconds; -1 where the kernel does not say.
struct nj_process_stats {
    double resident_bytes, virtual_bytes, cpu_seconds, open_fds, max_fds, threads, start_s;
};
void nj_process_stats_read(struct nj_process_stats *out);

#endif
