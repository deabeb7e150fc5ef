// SPDX-License-Identifier: Apache-2.0
// What the services say of their health. Names are those that existing clients look for.
#include "app/app_priv.h"

#include <stdio.h>

// A probe that finds nothing wrong leaves it at this.
static void healthy(struct nj_health_report *out)
{
    *out = (struct nj_health_report){.status = NJ_HEALTH_HEALTHY};
}

static void say(struct nj_health_report *out, enum nj_health_status status, const char *text)
{
    out->status = status;
    snprintf(out->message, sizeof out->message, "%s", text);
}

static void probe_store(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    healthy(out);
    struct nj_store_stats stats;
    nj_store_get_stats(app->store, &stats);
    if (stats.read_only)
        say(out, NJ_HEALTH_UNHEALTHY, stats.problem);
    else if (nj_media_stopped(app->media))
        say(out, NJ_HEALTH_DEGRADED,
            "The disk is nearly full: no new pictures of live cameras are kept. Free some room.");
}

static void probe_folder(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    healthy(out);
    struct nj_folder_stats stats;
    nj_folder_source_get_stats(app->folder, &stats);
    if (stats.problem[0] != '\0')
        say(out, NJ_HEALTH_DEGRADED, stats.problem);
    else if (!stats.watching)
        say(out, NJ_HEALTH_STOPPED, "The upload folder is not watched.");
}

static bool queue_in_trouble(struct nj_work_queue *queue, struct nj_health_report *out)
{
    struct nj_work_queue_stats stats;
    nj_work_queue_get_stats(queue, &stats);
    if (!stats.pressure)
        return false;
    out->status = stats.full ? NJ_HEALTH_UNHEALTHY : NJ_HEALTH_DEGRADED;
    snprintf(out->message, sizeof out->message, "%s holds %lld of %lld items.",
             nj_work_queue_name(queue), (long long)stats.waiting, (long long)stats.max_size);
    return true;
}

static void probe_pipeline(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    healthy(out);
    if (!queue_in_trouble(app->detection_queue, out))
        queue_in_trouble(app->analysis_queue, out);
}

static void probe_breaker(struct nj_breaker *breaker, const char *text,
                          struct nj_health_report *out)
{
    struct nj_breaker_status status;
    nj_breaker_get(breaker, &status);
    if (status.state != NJ_BREAKER_CLOSED)
        say(out, NJ_HEALTH_DEGRADED, text);
}

static void probe_detector(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    healthy(out);
    probe_breaker(app->detector_breaker,
                  "The detector service does not answer; pictures wait in detection_queue.", out);
}

static void probe_analysis(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    const struct nj_analysis_options *options = nj_app_group(app, &nj_analysis_option_group);
    healthy(out);
    if (options->analyser == NJ_ANALYSER_RULES)
        say(out, NJ_HEALTH_HEALTHY, "Not configured; events are scored by the embedded rules.");
    probe_breaker(app->llm_breaker,
                  "The language model does not answer; events are scored by the rules.", out);
}

// The first camera in trouble speaks for all.
static void probe_camera(const struct nj_live_camera *camera, void *arg)
{
    struct nj_health_report *out = arg;
    struct nj_live_stats stats = {.source.state = NJ_SOURCE_STOPPED};
    const char *why = camera->problem;
    if (camera->pipeline != NULL)
        nj_live_pipeline_get_stats(camera->pipeline, &stats);
    if (stats.source.state == NJ_SOURCE_ERROR || stats.source.state == NJ_SOURCE_FAILED)
        why = stats.source.reason;
    if (why[0] == '\0' || out->status != NJ_HEALTH_HEALTHY)
        return;
    out->status = NJ_HEALTH_DEGRADED;
    snprintf(out->message, sizeof out->message, "%s: %.200s", camera->entry->id, why);
}

static void probe_live(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    healthy(out);
    nj_live_set_each(app->live, probe_camera, out);
}

static void probe_gpu(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    healthy(out);
    snprintf(out->message, sizeof out->message, "Detection runs on %s.",
             nj_detector_device(app->detector));
}

static void probe_worker(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    struct nj_subscription_stats stats;
    healthy(out);
    nj_subscriptions_get_stats(app->subscriptions, &stats);
    if (stats.models_failed > 0) {
        out->status = NJ_HEALTH_DEGRADED;
        snprintf(out->message, sizeof out->message, "%zu archive%s could not be loaded.",
                 stats.models_failed, stats.models_failed == 1 ? "" : "s");
    } else if (stats.online < stats.subscriptions) {
        out->status = NJ_HEALTH_DEGRADED;
        snprintf(out->message, sizeof out->message, "%zu of %zu subscription%s without a picture.",
                 stats.subscriptions - stats.online, stats.subscriptions,
                 stats.subscriptions == 1 ? "" : "s");
    }
}

static void probe_redis(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    struct nj_action_stats stats;
    healthy(out);
    nj_action_runner_get_stats(app->actions, &stats);
    if (!stats.redis_configured)
        say(out, NJ_HEALTH_HEALTHY, "Not configured; actions use the embedded store.");
    else if (!stats.redis_ready)
        say(out, NJ_HEALTH_DEGRADED, "Redis does not answer.");
}

static void probe_postgresql(void *arg, struct nj_health_report *out)
{
    const struct nj_app *app = arg;
    struct nj_action_stats stats;
    healthy(out);
    nj_action_runner_get_stats(app->actions, &stats);
    if (!stats.foreign_configured)
        say(out, NJ_HEALTH_HEALTHY, "Not configured; actions use the embedded store.");
    else if (!stats.foreign_ready)
        say(out, NJ_HEALTH_DEGRADED, "PostgreSQL does not answer.");
}

// Services without trouble of their own are healthy while they run.
static void probe_running(void *arg, struct nj_health_report *out)
{
    (void)arg;
    healthy(out);
}

int nj_app_register_probes(struct nj_app *app)
{
    const struct nj_service_probe probes[] = {
        {"database", true, probe_store, app},
        {"file_watcher", true, probe_folder, app},
        {"pipeline_manager", true, probe_pipeline, app},
        {"yolo26", true, probe_detector, app},
        {"nemotron", false, probe_analysis, app},
        {"live_cameras", false, probe_live, app},
        {"detector_worker", false, probe_worker, app},
        {"redis", false, probe_redis, app},
        {"postgresql", false, probe_postgresql, app},
        {"gpu_monitor", false, probe_gpu, app},
        {"cleanup_service", false, probe_running, app},
        {"system_broadcaster", false, probe_running, app},
        {"service_health_monitor", false, probe_running, app},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(probes); i++) {
        int rc = nj_registry_add_service(app->registry, &probes[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}
