// SPDX-License-Identifier: Apache-2.0
// A store, a loop on a fake clock and a consumer that keeps what it is handed.
#ifndef NJ_JOBS_HELPER_H
#define NJ_JOBS_HELPER_H

#include "health/metrics.h"
#include "jobs/work_queue.h"
#include "loop/loop.h"
#include "tests/fake/fake_clock.h"

enum { NJ_BENCH_HELD_MAX = 64 };

struct nj_jobs_bench {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_metrics *metrics;
    struct nj_log *log; // of nj_jobs_bench_other; NULL until a test gives one
    struct nj_work_queue *queue;
    struct nj_work_item *held[NJ_BENCH_HELD_MAX]; // in order of arrival
    size_t held_count;
    size_t handed; // all in all
};

struct nj_work_queue_options nj_jobs_bench_options(void); // the defaults of the option table
void nj_jobs_bench_init(struct nj_jobs_bench *bench, const struct nj_work_queue_options *options);
void nj_jobs_bench_finish(struct nj_jobs_bench *bench);
// Another queue object of the same name on the same store, as another process has it.
struct nj_work_queue *nj_jobs_bench_other(struct nj_jobs_bench *bench);
void nj_jobs_bench_start(struct nj_jobs_bench *bench, size_t capacity); // keeps what comes
void nj_jobs_bench_keep(struct nj_work_item *item, void *arg);          // its handler

// Until store and loop have nothing to do at this moment of the clock.
void nj_jobs_bench_run(struct nj_jobs_bench *bench);
// Moves both clocks and runs.
void nj_jobs_bench_pass(struct nj_jobs_bench *bench, nj_us us);

// Whether an item of this order, the payload's member "who", is in the queue.
bool nj_jobs_bench_has_order(struct nj_jobs_bench *bench, const char *key);
int nj_jobs_bench_put(struct nj_jobs_bench *bench, const struct nj_work_put *put);
int nj_jobs_bench_put_text(struct nj_jobs_bench *bench, const char *payload);
// In an operation that fails afterwards.
void nj_jobs_bench_put_rolled_back(struct nj_jobs_bench *bench, const char *payload);

void nj_jobs_bench_sql(struct nj_jobs_bench *bench, const char *text);
// Claims fail as on a full disk, or no longer.
#define NJ_JOBS_CLAIMS_REFUSED                                                                     \
    "CREATE TRIGGER no_room BEFORE UPDATE ON work_items BEGIN"                                     \
    " SELECT RAISE(ABORT, 'disk is full'); END"
#define NJ_JOBS_CLAIMS_ALLOWED "DROP TRIGGER no_room"

// The first held item leaves `held`.
struct nj_work_item *nj_jobs_bench_take(struct nj_jobs_bench *bench);
int nj_jobs_bench_complete(struct nj_jobs_bench *bench, struct nj_work_item *item); // and finish
void nj_jobs_bench_fail(struct nj_jobs_bench *bench, struct nj_work_item *item, bool permanent);

struct nj_work_queue_stats nj_jobs_bench_stats(struct nj_jobs_bench *bench);
// Rows in the store, whoever holds them.
struct nj_work_tally nj_jobs_bench_tally(struct nj_jobs_bench *bench);
// All letters; nj_letter_page_finish it.
struct nj_letter_page nj_jobs_bench_letters(struct nj_jobs_bench *bench);
int nj_jobs_bench_requeue(struct nj_jobs_bench *bench, int64_t letter_id);
int nj_jobs_bench_put_letter(struct nj_jobs_bench *bench, const struct nj_work_failed *failed);
int nj_jobs_bench_purge(struct nj_jobs_bench *bench, const char *reason, int64_t *out_deleted);

// A bench with the default options as the state of a cmocka test.
int nj_jobs_bench_setup(void **state);
int nj_jobs_bench_teardown(void **state);
int64_t nj_jobs_item_number(const struct nj_work_item *item); // "n" of its payload

#endif
