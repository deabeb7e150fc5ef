// SPDX-License-Identifier: Apache-2.0
// Inside of the metrics: families and series, shared by registry and exposition.
#ifndef NJ_HEALTH_METRICS_PRIV_H
#define NJ_HEALTH_METRICS_PRIV_H

#include "health/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    NJ_METRIC_SERIES_MAX = 200,   // values a family: a stranger's names must not fill the memory
    NJ_METRIC_BOUNDS_MAX = 64,    // buckets of one histogram
    NJ_METRIC_VALUE_MAX = 128,    // bytes of a label value
    NJ_METRIC_COLLECTORS_MAX = 64 // one a service at most
};

struct nj_metric {
    enum nj_metric_type type;
    bool discard;         // swallows everything: there was no memory, or the spec is wrong
    char *label_value;    // NULL in a family of one series
    const double *bounds; // histogram
    size_t bound_count;
    _Atomic double value;       // counter, gauge; histogram: sum
    _Atomic uint64_t buckets[]; // bound_count + 1, each counts its own slice; the last is +Inf
};

struct nj_metric_family {
    struct nj_metric_spec spec;
    struct nj_metric **series; // ordered by label value
    size_t count;
    size_t capacity;
};

struct nj_metric_collector {
    void (*fn)(void *arg);
    void *arg;
};

struct nj_metrics {
    struct nj_metric *discard;
    pthread_mutex_t lock;
    // The following fields are protected by lock; series, once made, stay where they are.
    struct nj_metric_family **families; // ordered by name
    size_t count;
    size_t capacity;
    struct nj_metric_collector collectors[NJ_METRIC_COLLECTORS_MAX];
    size_t collector_count;
};

#endif
