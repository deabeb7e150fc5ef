// SPDX-License-Identifier: Apache-2.0
// Circuit breaker: every transition, on a clock that the test moves.
#include "health/breaker.h"

#include "tests/fake/fake_clock.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

int breaker_test(void);

static const struct nj_breaker_options options = {
    .name = "detector_http",
    .failure_threshold = 5,
    .recovery_us = 30 * NJ_US_PER_S,
    .half_open_max = 3,
    .success_threshold = 2,
};

struct fixture {
    struct nj_fake_clock fake;
    struct nj_breaker *breaker;
    uint64_t round; // of the newest call
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    nj_fake_clock_init(&fixture->fake, 0);
    assert_int_equal(nj_breaker_create(&options, &fixture->fake.clock, &fixture->breaker), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    nj_breaker_destroy(fixture->breaker);
    free(fixture);
    return 0;
}

static struct nj_breaker_status status_of(struct fixture *fixture)
{
    struct nj_breaker_status status;
    nj_breaker_get(fixture->breaker, &status);
    return status;
}

static void fail_calls(struct fixture *fixture, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
        nj_breaker_failure(fixture->breaker, fixture->round);
    }
}

static void make_half_open(struct fixture *fixture)
{
    fail_calls(fixture, options.failure_threshold);
    nj_fake_clock_advance(&fixture->fake, options.recovery_us);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
}

static void closed_opens_at_the_threshold_not_before(void **state)
{
    struct fixture *fixture = *state;
    fail_calls(fixture, options.failure_threshold - 1);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_CLOSED);
    assert_int_equal(status_of(fixture).failures, options.failure_threshold - 1);
    fail_calls(fixture, 1);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_OPEN);
    assert_int_equal(status_of(fixture).opened, 1);
    assert_int_equal(status_of(fixture).failed, options.failure_threshold);
}

static void success_while_closed_starts_the_count_again(void **state)
{
    struct fixture *fixture = *state;
    fail_calls(fixture, options.failure_threshold - 1);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    nj_breaker_success(fixture->breaker, fixture->round);
    fail_calls(fixture, options.failure_threshold - 1);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_CLOSED);
}

static void cancelled_while_closed_neither_counts_nor_clears(void **state)
{
    struct fixture *fixture = *state;
    fail_calls(fixture, options.failure_threshold - 1);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    nj_breaker_cancelled(fixture->breaker, fixture->round);
    assert_int_equal(status_of(fixture).failures, options.failure_threshold - 1);
    fail_calls(fixture, 1);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_OPEN);
}

static void open_rejects_until_the_recovery_time(void **state)
{
    struct fixture *fixture = *state;
    fail_calls(fixture, options.failure_threshold);
    nj_fake_clock_advance(&fixture->fake, options.recovery_us - 1);
    struct nj_error err = {0};
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, &err), NJ_E_UNAVAILABLE);
    assert_non_null(strstr(err.text, "detector_http is open"));
    assert_int_equal(status_of(fixture).rejected, 1);
    assert_int_equal(status_of(fixture).retry_in_us, 1);
    nj_fake_clock_advance(&fixture->fake, 1);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
    assert_int_equal(status_of(fixture).retry_in_us, 0);
}

static void half_open_lets_its_number_through_at_once(void **state)
{
    struct fixture *fixture = *state;
    make_half_open(fixture);
    for (unsigned i = 0; i < options.half_open_max; i++)
        assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    struct nj_error err = {0};
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, &err), NJ_E_UNAVAILABLE);
    assert_non_null(strstr(err.text, "half open"));
    nj_breaker_success(fixture->breaker, fixture->round);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
}

static void half_open_closes_after_its_successes(void **state)
{
    struct fixture *fixture = *state;
    make_half_open(fixture);
    for (unsigned i = 0; i < options.success_threshold; i++) {
        assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
        assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
        nj_breaker_success(fixture->breaker, fixture->round);
    }
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_CLOSED);
    assert_int_equal(status_of(fixture).failures, 0);
}

static void half_open_opens_again_at_one_failure_for_the_whole_time(void **state)
{
    struct fixture *fixture = *state;
    make_half_open(fixture);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    nj_breaker_success(fixture->breaker, fixture->round);
    fail_calls(fixture, 1);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_OPEN);
    assert_int_equal(status_of(fixture).opened, 2);
    assert_int_equal(status_of(fixture).retry_in_us, options.recovery_us);
    // The success of the first trial does not count for the second.
    nj_fake_clock_advance(&fixture->fake, options.recovery_us);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    nj_breaker_success(fixture->breaker, fixture->round);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
}

static void cancelled_while_half_open_frees_its_place(void **state)
{
    struct fixture *fixture = *state;
    make_half_open(fixture);
    for (unsigned i = 0; i < options.half_open_max; i++)
        assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), NJ_E_UNAVAILABLE);
    nj_breaker_cancelled(fixture->breaker, fixture->round);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
}

static void late_failures_do_not_push_the_recovery_away(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    const uint64_t before = fixture->round; // ends after the opening
    fail_calls(fixture, options.failure_threshold);
    nj_fake_clock_advance(&fixture->fake, 10 * NJ_US_PER_S);
    nj_breaker_failure(fixture->breaker, before);
    assert_int_equal(status_of(fixture).retry_in_us, 20 * NJ_US_PER_S);
    assert_int_equal(status_of(fixture).opened, 1);
    assert_int_equal(status_of(fixture).failed, options.failure_threshold + 1);
}

static void calls_from_before_the_opening_take_no_half_open_place(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < options.half_open_max; i++)
        assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    const uint64_t before = fixture->round;
    make_half_open(fixture);
    for (unsigned i = 0; i < options.half_open_max; i++)
        assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    // And their ends free none.
    nj_breaker_cancelled(fixture->breaker, before);
    nj_breaker_success(fixture->breaker, before);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), NJ_E_UNAVAILABLE);
}

static void answers_from_before_the_opening_judge_no_trial(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < options.success_threshold + 1; i++)
        assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    const uint64_t before = fixture->round;
    make_half_open(fixture);
    for (unsigned i = 0; i < options.success_threshold; i++)
        nj_breaker_success(fixture->breaker, before);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
    nj_breaker_failure(fixture->breaker, before);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
}

static void trials_of_an_older_half_open_time_judge_no_later_one(void **state)
{
    struct fixture *fixture = *state;
    make_half_open(fixture);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &fixture->round, NULL), 0);
    const uint64_t before = fixture->round;
    fail_calls(fixture, 1);
    nj_fake_clock_advance(&fixture->fake, options.recovery_us);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
    nj_breaker_failure(fixture->breaker, before);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
    assert_int_equal(status_of(fixture).opened, 2);
}

static void reset_closes_and_forgets_the_failures(void **state)
{
    struct fixture *fixture = *state;
    fail_calls(fixture, options.failure_threshold);
    nj_breaker_reset(fixture->breaker);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_CLOSED);
    fail_calls(fixture, options.failure_threshold - 1);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_CLOSED);
}

static void one_that_is_back_is_tried_at_once(void **state)
{
    struct fixture *fixture = *state;
    uint64_t round = 0;
    nj_breaker_wake(NULL);
    nj_breaker_wake(fixture->breaker);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_CLOSED);
    fail_calls(fixture, options.failure_threshold);
    nj_breaker_wake(fixture->breaker);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_HALF_OPEN);
    assert_int_equal(nj_breaker_enter(fixture->breaker, &round, NULL), 0);
    nj_breaker_wake(fixture->breaker); // begins no other round
    nj_breaker_failure(fixture->breaker, round);
    assert_int_equal(status_of(fixture).state, NJ_BREAKER_OPEN);
}

static void create_refuses_options_without_sense(void **state)
{
    (void)state;
    struct nj_fake_clock fake;
    nj_fake_clock_init(&fake, 0);
    struct nj_breaker_options cases[] = {options, options, options, options, options};
    cases[0].name = NULL;
    cases[1].failure_threshold = 0;
    cases[2].recovery_us = -1;
    cases[3].half_open_max = 0;
    cases[4].success_threshold = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_breaker *breaker = NULL;
        assert_int_equal(nj_breaker_create(&cases[i], &fake.clock, &breaker), NJ_E_INVALID);
        assert_null(breaker);
    }
    nj_breaker_destroy(NULL);
}

static void states_have_their_wire_names(void **state)
{
    (void)state;
    assert_string_equal(nj_breaker_state_name(NJ_BREAKER_CLOSED), "closed");
    assert_string_equal(nj_breaker_state_name(NJ_BREAKER_OPEN), "open");
    assert_string_equal(nj_breaker_state_name(NJ_BREAKER_HALF_OPEN), "half_open");
}

enum { THREADS = 4, CALLS_PER_THREAD = 5000 };

static void *call_often(void *arg)
{
    struct nj_breaker *breaker = arg;
    for (unsigned i = 0; i < CALLS_PER_THREAD; i++) {
        uint64_t round = 0;
        if (nj_breaker_enter(breaker, &round, NULL) != 0)
            continue;
        if (i % 3 == 0)
            nj_breaker_failure(breaker, round);
        else
            nj_breaker_success(breaker, round);
    }
    return NULL;
}

static void every_call_of_many_threads_is_counted(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, fixture->breaker), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct nj_breaker_status status = status_of(fixture);
    assert_int_equal(status.calls + status.rejected, THREADS * CALLS_PER_THREAD);
}

int breaker_test(void)
{
#define WITH_BREAKER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_BREAKER(closed_opens_at_the_threshold_not_before),
        WITH_BREAKER(success_while_closed_starts_the_count_again),
        WITH_BREAKER(cancelled_while_closed_neither_counts_nor_clears),
        WITH_BREAKER(open_rejects_until_the_recovery_time),
        WITH_BREAKER(half_open_lets_its_number_through_at_once),
        WITH_BREAKER(half_open_closes_after_its_successes),
        WITH_BREAKER(half_open_opens_again_at_one_failure_for_the_whole_time),
        WITH_BREAKER(cancelled_while_half_open_frees_its_place),
        WITH_BREAKER(late_failures_do_not_push_the_recovery_away),
        WITH_BREAKER(calls_from_before_the_opening_take_no_half_open_place),
        WITH_BREAKER(answers_from_before_the_opening_judge_no_trial),
        WITH_BREAKER(trials_of_an_older_half_open_time_judge_no_later_one),
        WITH_BREAKER(reset_closes_and_forgets_the_failures),
        WITH_BREAKER(one_that_is_back_is_tried_at_once),
        WITH_BREAKER(every_call_of_many_threads_is_counted),
        cmocka_unit_test(create_refuses_options_without_sense),
        cmocka_unit_test(states_have_their_wire_names),
    };
    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
