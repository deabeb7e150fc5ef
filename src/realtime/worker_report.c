// SPDX-License-Identifier: Apache-2.0
// What the worker sends by itself: stateReport, imageDetection, patchSession.
#include "realtime/worker_priv.h"
#include "util/text.h"

#include <string.h>

enum { MILLISECONDS_END = 23 }; // of "2026-01-24T10:30:00.123456Z"

// Older backends read three digits of a second.
static void write_time(const char *key, nj_us wall_us, struct nj_json_writer *writer)
{
    char text[NJ_ISO_TIME_SIZE];
    nj_time_format_iso(wall_us, text);
    text[MILLISECONDS_END] = 'Z';
    text[MILLISECONDS_END + 1] = '\0';
    nj_json_text(writer, key, text);
}

void nj_worker_write_session_id(const char *id, bool is_number, struct nj_json_writer *writer)
{
    if (id[0] == '\0')
        nj_json_null(writer, "sessionId");
    else if (is_number)
        nj_json_raw(writer, "sessionId", id, strlen(id));
    else
        nj_json_text(writer, "sessionId", id);
}

static void write_percent(const char *key, double percent, struct nj_json_writer *writer)
{
    if (percent < 0)
        nj_json_null(writer, key);
    else
        nj_json_fixed(writer, key, percent, 1);
}

static void write_crop(const struct nj_subscription_spec *spec, struct nj_json_writer *writer)
{
    static const char *const names[] = {"cropX1", "cropY1", "cropX2", "cropY2"};
    for (size_t i = 0; spec->has_crop && i < 4; i++)
        nj_json_int(writer, names[i], spec->crop[i]);
}

static const char *stream_state(const struct nj_source_stats *stats)
{
    switch (stats->state) {
    case NJ_SOURCE_ACTIVE:
        return "active";
    case NJ_SOURCE_ERROR:
        return "error";
    case NJ_SOURCE_FAILED:
        return "failed";
    default:
        return "starting";
    }
}

// NULL: nothing is wrong.
static const char *trouble_of(const struct nj_subscription_view *view)
{
    if (view->problem[0] != '\0')
        return view->problem;
    return view->stream.reason[0] != '\0' && !view->online ? view->stream.reason : NULL;
}

static void write_connection(const struct nj_subscription_view *view, void *arg)
{
    struct nj_json_writer *writer = arg;
    const struct nj_session *session = view->session;
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "subscriptionIdentifier", view->spec->id);
    nj_json_int(writer, "modelId", view->spec->model_id);
    nj_json_text(writer, "modelName", view->spec->model_name);
    nj_json_bool(writer, "online", view->online);
    write_crop(view->spec, writer);
    nj_json_text(writer, "streamState", stream_state(&view->stream));
    nj_json_text(writer, "streamError", trouble_of(view));
    nj_json_text(writer, "modelState", view->model_state);
    nj_json_text(writer, "modelError", view->model_error[0] != '\0' ? view->model_error : NULL);
    nj_json_text(writer, "sessionState", nj_session_state_name(session->state));
    nj_worker_write_session_id(session->id, session->id_is_number, writer);
    nj_json_text(writer, "progressionStage", session->stage[0] != '\0' ? session->stage : NULL);
    nj_json_object_end(writer);
}

void nj_worker_write_report(struct nj_worker *worker, struct nj_buf *out)
{
    const struct nj_worker_config *config = &worker->config;
    struct nj_subscriptions *subscriptions = config->subscriptions(config->context);
    struct nj_worker_vitals vitals = {-1, -1, -1, -1, -1, -1, 0};
    struct nj_json_writer writer;
    if (config->vitals != NULL)
        config->vitals(config->context, &vitals);
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "stateReport");
    write_percent("cpuUsage", vitals.cpu, &writer);
    write_percent("memoryUsage", vitals.memory, &writer);
    write_percent("gpuUsage", vitals.gpu, &writer);
    write_percent("gpuMemoryUsage", vitals.gpu_memory, &writer);
    nj_json_array_begin(&writer, "cameraConnections");
    if (subscriptions != NULL)
        nj_subscriptions_each(subscriptions, write_connection, &writer);
    nj_json_array_end(&writer);
    nj_json_object_end(&writer);
}

static void write_plain(const struct nj_subscription_view *view,
                        const struct nj_subscription_result *result, struct nj_json_writer *writer)
{
    nj_json_text(writer, "subscriptionIdentifier", view->spec->id);
    write_time("timestamp", result->wall_us, writer);
    nj_worker_write_session_id(view->session->id, view->session->id_is_number, writer);
    nj_json_object_begin(writer, "data");
    nj_json_raw(writer, "detection", result->detection, strlen(result->detection));
    nj_json_int(writer, "modelId", view->spec->model_id);
    nj_json_text(writer, "modelName", view->spec->model_name);
    nj_json_object_end(writer);
}

static void write_payload(const struct nj_subscription_view *view,
                          const struct nj_subscription_result *result,
                          struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "payload");
    nj_json_text(writer, "subscriptionId", view->spec->id);
    nj_json_raw(writer, "detections", result->detections, strlen(result->detections));
    write_time("timestamp", result->wall_us, writer);
    nj_json_object_begin(writer, "modelInfo");
    nj_json_int(writer, "modelId", view->spec->model_id);
    nj_json_text(writer, "modelName", view->spec->model_name);
    nj_json_object_end(writer);
    nj_json_raw(writer, "branchResults", result->branch_results, strlen(result->branch_results));
    nj_json_object_end(writer);
}

void nj_worker_write_detection(const struct nj_worker *worker,
                               const struct nj_subscription_view *view,
                               const struct nj_subscription_result *result, struct nj_buf *out)
{
    struct nj_json_writer writer;
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "imageDetection");
    if (worker->config.options->payload_form)
        write_payload(view, result, &writer);
    else
        write_plain(view, result, &writer);
    nj_json_object_end(&writer);
}

void nj_worker_write_patch(const struct nj_session *session, const char *detection,
                           struct nj_buf *out)
{
    struct nj_json_writer writer;
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "patchSession");
    nj_worker_write_session_id(session->id, session->id_is_number, &writer);
    nj_json_object_begin(&writer, "data");
    nj_json_raw(&writer, "currentCar", detection, strlen(detection));
    nj_json_object_end(&writer);
    nj_json_object_end(&writer);
}
