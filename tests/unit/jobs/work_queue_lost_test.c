// SPDX-License-Identifier: Apache-2.0
// Consumers of a work queue that die in the middle of their items, and a store that refuses them.
#include "jobs/work_queue.h"

#include "tests/unit/jobs/jobs_helper.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int work_queue_lost_test(void);

static void a_dead_consumers_item_comes_back_and_its_result_is_refused(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{\"n\":1}");
    struct nj_work_item stale = *nj_jobs_bench_take(bench);
    nj_work_queue_destroy(bench->queue); // forgets the item; the store does not
    bench->queue = NULL;
    bench->queue = nj_jobs_bench_other(bench);
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_pass(bench, 29LL * NJ_US_PER_S);
    assert_int_equal(bench->held_count, 0);
    nj_jobs_bench_pass(bench, 2LL * NJ_US_PER_S);
    assert_int_equal(bench->held_count, 1);
    struct nj_work_item *fresh = nj_jobs_bench_take(bench);
    assert_int_equal(fresh->attempts, 2);
    assert_true(fresh->fence > stale.fence);
    fresh->fence = stale.fence;
    assert_int_equal(nj_jobs_bench_complete(bench, fresh), NJ_E_CONFLICT);
    assert_int_equal(nj_jobs_bench_tally(bench).claimed, 1);
}

static void an_item_that_ends_its_consumer_ten_times_is_a_letter(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{}");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(bench->held_count, 1);
        // Forgotten without a word, as by a process that died.
        nj_work_queue_finish(bench->queue, nj_jobs_bench_take(bench));
        nj_jobs_bench_pass(bench, 31LL * NJ_US_PER_S);
    }
    assert_int_equal(bench->held_count, 0);
    struct nj_letter_page page = nj_jobs_bench_letters(bench);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.rows[0].reason, "failed");
    assert_string_equal(page.rows[0].error_type, "timeout");
    nj_letter_page_finish(&page);
}

// One item ends its consumer whenever it is reached; those that are claimed beside it are not to
// blame, and must not become letters with it.
static void neighbours_of_an_item_that_ends_its_consumer_are_done(void **state)
{
    struct nj_jobs_bench *bench = *state;
    int done = 0;
    for (int i = 0; i < 8; i++)
        nj_jobs_bench_put_text(bench, i == 3 ? "{\"n\":13}" : "{\"n\":1}");
    nj_jobs_bench_start(bench, 4);
    for (int round = 0; round < 100 && nj_jobs_bench_tally(bench).claimed > 0; round++) {
        bool dies = false;
        for (size_t i = 0; i < bench->held_count; i++)
            dies = dies || nj_jobs_item_number(bench->held[i]) == 13;
        while (bench->held_count > 0 && !dies) {
            assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
            done++;
            dies = bench->held_count > 0 &&
                   nj_jobs_item_number(bench->held[bench->held_count - 1]) == 13;
        }
        if (!dies)
            continue;
        while (bench->held_count > 0)
            nj_work_queue_finish(bench->queue, nj_jobs_bench_take(bench));
        nj_work_queue_destroy(bench->queue);
        bench->queue = nj_jobs_bench_other(bench);
        nj_jobs_bench_start(bench, 4);
        nj_jobs_bench_pass(bench, 31LL * NJ_US_PER_S);
    }
    struct nj_letter_page page = nj_jobs_bench_letters(bench);
    assert_int_equal(page.count, 1);
    assert_non_null(strstr(page.rows[0].payload, "13"));
    nj_letter_page_finish(&page);
    assert_int_equal(done, 7);
    assert_int_equal(nj_jobs_bench_tally(bench).waiting, 0);
}

static void a_clock_that_was_set_back_keeps_no_lease_of_the_dead(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{}");
    nj_work_queue_destroy(bench->queue);
    bench->held_count = 0;
    nj_fake_clock_jump_wall(&bench->clock, -5LL * 3600 * NJ_US_PER_S);
    bench->queue = nj_jobs_bench_other(bench);
    nj_jobs_bench_start(bench, 1);
    assert_int_equal(bench->held_count, 0);
    nj_jobs_bench_pass(bench, 31LL * NJ_US_PER_S);
    assert_int_equal(bench->held_count, 1);
}

static void a_clock_that_was_set_back_keeps_no_retry_waiting(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_fail(bench, nj_jobs_bench_take(bench), false);
    nj_fake_clock_jump_wall(&bench->clock, -5LL * 3600 * NJ_US_PER_S);
    nj_jobs_bench_pass(bench, 31LL * NJ_US_PER_S);
    assert_int_equal(bench->held_count, 1);
}

static void a_clock_that_was_set_back_does_not_claim_what_we_hold(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 4);
    nj_jobs_bench_put_text(bench, "{}");
    nj_fake_clock_jump_wall(&bench->clock, -5LL * 3600 * NJ_US_PER_S);
    for (int i = 0; i < 4; i++)
        nj_jobs_bench_pass(bench, 31LL * NJ_US_PER_S);
    assert_int_equal(bench->handed, 1);
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
}

static size_t told(struct nj_jobs_bench *bench)
{
    struct nj_buf lines;
    size_t count = 0;
    nj_buf_init(&lines, 1 << 20);
    nj_log_tail(bench->log, 512, &lines);
    nj_buf_append_char(&lines, '\0');
    for (const char *at = lines.data; (at = strstr(at, "Cannot claim work")) != NULL; at++)
        count++;
    nj_buf_finish(&lines);
    return count;
}

static void a_disk_that_is_full_now_and_then_is_told_once_a_minute(void **state)
{
    struct nj_jobs_bench *bench = *state;
    struct nj_log_options options = {.level = NJ_LOG_INFO, .file_path = "/dev/null"};
    assert_int_equal(nj_log_create(&options, &bench->clock.clock, &bench->log, NULL), 0);
    nj_work_queue_destroy(bench->queue);
    bench->queue = nj_jobs_bench_other(bench);
    nj_jobs_bench_start(bench, 4);
    for (int i = 0; i < 15; i++) {
        nj_jobs_bench_sql(bench, NJ_JOBS_CLAIMS_REFUSED);
        nj_jobs_bench_put_text(bench, "{\"n\":1}");
        nj_jobs_bench_pass(bench, 1LL * NJ_US_PER_S);
        nj_jobs_bench_sql(bench, NJ_JOBS_CLAIMS_ALLOWED);
        nj_jobs_bench_pass(bench, 1LL * NJ_US_PER_S);
        assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    }
    assert_int_equal(told(bench), 1);
    nj_jobs_bench_pass(bench, 60LL * NJ_US_PER_S);
    nj_jobs_bench_sql(bench, NJ_JOBS_CLAIMS_REFUSED);
    nj_jobs_bench_put_text(bench, "{\"n\":1}");
    assert_int_equal(told(bench), 2);
    nj_work_queue_destroy(bench->queue);
    bench->queue = NULL;
    nj_log_destroy(bench->log);
}

static atomic_int refusals; // of memory for JSON

static void *take_memory(size_t bytes)
{
    if (atomic_load(&refusals) > 0) {
        atomic_fetch_sub(&refusals, 1);
        return NULL;
    }
    return malloc(bytes);
}

// The payload is good; that nobody could look at it says nothing about it.
static void an_item_that_was_claimed_without_memory_comes_again_and_is_no_letter(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_put_text(bench, "{\"n\":1}");
    json_set_alloc_funcs(take_memory, free);
    atomic_store(&refusals, 1);
    nj_jobs_bench_start(bench, 1);
    atomic_store(&refusals, 0);
    json_set_alloc_funcs(malloc, free);
    struct nj_letter_page page = nj_jobs_bench_letters(bench);
    assert_int_equal(page.count, 0);
    nj_letter_page_finish(&page);
    nj_jobs_bench_pass(bench, 2LL * NJ_US_PER_S);
    assert_int_equal(bench->held_count, 1);
    struct nj_work_item *item = nj_jobs_bench_take(bench);
    assert_int_equal(nj_jobs_item_number(item), 1);
    assert_int_equal(item->attempts, 1);
    assert_int_equal(nj_jobs_bench_complete(bench, item), 0);
    assert_int_equal(nj_jobs_bench_tally(bench).waiting, 0);
}

int work_queue_lost_test(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_jobs_bench_setup, nj_jobs_bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_dead_consumers_item_comes_back_and_its_result_is_refused),
        TEST(an_item_that_ends_its_consumer_ten_times_is_a_letter),
        TEST(an_item_that_was_claimed_without_memory_comes_again_and_is_no_letter),
        TEST(a_clock_that_was_set_back_keeps_no_lease_of_the_dead),
        TEST(a_clock_that_was_set_back_keeps_no_retry_waiting),
        TEST(a_clock_that_was_set_back_does_not_claim_what_we_hold),
        TEST(neighbours_of_an_item_that_ends_its_consumer_are_done),
        TEST(a_disk_that_is_full_now_and_then_is_told_once_a_minute),
    };
    return cmocka_run_group_tests_name("lost claims of a work queue", tests, NULL, NULL);
}
