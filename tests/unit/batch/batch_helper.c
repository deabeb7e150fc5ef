// SPDX-License-Identifier: Apache-2.0
// The bench of the batcher's tests.
#include "tests/unit/batch/batch_helper.h"

#include "util/file.h"
#include "util/mem.h"
#include "util/text.h"

#include <sqlite3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fast_types[] = {"person"};

static void open_house(struct batch_bench *bench)
{
    const struct nj_store_options store = {
        .path = bench->db_path, .readers = 1, .max_queued = 1000, .group_max = 100};
    assert_int_equal(nj_loop_create(&bench->clock.clock, &bench->loop, NULL), 0);
    assert_int_equal(nj_store_open(&store, &bench->clock.clock, &bench->store, NULL), 0);
    assert_int_equal(nj_bus_create(bench->loop, NULL, 1000, &bench->bus, NULL), 0);
    const struct nj_work_queue_config queue = {
        .name = "analysis_queue",
        .metric_label = "analysis",
        .store = bench->store,
        .loop = bench->loop,
        .options = bench->queue_options,
        .seed = 1,
    };
    assert_int_equal(nj_work_queue_create(&queue, &bench->queue, NULL), 0);
    const struct nj_batcher_config config = {
        .options = bench->options,
        .model_fast_path_threshold = 0.9,
        .loop = bench->loop,
        .store = bench->store,
        .analysis_queue = bench->queue,
        .bus = bench->bus,
        .metrics = bench->metrics,
        .log = bench->log,
    };
    assert_int_equal(nj_batcher_create(&config, &bench->batcher, NULL), 0);
    assert_int_equal(nj_batcher_start(bench->batcher, NULL), 0);
    batch_run(bench);
}

static void close_house(struct batch_bench *bench)
{
    nj_batcher_stop(bench->batcher);
    batch_run(bench);
    nj_batcher_destroy(bench->batcher);
    nj_work_queue_destroy(bench->queue);
    nj_store_close(bench->store);
    nj_bus_destroy(bench->bus);
    while (nj_loop_turn(bench->loop) > 0)
        continue;
    nj_loop_destroy(bench->loop);
}

int batch_setup(void **state)
{
    struct batch_bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    nj_fake_clock_init(&bench->clock, START_US);
    nj_temp_dir_init(&bench->dir);
    nj_temp_dir_path(&bench->dir, "house.db", bench->db_path);
    nj_temp_dir_path(&bench->dir, "log", bench->log_path);
    const struct nj_log_options log = {.level = NJ_LOG_INFO,
                                       .format = NJ_LOG_JSON,
                                       .file_path = bench->log_path,
                                       .file_max_bytes = 1 << 20,
                                       .file_backup_count = 1,
                                       .build = "test"};
    assert_int_equal(nj_log_create(&log, &bench->clock.clock, &bench->log, NULL), 0);
    bench->metrics = nj_metrics_create();
    assert_non_null(bench->metrics);
    bench->queue_options = (struct nj_work_queue_options){.max_size = 100,
                                                          .overflow = NJ_OVERFLOW_REJECT,
                                                          .pressure_threshold = 0.8,
                                                          .max_attempts = 3,
                                                          .max_lost = 10,
                                                          .retry_base_us = NJ_US_PER_S,
                                                          .retry_cap_us = NJ_US_PER_S,
                                                          .lease_us = 30LL * NJ_US_PER_S};
    bench->options = (struct nj_batch_options){.window_us = 90LL * NJ_US_PER_S,
                                               .idle_us = 30LL * NJ_US_PER_S,
                                               .check_us = 5LL * NJ_US_PER_S,
                                               .max_detections = 50,
                                               .fast_path_threshold = -1,
                                               .fast_path_types = {fast_types, 1}};
    open_house(bench);
    *state = bench;
    return 0;
}

int batch_teardown(void **state)
{
    struct batch_bench *bench = *state;
    close_house(bench);
    nj_metrics_destroy(bench->metrics);
    nj_log_destroy(bench->log);
    nj_temp_dir_finish(&bench->dir);
    free(bench);
    return 0;
}

void batch_crash(struct batch_bench *bench)
{
    close_house(bench);
    open_house(bench);
}

struct delivery {
    struct nj_store_op op;
    struct batch_bench *bench;
    const struct seen *seen;
    size_t count;
    bool fails;
    struct nj_detection_row *rows;
    struct nj_outbox outbox;
};

static int fill_rows(struct delivery *delivery, struct nj_db *db, struct nj_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < delivery->count; i++) {
        const struct seen *seen = &delivery->seen[i];
        struct nj_detection_row *row = &delivery->rows[i];
        const struct nj_camera_identity camera = {seen->camera, seen->camera, "folder"};
        *row = (struct nj_detection_row){.confidence = seen->confidence,
                                         .width = 10,
                                         .height = 20,
                                         .picture_width = 100,
                                         .picture_height = 100,
                                         .model = "m"};
        nj_text_copy(row->media_type, sizeof row->media_type,
                     delivery->bench->live ? "live" : "image");
        row->detected_us = row->ended_us = START_US + (nj_us)(seen->at_s * NJ_US_PER_S);
        nj_text_copy(row->camera_id, sizeof row->camera_id, seen->camera);
        nj_text_copy(row->object_type, sizeof row->object_type, seen->type);
        snprintf(row->file_path, sizeof row->file_path, "/p/%lld.jpg",
                 (long long)delivery->bench->next);
        snprintf(row->source_key, sizeof row->source_key, "%lld/%zu",
                 (long long)delivery->bench->next, i);
        rc = nj_cameras_ensure(db, &camera, NULL, err);
        nj_text_copy(row->batch_id, sizeof row->batch_id, "of a run that was rolled back");
    }
    return rc;
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct delivery *delivery = NJ_CONTAINER_OF(op, struct delivery, op);
    struct nj_detection_sink sink = nj_batcher_sink(delivery->bench->batcher);
    struct nj_new_detections found = {.rows = delivery->rows,
                                      .count = delivery->count,
                                      .pipeline_start_us = nj_db_now_us(db) - 7};
    nj_outbox_reset(&delivery->outbox);
    int rc = fill_rows(delivery, db, err);
    if (rc == 0)
        rc = sink.store(sink.context, db, &found, &delivery->outbox, err);
    if (rc == 0 && delivery->fails)
        rc = nj_error_set(err, NJ_E_IO, "as wished");
    return rc;
}

static int deliver(struct batch_bench *bench, struct delivery *delivery)
{
    delivery->bench = bench;
    delivery->op.apply = apply;
    delivery->rows = calloc(delivery->count, sizeof *delivery->rows);
    assert_non_null(delivery->rows);
    bench->next += 1;
    int rc = nj_store_write_wait(bench->store, &delivery->op, NULL);
    if (rc == 0)
        nj_outbox_publish(&delivery->outbox, bench->bus);
    nj_outbox_reset(&delivery->outbox);
    free(delivery->rows);
    batch_run(bench);
    return rc;
}

int batch_deliver(struct batch_bench *bench, const struct seen *seen, size_t count)
{
    return deliver(bench, &(struct delivery){.seen = seen, .count = count});
}

int batch_deliver_and_fail(struct batch_bench *bench, const struct seen *seen, size_t count)
{
    return deliver(bench, &(struct delivery){.seen = seen, .count = count, .fails = true});
}

void batch_deliver_many(struct batch_bench *bench, const struct seen *first, int count,
                        double step_s)
{
    for (int i = 0; i < count; i++) {
        struct seen seen = *first;
        seen.at_s += i * step_s;
        assert_int_equal(batch_deliver(bench, &seen, 1), 0);
    }
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

void batch_run(struct batch_bench *bench)
{
    size_t ran = 1;
    while (ran > 0) {
        struct nj_store_op barrier = {.apply = apply_nothing};
        assert_int_equal(nj_store_write_wait(bench->store, &barrier, NULL), 0);
        ran = nj_loop_turn(bench->loop);
    }
}

void batch_pass(struct batch_bench *bench, double seconds)
{
    nj_fake_clock_advance(&bench->clock, (nj_us)(seconds * NJ_US_PER_S));
    (void)nj_loop_turn(bench->loop);
    batch_run(bench);
}

static void note_closed(void *arg, int rc)
{
    struct batch_bench *bench = arg;
    bench->closed_all += 1;
    bench->closed_all_rc = rc;
}

void batch_close_all(struct batch_bench *bench)
{
    nj_batcher_close_all(bench->batcher, note_closed, bench);
    batch_run(bench);
}

const char *batch_sql(struct batch_bench *bench, const char *sql)
{
    static char text[4096];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(bench->db_path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const char *value = (const char *)sqlite3_column_text(statement, 0);
    snprintf(text, sizeof text, "%s", value != NULL ? value : "");
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return text;
}

const char *batch_list(struct batch_bench *bench)
{
    return batch_sql(bench, "SELECT group_concat(camera_id || ':' || CASE WHEN state = 'open' THEN"
                            " 'open' ELSE close_reason END || ':' || detection_count, ' ')"
                            " FROM (SELECT * FROM batches ORDER BY started_us, camera_id,"
                            " close_reason)");
}

char *batch_log(const struct batch_bench *bench)
{
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(nj_file_read(bench->log_path, 1 << 20, &text, &length, NULL), 0);
    return text;
}
