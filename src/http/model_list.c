// SPDX-License-Identifier: Apache-2.0
// GET /api/models: what the model cache holds, and the archives of subscriptions as trees of nodes
// with their timings.
#include "http/http_priv.h"
#include "http/routes_priv.h"

enum { PIPELINES_MAX = 256 }; // shown

struct listing {
    struct nj_subscriptions *subscriptions;
    struct nj_json_writer *writer;
    const struct nj_loaded_pipeline *pipelines[PIPELINES_MAX];
    size_t count;
    const struct nj_loaded_pipeline *now; // whose subscriptions are written
};

static void write_timing(const struct nj_loaded_pipeline *pipeline, size_t index,
                         struct nj_json_writer *writer)
{
    struct nj_node_timing timing;
    nj_loaded_pipeline_timing(pipeline, index, &timing);
    nj_json_object_begin(writer, "timing");
    nj_json_int(writer, "runs", (int64_t)timing.runs);
    nj_json_int(writer, "skipped", (int64_t)timing.skipped);
    nj_json_int(writer, "failed", (int64_t)timing.failed);
    nj_json_int(writer, "timeouts", (int64_t)timing.timeouts);
    nj_json_fixed(writer, "ms_avg", timing.ms_avg, 2);
    nj_json_fixed(writer, "ms_p95", timing.ms_p95, 2);
    nj_json_fixed(writer, "ms_last", timing.ms_last, 2);
    nj_json_object_end(writer);
}

// The depth of a tree is limited where it is read.
static void write_node(const struct nj_loaded_pipeline *pipeline, const char *key,
                       const struct nj_spec_node *node, struct nj_json_writer *writer)
{
    const struct nj_model *model =
        nj_detector_model(nj_loaded_pipeline_model(pipeline, node->index));
    nj_json_object_begin(writer, key);
    nj_json_text(writer, "model_id", node->model_id);
    nj_json_text(writer, "model_file", node->model_file);
    nj_json_text(writer, "model", model->name);
    nj_json_bool(writer, "crop", node->crop);
    nj_json_int(writer, "actions", (int64_t)(node->action_count + node->parallel_action_count));
    write_timing(pipeline, node->index, writer);
    nj_json_array_begin(writer, "branches");
    for (size_t i = 0; i < node->branch_count; i++)
        write_node(pipeline, NULL, &node->branches[i], writer);
    nj_json_array_end(writer);
    nj_json_object_end(writer);
}

static void write_user(const struct nj_subscription_view *view, void *arg)
{
    const struct listing *listing = arg;
    if (view->pipeline == listing->now)
        nj_json_text(listing->writer, NULL, view->spec->id);
}

static void write_pipeline(struct listing *listing)
{
    struct nj_json_writer *writer = listing->writer;
    const struct nj_archive *archive = nj_loaded_pipeline_archive(listing->now);
    const struct nj_spec_warnings *warnings = &archive->spec->warnings;
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "archive", archive->sha256);
    nj_json_array_begin(writer, "subscriptions");
    nj_subscriptions_each(listing->subscriptions, write_user, listing);
    nj_json_array_end(writer);
    nj_json_array_begin(writer, "warnings");
    for (size_t i = 0; i < warnings->count; i++)
        nj_json_text(writer, NULL, warnings->items[i]);
    nj_json_array_end(writer);
    write_node(listing->now, "root", &archive->spec->root, writer);
    nj_json_object_end(writer);
}

static void see(const struct nj_subscription_view *view, void *arg)
{
    struct listing *listing = arg;
    for (size_t i = 0; i < listing->count; i++) {
        if (listing->pipelines[i] == view->pipeline)
            return;
    }
    if (view->pipeline == NULL || listing->count == PIPELINES_MAX)
        return;
    listing->pipelines[listing->count++] = view->pipeline;
    listing->now = view->pipeline;
    write_pipeline(listing);
}

static void write_models(struct nj_model_cache *models, struct nj_json_writer *writer)
{
    struct nj_model_cache_stats stats;
    nj_model_cache_get_stats(models, &stats);
    nj_json_object_begin(writer, "cache");
    nj_json_int(writer, "models", stats.models);
    nj_json_int(writer, "in_use", stats.in_use);
    nj_json_int(writer, "bytes", stats.bytes);
    nj_json_int(writer, "budget_bytes", stats.budget_bytes);
    nj_json_int(writer, "hits", (int64_t)stats.hits);
    nj_json_int(writer, "loads", (int64_t)stats.loads);
    nj_json_int(writer, "failed", (int64_t)stats.failed);
    nj_json_int(writer, "evicted", (int64_t)stats.evicted);
    nj_json_object_end(writer);
}

void nj_route_model_list(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    struct nj_json_answer answer;
    if (context->models == NULL || context->subscriptions == NULL) {
        nj_exchange_missing(exchange, "the detector worker");
        return;
    }
    nj_json_answer_begin(&answer);
    struct listing listing = {.subscriptions = context->subscriptions, .writer = &answer.writer};
    write_models(context->models, &answer.writer);
    nj_json_array_begin(&answer.writer, "pipelines");
    nj_subscriptions_each(context->subscriptions, see, &listing);
    nj_json_array_end(&answer.writer);
    nj_json_answer_send(&answer, exchange, NULL);
}
