// SPDX-License-Identifier: Apache-2.0
// Actions: their order, their tries, what becomes of those that fail, saved images and their end.
#include "actions/action.h"

#include "tests/fake/names.h"
#include "tests/unit/actions/actions_helper.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

int action_test(void);

static void actions_of_a_session_keep_their_order(void **state)
{
    struct world *world = *state;
    world_start(world);
    // The picture takes longest: it is encoded and written, and what comes after it waits.
    add_image("k");
    add_record(NJ_ACTION_POSTGRESQL_UPDATE_COMBINED, "{session_id}");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "done");
    actions_run_all(world);
    for (size_t i = 0; i < now->count; i++) {
        assert_ptr_equal(now->ended[i], &now->items[i]);
        assert_int_equal(now->items[i].rc, 0);
    }
    assert_string_equal(now->items[0].image_key, "k");
}

static void other_sessions_go_on_beside(void **state)
{
    struct world *world = *state;
    world_start(world);
    add_image("k");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "done");
    actions_run(world, 0, "s1");
    actions_run(world, 1, "s2");
    assert_int_equal(now->ended_count, 1);
    assert_ptr_equal(now->ended[0], &now->items[1]);
    world_until(world, actions_all_ended);
}

static void failing_action_stops_no_other_and_is_a_letter(void **state)
{
    struct world *world = *state;
    world_start(world);
    add_record(NJ_ACTION_POSTGRESQL_UPDATE, "nobody");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "told");
    actions_run_all(world);
    assert_int_equal(now->items[0].rc, NJ_E_NOT_FOUND);
    assert_int_equal(now->items[1].rc, 0);
    assert_int_equal(world->message_count, 1);
    struct nj_letter_page page = world_letters(world);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.rows[0].reason, "failed");
    assert_non_null(strstr(page.rows[0].payload, "\"action\":\"postgresql_update\""));
    assert_non_null(strstr(page.rows[0].payload, "\"brand\":\"a \\\"b\\\" {c}\""));
    assert_null(strstr(page.rows[0].payload, "missing")); // a column without a value stays as it is
    nj_letter_page_finish(&page);
    struct nj_action_stats stats;
    nj_action_runner_get_stats(world->actions, &stats);
    assert_int_equal(stats.dead, 1);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.done, 1);
}

static void requeued_letter_is_done_when_it_can_be(void **state)
{
    struct world *world = *state;
    world_start(world);
    add_record(NJ_ACTION_POSTGRESQL_UPDATE, "later");
    actions_run_all(world);
    assert_int_equal(world_count_letters(world), 1);
    world_requeue(world);
    world_until(world, world_is_quiet);
    for (int i = 0; i < 2000 && world_count_letters(world) == 0; i++)
        world_turn(world);
    assert_int_equal(world_count_letters(world), 1); // still no such row
    add_record(NJ_ACTION_POSTGRESQL_CREATE_RECORD, "later");
    actions_run(world, 1, "s1");
    world_until(world, actions_all_ended);
    world_requeue(world);
    struct nj_work_queue_stats stats = {0};
    for (int i = 0; i < 2000 && stats.completed == 0; i++) {
        world_turn(world);
        nj_work_queue_get_stats(world->queue, &stats);
    }
    assert_int_equal(stats.completed, 1);
    assert_int_equal(world_count_letters(world), 0);
    const char *record = world_record(world, "cars", "later");
    assert_non_null(record);
    assert_non_null(strstr(record, "a \\\"b"));
}

static void action_whose_template_lacks_a_value_is_skipped_and_has_not_failed(void **state)
{
    struct world *world = *state;
    struct nj_action_stats stats;
    world_start(world);
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "{nobody.knows}");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "{\"text\":\"{quoted}\",\"sure\":{confidence}}");
    actions_run_all(world);
    assert_int_equal(now->items[0].rc, NJ_E_NOT_FOUND);
    assert_non_null(strstr(now->items[0].error.text, "nobody.knows"));
    assert_int_equal(world_count_letters(world), 0);
    nj_action_runner_get_stats(world->actions, &stats);
    assert_int_equal(stats.skipped, 1);
    assert_int_equal(stats.failed, 0);
    assert_int_equal(stats.done, 1);
    assert_int_equal(world->message_count, 1);
    assert_non_null(
        strstr(world->messages[0], "\"message\":{\"text\":\"a \\\"b\\\" {c}\",\"sure\":0.5}"));
}

static void redis_away_is_tried_again_and_kept_with_its_image(void **state)
{
    struct world *world = *state;
    int port = 0;
    const int fd = actions_bind_closed(&port);
    world_set(world, "redis.url=redis://127.0.0.1:%d/0", port);
    world_set(world, "actions.retry_seconds=1");
    world_start(world);
    add_image("inference:k");
    now->image_key = "inference:k";
    add_message(NJ_ACTION_REDIS_PUBLISH, "cars", "{\"image\":\"{image_key}\"}");
    actions_run(world, 0, "s1");
    actions_run(world, 1, "s1");
    actions_until_ended_in_fake_time(world, 120 * (nj_us)NJ_US_PER_S);
    assert_int_equal(now->items[0].rc, NJ_E_UNAVAILABLE);
    assert_int_equal(now->items[1].rc, NJ_E_UNAVAILABLE);
    struct nj_letter_page page = world_letters(world);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.rows[0].attempts, 4); // three after the first
    assert_non_null(strstr(page.rows[0].payload, "\"key\":\"inference:k\""));
    assert_non_null(strstr(page.rows[0].payload, "/media/saved/"));
    assert_string_equal(page.rows[1].error, "the image it names was not saved");
    nj_letter_page_finish(&page);
    close(fd);
}

static void saved_images_are_read_replaced_deleted_and_swept(void **state)
{
    struct world *world = *state;
    world_start(world);
    assert_int_equal(actions_get_image(world, "k", false), NJ_E_NOT_FOUND);
    add_image("k");
    add_image("k")->png = true;
    add_image("other");
    actions_run_all(world);
    assert_int_equal(actions_get_image(world, "k", false), 0);
    assert_int_equal(actions_count_files(world), 2); // the older one of "k" went
    assert_int_equal(actions_get_image(world, "k", true), 0);
    assert_int_equal(actions_get_image(world, "k", true), NJ_E_NOT_FOUND);
    assert_int_equal(actions_get_image(world, "k", false), NJ_E_NOT_FOUND);
    assert_int_equal(actions_count_files(world), 1);
    world_advance(world, 599 * (nj_us)NJ_US_PER_S);
    assert_int_equal(actions_get_image(world, "other", false), 0);
    world_advance(world, NJ_US_PER_S + 60 * (nj_us)NJ_US_PER_S);
    assert_int_equal(actions_get_image(world, "other", false), NJ_E_NOT_FOUND);
    for (int i = 0; i < 2000 && actions_count_files(world) > 0; i++)
        world_turn(world);
    assert_int_equal(actions_count_files(world), 0);
}

static void default_end_of_life_is_the_options(void **state)
{
    struct world *world = *state;
    world_set(world, "actions.default_expire_seconds=100");
    world_start(world);
    add_image("k")->expire_seconds = NJ_SPEC_EXPIRE_DEFAULT;
    add_image("for_ever")->expire_seconds = 0;
    actions_run_all(world);
    world_advance(world, 99 * (nj_us)NJ_US_PER_S);
    assert_int_equal(actions_get_image(world, "k", false), 0);
    world_advance(world, NJ_US_PER_S);
    assert_int_equal(actions_get_image(world, "k", false), NJ_E_NOT_FOUND);
    assert_int_equal(actions_get_image(world, "for_ever", false), 0);
}

static void image_beyond_the_limit_is_refused(void **state)
{
    struct world *world = *state;
    world_set(world, "actions.max_image_bytes=1024");
    world_start(world);
    struct nj_spec_action *action = add_image("k");
    action->png = true;
    // Noise, so that it does not become small.
    for (int32_t y = 0; y < 480; y++)
        for (int32_t x = 0; x < 640; x++)
            ((uint8_t *)(uintptr_t)world->frame->planes[0])[y * world->frame->strides[0] + x] =
                (uint8_t)(x * 7919 + y * 104729);
    actions_run_all(world);
    assert_int_equal(now->items[0].rc, NJ_E_TOO_BIG);
    assert_int_equal(actions_count_files(world), 0);
}

static void what_waits_at_a_stop_is_done_at_the_next_start(void **state)
{
    struct world *world = *state;
    int port = 0;
    const int fd = actions_bind_closed(&port);
    world_set(world, "redis.url=redis://127.0.0.1:%d/0", port);
    world_set(world, "actions.retry_seconds=3600");
    world_start(world);
    add_image("k");
    add_message(NJ_ACTION_REDIS_PUBLISH, "cars", "hello");
    actions_run(world, 0, "s1");
    actions_run(world, 1, "s1");
    for (int i = 0; i < 20; i++)
        world_turn(world);
    world_stop(world, NJ_US_PER_S);
    assert_int_equal(now->ended_count, 2);
    assert_int_equal(now->items[0].rc, NJ_E_CANCELLED);
    close(fd);
    world->set_count = 0; // without Redis this time
    world_start(world);
    for (int i = 0; i < 2000 && world->message_count == 0; i++)
        world_turn(world);
    assert_int_equal(world->message_count, 1);
    assert_non_null(strstr(world->messages[0], "\"message\":\"hello\""));
    for (int i = 0; i < 2000 && !world_is_quiet(world); i++)
        world_turn(world);
    assert_int_equal(actions_get_image(world, "k", false), 0);
    assert_int_equal(actions_count_files(world), 1); // the kept file went
    assert_int_equal(world_count_letters(world), 0);
}

static void more_than_may_wait_are_letters(void **state)
{
    struct world *world = *state;
    world_set(world, "actions.max_waiting=1");
    world_start(world);
    add_image("first");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "second");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "third");
    for (size_t i = 0; i < now->count; i++)
        actions_run(world, i, "");
    world_until(world, actions_all_ended);
    assert_int_equal(now->items[0].rc, 0);
    assert_int_equal(now->items[1].rc, NJ_E_FULL); // a letter
    assert_int_equal(now->items[2].rc, NJ_E_FULL); // not even that
    assert_int_equal(world_count_letters(world), 1);
    assert_int_equal(world->message_count, 0);
}

struct receiver { // answers one request after the other with the next status
    int fd, port;
    const char *const *answers;
    size_t count;
    char url[64], got[4096];
    pthread_t thread;
};

static void *receive(void *arg)
{
    struct receiver *receiver = arg;
    for (size_t i = 0; i < receiver->count; i++) {
        const int client = accept(receiver->fd, NULL, NULL);
        size_t length = 0;
        while (strstr(receiver->got, "\r\n\r\n{\"a\":1}") == NULL || length == 0) {
            const ssize_t count =
                read(client, receiver->got + length, sizeof receiver->got - 1 - length);
            if (count <= 0)
                break;
            length += (size_t)count;
            receiver->got[length] = '\0';
        }
        dprintf(client, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                receiver->answers[i]);
        close(client);
    }
    return NULL;
}

static void start_receiver(struct receiver *receiver)
{
    receiver->fd = actions_bind_closed(&receiver->port);
    assert_int_equal(listen(receiver->fd, 4), 0);
    snprintf(receiver->url, sizeof receiver->url, "http://127.0.0.1:%d/hook", receiver->port);
    assert_int_equal(pthread_create(&receiver->thread, NULL, receive, receiver), 0);
}

static void end_receiver(struct receiver *receiver)
{
    pthread_join(receiver->thread, NULL);
    close(receiver->fd);
}

static void post_is_repeated_until_it_is_taken(void **state)
{
    struct world *world = *state;
    static const char *const answers[] = {"503 Busy", "204 Taken"};
    struct receiver receiver = {.answers = answers, .count = 2};
    world_set(world, "actions.allow_loopback=true");
    world_start(world);
    start_receiver(&receiver);
    add_message(NJ_ACTION_HTTP_POST, receiver.url, "{\"a\":1}");
    actions_run(world, 0, "s1");
    actions_until_ended_in_fake_time(world, 60 * (nj_us)NJ_US_PER_S);
    end_receiver(&receiver);
    assert_int_equal(now->items[0].rc, 0);
    assert_non_null(strstr(receiver.got, "POST /hook HTTP/1.1\r\n"));
    assert_non_null(strstr(receiver.got, "Content-Type: application/json\r\n"));
    assert_int_equal(world_count_letters(world), 0);
}

static void post_that_is_refused_is_a_letter_at_once(void **state)
{
    struct world *world = *state;
    static const char *const answers[] = {"404 No"};
    struct receiver receiver = {.answers = answers, .count = 1};
    world_set(world, "actions.allow_loopback=true");
    world_start(world);
    start_receiver(&receiver);
    add_message(NJ_ACTION_HTTP_POST, receiver.url, "{\"a\":1}");
    actions_run_all(world);
    end_receiver(&receiver);
    assert_int_equal(now->items[0].rc, NJ_E_DENIED);
    assert_int_equal(world_count_letters(world), 1);
}

static void post_to_an_address_that_is_not_allowed_is_not_sent(void **state)
{
    struct world *world = *state;
    int port = 0;
    const int fd = actions_bind_closed(&port);
    char url[64];
    world_start(world);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", port);
    add_message(NJ_ACTION_HTTP_POST, url, "x");
    actions_run_all(world);
    assert_int_equal(now->items[0].rc, NJ_E_DENIED);
    close(fd);
}

// Neither the thread of posts nor a connection that is being made.
static void stop_does_not_wait_for_names_that_are_looked_up(void **state)
{
    struct world *world = *state;
    const size_t threads = nj_fake_names_threads();
    world_set(world, "actions.allow_public_networks=true");
    world_set(world, "postgresql.url=postgresql://u@database.test:5432/d");
    world_set(world, "postgresql.connections=1");
    nj_fake_names_set("database.test", NULL);
    nj_fake_names_set("hook.test", NULL);
    world_start(world);
    add_message(NJ_ACTION_HTTP_POST, "http://hook.test/hook", "first");
    add_message(NJ_ACTION_HTTP_POST, "http://hook.test/hook", "second");
    add_record(NJ_ACTION_POSTGRESQL_CREATE_RECORD, "1");
    actions_run(world, 0, "s1");
    actions_run(world, 1, "s2");
    actions_run(world, 2, "s3");
    nj_fake_names_await_hanging(2);
    const nj_us begun = nj_mono_us(nj_clock_real());
    world_stop(world, NJ_US_PER_S);
    const nj_us took = nj_mono_us(nj_clock_real()) - begun;
    nj_fake_names_finish();
    nj_fake_names_await_threads(threads);
    assert_true(took < 5 * (nj_us)NJ_US_PER_S);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(now->items[i].rc, NJ_E_CANCELLED);
    world->set_count = 0;
    world_start(world); // as work that waits: the record is written into the embedded store now
    for (int i = 0; i < 2000 && world_record(world, "cars", "1") == NULL; i++)
        world_turn(world);
    assert_non_null(world_record(world, "cars", "1"));
}

static void note_stopped(void *arg)
{
    *(bool *)arg = true;
}

// A first one that hangs, and others behind it: it is put into the queue before them, and while it
// is tried again there, none of its session overtakes it.
static void order_of_a_session_outlives_a_stop_and_tries_of_the_queue(void **state)
{
    struct world *world = *state;
    const size_t threads = nj_fake_names_threads();
    world_set(world, "actions.allow_public_networks=true");
    nj_fake_names_set("hook.test", NULL);
    world_start(world);
    add_message(NJ_ACTION_HTTP_POST, "http://hook.test/hook", "first");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "second");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "third");
    for (size_t i = 0; i < now->count; i++)
        actions_run(world, i, "s1");
    nj_fake_names_await_hanging(1);
    world_stop(world, NJ_US_PER_S);
    nj_fake_names_finish();
    nj_fake_names_await_threads(threads);
    nj_fake_names_set("hook.test", "");
    world_start(world);
    size_t letters = 0;
    for (int i = 0; i < 4000 && world->message_count < 2; i++) {
        world_advance(world, NJ_US_PER_S / 4);
        world_turn(world);
        letters = world->message_count == 0 ? world_count_letters(world) : letters;
    }
    nj_fake_names_finish();
    assert_int_equal(world->message_count, 2);
    assert_int_equal(world_count_letters(world), 1);
    assert_int_equal(letters, 1); // all its tries came before the second
    assert_non_null(strstr(world->messages[0], "second"));
    assert_non_null(strstr(world->messages[1], "third"));
}

static void stopping_runner_takes_no_more(void **state)
{
    struct world *world = *state;
    bool stopped = false;
    world_start(world);
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "late");
    nj_action_runner_stop(world->actions, 0, note_stopped, &stopped);
    actions_run(world, 0, "s1");
    assert_int_equal(now->items[0].rc, NJ_E_CANCELLED);
    assert_true(stopped);
    assert_int_equal(world_count_letters(world), 0);
}

// Whoever is away is not asked again and again: five failures in a row open the breaker.
static void host_that_is_away_is_left_alone(void **state)
{
    struct world *world = *state;
    int port = 0;
    const int fd = actions_bind_closed(&port);
    char url[64];
    world_set(world, "actions.allow_loopback=true");
    world_set(world, "actions.tries=0");
    world->registry = nj_registry_create();
    assert_non_null(world->registry);
    world_start(world);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", port);
    for (size_t i = 0; i < 6; i++) {
        add_message(NJ_ACTION_HTTP_POST, url, "x");
        actions_run(world, i, "s1");
        world_until(world, actions_all_ended);
        assert_int_equal(now->items[i].rc, NJ_E_UNAVAILABLE);
    }
    assert_null(strstr(now->items[4].error.text, "breaker"));
    assert_non_null(strstr(now->items[5].error.text, "http:127.0.0.1"));
    assert_string_not_equal(now->items[4].error.text, now->items[5].error.text);
    assert_int_equal(world_count_letters(world), 6);
    struct nj_breaker_status status = {0}; // shown to whoever asks for the circuit breakers
    snprintf(url, sizeof url, "http:127.0.0.1:%d", port);
    assert_non_null(nj_registry_find_breaker(world->registry, url));
    nj_breaker_get(nj_registry_find_breaker(world->registry, url), &status);
    assert_int_equal(status.state, NJ_BREAKER_OPEN);
    close(fd);
}

int action_test(void)
{
    const struct CMUnitTest tests[] = {
        ACTIONS_TEST(actions_of_a_session_keep_their_order),
        ACTIONS_TEST(other_sessions_go_on_beside),
        ACTIONS_TEST(failing_action_stops_no_other_and_is_a_letter),
        ACTIONS_TEST(requeued_letter_is_done_when_it_can_be),
        ACTIONS_TEST(action_whose_template_lacks_a_value_is_skipped_and_has_not_failed),
        ACTIONS_TEST(redis_away_is_tried_again_and_kept_with_its_image),
        ACTIONS_TEST(saved_images_are_read_replaced_deleted_and_swept),
        ACTIONS_TEST(default_end_of_life_is_the_options),
        ACTIONS_TEST(image_beyond_the_limit_is_refused),
        ACTIONS_TEST(what_waits_at_a_stop_is_done_at_the_next_start),
        ACTIONS_TEST(more_than_may_wait_are_letters),
        ACTIONS_TEST(post_is_repeated_until_it_is_taken),
        ACTIONS_TEST(post_that_is_refused_is_a_letter_at_once),
        ACTIONS_TEST(post_to_an_address_that_is_not_allowed_is_not_sent),
        ACTIONS_TEST(stop_does_not_wait_for_names_that_are_looked_up),
        ACTIONS_TEST(order_of_a_session_outlives_a_stop_and_tries_of_the_queue),
        ACTIONS_TEST(stopping_runner_takes_no_more),
        ACTIONS_TEST(host_that_is_away_is_left_alone),
    };
    return cmocka_run_group_tests_name("action", tests, NULL, NULL);
}
