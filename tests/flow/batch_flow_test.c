// SPDX-License-Identifier: Apache-2.0
// When batches close, that they survive the program's end, and what a reload changes.
#include "tests/flow/flow_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

int batch_flow_test(void);

static const nj_us second_us = NJ_US_PER_S;

static void put(struct flow *flow, unsigned number)
{
    char name[64];
    (void)snprintf(name, sizeof name, "gate/%u.jpg", number);
    int64_t before = flow_sql_int(flow, "SELECT count(*) FROM detections");
    flow_put_picture(flow, name, number);
    flow_until_sql(flow, before + 1, "SELECT count(*) FROM detections");
    flow_until_quiet(flow);
}

// What the timers began has ended.
static void settle(struct flow *flow)
{
    flow_until_quiet(flow);
    (void)flow_sql_int(flow, "SELECT 1");
    flow_until_quiet(flow);
}

static void batch_closes_on_idle_not_before(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    put(flow, 1);
    flow_advance(flow, 20 * second_us);
    put(flow, 2);
    flow_advance(flow, 29 * second_us);
    settle(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state = 'open'"), 1);
    flow_advance(flow, 7 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM batches WHERE close_reason = 'idle'");
    flow_until_sql(flow, 1, "SELECT count(*) FROM events WHERE detection_count = 2");
}

static void batch_closes_on_its_window_however_busy(void **state)
{
    struct flow *flow = *state;
    char text[128];
    flow_start(flow);
    for (unsigned i = 0; i < 6; i++) {
        put(flow, i);
        flow_advance(flow, 20 * second_us); // never idle
    }
    flow_until_sql(flow, 1, "SELECT count(*) FROM batches WHERE close_reason = 'timeout'");
    flow_sql_text(
        flow,
        "SELECT detection_count || ' ' || ((last_activity_us - started_us) / 1000000) FROM "
        "batches WHERE close_reason = 'timeout'",
        text, sizeof text);
    assert_string_equal(text, "5 80");
    assert_int_equal(flow_sql_int(flow, "SELECT detection_count FROM batches WHERE state = 'open'"),
                     1);
}

static void batch_closes_when_it_is_full(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "batch.max_detections=3");
    flow_start(flow);
    for (unsigned i = 0; i < 4; i++)
        put(flow, i);
    flow_until_sql(flow, 1,
                   "SELECT count(*) FROM batches WHERE close_reason = 'max_size' AND "
                   "detection_count = 3");
    assert_int_equal(flow_sql_int(flow, "SELECT detection_count FROM batches WHERE state = 'open'"),
                     1);
}

static void cameras_have_batches_of_their_own(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    flow_put_picture(flow, "a/1.jpg", 1);
    flow_put_picture(flow, "b/1.jpg", 2);
    flow_until_sql(flow, 2, "SELECT count(*) FROM batches WHERE state = 'open'");
    flow_advance(flow, 36 * second_us);
    flow_until_sql(flow, 2, "SELECT count(DISTINCT camera_id) FROM events");
}

static void open_batch_survives_the_end_of_the_program(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    put(flow, 1);
    flow_kill(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state = 'open'"), 1);
    flow_start(flow);
    nj_fake_clock_advance(&flow->clock, 10 * second_us);
    put(flow, 2);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches"), 1); // it went on
    flow_kill(flow);
    nj_fake_clock_advance(&flow->clock, 1000 * second_us);
    flow_start(flow);
    flow_advance(flow, 6 * second_us); // long over: closed by the first look
    flow_until_sql(flow, 1, "SELECT count(*) FROM events WHERE detection_count = 2");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 1);
}

static void reload_changes_batches_and_says_what_needs_a_restart(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    put(flow, 1);
    put(flow, 2);
    flow->reload_set = "batch.max_detections=2";
    nj_app_reload(flow->app);
    put(flow, 3);
    flow_until_sql(flow, 1,
                   "SELECT count(*) FROM batches WHERE close_reason = 'max_size' AND "
                   "detection_count = 2");
    assert_int_equal(flow_count_logged(flow, "\"Configuration reloaded\""), 1);
    assert_int_equal(flow_count_logged(flow, "needs a restart"), 0);
    flow->reload_set = "upload.video_max_frames=7";
    nj_app_reload(flow->app);
    assert_int_equal(flow_count_logged(flow, "needs a restart"), 1);
    assert_int_equal(flow_count_logged(flow, "upload.video_max_frames"), 1);
}

static void wrong_reload_keeps_the_old_configuration(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "batch.max_detections=2");
    flow_start(flow);
    flow->reload_set = "batch.max_detections=many";
    nj_app_reload(flow->app);
    assert_int_equal(flow_count_logged(flow, "The new configuration is wrong"), 1);
    assert_int_equal(flow_count_logged(flow, "batch.max_detections"), 1); // where it is wrong
    for (unsigned i = 0; i < 3; i++)
        put(flow, i);
    flow_until_sql(flow, 1,
                   "SELECT count(*) FROM batches WHERE close_reason = 'max_size' AND "
                   "detection_count = 2");
    flow->reload_set = NULL;
    nj_app_reload(flow->app);
    assert_int_equal(flow_count_logged(flow, "\"Configuration reloaded\""), 1);
}

// The classes of the fast path are a list that lives in the snapshot.
static void reload_while_pictures_come_changes_the_fast_path(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "detect.null_script=%s", FLOW_PERSON);
    flow_set(flow, "batch.fast_path_object_types=[\"dog\",\"cat\"]");
    flow_start(flow);
    put(flow, 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 0);
    flow->reload_set = "batch.fast_path_object_types=[\"person\"]";
    for (unsigned i = 2; i < 20; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "gate/%u.jpg", i);
        flow_put_picture(flow, name, i);
        nj_app_reload(flow->app);
        flow_turn(flow);
    }
    flow_until_sql(flow, 19, "SELECT count(*) FROM detections");
    put(flow, 20);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events WHERE is_fast_path");
}

int batch_flow_test(void)
{
#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, flow_setup, flow_teardown)
    const struct CMUnitTest tests[] = {
        FLOW_TEST(batch_closes_on_idle_not_before),
        FLOW_TEST(batch_closes_on_its_window_however_busy),
        FLOW_TEST(batch_closes_when_it_is_full),
        FLOW_TEST(cameras_have_batches_of_their_own),
        FLOW_TEST(open_batch_survives_the_end_of_the_program),
        FLOW_TEST(reload_changes_batches_and_says_what_needs_a_restart),
        FLOW_TEST(wrong_reload_keeps_the_old_configuration),
        FLOW_TEST(reload_while_pictures_come_changes_the_fast_path),
    };
    return cmocka_run_group_tests_name("batch flow", tests, NULL, NULL);
}
