// SPDX-License-Identifier: Apache-2.0
// Latency of the pipeline's stages: one ring of samples a stage, sorted only when asked.
#include "health/latency.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Enough for a stable p99; small enough to sort on each request.
enum { WINDOW_SAMPLES = 1000 };

struct window {
    nj_us samples_us[WINDOW_SAMPLES];
    size_t count;
    size_t next;
};

struct nj_latency {
    pthread_mutex_t lock;
    // The following field is protected by lock.
    struct window windows[NJ_STAGE_COUNT];
};

struct nj_latency *nj_latency_create(void)
{
    struct nj_latency *latency = calloc(1, sizeof(*latency));
    if (!latency)
        return NULL;
    if (pthread_mutex_init(&latency->lock, NULL) != 0) {
        free(latency);
        return NULL;
    }
    return latency;
}

void nj_latency_destroy(struct nj_latency *latency)
{
    if (!latency)
        return;
    pthread_mutex_destroy(&latency->lock);
    free(latency);
}

static bool stage_valid(enum nj_stage stage)
{
    return (unsigned)stage < NJ_STAGE_COUNT;
}

void nj_latency_add(struct nj_latency *latency, enum nj_stage stage, nj_us duration_us)
{
    // A negative span comes from a clock that was set back; it says nothing about the stage.
    if (!latency || !stage_valid(stage) || duration_us < 0)
        return;
    pthread_mutex_lock(&latency->lock);
    struct window *window = &latency->windows[stage];
    window->samples_us[window->next] = duration_us;
    window->next = (window->next + 1) % WINDOW_SAMPLES;
    if (window->count < WINDOW_SAMPLES)
        window->count++;
    pthread_mutex_unlock(&latency->lock);
}

static int compare_us(const void *a, const void *b)
{
    nj_us left = *(const nj_us *)a;
    nj_us right = *(const nj_us *)b;
    return (left > right) - (left < right);
}

// The smallest sample that at least `percent` of all samples do not exceed (nearest rank).
static double percentile_ms(const nj_us *sorted_us, size_t count, size_t percent)
{
    size_t rank = (count * percent + 99) / 100;
    return (double)sorted_us[rank - 1] / NJ_US_PER_MS;
}

void nj_latency_get(struct nj_latency *latency, enum nj_stage stage, struct nj_latency_summary *out)
{
    *out = (struct nj_latency_summary){0};
    if (!stage_valid(stage))
        return;
    nj_us sorted_us[WINDOW_SAMPLES];
    pthread_mutex_lock(&latency->lock);
    size_t count = latency->windows[stage].count;
    memcpy(sorted_us, latency->windows[stage].samples_us, count * sizeof(sorted_us[0]));
    pthread_mutex_unlock(&latency->lock);
    if (count == 0)
        return;
    qsort(sorted_us, count, sizeof(sorted_us[0]), compare_us);
    double sum_us = 0;
    for (size_t i = 0; i < count; i++)
        sum_us += (double)sorted_us[i];
    *out = (struct nj_latency_summary){
        .count = count,
        .avg_ms = sum_us / (double)count / NJ_US_PER_MS,
        .min_ms = (double)sorted_us[0] / NJ_US_PER_MS,
        .max_ms = (double)sorted_us[count - 1] / NJ_US_PER_MS,
        .p50_ms = percentile_ms(sorted_us, count, 50),
        .p95_ms = percentile_ms(sorted_us, count, 95),
        .p99_ms = percentile_ms(sorted_us, count, 99),
    };
}

const char *nj_stage_name(enum nj_stage stage)
{
    static const char *const names[NJ_STAGE_COUNT] = {
        [NJ_STAGE_WATCH_TO_DETECT] = "watch_to_detect",
        [NJ_STAGE_DETECT] = "detect",
        [NJ_STAGE_DETECT_TO_BATCH] = "detect_to_batch",
        [NJ_STAGE_BATCH_TO_ANALYZE] = "batch_to_analyze",
        [NJ_STAGE_ANALYZE] = "analyze",
        [NJ_STAGE_TOTAL_PIPELINE] = "total_pipeline",
    };
    return stage_valid(stage) ? names[stage] : "unknown";
}
