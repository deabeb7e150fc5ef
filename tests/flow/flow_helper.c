// SPDX-License-Identifier: Apache-2.0
// Fixture of the flow tests.
#include "tests/flow/flow_helper.h"

#include "frames/picture.h"
#include "tests/fake/await.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SIDE_PX = 96,
    STEP_US = NJ_US_PER_S / 2,
};
// 2026-01-05 12:00:00 UTC, a Monday.
static const nj_us start_wall_us = (nj_us)1767614400 * NJ_US_PER_S;

static void note(struct flow *flow, const struct nj_bus_message *message)
{
    int length = snprintf(flow->messages + flow->messages_length,
                          sizeof flow->messages - flow->messages_length, "%s %s\n", message->tag,
                          message->json);
    assert_true((size_t)length < sizeof flow->messages - flow->messages_length);
    flow->messages_length += (size_t)length;
}

static void note_event(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    note(NJ_CONTAINER_OF(subscriber, struct flow, events), message);
}

static void note_system(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    note(NJ_CONTAINER_OF(subscriber, struct flow, system), message);
}

int flow_setup(void **state)
{
    struct flow *flow = calloc(1, sizeof *flow);
    assert_non_null(flow);
    signal(SIGPIPE, SIG_IGN); // as the program does
    char path[NJ_TEMP_PATH_MAX];
    nj_temp_dir_init(&flow->dir);
    nj_fake_clock_init(&flow->clock, start_wall_us);
    assert_int_equal(nj_loop_create(&flow->clock.clock, &flow->loop, NULL), 0);
    struct nj_log_options log = {.level = NJ_LOG_INFO,
                                 .format = NJ_LOG_JSON,
                                 .file_path = nj_temp_dir_path(&flow->dir, "log", path),
                                 .file_max_bytes = 1 << 26,
                                 .file_backup_count = 1};
    assert_int_equal(nj_log_create(&log, &flow->clock.clock, &flow->log, NULL), 0);
    flow_set(flow, "folder.root=%s", nj_temp_dir_path(&flow->dir, "cameras", path));
    flow_set(flow, "app.media_folder=%s", nj_temp_dir_path(&flow->dir, "pictures", path));
    flow_set(flow, "store.path=%s", nj_temp_dir_path(&flow->dir, "store.db", path));
    flow_set(flow, "folder.min_image_bytes=1024");
    flow_set(flow, "archives.cache_folder=%s", nj_temp_dir_path(&flow->dir, "archives", path));
    flow_set(flow, "http.port=0");
    flow_set(flow, "detect.engine=null");
    flow_set(flow, "detect.model=" NJ_TEST_SOURCE_DIR "/models/yolox_nano_416.json");
    flow_set(flow, "detect.threads=2");
    flow_set(flow, "analysis.timezone=UTC");
    flow_set(flow, "retention.disk_min_free=0");
    flow_set(flow, "detect.null_script=%s", FLOW_CAR);
    *state = flow;
    return 0;
}

int flow_teardown(void **state)
{
    struct flow *flow = *state;
    flow_kill(flow);
    nj_config_unref(flow->config);
    nj_loop_destroy(flow->loop);
    nj_log_destroy(flow->log);
    nj_temp_dir_finish(&flow->dir);
    free(flow);
    return 0;
}

void flow_set(struct flow *flow, const char *format, ...)
{
    va_list args;
    assert_true(flow->set_count < FLOW_SETS_MAX);
    char *out = flow->sets[flow->set_count++];
    va_start(args, format);
    int length = vsnprintf(out, FLOW_SET_SIZE, format, args);
    va_end(args);
    assert_true(length > 0 && length < FLOW_SET_SIZE);
}

static int load_config(const struct flow *flow, const char *more, struct nj_config **out,
                       struct nj_error *err)
{
    const char *sets[FLOW_SETS_MAX + 2] = {NULL};
    for (size_t i = 0; i < flow->set_count; i++)
        sets[i] = flow->sets[i];
    sets[flow->set_count] = more;
    struct nj_config_input input = {.groups = nj_app_option_groups(), .sets = sets};
    return nj_config_load(&input, out, err);
}

static int reload(void *context, struct nj_config **out, struct nj_error *err)
{
    const struct flow *flow = context;
    return load_config(flow, flow->reload_set, out, err);
}

int flow_try_start(struct flow *flow, struct nj_error *err)
{
    nj_config_unref(flow->config);
    flow->config = NULL;
    flow->stopped = false;
    int rc = load_config(flow, NULL, &flow->config, err);
    if (rc != 0)
        return rc;
    struct nj_app_config config = {.config = flow->config,
                                   .loop = flow->loop,
                                   .log = flow->log,
                                   .reload = reload,
                                   .context = flow};
    rc = nj_app_create(&config, &flow->app, err);
    if (rc != 0)
        return rc;
    rc = nj_app_start(flow->app, err);
    if (rc != 0) {
        nj_app_destroy(flow->app);
        flow->app = NULL;
        return rc;
    }
    flow->events.fn = note_event;
    flow->system.fn = note_system;
    nj_bus_subscribe(flow->app->bus, &flow->events, "events");
    nj_bus_subscribe(flow->app->bus, &flow->system, "system");
    return 0;
}

void flow_start(struct flow *flow)
{
    struct nj_error err = {0};
    if (flow_try_start(flow, &err) != 0)
        fail_msg("the daemon did not start: %s", err.text);
}

void flow_kill(struct flow *flow)
{
    if (flow->app == NULL)
        return;
    nj_bus_unsubscribe(&flow->events);
    nj_bus_unsubscribe(&flow->system);
    nj_app_destroy(flow->app);
    flow->app = NULL;
    while (nj_loop_turn(flow->loop) > 0) {
    }
}

static void handle_stopped(void *arg)
{
    struct flow *flow = arg;
    flow->stopped = true;
}

static bool is_stopped(struct flow *flow, const char *arg)
{
    (void)arg;
    nj_fake_clock_advance(&flow->clock, NJ_US_PER_MS); // the drain looks at its queues by a timer
    return flow->stopped;
}

void flow_stop(struct flow *flow)
{
    nj_app_stop(flow->app, handle_stopped, flow);
    flow_until(flow, is_stopped, "the daemon has stopped");
    flow_kill(flow);
}

void flow_turn(struct flow *flow)
{
    nj_loop_moment(flow->loop);
}

struct store_fence {
    struct nj_store_op op;
    bool passed;
};

static int apply_fence(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

static void handle_fence(struct nj_store_op *op)
{
    NJ_CONTAINER_OF(op, struct store_fence, op)->passed = true;
}

// Writes that are under way end before the clock moves on: a sweep that took half a minute of fake
// time would miss its beats.
static void let_store_end(struct flow *flow)
{
    struct store_fence fence = {
        .op = {.apply = apply_fence, .done = handle_fence, .loop = flow->loop, .relaxed = true}};
    if (flow->app == NULL || nj_store_write(flow->app->store, &fence.op) != 0)
        return;
    nj_loop_await(flow->loop, nj_is_set, &fence.passed, NJ_PATIENCE_US, "the end of a write");
}

void flow_advance(struct flow *flow, nj_us us)
{
    for (nj_us done = 0; done < us; done += STEP_US) {
        nj_fake_clock_advance(&flow->clock, us - done < STEP_US ? us - done : STEP_US);
        (void)nj_loop_turn(flow->loop);
        let_store_end(flow);
    }
}

static void tell_camera(const struct nj_live_camera *camera, void *arg)
{
    struct nj_live_stats stats = {.inferred = 0};
    (void)arg;
    if (camera->pipeline != NULL)
        nj_live_pipeline_get_stats(camera->pipeline, &stats);
    print_message("live: frames %d inferred %d dropped %d rows %d updates %d\n",
                  (int)stats.source.frames, (int)stats.inferred, (int)stats.dropped,
                  (int)stats.rows, (int)stats.updates);
}

// For the reader of a failure.
static void tell_rows(struct flow *flow)
{
    char text[2048];
    flow_sql_text(flow,
                  "SELECT group_concat(id || ':' || camera_id || ' ' || object_type || ' ' || x || "
                  "',' || y || ' ' || width || 'x' || height || ' ' || track_id || ' ' || "
                  "(ended_us - detected_us), '; ') FROM detections",
                  text, sizeof text);
    print_message("detections: %s\n", text);
    if (flow->app != NULL)
        nj_live_set_each(flow->app->live, tell_camera, NULL);
}

struct wish {
    struct flow *flow;
    flow_condition condition;
    const char *arg; // or the SQL
    int64_t value, seen;
};

static bool is_fulfilled(void *arg)
{
    const struct wish *wish = arg;
    return wish->condition(wish->flow, wish->arg);
}

void flow_until(struct flow *flow, flow_condition condition, const char *arg)
{
    struct wish wish = {.flow = flow, .condition = condition, .arg = arg};
    if (nj_loop_until(flow->loop, is_fulfilled, &wish, NJ_PATIENCE_US))
        return;
    tell_rows(flow);
    fail_msg("waited in vain: %s", arg);
}

static void query(struct flow *flow, const char *sql, char *out, size_t size)
{
    char path[NJ_TEMP_PATH_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int flags = SQLITE_OPEN_READWRITE;
    assert_int_equal(
        sqlite3_open_v2(nj_temp_dir_path(&flow->dir, "store.db", path), &db, flags, NULL),
        SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int rc = sqlite3_step(stmt);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    assert_true(rc == SQLITE_ROW || rc == SQLITE_DONE);
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
}

void flow_sql_text(struct flow *flow, const char *sql, char *out, size_t size)
{
    query(flow, sql, out, size);
}

int64_t flow_sql_int(struct flow *flow, const char *sql)
{
    char text[64];
    query(flow, sql, text, sizeof text);
    return strtoll(text, NULL, 10);
}

void flow_sql_run(struct flow *flow, const char *sql)
{
    char text[64];
    query(flow, sql, text, sizeof text);
}

static bool is_reached(void *arg)
{
    struct wish *wish = arg;
    wish->seen = flow_sql_int(wish->flow, wish->arg);
    return wish->seen >= wish->value;
}

void flow_until_sql(struct flow *flow, int64_t value, const char *sql)
{
    struct wish wish = {.flow = flow, .arg = sql, .value = value};
    if (!nj_loop_until(flow->loop, is_reached, &wish, NJ_PATIENCE_US))
        fail_msg("%s stays at %lld, not %lld", sql, (long long)wish.seen, (long long)value);
}

static bool is_logged(struct flow *flow, const char *message)
{
    return flow_count_logged(flow, message) > 0;
}

void flow_until_logged(struct flow *flow, const char *message)
{
    flow_until(flow, is_logged, message);
}

static bool is_queue_empty(struct nj_work_queue *queue)
{
    struct nj_work_queue_stats stats;
    nj_work_queue_get_stats(queue, &stats);
    return stats.waiting == 0 && stats.in_flight == 0;
}

static bool is_quiet(struct flow *flow, const char *arg)
{
    struct nj_folder_stats folder;
    (void)arg;
    nj_folder_source_get_stats(flow->app->folder, &folder);
    return folder.watching && !folder.scanning && folder.pending == 0 &&
           is_queue_empty(flow->app->detection_queue) && is_queue_empty(flow->app->analysis_queue);
}

void flow_until_quiet(struct flow *flow)
{
    flow_until(flow, is_quiet, "folder and queues are empty");
    while (nj_loop_turn(flow->loop) > 0) {
    }
}

size_t flow_count_messages(const struct flow *flow, const char *tag)
{
    char start[NJ_BUS_TAG_SIZE + 2];
    size_t count = 0;
    int length = snprintf(start, sizeof start, "\n%s {", tag);
    for (const char *at = flow->messages; (at = strstr(at, start + 1)) != NULL; at++)
        count += at == flow->messages || strncmp(at - 1, start, (size_t)length) == 0;
    return count;
}

size_t flow_count_logged(struct flow *flow, const char *text)
{
    char path[NJ_TEMP_PATH_MAX];
    char *bytes = NULL;
    size_t length = 0, count = 0;
    assert_int_equal(
        nj_file_read(nj_temp_dir_path(&flow->dir, "log", path), 1 << 26, &bytes, &length, NULL), 0);
    for (const char *at = bytes; (at = strstr(at, text)) != NULL; at++)
        count++;
    free(bytes);
    return count;
}

static void make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
}

// Written beside and moved in, with the fake clock's time.
void flow_put_bytes(struct flow *flow, const char *name, const void *bytes, size_t length)
{
    char path[NJ_TEMP_PATH_MAX], aside[NJ_TEMP_PATH_MAX];
    nj_us wall_us = nj_wall_us(&flow->clock.clock);
    struct timespec times[2] = {
        {.tv_sec = wall_us / NJ_US_PER_S, .tv_nsec = wall_us % NJ_US_PER_S * 1000},
        {.tv_sec = wall_us / NJ_US_PER_S, .tv_nsec = wall_us % NJ_US_PER_S * 1000}};
    assert_true(snprintf(path, sizeof path, "%s/cameras/%s", flow->dir.path, name) <
                (int)sizeof path);
    make_parents(path);
    int fd = open(nj_temp_dir_path(&flow->dir, "aside", aside), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(rename(aside, path), 0);
}

void *flow_make_picture(unsigned number, size_t *out_length)
{
    struct nj_frame *frame = NULL;
    void *bytes = NULL;
    struct nj_rng rng;
    nj_rng_seed(&rng, number + 1);
    assert_int_equal(nj_frame_allocate(SIDE_PX, SIDE_PX, NJ_PIXEL_GRAY, &frame), 0);
    uint8_t *pixels = (uint8_t *)(uintptr_t)frame->planes[0];
    for (int i = 0; i < SIDE_PX * frame->strides[0]; i++)
        pixels[i] = (uint8_t)nj_rng_next(&rng); // noise: no compression gets it below the limit
    const struct nj_picture_encode request = {.quality = 80};
    assert_int_equal(nj_picture_encode_jpeg(frame, &request, &bytes, out_length, NULL), 0);
    nj_frame_unref(frame);
    return bytes;
}

void flow_put_picture(struct flow *flow, const char *name, unsigned number)
{
    size_t length = 0;
    void *bytes = flow_make_picture(number, &length);
    flow_put_bytes(flow, name, bytes, length);
    free(bytes);
}

static size_t count_below(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;
    if (dir == NULL)
        return 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char below[2 * NJ_TEMP_PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        count += entry->d_type == DT_DIR ? count_below(below) : 1;
    }
    (void)closedir(dir);
    return count;
}

size_t flow_count_files(struct flow *flow, const char *folder)
{
    char path[NJ_TEMP_PATH_MAX];
    return count_below(nj_temp_dir_path(&flow->dir, folder, path));
}
