// SPDX-License-Identifier: Apache-2.0
// The fast path: which detections take it, and that they go nowhere else.
#include "tests/unit/batch/batch_helper.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int fast_path_test(void);

// Threshold of the setting (negative: the model's 0.9), and where one detection ends.
static const struct {
    double threshold;
    struct seen seen;
    const char *batches;
} cases[] = {
    {-1, {"yard", "person", 0.9, 0}, "yard:fast_path:1"},
    {-1, {"yard", "person", 0.8999, 0}, "yard:open:1"},
    {-1, {"yard", "Person", 0.95, 0}, "yard:fast_path:1"},
    {-1, {"yard", "car", 0.99, 0}, "yard:open:1"},
    {0.5, {"yard", "person", 0.5, 0}, "yard:fast_path:1"},
    {0.95, {"yard", "person", 0.94, 0}, "yard:open:1"},
    {2, {"yard", "person", 1.0, 0}, "yard:open:1"}, // shut
};

static void class_and_confidence_decide(void **state)
{
    struct batch_bench *bench = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_batch_options options = bench->options;
        char camera[16], expected[64];
        struct seen seen = cases[i].seen;
        snprintf(camera, sizeof camera, "yard%zu", i);
        snprintf(expected, sizeof expected, "yard%zu%s", i, cases[i].batches + strlen("yard"));
        seen.camera = camera;
        seen.at_s = (double)i; // in the list's order
        options.fast_path_threshold = cases[i].threshold;
        nj_batcher_set_options(bench->batcher, &options);
        assert_int_equal(batch_deliver(bench, &seen, 1), 0);
        const char *list = batch_list(bench);
        const char *last = strrchr(list, ' ');
        if (strcmp(last != NULL ? last + 1 : list, expected) != 0)
            fail_msg("case %zu: %s", i, list);
    }
}

static void one_event_per_delivery_and_the_rest_goes_to_the_window(void **state)
{
    struct batch_bench *bench = *state;
    const struct seen picture[] = {{"yard", "car", 0.95, 0},
                                   {"yard", "person", 0.95, 0},
                                   {"yard", "person", 0.3, 0},
                                   {"yard", "person", 0.97, 0}};
    assert_int_equal(batch_deliver(bench, picture, NJ_COUNT_OF(picture)), 0);
    assert_string_equal(batch_list(bench), "yard:open:2 yard:fast_path:2");
    // The first sure detection names the batch; ids begin at 1.
    assert_string_equal(batch_sql(bench, "SELECT group_concat(batch_id) FROM (SELECT batch_id FROM"
                                         " detections WHERE id IN (2, 4) ORDER BY id)"),
                        "fast_path_2,fast_path_2");
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM detections d JOIN batches b ON"
                                         " b.id = d.batch_id WHERE b.state = 'open'"
                                         " AND d.id IN (1, 3)"),
                        "2");
    assert_string_equal(batch_sql(bench, "SELECT unique_key FROM work_items"), "fast_path_2");
    batch_deliver(bench, picture, NJ_COUNT_OF(picture));
    assert_string_equal(batch_list(bench), "yard:open:4 yard:fast_path:2 yard:fast_path:2");
}

// A second delivery after a lost lease: what is stored keeps its batch, what is missing is added.
static void rows_of_an_earlier_delivery_open_no_batch_and_are_told_once(void **state)
{
    struct batch_bench *bench = *state;
    const struct seen picture[] = {{"yard", "person", 0.95, 0},
                                   {"yard", "person", 0.97, 0},
                                   {"yard", "car", 0.95, 0},
                                   {"yard", "dog", 0.95, 0}};
    assert_int_equal(batch_deliver(bench, picture, 3), 0);
    const char *before = "yard:open:1 yard:fast_path:2";
    assert_string_equal(batch_list(bench), before);
    bench->next -= 1;
    assert_int_equal(batch_deliver(bench, picture, 3), 0);
    assert_string_equal(batch_list(bench), before);
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM work_items"), "1");
    bench->next -= 1;
    assert_int_equal(batch_deliver(bench, picture, 4), 0);
    assert_string_equal(batch_list(bench), "yard:open:2 yard:fast_path:2");
    assert_string_equal(batch_sql(bench, "SELECT COUNT(*) FROM detections"), "4");
}

static void repeated_rows_after_the_end_of_their_batch_open_no_new_one(void **state)
{
    struct batch_bench *bench = *state;
    const struct seen car = {"yard", "car", 0.95, 0};
    assert_int_equal(batch_deliver(bench, &car, 1), 0);
    batch_close_all(bench);
    bench->next -= 1;
    assert_int_equal(batch_deliver(bench, &car, 1), 0);
    assert_string_equal(batch_list(bench), "yard:shutdown:1");
}

static void fast_path_work_overtakes_closed_batches(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver(bench, &(struct seen){"yard", "car", 0.8, 0}, 1);
    batch_close_all(bench);
    batch_deliver(bench, &(struct seen){"yard", "person", 0.95, 1}, 1);
    assert_string_equal(
        batch_sql(bench, "SELECT unique_key FROM work_items ORDER BY priority DESC, id LIMIT 1"),
        "fast_path_2");
}

static void an_open_batch_is_left_alone(void **state)
{
    struct batch_bench *bench = *state;
    batch_deliver(bench, &(struct seen){"yard", "car", 0.8, 0}, 1);
    batch_pass(bench, 20);
    // Neither its members nor its idle time change, and a late capture time does not close it.
    batch_deliver(bench, &(struct seen){"yard", "person", 0.95, 300}, 1);
    assert_string_equal(batch_list(bench), "yard:open:1 yard:fast_path:1");
    batch_pass(bench, 10);
    assert_string_equal(batch_list(bench), "yard:idle:1 yard:fast_path:1");
}

static void a_busy_live_camera_rings_once_in_the_pause(void **state)
{
    struct batch_bench *bench = *state;
    struct nj_batch_options options = bench->options;
    options.fast_path_pause_us = 60LL * NJ_US_PER_S;
    nj_batcher_set_options(bench->batcher, &options);
    bench->live = true;
    batch_deliver(bench, &(struct seen){"yard", "person", 0.95, 0}, 1);
    batch_deliver(bench, &(struct seen){"gate", "person", 0.95, 0}, 1); // has a bell of its own
    batch_deliver(bench, &(struct seen){"yard", "person", 0.95, 1}, 1);
    assert_string_equal(
        batch_sql(bench, "SELECT count(*) FROM batches WHERE close_reason = 'fast_path'"), "2");
    bench->live = false; // an upload always takes it
    batch_deliver(bench, &(struct seen){"yard", "person", 0.95, 2}, 1);
    bench->live = true;
    nj_fake_clock_advance(&bench->clock, 61LL * NJ_US_PER_S);
    batch_deliver(bench, &(struct seen){"yard", "person", 0.95, 61}, 1);
    assert_string_equal(
        batch_sql(bench, "SELECT count(*) FROM batches WHERE close_reason = 'fast_path'"), "4");
}

static void a_clock_that_was_set_back_prolongs_no_pause(void **state)
{
    struct batch_bench *bench = *state;
    struct nj_batch_options options = bench->options;
    options.fast_path_pause_us = 60LL * NJ_US_PER_S;
    nj_batcher_set_options(bench->batcher, &options);
    bench->live = true;
    batch_deliver(bench, &(struct seen){"yard", "person", 0.95, 0}, 1);
    nj_fake_clock_jump_wall(&bench->clock, -5LL * 3600 * NJ_US_PER_S);
    batch_deliver(bench, &(struct seen){"yard", "person", 0.95, 1}, 1);
    assert_string_equal(
        batch_sql(bench, "SELECT count(*) FROM batches WHERE close_reason = 'fast_path'"), "2");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, batch_setup, batch_teardown)

int fast_path_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(class_and_confidence_decide),
        CASE(one_event_per_delivery_and_the_rest_goes_to_the_window),
        CASE(rows_of_an_earlier_delivery_open_no_batch_and_are_told_once),
        CASE(repeated_rows_after_the_end_of_their_batch_open_no_new_one),
        CASE(fast_path_work_overtakes_closed_batches),
        CASE(an_open_batch_is_left_alone),
        CASE(a_busy_live_camera_rings_once_in_the_pause),
        CASE(a_clock_that_was_set_back_prolongs_no_pause),
    };
    return cmocka_run_group_tests_name("fast path", tests, NULL, NULL);
}
