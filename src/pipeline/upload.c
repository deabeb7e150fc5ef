// SPDX-License-Identifier: Apache-2.0
// Life of the upload pipeline.
#include "pipeline/upload.h"

#include "health/pipeline_metrics.h"
#include "pipeline/upload_priv.h"

#include <stdlib.h>

// Enough to keep an inference thread busy while the rows of others gather for one commit.
enum { ITEMS_PER_THREAD = 16 };

int nj_upload_pipeline_create(const struct nj_upload_config *config,
                              struct nj_upload_pipeline **out, struct nj_error *err)
{
    struct nj_upload_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (pipeline == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "upload pipeline: out of memory");
    pipeline->config = *config;
    pipeline->detect_stage = nj_pipeline_stage(config->metrics, "detect");
    nj_cancel_init(&pipeline->cancel, NULL);
    *out = pipeline;
    return 0;
}

static void handle_item(struct nj_work_item *item, void *arg)
{
    nj_upload_task_begin(arg, item);
}

int nj_upload_pipeline_start(struct nj_upload_pipeline *pipeline, struct nj_error *err)
{
    size_t capacity = (size_t)pipeline->config.options.in_flight;
    if (capacity == 0) {
        struct nj_scheduler_stats stats;
        nj_scheduler_get_stats(pipeline->config.scheduler, &stats);
        capacity = ITEMS_PER_THREAD * (size_t)stats.threads;
    }
    int rc = nj_work_queue_start(pipeline->config.queue, capacity, handle_item, pipeline);
    return rc == 0 ? 0 : nj_error_set(err, rc, "upload pipeline: its queue did not start");
}

void nj_upload_pipeline_stop(struct nj_upload_pipeline *pipeline)
{
    if (pipeline != NULL)
        nj_work_queue_pause(pipeline->config.queue);
}

bool nj_upload_pipeline_idle(const struct nj_upload_pipeline *pipeline)
{
    return pipeline == NULL || pipeline->under_way == 0;
}

void nj_upload_pipeline_destroy(struct nj_upload_pipeline *pipeline)
{
    free(pipeline);
}
