// SPDX-License-Identifier: Apache-2.0
// Latency of the pipeline's stages: percentiles over the newest samples.
#ifndef NJ_HEALTH_LATENCY_H
#define NJ_HEALTH_LATENCY_H

#include "util/clock.h"

#include <stddef.h>

enum nj_stage {
    NJ_STAGE_WATCH_TO_DETECT,
    NJ_STAGE_DETECT,
    NJ_STAGE_DETECT_TO_BATCH,
    NJ_STAGE_BATCH_TO_ANALYZE,
    NJ_STAGE_ANALYZE,
    NJ_STAGE_TOTAL_PIPELINE,
    NJ_STAGE_COUNT
};

struct nj_latency_summary {
    size_t count; // samples in the window
    double avg_ms, min_ms, max_ms, p50_ms, p95_ms, p99_ms;
};

struct nj_latency; // explicitly thread-safe

struct nj_latency *nj_latency_create(void); // keeps the newest 1000 samples a stage
void nj_latency_destroy(struct nj_latency *latency);
// NULL is harmless.
void nj_latency_add(struct nj_latency *latency, enum nj_stage stage, nj_us duration_us);
void nj_latency_get(struct nj_latency *latency, enum nj_stage stage,
                    struct nj_latency_summary *out);
const char *nj_stage_name(enum nj_stage stage); // "watch_to_detect" ...

#endif
