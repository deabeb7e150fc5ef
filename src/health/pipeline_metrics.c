// SPDX-License-Identifier: Apache-2.0
// Families of the whole pipeline, described once.
#include "health/pipeline_metrics.h"

#include "util/clock.h"
#include "util/mem.h"

static const struct nj_metric_spec stage_spec = {
    .type = NJ_HISTOGRAM,
    .name = "pipeline_stage_duration_seconds",
    .help = "Duration of the stages of the pipeline.",
    .label = "stage",
    .bounds = nj_stage_bounds,
    .bound_count = NJ_COUNT_OF(nj_stage_bounds),
};

static const struct nj_metric_spec error_spec = {
    .type = NJ_COUNTER,
    .name = "pipeline_errors_total",
    .help = "Errors of the pipeline by type.",
    .label = "error_type",
};

static const struct nj_metric_spec refused_spec = {
    .type = NJ_COUNTER,
    .name = "folder_refused_files_total",
    .help = "Refused files of the watched folder by reason.",
    .label = "reason",
};

static const struct nj_metric_spec jobs_spec = {
    .type = NJ_COUNTER,
    .name = "detect_jobs_total",
    .help = "Pictures given to detection, by result",
    .label = "result",
};

struct nj_metric *nj_pipeline_stage(struct nj_metrics *metrics, const char *stage)
{
    return metrics != NULL ? nj_metrics_get(metrics, &stage_spec, stage) : NULL;
}

struct nj_metric *nj_pipeline_jobs(struct nj_metrics *metrics, const char *result)
{
    return nj_metrics_get(metrics, &jobs_spec, result);
}

void nj_pipeline_prepare(struct nj_metrics *metrics)
{
    static const char *const types[] = {
        "detection_connection_error",
        "detection_timeout_error",
        "detection_validation_error",
        "detection_processing_error",
        "invalid_detection_payload",
        "analysis_error",
        "llm_error",
    };
    for (size_t i = 0; i < NJ_COUNT_OF(types); i++)
        (void)nj_metrics_get(metrics, &error_spec, types[i]);
}

void nj_pipeline_error(struct nj_metrics *metrics, const char *error_type)
{
    if (metrics != NULL)
        nj_metric_add(nj_metrics_get(metrics, &error_spec, error_type), 1);
}

void nj_pipeline_refuse(struct nj_metrics *metrics, const char *reason)
{
    if (metrics != NULL)
        nj_metric_add(nj_metrics_get(metrics, &refused_spec, reason), 1);
}

void nj_pipeline_observe(struct nj_metric *stage, int64_t duration_us)
{
    if (stage != NULL)
        nj_metric_observe(stage, (double)duration_us / NJ_US_PER_S);
}
