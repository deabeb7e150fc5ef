// SPDX-License-Identifier: Apache-2.0
// Life of one subscription at work: begun, changed where it must be, ended when nothing of it is
// under way.
#include "pipeline/subscriptions_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static void split_id(struct nj_feed *feed)
{
    const size_t length = strcspn(feed->spec.id, ";");
    memcpy(feed->display, feed->spec.id, length);
    feed->display[length] = '\0';
    nj_text_copy(feed->camera, sizeof feed->camera, feed->spec.id + length + 1);
}

static void handle_grace(struct nj_timer *timer)
{
    nj_feed_end(NJ_CONTAINER_OF(timer, struct nj_feed, grace));
}

// A display keeps its session whichever of its cameras were there when the session began.
static void join_session(struct nj_feed *feed)
{
    const struct nj_list *feeds = &feed->registry->feeds;
    const nj_us now_us = nj_feed_now_us(feed->registry);
    for (const struct nj_list *at = feeds->next; at != feeds; at = at->next) {
        const struct nj_feed *other =
            NJ_CONTAINER_OF((struct nj_list *)(uintptr_t)at, struct nj_feed, node);
        if (other == feed || strcmp(other->display, feed->display) != 0)
            continue;
        if (other->session.id[0] != '\0')
            nj_session_set_id(&feed->session, other->session.id, other->session.id_is_number,
                              now_us);
        nj_session_set_stage(&feed->session,
                             other->session.stage[0] != '\0' ? other->session.stage : NULL);
        return;
    }
}

static void destroy(struct nj_feed *feed)
{
    nj_feed_detach(feed);
    free(feed->shifted);
    free(feed->owners);
    free(feed);
}

int nj_feed_create(struct nj_subscriptions *registry, const struct nj_subscription_spec *spec,
                   struct nj_feed **out, struct nj_error *err)
{
    struct nj_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a subscription");
    feed->registry = registry;
    feed->spec = *spec;
    memcpy(feed->key, spec->id, sizeof feed->key);
    split_id(feed);
    nj_list_init(&feed->node);
    nj_timer_init(&feed->grace, registry->config.loop, handle_grace);
    nj_feed_stream_init(feed);
    nj_session_init(&feed->session, registry->config.session, nj_feed_now_us(registry));
    feed->owners =
        nj_malloc_array((size_t)registry->config.options->max_owners_each, sizeof *feed->owners);
    int rc = feed->owners != NULL ? nj_feed_model_get(registry, spec, &feed->model, err)
                                  : nj_error_set(err, NJ_E_NOMEM, "no memory for a subscription");
    if (rc == 0 && nj_strmap_set(registry->by_id, spec->id, feed) != 0)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory for a subscription");
    if (rc != 0) {
        nj_feed_model_put(feed->model);
        destroy(feed);
        return rc;
    }
    nj_list_append(&registry->feeds, &feed->node);
    registry->under_way++;
    join_session(feed);
    *out = feed;
    return 0;
}

static int attach_if_ready(struct nj_feed *feed, struct nj_error *err)
{
    return feed->model->state == NJ_FEED_MODEL_READY ? nj_feed_attach(feed, err) : 0;
}

static int change_model(struct nj_feed *feed, const struct nj_subscription_spec *spec,
                        struct nj_error *err)
{
    struct nj_feed_model *fresh = NULL;
    int rc = nj_feed_model_get(feed->registry, spec, &fresh, err);
    if (rc != 0)
        return rc;
    nj_feed_cancel_run(feed);
    nj_feed_detach(feed);
    nj_feed_model_put(feed->model);
    feed->model = fresh;
    return 0;
}

static bool same_stream(const struct nj_feed *feed, const struct nj_subscription_spec *spec)
{
    const struct nj_subscription_options *options = feed->registry->config.options;
    bool snapshot, other_snapshot;
    const char *url = nj_subscription_stream_url(options, &feed->spec, &snapshot);
    const char *other = nj_subscription_stream_url(options, spec, &other_snapshot);
    return snapshot == other_snapshot && strcmp(url, other) == 0;
}

static bool same_crop(const struct nj_subscription_spec *a, const struct nj_subscription_spec *b)
{
    return a->has_crop == b->has_crop &&
           (!a->has_crop || memcmp(a->crop, b->crop, sizeof a->crop) == 0);
}

static bool same_model(const struct nj_subscription_spec *a, const struct nj_subscription_spec *b)
{
    return strcmp(a->model_url, b->model_url) == 0 && strcmp(a->model_sha256, b->model_sha256) == 0;
}

int nj_feed_change(struct nj_feed *feed, const struct nj_subscription_spec *spec,
                   struct nj_error *err)
{
    const bool other_stream = !same_stream(feed, spec);
    const bool other_crop = !same_crop(&feed->spec, spec);
    const bool other_model = !same_model(&feed->spec, spec);
    int rc = other_model ? change_model(feed, spec, err) : 0;
    if (rc != 0)
        return rc;
    const bool other_pace = feed->spec.snapshot_interval_us != spec->snapshot_interval_us;
    feed->spec = *spec;
    if (other_pace && !other_stream)
        nj_feed_stream_pace(feed);
    if (other_stream) {
        nj_feed_stream_stop(feed);
        feed->registry->restarts++;
        nj_feed_stream_start(feed);
    }
    if (other_stream || other_crop)
        nj_feed_reset_tracks(feed);
    if (other_model)
        rc = attach_if_ready(feed, err);
    if (other_stream)
        nj_feed_tell_state(feed, NJ_PART_STREAM);
    if (other_model)
        nj_feed_tell_state(feed, NJ_PART_MODEL);
    return rc;
}

void nj_feed_ask_again(struct nj_feed *feed)
{
    nj_feed_model_ask_again(feed->model);
    if (feed->user == NULL && feed->stream_error.code != 0 && !nj_timer_active(&feed->rejoin))
        nj_feed_stream_start(feed);
    else if (feed->user != NULL && feed->shown_state == NJ_SOURCE_FAILED)
        nj_feed_stream_revive(feed);
}

static bool is_idle(struct nj_feed *feed)
{
    return !feed->inferring && !feed->running && !atomic_load(&feed->notified);
}

void nj_feed_settle(struct nj_feed *feed)
{
    struct nj_subscriptions *registry = feed->registry;
    if (!feed->ended || !is_idle(feed))
        return;
    destroy(feed);
    registry->under_way--;
    nj_subscriptions_end_if_idle(registry);
}

void nj_feed_end(struct nj_feed *feed)
{
    struct nj_subscriptions *registry = feed->registry;
    nj_timer_stop(&feed->grace);
    nj_feed_stream_stop(feed);
    nj_feed_cancel_run(feed);
    nj_strmap_remove(registry->by_id, feed->spec.id);
    nj_list_remove(&feed->node);
    struct nj_feed_model *model = feed->model;
    feed->model = NULL;
    feed->ended = true;
    nj_feed_detach(feed);
    nj_feed_settle(feed);
    nj_feed_model_put(model);
}
