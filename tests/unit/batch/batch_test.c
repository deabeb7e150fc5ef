// SPDX-License-Identifier: Apache-2.0
// Windows: which detections share a batch, and when and why it closes.
#include "tests/unit/batch/batch_helper.h"

#include "util/json_reader.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int batch_test(void);

static const struct seen car = {"yard", "car", 0.8, 0};

// Each list: capture times of cars at one camera in order of delivery, all at one moment of
// arrival, and the batches after. Window 90 s, idle 30 s.
static const struct {
    const char *name;
    double at_s[8];
    int count;
    const char *batches;
} windows[] = {
    {"one picture", {0}, 1, "yard:open:1"},
    {"just within idle", {0, 29.999, 59.998}, 3, "yard:open:3"},
    {"idle", {0, 30}, 2, "yard:idle:1 yard:open:1"},
    {"just within the window", {0, 20, 40, 60, 80, 89.999}, 6, "yard:open:6"},
    {"window", {0, 20, 40, 60, 80, 90}, 6, "yard:timeout:5 yard:open:1"},
    {"backwards within the window", {50, 30, 10, 0}, 4, "yard:open:4"},
    {"the span counts from the oldest", {60, 40, 20, 0, 85, 95}, 6, "yard:timeout:5 yard:open:1"},
    {"backwards over the window", {89, 60, 31, 2, -1}, 5, "yard:open:1 yard:timeout:4"},
    {"much older is another visit", {100, 70}, 2, "yard:open:1 yard:idle:1"},
    {"window before idle when both hold", {0, 500}, 2, "yard:timeout:1 yard:open:1"},
};

static void capture_times_decide_what_is_together(void **state)
{
    for (size_t i = 0; i < NJ_COUNT_OF(windows); i++) {
        void *own = NULL;
        batch_setup(&own);
        struct batch_bench *bench = own;
        for (int k = 0; k < windows[i].count; k++) {
            struct seen seen = car;
            seen.at_s = windows[i].at_s[k];
            assert_int_equal(batch_deliver(bench, &seen, 1), 0);
        }
        const char *list = batch_list(bench);
        if (strcmp(list, windows[i].batches) != 0)
            fail_msg("%s: %s, not %s", windows[i].name, list, windows[i].batches);
        batch_teardown(&own);
    }
    (void)state;
}

static void batch_closes_on_idle_arrival_not_before(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver(bench, &car, 1);
    batch_pass(bench, 25); // sweeps every 5 s
    assert_string_equal(batch_list(bench), "yard:open:1");
    batch_pass(bench, 5);
    assert_string_equal(batch_list(bench), "yard:idle:1");
}

static void arrivals_keep_a_batch_of_old_pictures_open_for_a_window(void **state)
{
    struct batch_bench *bench = *state;
    struct seen old = car;
    for (int i = 0; i < 5; i++) { // capture times of an hour ago, one second apart
        old.at_s = -3600 + i;
        batch_deliver(bench, &old, 1);
        batch_pass(bench, 15);
    }
    assert_string_equal(batch_list(bench), "yard:open:5");
    old.at_s += 1;
    batch_deliver(bench, &old, 1);
    batch_pass(bench, 15); // 90 s since it was opened
    assert_string_equal(batch_list(bench), "yard:timeout:6");
}

static void a_clock_that_was_set_back_keeps_no_batch_open(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver(bench, &car, 1);
    nj_fake_clock_jump_wall(&bench->clock, -3600LL * NJ_US_PER_S);
    batch_pass(bench, 5);
    assert_string_equal(batch_list(bench), "yard:idle:1");
}

static void full_batch_closes_at_once_and_the_next_opens(void **state)
{
    struct batch_bench *bench = *state;
    struct seen many[120];
    for (size_t i = 0; i < NJ_COUNT_OF(many); i++)
        many[i] = car;
    assert_int_equal(batch_deliver(bench, many, NJ_COUNT_OF(many)), 0);
    assert_string_equal(
        batch_sql(bench, "SELECT group_concat(n) FROM (SELECT close_reason || detection_count n"
                         " FROM batches ORDER BY 1)"),
        "20,max_size50,max_size50");
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM detections d JOIN batches b"
                                         " ON b.id = d.batch_id"),
                        "120");
    batch_deliver_many(bench, &car, 30, 0);
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM batches WHERE state = 'open'"), "0");
}

static void a_lower_limit_closes_what_is_open_at_the_next_sweep(void **state)
{
    struct batch_bench *bench = *state;
    struct nj_batch_options options = bench->options;
    batch_deliver_many(bench, &car, 3, 1);
    options.max_detections = 2;
    nj_batcher_set_options(bench->batcher, &options);
    batch_pass(bench, 5);
    assert_string_equal(batch_list(bench), "yard:max_size:3");
}

static void cameras_do_not_share_a_batch(void **state)
{
    struct batch_bench *bench = *state;
    const struct seen gate = {"gate", "car", 0.8, 1};
    batch_deliver(bench, &car, 1);
    batch_deliver(bench, &gate, 1);
    batch_deliver_many(bench, &car, 2, 10);
    assert_string_equal(batch_list(bench), "yard:open:3 gate:open:1");
    batch_pass(bench, 15);
    batch_deliver(bench, &(struct seen){"gate", "dog", 0.6, 16}, 1);
    batch_pass(bench, 15); // the yard was quiet for 30 s, the gate for 15 s
    assert_string_equal(batch_list(bench), "yard:idle:3 gate:open:2");
}

static void closing_puts_one_entry_with_all_members_into_the_queue(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver_many(bench, &(struct seen){"yard", "car", 0.8, 2}, 2, -1);
    batch_pass(bench, 30);
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM work_items"), "1");
    assert_string_equal(batch_sql(bench, "SELECT unique_key = (SELECT id FROM batches)"
                                         " FROM work_items"),
                        "1");
    json_t *payload = NULL;
    const char *text = batch_sql(bench, "SELECT payload FROM work_items");
    assert_int_equal(nj_json_parse(text, strlen(text), 4096, &payload, NULL), 0);
    json_t *ids = json_object_get(payload, "detection_ids");
    assert_string_equal(json_string_value(json_object_get(payload, "camera_id")), "yard");
    assert_string_equal(json_string_value(json_object_get(payload, "reason")), "idle");
    assert_int_equal(json_array_size(ids), 2);
    assert_int_equal(json_integer_value(json_array_get(ids, 0)), 2); // oldest capture first
    assert_int_equal(json_integer_value(json_array_get(ids, 1)), 1);
    assert_true(json_number_value(json_object_get(payload, "timestamp")) == 1769250630.0);
    assert_string_equal(json_string_value(json_object_get(payload, "pipeline_start_time")),
                        "2026-01-24T10:29:59.999993Z");
    json_decref(payload);
}

static void closing_is_logged_with_its_fields(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver(bench, &car, 1);
    batch_pass(bench, 30);
    char *log = batch_log(bench);
    char expected[256];
    snprintf(expected, sizeof expected,
             "\"batch_id\":\"%s\",\"camera_id\":\"yard\",\"detection_count\":1,"
             "\"duration_ms\":30000,\"reason\":\"idle\"",
             batch_sql(bench, "SELECT id FROM batches"));
    assert_non_null(strstr(log, "\"message\":\"Batch closed\""));
    assert_non_null(strstr(log, expected));
    assert_null(strstr(strstr(log, "Batch closed") + 1, "Batch closed"));
    free(log);
}

static void open_batches_survive_a_crash_and_go_on(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver(bench, &car, 1);
    batch_crash(bench);
    assert_string_equal(batch_list(bench), "yard:open:1");
    batch_deliver_many(bench, &(struct seen){"yard", "car", 0.8, 3}, 1, 1);
    assert_string_equal(batch_list(bench), "yard:open:2");
    batch_crash(bench);
    batch_pass(bench, 30);
    assert_string_equal(batch_list(bench), "yard:idle:2");
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM work_items"), "1");
}

static void a_rolled_back_delivery_leaves_no_trace(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver(bench, &car, 1);
    const struct seen later = {"yard", "car", 0.8, 200};
    const struct seen fast = {"yard", "person", 0.99, 2};
    assert_int_equal(batch_deliver_and_fail(bench, &later, 1), NJ_E_IO); // would have closed it
    assert_int_equal(batch_deliver_and_fail(bench, &fast, 1), NJ_E_IO);
    assert_string_equal(batch_list(bench), "yard:open:1");
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM work_items"), "0");
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM detections"), "1");
}

static void shutdown_closes_every_batch_and_says_when(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver(bench, &car, 1);
    batch_deliver(bench, &(struct seen){"gate", "dog", 0.6, 1}, 1);
    batch_close_all(bench);
    assert_int_equal(bench->closed_all, 1);
    assert_int_equal(bench->closed_all_rc, 0);
    assert_string_equal(batch_list(bench), "yard:shutdown:1 gate:shutdown:1");
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM work_items"), "2");
    batch_close_all(bench); // again changes nothing
    assert_int_equal(bench->closed_all, 2);
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM work_items"), "2");
}

static void a_full_queue_pushes_back_and_loses_nothing(void **state)
{
    struct batch_bench *bench = *state;
    bench->queue_options.max_size = 1;
    batch_crash(bench); // with that limit
    batch_deliver(bench, &car, 1);
    batch_deliver(bench, &(struct seen){"gate", "dog", 0.6, 0}, 1);
    batch_pass(bench, 30);
    // Closing is one transaction: with room for one, none closes half.
    assert_string_equal(batch_list(bench), "gate:open:1 yard:open:1");
    assert_int_equal(batch_deliver(bench, &(struct seen){"yard", "car", 0.8, 40}, 1), 0);
    assert_int_equal(batch_deliver(bench, &(struct seen){"gate", "car", 0.8, 40}, 1), NJ_E_FULL);
    assert_string_equal(batch_list(bench), "gate:open:1 yard:idle:1 yard:open:1");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, batch_setup, batch_teardown)

int batch_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capture_times_decide_what_is_together),
        CASE(batch_closes_on_idle_arrival_not_before),
        CASE(arrivals_keep_a_batch_of_old_pictures_open_for_a_window),
        CASE(a_clock_that_was_set_back_keeps_no_batch_open),
        CASE(full_batch_closes_at_once_and_the_next_opens),
        CASE(a_lower_limit_closes_what_is_open_at_the_next_sweep),
        CASE(cameras_do_not_share_a_batch),
        CASE(closing_puts_one_entry_with_all_members_into_the_queue),
        CASE(closing_is_logged_with_its_fields),
        CASE(open_batches_survive_a_crash_and_go_on),
        CASE(a_rolled_back_delivery_leaves_no_trace),
        CASE(shutdown_closes_every_batch_and_says_when),
        CASE(a_full_queue_pushes_back_and_loses_nothing),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
