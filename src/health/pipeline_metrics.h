// SPDX-License-Identifier: Apache-2.0
// Metric families that several stages share, under the names that operators know.
#ifndef NJ_HEALTH_PIPELINE_METRICS_H
#define NJ_HEALTH_PIPELINE_METRICS_H

#include "health/metrics.h"

// pipeline_stage_duration_seconds{stage="detect" | "batch" | "analyze"}. `metrics` may be NULL:
// the result is then NULL, which nj_pipeline_observe accepts.
struct nj_metric *nj_pipeline_stage(struct nj_metrics *metrics, const char *stage);

// Tells the known types of pipeline_errors_total from nought on: who watches a rate needs the value
// of before the first error.
void nj_pipeline_prepare(struct nj_metrics *metrics);

// pipeline_errors_total{error_type=...}: counts one.
void nj_pipeline_error(struct nj_metrics *metrics, const char *error_type);

// detect_jobs_total{result="ok" | "failed" | "expired"}. `metrics` must be there.
struct nj_metric *nj_pipeline_jobs(struct nj_metrics *metrics, const char *result);

// folder_refused_files_total{reason=...}: counts one, whoever found what is wrong with the file.
void nj_pipeline_refuse(struct nj_metrics *metrics, const char *reason);

// Adds a duration in microseconds to a stage; NULL is harmless.
void nj_pipeline_observe(struct nj_metric *stage, int64_t duration_us);

#endif
