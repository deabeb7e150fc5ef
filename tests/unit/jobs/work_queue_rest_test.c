// SPDX-License-Identifier: Apache-2.0
// When a work queue rests, which is what a stop of the program waits for.
#include "jobs/work_queue.h"

#include "loop/thread.h"
#include "tests/fake/await.h"
#include "tests/unit/jobs/jobs_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

int work_queue_rest_test(void);

enum { BLOCKERS_MAX = 1200 /* beyond what the bench's store lists and takes at once */ };

static bool rests(struct nj_jobs_bench *bench)
{
    return nj_work_queue_rests(bench->queue);
}

static void ignore(struct nj_store_op *op)
{
    (void)op;
}

struct put {
    struct nj_store_op op;
    struct nj_work_queue *queue;
};

static int apply_put(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    const struct nj_work_put put = {.payload = "{\"n\":2}"};
    return nj_work_queue_put(NJ_CONTAINER_OF(op, struct put, op)->queue, db, &put, err);
}

// The loop has not turned since.
static void put_unseen(struct nj_jobs_bench *bench)
{
    struct put put = {.op.apply = apply_put, .queue = bench->queue};
    assert_int_equal(nj_store_write_wait(bench->store, &put.op, NULL), 0);
}

static void queue_rests_when_it_is_empty_and_not_before(void **state)
{
    struct nj_jobs_bench *bench = *state;
    assert_true(rests(bench));
    put_unseen(bench);
    assert_false(rests(bench)); // nobody claims yet, and there is something
    nj_jobs_bench_run(bench);
    assert_false(rests(bench));
    assert_int_equal(nj_work_queue_start(bench->queue, 1, nj_jobs_bench_keep, bench), 0);
    assert_false(rests(bench)); // the claim is under way
    nj_jobs_bench_run(bench);
    assert_int_equal(bench->held_count, 1);
    assert_false(rests(bench));
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    assert_true(rests(bench));
}

static void fail_it(struct nj_jobs_bench *bench)
{
    nj_jobs_bench_fail(bench, nj_jobs_bench_take(bench), false);
}

static void postpone_it(struct nj_jobs_bench *bench)
{
    nj_work_queue_postpone(bench->queue, nj_jobs_bench_take(bench), NJ_US_PER_S);
    assert_false(rests(bench)); // it is not in the store yet
}

static void die_with_it(struct nj_jobs_bench *bench)
{
    nj_work_queue_destroy(bench->queue);
    bench->held_count = 0;
    bench->queue = nj_jobs_bench_other(bench);
    nj_jobs_bench_start(bench, 1);
}

static const struct later {
    void (*make)(struct nj_jobs_bench *bench);
    nj_us wait_us; // beyond which the item is due
} laters[] = {
    {fail_it, 2LL * NJ_US_PER_S},
    {postpone_it, 1LL * NJ_US_PER_S + NJ_US_PER_MS},
    {die_with_it, 31LL * NJ_US_PER_S},
};

static void make_later(struct nj_jobs_bench *bench, const struct later *later)
{
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{\"n\":1}");
    later->make(bench);
    nj_jobs_bench_run(bench);
}

static void what_waits_for_a_later_time_is_rest_until_that_time(void **state)
{
    struct nj_jobs_bench *bench = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(laters); i++) {
        make_later(bench, &laters[i]);
        assert_true(rests(bench));
        nj_fake_clock_advance(&bench->clock, laters[i].wait_us);
        assert_false(rests(bench)); // although the timer did not have its turn
        (void)nj_loop_turn(bench->loop);
        nj_jobs_bench_run(bench);
        assert_int_equal(bench->held_count, 1);
        assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    }
}

static void a_paused_queue_that_is_not_empty_does_not_rest(void **state)
{
    struct nj_jobs_bench *bench = *state;
    make_later(bench, &laters[2]);
    nj_work_queue_pause(bench->queue);
    assert_false(rests(bench)); // nobody would see what comes
    nj_jobs_bench_start(bench, 1);
    assert_true(rests(bench));
}

static void an_item_beside_one_that_waits_is_no_rest_from_its_commit_on(void **state)
{
    struct nj_jobs_bench *bench = *state;
    make_later(bench, &laters[2]);
    put_unseen(bench);
    assert_false(rests(bench));
    nj_jobs_bench_run(bench);
    assert_int_equal(bench->held_count, 1);
    assert_false(rests(bench));
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    assert_true(rests(bench));
}

static void an_item_that_counts_is_never_taken_for_rest(void **state)
{
    struct nj_jobs_bench *bench = *state;
    make_later(bench, &laters[2]);
    for (int i = 0; i < 300; i++) {
        struct put put = {.op = {.apply = apply_put, .done = ignore}, .queue = bench->queue};
        assert_int_equal(nj_store_write(bench->store, &put.op), 0);
        const nj_us until_us = nj_mono_us(nj_clock_real()) + NJ_PATIENCE_US;
        while (nj_jobs_bench_stats(bench).waiting < 2) // the store thread commits at this moment
            assert_true(nj_mono_us(nj_clock_real()) < until_us);
        assert_false(rests(bench));
        nj_jobs_bench_run(bench);
        assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    }
}

// Something waits for later, and something else could be claimed if the store let it.
static void check_refused(struct nj_jobs_bench *bench, const char *forbid, const char *allow)
{
    struct nj_store_stats before, after;
    nj_jobs_bench_sql(bench, forbid);
    nj_jobs_bench_put_text(bench, "{\"n\":2}");
    assert_int_equal(bench->held_count, 0);
    nj_store_get_stats(bench->store, &before);
    assert_false(rests(bench));
    nj_jobs_bench_run(bench);
    nj_store_get_stats(bench->store, &after);
    assert_int_equal(after.failed, before.failed); // it does not ask again and again
    nj_jobs_bench_sql(bench, allow);
    nj_jobs_bench_pass(bench, 1LL * NJ_US_PER_S);
    assert_int_equal(bench->held_count, 1);
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    assert_true(rests(bench));
}

static void a_store_that_refuses_claims_is_no_rest(void **state)
{
    struct nj_jobs_bench *bench = *state;
    make_later(bench, &laters[2]);
    check_refused(bench, NJ_JOBS_CLAIMS_REFUSED, NJ_JOBS_CLAIMS_ALLOWED);
}

// All was read and written, and then it did not come to be.
static void a_claim_whose_commit_fails_is_no_rest(void **state)
{
    struct nj_jobs_bench *bench = *state;
    make_later(bench, &laters[2]);
    nj_jobs_bench_sql(bench, "CREATE TABLE parent (id INTEGER PRIMARY KEY)");
    nj_jobs_bench_sql(bench, "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE "
                             "INITIALLY DEFERRED)");
    check_refused(bench,
                  "CREATE TRIGGER late BEFORE UPDATE ON work_items BEGIN INSERT INTO child VALUES "
                  "(1); END",
                  "DROP TRIGGER late");
}

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open;
};

struct blocker {
    struct nj_store_op op;
    struct gate *gate;
};

static int apply_blocker(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct gate *gate = NJ_CONTAINER_OF(op, struct blocker, op)->gate;
    (void)db;
    (void)err;
    pthread_mutex_lock(&gate->mutex);
    (void)nj_flag_await(&gate->open, &gate->changed, &gate->mutex, 2 * (nj_us)NJ_PATIENCE_US);
    gate->open = true; // a test that failed opens none
    pthread_mutex_unlock(&gate->mutex);
    return 0;
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static void until_taken(struct nj_jobs_bench *bench)
{
    const nj_us until_us = nj_mono_us(nj_clock_real()) + NJ_PATIENCE_US;
    struct nj_store_stats stats;
    do
        nj_store_get_stats(bench->store, &stats);
    while (stats.queued > 0 && nj_mono_us(nj_clock_real()) < until_us);
    assert_int_equal(stats.queued, 0);
}

static void a_store_that_takes_no_claim_is_no_rest(void **state)
{
    struct nj_jobs_bench *bench = *state;
    static struct blocker blockers[BLOCKERS_MAX];
    static struct gate gate = {.mutex = PTHREAD_MUTEX_INITIALIZER}; // the store's thread uses it
    size_t count = 0;
    gate.open = false; // the group may run more than once
    make_later(bench, &laters[2]);
    put_unseen(bench);
    assert_int_equal(nj_cond_init(&gate.changed), 0);
    for (; count < BLOCKERS_MAX; count++) {
        if (count == 1)
            until_taken(bench); // else it would make room later
        blockers[count] =
            (struct blocker){.op = {.apply = apply_blocker, .done = ignore}, .gate = &gate};
        if (nj_store_write(bench->store, &blockers[count].op) < 0)
            break;
    }
    assert_true(count < BLOCKERS_MAX);
    (void)nj_loop_turn(bench->loop); // wants to claim
    const bool resting = rests(bench);
    open_gate(&gate); // before anything fails
    assert_false(resting);
    until_taken(bench); // there is room for the barrier of the bench
    nj_jobs_bench_pass(bench, 1LL * NJ_US_PER_S);
    assert_int_equal(bench->held_count, 1);
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    assert_true(rests(bench));
}

int work_queue_rest_test(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_jobs_bench_setup, nj_jobs_bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(queue_rests_when_it_is_empty_and_not_before),
        TEST(what_waits_for_a_later_time_is_rest_until_that_time),
        TEST(a_paused_queue_that_is_not_empty_does_not_rest),
        TEST(an_item_beside_one_that_waits_is_no_rest_from_its_commit_on),
        TEST(an_item_that_counts_is_never_taken_for_rest),
        TEST(a_store_that_refuses_claims_is_no_rest),
        TEST(a_claim_whose_commit_fails_is_no_rest),
        TEST(a_store_that_takes_no_claim_is_no_rest),
    };
    return cmocka_run_group_tests_name("rest of a work queue", tests, NULL, NULL);
}
