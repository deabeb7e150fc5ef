// SPDX-License-Identifier: Apache-2.0
// The detector worker in the flow tests.
#include "tests/flow/worker_helper.h"

#include "archives/archive.h"
#include "tests/fake/test_video.h"
#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const nj_us step_us = 100 * (nj_us)NJ_US_PER_MS;

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

static void make_archive(struct worker *worker, const char *document)
{
    char folder[NJ_TEMP_PATH_MAX];
    struct nj_error err = {0};
    nj_temp_dir_path(&worker->flow->dir, "source", folder);
    nj_temp_dir_path(&worker->flow->dir, "cars.mpta", worker->archive);
    assert_int_equal(nj_dir_create(folder, NULL), 0);
    write_file(folder, "pipeline.json", document);
    write_model(folder, "frontal", "yolox", "\"Car\",\"Frontal\"");
    write_model(folder, "brand", "classes", "\"Honda\",\"Toyota\"");
    write_model(folder, "body", "classes", "\"Sedan\",\"SUV\"");
    const struct nj_archive_options *options =
        nj_config_get(worker->flow->config, &nj_archive_option_group);
    if (nj_archive_pack(options, folder, worker->archive, &err) != 0)
        fail_msg("%s", err.text);
}

static void start_camera(struct worker *worker)
{
    char file[NJ_TEMP_PATH_MAX];
    struct nj_error err = {0};
    const struct nj_test_camera_mount mount = {
        .name = "c1", .file = nj_test_video(worker->wide ? "small-wide" : "small", file)};
    if (nj_test_camera_create(&(struct nj_test_camera_options){0}, &worker->camera, &err) != 0 ||
        nj_test_camera_add(worker->camera, &mount, &err) != 0)
        fail_msg("%s", err.text);
    nj_test_camera_url(worker->camera, "rtsp", "c1", NULL, worker->url);
}

void worker_init(struct worker *worker, struct flow *flow, const char *seen)
{
    worker->flow = flow;
    start_camera(worker);
    flow_set(flow, "detect.null_script=%s", seen);
    flow_set(flow, "archives.roots=%s", flow->dir.path);
    flow_set(flow, "worker.allow_loopback=true");
    flow_set(flow, "worker.fps=10");
    flow_set(flow, "detect.threads=1");
    flow_set(flow, "sessions.lost_seconds=2");
}

void worker_start(struct worker *worker, const char *document)
{
    flow_start(worker->flow);
    make_archive(worker, document);
}

void worker_finish(struct worker *worker)
{
    void *flow = worker->flow;
    nj_loop_client_close(&worker->backend);
    flow_stop(worker->flow);
    nj_test_camera_destroy(worker->camera);
    assert_int_equal(flow_teardown(&flow), 0);
}

const char *worker_next(struct worker *worker)
{
    const char *text = nj_ws_next(&worker->backend, worker->text, WORKER_TEXT_SIZE);
    if (text[0] == '\0')
        nj_fake_clock_advance(&worker->flow->clock, step_us);
    return text;
}

void worker_come(struct worker *worker)
{
    nj_loop_client_open(&worker->backend, worker->flow->loop, nj_app_port(worker->flow->app));
    nj_ws_open(&worker->backend, "/", "");
}

void worker_ask_for(struct worker *worker, const char *const *ids, size_t count)
{
    char list[4096];
    int used = snprintf(list, sizeof list, "{\"type\":\"setSubscriptionList\",\"subscriptions\":[");
    for (size_t i = 0; i < count; i++)
        used += snprintf(list + used, sizeof list - (size_t)used,
                         "%s{\"subscriptionIdentifier\":\"%s\",\"rtspUrl\":\"%s\",\"modelUrl\":"
                         "\"file://%s\",\"modelId\":52,\"modelName\":\"cars\",\"cropX1\":0,"
                         "\"cropY1\":0,\"cropX2\":%d,\"cropY2\":%d}",
                         i > 0 ? "," : "", ids[i], worker->url, worker->archive,
                         (worker->wide ? 640 : 320) - 20 * (int)i, worker->wide ? 360 : 180);
    snprintf(list + used, sizeof list - (size_t)used, "]}");
    nj_ws_send(&worker->backend, list);
}

void worker_tell(struct worker *worker, const char *type, const char *member)
{
    char text[256];
    snprintf(text, sizeof text, "{\"type\":\"%s\",\"payload\":{\"displayIdentifier\":\"d1\",%s}}",
             type, member);
    nj_ws_send(&worker->backend, text);
}

static void show(struct worker *worker, const char *video)
{
    char file[NJ_TEMP_PATH_MAX];
    struct nj_error err = {0};
    assert_true(worker->wide);
    if (nj_test_camera_switch(worker->camera, "c1", nj_test_video(video, file), &err) != 0)
        fail_msg("%s", err.text);
}

void worker_car_leaves(struct worker *worker)
{
    show(worker, "small");
}

void worker_car_comes(struct worker *worker)
{
    show(worker, "small-wide");
}

static bool is_of(const char *text, const char *type)
{
    char kind[64];
    snprintf(kind, sizeof kind, "{\"type\":\"%s\"", type);
    return strncmp(text, kind, strlen(kind)) == 0;
}

const char *worker_wait_for(struct worker *worker, const char *type, const char *part,
                            const char *other)
{
    for (int i = 0; i < WORKER_STEPS_MAX; i++) {
        const char *text = worker_next(worker);
        if (is_of(text, type) && strstr(text, part) != NULL && strstr(text, other) != NULL)
            return text;
        assert_false(is_of(text, "imageDetection"));
    }
    fail_msg("no %s with %s and %s; newest: %.600s", type, part, other, worker->text);
    return NULL;
}

void worker_let_pass(struct worker *worker, nj_us us)
{
    const nj_us until_us = nj_mono_us(&worker->flow->clock.clock) + us;
    while (nj_mono_us(&worker->flow->clock.clock) < until_us)
        assert_false(is_of(worker_next(worker), "imageDetection"));
}

void worker_until_failed(struct worker *worker, uint64_t failed)
{
    struct nj_action_stats stats;
    for (int i = 0; i < WORKER_STEPS_MAX; i++) {
        nj_action_runner_get_stats(worker->flow->app->actions, &stats);
        if (stats.under_way == 0)
            break;
        (void)worker_next(worker);
    }
    assert_int_equal(stats.under_way, 0);
    assert_int_equal(stats.failed, failed);
}

void worker_until_written(struct worker *worker)
{
    worker_until_failed(worker, 0);
}

uint64_t worker_runs(const struct worker *worker)
{
    struct nj_subscription_stats stats;
    nj_subscriptions_get_stats(worker->flow->app->subscriptions, &stats);
    return stats.runs;
}

void worker_until_run_is_over(struct worker *worker)
{
    for (int i = 0; i < WORKER_STEPS_MAX && worker_runs(worker) == 0; i++)
        (void)worker_next(worker);
    assert_int_equal(worker_runs(worker), 1);
    for (int i = 0; i < 20; i++) // its end, and whatever it would have done
        (void)worker_next(worker);
    worker_until_written(worker);
}

static int64_t waiting_jobs(struct nj_scheduler *scheduler)
{
    struct nj_scheduler_stats stats;
    nj_scheduler_get_stats(scheduler, &stats);
    return stats.waiting;
}

// Frame by frame, with the next gate closed behind each.
struct nj_job_gate *worker_until_run_is_held(struct worker *worker)
{
    struct nj_job_gate *gates = worker->gates;
    struct nj_scheduler *scheduler = worker->flow->app->scheduler;
    size_t held = 0;
    nj_job_gate_close(&gates[0], scheduler);
    nj_job_gate_await_entered(&gates[0]);
    for (int i = 0; i < WORKER_STEPS_MAX && worker_runs(worker) == 0; i++) {
        (void)worker_next(worker);
        if (waiting_jobs(scheduler) == 0 || worker_runs(worker) > 0)
            continue;
        nj_job_gate_close(&gates[1 - held], scheduler);
        nj_job_gate_open(&gates[held]);
        held = 1 - held;
        nj_job_gate_await_entered(&gates[held]);
    }
    assert_int_equal(worker_runs(worker), 1);
    return &gates[held];
}
