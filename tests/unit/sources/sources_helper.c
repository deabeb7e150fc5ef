// SPDX-License-Identifier: Apache-2.0
// Fixture of the folder source's tests.
#include "tests/unit/sources/sources_helper.h"

#include "storage/store_uploads.h"
#include "tests/fake/await.h"
#include "util/mem.h"
#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE_PX = 96 };

int nj_folder_bench_setup(void **state)
{
    static const struct nj_store_options store = {
        .readers = 1, .max_queued = 10000, .group_max = 256, .busy_timeout_us = NJ_US_PER_S};
    struct nj_folder_bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    nj_temp_dir_init(&bench->dir);
    (void)nj_temp_dir_path(&bench->dir, "cameras", bench->root);
    (void)nj_temp_dir_path(&bench->dir, "store.db", bench->db_path);
    assert_int_equal(nj_loop_create(nj_clock_real(), &bench->loop, NULL), 0);
    struct nj_store_options options = store;
    options.path = bench->db_path;
    assert_int_equal(nj_store_open(&options, nj_clock_real(), &bench->store, NULL), 0);
    bench->metrics = nj_metrics_create();
    assert_non_null(bench->metrics);
    bench->options = (struct nj_folder_options){
        .root = bench->root,
        .polling_interval_us = 10 * NJ_US_PER_MS,
        .settle_us = 50 * NJ_US_PER_MS,
        .dedupe_ttl_us = 300 * (nj_us)NJ_US_PER_S,
        .min_image_bytes = 1024,
        .min_video_bytes = 1024,
        .max_video_bytes = 1 << 20,
        .max_cameras = 8,
    };
    *state = bench;
    return 0;
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

// Until neither the store nor the loop has anything of the queue in hand: what a commit sends to
// the loop may send something back, and a group is told before the next one is taken.
static void come_to_rest(struct nj_folder_bench *bench)
{
    enum { ROUNDS = 4 };
    for (int i = 0; i < ROUNDS; i++) {
        struct nj_store_op op = {.apply = apply_nothing};
        (void)nj_store_write_wait(bench->store, &op, NULL);
        while (nj_loop_turn(bench->loop) > 0) {
        }
    }
}

int nj_folder_bench_teardown(void **state)
{
    struct nj_folder_bench *bench = *state;
    nj_folder_bench_stop(bench);
    come_to_rest(bench);
    if (bench->queue)
        nj_work_queue_pause(bench->queue);
    come_to_rest(bench);
    nj_work_queue_destroy(bench->queue);
    nj_store_close(bench->store);
    while (nj_loop_turn(bench->loop) > 0) {
    }
    nj_loop_destroy(bench->loop);
    nj_metrics_destroy(bench->metrics);
    nj_temp_dir_finish(&bench->dir);
    free(bench);
    return 0;
}

void nj_folder_bench_queue(struct nj_folder_bench *bench, int64_t max_size)
{
    struct nj_work_queue_config config = {
        .name = "detection_queue",
        .metric_label = "detection",
        .store = bench->store,
        .loop = bench->loop,
        .metrics = bench->metrics,
        .options = {.max_size = max_size,
                    .overflow = NJ_OVERFLOW_DLQ, // the folder must not let it come to this
                    .pressure_threshold = 0.8,
                    .max_attempts = 3,
                    .max_lost = 10,
                    .retry_base_us = NJ_US_PER_S,
                    .retry_cap_us = 30 * NJ_US_PER_S,
                    .lease_us = 60 * (nj_us)NJ_US_PER_S},
    };
    assert_int_equal(nj_work_queue_create(&config, &bench->queue, NULL), 0);
}

struct complete_op {
    struct nj_store_op op;
    struct nj_folder_bench *bench;
    struct nj_work_item *item;
};

static int apply_complete(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct complete_op *self = NJ_CONTAINER_OF(op, struct complete_op, op);
    return nj_work_queue_complete(self->bench->queue, db, self->item, err);
}

static void completed(struct nj_store_op *op)
{
    struct complete_op *self = NJ_CONTAINER_OF(op, struct complete_op, op);
    assert_int_equal(op->rc, 0);
    self->bench->consumed++;
    nj_work_queue_finish(self->bench->queue, self->item);
    free(self);
}

static void consume(struct nj_work_item *item, void *arg)
{
    struct nj_folder_bench *bench = arg;
    struct complete_op *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->bench = bench;
    self->item = item;
    self->op =
        (struct nj_store_op){.apply = apply_complete, .done = completed, .loop = bench->loop};
    assert_int_equal(nj_store_write(bench->store, &self->op), 0);
}

void nj_folder_bench_consume(struct nj_folder_bench *bench)
{
    assert_int_equal(nj_work_queue_start(bench->queue, 4, consume, bench), 0);
}

static void camera_seen(void *context, const char *camera_id, bool created)
{
    struct nj_folder_bench *bench = context;
    assert_non_null(camera_id);
    bench->cameras_seen++;
    bench->cameras_created += created;
}

void nj_folder_bench_start(struct nj_folder_bench *bench)
{
    struct nj_error err = {0};
    if (!bench->queue)
        nj_folder_bench_queue(bench, 10000);
    struct nj_folder_config config = {
        .options = &bench->options,
        .picture_limits = {.max_bytes = 1 << 24, .max_megapixels = 100},
        .loop = bench->loop,
        .store = bench->store,
        .queue = bench->queue,
        .metrics = bench->metrics,
        .camera_seen = camera_seen,
        .context = bench,
    };
    assert_int_equal(nj_folder_source_create(&config, &bench->source, &err), 0);
    if (nj_folder_source_start(bench->source, &err) != 0)
        fail_msg("%s", err.text);
}

void nj_folder_bench_stop(struct nj_folder_bench *bench)
{
    nj_folder_source_stop(bench->source);
    nj_folder_source_destroy(bench->source);
    bench->source = NULL;
}

struct nj_folder_stats nj_folder_bench_stats(struct nj_folder_bench *bench)
{
    struct nj_folder_stats stats;
    nj_folder_source_get_stats(bench->source, &stats);
    return stats;
}

struct wish {
    struct nj_folder_bench *bench;
    nj_bench_condition done;
    int64_t value;
};

static bool is_fulfilled(void *arg)
{
    const struct wish *wish = arg;
    struct nj_store_op barrier = {.apply = apply_nothing};
    assert_int_equal(nj_store_write_wait(wish->bench->store, &barrier, NULL), 0);
    (void)nj_loop_turn(wish->bench->loop);
    return wish->done(wish->bench, wish->value);
}

void nj_folder_bench_wait(struct nj_folder_bench *bench, nj_bench_condition done, int64_t value)
{
    struct wish wish = {bench, done, value};
    if (!nj_loop_until(bench->loop, is_fulfilled, &wish, NJ_PATIENCE_US)) {
        struct nj_folder_stats stats = nj_folder_bench_stats(bench);
        fail_msg("waited for %lld in vain: noticed %d accepted %d duplicates %d refused %d "
                 "pending %d problem \"%s\"",
                 (long long)value, (int)stats.noticed, (int)stats.accepted, (int)stats.duplicates,
                 (int)stats.refused, (int)stats.pending, stats.problem);
    }
    while (nj_loop_turn(bench->loop) > 0) {
    }
}

bool nj_bench_accepted(struct nj_folder_bench *bench, int64_t value)
{
    return nj_folder_bench_stats(bench).accepted >= (uint64_t)value;
}

bool nj_bench_cameras_seen(struct nj_folder_bench *bench, int64_t value)
{
    return bench->cameras_seen >= (size_t)value;
}

bool nj_bench_refused(struct nj_folder_bench *bench, int64_t value)
{
    return nj_folder_bench_stats(bench).refused >= (uint64_t)value;
}

bool nj_bench_duplicates(struct nj_folder_bench *bench, int64_t value)
{
    return nj_folder_bench_stats(bench).duplicates >= (uint64_t)value;
}

bool nj_bench_pushed_back(struct nj_folder_bench *bench, int64_t value)
{
    return nj_folder_bench_stats(bench).pushed_back >= (uint64_t)value;
}

bool nj_bench_idle(struct nj_folder_bench *bench, int64_t value)
{
    (void)value;
    struct nj_folder_stats stats = nj_folder_bench_stats(bench);
    return stats.watching && !stats.scanning && stats.pending == 0;
}

bool nj_bench_watching(struct nj_folder_bench *bench, int64_t value)
{
    return nj_folder_bench_stats(bench).watching == (value != 0);
}

void nj_bench_sql_text(struct nj_folder_bench *bench, const char *sql, char *out, size_t size)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(bench->db_path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const unsigned char *text = sqlite3_column_text(stmt, 0);
    (void)snprintf(out, size, "%s", text ? (const char *)text : "");
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
}

int64_t nj_bench_sql_int(struct nj_folder_bench *bench, const char *sql)
{
    char text[64];
    nj_bench_sql_text(bench, sql, text, sizeof text);
    return strtoll(text, NULL, 10);
}

struct nj_bench_picture nj_bench_picture(unsigned number)
{
    struct nj_frame *frame = NULL;
    struct nj_bench_picture picture = {0};
    struct nj_rng rng;
    nj_rng_seed(&rng, number + 1);
    assert_int_equal(nj_frame_allocate(SIDE_PX, SIDE_PX, NJ_PIXEL_GRAY, &frame), 0);
    uint8_t *pixels = (uint8_t *)(uintptr_t)frame->planes[0];
    for (int i = 0; i < SIDE_PX * frame->strides[0]; i++)
        pixels[i] = (uint8_t)nj_rng_next(&rng); // noise: no compression gets it below the limit
    const struct nj_picture_encode request = {.quality = 80};
    assert_int_equal(nj_picture_encode_jpeg(frame, &request, &picture.bytes, &picture.length, NULL),
                     0);
    nj_frame_unref(frame);
    return picture;
}

const char *nj_bench_path(struct nj_folder_bench *bench, const char *name,
                          char out[NJ_TEMP_PATH_MAX])
{
    assert_true(snprintf(out, NJ_TEMP_PATH_MAX, "%s/%s", bench->root, name) < NJ_TEMP_PATH_MAX);
    return out;
}

void nj_bench_mkdir(struct nj_folder_bench *bench, const char *name)
{
    char path[NJ_TEMP_PATH_MAX];
    (void)mkdir(bench->root, 0755);
    assert_int_equal(mkdir(nj_bench_path(bench, name, path), 0755), 0);
}

void nj_bench_write(struct nj_folder_bench *bench, const char *name, const void *bytes,
                    size_t length)
{
    char path[NJ_TEMP_PATH_MAX];
    int fd = open(nj_bench_path(bench, name, path), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(close(fd), 0);
}

void nj_bench_write_picture(struct nj_folder_bench *bench, const char *name, unsigned number)
{
    struct nj_bench_picture picture = nj_bench_picture(number);
    nj_bench_write(bench, name, picture.bytes, picture.length);
    free(picture.bytes);
}

void nj_bench_rename(struct nj_folder_bench *bench, const char *from, const char *to)
{
    char a[NJ_TEMP_PATH_MAX], b[NJ_TEMP_PATH_MAX];
    assert_int_equal(rename(nj_bench_path(bench, from, a), nj_bench_path(bench, to, b)), 0);
}
