// SPDX-License-Identifier: Apache-2.0
// Dead letters, breakers, health, clean-up, configuration, logs, metrics, status messages and the
// end of the API.
#include "http/http.h"

#include "health/pipeline_metrics.h"
#include "storage/store_uploads.h"

#include "tests/unit/http/http_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int http_system_test(void);

struct letter {
    const char *queue, *reason, *payload;
};

static int add_letter(struct nj_db *db, void *arg, struct nj_error *err)
{
    const struct letter *letter = arg;
    struct nj_letter_row row = {.attempts = 3, .error = "it broke", .error_type = "timeout"};
    snprintf(row.queue, sizeof row.queue, "%s", letter->queue);
    snprintf(row.reason, sizeof row.reason, "%s", letter->reason);
    row.payload = (char *)(uintptr_t)letter->payload;
    return nj_letters_insert(db, &row, NULL, err);
}

static void fill_letters(struct http_fixture *fixture)
{
    static struct letter letters[] = {
        {"detection_queue", "overflow", "{\"n\":1}"}, {"detection_queue", "failed", "{\"n\":2}"},
        {"detection_queue", "invalid", "{\"n\":3}"},  {"detection_queue", "failed", "{\"n\":4}"},
        {"analysis_queue", "failed", "{\"n\":5}"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(letters); i++)
        http_write(fixture, add_letter, &letters[i]);
}

// The "n" of the listed letters in their order, as text.
static void expect_letters(struct http_fixture *fixture, const char *path, const char *wanted,
                           int total)
{
    char seen[64] = "";
    json_t *root = http_json(fixture, path, 200);
    const json_t *items = json_object_get(root, "items");
    const json_t *pagination = json_object_get(root, "pagination");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *job = json_object_get(json_array_get(items, i), "original_job");
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%d",
                 (int)json_integer_value(json_object_get(job, "n")));
    }
    assert_string_equal(seen, wanted);
    assert_int_equal(json_integer_value(json_object_get(pagination, "total")), total);
    json_decref(root);
}

static void letters_are_listed_by_name_and_page(void **state)
{
    struct http_fixture *fixture = *state;
    fill_letters(fixture);
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue", "243", 3);
    expect_letters(fixture, "/api/dlq/jobs/detection_queue", "243", 3);
    expect_letters(fixture, "/api/dlq/jobs/dlq:overflow:detection_queue", "1", 1);
    expect_letters(fixture, "/api/dlq/jobs/dlq:analysis_queue", "5", 1);
    expect_letters(fixture, "/api/dlq/jobs/dlq:overflow:analysis_queue", "", 0);
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue?limit=2", "24", 3);
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue?start=1&limit=1", "4", 3);
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue?start=1&limit=2", "43", 3);
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue?start=2", "3", 3);
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue?start=3", "", 3);
    http_expect(http_get(fixture, "/api/dlq/jobs/dlq:other"), 404, "no such queue");
    http_expect(http_get(fixture, "/api/dlq/jobs/dlq:detection_queue"), 200, "\"it broke\"");
}

static const struct nj_answer *post(struct http_fixture *fixture, const char *path)
{
    return http_ask(fixture, "POST", path, "", NULL);
}

static void letters_go_back_oldest_first_and_by_id(void **state)
{
    struct http_fixture *fixture = *state;
    fill_letters(fixture);
    http_expect(post(fixture, "/api/dlq/requeue/dlq:detection_queue"), 200, "\"requeued\":1");
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue", "43", 2); // not the overflow
    http_expect(post(fixture, "/api/dlq/requeue/dlq:detection_queue/3"), 200, "\"requeued\":1");
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue", "4", 1);
    http_expect(post(fixture, "/api/dlq/requeue/dlq:detection_queue/3"), 404, "NOT_FOUND");
    http_expect(post(fixture, "/api/dlq/requeue/dlq:detection_queue/5"), 404, "NOT_FOUND");
    http_expect(post(fixture, "/api/dlq/requeue/dlq:detection_queue/x"), 404, "NOT_FOUND");
    http_expect(post(fixture, "/api/dlq/requeue/dlq:overflow:detection_queue"), 200,
                "\"requeued\":1");
    expect_letters(fixture, "/api/dlq/jobs/dlq:overflow:detection_queue", "", 0);
    http_expect(post(fixture, "/api/dlq/requeue/dlq:overflow:detection_queue"), 404,
                "there are no letters");
}

static void all_letters_go_back_until_the_queue_is_full(void **state)
{
    struct http_fixture *fixture = *state;
    static struct letter letter = {"detection_queue", "failed", "{\"n\":1}"};
    for (int i = 0; i < 7; i++)
        http_write(fixture, add_letter, &letter);
    http_expect(post(fixture, "/api/dlq/requeue-all/dlq:detection_queue"), 200, "\"requeued\":5");
    http_expect(post(fixture, "/api/dlq/requeue-all/dlq:detection_queue"), 200,
                "\"success\":false,\"message\":\"0 jobs put back; the queue is full\"");
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue", "11", 2);
    http_expect(post(fixture, "/api/dlq/requeue/dlq:detection_queue"), 503, "QUEUE_MAX_SIZE");
    http_expect(post(fixture, "/api/dlq/requeue-all/dlq:analysis_queue"), 200,
                "\"success\":true,\"message\":\"0 jobs put back\"");
}

static void purge_deletes_what_the_name_holds(void **state)
{
    struct http_fixture *fixture = *state;
    fill_letters(fixture);
    http_expect(http_ask(fixture, "DELETE", "/api/dlq/dlq:detection_queue", "", NULL), 200,
                "\"deleted\":3");
    expect_letters(fixture, "/api/dlq/jobs/dlq:detection_queue", "", 0);
    expect_letters(fixture, "/api/dlq/jobs/dlq:overflow:detection_queue", "1", 1);
    http_expect(http_ask(fixture, "DELETE", "/api/dlq/dlq:overflow:detection_queue", "", NULL), 200,
                "\"deleted\":1");
    expect_letters(fixture, "/api/dlq/jobs/dlq:analysis_queue", "5", 1);
}

static void health_follows_the_services(void **state)
{
    static const struct {
        enum nj_health_status status;
        int health, ready;
        const char *text, *ready_text, *check; // a healthy one's message is no error
    } cases[] = {
        {NJ_HEALTH_HEALTHY, 200, 200, "\"status\":\"healthy\"", "\"status\":\"ready\"",
         "{\"status\":\"healthy\",\"latency_ms\":0,\"error\":null}"},
        {NJ_HEALTH_DEGRADED, 200, 200, "\"status\":\"degraded\"", "\"status\":\"degraded\"",
         "\"latency_ms\":0,\"error\":\"disk \\\"full\\\"\"}"},
        {NJ_HEALTH_UNHEALTHY, 503, 503, "\"status\":\"unhealthy\"", "\"ready\":false",
         "\"latency_ms\":0,\"error\":\"disk \\\"full\\\"\"}"},
    };
    struct http_fixture *fixture = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        fixture->health.status = cases[i].status;
        snprintf(fixture->health.message, sizeof fixture->health.message, "disk \"full\"");
        http_expect(http_get(fixture, "/api/system/health"), cases[i].health, cases[i].text);
        http_expect(http_get(fixture, "/api/system/health/full"), cases[i].health, cases[i].text);
        http_expect(http_get(fixture, "/ready"), cases[i].ready, cases[i].ready_text);
        http_expect(http_get(fixture, "/ready"), cases[i].ready, cases[i].check);
        http_expect(http_get(fixture, "/api/system/health"), cases[i].health,
                    "\"message\":\"disk \\\"full\\\"\"");
        http_expect(http_get(fixture, "/health"), 200, "\"status\":\"alive\"");
    }
}

static void breaker_is_shown_and_closed_by_hand(void **state)
{
    struct http_fixture *fixture = *state;
    uint64_t round = 0;
    assert_int_equal(nj_breaker_enter(fixture->breaker, &round, NULL), 0);
    nj_breaker_failure(fixture->breaker, round);
    http_expect(http_get(fixture, "/api/system/circuit-breakers"), 200,
                "\"llm\":{\"state\":\"open\"");
    http_expect(post(fixture, "/api/system/circuit-breakers/llm/reset"), 200,
                "\"previous_state\":\"open\",\"new_state\":\"closed\"");
    assert_int_equal(nj_breaker_enter(fixture->breaker, &round, NULL), 0);
    nj_breaker_cancelled(fixture->breaker, round);
    http_expect(post(fixture, "/api/system/circuit-breakers/none/reset"), 404, "no such circuit");
}

static void cleanup_runs_beside_the_loop_and_is_remembered(void **state)
{
    struct http_fixture *fixture = *state;
    http_add_camera(fixture, "door");
    http_add_event(fixture, "door", 10, 60);
    http_expect(http_get(fixture, "/api/system/cleanup"), 200,
                "\"finished_at\":null,\"last_run\":null");
    http_expect(post(fixture, "/api/system/cleanup?dry_run=perhaps"), 400, "dry_run");
    http_expect(post(fixture, "/api/system/cleanup?dry_run=true"), 200, "\"dry_run\":true");
    http_expect(post(fixture, "/api/system/cleanup"), 200,
                "\"dry_run\":false,\"events_deleted\":0");
    http_expect(http_get(fixture, "/api/system/cleanup"), 200,
                "\"running\":false,\"retention_days\":30");
    http_expect(http_get(fixture, "/api/system/cleanup"), 200, "\"last_run\":{\"dry_run\":false");
    assert_int_equal(http_get(fixture, "/api/events/1")->status, 200);
}

static void secrets_are_masked(void **state)
{
    const struct nj_answer *answer = http_get(*state, "/api/system/config");
    http_expect(answer, 200, "\"***\"");
    assert_null(strstr(answer->body, "topsecret"));
}

static void severity_levels_join_without_gap(void **state)
{
    http_expect(http_get(*state, "/api/system/severity"), 200,
                "{\"severity\":\"low\",\"min_score\":0,\"max_score\":29},"
                "{\"severity\":\"medium\",\"min_score\":30,\"max_score\":59},"
                "{\"severity\":\"high\",\"min_score\":60,\"max_score\":84},"
                "{\"severity\":\"critical\",\"min_score\":85,\"max_score\":100}");
}

static void log_lines_are_listed(void **state)
{
    struct http_fixture *fixture = *state;
    nj_log_line(fixture->log, NJ_LOG_INFO, "first line");
    nj_log_line(fixture->log, NJ_LOG_INFO, "second line");
    json_t *root = http_json(fixture, "/api/logs?limit=1", 200);
    const json_t *items = json_object_get(root, "items");
    assert_int_equal(json_array_size(items), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(items, 0), "message")),
                        "second line");
    json_decref(root);
}

static void requests_are_counted_by_route_and_status(void **state)
{
    struct http_fixture *fixture = *state;
    http_get(fixture, "/api/events/99");
    http_get(fixture, "/api/events/98");
    http_get(fixture, "/no.where");
    const struct nj_answer *answer = http_get(fixture, "/api/metrics");
    http_expect(answer, 200, "http_requests_total{route=\"GET /api/events/{id}\"} 2\n");
    http_expect(answer, 200, "http_requests_total{route=\"none\"} 1\n");
    http_expect(answer, 200, "http_responses_total{status=\"404\"} 3\n");
    http_expect(answer, 200,
                "http_request_duration_seconds_count{route=\"GET /api/events/{id}\"} 2\n");
    http_expect(answer, 200, "process_resident_memory_bytes");
}

static void connections_are_counted_up_to_the_moment(void **state)
{
    struct http_fixture *fixture = *state;
    const struct nj_answer *answer = http_get(fixture, "/api/metrics");
    http_expect(answer, 200, "\nhttp_connections_total 1\n");
    http_expect(answer, 200, "\nhttp_connections_open 1\n");
    http_expect(answer, 200, "\nhttp_bad_requests_total 0\n");
    answer = http_get(fixture, "/api/metrics");
    http_expect(answer, 200, "\nhttp_connections_total 2\n");
}

static void storage_tells_of_database_disk_and_pictures(void **state)
{
    struct http_fixture *fixture = *state;
    const struct nj_answer *answer = http_get(fixture, "/api/system/storage");
    http_expect(answer, 200, "\"database\":{\"file_bytes\":");
    http_expect(answer, 200, "\"read_only\":false");
    http_expect(answer, 200, "\"disk\":");
    http_expect(answer, 200, "\"pictures\":");
}

static int add_refused(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_refused_insert(db, arg, err);
}

static void refused_uploads_are_listed_and_counted(void **state)
{
    struct http_fixture *fixture = *state;
    struct nj_refused_row row = {.path = "/x/\xff\n.jpg", .reason = "too_small", .size = 5};
    row.refused_us = (nj_us)HTTP_TEST_NOW_S * NJ_US_PER_S;
    http_write(fixture, add_refused, &row);
    snprintf(row.path, sizeof row.path, "/x/other.jpg");
    snprintf(row.reason, sizeof row.reason, "truncated");
    http_write(fixture, add_refused, &row);
    http_expect(http_get(fixture, "/api/uploads/refused"), 200, "\"too_small\":1");
    http_expect(http_get(fixture, "/api/uploads/refused"), 200, "/x/\xef\xbf\xbd\\n.jpg");
    json_t *root = http_json(fixture, "/api/uploads/refused?limit=1", 200);
    const json_t *pagination = json_object_get(root, "pagination");
    assert_int_equal(json_integer_value(json_object_get(pagination, "total")), 2);
    char path[512];
    snprintf(path, sizeof path, "/api/uploads/refused?limit=1&cursor=%s",
             json_string_value(json_object_get(pagination, "next_cursor")));
    json_decref(root);
    root = http_json(fixture, path, 200);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(root, "items"), 0), "reason")),
                        "too_small");
    assert_int_equal(json_object_size(json_object_get(root, "counts")), 0); // as the total
    json_decref(root);
}

typedef void (*writer_fn)(const struct nj_api_context *context, struct nj_json_writer *writer);

static json_t *written(const struct nj_api_context *context, writer_fn write)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, 1 << 20);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    write(context, &writer);
    nj_json_object_end(&writer);
    json_t *root = json_loadb(buf.data, buf.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    nj_buf_finish(&buf);
    return root;
}

static void wait_for_vitals(struct http_fixture *fixture)
{
    nj_fake_clock_advance(&fixture->clock, 5 * NJ_US_PER_S);
    http_get(fixture, "/api/system/stats"); // a reading that follows the vitals' one
    http_get(fixture, "/api/system/stats");
}

static void status_counts_cameras_queues_and_services(void **state)
{
    struct http_fixture *fixture = *state;
    http_add_camera(fixture, "door");
    http_add_camera(fixture, "yard");
    fill_letters(fixture);
    http_expect(post(fixture, "/api/dlq/requeue/dlq:detection_queue"), 200, "true");
    wait_for_vitals(fixture);
    json_t *root = written(&fixture->context, nj_api_write_status);
    const json_t *cameras = json_object_get(root, "cameras");
    const json_t *queues = json_object_get(root, "queues");
    assert_true(json_is_null(json_object_get(root, "gpu")));
    assert_int_equal(json_integer_value(json_object_get(cameras, "total")), 2);
    assert_int_equal(json_integer_value(json_object_get(cameras, "online")), 2);
    assert_int_equal(json_integer_value(json_object_get(cameras, "offline")), 0);
    assert_int_equal(json_integer_value(json_object_get(queues, "detection_queue")), 1);
    assert_int_equal(json_integer_value(json_object_get(queues, "analysis_queue")), 0);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(root, "services"), "store")), "healthy");
    json_decref(root);
}

static void performance_has_the_members_that_clients_know(void **state)
{
    static const char *const members[] = {"timestamp", "gpu",        "ai_models",
                                          "nemotron",  "inference",  "databases",
                                          "host",      "containers", "alerts"};
    struct http_fixture *fixture = *state;
    nj_latency_add(fixture->latency, NJ_STAGE_DETECT, 45 * NJ_US_PER_MS);
    wait_for_vitals(fixture);
    json_t *root = written(&fixture->context, nj_api_write_performance);
    for (size_t i = 0; i < NJ_COUNT_OF(members); i++)
        assert_non_null(json_object_get(root, members[i]));
    const json_t *detect = json_object_get(json_object_get(root, "inference"), "yolo26_latency_ms");
    assert_int_equal(json_number_value(json_object_get(detect, "avg")), 45);
    double total =
        json_number_value(json_object_get(json_object_get(root, "host"), "ram_total_gb"));
    assert_true(total > 0.1);
    json_decref(root);
}

static double pictures_per_minute(struct http_fixture *fixture)
{
    json_t *root = written(&fixture->context, nj_api_write_performance);
    const json_t *inference = json_object_get(root, "inference");
    double pictures = json_number_value(
        json_object_get(json_object_get(inference, "throughput"), "images_per_min"));
    json_decref(root);
    return pictures;
}

static void pictures_a_minute_are_those_that_detection_counts(void **state)
{
    struct http_fixture *fixture = *state;
    struct nj_metric *detected = nj_pipeline_jobs(fixture->metrics, "ok");
    wait_for_vitals(fixture);
    assert_true(pictures_per_minute(fixture) == 0);
    nj_metric_add(detected, 30); // of live cameras: no queue knows of them
    nj_metric_add(nj_pipeline_jobs(fixture->metrics, "failed"), 500);
    wait_for_vitals(fixture);
    assert_true(pictures_per_minute(fixture) == 30);
    for (int i = 0; i < 10; i++)
        wait_for_vitals(fixture);
    nj_metric_add(detected, 2);
    wait_for_vitals(fixture);
    assert_true(pictures_per_minute(fixture) == 32); // of the whole last minute
    wait_for_vitals(fixture);
    assert_true(pictures_per_minute(fixture) == 2);
    nj_fake_clock_advance(&fixture->clock, 295 * NJ_US_PER_S); // nobody looked for five minutes
    nj_metric_add(detected, 100);
    wait_for_vitals(fixture);
    assert_true(pictures_per_minute(fixture) > 15 && pictures_per_minute(fixture) < 21);
}

static void writers_do_without_any_part(void **state)
{
    struct http_fixture *fixture = *state;
    json_decref(written(&fixture->context, nj_api_write_status));
    json_decref(written(&fixture->context, nj_api_write_performance));
}

static void stop_waits_for_what_is_under_way(void **state)
{
    struct http_fixture *fixture = *state;
    char path[NJ_TEMP_PATH_MAX];
    struct nj_loop_client clients[4] = {0};
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "a.jpg", 2000, 2000, path);
    http_add_detection(fixture, "door", path, 1);
    static const char *const paths[] = {"/api/detections/1/thumbnail", "/api/system/stats",
                                        "/api/events", "/api/detections/1/image"};
    for (size_t i = 0; i < NJ_COUNT_OF(clients); i++) {
        char request[128];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i]);
        nj_loop_client_open(&clients[i], fixture->loop, nj_api_port(fixture->api));
        nj_loop_client_send(&clients[i], request, strlen(request));
    }
    nj_loop_turn(fixture->loop);
    nj_loop_turn(fixture->loop);
    http_stop_api(fixture); // asserts that it ends, and the sanitizers that nothing is left
    for (size_t i = 0; i < NJ_COUNT_OF(clients); i++)
        nj_loop_client_close(&clients[i]);
}

static void taken_port_is_an_error_that_leaves_nothing_behind(void **state)
{
    struct http_fixture *fixture = *state;
    struct nj_http_server_options server = fixture->server;
    struct nj_error err = {.text = ""};
    struct nj_api *second = NULL;
    server.port = nj_api_port(fixture->api);
    assert_int_equal(nj_api_create(&fixture->context, &fixture->options, &server, &second, &err),
                     0);
    assert_int_equal(nj_api_start(second, &err), NJ_E_EXISTS);
    nj_api_destroy(second);
    http_turn(fixture);
}

static void part_that_starts_later_is_seen(void **state)
{
    struct http_fixture *fixture = *state;
    struct nj_latency *latency = fixture->context.latency;
    fixture->context.latency = NULL;
    assert_int_equal(http_get(fixture, "/api/system/pipeline-latency")->status, 503);
    fixture->context.latency = latency;
    assert_int_equal(http_get(fixture, "/api/system/pipeline-latency")->status, 200);
}

static void uptime_does_not_follow_corrections_of_the_wall_clock(void **state)
{
    static const char *const paths[] = {"/health", "/api/system/health", "/api/system/stats"};
    struct http_fixture *fixture = *state;
    nj_fake_clock_jump_wall(&fixture->clock, (nj_us)-30 * 86400 * NJ_US_PER_S);
    for (size_t i = 0; i < NJ_COUNT_OF(paths); i++) {
        json_t *root = http_json(fixture, paths[i], 200);
        assert_true(json_number_value(json_object_get(root, "uptime_seconds")) == 60);
        json_decref(root);
    }
}

int http_system_test(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, http_setup, http_teardown)
    const struct CMUnitTest tests[] = {
        CASE(letters_are_listed_by_name_and_page),
        CASE(letters_go_back_oldest_first_and_by_id),
        CASE(all_letters_go_back_until_the_queue_is_full),
        CASE(purge_deletes_what_the_name_holds),
        CASE(health_follows_the_services),
        CASE(breaker_is_shown_and_closed_by_hand),
        CASE(cleanup_runs_beside_the_loop_and_is_remembered),
        CASE(secrets_are_masked),
        CASE(uptime_does_not_follow_corrections_of_the_wall_clock),
        CASE(severity_levels_join_without_gap),
        CASE(log_lines_are_listed),
        CASE(requests_are_counted_by_route_and_status),
        CASE(connections_are_counted_up_to_the_moment),
        CASE(storage_tells_of_database_disk_and_pictures),
        CASE(refused_uploads_are_listed_and_counted),
        CASE(status_counts_cameras_queues_and_services),
        CASE(performance_has_the_members_that_clients_know),
        CASE(pictures_a_minute_are_those_that_detection_counts),
        cmocka_unit_test_setup_teardown(writers_do_without_any_part, http_setup_bare,
                                        http_teardown),
        CASE(stop_waits_for_what_is_under_way),
        CASE(taken_port_is_an_error_that_leaves_nothing_behind),
        CASE(part_that_starts_later_is_seen),
    };
    return cmocka_run_group_tests_name("http system", tests, NULL, NULL);
}
