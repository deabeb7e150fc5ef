// SPDX-License-Identifier: Apache-2.0
// The API on a loopback port over a real store in a folder of its own, with real queues, registry,
// metrics and channels; no pipelines. A client that asks and reads JSON.
#ifndef NJ_TEST_HTTP_HELPER_H
#define NJ_TEST_HTTP_HELPER_H

#include "http/http.h"
#include "storage/store_events.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/loop_client.h"
#include "tests/fake/temp_dir.h"

enum { HTTP_TEST_NOW_S = 1769250600 }; // 2026-01-24T10:30:00Z

struct http_fixture {
    struct nj_fake_clock clock;
    struct nj_temp_dir dir;
    char uploads[NJ_TEMP_PATH_MAX], web[NJ_TEMP_PATH_MAX];
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_metrics *metrics;
    struct nj_bus *bus;
    struct nj_latency *latency;
    struct nj_registry *registry;
    struct nj_breaker *breaker;
    struct nj_health_report health; // what the service "store" reports
    struct nj_work_queue *detection_queue, *analysis_queue;
    struct nj_media *media;
    struct nj_log *log;
    struct nj_realtime *realtime;
    struct nj_retention_options retention;
    struct nj_config *config;
    struct nj_api_context context;
    struct nj_api_options options; // change them before http_start
    struct nj_http_server_options server;
    struct nj_api *api;
    struct nj_loop_client client;
};

int http_setup(void **state);           // everything, API started
int http_setup_unstarted(void **state); // without the API: the test sets options, then http_start
int http_setup_bare(void **state);      // API started with a context of NULL members
int http_teardown(void **state);
void http_start(struct http_fixture *fixture);
void http_stop_api(struct http_fixture *fixture);

// Asks on a connection of its own; `headers` are lines with CRLF, `body` may be NULL. The answer is
// valid until the next question.
const struct nj_answer *http_ask(struct http_fixture *fixture, const char *method, const char *path,
                                 const char *headers, const char *body);
const struct nj_answer *http_get(struct http_fixture *fixture, const char *path);
// GET that must have `status`; the body as JSON, the caller's.
json_t *http_json(struct http_fixture *fixture, const char *path, int status);
// Status and `part` of the body.
void http_expect(const struct nj_answer *answer, int status, const char *part);

// Runs `body` as one write operation.
typedef int (*http_body)(struct nj_db *db, void *arg, struct nj_error *err);
void http_write(struct http_fixture *fixture, http_body body, void *arg);

// Rows: a camera, and detection + batch + event number `n` of it, `age_s` before now.
void http_add_camera(struct http_fixture *fixture, const char *id);
int64_t http_add_detection(struct http_fixture *fixture, const char *camera_id, const char *path,
                           int age_s);
int64_t http_add_event(struct http_fixture *fixture, const char *camera_id, int score, int age_s);
// A JPEG of the size under the uploads; its path in `out`.
void http_add_picture(struct http_fixture *fixture, const char *name, int width, int height,
                      char out[NJ_TEMP_PATH_MAX]);
void http_turn(struct http_fixture *fixture);

#endif
