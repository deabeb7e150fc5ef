// SPDX-License-Identifier: Apache-2.0
// The event loop: posted calls, timers on a fake and on the real clock, stopping.
#include "loop/loop.h"

#include "loop/thread.h"
#include "tests/fake/fake_clock.h"
#include "util/mem.h"
#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int loop_test(void);

struct fixture {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    nj_fake_clock_init(&f->clock, 0);
    assert_int_equal(nj_loop_create(&f->clock.clock, &f->loop, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    nj_loop_destroy(f->loop);
    free(f);
    return 0;
}

// A timer that notes its firing in a text that all of one test share.
struct noting {
    struct nj_timer timer;
    char mark;
    char *notes;
    struct nj_timer *stops; // stopped when this fires; may be NULL
    bool again;             // starts itself once more without delay
};

static void note(struct nj_timer *timer)
{
    struct noting *noting = NJ_CONTAINER_OF(timer, struct noting, timer);
    size_t length = strlen(noting->notes);
    noting->notes[length] = noting->mark;
    noting->notes[length + 1] = '\0';
    if (noting->stops)
        nj_timer_stop(noting->stops);
    if (noting->again)
        assert_int_equal(nj_timer_start(timer, 0, 0), 0);
    noting->again = false;
}

static void timers_fire_by_time_and_then_by_order_of_start(void **state)
{
    struct fixture *f = *state;
    char notes[32] = "";
    struct noting timers[4];
    static const nj_us delays[] = {300, 100, 300, 200};
    for (size_t i = 0; i < 4; i++) {
        timers[i] = (struct noting){.mark = (char)('a' + i), .notes = notes};
        nj_timer_init(&timers[i].timer, f->loop, note);
        assert_int_equal(nj_timer_start(&timers[i].timer, delays[i], 0), 0);
    }
    assert_int_equal(nj_loop_turn(f->loop), 0);
    nj_fake_clock_advance(&f->clock, 99);
    assert_int_equal(nj_loop_turn(f->loop), 0);
    nj_fake_clock_advance(&f->clock, 1);
    assert_int_equal(nj_loop_turn(f->loop), 1);
    assert_false(nj_timer_active(&timers[1].timer));
    assert_true(nj_timer_active(&timers[0].timer));
    nj_fake_clock_advance(&f->clock, 1000);
    assert_int_equal(nj_loop_turn(f->loop), 3);
    assert_string_equal(notes, "bdac");
}

static void period_keeps_its_beat_and_skips_what_was_missed(void **state)
{
    struct fixture *f = *state;
    char notes[32] = "";
    struct noting timer = {.mark = 'p', .notes = notes};
    nj_timer_init(&timer.timer, f->loop, note);
    assert_int_equal(nj_timer_start(&timer.timer, 10, 100), 0);
    nj_fake_clock_advance(&f->clock, 10); // at 10
    assert_int_equal(nj_loop_turn(f->loop), 1);
    nj_fake_clock_advance(&f->clock, 345); // at 355: beats 110, 210 and 310 are one firing
    assert_int_equal(nj_loop_turn(f->loop), 1);
    nj_fake_clock_advance(&f->clock, 54); // at 409
    assert_int_equal(nj_loop_turn(f->loop), 0);
    nj_fake_clock_advance(&f->clock, 1); // at 410, on the beat
    assert_int_equal(nj_loop_turn(f->loop), 1);
    nj_timer_stop(&timer.timer);
    nj_fake_clock_advance(&f->clock, 1000);
    assert_int_equal(nj_loop_turn(f->loop), 0);
    assert_string_equal(notes, "ppp");
}

static void timer_may_stop_itself_and_others_while_firing(void **state)
{
    struct fixture *f = *state;
    char notes[32] = "";
    struct noting own = {.mark = 'o', .notes = notes, .stops = &own.timer};
    struct noting other = {.mark = 'x', .notes = notes};
    struct noting killer = {.mark = 'k', .notes = notes, .stops = &other.timer};
    nj_timer_init(&own.timer, f->loop, note);
    nj_timer_init(&other.timer, f->loop, note);
    nj_timer_init(&killer.timer, f->loop, note);
    nj_timer_start(&own.timer, 1, 1);
    nj_timer_start(&killer.timer, 5, 0);
    nj_timer_start(&other.timer, 5, 0);
    nj_fake_clock_advance(&f->clock, 10);
    assert_int_equal(nj_loop_turn(f->loop), 2);
    nj_fake_clock_advance(&f->clock, 10);
    assert_int_equal(nj_loop_turn(f->loop), 0);
    assert_string_equal(notes, "ok");
    struct nj_timer zeroed = {0};
    nj_timer_stop(&zeroed);
    assert_false(nj_timer_active(&zeroed));
}

static void starting_again_moves_a_timer(void **state)
{
    struct fixture *f = *state;
    char notes[32] = "";
    struct noting a = {.mark = 'a', .notes = notes};
    struct noting b = {.mark = 'b', .notes = notes, .again = true};
    nj_timer_init(&a.timer, f->loop, note);
    nj_timer_init(&b.timer, f->loop, note);
    nj_timer_start(&a.timer, 10, 0);
    nj_timer_start(&b.timer, 20, 0);
    nj_timer_start(&a.timer, 20, 0); // later now, and behind b
    nj_fake_clock_advance(&f->clock, 20);
    nj_loop_turn(f->loop);
    assert_string_equal(notes, "bab"); // b, started without delay meanwhile, comes after a
}

static int compare_us(const void *a, const void *b)
{
    nj_us x = *(const nj_us *)a, y = *(const nj_us *)b;
    return (x > y) - (x < y);
}

enum { MANY = 500 };

struct many {
    struct nj_timer timers[MANY];
    nj_us fired[MANY];
    size_t count;
};

static struct many *many_of_test; // the callback has only the timer, which stands in an array

static void note_due(struct nj_timer *timer)
{
    many_of_test->fired[many_of_test->count++] = timer->due_us;
}

static void heap_sorts_under_random_starts_stops_and_moves(void **state)
{
    struct fixture *f = *state;
    struct nj_rng rng;
    struct many *many = calloc(1, sizeof(*many));
    nj_us expected[MANY];
    size_t count = 0;
    nj_rng_seed(&rng, 99);
    many_of_test = many;
    for (size_t i = 0; i < MANY; i++)
        nj_timer_init(&many->timers[i], f->loop, note_due);
    for (int step = 0; step < 5000; step++) {
        struct nj_timer *timer = &many->timers[nj_rng_below(&rng, MANY)];
        if (nj_rng_below(&rng, 3))
            nj_timer_start(timer, (nj_us)nj_rng_below(&rng, 100000), 0);
        else
            nj_timer_stop(timer);
    }
    for (size_t i = 0; i < MANY; i++) {
        if (nj_timer_active(&many->timers[i]))
            expected[count++] = many->timers[i].due_us;
    }
    qsort(expected, count, sizeof(expected[0]), compare_us);
    nj_fake_clock_advance(&f->clock, 100000);
    assert_int_equal(nj_loop_turn(f->loop), count);
    assert_int_equal(many->count, count);
    assert_memory_equal(many->fired, expected, count * sizeof(expected[0]));
    free(many);
}

struct counting {
    struct nj_call call;
    struct nj_loop *loop;
    unsigned *sequence; // of all calls
    unsigned at;        // place in the sequence of the last run, from 1
    unsigned repeats;   // posts itself so often
};

static void count_call(struct nj_call *call)
{
    struct counting *counting = NJ_CONTAINER_OF(call, struct counting, call);
    counting->at = ++*counting->sequence;
    if (counting->repeats > 0) {
        counting->repeats--;
        nj_loop_post(counting->loop, call);
    }
}

static void calls_run_in_the_order_of_posting_and_may_post_again(void **state)
{
    struct fixture *f = *state;
    unsigned sequence = 0;
    struct counting calls[3];
    for (int i = 0; i < 3; i++) {
        calls[i] =
            (struct counting){.call = {.fn = count_call}, .loop = f->loop, .sequence = &sequence};
        calls[i].repeats = i == 0 ? 2 : 0;
        nj_loop_post(f->loop, &calls[i].call);
    }
    assert_int_equal(nj_loop_turn(f->loop), 5);
    assert_int_equal(calls[1].at, 2);
    assert_int_equal(calls[2].at, 3);
    assert_int_equal(calls[0].at, 5);
}

static void linked_calls_run_oldest_first_between_single_ones(void **state)
{
    struct fixture *f = *state;
    unsigned sequence = 0;
    struct counting calls[5];
    for (int i = 0; i < 5; i++)
        calls[i] =
            (struct counting){.call = {.fn = count_call}, .loop = f->loop, .sequence = &sequence};
    calls[3].call.next = &calls[2].call;
    calls[2].call.next = &calls[1].call;
    nj_loop_post(f->loop, &calls[0].call);
    nj_loop_post_linked(f->loop, &calls[3].call, &calls[1].call);
    nj_loop_post(f->loop, &calls[4].call);
    assert_int_equal(nj_loop_turn(f->loop), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(calls[i].at, i + 1);
}

static void calls_left_at_destroy_still_run(void **state)
{
    (void)state;
    unsigned sequence = 0;
    struct nj_loop *loop;
    struct counting counting = {.call = {.fn = count_call}, .sequence = &sequence};
    assert_int_equal(nj_loop_create(nj_clock_real(), &loop, NULL), 0);
    nj_loop_post(loop, &counting.call);
    nj_loop_destroy(loop);
    assert_int_equal(sequence, 1);
    nj_loop_destroy(NULL);
}

enum { POSTERS = 4, POSTS = 2000 };

struct poster {
    struct nj_loop *loop;
    struct post {
        struct nj_call call;
        struct poster *poster;
        unsigned number;
    } posts[POSTS];
    unsigned seen; // loop thread
    unsigned *left;
};

static void on_post(struct nj_call *call)
{
    struct post *post = NJ_CONTAINER_OF(call, struct post, call);
    assert_int_equal(post->number, post->poster->seen);
    post->poster->seen++;
    if (--*post->poster->left == 0)
        nj_loop_stop(post->poster->loop);
}

static void post_all(void *arg)
{
    struct poster *poster = arg;
    for (unsigned i = 0; i < POSTS; i++) {
        poster->posts[i] = (struct post){.call = {.fn = on_post}, .poster = poster, .number = i};
        nj_loop_post(poster->loop, &poster->posts[i].call);
    }
}

static void posts_of_many_threads_arrive_once_and_in_their_order(void **state)
{
    (void)state;
    struct nj_loop *loop;
    pthread_t threads[POSTERS];
    unsigned left = POSTERS * POSTS;
    struct poster *posters = calloc(POSTERS, sizeof(*posters));
    assert_non_null(posters);
    assert_int_equal(nj_loop_create(nj_clock_real(), &loop, NULL), 0);
    for (int i = 0; i < POSTERS; i++) {
        posters[i].loop = loop;
        posters[i].left = &left;
        assert_int_equal(nj_thread_start(&threads[i], "poster", post_all, &posters[i], NULL), 0);
    }
    nj_loop_run(loop);
    for (int i = 0; i < POSTERS; i++) {
        nj_thread_join(threads[i]);
        assert_int_equal(posters[i].seen, POSTS);
    }
    nj_loop_destroy(loop);
    free(posters);
}

struct stopper {
    struct nj_timer timer;
    nj_us fired_us;
};

static void stop_loop(struct nj_timer *timer)
{
    struct stopper *stopper = NJ_CONTAINER_OF(timer, struct stopper, timer);
    stopper->fired_us = nj_mono_us(nj_loop_clock(timer->loop));
    nj_loop_stop(timer->loop);
}

static void real_clock_wakes_the_loop_when_a_timer_is_due_not_before(void **state)
{
    (void)state;
    struct nj_loop *loop;
    struct stopper stopper = {.fired_us = 0};
    assert_int_equal(nj_loop_create(nj_clock_real(), &loop, NULL), 0);
    assert_ptr_equal(nj_loop_clock(loop), nj_clock_real());
    nj_timer_init(&stopper.timer, loop, stop_loop);
    nj_us start = nj_mono_us(nj_clock_real());
    assert_int_equal(nj_timer_start(&stopper.timer, 3500, 0), 0);
    nj_loop_run(loop);
    assert_true(stopper.fired_us - start >= 3500);
    nj_loop_stop(loop); // before run: run returns at once
    nj_loop_run(loop);
    nj_loop_destroy(loop);
}

int loop_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_by_time_and_then_by_order_of_start, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(period_keeps_its_beat_and_skips_what_was_missed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(timer_may_stop_itself_and_others_while_firing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(starting_again_moves_a_timer, setup, teardown),
        cmocka_unit_test_setup_teardown(heap_sorts_under_random_starts_stops_and_moves, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(calls_run_in_the_order_of_posting_and_may_post_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(linked_calls_run_oldest_first_between_single_ones, setup,
                                        teardown),
        cmocka_unit_test(calls_left_at_destroy_still_run),
        cmocka_unit_test(posts_of_many_threads_arrive_once_and_in_their_order),
        cmocka_unit_test(real_clock_wakes_the_loop_when_a_timer_is_due_not_before),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
