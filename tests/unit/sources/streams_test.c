// SPDX-License-Identifier: Apache-2.0
// Shared streams: one connection for all its users, a grace period, and no word after leaving.
#include "sources/stream_entry_priv.h"
#include "sources/stream_metrics_priv.h"
#include "sources/stream_priv.h"
#include "tests/unit/sources/streams_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int streams_test(void);

enum { SOON_MS = 20000 };

static const struct nj_source_entry camera = {.id = "cam",
                                              .kind = NJ_SOURCE_NULL,
                                              .path = "64x48x50",
                                              .loop = true,
                                              .paced = true,
                                              .fps = 200,
                                              .max_retries = -1};

static bool is_gone(struct nj_hub_user *user, int value)
{
    struct nj_hub_bench *bench = (struct nj_hub_bench *)(void *)user;
    return nj_hub_count(bench) == (size_t)value;
}

static bool until_count(struct nj_hub_bench *bench, int count)
{
    return nj_hub_until(bench, is_gone, (struct nj_hub_user *)(void *)bench, count, SOON_MS);
}

static void users_of_one_address_share_a_stream(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user users[3];
    (void)state;
    nj_hub_init(&bench, true);
    struct nj_source_entry other = camera, elsewhere = camera;
    other.id = "other";
    other.name = "another name";
    elsewhere.path = "64x48x51";
    for (int i = 0; i < 3; i++)
        nj_hub_user_init(&users[i]);
    assert_int_equal(nj_hub_join(&bench, &camera, 0, &users[0], NULL), 0);
    assert_int_equal(nj_hub_join(&bench, &other, 0, &users[1], NULL), 0);
    assert_int_equal(nj_hub_count(&bench), 1);
    assert_int_equal(nj_hub_join(&bench, &elsewhere, 0, &users[2], NULL), 0);
    assert_int_equal(nj_hub_count(&bench), 2);
    for (int i = 0; i < 3; i++)
        assert_true(nj_hub_until(&bench, nj_hub_has_frames, &users[i], 5, SOON_MS));
    for (int i = 0; i < 3; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

static void key_of(struct nj_hub_bench *bench, const struct nj_source_entry *first,
                   const struct nj_source_entry *second, size_t streams)
{
    struct nj_hub_user users[2];
    for (int i = 0; i < 2; i++)
        nj_hub_user_init(&users[i]);
    assert_int_equal(nj_hub_join(bench, first, 0, &users[0], NULL), 0);
    assert_int_equal(nj_hub_join(bench, second, 0, &users[1], NULL), 0);
    size_t found = nj_hub_count(bench);
    for (int i = 0; i < 2; i++)
        nj_hub_user_finish(&users[i]);
    nj_fake_clock_advance(&bench->clock, 20 * NJ_US_PER_S);
    assert_true(until_count(bench, 0));
    if (found != streams)
        fail_msg("%s and %s: %zu streams", first->url, second->url, found);
}

static void camera_written_in_two_ways_is_one_stream(void **state)
{
    static const struct {
        const char *url, *user, *password, *other_url, *other_user, *other_password;
        size_t streams;
    } cases[] = {
        {"rtsp://127.0.0.1:1/a", "", "", "RTSP://127.0.0.1:1/a", "", "", 1},
        {"rtsp://u:p%41@127.0.0.1:1/a", "", "", "rtsp://127.0.0.1:1/a", "u", "pA", 1},
        {"rtsp://u:p@127.0.0.1:1/a", "", "", "rtsp://u:q@127.0.0.1:1/a", "", "", 2},
        {"rtsp://127.0.0.1:1/a", "", "", "rtsp://127.0.0.1:1/A", "", "", 2},
        {"rtsp://127.0.0.1:1/a", "", "", "rtsp://127.0.0.1:1/a?b", "", "", 2},
    };
    struct nj_hub_bench bench;
    (void)state;
    nj_hub_init(&bench, false);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct nj_source_entry first = {.id = "a",
                                              .kind = NJ_SOURCE_RTSP,
                                              .url = cases[i].url,
                                              .username = cases[i].user,
                                              .password = cases[i].password,
                                              .max_retries = -1};
        struct nj_source_entry second = first;
        second.id = "b";
        second.url = cases[i].other_url;
        second.username = cases[i].other_user;
        second.password = cases[i].other_password;
        key_of(&bench, &first, &second, cases[i].streams);
    }
    nj_hub_finish(&bench);
}

static void stream_outlives_its_last_user_by_the_grace_period(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user user;
    struct nj_source_stats stats;
    (void)state;
    nj_hub_init(&bench, false);
    nj_hub_user_init(&user);
    assert_int_equal(nj_hub_join(&bench, &camera, 0, &user, NULL), 0);
    assert_true(nj_hub_until(&bench, nj_hub_has_frames, &user, 3, SOON_MS));
    nj_hub_leave(&user);
    nj_fake_clock_advance(&bench.clock, 10 * NJ_US_PER_S - 1);
    (void)nj_loop_turn(bench.loop);
    assert_int_equal(nj_hub_count(&bench), 1);
    assert_int_equal(nj_hub_join(&bench, &camera, 0, &user, NULL), 0); // finds it running
    nj_stream_get_stats(user.user, &stats);
    assert_int_equal(stats.state, NJ_SOURCE_ACTIVE);
    assert_true(stats.frames >= 3);
    nj_fake_clock_advance(&bench.clock, 60 * NJ_US_PER_S);
    (void)nj_loop_turn(bench.loop);
    assert_int_equal(nj_hub_count(&bench), 1); // a user came: no end is due
    nj_hub_leave(&user);
    nj_fake_clock_advance(&bench.clock, 10 * NJ_US_PER_S);
    (void)nj_loop_turn(bench.loop);
    assert_int_equal(nj_hub_count(&bench), 0);
    nj_hub_user_finish(&user);
    nj_hub_finish(&bench);
}

static void new_user_looks_at_the_picture_that_is_there(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user users[2];
    (void)state;
    nj_hub_init(&bench, true);
    struct nj_source_entry once = camera; // ends, so that no later frame can be meant
    once.loop = false;
    once.path = "64x48x3";
    for (int i = 0; i < 2; i++)
        nj_hub_user_init(&users[i]);
    assert_int_equal(nj_hub_join(&bench, &once, 0, &users[0], NULL), 0);
    assert_null(nj_stream_newest(users[0].user) ? (void *)1 : NULL);
    assert_true(nj_hub_until(&bench, nj_hub_has_state, &users[0], NJ_SOURCE_ENDED, SOON_MS));
    assert_int_equal(nj_hub_join(&bench, &once, 0, &users[1], NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct nj_frame *frame = nj_stream_newest(users[i].user);
        assert_non_null(frame);
        assert_int_equal(frame->sequence, 3);
        nj_frame_unref(frame);
        frame = nj_stream_newest(users[i].user); // a look is no take
        assert_non_null(frame);
        nj_frame_unref(frame);
    }
    assert_int_equal(nj_hub_user_frames(&users[1]), 0);
    for (int i = 0; i < 2; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

static void each_user_gets_its_own_rate(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user users[2];
    (void)state;
    nj_hub_init(&bench, true);
    for (int i = 0; i < 2; i++)
        nj_hub_user_init(&users[i]);
    assert_int_equal(nj_hub_join(&bench, &camera, 0, &users[0], NULL), 0);
    assert_int_equal(nj_hub_join(&bench, &camera, 10, &users[1], NULL), 0);
    assert_true(nj_hub_until(&bench, nj_hub_has_frames, &users[1], 4, SOON_MS));
    // 200 come a second at most; on a busy machine fewer.
    assert_true(nj_hub_user_frames(&users[0]) >= 3 * 4);
    for (int i = 0; i < 2; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

// What the source is told by the stream of a user.
static nj_us interval_of(const struct nj_hub_user *user)
{
    struct nj_stream *stream = user->user->stream;
    return nj_stream_users_sink(stream).interval(stream);
}

static void come(struct nj_hub_bench *bench, struct nj_hub_user *user, int seconds, double fps)
{
    const struct nj_source_entry entry = {.id = "cam",
                                          .kind = NJ_SOURCE_SNAPSHOT,
                                          .url = "http://127.0.0.1:1/a",
                                          .snapshot_interval_us = seconds * (nj_us)NJ_US_PER_S,
                                          .max_retries = -1};
    assert_int_equal(nj_hub_join(bench, &entry, fps, user, NULL), 0);
}

static void snapshots_are_polled_at_the_smallest_interval_of_those_who_are_there(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user users[3];
    struct nj_buf text;
    (void)state;
    nj_hub_init(&bench, false);
    for (int i = 0; i < 3; i++)
        nj_hub_user_init(&users[i]);
    come(&bench, &users[0], 10, 0);
    assert_int_equal(interval_of(&users[0]), 10 * NJ_US_PER_S);
    come(&bench, &users[1], 2, 0);
    come(&bench, &users[2], 30, 0);
    assert_int_equal(nj_hub_count(&bench), 1);
    assert_int_equal(interval_of(&users[0]), 2 * NJ_US_PER_S);
    nj_hub_leave(&users[1]);
    assert_int_equal(interval_of(&users[0]), 10 * NJ_US_PER_S);
    nj_hub_leave(&users[0]);
    assert_int_equal(interval_of(&users[2]), 30 * NJ_US_PER_S);
    nj_hub_leave(&users[2]); // in its grace period
    come(&bench, &users[0], 1, 0);
    assert_int_equal(nj_hub_count(&bench), 1);
    assert_int_equal(interval_of(&users[0]), NJ_US_PER_S);
    nj_buf_init(&text, 1 << 20);
    nj_metrics_write(bench.metrics, &text);
    assert_non_null(strstr(text.data, "stream_users{stream=\"http://127.0.0.1:1/a\"}"));
    assert_null(strstr(text.data, "#2"));
    nj_buf_finish(&text);
    for (int i = 0; i < 3; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

// A picture of this time comes to the stream; its source cannot connect and has none of its own.
static void show_picture(const struct nj_hub_user *user, int tenths)
{
    struct nj_stream *stream = user->user->stream;
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_allocate(16, 16, NJ_PIXEL_I420, &frame), 0);
    frame->captured_mono_us = tenths * (nj_us)NJ_US_PER_S / 10;
    nj_stream_users_sink(stream).frame(stream, frame);
    nj_frame_unref(frame);
}

static void each_user_of_snapshots_is_paced_by_its_own_interval(void **state)
{
    enum { FAST, SLOW, SELDOM, USERS };
    struct nj_hub_bench bench;
    struct nj_hub_user users[USERS];
    (void)state;
    nj_hub_init(&bench, false);
    for (int i = 0; i < USERS; i++)
        nj_hub_user_init(&users[i]);
    come(&bench, &users[FAST], 1, 5);
    come(&bench, &users[SLOW], 4, 5);
    come(&bench, &users[SELDOM], 1, 0.25);         // of a low rate
    for (int second = 100; second < 116; second++) // an answer in time, the next one late
        show_picture(&users[FAST], 10 * second + 4 * (second % 2));
    assert_int_equal(nj_hub_user_frames(&users[FAST]), 16);
    assert_int_equal(nj_hub_user_frames(&users[SLOW]), 4);
    assert_int_equal(nj_hub_user_frames(&users[SELDOM]), 4);
    nj_hub_leave(&users[FAST]);
    nj_hub_leave(&users[SELDOM]);
    for (int second = 120; second < 136; second += 4) // now the source is as slow as he is
        show_picture(&users[SLOW], 10 * second - (second % 8 == 0 ? 0 : 15));
    assert_int_equal(nj_hub_user_frames(&users[SLOW]), 8);
    for (int i = 0; i < USERS; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

static void interval_of_a_user_may_change_without_leaving(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user users[2];
    (void)state;
    nj_hub_init(&bench, false);
    for (int i = 0; i < 2; i++)
        nj_hub_user_init(&users[i]);
    come(&bench, &users[0], 1, 5);
    come(&bench, &users[1], 60, 0.5);
    show_picture(&users[1], 1000);
    nj_stream_set_interval(users[1].user, 4 * NJ_US_PER_S);
    assert_int_equal(interval_of(&users[0]), NJ_US_PER_S);
    show_picture(&users[1], 1030);
    assert_int_equal(nj_hub_user_frames(&users[1]), 1);
    show_picture(&users[1], 1040); // and not after a minute
    assert_int_equal(nj_hub_user_frames(&users[1]), 2);
    nj_stream_set_interval(users[1].user, NJ_US_PER_S / 2);
    assert_int_equal(interval_of(&users[0]), NJ_US_PER_S / 2);
    show_picture(&users[1], 1050);
    assert_int_equal(nj_hub_user_frames(&users[1]), 2); // no more than its rate
    show_picture(&users[1], 1060);
    assert_int_equal(nj_hub_user_frames(&users[1]), 3);
    nj_stream_set_interval(users[1].user, 10 * NJ_US_PER_S);
    assert_int_equal(interval_of(&users[0]), NJ_US_PER_S);
    show_picture(&users[1], 1140);
    assert_int_equal(nj_hub_user_frames(&users[1]), 3);
    show_picture(&users[1], 1160);
    assert_int_equal(nj_hub_user_frames(&users[1]), 4);
    assert_int_equal(nj_hub_user_frames(&users[0]), 7);
    for (int i = 0; i < 2; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

static void giving_up_is_told_and_a_new_user_revives(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user users[2];
    const struct nj_source_entry gone = {.id = "gone",
                                         .kind = NJ_SOURCE_FILE,
                                         .path = "/nowhere/a.avi",
                                         .loop = true,
                                         .reconnect_us = NJ_US_PER_MS,
                                         .max_retries = 2};
    struct nj_source_stats stats;
    (void)state;
    nj_hub_init(&bench, true);
    for (int i = 0; i < 2; i++)
        nj_hub_user_init(&users[i]);
    assert_int_equal(nj_hub_join(&bench, &gone, 0, &users[0], NULL), 0);
    assert_true(nj_hub_until(&bench, nj_hub_has_state, &users[0], NJ_SOURCE_FAILED, SOON_MS));
    assert_non_null(strstr(users[0].state.reason, "/nowhere/a.avi"));
    assert_int_equal(users[0].state.restarts, 2); // tried again twice, as was allowed
    int told = users[0].states;
    assert_int_equal(nj_hub_join(&bench, &gone, 0, &users[1], NULL), 0);
    assert_int_equal(nj_hub_count(&bench), 1);
    assert_true(nj_hub_until(&bench, nj_hub_has_state, &users[1], NJ_SOURCE_FAILED, SOON_MS));
    assert_true(users[0].states > told); // the failure is news to both
    nj_stream_get_stats(users[1].user, &stats);
    assert_int_equal(stats.restarts, 4);
    for (int i = 0; i < 2; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

static void last_error_of_a_stream_is_among_its_metrics(void **state)
{
    static const struct nj_stream_view failed = {
        .stats = {.last_error_code = NJ_E_TIMEOUT, .last_error_us = 2500 * (nj_us)NJ_US_PER_MS}};
    struct nj_metrics *metrics = nj_metrics_create();
    struct nj_stream_metrics stream;
    struct nj_buf text;
    (void)state;
    assert_non_null(metrics);
    nj_buf_init(&text, 1 << 20);
    nj_stream_metrics_begin(&stream, metrics, "rtsp://cam/1", 1);
    nj_stream_metrics_set(&stream, &failed);
    nj_metrics_write(metrics, &text);
    assert_non_null(text.data);
    assert_non_null(strstr(text.data, "\nstream_last_error{stream=\"rtsp://cam/1\"} 7\n"));
    assert_non_null(
        strstr(text.data, "\nstream_last_error_timestamp_seconds{stream=\"rtsp://cam/1\"} 2.5\n"));
    nj_buf_finish(&text);
    nj_metrics_destroy(metrics);
}

static void leaving_while_told_is_safe(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user users[3];
    const struct nj_source_entry gone = {
        .id = "gone", .kind = NJ_SOURCE_FILE, .path = "/nowhere/a.avi", .max_retries = 0};
    (void)state;
    nj_hub_init(&bench, false);
    for (int i = 0; i < 3; i++)
        nj_hub_user_init(&users[i]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(nj_hub_join(&bench, &gone, 0, &users[i], NULL), 0);
    users[0].leaves = &users[1]; // the one that would be told next
    users[2].leaves = &users[2]; // itself
    assert_true(nj_hub_until(&bench, nj_hub_has_state, &users[0], NJ_SOURCE_FAILED, SOON_MS));
    assert_int_equal(users[1].states, 0);
    assert_int_equal(users[2].states, 1);
    for (int i = 0; i < 3; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

static void no_callback_comes_after_leaving(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user steady, user;
    struct nj_source_entry fast = camera;
    (void)state;
    fast.paced = false;
    nj_hub_init(&bench, true);
    nj_hub_user_init(&steady);
    nj_hub_user_init(&user);
    assert_int_equal(nj_hub_join(&bench, &fast, 0, &steady, NULL), 0);
    for (int i = 0; i < 200; i++) {
        int frames = nj_hub_user_frames(&user);
        assert_int_equal(nj_hub_join(&bench, &fast, 0, &user, NULL), 0);
        assert_true(nj_hub_until(&bench, nj_hub_has_frames, &user, frames + 1, SOON_MS));
        nj_hub_leave(&user);
        int seen = nj_hub_user_frames(&steady);
        assert_true(nj_hub_until(&bench, nj_hub_has_frames, &steady, seen + 2, SOON_MS));
    }
    nj_hub_user_finish(&steady);
    nj_hub_user_finish(&user);
    nj_hub_finish(&bench);
}

static void limits_are_refused_by_name(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user users[4];
    struct nj_error err = {0};
    char path[32];
    struct nj_source_entry entry = camera;
    (void)state;
    nj_hub_init(&bench, false);
    bench.options.max_streams = 2;
    entry.path = path;
    for (int i = 0; i < 4; i++)
        nj_hub_user_init(&users[i]);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "64x48x%d", i + 1);
        assert_int_equal(nj_hub_join(&bench, &entry, 0, &users[i], &err), 0);
    }
    assert_int_equal(nj_hub_join(&bench, &entry, 0, &users[2], &err),
                     0); // of a stream that is there
    (void)snprintf(path, sizeof path, "64x48x3");
    assert_int_equal(nj_hub_join(&bench, &entry, 0, &users[3], &err), NJ_E_FULL);
    assert_non_null(strstr(err.text, "streams.max_streams"));
    entry.kind = 99;
    assert_int_equal(nj_hub_join(&bench, &entry, 0, &users[3], &err), NJ_E_INVALID);
    assert_int_equal(nj_hub_count(&bench), 2);
    for (int i = 0; i < 4; i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

static void wrong_entry_leaves_nothing_behind(void **state)
{
    struct nj_hub_bench bench;
    struct nj_hub_user user;
    struct nj_error err = {0};
    const struct nj_source_entry wrong = {
        .id = "cam", .kind = NJ_SOURCE_RTSP, .url = "file:///etc/passwd"};
    (void)state;
    nj_hub_init(&bench, false);
    nj_hub_user_init(&user);
    assert_true(nj_hub_join(&bench, &wrong, 0, &user, &err) < 0);
    assert_non_null(strstr(err.text, "cam"));
    assert_int_equal(nj_hub_count(&bench), 0);
    nj_hub_user_finish(&user);
    nj_hub_finish(&bench);
}

static void streams_that_are_shown_the_same_have_metrics_of_their_own(void **state)
{
    static const char *const urls[] = {"rtsp://127.0.0.1:1/user=a&password=secret",
                                       "rtsp://127.0.0.1:1/user=a&password=secret2",
                                       "rtsp://127.0.0.1:1/user=b&password=secret"};
    static const char *const labels[] = {"password=***\"}", "password=*** #2\"}",
                                         "password=*** #3\"}"};
    struct nj_hub_bench bench;
    struct nj_hub_user users[NJ_COUNT_OF(urls)];
    struct nj_buf text;
    (void)state;
    nj_hub_init(&bench, false);
    for (size_t i = 0; i < NJ_COUNT_OF(urls); i++) {
        const struct nj_source_entry entry = {
            .id = "cam", .kind = NJ_SOURCE_RTSP, .url = urls[i], .max_retries = -1};
        nj_hub_user_init(&users[i]);
        assert_int_equal(nj_hub_join(&bench, &entry, 0, &users[i], NULL), 0);
    }
    nj_buf_init(&text, 1 << 20);
    nj_metrics_write(bench.metrics, &text);
    for (size_t i = 0; i < NJ_COUNT_OF(labels); i++)
        if (!strstr(text.data, labels[i]))
            fail_msg("no %s in:\n%s", labels[i], text.data);
    assert_null(strstr(text.data, "secret"));
    nj_buf_finish(&text);
    for (size_t i = 0; i < NJ_COUNT_OF(urls); i++)
        nj_hub_user_finish(&users[i]);
    nj_hub_finish(&bench);
}

static void refusal_of_a_stream_of_two_groups_names_no_foreign_option(void **state)
{
    static const struct nj_address_rules cameras = {.loopback = true, .group = "sources"};
    static const struct nj_address_rules clients = {
        .loopback = true, .private_networks = true, .group = "worker"};
    struct nj_stream_rules *rules = NULL;
    (void)state;
    assert_int_equal(nj_stream_rules_widen(&rules, &cameras), 0);
    assert_string_equal(rules->rules.group, "sources");
    assert_int_equal(nj_stream_rules_widen(&rules, &clients), 0);
    assert_null(rules->rules.group);
    const struct nj_stream_rules *both = rules;
    assert_int_equal(nj_stream_rules_widen(&rules, &clients), 0);
    assert_ptr_equal(rules, both); // nothing grows with every user
    nj_stream_rules_finish(rules);
}

// Where nothing is judged for one user, nothing is for his stream; who is judged gets another one.
static void trust_of_a_user_goes_along_to_his_stream_and_no_further(void **state)
{
    static const struct nj_address_rules judged = {.loopback = true, .private_networks = true};
    struct nj_stream_rules *rules = NULL;
    (void)state;
    assert_int_equal(nj_stream_rules_widen(&rules, &judged), 0);
    assert_int_equal(nj_stream_rules_widen(&rules, &nj_address_trusted), 0);
    assert_true(rules->rules.trusted);
    assert_false(nj_stream_rules_may_share(rules, "rtsp://camera/", &judged));
    assert_true(nj_stream_rules_may_share(rules, "rtsp://camera/", &nj_address_trusted));
    nj_stream_rules_finish(rules);
}

static void metrics_tell_of_each_stream(void **state)
{
    static const char *const lines[] = {"stream_state{stream=\"null:64x48x50\"} 2",
                                        "stream_users{stream=\"null:64x48x50\"} 1",
                                        "stream_frames_total{stream=\"null:64x48x50\"}",
                                        "stream_drops_total{stream=\"null:64x48x50\"} 0",
                                        "stream_packets_lost_total{stream=\"null:64x48x50\"} 0",
                                        "stream_restarts_total{stream=\"null:64x48x50\"} 0",
                                        "stream_last_error{stream=\"null:64x48x50\"} 0",
                                        "stream_fps{stream=\"null:64x48x50\"}"};
    struct nj_hub_bench bench;
    struct nj_hub_user user;
    struct nj_buf text;
    (void)state;
    nj_hub_init(&bench, false);
    nj_hub_user_init(&user);
    assert_int_equal(nj_hub_join(&bench, &camera, 0, &user, NULL), 0);
    assert_true(nj_hub_until(&bench, nj_hub_has_frames, &user, 3, SOON_MS));
    nj_fake_clock_advance(&bench.clock, NJ_US_PER_S);
    (void)nj_loop_turn(bench.loop);
    nj_buf_init(&text, 1 << 20);
    nj_metrics_write(bench.metrics, &text);
    assert_non_null(text.data);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (!strstr(text.data, lines[i]))
            fail_msg("no %s in:\n%s", lines[i], text.data);
    nj_buf_finish(&text);
    nj_hub_user_finish(&user);
    nj_hub_finish(&bench);
}

int streams_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_of_one_address_share_a_stream),
        cmocka_unit_test(camera_written_in_two_ways_is_one_stream),
        cmocka_unit_test(stream_outlives_its_last_user_by_the_grace_period),
        cmocka_unit_test(new_user_looks_at_the_picture_that_is_there),
        cmocka_unit_test(each_user_gets_its_own_rate),
        cmocka_unit_test(snapshots_are_polled_at_the_smallest_interval_of_those_who_are_there),
        cmocka_unit_test(each_user_of_snapshots_is_paced_by_its_own_interval),
        cmocka_unit_test(interval_of_a_user_may_change_without_leaving),
        cmocka_unit_test(giving_up_is_told_and_a_new_user_revives),
        cmocka_unit_test(last_error_of_a_stream_is_among_its_metrics),
        cmocka_unit_test(leaving_while_told_is_safe),
        cmocka_unit_test(no_callback_comes_after_leaving),
        cmocka_unit_test(limits_are_refused_by_name),
        cmocka_unit_test(wrong_entry_leaves_nothing_behind),
        cmocka_unit_test(streams_that_are_shown_the_same_have_metrics_of_their_own),
        cmocka_unit_test(refusal_of_a_stream_of_two_groups_names_no_foreign_option),
        cmocka_unit_test(trust_of_a_user_goes_along_to_his_stream_and_no_further),
        cmocka_unit_test(metrics_tell_of_each_stream),
    };
    return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
