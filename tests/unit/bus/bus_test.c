// SPDX-License-Identifier: Apache-2.0
// The bus: order, topics, threads, bounds, removal while firing; the outbox in front of it.
#include "bus/bus.h"

#include "bus/bus_driver.h"
#include "bus/outbox.h"
#include "loop/thread.h"
#include "tests/fake/fake_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int bus_test(void);

enum { MAX_WAITING = 700, EACH = 200 };

struct ear {
    struct nj_bus_subscriber subscriber;
    struct nj_bus *bus;
    struct nj_bus_subscriber *hangs_up_on;
    bool answers;
    int heard;
    char text[512];
};

struct fixture {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_metrics *metrics;
    struct nj_bus *bus;
    struct ear events, more, system;
};

static int say(struct nj_bus *bus, const char *topic, const char *json)
{
    return nj_bus_publish(bus, topic, "tag", json, strlen(json));
}

static void hear(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    struct ear *ear = NJ_CONTAINER_OF(subscriber, struct ear, subscriber);
    ear->heard++;
    assert_string_equal(message->tag, "tag");
    assert_int_equal(message->length, strlen(message->json));
    if (strlen(ear->text) + message->length < sizeof ear->text)
        strcat(ear->text, message->json);
    if (ear->hangs_up_on)
        nj_bus_unsubscribe(ear->hangs_up_on);
    if (ear->answers)
        assert_int_equal(say(ear->bus, "system", "answer"), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    nj_fake_clock_init(&f->clock, 0);
    assert_int_equal(nj_loop_create(&f->clock.clock, &f->loop, NULL), 0);
    f->metrics = nj_metrics_create();
    assert_non_null(f->metrics);
    assert_int_equal(nj_bus_create(f->loop, f->metrics, MAX_WAITING, &f->bus, NULL), 0);
    struct ear *ears[] = {&f->events, &f->more, &f->system};
    for (size_t i = 0; i < NJ_COUNT_OF(ears); i++) {
        ears[i]->bus = f->bus;
        ears[i]->subscriber.fn = hear;
        nj_bus_subscribe(f->bus, &ears[i]->subscriber, ears[i] == &f->system ? "system" : "events");
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    nj_bus_destroy(f->bus);
    while (nj_loop_turn(f->loop) > 0)
        continue;
    nj_loop_destroy(f->loop);
    nj_metrics_destroy(f->metrics);
    free(f);
    return 0;
}

static void turn(struct fixture *f)
{
    while (nj_loop_turn(f->loop) > 0)
        continue;
}

static void subscribers_hear_their_topic_in_order_and_not_before_the_turn(void **state)
{
    struct fixture *f = *state;
    say(f->bus, "events", "a");
    say(f->bus, "system", "s");
    say(f->bus, "events", "b");
    assert_int_equal(f->events.heard, 0);
    turn(f);
    assert_string_equal(f->events.text, "ab");
    assert_string_equal(f->more.text, "ab");
    assert_string_equal(f->system.text, "s");
}

static void leaving_while_firing_spares_the_one_that_left(void **state)
{
    struct fixture *f = *state;
    f->events.hangs_up_on = &f->more.subscriber;
    say(f->bus, "events", "a");
    turn(f);
    assert_int_equal(f->events.heard, 1);
    assert_int_equal(f->more.heard, 0);
    f->events.hangs_up_on = &f->events.subscriber;
    say(f->bus, "events", "b");
    say(f->bus, "events", "c");
    turn(f);
    assert_string_equal(f->events.text, "ab");
}

static void publishing_while_firing_comes_later_and_is_not_lost(void **state)
{
    struct fixture *f = *state;
    f->events.answers = true;
    say(f->bus, "events", "a");
    turn(f);
    assert_string_equal(f->system.text, "answer");
}

static double dropped(struct fixture *f)
{
    const struct nj_metric_spec spec = {.type = NJ_COUNTER, .name = "bus_dropped_total"};
    return nj_metric_value(nj_metrics_get(f->metrics, &spec, NULL));
}

static void too_many_are_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < MAX_WAITING; i++)
        assert_int_equal(say(f->bus, "events", "x"), 0);
    assert_int_equal(say(f->bus, "events", "y"), NJ_E_FULL);
    assert_int_equal(dropped(f), 1);
    turn(f);
    assert_int_equal(f->events.heard, MAX_WAITING);
    assert_int_equal(say(f->bus, "events", "z"), 0);
}

static void too_many_bytes_are_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    size_t length = 6 * 1024 * 1024;
    char *json = malloc(length + 1);
    assert_non_null(json);
    memset(json, ' ', length);
    json[length] = '\0';
    assert_int_equal(say(f->bus, "events", json), 0);
    assert_int_equal(say(f->bus, "events", json), 0);
    assert_int_equal(say(f->bus, "events", json), NJ_E_FULL);
    assert_int_equal(dropped(f), 1);
    free(json);
    turn(f);
    assert_int_equal(f->events.heard, 2);
}

static void what_waits_at_destroy_is_freed_unheard(void **state)
{
    struct fixture *f = *state;
    say(f->bus, "events", "a");
    nj_bus_destroy(f->bus);
    f->bus = NULL;
    turn(f);
    assert_int_equal(f->events.heard, 0);
}

static int carry_fails(void *state, const struct nj_bus_message *message)
{
    (void)state;
    (void)message;
    return NJ_E_UNAVAILABLE;
}

static void subscribers_here_hear_it_though_the_driver_fails(void **state)
{
    struct fixture *f = *state;
    struct nj_bus_driver driver = nj_bus_local;
    driver.carry = carry_fails;
    struct nj_bus_config config = {.driver = &driver, .loop = f->loop, .max_waiting = 1};
    struct nj_bus *bus = NULL;
    assert_int_equal(nj_bus_create_driven(&config, &bus, NULL), 0);
    struct ear ear = {.subscriber.fn = hear, .bus = bus};
    nj_bus_subscribe(bus, &ear.subscriber, "events");
    assert_int_equal(say(bus, "events", "a"), NJ_E_UNAVAILABLE);
    turn(f);
    assert_string_equal(ear.text, "a");
    nj_bus_destroy(bus);
}

static void publish_many(void *arg)
{
    for (int i = 0; i < EACH; i++)
        say(arg, "events", "a");
}

static void threads_publish_at_once_and_nothing_is_lost(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[3];
    for (size_t i = 0; i < NJ_COUNT_OF(threads); i++)
        assert_int_equal(nj_thread_start(&threads[i], "publisher", publish_many, f->bus, NULL), 0);
    for (size_t i = 0; i < NJ_COUNT_OF(threads); i++)
        nj_thread_join(threads[i]);
    turn(f);
    assert_int_equal(f->events.heard, 3 * EACH);
}

static void outbox_tells_in_order_and_only_what_was_not_reset(void **state)
{
    struct fixture *f = *state;
    struct nj_outbox outbox;
    nj_outbox_init(&outbox);
    const char *texts[] = {"rolled back", "a", "b"};
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        struct nj_buf buf;
        nj_buf_init(&buf, 100);
        nj_buf_append_text(&buf, texts[i]);
        assert_int_equal(nj_outbox_add(&outbox, "events", "tag", &buf), 0);
        nj_buf_finish(&buf);
        if (i == 0)
            nj_outbox_reset(&outbox);
    }
    nj_outbox_publish(&outbox, f->bus);
    nj_outbox_publish(&outbox, f->bus);
    turn(f);
    assert_string_equal(f->events.text, "ab");
}

int bus_test(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(subscribers_hear_their_topic_in_order_and_not_before_the_turn),
        TEST(leaving_while_firing_spares_the_one_that_left),
        TEST(publishing_while_firing_comes_later_and_is_not_lost),
        TEST(too_many_are_dropped_and_counted),
        TEST(too_many_bytes_are_dropped_and_counted),
        TEST(what_waits_at_destroy_is_freed_unheard),
        TEST(subscribers_here_hear_it_though_the_driver_fails),
        TEST(threads_publish_at_once_and_nothing_is_lost),
        TEST(outbox_tells_in_order_and_only_what_was_not_reset),
    };
    return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
