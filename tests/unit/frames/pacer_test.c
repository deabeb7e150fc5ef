// SPDX-License-Identifier: Apache-2.0
// Paced playback: due times do not drift, late frames drop, rounds join without a gap.
#include "frames/pacer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

int pacer_test(void);

enum { MS = NJ_US_PER_MS };

static void due_times_do_not_drift_with_late_callers(void **state)
{
    (void)state;
    struct nj_pacer pacer = {0};
    nj_us now = 777;
    for (int i = 0; i < 1000; i++) {
        struct nj_pacer_step step = nj_pacer_next(&pacer, i * 100 * MS, now, 100 * MS);
        assert_false(step.drop);
        assert_int_equal(now + step.wait_us, i == 0 ? 777 : 777 + i * 100 * MS);
        now += step.wait_us + 3 * MS; // each frame takes 3 ms of work
    }
}

static void late_frames_drop_until_the_file_has_caught_up(void **state)
{
    (void)state;
    struct nj_pacer pacer = {0};
    (void)nj_pacer_next(&pacer, 0, 0, 100 * MS);
    nj_us now = 450 * MS; // something took long
    static const struct {
        nj_us pts, wait;
        bool drop;
    } steps[] = {{100 * MS, 0, true},  {200 * MS, 0, true},  {300 * MS, 0, true},
                 {350 * MS, 0, false}, {400 * MS, 0, false}, {500 * MS, 50 * MS, false}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct nj_pacer_step step = nj_pacer_next(&pacer, steps[i].pts, now, 100 * MS);
        assert_int_equal(step.drop, steps[i].drop);
        assert_int_equal(step.wait_us, steps[i].wait);
    }
}

static void a_machine_that_slept_goes_on_where_it_was(void **state)
{
    (void)state;
    struct nj_pacer pacer = {0};
    (void)nj_pacer_next(&pacer, 0, 0, 100 * MS);
    struct nj_pacer_step step = nj_pacer_next(&pacer, 100 * MS, 3600000 * (nj_us)MS, 100 * MS);
    assert_false(step.drop);
    assert_int_equal(step.wait_us, 0);
    step = nj_pacer_next(&pacer, 200 * MS, 3600000 * (nj_us)MS, 100 * MS);
    assert_int_equal(step.wait_us, 100 * MS);
}

static void rounds_follow_each_other_without_a_gap(void **state)
{
    (void)state;
    struct nj_pacer pacer = {0};
    nj_us now = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++) {
            struct nj_pacer_step step = nj_pacer_next(&pacer, i * 100 * MS, now, 100 * MS);
            now += step.wait_us;
            assert_int_equal(now, (round * 10 + i) * 100 * MS);
        }
        nj_pacer_loop(&pacer, 100 * MS);
    }
}

int pacer_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_times_do_not_drift_with_late_callers),
        cmocka_unit_test(late_frames_drop_until_the_file_has_caught_up),
        cmocka_unit_test(a_machine_that_slept_goes_on_where_it_was),
        cmocka_unit_test(rounds_follow_each_other_without_a_gap),
    };
    return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
