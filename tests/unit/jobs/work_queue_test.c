// SPDX-License-Identifier: Apache-2.0
// Claims, retries, dead letters, overflow, leases and counts of a work queue on a real store.
#include "jobs/work_queue.h"

#include "tests/unit/jobs/jobs_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int work_queue_test(void);

static void with_options(struct nj_jobs_bench *bench, const struct nj_work_queue_options *options)
{
    nj_jobs_bench_finish(bench);
    nj_jobs_bench_init(bench, options);
}

static void options_have_the_documented_defaults(void **state)
{
    (void)state;
    struct nj_work_queue_options options = nj_jobs_bench_options();
    assert_int_equal(options.max_size, 10000);
    assert_int_equal(options.overflow, NJ_OVERFLOW_DLQ);
    assert_true(options.pressure_threshold > 0.79 && options.pressure_threshold < 0.81);
    assert_int_equal(options.max_attempts, 3);
    assert_int_equal(options.retry_base_us, NJ_US_PER_S);
    assert_int_equal(options.retry_cap_us, 30LL * NJ_US_PER_S);
    assert_int_equal(options.lease_us, 30LL * NJ_US_PER_S);
}

static void put_reaches_the_handler_without_the_clock_moving(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 2);
    assert_int_equal(nj_jobs_bench_put_text(bench, "{\"n\":7}"), 0);
    assert_int_equal(bench->held_count, 1);
    assert_int_equal(nj_jobs_item_number(bench->held[0]), 7);
    assert_int_equal(bench->held[0]->attempts, 1);
    assert_int_equal(nj_work_queue_in_flight(bench->queue), 1);
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    struct nj_work_tally tally = nj_jobs_bench_tally(bench);
    assert_int_equal(tally.waiting + tally.claimed, 0);
}

static void capacity_is_kept_and_order_is_priority_then_age(void **state)
{
    struct nj_jobs_bench *bench = *state;
    for (int n = 1; n <= 6; n++) {
        char text[32];
        snprintf(text, sizeof text, "{\"n\":%d}", n);
        const struct nj_work_put put = {.payload = text, .priority = n == 5};
        assert_int_equal(nj_jobs_bench_put(bench, &put), 0);
    }
    nj_jobs_bench_start(bench, 2);
    const int order[] = {5, 1, 2, 3, 4, 6};
    for (size_t i = 0; i < NJ_COUNT_OF(order); i++) {
        assert_true(nj_work_queue_in_flight(bench->queue) <= 2);
        struct nj_work_item *item = nj_jobs_bench_take(bench);
        assert_int_equal(nj_jobs_item_number(item), order[i]);
        assert_int_equal(nj_jobs_bench_complete(bench, item), 0);
    }
    assert_int_equal(bench->handed, 6);
}

static void a_freed_place_is_filled_from_what_was_claimed_ahead(void **state)
{
    struct nj_jobs_bench *bench = *state;
    for (int i = 0; i < 4; i++)
        nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_start(bench, 2);
    assert_int_equal(bench->handed, 2);
    // No turn of the loop and no transaction in between.
    nj_work_queue_finish(bench->queue, nj_jobs_bench_take(bench));
    assert_int_equal(bench->handed, 3);
}

enum { ENDED_TOGETHER = 8 };

struct ending {
    struct nj_store_op op;
    struct nj_work_queue *queue;
    struct nj_work_item *items[ENDED_TOGETHER];
};

static int apply_ending(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct ending *ending = NJ_CONTAINER_OF(op, struct ending, op);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ENDED_TOGETHER; i++)
        rc = nj_work_queue_complete(ending->queue, db, ending->items[i], err);
    return rc;
}

static void items_that_end_together_are_made_good_for_by_one_claim(void **state)
{
    struct nj_jobs_bench *bench = *state;
    struct ending ending = {.op.apply = apply_ending, .queue = bench->queue};
    struct nj_store_stats before, after;
    for (int i = 0; i < 5 * ENDED_TOGETHER; i++)
        assert_int_equal(nj_jobs_bench_put_text(bench, "{}"), 0);
    nj_jobs_bench_start(bench, ENDED_TOGETHER);
    nj_jobs_bench_run(bench);
    for (size_t i = 0; i < ENDED_TOGETHER; i++)
        ending.items[i] = nj_jobs_bench_take(bench);
    assert_int_equal(nj_store_write_wait(bench->store, &ending.op, NULL), 0);
    nj_store_get_stats(bench->store, &before);
    for (size_t i = 0; i < ENDED_TOGETHER; i++)
        nj_work_queue_finish(bench->queue, ending.items[i]);
    assert_int_equal(bench->held_count, ENDED_TOGETHER); // what was claimed ahead, at once
    (void)nj_loop_turn(bench->loop);
    do // the claim; the loop rests, so no other follows
        nj_store_get_stats(bench->store, &after);
    while (after.operations == before.operations);
    assert_int_equal(nj_jobs_bench_tally(bench).claimed, 2 * ENDED_TOGETHER);
}

static void an_expected_put_is_claimed_in_its_wake_but_not_behind_others(void **state)
{
    struct nj_jobs_bench *bench = *state;
    struct nj_store_stats before, after;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_run(bench);
    nj_store_get_stats(bench->store, &before);
    nj_work_queue_expect(bench->queue);
    nj_jobs_bench_run(bench);
    nj_store_get_stats(bench->store, &after);
    uint64_t with_claim = after.operations - before.operations;
    assert_int_equal(nj_jobs_bench_put_text(bench, "{}"), 0);
    nj_jobs_bench_run(bench);
    nj_store_get_stats(bench->store, &before);
    nj_work_queue_expect(bench->queue);
    nj_jobs_bench_run(bench);
    nj_store_get_stats(bench->store, &after);
    assert_true(after.operations - before.operations < with_claim);
}

static void retries_follow_the_backoff_then_a_letter_tells_all(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{\"n\":1}");
    for (int attempt = 1; attempt <= 3; attempt++) {
        struct nj_work_item *item = nj_jobs_bench_take(bench);
        assert_int_equal(item->attempts, attempt);
        nj_jobs_bench_fail(bench, item, false);
        nj_us base = attempt * (nj_us)NJ_US_PER_S; // 1 s, then 2 s
        nj_jobs_bench_pass(bench, base - NJ_US_PER_MS);
        assert_int_equal(bench->held_count, 0);
        nj_jobs_bench_pass(bench, base / 4 + 10 * NJ_US_PER_MS);
        assert_int_equal(bench->held_count, attempt < 3);
    }
    struct nj_letter_page page = nj_jobs_bench_letters(bench);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.rows[0].reason, "failed");
    assert_string_equal(page.rows[0].error, "the detector does not answer");
    assert_string_equal(page.rows[0].error_type, "unavailable");
    assert_string_equal(page.rows[0].payload, "{\"n\":1}");
    assert_int_equal(page.rows[0].attempts, 3);
    assert_true(page.rows[0].last_failed_us - page.rows[0].first_failed_us >= 3LL * NJ_US_PER_S);
    nj_letter_page_finish(&page);
    struct nj_work_queue_stats stats = nj_jobs_bench_stats(bench);
    assert_int_equal(stats.retried, 2);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.dead_failed, 1);
    assert_int_equal(stats.waiting, 0);
}

static void permanent_failure_is_a_letter_at_once(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_fail(bench, nj_jobs_bench_take(bench), true);
    assert_int_equal(nj_jobs_bench_stats(bench).dead_failed, 1);
    nj_jobs_bench_pass(bench, 60LL * NJ_US_PER_S);
    assert_int_equal(bench->handed, 1);
}

static void payloads_that_are_no_object_never_reach_the_handler(void **state)
{
    struct nj_jobs_bench *bench = *state;
    const char *payloads[] = {"", "[1]", "{\"a\":1,\"a\":2}", "{", "7"};
    for (size_t i = 0; i < NJ_COUNT_OF(payloads); i++)
        assert_int_equal(nj_jobs_bench_put_text(bench, payloads[i]), 0);
    nj_jobs_bench_put_text(bench, "{\"n\":1}");
    nj_jobs_bench_start(bench, 2);
    assert_int_equal(bench->handed, 1);
    struct nj_letter_page page = nj_jobs_bench_letters(bench);
    assert_int_equal(page.count, NJ_COUNT_OF(payloads));
    assert_string_equal(page.rows[0].reason, "invalid");
    nj_letter_page_finish(&page);
}

static void payload_names_the_order_also_of_what_is_requeued(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{\"who\":\"\\u00fc\"}");
    assert_true(nj_jobs_bench_has_order(bench, "\u00fc"));
    nj_jobs_bench_fail(bench, nj_jobs_bench_take(bench), true);
    assert_false(nj_jobs_bench_has_order(bench, "\u00fc"));
    assert_int_equal(nj_jobs_bench_requeue(bench, 0), 0);
    assert_true(nj_jobs_bench_has_order(bench, "\u00fc"));
    nj_jobs_bench_put_text(bench, "{\"who\":1}");
    assert_false(nj_jobs_bench_has_order(bench, "1"));
}

static void unique_key_waits_once_and_is_free_after_completion(void **state)
{
    struct nj_jobs_bench *bench = *state;
    const struct nj_work_put put = {.payload = "{}", .unique_key = "sha256:00"};
    assert_int_equal(nj_jobs_bench_put(bench, &put), 0);
    assert_int_equal(nj_jobs_bench_put(bench, &put), NJ_E_EXISTS);
    assert_int_equal(nj_jobs_bench_stats(bench).waiting, 1);
    nj_jobs_bench_start(bench, 1);
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    assert_int_equal(nj_jobs_bench_put(bench, &put), 0);
}

static void a_put_beyond_the_limits_is_refused(void **state)
{
    struct nj_jobs_bench *bench = *state;
    char *big = malloc(NJ_WORK_PAYLOAD_MAX + 2);
    assert_non_null(big);
    memset(big, ' ', NJ_WORK_PAYLOAD_MAX + 1);
    big[NJ_WORK_PAYLOAD_MAX + 1] = '\0';
    assert_int_equal(nj_jobs_bench_put_text(bench, big), NJ_E_TOO_BIG);
    big[129] = '\0';
    const struct nj_work_put put = {.payload = "{}", .unique_key = big};
    assert_int_equal(nj_jobs_bench_put(bench, &put), NJ_E_INVALID);
    free(big);
    assert_int_equal(nj_jobs_bench_stats(bench).waiting, 0);
}

static void what_rolls_back_is_not_counted(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_put_rolled_back(bench, "{}");
    nj_jobs_bench_put_rolled_back(bench, "{}");
    nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_put_rolled_back(bench, "{}");
    struct nj_work_queue_stats stats = nj_jobs_bench_stats(bench);
    assert_int_equal(stats.waiting, 2);
    assert_int_equal(stats.put, 2);
    assert_int_equal(nj_jobs_bench_tally(bench).waiting, 2);
}

struct overflow_case {
    int policy, third; // what the third put into a queue of two returns
    int64_t first_left, letters;
    uint64_t dropped, rejected;
};

static void full_queue_does_what_its_policy_says(void **state)
{
    struct nj_jobs_bench *bench = *state;
    const struct overflow_case cases[] = {
        {NJ_OVERFLOW_REJECT, NJ_E_FULL, 1, 0, 0, 1},
        {NJ_OVERFLOW_DROP_OLDEST, 0, 2, 0, 1, 0},
        {NJ_OVERFLOW_DLQ, 0, 2, 1, 0, 0},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_work_queue_options options = nj_jobs_bench_options();
        options.max_size = 2;
        options.overflow = cases[i].policy;
        with_options(bench, &options);
        nj_jobs_bench_put_text(bench, "{\"n\":1}");
        nj_jobs_bench_put_text(bench, "{\"n\":2}");
        assert_true(nj_jobs_bench_stats(bench).full);
        assert_true(nj_jobs_bench_stats(bench).pressure);
        assert_int_equal(nj_jobs_bench_put_text(bench, "{\"n\":3}"), cases[i].third);
        struct nj_work_queue_stats stats = nj_jobs_bench_stats(bench);
        assert_int_equal(stats.waiting, 2);
        assert_int_equal(stats.dropped, cases[i].dropped);
        assert_int_equal(stats.rejected, cases[i].rejected);
        assert_int_equal(stats.dead_overflow, cases[i].letters);
        nj_jobs_bench_start(bench, 2);
        assert_int_equal(nj_jobs_item_number(bench->held[0]), cases[i].first_left);
    }
}

static void overflow_never_takes_what_is_being_worked_on(void **state)
{
    struct nj_jobs_bench *bench = *state;
    struct nj_work_queue_options options = nj_jobs_bench_options();
    options.max_size = 2;
    with_options(bench, &options);
    nj_jobs_bench_start(bench, 2);
    nj_jobs_bench_put_text(bench, "{\"n\":1}");
    nj_jobs_bench_put_text(bench, "{\"n\":2}");
    assert_int_equal(nj_jobs_bench_put_text(bench, "{\"n\":3}"), NJ_E_FULL);
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    assert_int_equal(nj_jobs_bench_put_text(bench, "{\"n\":4}"), 0);
    assert_int_equal(bench->held_count, 2);
    assert_int_equal(nj_jobs_item_number(bench->held[1]), 4);
}

static void a_known_key_makes_no_room(void **state)
{
    struct nj_jobs_bench *bench = *state;
    struct nj_work_queue_options options = nj_jobs_bench_options();
    options.max_size = 1;
    with_options(bench, &options);
    const struct nj_work_put put = {.payload = "{}", .unique_key = "k"};
    nj_jobs_bench_put(bench, &put);
    assert_int_equal(nj_jobs_bench_put(bench, &put), NJ_E_EXISTS);
    assert_int_equal(nj_jobs_bench_stats(bench).dead_overflow, 0);
}

static void leases_are_extended_as_long_as_the_handler_holds(void **state)
{
    struct nj_jobs_bench *bench = *state;
    struct nj_work_queue_options options = nj_jobs_bench_options();
    options.lease_us = 15LL * NJ_US_PER_S; // ends before a recount could renew it
    with_options(bench, &options);
    nj_jobs_bench_start(bench, 1);
    // One with the handler, one ahead: no room, so no claim that would renew leases as well.
    nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_put_text(bench, "{}");
    for (int i = 0; i < 4; i++)
        nj_jobs_bench_pass(bench, 5LL * NJ_US_PER_S + NJ_US_PER_MS);
    // Another consumer finds nothing due.
    struct nj_work_queue *mine = bench->queue;
    bench->queue = nj_jobs_bench_other(bench);
    nj_jobs_bench_start(bench, 2);
    assert_int_equal(bench->handed, 1);
    nj_work_queue_destroy(bench->queue);
    bench->queue = mine;
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
}

static void a_jump_of_the_wall_clock_does_not_claim_what_we_hold(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 4);
    nj_jobs_bench_put_text(bench, "{\"n\":1}");
    nj_fake_clock_jump_wall(&bench->clock, 30LL * 86400 * NJ_US_PER_S);
    nj_jobs_bench_put_text(bench, "{\"n\":2}");
    assert_int_equal(bench->handed, 2);
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
}

static void pause_gives_back_what_was_claimed_ahead_unspent(void **state)
{
    struct nj_jobs_bench *bench = *state;
    for (int i = 0; i < 4; i++)
        nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_start(bench, 2);
    assert_int_equal(nj_jobs_bench_tally(bench).claimed, 4);
    nj_work_queue_pause(bench->queue);
    nj_jobs_bench_run(bench);
    assert_int_equal(nj_jobs_bench_tally(bench).claimed, 2);
    assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    assert_int_equal(bench->handed, 2);
    nj_jobs_bench_start(bench, 2);
    assert_int_equal(bench->handed, 3);
    assert_int_equal(bench->held[1]->attempts, 1);
}

static void released_item_comes_back_with_its_attempt(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{}");
    nj_work_queue_release(bench->queue, nj_jobs_bench_take(bench));
    nj_jobs_bench_run(bench);
    assert_int_equal(bench->held_count, 1);
    assert_int_equal(bench->held[0]->attempts, 1);
}

static void postponed_item_waits_and_never_becomes_a_dead_letter(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "{}");
    for (int i = 0; i < 50; i++) { // far beyond the attempts and the lost claims that are allowed
        nj_work_queue_postpone(bench->queue, nj_jobs_bench_take(bench), 5LL * NJ_US_PER_S);
        nj_jobs_bench_run(bench);
        nj_jobs_bench_pass(bench, 4LL * NJ_US_PER_S);
        assert_int_equal(bench->held_count, 0);
        nj_jobs_bench_pass(bench, 1LL * NJ_US_PER_S + NJ_US_PER_MS);
        assert_int_equal(bench->held_count, 1);
        assert_int_equal(bench->held[0]->attempts, 1);
    }
}

static void requeue_brings_the_job_back_with_fresh_attempts(void **state)
{
    struct nj_jobs_bench *bench = *state;
    assert_int_equal(nj_jobs_bench_requeue(bench, 0), NJ_E_NOT_FOUND);
    nj_jobs_bench_start(bench, 1);
    const struct nj_work_put put = {.payload = "{\"n\":1}", .unique_key = "k"};
    nj_jobs_bench_put(bench, &put);
    nj_jobs_bench_fail(bench, nj_jobs_bench_take(bench), true);
    assert_int_equal(nj_jobs_bench_requeue(bench, 99), NJ_E_NOT_FOUND);
    assert_int_equal(nj_jobs_bench_requeue(bench, 0), 0);
    assert_int_equal(bench->held_count, 1);
    assert_int_equal(nj_jobs_item_number(bench->held[0]), 1);
    assert_int_equal(bench->held[0]->attempts, 1);
    assert_int_equal(nj_jobs_bench_stats(bench).dead_failed, 0);
    assert_int_equal(nj_jobs_bench_put(bench, &put), NJ_E_EXISTS); // the key came back too
}

static void job_that_failed_elsewhere_is_a_letter_and_can_be_requeued(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    const struct nj_error why = {.code = NJ_E_UNAVAILABLE, .text = "the server is away"};
    const struct nj_work_failed failed = {
        .payload = "{\"n\":7}", .why = &why, .attempts = 4, .first_failed_us = 5};
    assert_int_equal(nj_jobs_bench_put_letter(bench, &failed), 0);
    assert_int_equal(nj_jobs_bench_stats(bench).dead_failed, 1);
    assert_int_equal(nj_jobs_bench_stats(bench).waiting, 0);
    struct nj_letter_page page = nj_jobs_bench_letters(bench);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.rows[0].reason, "failed");
    assert_string_equal(page.rows[0].error, "the server is away");
    assert_string_equal(page.rows[0].error_type, "unavailable");
    assert_int_equal(page.rows[0].attempts, 4);
    assert_int_equal(page.rows[0].first_failed_us, 5);
    nj_letter_page_finish(&page);
    assert_int_equal(nj_jobs_bench_requeue(bench, 0), 0);
    assert_int_equal(bench->held_count, 1);
    assert_int_equal(nj_jobs_item_number(bench->held[0]), 7);
    assert_int_equal(nj_jobs_bench_stats(bench).dead_failed, 0);
    char *huge = calloc(1, NJ_WORK_PAYLOAD_MAX + 2);
    assert_non_null(huge);
    memset(huge, ' ', NJ_WORK_PAYLOAD_MAX + 1);
    const struct nj_work_failed too_big = {.payload = huge, .why = &why};
    assert_int_equal(nj_jobs_bench_put_letter(bench, &too_big), NJ_E_TOO_BIG);
    free(huge);
}

static void purge_counts_and_forgets_letters_of_its_reason(void **state)
{
    struct nj_jobs_bench *bench = *state;
    nj_jobs_bench_start(bench, 1);
    nj_jobs_bench_put_text(bench, "no json");
    nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_fail(bench, nj_jobs_bench_take(bench), true);
    int64_t deleted = 0;
    assert_int_equal(nj_jobs_bench_purge(bench, "invalid", &deleted), 0);
    assert_int_equal(deleted, 1);
    assert_int_equal(nj_jobs_bench_stats(bench).dead_failed, 1);
    assert_int_equal(nj_jobs_bench_purge(bench, NULL, &deleted), 0);
    assert_int_equal(deleted, 1);
    assert_int_equal(nj_jobs_bench_stats(bench).dead_failed, 0);
}

static void counts_are_corrected_when_others_change_the_store(void **state)
{
    struct nj_jobs_bench *bench = *state;
    struct nj_work_queue *mine = bench->queue;
    nj_jobs_bench_start(bench, 1);
    bench->queue = nj_jobs_bench_other(bench);
    nj_jobs_bench_put_text(bench, "{}");
    nj_jobs_bench_put_text(bench, "{}");
    nj_work_queue_destroy(bench->queue);
    bench->queue = mine;
    assert_int_equal(nj_jobs_bench_stats(bench).waiting, 0);
    nj_jobs_bench_pass(bench, 30LL * NJ_US_PER_S);
    assert_int_equal(bench->held_count, 1);
    assert_int_equal(nj_jobs_bench_stats(bench).waiting, 1);
}

static void stats_tell_depth_age_and_rate(void **state)
{
    struct nj_jobs_bench *bench = *state;
    const struct nj_metric_spec spec = {
        .type = NJ_GAUGE, .name = "pipeline_queue_depth", .label = "queue"};
    struct nj_metric *depth = nj_metrics_get(bench->metrics, &spec, "detection");
    nj_jobs_bench_start(bench, 1);
    for (int i = 0; i < 4; i++)
        nj_jobs_bench_put_text(bench, "{}");
    assert_int_equal(nj_metric_value(depth), 3);
    nj_jobs_bench_pass(bench, 30LL * NJ_US_PER_S);
    assert_int_equal(nj_jobs_bench_stats(bench).oldest_wait_us, 30LL * NJ_US_PER_S);
    for (int i = 0; i < 4; i++)
        assert_int_equal(nj_jobs_bench_complete(bench, nj_jobs_bench_take(bench)), 0);
    assert_int_equal(nj_metric_value(depth), 0);
    assert_int_equal(nj_jobs_bench_stats(bench).per_minute, 4);
    assert_int_equal(nj_jobs_bench_stats(bench).completed, 4);
    assert_int_equal(nj_jobs_bench_stats(bench).oldest_wait_us, 0);
    nj_jobs_bench_pass(bench, 61LL * NJ_US_PER_S);
    assert_int_equal(nj_jobs_bench_stats(bench).per_minute, 0);
}

int work_queue_test(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_jobs_bench_setup, nj_jobs_bench_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_have_the_documented_defaults),
        TEST(put_reaches_the_handler_without_the_clock_moving),
        TEST(capacity_is_kept_and_order_is_priority_then_age),
        TEST(a_freed_place_is_filled_from_what_was_claimed_ahead),
        TEST(items_that_end_together_are_made_good_for_by_one_claim),
        TEST(an_expected_put_is_claimed_in_its_wake_but_not_behind_others),
        TEST(retries_follow_the_backoff_then_a_letter_tells_all),
        TEST(permanent_failure_is_a_letter_at_once),
        TEST(payloads_that_are_no_object_never_reach_the_handler),
        TEST(payload_names_the_order_also_of_what_is_requeued),
        TEST(unique_key_waits_once_and_is_free_after_completion),
        TEST(a_put_beyond_the_limits_is_refused),
        TEST(what_rolls_back_is_not_counted),
        TEST(full_queue_does_what_its_policy_says),
        TEST(overflow_never_takes_what_is_being_worked_on),
        TEST(a_known_key_makes_no_room),
        TEST(leases_are_extended_as_long_as_the_handler_holds),
        TEST(a_jump_of_the_wall_clock_does_not_claim_what_we_hold),
        TEST(pause_gives_back_what_was_claimed_ahead_unspent),
        TEST(released_item_comes_back_with_its_attempt),
        TEST(postponed_item_waits_and_never_becomes_a_dead_letter),
        TEST(requeue_brings_the_job_back_with_fresh_attempts),
        TEST(job_that_failed_elsewhere_is_a_letter_and_can_be_requeued),
        TEST(purge_counts_and_forgets_letters_of_its_reason),
        TEST(counts_are_corrected_when_others_change_the_store),
        TEST(stats_tell_depth_age_and_rate),
    };
    return cmocka_run_group_tests_name("work_queue", tests, NULL, NULL);
}
