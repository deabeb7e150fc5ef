// SPDX-License-Identifier: Apache-2.0
// What the page on actions promises and no other test holds: pauses between tries, which answers of
// a post may pass, what of a picture waits, how long the picture of a letter is kept, what is
// counted.
#include "actions/action.h"

#include "tests/unit/actions/actions_helper.h"
#include "util/buf.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

int action_promises_test(void);

static void closed_redis(struct world *world, int *out_fd)
{
    int port = 0;
    *out_fd = actions_bind_closed(&port);
    world_set(world, "redis.url=redis://127.0.0.1:%d/0", port);
}

static void tries_are_after_1_2_and_4_s_and_up_to_a_quarter_more(void **state)
{
    struct world *world = *state;
    const nj_us step_us = NJ_US_PER_S / 4; // of the clock
    int fd = -1;
    closed_redis(world, &fd);
    world_start(world);
    for (int i = 0; i < 20; i++)
        world_turn(world); // nobody is there: commands fail at once
    add_message(NJ_ACTION_REDIS_PUBLISH, "cars", "x");
    const nj_us begun_us = nj_mono_us(&world->clock.clock);
    actions_run(world, 0, "s1");
    actions_until_ended_in_fake_time(world, 60 * (nj_us)NJ_US_PER_S);
    const nj_us took_us = nj_mono_us(&world->clock.clock) - begun_us;
    assert_in_range(took_us, 7 * (nj_us)NJ_US_PER_S, 7 * (nj_us)NJ_US_PER_S * 5 / 4 + 4 * step_us);
    close(fd);
}

static void note_release(void *owner)
{
    atomic_store((atomic_bool *)owner, true);
}

static void picture_that_waits_holds_no_frame(void **state)
{
    struct world *world = *state;
    struct nj_frame *const mine = world->frame;
    struct nj_frame *frame = NULL;
    atomic_bool released = false;
    int fd = -1;
    closed_redis(world, &fd);
    world_set(world, "actions.retry_seconds=3600");
    world_start(world);
    assert_int_equal(nj_frame_create(mine, note_release, &released, &frame), 0);
    world->frame = frame;
    add_image("k");
    actions_run(world, 0, "s1");
    world->frame = mine;
    nj_frame_unref(frame);
    assert_false(atomic_load(&released)); // it is read now
    for (int i = 0; i < 2000 && !atomic_load(&released); i++)
        world_turn(world);
    assert_true(atomic_load(&released));
    assert_int_equal(now->ended_count, 0); // it waits for its next try
    close(fd);
}

static void picture_of_a_letter_goes_after_its_time(void **state)
{
    struct world *world = *state;
    int fd = -1;
    closed_redis(world, &fd);
    world_set(world, "actions.keep_seconds=600");
    world_set(world, "actions.tries=0");
    world_start(world);
    add_image("k");
    actions_run_all(world);
    assert_int_equal(world_count_letters(world), 1);
    assert_int_equal(actions_count_files(world), 1);
    world_advance(world, 500 * (nj_us)NJ_US_PER_S);
    assert_int_equal(actions_count_files(world), 1);
    world_advance(world, 200 * (nj_us)NJ_US_PER_S); // and the sweep's turn
    for (int i = 0; i < 2000 && actions_count_files(world) > 0; i++)
        world_turn(world);
    assert_int_equal(actions_count_files(world), 0);
    close(fd);
}

struct answers {
    int fd, port;
    const char *first; // then 204
    pthread_t thread;
    int asked;
};

static void *answer(void *arg)
{
    struct answers *answers = arg;
    char request[4096];
    for (;;) {
        const int client = accept(answers->fd, NULL, NULL);
        if (client < 0)
            return NULL;
        size_t length = 0;
        ssize_t count = 1;
        request[0] = '\0';
        while (strstr(request, "\r\n\r\nx") == NULL && count > 0) {
            count = read(client, request + length, sizeof request - 1 - length);
            length += count > 0 ? (size_t)count : 0;
            request[length] = '\0';
        }
        dprintf(client, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                answers->asked++ == 0 ? answers->first : "204 Taken");
        close(client);
    }
}

static void answers_of_a_post_that_may_pass_are_tried_again_and_no_others(void **state)
{
    static const struct {
        const char *first;
        int rc, asked;
    } cases[] = {
        {"200 OK", 0, 1},
        {"299 Fine", 0, 1},
        {"408 Slow", 0, 2},
        {"429 Many", 0, 2},
        {"500 Broken", 0, 2},
        {"504 Late", 0, 2},
        {"301 Moved", NJ_E_DENIED, 1},
        {"400 Bad", NJ_E_DENIED, 1},
        {"404 None", NJ_E_DENIED, 1},
        {"410 Gone", NJ_E_DENIED, 1},
    };
    struct world *world = *state;
    world_set(world, "actions.allow_loopback=true");
    world_start(world);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct answers answers = {.first = cases[i].first};
        char url[64];
        answers.fd = actions_bind_closed(&answers.port);
        assert_int_equal(listen(answers.fd, 4), 0);
        assert_int_equal(pthread_create(&answers.thread, NULL, answer, &answers), 0);
        snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", answers.port);
        add_message(NJ_ACTION_HTTP_POST, url, "x");
        actions_run(world, i, "s1");
        actions_until_ended_in_fake_time(world, 6000 * (nj_us)NJ_US_PER_S);
        (void)shutdown(answers.fd, SHUT_RDWR);
        pthread_join(answers.thread, NULL);
        close(answers.fd);
        assert_int_equal(now->items[i].rc, cases[i].rc);
        assert_int_equal(answers.asked, cases[i].asked);
    }
}

static void expect_metric(struct world *world, const char *line)
{
    struct nj_buf text;
    nj_buf_init(&text, 1 << 20);
    nj_metrics_write(world->metrics, &text);
    assert_int_equal(nj_buf_failed(&text), 0);
    if (strstr(text.data, line) == NULL)
        fail_msg("no %s in %s", line, text.data);
    nj_buf_finish(&text);
}

static void what_became_of_actions_is_counted(void **state)
{
    struct world *world = *state;
    world_set(world, "actions.max_waiting=1");
    world->metrics = nj_metrics_create();
    assert_non_null(world->metrics);
    world_start(world);
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "{nobody.knows}");
    add_image("first");
    for (int i = 0; i < 3; i++) // one becomes a letter, two are refused
        add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "more");
    for (size_t i = 0; i < now->count; i++)
        actions_run(world, i, "");
    world_until(world, actions_all_ended);
    expect_metric(world, "actions_total{result=\"done\"} 1\n");
    expect_metric(world, "actions_total{result=\"skipped\"} 1\n");
    expect_metric(world, "actions_total{result=\"failed\"} 3\n");
    expect_metric(world, "actions_total{result=\"dead\"} 1\n");
    expect_metric(world, "actions_total{result=\"lost\"} 2\n");
    expect_metric(world, "actions_held 0\n");
}

int action_promises_test(void)
{
    const struct CMUnitTest tests[] = {
        ACTIONS_TEST(tries_are_after_1_2_and_4_s_and_up_to_a_quarter_more),
        ACTIONS_TEST(picture_that_waits_holds_no_frame),
        ACTIONS_TEST(picture_of_a_letter_goes_after_its_time),
        ACTIONS_TEST(answers_of_a_post_that_may_pass_are_tried_again_and_no_others),
        ACTIONS_TEST(what_became_of_actions_is_counted),
    };
    return cmocka_run_group_tests_name("action_promises", tests, NULL, NULL);
}
