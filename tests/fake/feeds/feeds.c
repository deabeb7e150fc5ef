// SPDX-License-Identifier: Apache-2.0
// Subscriptions over parts that a test plays itself.
#include "tests/fake/feeds/feeds.h"

#include "tests/fake/await.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAR_CLASS = 2, SIDE_PX = 640 };

struct nj_loaded_pipeline {
    struct feeds *feeds;
    struct nj_archive archive;
    int refs;
};

static struct feeds *now; // cmocka runs one test at a time; the parts have no context of their own

static int join(struct nj_streams *streams, const struct nj_stream_request *request,
                struct nj_stream_user **out, struct nj_error *err)
{
    (void)streams;
    if (now->join_rc != 0)
        return nj_error_set(err, now->join_rc, "no room for a stream");
    for (size_t i = 0; i < FEEDS_USERS_MAX; i++) {
        struct nj_stream_user *user = &now->users[i];
        if (user->used)
            continue;
        *user = (struct nj_stream_user){.used = true, .sink = request->sink};
        user->stats.state = NJ_SOURCE_STARTING;
        user->interval_us = request->entry->snapshot_interval_us;
        nj_text_copy(user->url, sizeof user->url, request->entry->url);
        now->joins++;
        *out = user;
        return 0;
    }
    return NJ_E_FULL;
}

static void leave(struct nj_stream_user *user)
{
    nj_frame_unref(user->newest);
    user->newest = NULL;
    user->used = false;
    now->leaves++;
}

static struct nj_frame *newest(struct nj_stream_user *user)
{
    return user->newest != NULL ? nj_frame_ref(user->newest) : NULL;
}

static void set_interval(struct nj_stream_user *user, nj_us interval_us)
{
    user->interval_us = interval_us;
}

static void stream_stats(const struct nj_stream_user *user, struct nj_source_stats *out)
{
    *out = user->stats;
}

static int load(const struct nj_subscriptions_config *config, const struct nj_feed_wish *wish,
                struct nj_loaded_pipeline **out, struct nj_error *err)
{
    (void)config;
    (void)wish;
    now->loads++;
    if (now->load_rc != 0)
        return nj_error_set(err, now->load_rc, "the archive is not there");
    struct nj_loaded_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (pipeline == NULL)
        return NJ_E_NOMEM;
    pipeline->feeds = now;
    pipeline->archive.spec = now->spec;
    pipeline->refs = 1;
    now->pipelines++;
    *out = pipeline;
    return 0;
}

static struct nj_loaded_pipeline *ref(struct nj_loaded_pipeline *pipeline)
{
    pipeline->refs++;
    return pipeline;
}

static void unref(struct nj_loaded_pipeline *pipeline)
{
    if (pipeline == NULL || --pipeline->refs > 0)
        return;
    pipeline->feeds->pipelines--;
    free(pipeline);
}

static const struct nj_archive *archive(const struct nj_loaded_pipeline *pipeline)
{
    return &pipeline->archive;
}

static struct nj_detector *model(const struct nj_loaded_pipeline *pipeline, size_t node_index)
{
    (void)node_index;
    return pipeline->feeds->detector;
}

static void note_time(struct nj_loaded_pipeline *pipeline, size_t node_index, nj_us took_us)
{
    (void)pipeline;
    (void)node_index;
    (void)took_us;
}

static int submit(struct nj_scheduler *scheduler, struct nj_detect_job *job)
{
    (void)scheduler;
    for (size_t i = 0; i < now->open_job_count; i++)
        assert_string_not_equal(now->open_jobs[i]->source, job->source); // one at most each
    assert_true(now->open_job_count < FEEDS_OPEN_MAX);
    now->open_jobs[now->open_job_count++] = job;
    now->jobs++;
    return 0;
}

static int run(struct nj_executor *executor, struct nj_run *asked, struct nj_error *err)
{
    (void)executor;
    (void)err;
    assert_true(now->open_run_count < FEEDS_OPEN_MAX);
    now->open_runs[now->open_run_count++] = asked;
    now->runs++;
    return 0;
}

static void cancel_run(struct nj_executor *executor, struct nj_run *asked)
{
    (void)executor;
    size_t at = 0;
    while (at < now->open_run_count && now->open_runs[at] != asked)
        at++;
    assert_true(at < now->open_run_count);
    now->open_runs[at] = now->open_runs[--now->open_run_count];
    now->cancels++;
    asked->done(asked, &(struct nj_run_result){.rc = NJ_E_CANCELLED});
}

static const struct nj_feed_parts parts = {
    .join = join,
    .leave = leave,
    .newest = newest,
    .set_interval = set_interval,
    .stream_stats = stream_stats,
    .load = load,
    .ref = ref,
    .unref = unref,
    .archive = archive,
    .model = model,
    .note = note_time,
    .submit = submit,
    .run = run,
    .cancel = cancel_run,
};

static void note(struct feeds_told *list, size_t *count, const struct nj_subscription_view *view,
                 const char *text)
{
    struct feeds_told *told = &list[*count];
    assert_true(*count < FEEDS_TOLD_MAX);
    nj_text_copy(told->id, sizeof told->id, view->spec->id);
    nj_text_copy(told->text, sizeof told->text, text);
    nj_text_copy(told->session, sizeof told->session, view->session->id);
    *count += 1;
}

static void on_detected(void *context, const struct nj_subscription_view *view,
                        const struct nj_subscription_result *result)
{
    struct feeds *feeds = context;
    note(feeds->detected, &feeds->detected_count, view, result->detection);
}

static void on_state(void *context, const struct nj_subscription_view *view,
                     enum nj_subscription_part part)
{
    (void)part;
    struct feeds *feeds = context;
    char text[256];
    snprintf(text, sizeof text, "%s %s %s", view->online ? "online" : "offline", view->model_state,
             view->problem);
    if (feeds->state_count == FEEDS_TOLD_MAX)
        feeds->state_count = 0; // many subscriptions: the newest count
    note(feeds->states, &feeds->state_count, view, text);
}

static void on_failed(void *context, const struct nj_subscription_view *view,
                      enum nj_subscription_failure what, const char *text)
{
    struct feeds *feeds = context;
    char line[256];
    snprintf(line, sizeof line, "%d %s", (int)what, text);
    note(feeds->failures, &feeds->failure_count, view, line);
}

static void make_detector(struct feeds *feeds)
{
    static const struct nj_detect_options options = {
        .engine = 2, // null
        .model = NJ_FAKE_SOURCE_DIR "/models/yolox_nano_416.json",
        .models_folder = "",
        .engine_library = "",
        .device = "cpu",
        .threshold = -1,
        .null_script = "",
    };
    const struct nj_detector_config config = {.options = &options, .clock = &feeds->clock.clock};
    struct nj_error err = {0};
    if (nj_detector_create(&config, &feeds->detector, &err) != 0)
        fail_msg("%s", err.text);
}

int feeds_setup(void **state)
{
    static const char document[] =
        "{\"pipeline\":{\"modelId\":\"cars\",\"modelFile\":\"cars.onnx\",\"crop\":false,"
        "\"triggerClasses\":[\"car\"],\"minConfidence\":0.5,\"branches\":[],"
        "\"tracking\":{\"enabled\":true,\"method\":\"bytetrack\",\"stabilityThreshold\":3}}}";
    struct feeds *feeds = calloc(1, sizeof *feeds);
    struct nj_error err = {0};
    assert_non_null(feeds);
    now = feeds;
    nj_fake_clock_init(&feeds->clock, 1769250600 * (nj_us)NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&feeds->clock.clock, &feeds->loop, NULL), 0);
    make_detector(feeds);
    if (nj_spec_parse(document, sizeof document - 1, &feeds->spec, &err) != 0)
        fail_msg("%s", err.text);
    feeds->options = (struct nj_subscription_options){
        .max_subscriptions = 200,
        .max_owners_each = 2,
        .grace_us = 30 * (nj_us)NJ_US_PER_S,
        .fps = 5,
        .frame_deadline_us = NJ_US_PER_S,
        .reconnect_us = NJ_US_PER_S,
        .max_retries = -1,
        .rules = {.private_networks = true},
        .retry_us = 2 * NJ_US_PER_S,
        .retry_max_us = 60 * (nj_us)NJ_US_PER_S,
        .cache_bytes = 1 << 20,
        .cache_expire_us = 3600 * (nj_us)NJ_US_PER_S,
    };
    feeds->session = (struct nj_session_options){
        .wait_us = 30 * (nj_us)NJ_US_PER_S,
        .cooldown_us = 10 * (nj_us)NJ_US_PER_S,
        .lost_us = 5 * (nj_us)NJ_US_PER_S,
    };
    feeds->validator = (struct nj_validator_options){
        .min_stable_us = NJ_US_PER_S,
        .min_stable_frames = 5,
        .position_deviation_px = 25,
        .velocity_px = 5,
        .min_confidence = 0.7,
        .entering_zone_ratio = 0.3,
        .leaving_zone_ratio = 0.3,
        .forget_us = 30 * (nj_us)NJ_US_PER_S,
        .max_tracks = 64,
    };
    feeds->track = (struct nj_track_options){
        .new_score = 0.9,
        .high_score = 0.8,
        .low_score = 0.3,
        .iou_gate = 0.2,
        .lost_us = NJ_US_PER_S,
        .lost_share = 1,
        .confirm_hits = 2,
        .max_tracks = 64,
        .measure_noise = 0.05,
        .drift_noise = 0.1,
        .agility_noise = 0.1,
        .start_noise = 0.5,
    };
    *state = feeds;
    return 0;
}

void feeds_start(struct feeds *feeds)
{
    if (feeds->sink.detected == NULL)
        feeds->sink = (struct nj_subscription_sink){on_detected, on_state, on_failed, feeds};
    const struct nj_subscriptions_config config = {
        .options = &feeds->options,
        .session = &feeds->session,
        .validator = &feeds->validator,
        .track = &feeds->track,
        .loop = feeds->loop,
        .sink = feeds->sink,
    };
    struct nj_error err = {0};
    if (nj_subscriptions_create_with(&config, &parts, &feeds->subscriptions, &err) != 0)
        fail_msg("%s", err.text);
}

int feeds_teardown(void **state)
{
    struct feeds *feeds = *state;
    while (feeds->open_job_count > 0) {
        struct nj_detect_job *job = feeds->open_jobs[--feeds->open_job_count];
        job->rc = NJ_E_CANCELLED;
        job->done(job);
    }
    nj_subscriptions_destroy(feeds->subscriptions);
    nj_loop_turn(feeds->loop);
    nj_loop_destroy(feeds->loop);
    nj_detector_destroy(feeds->detector);
    nj_spec_destroy(feeds->spec);
    assert_int_equal(feeds->joins, feeds->leaves);
    assert_int_equal(feeds->pipelines, 0);
    now = NULL;
    free(feeds);
    return 0;
}

struct nj_subscription_spec feeds_spec(const char *id)
{
    struct nj_subscription_spec spec = {
        .model_id = 52, .model_name = "cars", .model_url = "file:///a.mpta"};
    const char *camera = strchr(id, ';');
    nj_text_copy(spec.id, sizeof spec.id, id);
    snprintf(spec.rtsp_url, sizeof spec.rtsp_url, "rtsp://cameras/%s",
             camera != NULL ? camera + 1 : "");
    return spec;
}

static bool something_under_way(const struct feeds *feeds)
{
    const struct nj_subscriptions *registry = feeds->subscriptions;
    for (const struct nj_list *at = registry->models.next; at != &registry->models; at = at->next)
        if (NJ_CONTAINER_OF((struct nj_list *)(uintptr_t)at, struct nj_feed_model, node)->fetching)
            return true;
    return false;
}

static bool is_settled(void *arg)
{
    const struct feeds *feeds = arg;
    return nj_loop_turn(feeds->loop) == 0 && !something_under_way(feeds);
}

void feeds_settle(struct feeds *feeds)
{
    nj_loop_await(feeds->loop, is_settled, feeds, NJ_PATIENCE_US, "the end of what threads do");
}

void feeds_advance(struct feeds *feeds, nj_us us)
{
    const nj_us step_us = 250 * (nj_us)NJ_US_PER_MS;
    for (nj_us left = us; left > 0; left -= step_us) {
        nj_fake_clock_advance(&feeds->clock, left < step_us ? left : step_us);
        feeds_settle(feeds);
    }
}

// Whatever the scheme.
static bool watches(const struct nj_stream_user *user, const char *camera)
{
    char rest[128];
    const char *after = strstr(user->url, "://");
    snprintf(rest, sizeof rest, "://cameras/%s", camera);
    return user->used && after && strcmp(after, rest) == 0;
}

struct nj_stream_user *feeds_user(struct feeds *feeds, const char *camera)
{
    for (size_t i = 0; i < FEEDS_USERS_MAX; i++)
        if (watches(&feeds->users[i], camera))
            return &feeds->users[i];
    return NULL;
}

static struct nj_frame *make_frame(struct feeds *feeds)
{
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_allocate(SIDE_PX, SIDE_PX, NJ_PIXEL_GRAY, &frame), 0);
    uint8_t *pixels = (uint8_t *)(uintptr_t)frame->planes[0];
    for (int32_t y = 0; y < SIDE_PX; y++)
        for (int32_t x = 0; x < SIDE_PX; x++)
            pixels[y * frame->strides[0] + x] = (uint8_t)(x ^ y);
    frame->captured_mono_us = nj_mono_us(&feeds->clock.clock);
    frame->captured_wall_us = nj_wall_us(&feeds->clock.clock);
    frame->sequence = ++feeds->sequence;
    return frame;
}

void feeds_frame(struct feeds *feeds, const char *camera)
{
    struct nj_frame *frame = NULL;
    feeds_advance(feeds, 200 * (nj_us)NJ_US_PER_MS);
    frame = make_frame(feeds);
    for (size_t i = 0; i < FEEDS_USERS_MAX; i++) {
        struct nj_stream_user *user = &feeds->users[i];
        if (!watches(user, camera))
            continue;
        nj_frame_unref(user->newest);
        user->newest = nj_frame_ref(frame);
        user->sink.frame(user->sink.context, frame);
    }
    nj_frame_unref(frame);
    feeds_settle(feeds);
}

void feeds_see(struct feeds *feeds, struct nj_rect car)
{
    assert_true(feeds->open_job_count > 0);
    while (feeds->open_job_count > 0) {
        struct nj_detect_job *job = feeds->open_jobs[--feeds->open_job_count];
        job->rc = 0;
        job->result.count = car.w > 0 ? 1 : 0;
        job->result.items[0] =
            (struct nj_detection){.class_id = CAR_CLASS, .confidence = 0.93f, .box = car};
        job->done(job);
    }
    feeds_settle(feeds);
}

void feeds_watch(struct feeds *feeds, const char *camera, struct nj_rect car, int count)
{
    for (int i = 0; i < count; i++) {
        feeds_frame(feeds, camera);
        while (feeds->open_job_count > 0)
            feeds_see(feeds, car);
    }
}

void feeds_end_run(struct feeds *feeds, bool found, const char *detection)
{
    assert_true(feeds->open_run_count > 0);
    struct nj_run *ended = feeds->open_runs[0];
    feeds->open_run_count--;
    memmove(&feeds->open_runs[0], &feeds->open_runs[1],
            feeds->open_run_count * sizeof(struct nj_run *));
    ended->done(ended, &(struct nj_run_result){.found = found,
                                               .detection = detection,
                                               .branch_results = "{\"b\":{\"brand\":\"Honda\"}}",
                                               .detection_count = 1,
                                               .detections = {ended->known[0]}});
    feeds_settle(feeds);
}
