// SPDX-License-Identifier: Apache-2.0
// Life of the program: create, start in order, drain and stop, reload.
#include "app/app.h"

#include "app/app_priv.h"
#include "app/service_watch_priv.h"
#include "health/pipeline_metrics.h"
#include "util/build_info.h"
#include "util/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_SIZE = 320 }; // a host name, scheme and port

int nj_app_create(const struct nj_app_config *config, struct nj_app **out, struct nj_error *err)
{
    struct nj_app *app = calloc(1, sizeof *app);
    if (app == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    app->loop = config->loop;
    app->log = config->log;
    app->log = nj_app_component_log(app, "app");
    app->config = nj_config_ref(config->config);
    app->first = nj_config_ref(config->config);
    app->reload = config->reload;
    app->context = config->context;
    app->metrics = nj_metrics_create();
    app->latency = nj_latency_create();
    app->registry = nj_registry_create();
    if (app->metrics == NULL || app->latency == NULL || app->registry == NULL) {
        nj_app_destroy(app);
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    }
    nj_pipeline_prepare(app->metrics);
    *out = app;
    return 0;
}

static void stop_from(struct nj_app *app, size_t first)
{
    while (app->started > first) {
        app->started -= 1;
        nj_services[app->started].stop(app);
    }
}

// Where the page is, as a browser takes it.
static void write_address(const struct nj_app *app, char out[ADDRESS_SIZE])
{
    const struct nj_http_server_options *server =
        nj_config_get(app->config, &nj_http_server_option_group);
    const bool is_ipv6 = strchr(server->host, ':') != NULL;
    snprintf(out, ADDRESS_SIZE, "http://%s%s%s:%d/", is_ipv6 ? "[" : "", server->host,
             is_ipv6 ? "]" : "", nj_app_port(app));
}

static int start_services(struct nj_app *app, struct nj_error *err)
{
    while (app->started < nj_service_count) {
        const struct nj_service *service = &nj_services[app->started];
        int rc = service->start(app, err);
        app->started += 1; // also after a failure: a part of it may run
        if (rc != 0) {
            nj_error_prefix(err, "%s", service->name);
            return rc;
        }
    }
    int rc = nj_app_register_probes(app);
    return rc == 0 ? 0 : nj_error_set(err, rc, "out of memory");
}

// The caller says it on standard error, where nobody looks who has a file for the log.
static void log_failed_start(const struct nj_app *app, const struct nj_error *err)
{
    if (nj_app_log_settings(app->config)->file_path[0] != '\0')
        nj_log_at(app->log, NJ_LOG_CRITICAL, "Nightjar could not start",
                  NJ_TEXT("error", err->text));
}

int nj_app_start(struct nj_app *app, struct nj_error *err)
{
    struct nj_error own = {0};
    if (err == NULL)
        err = &own;
    int rc = start_services(app, err);
    if (rc != 0) {
        log_failed_start(app, err);
        stop_from(app, 0);
        return rc;
    }
    nj_app_tell_unused(app);
    char address[ADDRESS_SIZE];
    write_address(app, address);
    nj_log_at(app->log, NJ_LOG_INFO, "Nightjar is ready", NJ_TEXT("address", address),
              NJ_INT("cameras", (int64_t)nj_live_set_count(app->live)));
    return 0;
}

int nj_app_port(const struct nj_app *app)
{
    return app->api != NULL ? nj_api_port(app->api) : 0;
}

// Connections get this long to take their last bytes.
static const nj_us farewell_us = 2 * (nj_us)NJ_US_PER_S;

static void handle_api_stopped(void *arg)
{
    struct nj_app *app = arg;
    app->api_ended = true;
    stop_from(app, 0);
    nj_log_line(app->log, NJ_LOG_INFO, "Stopped");
    app->stop_done(app->stop_arg);
}

static void handle_drained(struct nj_app *app)
{
    nj_realtime_stop(app->realtime);
    if (app->api != NULL)
        nj_api_stop(app->api, farewell_us, handle_api_stopped, app);
    else
        handle_api_stopped(app);
}

void nj_app_stop(struct nj_app *app, void (*done)(void *arg), void *arg)
{
    if (app->stop_done != NULL) {
        nj_app_drain_hurry(app);
        return;
    }
    app->stop_done = done;
    app->stop_arg = arg;
    nj_log_line(app->log, NJ_LOG_INFO, "Stopping: sources first, then queues and open batches");
    // What is stopped from here on is stopped on purpose; nobody is to be alarmed by it.
    nj_service_watch_stop(app->service_watch);
    bool whole = app->started > nj_first_producer();
    stop_from(app, nj_first_producer());
    if (!whole || nj_app_drain_start(app, handle_drained) != 0)
        handle_drained(app);
}

// The groups whose options may change while running, and who is told.
static void apply_reload(struct nj_app *app)
{
    const struct nj_log_settings *log = nj_app_log_settings(app->config);
    nj_log_set_level(app->log, (enum nj_log_level)log->level);
    nj_batcher_set_options(app->batcher, nj_config_get(app->config, &nj_batch_option_group));
    nj_analysis_set_severity(app->analysis, nj_config_get(app->config, &nj_severity_option_group));
}

static const char *first_fixed_change(const struct nj_config *before, const struct nj_config *after)
{
    const struct nj_option_group *const *groups = nj_app_option_groups();
    for (size_t i = 0; groups[i] != NULL; i++) {
        const char *fixed = NULL;
        if (nj_config_changed(before, after, groups[i], &fixed) && fixed != NULL)
            return fixed;
    }
    return NULL;
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

static void free_retired(struct nj_app_retired *retired)
{
    nj_config_unref(retired->config);
    free(retired);
}

static void handle_passed(struct nj_store_op *op)
{
    free_retired(NJ_CONTAINER_OF(op, struct nj_app_retired, op));
}

// Operations that began before read lists of the old snapshot: it goes when the store is past them.
static void retire(struct nj_app *app, struct nj_app_retired *retired)
{
    retired->op =
        (struct nj_store_op){.apply = apply_nothing, .done = handle_passed, .loop = app->loop};
    if (nj_store_write(app->store, &retired->op) == 0)
        return;
    retired->next = app->kept; // the store is busy: until the end, then
    app->kept = retired;
}

void nj_app_reload(struct nj_app *app)
{
    struct nj_config *fresh = NULL;
    struct nj_error err = {0};
    if (app->reload == NULL || app->batcher == NULL)
        return;
    int rc = app->reload(app->context, &fresh, &err);
    if (rc != 0) {
        nj_log_at(app->log, NJ_LOG_ERROR, "The new configuration is wrong; the old one stays",
                  NJ_TEXT("error", err.text));
        return;
    }
    const char *fixed = first_fixed_change(app->config, fresh);
    if (fixed != NULL)
        nj_log_at(app->log, NJ_LOG_WARNING, "A changed setting needs a restart to take effect",
                  NJ_TEXT("setting", fixed));
    struct nj_app_retired *retired = calloc(1, sizeof *retired);
    if (retired == NULL) {
        nj_config_unref(fresh);
        nj_log_line(app->log, NJ_LOG_ERROR, "No memory for a reload; the old configuration stays");
        return;
    }
    retired->config = app->config;
    app->config = fresh;
    apply_reload(app);
    retire(app, retired);
    nj_log_line(app->log, NJ_LOG_INFO, "Configuration reloaded");
}

void nj_app_destroy(struct nj_app *app)
{
    if (app == NULL)
        return;
    stop_from(app, 0);
    nj_app_drain_destroy(app);
    nj_app_release_parts(app);
    nj_registry_destroy(app->registry);
    nj_latency_destroy(app->latency);
    nj_metrics_destroy(app->metrics);
    while (app->kept != NULL) {
        struct nj_app_retired *retired = app->kept;
        app->kept = retired->next;
        free_retired(retired);
    }
    nj_config_unref(app->config);
    nj_config_unref(app->first);
    free(app);
}
