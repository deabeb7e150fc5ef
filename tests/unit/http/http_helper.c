// SPDX-License-Identifier: Apache-2.0
// The API on a loopback port over a real store.
#include "tests/unit/http/http_helper.h"
#include "frames/picture.h"
#include "tests/fake/await.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct nj_answer last; // of the newest question

static void probe(void *arg, struct nj_health_report *out)
{
    *out = *(struct nj_health_report *)arg;
}

static struct nj_config *get_config(void *context)
{
    return nj_config_ref(((struct http_fixture *)context)->config);
}

static void make_store(struct http_fixture *fixture)
{
    char path[NJ_TEMP_PATH_MAX];
    struct nj_error err;
    const struct nj_store_options options = {
        .path = nj_temp_dir_path(&fixture->dir, "data/store.db", path),
        .readers = 2,
        .max_queued = 1000,
        .group_max = 64,
        .busy_timeout_us = 100 * NJ_US_PER_MS,
    };
    if (nj_store_open(&options, &fixture->clock.clock, &fixture->store, &err) != 0)
        fail_msg("%s", err.text);
}

static struct nj_work_queue *make_queue(struct http_fixture *fixture, const char *name,
                                        const char *label)
{
    struct nj_work_queue *queue = NULL;
    const struct nj_work_queue_config config = {
        .name = name,
        .metric_label = label,
        .store = fixture->store,
        .loop = fixture->loop,
        .metrics = fixture->metrics,
        .options = {.max_size = 5,
                    .overflow = NJ_OVERFLOW_REJECT,
                    .pressure_threshold = 0.8,
                    .max_attempts = 3,
                    .max_lost = 10,
                    .retry_base_us = NJ_US_PER_S,
                    .retry_cap_us = 30 * NJ_US_PER_S,
                    .retry_jitter = 0,
                    .lease_us = 60 * (nj_us)NJ_US_PER_S},
        .seed = 1,
    };
    assert_int_equal(nj_work_queue_create(&config, &queue, NULL), 0);
    return queue;
}

static void make_health(struct http_fixture *fixture)
{
    static const struct nj_breaker_options breaker = {
        .name = "llm",
        .failure_threshold = 1,
        .recovery_us = 30 * NJ_US_PER_S,
        .half_open_max = 3,
        .success_threshold = 2,
    };
    const struct nj_service_probe service = {"store", true, probe, &fixture->health};
    fixture->metrics = nj_metrics_create();
    fixture->latency = nj_latency_create();
    fixture->registry = nj_registry_create();
    assert_non_null(fixture->metrics);
    assert_non_null(fixture->latency);
    assert_non_null(fixture->registry);
    assert_int_equal(nj_breaker_create(&breaker, &fixture->clock.clock, &fixture->breaker), 0);
    assert_int_equal(nj_registry_add_service(fixture->registry, &service), 0);
    assert_int_equal(nj_registry_add_breaker(fixture->registry, fixture->breaker), 0);
}

static void make_realtime(struct http_fixture *fixture)
{
    const struct nj_realtime_config config = {
        .options = {.idle_timeout_us = 300 * (nj_us)NJ_US_PER_S,
                    .ping_interval_us = 30 * (nj_us)NJ_US_PER_S,
                    .max_message_bytes = 65536,
                    .max_clients = 8,
                    .replay_messages = 4,
                    .status_interval_us = 5 * (nj_us)NJ_US_PER_S},
        .loop = fixture->loop,
        .bus = fixture->bus,
        .metrics = fixture->metrics,
    };
    assert_int_equal(nj_bus_create(fixture->loop, fixture->metrics, 64, &fixture->bus, NULL), 0);
    struct nj_realtime_config with_bus = config;
    with_bus.bus = fixture->bus;
    assert_int_equal(nj_realtime_create(&with_bus, &fixture->realtime, NULL), 0);
    assert_int_equal(nj_realtime_start(fixture->realtime, NULL), 0);
}

static void make_config(struct http_fixture *fixture)
{
    static const struct nj_option_group *const groups[] = {&nj_api_option_group,
                                                           &nj_severity_option_group, NULL};
    static const char *const sets[] = {"api.keys=topsecret", NULL};
    const struct nj_config_input input = {.groups = groups, .sets = sets};
    struct nj_error err;
    if (nj_config_load(&input, &fixture->config, &err) != 0)
        fail_msg("%s", err.text);
}

static void fill_context(struct http_fixture *fixture)
{
    fixture->context = (struct nj_api_context){
        .loop = fixture->loop,
        .store = fixture->store,
        .registry = fixture->registry,
        .metrics = fixture->metrics,
        .latency = fixture->latency,
        .bus = fixture->bus,
        .detection_queue = fixture->detection_queue,
        .analysis_queue = fixture->analysis_queue,
        .media = fixture->media,
        .realtime = fixture->realtime,
        .retention = &fixture->retention,
        .config = get_config,
        .context = fixture,
        .log = fixture->log,
        .started_us = nj_mono_us(&fixture->clock.clock) - 60 * NJ_US_PER_S,
        .picture_limits = {.max_bytes = 1 << 20, .max_megapixels = 10},
        .upload_root = fixture->uploads,
    };
}

static struct http_fixture *create(void)
{
    struct http_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    nj_temp_dir_init(&fixture->dir);
    nj_temp_dir_path(&fixture->dir, "uploads", fixture->uploads);
    nj_temp_dir_path(&fixture->dir, "web", fixture->web);
    assert_int_equal(nj_dir_create(fixture->uploads, NULL), 0);
    nj_fake_clock_init(&fixture->clock, (nj_us)HTTP_TEST_NOW_S * NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&fixture->clock.clock, &fixture->loop, NULL), 0);
    fixture->options = (struct nj_api_options){
        .websocket_token = "", .web_root = fixture->web, .source_test_us = 10 * NJ_US_PER_S};
    fixture->server = (struct nj_http_server_options){
        .host = "127.0.0.1",
        .max_connections = 64,
        .max_head_bytes = 16384,
        .max_body_bytes = 65536,
        .head_timeout_us = 10 * NJ_US_PER_S,
        .body_timeout_us = 20 * NJ_US_PER_S,
        .idle_timeout_us = 60 * NJ_US_PER_S,
    };
    return fixture;
}

int http_setup_bare(void **state)
{
    struct http_fixture *fixture = create();
    fixture->context.loop = fixture->loop;
    http_start(fixture);
    *state = fixture;
    return 0;
}

int http_setup_unstarted(void **state)
{
    struct http_fixture *fixture = create();
    char media[NJ_TEMP_PATH_MAX], log_path[NJ_TEMP_PATH_MAX];
    make_store(fixture);
    make_health(fixture);
    make_realtime(fixture);
    make_config(fixture);
    fixture->detection_queue = make_queue(fixture, "detection_queue", "detection");
    fixture->analysis_queue = make_queue(fixture, "analysis_queue", "analysis");
    fixture->retention = (struct nj_retention_options){
        .retention_days = 30, .log_retention_days = 7, .cleanup_time = "03:00"};
    assert_int_equal(
        nj_media_create(nj_temp_dir_path(&fixture->dir, "media", media), 0, &fixture->media, NULL),
        0);
    const struct nj_log_options log = {
        .level = NJ_LOG_INFO,
        .format = NJ_LOG_JSON,
        .file_path = nj_temp_dir_path(&fixture->dir, "log", log_path),
        .file_max_bytes = 1 << 20,
        .build = "test",
    };
    assert_int_equal(nj_log_create(&log, &fixture->clock.clock, &fixture->log, NULL), 0);
    fill_context(fixture);
    *state = fixture;
    return 0;
}

int http_setup(void **state)
{
    int rc = http_setup_unstarted(state);
    http_start(*state);
    return rc;
}

void http_start(struct http_fixture *fixture)
{
    struct nj_error err;
    if (nj_api_create(&fixture->context, &fixture->options, &fixture->server, &fixture->api,
                      &err) != 0 ||
        nj_api_start(fixture->api, &err) != 0)
        fail_msg("%s", err.text);
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

void http_turn(struct http_fixture *fixture)
{
    for (int i = 0; i < 8; i++)
        nj_loop_turn(fixture->loop);
}

void http_stop_api(struct http_fixture *fixture)
{
    bool stopped = false;
    nj_loop_client_close(&fixture->client);
    if (fixture->api == NULL)
        return;
    nj_realtime_stop(fixture->realtime);
    nj_api_stop(fixture->api, 0, on_stopped, &stopped);
    nj_loop_await(fixture->loop, nj_is_set, &stopped, NJ_PATIENCE_US, "the end of the API");
    nj_api_destroy(fixture->api);
    fixture->api = NULL;
}

int http_teardown(void **state)
{
    struct http_fixture *fixture = *state;
    http_stop_api(fixture);
    nj_answer_finish(&last);
    nj_realtime_destroy(fixture->realtime);
    nj_work_queue_destroy(fixture->detection_queue);
    nj_work_queue_destroy(fixture->analysis_queue);
    nj_store_close(fixture->store);
    nj_bus_destroy(fixture->bus);
    http_turn(fixture);
    nj_loop_destroy(fixture->loop);
    nj_registry_destroy(fixture->registry);
    nj_breaker_destroy(fixture->breaker);
    nj_latency_destroy(fixture->latency);
    nj_metrics_destroy(fixture->metrics);
    nj_media_destroy(fixture->media);
    nj_config_unref(fixture->config);
    nj_log_destroy(fixture->log);
    nj_temp_dir_finish(&fixture->dir);
    free(fixture);
    return 0;
}

const struct nj_answer *http_ask(struct http_fixture *fixture, const char *method, const char *path,
                                 const char *headers, const char *body)
{
    char request[32768];
    size_t length = body != NULL ? strlen(body) : 0;
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\n%s%sContent-Length: %zu\r\n\r\n%s", method,
             path, strstr(headers, "Host:") != NULL ? "" : "Host: localhost\r\n", headers, length,
             body != NULL ? body : "");
    nj_answer_finish(&last);
    nj_loop_client_close(&fixture->client);
    nj_loop_client_open(&fixture->client, fixture->loop, nj_api_port(fixture->api));
    nj_loop_client_ask(&fixture->client, request, &last);
    return &last;
}

const struct nj_answer *http_get(struct http_fixture *fixture, const char *path)
{
    return http_ask(fixture, "GET", path, "", NULL);
}

json_t *http_json(struct http_fixture *fixture, const char *path, int status)
{
    const struct nj_answer *answer = http_get(fixture, path);
    json_t *root = json_loadb(answer->body, answer->length, JSON_REJECT_DUPLICATES, NULL);
    if (answer->status != status || root == NULL)
        fail_msg("GET %s: %d %.400s", path, answer->status, answer->body);
    return root;
}

void http_expect(const struct nj_answer *answer, int status, const char *part)
{
    if (answer->status != status || strstr(answer->body, part) == NULL)
        fail_msg("%d \"%.400s\" instead of %d \"%s\"", answer->status, answer->body, status, part);
}

struct body_op {
    struct nj_store_op op;
    http_body body;
    void *arg;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct body_op *self = NJ_CONTAINER_OF(op, struct body_op, op);
    return self->body(db, self->arg, err);
}

void http_write(struct http_fixture *fixture, http_body body, void *arg)
{
    struct body_op self = {.op = {.apply = apply}, .body = body, .arg = arg};
    struct nj_error err = {.text = ""};
    if (nj_store_write_wait(fixture->store, &self.op, &err) != 0)
        fail_msg("%s", err.text);
}

static int add_camera(struct nj_db *db, void *arg, struct nj_error *err)
{
    const struct nj_camera_identity identity = {arg, arg, "folder"};
    int rc = nj_cameras_ensure(db, &identity, NULL, err);
    return rc != 0 ? rc : nj_cameras_touch(db, arg, nj_db_now_us(db), NULL, err);
}

void http_add_camera(struct http_fixture *fixture, const char *id)
{
    http_write(fixture, add_camera, (void *)(uintptr_t)id);
}

static int add_detection(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_detections_insert(db, arg, err);
}

static nj_us ago(int age_s)
{
    return (nj_us)(HTTP_TEST_NOW_S - age_s) * NJ_US_PER_S;
}

int64_t http_add_detection(struct http_fixture *fixture, const char *camera_id, const char *path,
                           int age_s)
{
    struct nj_detection_row row = {
        .file_is_upload = true,
        .media_type = "image",
        .object_type = "person",
        .confidence = 0.75,
        .x = 10,
        .y = 20,
        .width = 30,
        .height = 40,
        .picture_width = 400,
        .picture_height = 300,
        .detected_us = ago(age_s),
        .ended_us = ago(age_s),
        .model = "test",
    };
    nj_text_copy(row.camera_id, sizeof row.camera_id, camera_id);
    nj_text_copy(row.file_path, sizeof row.file_path, path);
    snprintf(row.source_key, sizeof row.source_key, "%.30s-%d", camera_id, age_s);
    http_write(fixture, add_detection, &row);
    return row.id;
}

struct event_parts {
    struct nj_batch_row batch;
    struct nj_event_row event;
    int64_t detection_id;
};

static int add_event(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct event_parts *parts = arg;
    const struct nj_batch_growth growth = {
        .detection_ids = &parts->detection_id,
        .count = 1,
        .oldest_us = parts->batch.started_us,
        .activity_us = parts->batch.started_us,
    };
    int rc = nj_batches_insert(db, &parts->batch, err);
    if (rc == 0)
        rc = nj_batches_append(db, parts->batch.id, &growth, err);
    if (rc == 0)
        rc = nj_batches_close(db, parts->batch.id, "idle", err);
    return rc != 0 ? rc : nj_events_insert(db, &parts->event, err);
}

int64_t http_add_event(struct http_fixture *fixture, const char *camera_id, int score, int age_s)
{
    static const struct nj_severity_options severity = {29, 59, 84};
    struct event_parts parts = {
        .batch = {.state = "open", .started_us = ago(age_s), .last_activity_us = ago(age_s)},
        .event = {.started_us = ago(age_s),
                  .ended_us = ago(age_s),
                  .created_us = ago(age_s),
                  .risk_score = score,
                  .summary = "A person at the door",
                  .reasoning = "because",
                  .breakdown = "[{\"what\":\"person\",\"points\":7}]",
                  .analyser = "rules",
                  .object_types = "person",
                  .detection_count = 1},
        .detection_id = http_add_detection(fixture, camera_id, "/nowhere.jpg", age_s),
    };
    snprintf(parts.batch.id, sizeof parts.batch.id, "batch-%d", age_s);
    nj_text_copy(parts.batch.camera_id, sizeof parts.batch.camera_id, camera_id);
    nj_text_copy(parts.event.batch_id, sizeof parts.event.batch_id, parts.batch.id);
    nj_text_copy(parts.event.camera_id, sizeof parts.event.camera_id, camera_id);
    nj_text_copy(parts.event.risk_level, sizeof parts.event.risk_level,
                 nj_severity_level(&severity, score));
    parts.event.best_detection_id = parts.detection_id;
    http_write(fixture, add_event, &parts);
    return parts.event.id;
}

void http_add_picture(struct http_fixture *fixture, const char *name, int width, int height,
                      char out[NJ_TEMP_PATH_MAX])
{
    struct nj_frame *frame = NULL;
    void *bytes = NULL;
    size_t length;
    const struct nj_picture_encode wish = {.quality = 80};
    assert_int_equal(nj_frame_allocate(width, height, NJ_PIXEL_GRAY, &frame), 0);
    memset((uint8_t *)(uintptr_t)frame->planes[0], 90, (size_t)frame->strides[0] * (size_t)height);
    assert_int_equal(nj_picture_encode_jpeg(frame, &wish, &bytes, &length, NULL), 0);
    assert_int_equal(nj_path_join(out, NJ_TEMP_PATH_MAX, fixture->uploads, name), 0);
    assert_int_equal(nj_file_write_atomic(out, bytes, length, NULL), 0);
    free(bytes);
    nj_frame_unref(frame);
}
