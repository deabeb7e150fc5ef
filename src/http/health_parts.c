// SPDX-License-Identifier: Apache-2.0
// What one answer tells of all parts: streams, models, clients, database, redis.
#include "http/http_priv.h"

struct counts {
    int64_t active, failed, total;
};

static void count_stream(const struct nj_stream_view *view, void *arg)
{
    struct counts *counts = arg;
    counts->total++;
    counts->active += view->stats.state == NJ_SOURCE_ACTIVE;
    counts->failed += view->stats.state == NJ_SOURCE_FAILED || view->stats.state == NJ_SOURCE_ERROR;
}

static int64_t count_clients(const struct nj_api_context *context)
{
    int64_t clients = 0;
    if (context->realtime != NULL) {
        struct nj_realtime_stats stats;
        nj_realtime_get_stats(context->realtime, &stats);
        clients += (int64_t)(stats.clients[NJ_CHANNEL_EVENTS] + stats.clients[NJ_CHANNEL_SYSTEM]);
    }
    if (context->worker != NULL)
        clients += (int64_t)nj_worker_connections(context->worker);
    return clients;
}

static bool database_works(const struct nj_api_context *context,
                           const struct nj_action_stats *actions)
{
    struct nj_store_stats stats = {.read_only = true};
    if (context->store != NULL)
        nj_store_get_stats(context->store, &stats);
    return !stats.read_only && (!actions->foreign_configured || actions->foreign_ready);
}

void nj_api_write_parts(const struct nj_api_context *context, struct nj_json_writer *writer)
{
    struct counts streams = {0, 0, 0};
    struct nj_model_cache_stats models = {0};
    struct nj_action_stats actions = {0};
    if (context->streams != NULL)
        nj_streams_each(context->streams, count_stream, &streams);
    if (context->models != NULL)
        nj_model_cache_get_stats(context->models, &models);
    if (context->actions != NULL)
        nj_action_runner_get_stats(context->actions, &actions);
    nj_json_object_begin(writer, "streams");
    nj_json_int(writer, "active", streams.active);
    nj_json_int(writer, "failed", streams.failed);
    nj_json_int(writer, "total", streams.total);
    nj_json_object_end(writer);
    nj_json_int(writer, "models", models.models + (context->detector != NULL));
    nj_json_int(writer, "clients", count_clients(context));
    nj_json_bool(writer, "database", database_works(context, &actions));
    if (actions.redis_configured)
        nj_json_bool(writer, "redis", actions.redis_ready);
    else
        nj_json_null(writer, "redis"); // not configured
}
