// SPDX-License-Identifier: Apache-2.0
// One car, two displays on one camera: the whole program with a real RTSP camera, a backend on a
// real WebSocket, an archive with branches, and records and images on the embedded store.
#include "archives/archive.h"
#include "tests/fake/loop_client.h"
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/test_video.h"
#include "tests/flow/flow_helper.h"
#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int worker_flow_test(void);

enum { TEXT_SIZE = 64 << 10, STEPS_MAX = 600 };

static const nj_us step_us = 100 * (nj_us)NJ_US_PER_MS;

static const char document[] =
    "{\"pipeline\":{\"modelId\":\"car_frontal_v1\",\"modelFile\":\"frontal.onnx\",\"crop\":false,"
    "\"triggerClasses\":[\"Car\",\"Frontal\"],\"minConfidence\":0.8,\"multiClass\":true,"
    "\"expectedClasses\":[\"Car\",\"Frontal\"],"
    "\"tracking\":{\"enabled\":true,\"method\":\"botsort\",\"stabilityThreshold\":4},"
    "\"actions\":[{\"type\":\"redis_save_image\",\"region\":\"Frontal\",\"expire_seconds\":600,"
    "\"key\":\"inference:{display_id}:{timestamp}:{session_id}:{filename}\"}],"
    "\"branches\":["
    "{\"modelId\":\"car_brand_cls_v1\",\"modelFile\":\"brand.onnx\",\"crop\":true,"
    "\"cropClass\":\"Frontal\",\"triggerClasses\":[\"Frontal\"],\"minConfidence\":0.85,"
    "\"parallel\":true,\"branches\":[]},"
    "{\"modelId\":\"car_bodytype_cls_v1\",\"modelFile\":\"body.onnx\",\"crop\":true,"
    "\"cropClass\":\"Car\",\"triggerClasses\":[\"Car\"],\"minConfidence\":0.85,"
    "\"parallel\":true,\"branches\":[]}],"
    "\"parallelActions\":[{\"type\":\"postgresql_update_combined\",\"table\":\"car_frontal_info\","
    "\"key_field\":\"session_id\",\"key_value\":\"{session_id}\","
    "\"waitForBranches\":[\"car_brand_cls_v1\",\"car_bodytype_cls_v1\"],"
    "\"fields\":{\"car_brand\":\"{car_brand_cls_v1.brand}\","
    "\"car_body_type\":\"{car_bodytype_cls_v1.body_type}\"}}]}}";

// Each model takes what it knows, and of a part of the picture what lies there.
static const char seen[] =
    "[[{\"class\":\"Car\",\"confidence\":0.93,\"bbox\":{\"x\":90,\"y\":50,\"width\":140,"
    "\"height\":90}},{\"class\":\"Frontal\",\"confidence\":0.88,\"bbox\":{\"x\":100,\"y\":80,"
    "\"width\":60,\"height\":50}},{\"class\":\"Honda\",\"confidence\":0.97,\"bbox\":{\"x\":120,"
    "\"y\":100,\"width\":4,\"height\":4}},{\"class\":\"Sedan\",\"confidence\":0.95,\"bbox\":{"
    "\"x\":120,\"y\":100,\"width\":4,\"height\":4}}]]";

struct trace {
    struct flow *flow;
    struct nj_test_camera *camera;
    struct nj_loop_client backend;
    char text[TEXT_SIZE];
    char url[NJ_TEST_CAMERA_URL_MAX];
    char archive[NJ_TEMP_PATH_MAX];
};

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[NJ_TEMP_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(nj_file_write_atomic(path, text, strlen(text), NULL), 0);
}

static void write_model(const char *folder, const char *name, const char *decoder,
                        const char *classes)
{
    char text[1024], file[64];
    const bool detector = strcmp(decoder, "yolox") == 0;
    snprintf(text, sizeof text,
             "{\"name\":\"%s\",\"weights\":\"%s.onnx\",\"decoder\":\"%s\",\"input\":{\"width\":64,"
             "\"height\":64,\"fit\":\"%s\",\"order\":\"bgr\",\"layout\":\"nchw\"},"
             "\"threshold\":0.3,%s\"classes\":[%s]}",
             name, name, decoder, detector ? "letterbox_top_left" : "stretch",
             detector ? "\"nms_iou\":0.45," : "", classes);
    snprintf(file, sizeof file, "%s.json", name);
    write_file(folder, file, text);
    snprintf(file, sizeof file, "%s.onnx", name);
    write_file(folder, file, name); // the null engine does not read them
}

static void make_archive(struct trace *trace)
{
    char folder[NJ_TEMP_PATH_MAX];
    struct nj_error err = {0};
    nj_temp_dir_path(&trace->flow->dir, "source", folder);
    nj_temp_dir_path(&trace->flow->dir, "cars.mpta", trace->archive);
    assert_int_equal(nj_dir_create(folder, NULL), 0);
    write_file(folder, "pipeline.json", document);
    write_model(folder, "frontal", "yolox", "\"Car\",\"Frontal\"");
    write_model(folder, "brand", "classes", "\"Honda\",\"Toyota\"");
    write_model(folder, "body", "classes", "\"Sedan\",\"SUV\"");
    const struct nj_archive_options *options =
        nj_config_get(trace->flow->config, &nj_archive_option_group);
    if (nj_archive_pack(options, folder, trace->archive, &err) != 0)
        fail_msg("%s", err.text);
}

static void start_camera(struct trace *trace)
{
    char file[NJ_TEMP_PATH_MAX];
    struct nj_error err = {0};
    const struct nj_test_camera_mount mount = {.name = "c1", .file = nj_test_video("small", file)};
    if (nj_test_camera_create(&(struct nj_test_camera_options){0}, &trace->camera, &err) != 0 ||
        nj_test_camera_add(trace->camera, &mount, &err) != 0)
        fail_msg("%s", err.text);
    nj_test_camera_url(trace->camera, "rtsp", "c1", NULL, trace->url);
}

static int setup(void **state)
{
    struct trace *trace = calloc(1, sizeof *trace);
    void *flow = NULL;
    assert_non_null(trace);
    assert_int_equal(flow_setup(&flow), 0);
    trace->flow = flow;
    start_camera(trace);
    flow_set(trace->flow, "detect.null_script=%s", seen);
    flow_set(trace->flow, "archives.roots=%s", trace->flow->dir.path);
    flow_set(trace->flow, "worker.allow_loopback=true");
    flow_set(trace->flow, "worker.fps=10");
    flow_set(trace->flow, "sessions.lost_seconds=2");
    flow_start(trace->flow);
    make_archive(trace);
    *state = trace;
    return 0;
}

static int teardown(void **state)
{
    struct trace *trace = *state;
    void *flow = trace->flow;
    nj_loop_client_close(&trace->backend);
    flow_stop(trace->flow);
    nj_test_camera_destroy(trace->camera);
    assert_int_equal(flow_teardown(&flow), 0);
    free(trace);
    return 0;
}

static void come(struct trace *trace)
{
    nj_loop_client_open(&trace->backend, trace->flow->loop, nj_app_port(trace->flow->app));
    nj_ws_open(&trace->backend, "/", "");
}

static void ask_for(struct trace *trace, const char *const *ids, size_t count)
{
    char list[4096];
    int used = snprintf(list, sizeof list, "{\"type\":\"setSubscriptionList\",\"subscriptions\":[");
    for (size_t i = 0; i < count; i++)
        used += snprintf(list + used, sizeof list - (size_t)used,
                         "%s{\"subscriptionIdentifier\":\"%s\",\"rtspUrl\":\"%s\",\"modelUrl\":"
                         "\"file://%s\",\"modelId\":52,\"modelName\":\"cars\",\"cropX1\":0,"
                         "\"cropY1\":0,\"cropX2\":%d,\"cropY2\":180}",
                         i > 0 ? "," : "", ids[i], trace->url, trace->archive, 320 - 20 * (int)i);
    snprintf(list + used, sizeof list - (size_t)used, "]}");
    nj_ws_send(&trace->backend, list);
}

// Fake time goes on, in steps with real pictures, until a message has all three parts.
static const char *wait_for(struct trace *trace, const char *type, const char *part,
                            const char *other)
{
    char kind[64];
    snprintf(kind, sizeof kind, "{\"type\":\"%s\"", type);
    for (int i = 0; i < STEPS_MAX; i++) {
        const char *text = nj_ws_next(&trace->backend, trace->text, TEXT_SIZE);
        if (text[0] == '\0')
            nj_fake_clock_advance(&trace->flow->clock, step_us);
        else if (strncmp(text, kind, strlen(kind)) == 0 && strstr(text, part) != NULL &&
                 strstr(text, other) != NULL)
            return text;
    }
    fail_msg("no %s with %s and %s; newest: %.600s", type, part, other, trace->text);
    return NULL;
}

// The model is told ready and each display hears of its car once; nothing says what comes first.
static void wait_for_both(struct trace *trace, const char *found)
{
    bool ready = false, first = false, second = false;
    for (int i = 0; i < STEPS_MAX && !(ready && first && second); i++) {
        const char *text = nj_ws_next(&trace->backend, trace->text, TEXT_SIZE);
        if (text[0] == '\0')
            nj_fake_clock_advance(&trace->flow->clock, step_us);
        if (strstr(text, "\"type\":\"stateReport\"") != NULL)
            ready = ready || (strstr(text, "\"modelState\":\"ready\"") && strstr(text, "d2;c1"));
        if (strstr(text, "\"type\":\"imageDetection\"") == NULL || strstr(text, found) == NULL)
            continue;
        assert_non_null(strstr(text, "\"bodyType\":\"Sedan\""));
        assert_non_null(strstr(text, "\"modelId\":52"));
        first = first || strstr(text, "\"subscriptionIdentifier\":\"d1;c1\"") != NULL;
        second = second || strstr(text, "\"subscriptionIdentifier\":\"d2;c1\"") != NULL;
    }
    if (!ready || !first || !second)
        fail_msg("ready %d, first display %d, second %d", ready, first, second);
}

static void let_pass(struct trace *trace, nj_us us)
{
    const nj_us until_us = nj_mono_us(&trace->flow->clock.clock) + us;
    while (nj_mono_us(&trace->flow->clock.clock) < until_us) {
        const char *text = nj_ws_next(&trace->backend, trace->text, TEXT_SIZE);
        if (text[0] == '\0')
            nj_fake_clock_advance(&trace->flow->clock, step_us);
        assert_null(strstr(text, "\"type\":\"imageDetection\""));
    }
}

static void one_car_before_two_displays(void **state)
{
    struct trace *trace = *state;
    static const char *const both[] = {"d1;c1", "d2;c1"};
    static const char found[] = "\"carBrand\":\"Honda\"";
    char value[256];
    come(trace);
    ask_for(trace, both, 2);
    wait_for_both(trace, found);
    struct nj_subscription_stats stats;
    nj_subscriptions_get_stats(trace->flow->app->subscriptions, &stats);
    assert_int_equal(stats.runs, 2);
    assert_int_equal(stats.models_ready, 1); // one archive, loaded once

    nj_ws_send(&trace->backend, "{\"type\":\"setSessionId\",\"payload\":{\"displayIdentifier\":"
                                "\"d1\",\"sessionId\":4711}}");
    wait_for(trace, "patchSession", "\"sessionId\":4711", found);
    let_pass(trace, 3 * (nj_us)NJ_US_PER_S);
    nj_ws_send(&trace->backend, "{\"type\":\"setSessionId\",\"payload\":{\"displayIdentifier\":"
                                "\"d1\",\"sessionId\":null}}");
    wait_for(trace, "stateReport", "\"sessionState\":\"hold\"", "d1;c1");
    let_pass(trace, 3 * (nj_us)NJ_US_PER_S); // the same car is still there
    nj_subscriptions_get_stats(trace->flow->app->subscriptions, &stats);
    assert_int_equal(stats.runs, 2);

    flow_until_sql(trace->flow, 2, "SELECT count(*) FROM saved_images");
    flow_sql_text(trace->flow, "SELECT group_concat(json) FROM pipeline_records", value,
                  sizeof value);
    assert_non_null(strstr(value, "Honda"));
    ask_for(trace, &both[1], 1);
    const char *report = wait_for(trace, "stateReport", "d2;c1", "\"online\":true");
    assert_null(strstr(report, "d1;c1"));
}

// A backend's reconnect of a second restarts neither stream nor archive.
static void backend_that_comes_back_finds_everything_running(void **state)
{
    struct trace *trace = *state;
    static const char *const one[] = {"d1;c1"};
    come(trace);
    ask_for(trace, one, 1);
    wait_for(trace, "imageDetection", "d1;c1", "Honda");
    nj_loop_client_close(&trace->backend);
    nj_fake_clock_advance(&trace->flow->clock, NJ_US_PER_S);
    come(trace);
    ask_for(trace, one, 1);
    wait_for(trace, "stateReport", "\"modelState\":\"ready\"", "\"online\":true");
    let_pass(trace, 2 * (nj_us)NJ_US_PER_S);
    struct nj_subscription_stats stats;
    nj_subscriptions_get_stats(trace->flow->app->subscriptions, &stats);
    assert_int_equal(stats.restarts, 0);
    assert_int_equal(stats.runs, 1);
}

int worker_flow_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_car_before_two_displays, setup, teardown),
        cmocka_unit_test_setup_teardown(backend_that_comes_back_finds_everything_running, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("detector worker", tests, NULL, NULL);
}
