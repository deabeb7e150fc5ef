// SPDX-License-Identifier: Apache-2.0
// Life of the analysis service and its threads.
#include "analysis/analysis.h"

#include "analysis/analysis_priv.h"
#include "analysis/llm.h"
#include "analysis/rules.h"

#include <stdlib.h>

static const struct nj_analyser_driver *const drivers[] = {
    [NJ_ANALYSER_RULES] = &nj_analyser_rules, [NJ_ANALYSER_LLM] = &nj_analyser_llm};

static void run_thread(void *arg)
{
    struct nj_analysis_thread *thread = arg;
    void *task = NULL;
    while (nj_queue_pop(thread->analysis->waiting, -1, &task) == 0)
        nj_analysis_task_run(task, thread->analyser);
}

static int start_threads(struct nj_analysis *analysis, struct nj_error *err)
{
    struct nj_queue_options waiting = {.max_items = NJ_ANALYSIS_AT_ONCE, .policy = NJ_QUEUE_REJECT};
    int rc = nj_queue_create(&waiting, &analysis->waiting);
    if (rc != 0)
        return nj_error_set(err, rc, "analysis: out of memory");
    size_t count = (size_t)analysis->config.options.llm_threads;
    for (size_t i = 0; rc == 0 && i < count && i < NJ_ANALYSIS_THREADS_MAX; i++) {
        struct nj_analysis_thread *thread = &analysis->threads[i];
        thread->analysis = analysis;
        rc = analysis->driver->create(&analysis->config.options,
                                      nj_loop_clock(analysis->config.loop), &thread->analyser, err);
        if (rc != 0)
            return rc;
        analysis->thread_count += 1;
        rc = nj_thread_start(&thread->thread, "nj-analysis", run_thread, thread, err);
        thread->running = rc == 0;
    }
    return rc;
}

static void stop_threads(struct nj_analysis *analysis)
{
    nj_cancel_fire(&analysis->cancel);
    if (analysis->waiting != NULL)
        nj_queue_close(analysis->waiting);
    for (size_t i = 0; i < analysis->thread_count; i++) {
        if (analysis->threads[i].running)
            nj_thread_join(analysis->threads[i].thread);
        analysis->driver->destroy(analysis->threads[i].analyser);
    }
    analysis->thread_count = 0;
}

int nj_analysis_create(const struct nj_analysis_config *config, struct nj_analysis **out,
                       struct nj_error *err)
{
    struct nj_analysis *analysis = calloc(1, sizeof *analysis);
    if (analysis == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "analysis: out of memory");
    analysis->config = *config;
    analysis->severity = config->severity;
    analysis->driver = drivers[config->options.analyser];
    nj_cancel_init(&analysis->cancel, NULL);
    int rc = nj_timezone_create(config->options.timezone, &analysis->zone, err);
    if (rc == 0 && analysis->driver->blocking)
        rc = start_threads(analysis, err);
    if (rc != 0) {
        nj_analysis_destroy(analysis);
        return rc;
    }
    *out = analysis;
    return 0;
}

static void handle_item(struct nj_work_item *item, void *arg)
{
    nj_analysis_task_begin(arg, item);
}

int nj_analysis_start(struct nj_analysis *analysis, struct nj_error *err)
{
    // No more than there are threads: what waits, waits in the queue, where the fast path
    // overtakes.
    size_t at_once = analysis->driver->blocking ? analysis->thread_count : NJ_ANALYSIS_AT_ONCE;
    int rc = nj_work_queue_start(analysis->config.queue, at_once, handle_item, analysis);
    return rc == 0 ? 0 : nj_error_set(err, rc, "analysis: its queue did not start");
}

void nj_analysis_stop(struct nj_analysis *analysis)
{
    if (analysis == NULL)
        return;
    nj_work_queue_pause(analysis->config.queue);
    stop_threads(analysis); // what a model is still writing comes again later
}

bool nj_analysis_idle(const struct nj_analysis *analysis)
{
    return analysis == NULL || analysis->under_way == 0;
}

void nj_analysis_set_severity(struct nj_analysis *analysis,
                              const struct nj_severity_options *severity)
{
    analysis->severity = *severity;
}

void nj_analysis_destroy(struct nj_analysis *analysis)
{
    if (analysis == NULL)
        return;
    stop_threads(analysis);
    nj_queue_destroy(analysis->waiting);
    nj_timezone_destroy(analysis->zone);
    free(analysis);
}
