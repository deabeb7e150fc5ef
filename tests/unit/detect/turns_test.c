// SPDX-License-Identifier: Apache-2.0
// The order in which sources are served.
#include "tests/unit/detect/detect_helper.h"

#include "detect/turns_priv.h"

#include <string.h>

int turns_test(void);

enum { JOBS = 32 };

struct fixture {
    struct nj_turns *turns;
    struct nj_detect_job jobs[JOBS];
    size_t used;
};

static struct nj_detect_job *add(struct fixture *f, const char *source, nj_us deadline_us)
{
    struct nj_detect_job *job = &f->jobs[f->used++];
    job->source = source;
    job->deadline_us = deadline_us;
    assert_int_equal(nj_turns_add(f->turns, job), 0);
    return job;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.turns = nj_turns_create();
    *state = &fixture;
    return fixture.turns == NULL;
}

static int tear_down(void **state)
{
    nj_turns_destroy(((struct fixture *)*state)->turns);
    return 0;
}

// Takes everything and compares the first letters of the sources, e.g. "abab".
static void assert_order(struct fixture *f, const char *expected)
{
    char order[JOBS + 1] = "";
    size_t count = 0;
    for (struct nj_detect_job *job = nj_turns_take(f->turns); job != NULL;
         job = nj_turns_take(f->turns))
        order[count++] = job->source[0];
    assert_string_equal(order, expected);
    assert_int_equal(nj_turns_waiting(f->turns), 0);
}

static void sources_with_durable_work_take_turns(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        add(f, "a", 0);
    add(f, "b", 0);
    add(f, "c", 0);
    add(f, "c", 0);
    assert_order(f, "abcacaa");
}

static void work_of_one_source_keeps_its_order(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        add(f, "a", 0);
    for (int i = 0; i < 5; i++)
        assert_ptr_equal(nj_turns_take(f->turns), &f->jobs[i]);
}

static void perishable_work_goes_first(void **state)
{
    struct fixture *f = *state;
    add(f, "d", 0);
    add(f, "p", 100);
    assert_order(f, "pd");
}

static void durable_work_is_never_starved(void **state)
{
    struct fixture *f = *state;
    static const char *const live[] = {"p", "q", "r", "s", "t", "u", "v"};
    add(f, "d", 0);
    add(f, "d", 0);
    add(f, "d", 0);
    for (size_t i = 0; i < 7; i++)
        add(f, live[i], 100);
    assert_order(f, "pqrdstudvd");
}

static void a_live_source_that_is_served_goes_to_the_end(void **state)
{
    struct fixture *f = *state;
    add(f, "p", 1);
    add(f, "q", 1);
    assert_ptr_equal(nj_turns_take(f->turns), &f->jobs[0]);
    add(f, "p", 2);
    assert_order(f, "qp");
}

static void a_newer_picture_takes_the_place_of_the_old(void **state)
{
    struct fixture *f = *state;
    struct nj_detect_job *old = add(f, "p", 1);
    add(f, "q", 1);
    struct nj_detect_job *newer = add(f, "p", 2);
    assert_int_equal(nj_turns_waiting(f->turns), 2);
    assert_int_equal(nj_turns_held(f->turns), 3);
    assert_ptr_equal(nj_turns_take_ended(f->turns), old);
    assert_null(nj_turns_take_ended(f->turns));
    assert_ptr_equal(nj_turns_take(f->turns), newer); // before q, where the old one stood
    assert_int_equal(nj_turns_held(f->turns), 1);
}

static void durable_work_is_not_replaced(void **state)
{
    struct fixture *f = *state;
    add(f, "p", 0);
    add(f, "p", 1);
    add(f, "p", 0);
    assert_null(nj_turns_take_ended(f->turns));
    assert_order(f, "ppp");
}

static void kept_work_is_not_replaced_and_goes_before_the_newest(void **state)
{
    struct fixture *f = *state;
    struct nj_detect_job *old = add(f, "a", 100);
    for (int i = 0; i < 3; i++) {
        f->jobs[f->used].keep = true;
        add(f, "a", 100);
    }
    add(f, "b", 100);
    struct nj_detect_job *newest = add(f, "a", 100);
    assert_int_equal(nj_turns_waiting(f->turns), 5);
    assert_ptr_equal(nj_turns_take_ended(f->turns), old);
    assert_null(nj_turns_take_ended(f->turns));
    // Sources still take turns: three kept ones do not hold up another camera.
    struct nj_detect_job *const expected[] = {&f->jobs[1], &f->jobs[4], &f->jobs[2], &f->jobs[3],
                                              newest};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_ptr_equal(nj_turns_peek(f->turns), expected[i]);
        assert_ptr_equal(nj_turns_take(f->turns), expected[i]);
    }
    assert_null(nj_turns_peek(f->turns));
    assert_int_equal(nj_turns_held(f->turns), 0);
}

static void a_look_ahead_sees_what_is_taken_next(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 12; i++)
        add(f, i % 2 ? "x" : "y", 0);
    for (int i = 0; i < 8; i++) {
        const char *const sources[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        add(f, sources[i], 100);
    }
    for (int i = 0; i < 20; i++) {
        struct nj_detect_job *next = nj_turns_peek(f->turns);
        assert_non_null(next);
        assert_ptr_equal(nj_turns_take(f->turns), next);
    }
}

static void the_key_may_go_with_the_job(void **state)
{
    struct fixture *f = *state;
    char key[] = "a";
    f->jobs[0].source = key;
    assert_int_equal(nj_turns_add(f->turns, &f->jobs[0]), 0);
    f->used = 1;
    add(f, "a", 0);
    assert_ptr_equal(nj_turns_take(f->turns), &f->jobs[0]);
    key[0] = 'x'; // as freed memory would
    assert_ptr_equal(nj_turns_take(f->turns), &f->jobs[1]);
    add(f, "a", 0);
    assert_ptr_equal(nj_turns_take(f->turns), &f->jobs[2]);
}

int turns_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sources_with_durable_work_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(work_of_one_source_keeps_its_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(perishable_work_goes_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(durable_work_is_never_starved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_live_source_that_is_served_goes_to_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_newer_picture_takes_the_place_of_the_old, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(durable_work_is_not_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kept_work_is_not_replaced_and_goes_before_the_newest,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_ahead_sees_what_is_taken_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_key_may_go_with_the_job, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
