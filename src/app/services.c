// SPDX-License-Identifier: Apache-2.0
// The visible table of services: what each creates, starts and stops.
#include "app/app_priv.h"
#include "app/cleanup_priv.h"
#include "app/service_watch_priv.h"
#include "app/worker_priv.h"
#include "sources/camera_watch.h"

#include <stdio.h>

// Messages that wait for the loop thread; more than any burst of one tick.
enum { BUS_WAITING_MAX = 8192 };
// Pictures that wait for an inference thread: far more than all cameras and uploads have under way.
enum { DETECT_JOBS_WAITING = 4096 };
// From a claim to the item's return there are four steps; more than a few rounds is a mistake.
enum { LAST_TURNS = 32 };

const void *nj_app_group(const struct nj_app *app, const struct nj_option_group *which)
{
    return nj_config_get(app->first, which);
}

struct nj_log *nj_app_component_log(struct nj_app *app, const char *component)
{
    struct nj_log *log = NULL;
    if (app->log_count == NJ_APP_LOGS_MAX || nj_log_child(app->log, component, &log) != 0)
        return app->log;
    app->logs[app->log_count++] = log;
    return log;
}

static struct nj_config *newest_config(void *context)
{
    struct nj_app *app = context;
    return nj_config_ref(app->config);
}

struct queue_names {
    const char *name, *metric_label, *order_member;
};

static int make_queue(struct nj_app *app, const struct queue_names *names,
                      struct nj_work_queue **out, struct nj_error *err)
{
    const struct nj_work_queue_options *options = nj_app_group(app, &nj_work_queue_option_group);
    struct nj_work_queue_config config = {
        .name = names->name,
        .metric_label = names->metric_label,
        .order_member = names->order_member,
        .store = app->store,
        .loop = app->loop,
        .metrics = app->metrics,
        .log = nj_app_component_log(app, "queue"),
        .options = *options,
        .seed = (uint64_t)nj_wall_us(nj_loop_clock(app->loop)),
    };
    return nj_work_queue_create(&config, out, err);
}

static int start_store(struct nj_app *app, struct nj_error *err)
{
    static const struct queue_names detection = {"detection_queue", "detection", NULL},
                                    analysis = {"analysis_queue", "analysis", NULL},
                                    action = {"action_queue", "action", NJ_ACTION_ORDER_MEMBER};
    const struct nj_clock *clock = nj_loop_clock(app->loop);
    const struct nj_retention_options *retention = nj_app_group(app, &nj_retention_option_group);
    const char *folder = nj_app_program_settings(app->first)->media_folder;
    int rc = nj_store_open(nj_app_group(app, &nj_store_option_group), clock, &app->store, err);
    if (rc == 0)
        rc = nj_bus_create(app->loop, app->metrics, BUS_WAITING_MAX, &app->bus, err);
    if (rc == 0)
        rc = nj_media_create(folder, retention->disk_min_free, &app->media, err);
    if (rc == 0)
        rc = make_queue(app, &detection, &app->detection_queue, err);
    if (rc == 0)
        rc = make_queue(app, &analysis, &app->analysis_queue, err);
    if (rc == 0)
        rc = make_queue(app, &action, &app->action_queue, err);
    return rc;
}

static void write_status(void *context, struct nj_json_writer *writer)
{
    const struct nj_app *app = context;
    nj_api_write_status(&app->api_context, writer);
}

static void write_performance(void *context, struct nj_json_writer *writer)
{
    const struct nj_app *app = context;
    nj_api_write_performance(&app->api_context, writer);
}

static int start_realtime(struct nj_app *app, struct nj_error *err)
{
    const struct nj_realtime_options *options = nj_app_group(app, &nj_realtime_option_group);
    struct nj_realtime_config config = {
        .options = *options,
        .loop = app->loop,
        .bus = app->bus,
        .metrics = app->metrics,
        .log = nj_app_component_log(app, "realtime"),
        .write_status = write_status,
        .write_performance = write_performance,
        .context = app,
    };
    int rc = nj_realtime_create(&config, &app->realtime, err);
    return rc == 0 ? nj_realtime_start(app->realtime, err) : rc;
}

static void stop_realtime(struct nj_app *app)
{
    nj_realtime_stop(app->realtime);
}

// The context is filled as parts come to be; routes whose part is missing answer 503.
static void fill_api_context(struct nj_app *app)
{
    const struct nj_folder_options *folder = nj_app_group(app, &nj_folder_option_group);
    const struct nj_picture_limits *limits = nj_app_group(app, &nj_picture_option_group);
    app->api_context = (struct nj_api_context){
        .loop = app->loop,
        .store = app->store,
        .registry = app->registry,
        .metrics = app->metrics,
        .latency = app->latency,
        .bus = app->bus,
        .detection_queue = app->detection_queue,
        .analysis_queue = app->analysis_queue,
        .action_queue = app->action_queue,
        .media = app->media,
        .realtime = app->realtime,
        .retention = nj_app_group(app, &nj_retention_option_group),
        .config = newest_config,
        .context = app,
        .log = nj_app_component_log(app, "api"),
        .started_us = nj_mono_us(nj_loop_clock(app->loop)),
        .picture_limits = *limits,
        .upload_root = folder->root,
    };
}

static int start_api(struct nj_app *app, struct nj_error *err)
{
    fill_api_context(app);
    int rc = nj_api_create(&app->api_context, nj_app_group(app, &nj_api_option_group),
                           nj_app_group(app, &nj_http_server_option_group), &app->api, err);
    return rc == 0 ? nj_api_start(app->api, err) : rc;
}

static int make_breaker(struct nj_app *app, const struct nj_breaker_options *options,
                        struct nj_breaker **out, struct nj_error *err)
{
    int rc = nj_breaker_create(options, nj_loop_clock(app->loop), out);
    if (rc == 0)
        rc = nj_registry_add_breaker(app->registry, *out);
    return rc == 0 ? 0 : nj_error_set(err, rc, "breaker %s: could not be made", options->name);
}

static int start_analysis(struct nj_app *app, struct nj_error *err)
{
    const struct nj_analysis_options *options = nj_app_group(app, &nj_analysis_option_group);
    const struct nj_severity_options *severity = nj_app_group(app, &nj_severity_option_group);
    const struct nj_breaker_options breaker = {
        .name = "llm",
        .failure_threshold = (unsigned)options->llm_breaker_failures,
        .recovery_us = options->llm_breaker_us,
        .half_open_max = NJ_BREAKER_HALF_OPEN_MAX,
        .success_threshold = NJ_BREAKER_SUCCESS_THRESHOLD,
    };
    struct nj_analysis_config config = {
        .options = *options,
        .severity = *severity,
        .loop = app->loop,
        .store = app->store,
        .queue = app->analysis_queue,
        .bus = app->bus,
        .metrics = app->metrics,
        .latency = app->latency,
        .log = nj_app_component_log(app, "analysis"),
    };
    int rc = make_breaker(app, &breaker, &app->llm_breaker, err);
    config.breaker = app->llm_breaker;
    if (rc == 0)
        rc = nj_analysis_create(&config, &app->analysis, err);
    return rc == 0 ? nj_analysis_start(app->analysis, err) : rc;
}

static void stop_analysis(struct nj_app *app)
{
    nj_analysis_stop(app->analysis);
}

static int start_detector(struct nj_app *app, struct nj_error *err)
{
    const struct nj_detect_options *options = nj_app_group(app, &nj_detect_option_group);
    const struct nj_breaker_options breaker = {
        .name = "detector_yolo26",
        .failure_threshold = (unsigned)options->http_breaker_failures,
        .recovery_us = options->http_breaker_us,
        .half_open_max = NJ_BREAKER_HALF_OPEN_MAX,
        .success_threshold = NJ_BREAKER_SUCCESS_THRESHOLD,
    };
    int rc = make_breaker(app, &breaker, &app->detector_breaker, err);
    struct nj_detector_config config = {.options = options,
                                        .clock = nj_loop_clock(app->loop),
                                        .breaker = app->detector_breaker,
                                        .log = nj_app_component_log(app, "detector")};
    if (rc == 0)
        rc = nj_detector_create(&config, &app->detector, err);
    struct nj_scheduler_config scheduler = {.detector = app->detector,
                                            .clock = nj_loop_clock(app->loop),
                                            .metrics = app->metrics,
                                            .threads = options->threads,
                                            .niceness = options->niceness,
                                            .max_jobs = DETECT_JOBS_WAITING};
    if (rc == 0)
        rc = nj_scheduler_create(&scheduler, &app->scheduler, err);
    app->api_context.detector = app->detector;
    app->api_context.scheduler = app->scheduler;
    return rc;
}

static int start_batcher(struct nj_app *app, struct nj_error *err)
{
    const struct nj_batch_options *options = nj_app_group(app, &nj_batch_option_group);
    struct nj_batcher_config config = {
        .options = *options,
        .model_fast_path_threshold = nj_detector_model(app->detector)->fast_path_threshold,
        .loop = app->loop,
        .store = app->store,
        .analysis_queue = app->analysis_queue,
        .bus = app->bus,
        .metrics = app->metrics,
        .latency = app->latency,
        .log = nj_app_component_log(app, "batch_aggregator"),
    };
    int rc = nj_batcher_create(&config, &app->batcher, err);
    return rc == 0 ? nj_batcher_start(app->batcher, err) : rc;
}

static void stop_batcher(struct nj_app *app)
{
    nj_batcher_stop(app->batcher);
}

static int start_upload(struct nj_app *app, struct nj_error *err)
{
    const struct nj_upload_options *options = nj_app_group(app, &nj_upload_option_group);
    const struct nj_picture_limits *limits = nj_app_group(app, &nj_picture_option_group);
    struct nj_upload_config config = {
        .options = *options,
        .picture_limits = *limits,
        .loop = app->loop,
        .store = app->store,
        .queue = app->detection_queue,
        .scheduler = app->scheduler,
        .detector = app->detector,
        .sink = nj_batcher_sink(app->batcher),
        .bus = app->bus,
        .metrics = app->metrics,
        .latency = app->latency,
        .log = nj_app_component_log(app, "pipeline"),
    };
    int rc = nj_upload_pipeline_create(&config, &app->upload, err);
    return rc == 0 ? nj_upload_pipeline_start(app->upload, err) : rc;
}

static void stop_upload(struct nj_app *app)
{
    nj_upload_pipeline_stop(app->upload);
}

static int start_cleanup(struct nj_app *app, struct nj_error *err)
{
    const struct nj_sources_options *sources = nj_app_group(app, &nj_sources_option_group);
    struct nj_log *log = nj_app_component_log(app, "cleanup");
    struct nj_cleanup_config cleanup = {
        .loop = app->loop,
        .store = app->store,
        .options = nj_app_group(app, &nj_retention_option_group),
        .pictures_folder = nj_app_program_settings(app->first)->media_folder,
        .log = log,
    };
    struct nj_camera_watch_config watch = {
        .loop = app->loop,
        .store = app->store,
        .bus = app->bus,
        .log = log,
        .offline_after_us = sources->offline_after_us,
    };
    int rc = nj_cleanup_create(&cleanup, &app->cleanup, err);
    if (rc == 0)
        rc = nj_camera_watch_create(&watch, &app->camera_watch, err);
    if (rc == 0)
        rc = nj_cleanup_start(app->cleanup, err);
    return rc == 0 ? nj_camera_watch_start(app->camera_watch, err) : rc;
}

static void stop_cleanup(struct nj_app *app)
{
    nj_camera_watch_stop(app->camera_watch);
    nj_cleanup_stop(app->cleanup);
}

static int start_service_watch(struct nj_app *app, struct nj_error *err)
{
    const struct nj_service_watch_config config = {
        .loop = app->loop,
        .registry = app->registry,
        .bus = app->bus,
        .log = nj_app_component_log(app, "service_health_monitor"),
        .period_us = nj_app_program_settings(app->first)->service_check_us,
    };
    int rc = nj_service_watch_create(&config, &app->service_watch, err);
    return rc == 0 ? nj_service_watch_start(app->service_watch, err) : rc;
}

static void stop_service_watch(struct nj_app *app)
{
    nj_service_watch_stop(app->service_watch);
}

static int start_streams(struct nj_app *app, struct nj_error *err)
{
    const struct nj_streams_config config = {
        .options = nj_app_group(app, &nj_streams_option_group),
        .loop = app->loop,
        .metrics = app->metrics,
        .log = nj_app_component_log(app, "streams"),
    };
    return nj_streams_create(&config, &app->streams, err);
}

static int start_live(struct nj_app *app, struct nj_error *err)
{
    const struct nj_sources_options *sources = nj_app_group(app, &nj_sources_option_group);
    struct nj_log *log = nj_app_component_log(app, "live_cameras");
    struct nj_live_set_config config = {
        .live =
            {
                .options = nj_app_group(app, &nj_live_option_group),
                .rules = &sources->rules,
                .streams = app->streams,
                .motion = nj_app_group(app, &nj_motion_option_group),
                .track = nj_app_group(app, &nj_track_option_group),
                .stability = nj_app_group(app, &nj_stability_option_group),
                .clock = nj_loop_clock(app->loop),
                .loop = app->loop,
                .store = app->store,
                .scheduler = app->scheduler,
                .detector = app->detector,
                .sink = nj_batcher_sink(app->batcher),
                .media = app->media,
                .bus = app->bus,
                .metrics = app->metrics,
                .latency = app->latency,
                .log = log,
            },
        .sources = sources,
        .log = log,
    };
    int rc = nj_live_set_create(&config, &app->live, err);
    app->api_context.live = app->live;
    app->api_context.streams = app->streams;
    app->api_context.source_rules = &sources->rules;
    return rc == 0 ? nj_live_set_start(app->live, err) : rc;
}

static void stop_live(struct nj_app *app)
{
    nj_live_set_stop(app->live);
}

static int start_folder(struct nj_app *app, struct nj_error *err)
{
    const struct nj_picture_limits *limits = nj_app_group(app, &nj_picture_option_group);
    struct nj_folder_config config = {
        .options = nj_app_group(app, &nj_folder_option_group),
        .picture_limits = *limits,
        .loop = app->loop,
        .store = app->store,
        .queue = app->detection_queue,
        .metrics = app->metrics,
        .log = nj_app_component_log(app, "file_watcher"),
    };
    int rc = nj_folder_source_create(&config, &app->folder, err);
    app->api_context.folder = app->folder;
    return rc == 0 ? nj_folder_source_start(app->folder, err) : rc;
}

static void stop_folder(struct nj_app *app)
{
    nj_folder_source_stop(app->folder);
}

static void stop_nothing(struct nj_app *app)
{
    (void)app; // the part has no activity of its own; it is destroyed with the program
}

const struct nj_service nj_services[] = {
    {"store", start_store, stop_nothing, NJ_SERVICE_CARRIES},
    {"realtime", start_realtime, stop_realtime, NJ_SERVICE_CARRIES},
    {"api", start_api, stop_nothing, NJ_SERVICE_CARRIES}, // its connections end in nj_app_stop
    {"analysis", start_analysis, stop_analysis, NJ_SERVICE_CARRIES},
    {"detector", start_detector, stop_nothing, NJ_SERVICE_CARRIES},
    {"batch_aggregator", start_batcher, stop_batcher, NJ_SERVICE_CARRIES},
    {"pipeline_manager", start_upload, stop_upload, NJ_SERVICE_CARRIES},
    {"cleanup_service", start_cleanup, stop_cleanup, NJ_SERVICE_CARRIES},
    {"service_health_monitor", start_service_watch, stop_service_watch, NJ_SERVICE_CARRIES},
    // Its users come after it and leave first.
    {"streams", start_streams, stop_nothing, NJ_SERVICE_CARRIES},
    {"live_cameras", start_live, stop_live, NJ_SERVICE_PRODUCES},
    {"detector_worker", nj_app_worker_start, nj_app_worker_stop, NJ_SERVICE_PRODUCES},
    {"file_watcher", start_folder, stop_folder, NJ_SERVICE_PRODUCES},
};

const size_t nj_service_count = NJ_COUNT_OF(nj_services);

size_t nj_first_producer(void)
{
    size_t index = 0;
    while (index < nj_service_count && nj_services[index].role != NJ_SERVICE_PRODUCES)
        index++;
    return index;
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

// What is under way with the store answers to this thread, which may send a last word to the store:
// an item that is given back, a row that ends. Turns until nobody has anything to say.
static void let_parts_end(struct nj_app *app)
{
    for (int i = 0; i < LAST_TURNS; i++) {
        struct nj_store_op read = {.apply = apply_nothing}, write = {.apply = apply_nothing};
        if (app->store != NULL) {
            (void)nj_store_read_wait(app->store, &read, NULL);
            (void)nj_store_write_wait(app->store, &write, NULL);
        }
        if (nj_loop_turn(app->loop) == 0 && (app->api == NULL || app->api_ended))
            return;
    }
}

static void handle_api_ended(void *arg)
{
    struct nj_app *app = arg;
    app->api_ended = true;
}

void nj_app_release_parts(struct nj_app *app)
{
    nj_folder_source_destroy(app->folder);
    nj_live_set_stop(app->live);          // answers the changes that wait
    nj_scheduler_destroy(app->scheduler); // its threads tell the pipelines
    nj_app_worker_stop(app);
    nj_app_worker_end(app, 0);
    if (app->api != NULL && !app->api_ended)
        nj_api_stop(app->api, 0, handle_api_ended, app);
    let_parts_end(app);
    nj_app_worker_destroy(app);
    nj_work_queue_destroy(app->action_queue);
    nj_work_queue_destroy(app->analysis_queue);
    nj_work_queue_destroy(app->detection_queue);
    nj_store_close(app->store);
    nj_loop_turn(app->loop); // what the store told this thread in the end
    nj_live_set_destroy(app->live);
    nj_streams_destroy(app->streams);
    nj_camera_watch_destroy(app->camera_watch);
    nj_cleanup_destroy(app->cleanup);
    nj_service_watch_destroy(app->service_watch);
    nj_upload_pipeline_destroy(app->upload);
    nj_batcher_destroy(app->batcher);
    nj_detector_destroy(app->detector);
    nj_analysis_destroy(app->analysis);
    nj_api_destroy(app->api);
    nj_realtime_destroy(app->realtime);
    nj_worker_destroy(app->worker);
    nj_media_destroy(app->media);
    nj_bus_destroy(app->bus);
    nj_breaker_destroy(app->llm_breaker);
    nj_breaker_destroy(app->detector_breaker);
    for (size_t i = 0; i < app->log_count; i++)
        nj_log_destroy(app->logs[i]);
}
