// SPDX-License-Identifier: Apache-2.0
// Actions of a run are handed over in their order and not waited for: a server that is away does
// not keep the result.
#include "pipeline/executor_priv.h"

#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A call outlives the run that made it.
struct run_call {
    struct nj_action_call call;
    bool returned, ended;
};

static void handle_done(struct nj_action_call *call)
{
    struct run_call *own = NJ_CONTAINER_OF(call, struct run_call, call);
    own->ended = true;
    if (own->returned)
        free(own);
}

static int renew_names(struct nj_run_work *work, bool png)
{
    const int rc = nj_random_uuid(work->uuid);
    snprintf(work->filename, sizeof work->filename, "%s.%s", work->uuid, png ? "png" : "jpg");
    return rc;
}

int nj_run_actions_init(struct nj_run_work *work, struct nj_error *err)
{
    const struct nj_executor *executor = work->executor;
    const nj_us captured_us = work->frame->captured_wall_us;
    const nj_us wall_us = captured_us > 0 ? captured_us : nj_wall_us(executor->clock);
    struct nj_local_time local;
    int rc = nj_random_uuid(work->order_key);
    rc = rc != 0 ? rc : renew_names(work, false);
    if (rc != 0)
        return nj_error_set(err, rc, "the system gives no random numbers");
    // Templates always have a session: the backend's, or one that nobody else has.
    if (work->session_id[0] == '\0')
        nj_text_copy(work->session_id, sizeof work->session_id, work->order_key);
    nj_timezone_local(executor->zone, wall_us, &local);
    snprintf(work->timestamp, sizeof work->timestamp, "%04d-%02d-%02dT%02d-%02d-%02d",
             local.year % 10000, local.month % 100, local.day % 100, local.hour % 100,
             local.minute % 100, local.second % 100);
    work->timestamp_ms = wall_us / NJ_US_PER_MS;
    return 0;
}

static struct nj_rect region_of(const struct nj_run_node *node, const struct nj_spec_action *action)
{
    const struct nj_run_detection *region =
        action->region[0] != '\0' ? nj_run_region(node, action->region) : NULL;
    return region != NULL ? region->detection.box : node->input;
}

static void hand_over(struct nj_run_node *node, const struct nj_spec_action *action)
{
    struct nj_run_work *work = node->work;
    const bool saves = action->kind == NJ_ACTION_REDIS_SAVE_IMAGE;
    const struct nj_values values = {.lookup = nj_run_lookup, .context = node};
    struct run_call *own = calloc(1, sizeof *own);
    if (own == NULL || (saves && renew_names(work, action->png) != 0)) {
        nj_log_at(work->executor->config.log, NJ_LOG_ERROR, "No memory for an action",
                  NJ_TEXT("path", action->path));
        free(own);
        return;
    }
    own->call = (struct nj_action_call){.action = action,
                                        .archive = nj_loaded_pipeline_archive(work->pipeline),
                                        .values = &values,
                                        .frame = saves ? work->frame : NULL,
                                        .region = region_of(node, action),
                                        .order_key = work->session_id,
                                        .done = handle_done};
    nj_action_run(work->executor->config.actions, &own->call);
    if (saves)
        nj_text_copy(work->image_key, sizeof work->image_key,
                     own->ended && own->call.rc != 0 ? "" : own->call.image_key);
    own->returned = true;
    if (own->ended)
        free(own);
}

static bool has_all_expected(const struct nj_run_node *node)
{
    const struct nj_spec_names *expected = &node->spec->expected_classes;
    for (size_t i = 0; i < expected->count; i++) {
        if (nj_run_region(node, expected->items[i]) == NULL)
            return false;
    }
    return true;
}

static bool lists_record(const struct nj_spec_node *spec)
{
    for (size_t i = 0; i < spec->action_count; i++) {
        if (spec->actions[i].kind == NJ_ACTION_POSTGRESQL_CREATE_RECORD)
            return true;
    }
    return false;
}

void nj_run_actions_before(struct nj_run_node *node)
{
    struct nj_run_work *work = node->work;
    const struct nj_spec_action *initial =
        node->loaded->initial != NULL && has_all_expected(node) ? node->loaded->initial : NULL;
    if (!work->session_is_ours && (initial != NULL || lists_record(node->spec))) {
        // The record is a new one, whatever session the camera is in.
        work->session_is_ours = true;
        nj_text_copy(work->session_id, sizeof work->session_id, work->order_key);
    }
    if (initial != NULL)
        hand_over(node, initial);
    for (size_t i = 0; i < node->spec->action_count; i++)
        hand_over(node, &node->spec->actions[i]);
}

// Below `node`, by id; NULL: none, which the archive's check has refused.
static const struct nj_run_node *find_waited(const struct nj_run_node *node, const char *model_id)
{
    struct nj_run_work *work = node->work;
    for (size_t i = 0; i < work->node_count; i++) {
        if (strcmp(work->nodes[i].spec->model_id, model_id) == 0)
            return &work->nodes[i];
    }
    return NULL;
}

// Whether enough of what the action waits for has a result.
static bool may_go(const struct nj_run_node *node, const struct nj_spec_action *action)
{
    const struct nj_spec_names *names = &action->wait_for;
    size_t there = 0;
    for (size_t i = 0; i < names->count; i++) {
        const struct nj_run_node *waited = find_waited(node, names->items[i]);
        there += waited != NULL && waited->outcome == NJ_NODE_OK;
    }
    if (names->count == 0)
        return true;
    return node->spec->partial == NJ_PARTIAL_ALL ? there == names->count : there > 0;
}

void nj_run_actions_after(struct nj_run_node *node)
{
    for (size_t i = 0; i < node->spec->parallel_action_count; i++) {
        const struct nj_spec_action *action = &node->spec->parallel_actions[i];
        if (may_go(node, action))
            hand_over(node, action);
        else
            nj_log_at(node->work->executor->config.log, NJ_LOG_INFO,
                      "Action left out: branches it waits for have no result",
                      NJ_TEXT("path", action->path), NJ_TEXT("session_id", node->work->session_id));
    }
}
