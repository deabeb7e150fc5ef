// SPDX-License-Identifier: Apache-2.0
// Daily schedules across changes of the clocks, periodic ones, and times of day as text.
#include "jobs/schedule.h"

#include "tests/fake/fake_clock.h"
#include "util/mem.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int schedule_test(void);

enum { RUNS_MAX = 8 };

struct fixture {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_timezone *zone;
    struct nj_schedule schedule;
    int runs, leaps;
    nj_us ahead_us; // of the last leap
    char at[RUNS_MAX][NJ_ISO_TIME_SIZE];
};

static void handle_run(struct nj_schedule *schedule)
{
    struct fixture *f = NJ_CONTAINER_OF(schedule, struct fixture, schedule);
    if (f->runs < RUNS_MAX)
        nj_time_format_iso(nj_wall_us(&f->clock.clock), f->at[f->runs]);
    f->runs++;
}

static void handle_leap(struct nj_schedule *schedule, nj_us ahead_us)
{
    struct fixture *f = NJ_CONTAINER_OF(schedule, struct fixture, schedule);
    f->leaps++;
    f->ahead_us = ahead_us;
}

static struct fixture *begin(const char *zone, const char *now)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    nj_us wall = 0;
    assert_int_equal(nj_time_parse_iso(now, &wall), 0);
    nj_fake_clock_init(&f->clock, wall);
    assert_int_equal(nj_loop_create(&f->clock.clock, &f->loop, NULL), 0);
    assert_int_equal(nj_timezone_create(zone, &f->zone, NULL), 0);
    nj_schedule_init(&f->schedule, f->loop, handle_run);
    f->schedule.leapt = handle_leap;
    return f;
}

static void end(struct fixture *f)
{
    nj_schedule_stop(&f->schedule);
    nj_loop_destroy(f->loop);
    nj_timezone_destroy(f->zone);
    free(f);
}

static void turn(struct fixture *f)
{
    while (nj_loop_turn(f->loop) > 0)
        continue;
}

// In steps of ten seconds, as a loop that wakes for its timers.
static void pass(struct fixture *f, int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i += 10) {
        nj_fake_clock_advance(&f->clock, 10LL * NJ_US_PER_S);
        turn(f);
    }
}

enum { HOUR = 3600, DAY = 24 * HOUR };

struct daily_case {
    const char *zone, *now;
    int hour, minute, runs; // runs in three days
    const char *at[3];
};

// UTC instants by hand: Berlin is UTC+1, UTC+2 from 2026-03-29T01:00Z to 2026-10-25T01:00Z.
static const struct daily_case daily_cases[] = {
    {"UTC",
     "2026-01-24T02:59:00Z",
     3,
     0,
     3,
     {"2026-01-24T03:00:00.000000Z", "2026-01-25T03:00:00.000000Z", "2026-01-26T03:00:00.000000Z"}},
    {"UTC",
     "2026-01-24T03:00:00Z",
     3,
     0,
     3,
     {"2026-01-25T03:00:00.000000Z", "2026-01-26T03:00:00.000000Z", "2026-01-27T03:00:00.000000Z"}},
    // 02:30 does not exist on 29 March: it runs when the clocks jump.
    {"Europe/Berlin",
     "2026-03-28T00:00:00Z",
     2,
     30,
     3,
     {"2026-03-28T01:30:00.000000Z", "2026-03-29T01:00:00.000000Z", "2026-03-30T00:30:00.000000Z"}},
    // 02:30 comes twice on 25 October: it runs the first time only.
    {"Europe/Berlin",
     "2026-10-24T00:00:00Z",
     2,
     30,
     3,
     {"2026-10-24T00:30:00.000000Z", "2026-10-25T00:30:00.000000Z", "2026-10-26T01:30:00.000000Z"}},
};

static void daily_runs_once_a_day_at_its_local_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(daily_cases); i++) {
        const struct daily_case *c = &daily_cases[i];
        struct fixture *f = begin(c->zone, c->now);
        assert_int_equal(nj_schedule_start_daily(&f->schedule, f->zone, c->hour, c->minute), 0);
        pass(f, 3LL * DAY);
        assert_int_equal(f->runs, c->runs);
        for (int run = 0; run < c->runs; run++)
            assert_string_equal(f->at[run], c->at[run]);
        end(f);
    }
}

static void a_clock_set_forward_runs_the_skipped_time_once(void **state)
{
    (void)state;
    struct fixture *f = begin("UTC", "2026-01-24T02:00:00Z");
    nj_schedule_start_daily(&f->schedule, f->zone, 3, 0);
    nj_fake_clock_jump_wall(&f->clock, 23LL * HOUR * NJ_US_PER_S);
    pass(f, 60);
    assert_int_equal(f->runs, 1);
    assert_int_equal(f->leaps, 0);
    pass(f, 2LL * HOUR);
    assert_int_equal(f->runs, 2);
    end(f);
}

static void a_clock_that_leaps_ahead_is_believed_after_a_day_not_before(void **state)
{
    (void)state;
    struct fixture *f = begin("UTC", "2026-01-24T12:00:00Z");
    nj_schedule_start_daily(&f->schedule, f->zone, 3, 0);
    nj_fake_clock_jump_wall(&f->clock, 30LL * DAY * NJ_US_PER_S);
    pass(f, 60);
    assert_int_equal(f->leaps, 1);
    assert_true(f->ahead_us == 30LL * DAY * NJ_US_PER_S);
    pass(f, 1LL * DAY);
    assert_int_equal(f->runs, 0);
    pass(f, 16LL * HOUR);
    assert_int_equal(f->runs, 1);
    assert_string_equal(f->at[0], "2026-02-25T03:00:00.000000Z");
    pass(f, 1LL * DAY);
    assert_int_equal(f->runs, 2);
    assert_int_equal(f->leaps, 1);
    end(f);
}

static void a_leap_that_is_set_right_again_leaves_the_daily_run_alone(void **state)
{
    (void)state;
    struct fixture *f = begin("UTC", "2026-01-24T12:00:00Z");
    nj_schedule_start_daily(&f->schedule, f->zone, 3, 0);
    nj_fake_clock_jump_wall(&f->clock, 4000LL * DAY * NJ_US_PER_S);
    pass(f, 1LL * HOUR);
    nj_fake_clock_jump_wall(&f->clock, -4000LL * DAY * NJ_US_PER_S);
    pass(f, 15LL * HOUR);
    assert_int_equal(f->runs, 1);
    assert_string_equal(f->at[0], "2026-01-25T03:00:00.000000Z");
    end(f);
}

static void a_clock_set_back_neither_repeats_a_day_nor_waits_for_weeks(void **state)
{
    (void)state;
    struct fixture *f = begin("UTC", "2026-01-24T02:59:50Z");
    nj_schedule_start_daily(&f->schedule, f->zone, 3, 0);
    pass(f, 30);
    assert_int_equal(f->runs, 1);
    nj_fake_clock_jump_wall(&f->clock, -1LL * HOUR * NJ_US_PER_S);
    pass(f, 2LL * HOUR);
    assert_int_equal(f->runs, 1);
    nj_fake_clock_jump_wall(&f->clock, -30LL * DAY * NJ_US_PER_S);
    pass(f, 1LL * DAY);
    assert_int_equal(f->runs, 2);
    end(f);
}

static void a_stopped_schedule_runs_no_more(void **state)
{
    (void)state;
    struct fixture *f = begin("UTC", "2026-01-24T12:00:00Z");
    assert_int_equal(nj_schedule_start_daily(&f->schedule, f->zone, 13, 0), 0);
    nj_schedule_stop(&f->schedule);
    pass(f, 2LL * DAY);
    assert_int_equal(f->runs, 0);
    end(f);
}

static void senseless_schedules_are_refused(void **state)
{
    (void)state;
    struct fixture *f = begin("UTC", "2026-01-24T12:00:00Z");
    assert_int_equal(nj_schedule_start_daily(&f->schedule, f->zone, 24, 0), NJ_E_INVALID);
    assert_int_equal(nj_schedule_start_daily(&f->schedule, f->zone, 0, 60), NJ_E_INVALID);
    assert_int_equal(nj_schedule_start_daily(&f->schedule, f->zone, -1, 0), NJ_E_INVALID);
    struct nj_schedule zeroed = {0};
    nj_schedule_stop(&zeroed);
    end(f);
}

static void times_of_day_are_read_strictly(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int rc, hour, minute;
    } cases[] = {
        {"03:00", 0, 3, 0},
        {"3:07", 0, 3, 7},
        {"23:59", 0, 23, 59},
        {"00:00", 0, 0, 0},
        {"24:00", NJ_E_INVALID, 0, 0},
        {"12:60", NJ_E_INVALID, 0, 0},
        {"12:5", NJ_E_INVALID, 0, 0},
        {"", NJ_E_INVALID, 0, 0},
        {"12", NJ_E_INVALID, 0, 0},
        {"123:00", NJ_E_INVALID, 0, 0},
        {"12:000", NJ_E_INVALID, 0, 0},
        {" 3:00", NJ_E_INVALID, 0, 0},
        {"-3:00", NJ_E_INVALID, 0, 0},
        {"3.00", NJ_E_INVALID, 0, 0},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        int hour = 0, minute = 0;
        assert_int_equal(nj_schedule_parse_time(cases[i].text, &hour, &minute, NULL), cases[i].rc);
        assert_int_equal(hour, cases[i].hour);
        assert_int_equal(minute, cases[i].minute);
    }
}

int schedule_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(daily_runs_once_a_day_at_its_local_time),
        cmocka_unit_test(a_clock_set_forward_runs_the_skipped_time_once),
        cmocka_unit_test(a_clock_that_leaps_ahead_is_believed_after_a_day_not_before),
        cmocka_unit_test(a_leap_that_is_set_right_again_leaves_the_daily_run_alone),
        cmocka_unit_test(a_clock_set_back_neither_repeats_a_day_nor_waits_for_weeks),
        cmocka_unit_test(a_stopped_schedule_runs_no_more),
        cmocka_unit_test(senseless_schedules_are_refused),
        cmocka_unit_test(times_of_day_are_read_strictly),
    };
    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
