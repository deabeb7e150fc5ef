// SPDX-License-Identifier: Apache-2.0
// The bounded queue: its limits, policies and waiting.
#include "loop/queue.h"

#include "loop/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

int queue_test(void);

static void note_drop(void *item, void *arg)
{
    int *sum = arg;
    *sum = *sum * 10 + *(int *)item;
}

static struct nj_queue *create(struct nj_queue_options options)
{
    struct nj_queue *queue = NULL;
    assert_int_equal(nj_queue_create(&options, &queue), 0);
    return queue;
}

static void items_leave_in_order_and_a_full_queue_rejects(void **state)
{
    (void)state;
    int items[] = {1, 2, 3};
    void *out = NULL;
    struct nj_queue_stats stats;
    struct nj_queue *queue = create((struct nj_queue_options){.max_items = 2});
    for (int round = 0; round < 3; round++) { // the ring turns over
        assert_int_equal(nj_queue_push(queue, &items[0], 5), 0);
        assert_int_equal(nj_queue_push(queue, &items[1], 6), 0);
        assert_int_equal(nj_queue_push(queue, &items[2], 0), NJ_E_FULL);
        assert_int_equal(nj_queue_pop(queue, 0, &out), 0);
        assert_ptr_equal(out, &items[0]);
        nj_queue_get_stats(queue, &stats);
        assert_int_equal(stats.items, 1);
        assert_int_equal(stats.bytes, 6);
        assert_int_equal(nj_queue_pop(queue, 0, &out), 0);
        assert_ptr_equal(out, &items[1]);
        assert_int_equal(nj_queue_pop(queue, 0, &out), NJ_E_AGAIN);
    }
    nj_queue_get_stats(queue, &stats);
    assert_int_equal(stats.pushed, 6);
    assert_int_equal(stats.popped, 6);
    assert_int_equal(stats.rejected, 3);
    assert_int_equal(stats.dropped, 0);
    assert_int_equal(stats.max_items, 2);
    nj_queue_destroy(queue);
    nj_queue_destroy(NULL);
}

static void bytes_bound_the_queue_too(void **state)
{
    (void)state;
    int item = 1;
    struct nj_queue *queue = create((struct nj_queue_options){.max_items = 9, .max_bytes = 10});
    assert_int_equal(nj_queue_push(queue, &item, 11), NJ_E_TOO_BIG);
    assert_int_equal(nj_queue_push(queue, &item, 6), 0);
    assert_int_equal(nj_queue_push(queue, &item, 5), NJ_E_FULL);
    assert_int_equal(nj_queue_push(queue, &item, 4), 0);
    assert_int_equal(nj_queue_push(queue, &item, 0), 0);
    assert_int_equal(nj_queue_push(queue, &item, 1), NJ_E_FULL);
    nj_queue_destroy(queue);
}

static void drop_oldest_makes_room_in_items_and_bytes(void **state)
{
    (void)state;
    int items[] = {1, 2, 3, 4, 5};
    int dropped = 0;
    void *out = NULL;
    struct nj_queue_stats stats;
    struct nj_queue *queue = create((struct nj_queue_options){.max_items = 3,
                                                              .max_bytes = 10,
                                                              .policy = NJ_QUEUE_DROP_OLDEST,
                                                              .drop = note_drop,
                                                              .arg = &dropped});
    for (int i = 0; i < 4; i++)
        assert_int_equal(nj_queue_push(queue, &items[i], 3), 0);
    assert_int_equal(dropped, 1);
    assert_int_equal(nj_queue_push(queue, &items[4], 7), 0); // 3 + 7 bytes: 2 and 3 go
    assert_int_equal(dropped, 123);
    nj_queue_get_stats(queue, &stats);
    assert_int_equal(stats.dropped, 3);
    assert_int_equal(stats.items, 2);
    assert_int_equal(stats.bytes, 10);
    assert_int_equal(nj_queue_pop(queue, 0, &out), 0);
    assert_ptr_equal(out, &items[3]);
    nj_queue_destroy(queue); // the one left is handed to drop
    assert_int_equal(dropped, 1235);
}

static void closed_queue_empties_but_takes_nothing(void **state)
{
    (void)state;
    int item = 1;
    void *out = NULL;
    struct nj_queue *queue = create((struct nj_queue_options){.max_items = 2});
    assert_int_equal(nj_queue_push(queue, &item, 0), 0);
    nj_queue_close(queue);
    assert_int_equal(nj_queue_push(queue, &item, 0), NJ_E_CANCELLED);
    assert_int_equal(nj_queue_pop(queue, -1, &out), 0);
    out = NULL;
    assert_int_equal(nj_queue_pop(queue, -1, &out), NJ_E_CANCELLED);
    assert_null(out);
    nj_queue_destroy(queue);
}

static void pop_waits_its_time_and_not_less(void **state)
{
    (void)state;
    void *out = NULL;
    struct nj_queue *queue = create((struct nj_queue_options){.max_items = 2});
    nj_us start = nj_mono_us(nj_clock_real());
    assert_int_equal(nj_queue_pop(queue, 3000, &out), NJ_E_AGAIN);
    assert_true(nj_mono_us(nj_clock_real()) - start >= 3000);
    nj_queue_destroy(queue);
}

static void options_without_sense_are_refused(void **state)
{
    (void)state;
    struct nj_queue *queue = NULL;
    struct nj_queue_options none = {.max_items = 0};
    struct nj_queue_options no_drop = {.max_items = 1, .policy = NJ_QUEUE_DROP_OLDEST};
    struct nj_queue_options endless = {.max_items = SIZE_MAX / 2};
    assert_int_equal(nj_queue_create(&none, &queue), NJ_E_INVALID);
    assert_int_equal(nj_queue_create(&no_drop, &queue), NJ_E_INVALID);
    assert_int_equal(nj_queue_create(&endless, &queue), NJ_E_NOMEM);
    assert_null(queue);
}

enum { NUMBERS = 20000, CONSUMERS = 3 };

struct consumer {
    struct nj_queue *queue;
    uint64_t sum, count;
};

static void consume(void *arg)
{
    struct consumer *consumer = arg;
    void *item;
    while (nj_queue_pop(consumer->queue, -1, &item) == 0) {
        consumer->sum += *(unsigned *)item;
        consumer->count++;
    }
}

// Every number arrives at exactly one of the threads, and closing wakes them all.
static void threads_share_the_items_without_loss(void **state)
{
    (void)state;
    struct consumer consumers[CONSUMERS] = {0};
    pthread_t threads[CONSUMERS];
    unsigned *numbers = calloc(NUMBERS, sizeof(*numbers));
    uint64_t sum = 0, count = 0;
    struct nj_queue *queue = create((struct nj_queue_options){.max_items = NUMBERS});
    assert_non_null(numbers);
    for (int i = 0; i < CONSUMERS; i++) {
        consumers[i].queue = queue;
        assert_int_equal(nj_thread_start(&threads[i], "consumer", consume, &consumers[i], NULL), 0);
    }
    for (unsigned i = 0; i < NUMBERS; i++) {
        numbers[i] = i;
        assert_int_equal(nj_queue_push(queue, &numbers[i], 1), 0);
    }
    nj_queue_close(queue);
    for (int i = 0; i < CONSUMERS; i++) {
        nj_thread_join(threads[i]);
        sum += consumers[i].sum;
        count += consumers[i].count;
    }
    assert_int_equal(count, NUMBERS);
    assert_true(sum == (uint64_t)NUMBERS * (NUMBERS - 1) / 2);
    nj_queue_destroy(queue);
    free(numbers);
}

int queue_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_leave_in_order_and_a_full_queue_rejects),
        cmocka_unit_test(bytes_bound_the_queue_too),
        cmocka_unit_test(drop_oldest_makes_room_in_items_and_bytes),
        cmocka_unit_test(closed_queue_empties_but_takes_nothing),
        cmocka_unit_test(pop_waits_its_time_and_not_less),
        cmocka_unit_test(options_without_sense_are_refused),
        cmocka_unit_test(threads_share_the_items_without_loss),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
