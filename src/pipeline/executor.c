// SPDX-License-Identifier: Apache-2.0
// The executor: beginning and cancelling of runs.
#include "pipeline/executor_priv.h"

#include "util/text.h"

#include <stdlib.h>

static void find_metrics(struct nj_executor *executor)
{
    static const struct nj_metric_spec runs = {.type = NJ_COUNTER,
                                               .name = "pipeline_runs_total",
                                               .help = "Runs of model pipelines, by result",
                                               .label = "result"};
    struct nj_metrics *metrics = executor->config.metrics;
    if (metrics == NULL)
        return;
    executor->metric_found = nj_metrics_get(metrics, &runs, "found");
    executor->metric_nothing = nj_metrics_get(metrics, &runs, "nothing");
    executor->metric_failed = nj_metrics_get(metrics, &runs, "failed");
}

int nj_executor_create(const struct nj_executor_config *config, struct nj_executor **out,
                       struct nj_error *err)
{
    struct nj_executor *executor = calloc(1, sizeof *executor);
    if (executor == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an executor");
    executor->config = *config;
    executor->clock = nj_loop_clock(config->loop);
    nj_list_init(&executor->works);
    find_metrics(executor);
    const int rc = nj_timezone_create(NULL, &executor->zone, err);
    if (rc != 0)
        nj_executor_destroy(executor);
    else
        *out = executor;
    return rc;
}

void nj_executor_destroy(struct nj_executor *executor)
{
    if (executor == NULL)
        return;
    nj_timezone_destroy(executor->zone);
    free(executor);
}

static void init_nodes(struct nj_run_work *work)
{
    for (size_t i = 0; i < work->node_count; i++) {
        struct nj_run_node *node = &work->nodes[i];
        node->work = work;
        node->loaded = nj_loaded_pipeline_node(work->pipeline, i);
        node->spec = node->loaded->spec;
        nj_timer_init(&node->timer, work->executor->config.loop, NULL);
        for (size_t branch = 0; branch < node->spec->branch_count; branch++)
            work->nodes[node->spec->branches[branch].index].parent = node;
    }
}

static void copy_id(char *out, const char *id)
{
    nj_text_copy(out, NJ_RUN_IDS_SIZE, id != NULL ? id : "");
}

static void take_request(struct nj_run_work *work, struct nj_run *run)
{
    work->run = run;
    work->pipeline = nj_loaded_pipeline_ref(run->pipeline);
    work->frame = nj_frame_ref(run->frame);
    work->crop = run->crop;
    copy_id(work->display_id, run->display_id);
    copy_id(work->camera_id, run->camera_id);
    copy_id(work->subscription_id, run->subscription_id);
    copy_id(work->session_id, run->session_id);
    nj_buf_init(&work->branch_results, NJ_RUN_JSON_MAX);
    nj_buf_init(&work->detection, NJ_RUN_JSON_MAX);
}

static void handle_begin(struct nj_call *call)
{
    struct nj_run_work *work = NJ_CONTAINER_OF(call, struct nj_run_work, begin_call);
    struct nj_error why;
    work->begun = true;
    if (!work->cancelled) {
        nj_run_begin(work);
        return;
    }
    nj_error_set(&why, NJ_E_CANCELLED, "cancelled");
    nj_run_end(work, NJ_E_CANCELLED, &why);
}

int nj_executor_run(struct nj_executor *executor, struct nj_run *run, struct nj_error *err)
{
    const size_t nodes = nj_loaded_pipeline_archive(run->pipeline)->spec->node_count;
    if (executor->count >= NJ_RUNS_MAX)
        return nj_error_set(err, NJ_E_FULL, "%d pipelines are at work", NJ_RUNS_MAX);
    struct nj_run_work *work = calloc(1, sizeof *work + nodes * sizeof work->nodes[0]);
    if (work == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a run");
    work->executor = executor;
    work->node_count = nodes;
    work->refs = 1;
    nj_list_append(&executor->works, &work->list);
    executor->count++;
    take_request(work, run);
    init_nodes(work);
    const int rc = nj_run_actions_init(work, err);
    if (rc != 0) {
        nj_run_unref(work);
        return rc;
    }
    run->work = work;
    work->result.started_us = nj_mono_us(executor->clock);
    work->begin_call.fn = handle_begin;
    nj_loop_post(executor->config.loop, &work->begin_call);
    return 0;
}

void nj_executor_cancel(struct nj_executor *executor, struct nj_run *run)
{
    struct nj_run_work *work = run->work;
    if (work == NULL || work->cancelled)
        return;
    work->cancelled = true;
    if (work->begun) // else the call is on its way
        nj_loop_post(executor->config.loop, &work->begin_call);
}
