// SPDX-License-Identifier: Apache-2.0
// The registry of subscriptions: its life, what is told of them, and looking things up.
#include "pipeline/subscriptions_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { LAST_TURNS = 64 }; // of the loop, for what threads said last

// Sessions are looked at this often when no frames come.
static const nj_us tick_us = 250 * (nj_us)NJ_US_PER_MS;

static const struct nj_metric_spec subscriptions_spec = {
    .type = NJ_GAUGE,
    .name = "worker_subscriptions",
    .help = "Subscriptions of the detector worker.",
};
static const struct nj_metric_spec runs_spec = {
    .type = NJ_COUNTER,
    .name = "worker_runs_total",
    .help = "Runs of archives' pipelines that subscriptions began.",
};
static const struct nj_metric_spec detections_spec = {
    .type = NJ_COUNTER,
    .name = "worker_detections_total",
    .help = "Runs of subscriptions that had a result.",
};

static struct nj_feed *feed_of(struct nj_list *node)
{
    return NJ_CONTAINER_OF(node, struct nj_feed, node);
}

static void handle_tick(struct nj_timer *timer)
{
    struct nj_subscriptions *registry = NJ_CONTAINER_OF(timer, struct nj_subscriptions, tick);
    for (struct nj_list *at = registry->feeds.next, *next; at != &registry->feeds; at = next) {
        next = at->next;
        nj_feed_tick_session(feed_of(at));
    }
}

static void make_metrics(struct nj_subscriptions *registry)
{
    struct nj_metrics *metrics = registry->config.metrics;
    if (metrics == NULL)
        return;
    registry->metric_subscriptions = nj_metrics_get(metrics, &subscriptions_spec, NULL);
    registry->metric_runs = nj_metrics_get(metrics, &runs_spec, NULL);
    registry->metric_detections = nj_metrics_get(metrics, &detections_spec, NULL);
}

static int init(struct nj_subscriptions *registry, struct nj_error *err)
{
    const struct nj_subscription_options *options = registry->config.options;
    struct nj_loop *loop = registry->config.loop;
    nj_timer_init(&registry->tick, loop, handle_tick);
    registry->by_id = nj_strmap_create(NULL);
    registry->cache = nj_lru_create((size_t)options->cache_bytes, options->cache_expire_us);
    if (registry->by_id == NULL || registry->cache == NULL ||
        nj_timer_start(&registry->tick, tick_us, tick_us) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for subscriptions");
    return nj_feed_jobs_create(loop, &registry->fetches, err);
}

int nj_subscriptions_create_with(const struct nj_subscriptions_config *config,
                                 const struct nj_feed_parts *parts, struct nj_subscriptions **out,
                                 struct nj_error *err)
{
    struct nj_subscriptions *registry = calloc(1, sizeof *registry);
    if (registry == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for subscriptions");
    registry->config = *config;
    registry->parts = parts;
    nj_list_init(&registry->feeds);
    nj_list_init(&registry->models);
    nj_rng_seed(&registry->rng, (uint64_t)nj_wall_us(nj_loop_clock(config->loop)));
    make_metrics(registry);
    int rc = init(registry, err);
    if (rc != 0)
        nj_subscriptions_destroy(registry);
    else
        *out = registry;
    return rc;
}

static void handle_stopped(struct nj_call *call)
{
    struct nj_subscriptions *registry = NJ_CONTAINER_OF(call, struct nj_subscriptions, stopped);
    registry->stop_told = true;
    if (registry->stop_done != NULL)
        registry->stop_done(registry->stop_arg);
}

void nj_subscriptions_end_if_idle(struct nj_subscriptions *registry)
{
    if (!registry->stopping || registry->stop_posted || registry->under_way > 0)
        return;
    registry->stop_posted = true;
    registry->stopped.fn = handle_stopped;
    nj_loop_post(registry->config.loop, &registry->stopped);
}

void nj_subscriptions_stop(struct nj_subscriptions *subscriptions, void (*done)(void *arg),
                           void *arg)
{
    if (subscriptions->stopping)
        return;
    subscriptions->stopping = true;
    subscriptions->stop_done = done;
    subscriptions->stop_arg = arg;
    nj_timer_stop(&subscriptions->tick);
    while (!nj_list_empty(&subscriptions->feeds))
        nj_feed_end(feed_of(subscriptions->feeds.next));
    nj_subscriptions_end_if_idle(subscriptions);
}

void nj_subscriptions_destroy(struct nj_subscriptions *subscriptions)
{
    if (subscriptions == NULL)
        return;
    nj_subscriptions_stop(subscriptions, NULL, NULL);
    nj_feed_jobs_destroy(subscriptions->fetches);
    for (int i = 0; !subscriptions->stop_told && i < LAST_TURNS; i++)
        nj_loop_turn(subscriptions->config.loop);
    nj_lru_destroy(subscriptions->cache);
    nj_strmap_destroy(subscriptions->by_id);
    free(subscriptions);
}

static const char *model_state_name(const struct nj_feed *feed)
{
    static const char *const names[] = {"loading", "ready", "error"};
    return names[feed->model->state];
}

void nj_feed_view(const struct nj_feed *feed, struct nj_subscription_view *out)
{
    const struct nj_feed_model *model = feed->model;
    const bool failed = model->state == NJ_FEED_MODEL_ERROR;
    *out = (struct nj_subscription_view){
        .spec = &feed->spec,
        .display = feed->display,
        .camera = feed->camera,
        .stream_address = feed->address,
        .model_state = model_state_name(feed),
        .model_error = failed ? model->error.text : "",
        .model_rc = failed ? model->error.code : 0,
        .problem = feed->problem,
        .session = &feed->session,
        .pipeline = feed->pipeline,
        .result_track = feed->result_track,
        .frames = feed->frames,
        .runs = feed->runs,
        .detections = feed->detections,
        .owners = feed->owner_count,
    };
    nj_feed_stream_stats(feed, &out->stream);
    out->online = out->stream.state == NJ_SOURCE_ACTIVE;
}

void nj_feed_tell_state(struct nj_feed *feed, enum nj_subscription_part part)
{
    const struct nj_subscriptions *registry = feed->registry;
    struct nj_subscription_view view;
    if (registry->stopping || feed->ended || registry->config.sink.state == NULL)
        return;
    nj_feed_view(feed, &view);
    registry->config.sink.state(registry->config.sink.context, &view, part);
}

void nj_feed_tell_failure(struct nj_feed *feed, enum nj_subscription_failure what, const char *text)
{
    const struct nj_subscriptions *registry = feed->registry;
    struct nj_subscription_view view;
    nj_log_at(registry->config.log, NJ_LOG_WARNING, "A subscription has trouble",
              NJ_TEXT("subscription", feed->key), NJ_TEXT("error", text));
    if (registry->stopping || feed->ended || registry->config.sink.failed == NULL)
        return;
    nj_feed_view(feed, &view);
    registry->config.sink.failed(registry->config.sink.context, &view, what, text);
}

void nj_subscriptions_each(struct nj_subscriptions *subscriptions,
                           void (*see)(const struct nj_subscription_view *view, void *arg),
                           void *arg)
{
    struct nj_list *feeds = &subscriptions->feeds;
    for (struct nj_list *at = feeds->next; at != feeds; at = at->next) {
        struct nj_subscription_view view;
        nj_feed_view(feed_of(at), &view);
        see(&view, arg);
    }
}

static struct nj_feed *find_camera(struct nj_subscriptions *registry, const char *camera)
{
    struct nj_list *feeds = &registry->feeds;
    for (struct nj_list *at = feeds->next; at != feeds; at = at->next) {
        if (strcmp(feed_of(at)->camera, camera) == 0)
            return feed_of(at);
    }
    return NULL;
}

int nj_subscriptions_frame(struct nj_subscriptions *subscriptions, const char *id,
                           struct nj_frame **out, struct nj_rect *out_crop)
{
    struct nj_feed *feed = nj_strmap_get(subscriptions->by_id, id);
    if (feed == NULL)
        feed = find_camera(subscriptions, id);
    if (feed == NULL)
        return NJ_E_NOT_FOUND;
    struct nj_frame *frame = feed->user != NULL ? subscriptions->parts->newest(feed->user) : NULL;
    struct nj_rect crop = {.w = 0};
    if (frame != NULL && !nj_feed_crop(&feed->spec, frame, &crop)) {
        nj_frame_unref(frame); // nothing of it is this subscription's
        frame = NULL;
    }
    *out = frame;
    *out_crop = crop;
    return 0;
}

void nj_subscriptions_get_stats(struct nj_subscriptions *subscriptions,
                                struct nj_subscription_stats *out)
{
    struct nj_subscription_stats stats = {
        .subscriptions = nj_strmap_count(subscriptions->by_id),
        .detections = subscriptions->detections,
        .runs = subscriptions->runs,
        .restarts = subscriptions->restarts,
    };
    struct nj_list *feeds = &subscriptions->feeds;
    for (struct nj_list *at = feeds->next; at != feeds; at = at->next) {
        struct nj_subscription_view view;
        nj_feed_view(feed_of(at), &view);
        stats.online += view.online;
    }
    struct nj_list *models = &subscriptions->models;
    for (struct nj_list *at = models->next; at != models; at = at->next) {
        const struct nj_feed_model *model = NJ_CONTAINER_OF(at, struct nj_feed_model, node);
        stats.models_ready += model->state == NJ_FEED_MODEL_READY;
        stats.models_failed += model->state == NJ_FEED_MODEL_ERROR;
    }
    nj_lru_get_stats(subscriptions->cache, &stats.cache);
    *out = stats;
}

// Calls `change` for every subscription of the display.
static int each_of_display(struct nj_subscriptions *registry, const char *display,
                           void (*change)(struct nj_feed *feed, const void *arg), const void *arg,
                           struct nj_error *err)
{
    size_t found = 0;
    struct nj_list *feeds = &registry->feeds;
    for (struct nj_list *at = feeds->next; at != feeds; at = at->next) {
        if (strcmp(feed_of(at)->display, display) != 0)
            continue;
        found++;
        change(feed_of(at), arg);
        nj_feed_cache_session(feed_of(at));
    }
    if (found > 0)
        return 0;
    return nj_error_set(err, NJ_E_NOT_FOUND, "this display has no subscription");
}

struct session_change {
    const char *id;
    bool is_number;
};

static void change_session(struct nj_feed *feed, const void *arg)
{
    const struct session_change *change = arg;
    nj_session_set_id(&feed->session, change->id, change->is_number,
                      nj_feed_now_us(feed->registry));
}

int nj_subscriptions_set_session(struct nj_subscriptions *subscriptions, const char *display,
                                 const char *session_id, bool is_number, struct nj_error *err)
{
    const struct session_change change = {session_id, is_number};
    return each_of_display(subscriptions, display, change_session, &change, err);
}

static void change_stage(struct nj_feed *feed, const void *arg)
{
    nj_session_set_stage(&feed->session, arg);
}

int nj_subscriptions_set_stage(struct nj_subscriptions *subscriptions, const char *display,
                               const char *stage, struct nj_error *err)
{
    return each_of_display(subscriptions, display, change_stage, stage, err);
}
