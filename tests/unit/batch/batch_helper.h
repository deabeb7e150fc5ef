// SPDX-License-Identifier: Apache-2.0
// A batcher with its store on disk, queue, bus and log, on a fake clock.
#ifndef NJ_TEST_BATCH_HELPER_H
#define NJ_TEST_BATCH_HELPER_H

#include "batch/batch.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/temp_dir.h"

#define START_US (1769250600LL * NJ_US_PER_S) // 2026-01-24T10:30:00Z

struct batch_bench {
    struct nj_fake_clock clock;
    struct nj_temp_dir dir;
    char db_path[NJ_TEMP_PATH_MAX], log_path[NJ_TEMP_PATH_MAX];
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_metrics *metrics;
    struct nj_log *log;
    struct nj_bus *bus;
    struct nj_work_queue *queue;
    struct nj_work_queue_options queue_options;
    struct nj_batch_options options;
    struct nj_batcher *batcher;
    int64_t next; // source key
    bool live;    // deliveries come from a live camera
    int closed_all, closed_all_rc;
};

// One object on a delivered picture.
struct seen {
    const char *camera, *type;
    double confidence;
    double at_s; // capture, after START_US
};

int batch_setup(void **state);
int batch_teardown(void **state);

// Ends everything as a crash does (nothing is closed in the house) and opens the store again.
void batch_crash(struct batch_bench *bench);
// Stores the detections through the sink in one transaction. `fails`: the transaction
// rolls back after the sink.
int batch_deliver(struct batch_bench *bench, const struct seen *seen, size_t count);
int batch_deliver_and_fail(struct batch_bench *bench, const struct seen *seen, size_t count);
// `count` sights of a class, `step_s` apart, in deliveries of their own.
void batch_deliver_many(struct batch_bench *bench, const struct seen *first, int count,
                        double step_s);
void batch_run(struct batch_bench *bench); // until store and loop are at rest
void batch_pass(struct batch_bench *bench, double seconds);
void batch_close_all(struct batch_bench *bench);

// What stands in the database, read by SQLite itself.
const char *batch_sql(struct batch_bench *bench, const char *sql);
// "camera:reason:count ..." by beginning and camera; "open" for a batch that is not closed.
const char *batch_list(struct batch_bench *bench);
// The log so far; free it.
char *batch_log(const struct batch_bench *bench);

#endif
