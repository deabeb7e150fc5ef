// SPDX-License-Identifier: Apache-2.0
// The machine's clock is set while the daemon works: nothing is lost, doubled or deleted.
#include "tests/flow/flow_helper.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

int clock_flow_test(void);

static const nj_us second_us = NJ_US_PER_S, hour_us = 3600LL * NJ_US_PER_S,
                   day_us = 86400LL * NJ_US_PER_S;

static void put(struct flow *flow, unsigned number)
{
    char name[64];
    (void)snprintf(name, sizeof name, "gate/%u.jpg", number);
    flow_put_picture(flow, name, number);
    flow_until_sql(flow, number, "SELECT count(DISTINCT file_path) FROM detections");
    flow_until_quiet(flow);
}

static void each_picture_is_in_one_event_however_the_clock_is_set(void **state)
{
    const nj_us leaps[] = {5 * hour_us,    -10 * hour_us,   4000 * day_us,
                           -4000 * day_us, -10000 * day_us, -second_us,
                           10000 * day_us, 20 * second_us,  -20 * second_us};
    struct flow *flow = *state;
    unsigned number = 0;
    flow_start(flow);
    for (size_t i = 0; i < NJ_COUNT_OF(leaps); i++) {
        put(flow, ++number); // its batch is open while the clock leaps
        nj_fake_clock_jump_wall(&flow->clock, leaps[i]);
        put(flow, ++number);
        flow_advance(flow, 3 * second_us);
    }
    flow_advance(flow, 200 * second_us);
    flow_until_sql(flow, number, "SELECT sum(detection_count) FROM events");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), number);
    assert_int_equal(flow_sql_int(flow, "SELECT sum(detection_count) FROM events"), number);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state <> 'analysed'"),
                     0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM dead_letters"), 0);
}

static const char cleaned[] = "Cleanup done";

static bool cleaned_again(struct flow *flow, const char *arg)
{
    (void)arg;
    return flow_count_logged(flow, cleaned) > 1;
}

static void a_clock_that_leaps_years_ahead_deletes_nothing_for_a_day_and_is_told_once(void **state)
{
    static const char told[] = "The clock went ahead by more than a day";
    struct flow *flow = *state;
    flow_set(flow, "batch.idle_timeout_seconds=2");
    flow_start(flow);
    flow_until_logged(flow, cleaned);
    put(flow, 1);
    flow_advance(flow, 10 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events");
    nj_fake_clock_jump_wall(&flow->clock, 4000 * day_us);
    flow_advance(flow, 200 * second_us);
    flow_until_quiet(flow);
    assert_int_equal(flow_count_logged(flow, told), 1);
    assert_int_equal(flow_count_logged(flow, cleaned), 1); // that of the start
    nj_fake_clock_jump_wall(&flow->clock, -4000 * day_us);
    for (int hours = 0; hours < 30; hours++) {
        nj_fake_clock_advance(&flow->clock, hour_us);
        flow_turn(flow);
    }
    flow_until(flow, cleaned_again, NULL); // the daily one, at its usual time
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 1);
    assert_int_equal(flow_count_logged(flow, told), 1);
}

int clock_flow_test(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, flow_setup, flow_teardown)
    const struct CMUnitTest tests[] = {
        CASE(each_picture_is_in_one_event_however_the_clock_is_set),
        CASE(a_clock_that_leaps_years_ahead_deletes_nothing_for_a_day_and_is_told_once),
    };
    return cmocka_run_group_tests_name("flow clock", tests, NULL, NULL);
}
