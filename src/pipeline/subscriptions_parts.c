// SPDX-License-Identifier: Apache-2.0
// What subscriptions stand on in the program.
#include "pipeline/executor_priv.h"
#include "pipeline/subscriptions_priv.h"

static int load(const struct nj_subscriptions_config *config, const struct nj_feed_wish *wish,
                struct nj_loaded_pipeline **out, struct nj_error *err)
{
    struct nj_archive *archive = NULL;
    const struct nj_archive_wish archive_wish = {wish->url, wish->sha256, wish->cancel};
    int rc = nj_archive_store_get(config->archives, &archive_wish, &archive, err);
    if (rc != 0)
        return rc;
    rc = nj_loaded_pipeline_create(archive, config->models, out, err);
    nj_archive_unref(archive);
    return rc;
}

static void unref(struct nj_loaded_pipeline *pipeline)
{
    if (pipeline != NULL)
        nj_loaded_pipeline_unref(pipeline);
}

static void note(struct nj_loaded_pipeline *pipeline, size_t node_index, nj_us took_us)
{
    nj_loaded_pipeline_note(pipeline, node_index, NJ_NODE_RAN, took_us);
}

const struct nj_feed_parts nj_feed_parts = {
    .join = nj_streams_join,
    .leave = nj_streams_leave,
    .set_interval = nj_stream_set_interval,
    .newest = nj_stream_newest,
    .stream_stats = nj_stream_get_stats,
    .load = load,
    .ref = nj_loaded_pipeline_ref,
    .unref = unref,
    .archive = nj_loaded_pipeline_archive,
    .model = nj_loaded_pipeline_model,
    .note = note,
    .submit = nj_scheduler_submit,
    .run = nj_executor_run,
    .cancel = nj_executor_cancel,
};

int nj_subscriptions_create(const struct nj_subscriptions_config *config,
                            struct nj_subscriptions **out, struct nj_error *err)
{
    return nj_subscriptions_create_with(config, &nj_feed_parts, out, err);
}
