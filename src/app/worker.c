// SPDX-License-Identifier: Apache-2.0
// The detector worker's parts, put together: what a backend asks for goes down from the protocol to
// streams, archives and runs, and what comes of it goes up.
#include "app/worker_priv.h"

#include "app/stream_watch_priv.h"

static struct nj_subscriptions *subscriptions_of(void *context)
{
    const struct nj_app *app = context;
    return app->subscriptions;
}

static int state_of(bool configured, bool ready)
{
    return configured ? ready : -1;
}

static void read_vitals(void *context, struct nj_worker_vitals *out)
{
    const struct nj_app *app = context;
    struct nj_action_stats actions = {0};
    struct nj_api_load load;
    nj_api_read_load(app->metrics, &load);
    if (app->actions != NULL)
        nj_action_runner_get_stats(app->actions, &actions);
    *out = (struct nj_worker_vitals){
        .cpu = load.cpu,
        .memory = load.memory,
        .gpu = -1,
        .gpu_memory = -1,
        .database = state_of(actions.foreign_configured, actions.foreign_ready),
        .redis = state_of(actions.redis_configured, actions.redis_ready),
        .actions_failed = actions.failed,
    };
}

static void tell_detected(void *context, const struct nj_subscription_view *view,
                          const struct nj_subscription_result *result)
{
    const struct nj_app *app = context;
    const struct nj_subscription_sink sink = nj_worker_sink(app->worker);
    sink.detected(sink.context, view, result);
}

static void tell_state(void *context, const struct nj_subscription_view *view,
                       enum nj_subscription_part part)
{
    const struct nj_app *app = context;
    const struct nj_subscription_sink sink = nj_worker_sink(app->worker);
    sink.state(sink.context, view, part);
    if (part == NJ_PART_STREAM)
        nj_stream_watch_look(app->stream_watch);
}

static void tell_failed(void *context, const struct nj_subscription_view *view,
                        enum nj_subscription_failure what, const char *text)
{
    const struct nj_app *app = context;
    const struct nj_subscription_sink sink = nj_worker_sink(app->worker);
    sink.failed(sink.context, view, what, text);
}

static int make_actions(struct nj_app *app, struct nj_log *log, struct nj_error *err)
{
    const struct nj_action_runner_config config = {
        .options = nj_app_group(app, &nj_action_option_group),
        .redis = nj_app_group(app, &nj_redis_option_group),
        .foreign = nj_app_group(app, &nj_foreign_option_group),
        .archives = nj_app_group(app, &nj_archive_option_group),
        .loop = app->loop,
        .store = app->store,
        .media = app->media,
        .bus = app->bus,
        .queue = app->action_queue,
        .metrics = app->metrics,
        .registry = app->registry,
        .log = log,
    };
    int rc = nj_action_runner_create(&config, &app->actions, err);
    const struct nj_executor_config executor = {
        .loop = app->loop,
        .scheduler = app->scheduler,
        .actions = app->actions,
        .metrics = app->metrics,
        .log = log,
    };
    return rc == 0 ? nj_executor_create(&executor, &app->executor, err) : rc;
}

static int make_models(struct nj_app *app, struct nj_log *log, struct nj_error *err)
{
    const struct nj_clock *clock = nj_loop_clock(app->loop);
    const struct nj_model_cache_config config = {
        .options = nj_app_group(app, &nj_model_cache_option_group),
        .detect = nj_app_group(app, &nj_detect_option_group),
        .clock = clock,
        .metrics = app->metrics,
        .log = log,
    };
    int rc = nj_model_cache_create(&config, &app->models, err);
    if (rc == 0)
        rc = nj_archive_store_create(nj_app_group(app, &nj_archive_option_group), clock, log,
                                     &app->archives, err);
    return rc;
}

static int make_subscriptions(struct nj_app *app, struct nj_log *log, struct nj_error *err)
{
    const struct nj_subscriptions_config config = {
        .options = nj_app_group(app, &nj_subscription_option_group),
        .session = nj_app_group(app, &nj_session_option_group),
        .validator = nj_app_group(app, &nj_validator_option_group),
        .track = nj_app_group(app, &nj_track_option_group),
        .loop = app->loop,
        .streams = app->streams,
        .archives = app->archives,
        .models = app->models,
        .scheduler = app->scheduler,
        .executor = app->executor,
        .sink = {tell_detected, tell_state, tell_failed, app},
        .metrics = app->metrics,
        .log = log,
    };
    const struct nj_stream_watch_config watch = {
        .loop = app->loop,
        .streams = app->streams,
        .bus = app->bus,
        .period_us = nj_app_program_settings(app->first)->service_check_us,
    };
    int rc = nj_stream_watch_create(&watch, &app->stream_watch, err);
    return rc == 0 ? nj_subscriptions_create(&config, &app->subscriptions, err) : rc;
}

int nj_app_worker_start(struct nj_app *app, struct nj_error *err)
{
    struct nj_log *log = nj_app_component_log(app, "worker");
    const struct nj_worker_config config = {
        .options = nj_app_group(app, &nj_worker_option_group),
        .loop = app->loop,
        .subscriptions = subscriptions_of,
        .vitals = read_vitals,
        .context = app,
        .metrics = app->metrics,
        .log = log,
    };
    int rc = make_actions(app, log, err);
    if (rc == 0)
        rc = make_models(app, log, err);
    if (rc == 0)
        rc = nj_worker_create(&config, &app->worker, err);
    if (rc == 0)
        rc = make_subscriptions(app, log, err);
    if (rc != 0)
        return rc;
    app->api_context.actions = app->actions;
    app->api_context.models = app->models;
    app->api_context.subscriptions = app->subscriptions;
    app->api_context.worker = app->worker;
    return 0;
}

static void handle_subscriptions_stopped(void *arg)
{
    struct nj_app *app = arg;
    app->subscriptions_stopped = true;
}

void nj_app_worker_stop(struct nj_app *app)
{
    nj_worker_stop(app->worker);
    if (app->subscriptions != NULL)
        nj_subscriptions_stop(app->subscriptions, handle_subscriptions_stopped, app);
}

bool nj_app_worker_idle(const struct nj_app *app)
{
    struct nj_action_stats actions = {0};
    if (app->actions != NULL)
        nj_action_runner_get_stats(app->actions, &actions);
    return (app->subscriptions == NULL || app->subscriptions_stopped) && actions.under_way == 0;
}

static void handle_actions_stopped(void *arg)
{
    struct nj_app *app = arg;
    app->actions_stopped = true;
}

void nj_app_worker_end(struct nj_app *app, nj_us deadline_us)
{
    if (app->actions == NULL || app->actions_ending)
        return;
    app->actions_ending = true;
    nj_action_runner_stop(app->actions, deadline_us, handle_actions_stopped, app);
}

bool nj_app_worker_ended(const struct nj_app *app)
{
    return app->actions == NULL || app->actions_stopped;
}

void nj_app_worker_destroy(struct nj_app *app)
{
    struct nj_subscriptions *subscriptions = app->subscriptions;
    app->subscriptions = NULL; // sockets that end now find nobody
    nj_subscriptions_destroy(subscriptions);
    nj_stream_watch_destroy(app->stream_watch);
    nj_executor_destroy(app->executor);
    nj_action_runner_destroy(app->actions);
    nj_archive_store_destroy(app->archives);
    nj_model_cache_destroy(app->models);
    app->stream_watch = NULL;
    app->executor = NULL;
    app->actions = NULL;
    app->archives = NULL;
    app->models = NULL;
}
