// SPDX-License-Identifier: Apache-2.0
// The phases of a run: the root sees something, what is waited for would run, then things are done.
#include "pipeline/executor_priv.h"

#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_wanted(const struct nj_spec_node *root, const struct nj_run_detection *known)
{
    const struct nj_spec_names *classes = &root->trigger_classes;
    bool wanted = classes->count == 0;
    for (size_t i = 0; i < classes->count && !wanted; i++)
        wanted = nj_text_equal_nocase(classes->items[i], known->label);
    return wanted && (double)known->detection.confidence >= root->min_confidence;
}

static int compare_confidence(const void *a, const void *b)
{
    const float left = ((const struct nj_run_detection *)a)->detection.confidence;
    const float right = ((const struct nj_run_detection *)b)->detection.confidence;
    return (left < right) - (left > right);
}

// What tracking saw already, as the root would have seen it.
static void take_known(struct nj_run_node *root, const struct nj_run *run)
{
    for (size_t i = 0; i < run->known_count && root->found_count < NJ_RUN_DETECTIONS_MAX; i++) {
        if (is_wanted(root->spec, &run->known[i]))
            root->found[root->found_count++] = run->known[i];
    }
    qsort(root->found, root->found_count, sizeof root->found[0], compare_confidence);
    root->input = root->work->crop;
    root->begun = root->inferred = true;
    root->outcome = root->found_count > 0 ? NJ_NODE_OK : NJ_NODE_NONE;
}

static void stop_timers(struct nj_run_work *work)
{
    for (size_t i = 0; i < work->node_count; i++)
        nj_timer_stop(&work->nodes[i].timer);
}

static void count_end(const struct nj_executor *executor, const struct nj_run_result *result)
{
    struct nj_metric *metric = result->rc != 0 ? executor->metric_failed
                               : result->found ? executor->metric_found
                                               : executor->metric_nothing;
    if (metric != NULL)
        nj_metric_add(metric, 1);
}

void nj_run_end(struct nj_run_work *work, int rc, const struct nj_error *why)
{
    struct nj_run *run = work->run;
    struct nj_run_result *result = &work->result;
    if (work->phase == NJ_RUN_ENDED)
        return;
    stop_timers(work);
    result->rc = rc;
    if (why != NULL)
        result->error = *why;
    if (rc == 0)
        result->rc = nj_run_write_results(work, &result->error);
    result->found = result->rc == 0 && work->phase == NJ_RUN_ACTING;
    if (result->branch_results == NULL)
        result->branch_results = "{}";
    if (result->detection == NULL)
        result->detection = "{}";
    result->finished_us = nj_mono_us(work->executor->clock);
    nj_text_copy(result->session_id, sizeof result->session_id,
                 work->session_is_ours     ? work->session_id
                 : run->session_id != NULL ? run->session_id
                                           : "");
    work->phase = NJ_RUN_ENDED;
    work->run = NULL;
    run->work = NULL;
    count_end(work->executor, result);
    run->done(run, result);
    nj_run_unref(work);
}

static void end_without(struct nj_run_work *work)
{
    nj_run_end(work, 0, NULL);
}

// Before any side effect: what is waited for must run as far as it is known.
static void end_probes(struct nj_run_work *work)
{
    if (!nj_run_check_branches(&work->nodes[0], work->result.why_not)) {
        end_without(work);
        return;
    }
    work->phase = NJ_RUN_ACTING;
    nj_run_act(&work->nodes[0]);
}

static bool can_probe(const struct nj_run_node *node)
{
    char why[NJ_RUN_WHY_SIZE];
    const struct nj_run_node *parent = node->parent;
    return node->probed && !node->begun && parent->inferred && parent->outcome == NJ_NODE_OK &&
           nj_run_trigger(node, why) != NULL;
}

static void probe_more(struct nj_run_work *work)
{
    work->probing++; // models that end at once must not end the phase under this loop
    for (size_t i = 1; i < work->node_count; i++) {
        if (!can_probe(&work->nodes[i]))
            continue;
        work->probing++;
        nj_run_infer(&work->nodes[i]);
    }
    if (--work->probing == 0 && work->phase == NJ_RUN_PROBING)
        end_probes(work);
}

static void say_nothing_seen(struct nj_run_work *work)
{
    const struct nj_run_node *root = &work->nodes[0];
    char *why = work->result.why_not;
    if (root->outcome == NJ_NODE_UNSURE && root->found_count > 0)
        snprintf(why, sizeof work->result.why_not, "%.60s %.2f is below %.2f", root->found[0].label,
                 (double)root->found[0].detection.confidence, root->spec->min_confidence);
    else
        snprintf(why, sizeof work->result.why_not, "nothing was seen");
}

static void handle_root(struct nj_run_node *root)
{
    struct nj_run_work *work = root->work;
    struct nj_error why;
    if (root->outcome == NJ_NODE_ERROR) {
        const bool late = strcmp(root->error_type, "timeout") == 0;
        const int rc = late ? NJ_E_TIMEOUT : root->job.rc != 0 ? root->job.rc : NJ_E_UNAVAILABLE;
        nj_error_set(&why, rc, "%s: %s", root->spec->model_id, root->error);
        nj_run_end(work, rc, &why);
    } else if (root->outcome != NJ_NODE_OK) {
        say_nothing_seen(work);
        end_without(work);
    } else if (!nj_run_check_classes(root, work->result.why_not)) {
        end_without(work);
    } else {
        nj_run_mark_probes(root);
        work->phase = NJ_RUN_PROBING;
        probe_more(work);
    }
}

void nj_run_inferred(struct nj_run_node *node)
{
    struct nj_run_work *work = node->work;
    if (work->cancelled)
        return;
    switch (work->phase) {
    case NJ_RUN_DETECTING:
        handle_root(node);
        break;
    case NJ_RUN_PROBING:
        work->probing--;
        probe_more(work);
        break;
    case NJ_RUN_ACTING:
        nj_run_branch_inferred(node);
        break;
    case NJ_RUN_ENDED:
        break;
    }
}

void nj_run_begin(struct nj_run_work *work)
{
    struct nj_run_node *root = &work->nodes[0];
    if (work->run->known != NULL) {
        take_known(root, work->run);
        nj_run_inferred(root);
    } else {
        nj_run_infer(root);
    }
}
