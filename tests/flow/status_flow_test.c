// SPDX-License-Identifier: Apache-2.0
// What the system's messages say: names that existing clients look for, and nothing but the truth.
#include "tests/flow/flow_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

int status_flow_test(void);

enum { BREAKER_FAILURES = 5 };

typedef void (*writer_fn)(const struct nj_api_context *context, struct nj_json_writer *writer);

static json_t *written(struct flow *flow, writer_fn write)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, 1 << 20);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    write(&flow->app->api_context, &writer);
    nj_json_object_end(&writer);
    json_t *root = json_loadb(buf.data, buf.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    nj_buf_finish(&buf);
    return root;
}

// `path`: names of members with '.' between them.
static const json_t *member(const json_t *root, const char *path)
{
    char name[64];
    while (*path != '\0') {
        size_t length = strcspn(path, ".");
        assert_true(length < sizeof name);
        memcpy(name, path, length);
        name[length] = '\0';
        root = json_object_get(root, name);
        path += length + (path[length] == '.');
    }
    return root;
}

static void expect(struct flow *flow, writer_fn write, const char *path, const char *value)
{
    json_t *root = written(flow, write);
    const char *text = json_string_value(member(root, path));
    if (text == NULL || strcmp(text, value) != 0)
        fail_msg("%s: %s, not %s", path, text != NULL ? text : "nothing", value);
    json_decref(root);
}

static void services_have_the_names_that_clients_know(void **state)
{
    static const char *const names[] = {
        "yolo26",       "nemotron",         "redis",
        "gpu_monitor",  "cleanup_service",  "system_broadcaster",
        "file_watcher", "pipeline_manager", "service_health_monitor"};
    struct flow *flow = *state;
    flow_start(flow);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "services.%s", names[i]);
        json_t *root = written(flow, nj_api_write_status);
        if (member(root, path) == NULL)
            fail_msg("no %s", path);
        json_decref(root);
    }
    expect(flow, nj_api_write_performance, "ai_models.yolo26.device", "null");
}

static void detector_that_does_not_answer_is_not_called_healthy(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    expect(flow, nj_api_write_performance, "ai_models.yolo26.status", "healthy");
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        uint64_t round = 0;
        assert_int_equal(nj_breaker_enter(flow->app->detector_breaker, &round, NULL), 0);
        nj_breaker_failure(flow->app->detector_breaker, round);
    }
    expect(flow, nj_api_write_performance, "ai_models.yolo26.status", "unreachable");
    expect(flow, nj_api_write_status, "services.yolo26", "degraded");
}

static bool shows_pictures(struct flow *flow, const char *path)
{
    nj_fake_clock_advance(&flow->clock, 50 * (nj_us)NJ_US_PER_MS);
    json_t *root = written(flow, nj_api_write_performance);
    const bool shows = json_number_value(member(root, path)) > 0;
    json_decref(root);
    return shows;
}

static void pictures_of_live_cameras_count_too(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "sources.list=[{\"id\":\"yard\",\"name\":\"Yard\",\"kind\":\"null\","
                   "\"path\":\"128x96x1000\",\"fps\":200}]");
    flow_set(flow, "motion.enabled=false");
    flow_start(flow);
    flow_until(flow, shows_pictures, "inference.throughput.images_per_min");
}

static void every_stage_has_its_time_once_an_upload_is_an_event(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    flow_advance(flow, 36 * (nj_us)NJ_US_PER_S);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events");
    flow_until_quiet(flow);
    for (int stage = 0; stage < NJ_STAGE_COUNT; stage++) {
        struct nj_latency_summary summary;
        nj_latency_get(flow->app->latency, (enum nj_stage)stage, &summary);
        if (summary.count != 1)
            fail_msg("%s: %zu samples", nj_stage_name((enum nj_stage)stage), summary.count);
    }
}

// A rate needs the value of before.
static void errors_are_told_from_nought_on(void **state)
{
    static const char *const types[] = {"detection_connection_error",
                                        "detection_timeout_error",
                                        "detection_validation_error",
                                        "detection_processing_error",
                                        "invalid_detection_payload",
                                        "analysis_error",
                                        "llm_error"};
    struct flow *flow = *state;
    struct nj_buf text;
    nj_buf_init(&text, 1 << 20);
    flow_start(flow);
    nj_metrics_write(flow->app->metrics, &text);
    nj_buf_append(&text, "", 1);
    for (size_t i = 0; i < NJ_COUNT_OF(types); i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "\npipeline_errors_total{error_type=\"%s\"} 0\n",
                       types[i]);
        if (strstr(text.data, line) == NULL)
            fail_msg("no %s", line);
    }
    nj_buf_finish(&text);
}

static void address_of_a_service_that_nobody_asks_is_told(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    assert_int_equal(flow_count_logged(flow, "is not asked"), 0);
    flow_stop(flow);
    flow_set(flow, "detect.http_url=http://127.0.0.1:1");
    flow_set(flow, "analysis.llm_url=http://127.0.0.1:1");
    flow_start(flow);
    assert_int_equal(flow_count_logged(flow, "The detector service is not asked"), 1);
    assert_int_equal(flow_count_logged(flow, "The language model is not asked"), 1);
    flow_stop(flow);
    flow_set(flow, "detect.engine=http");
    flow_set(flow, "analysis.analyser=llm");
    flow_start(flow);
    assert_int_equal(flow_count_logged(flow, "is not asked"), 2); // those of before
}

static void failed_start_stands_in_the_file_of_the_log(void **state)
{
    struct flow *flow = *state;
    struct nj_error err = {0};
    flow_set(flow, "detect.model=nowhere.json");
    assert_true(flow_try_start(flow, &err) < 0);
    assert_int_equal(flow_count_logged(flow, "could not start"), 0); // standard error says it
    flow_kill(flow);
    flow_set(flow, "log.file_path=nightjar.log"); // the helper's own log is a file in any case
    assert_true(flow_try_start(flow, &err) < 0);
    assert_int_equal(flow_count_logged(flow, "could not start"), 1);
    assert_int_equal(flow_count_logged(flow, "nowhere.json"), 1);
}

static void scoring_by_the_rules_is_not_called_a_language_model(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    struct nj_registry *registry = flow->app->registry;
    struct nj_health_report report = {0};
    size_t i = 0;
    while (i < nj_registry_service_count(registry) &&
           strcmp(nj_registry_probe(registry, i, &report, NULL), "nemotron") != 0)
        i++;
    assert_true(i < nj_registry_service_count(registry));
    assert_int_equal(report.status, NJ_HEALTH_HEALTHY);
    assert_non_null(strstr(report.message, "rules"));
}

int status_flow_test(void)
{
#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, flow_setup, flow_teardown)
    const struct CMUnitTest tests[] = {
        FLOW_TEST(services_have_the_names_that_clients_know),
        FLOW_TEST(detector_that_does_not_answer_is_not_called_healthy),
        FLOW_TEST(pictures_of_live_cameras_count_too),
        FLOW_TEST(every_stage_has_its_time_once_an_upload_is_an_event),
        FLOW_TEST(errors_are_told_from_nought_on),
        FLOW_TEST(address_of_a_service_that_nobody_asks_is_told),
        FLOW_TEST(failed_start_stands_in_the_file_of_the_log),
        FLOW_TEST(scoring_by_the_rules_is_not_called_a_language_model),
    };
    return cmocka_run_group_tests_name("status flow", tests, NULL, NULL);
}
