// SPDX-License-Identifier: Apache-2.0
// Who holds what, and what a change restarts.
#include "tests/fake/feeds/feeds.h"

#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int subscriptions_test(void);

enum { MANY = 100 };

static struct nj_subscription_stats stats_of(struct feeds *feeds)
{
    struct nj_subscription_stats stats;
    nj_subscriptions_get_stats(feeds->subscriptions, &stats);
    return stats;
}

static void add(struct feeds *feeds, uint64_t owner, const struct nj_subscription_spec *spec)
{
    struct nj_error err = {0};
    if (nj_subscriptions_add(feeds->subscriptions, owner, spec, &err) != 0)
        fail_msg("%s", err.text);
    feeds_settle(feeds);
}

static void set(struct feeds *feeds, uint64_t owner, const struct nj_subscription_spec *specs,
                size_t count)
{
    struct nj_error err = {0};
    if (nj_subscriptions_set(feeds->subscriptions, owner, specs, count, &err) != 0)
        fail_msg("%s", err.text);
    feeds_settle(feeds);
}

static struct nj_subscription_spec *many(void)
{
    struct nj_subscription_spec *specs = calloc(MANY, sizeof *specs);
    assert_non_null(specs);
    for (int i = 0; i < MANY; i++) {
        char id[64];
        snprintf(id, sizeof id, "d%d;c%d", i, i);
        specs[i] = feeds_spec(id);
    }
    return specs;
}

// How long it takes is bench/worker.mjs's question.
static void hundred_unchanged_entries_restart_nothing(void **state)
{
    struct feeds *feeds = *state;
    struct nj_subscription_spec *specs = many();
    feeds_start(feeds);
    set(feeds, 1, specs, MANY);
    assert_int_equal(feeds->joins, MANY);
    assert_int_equal(feeds->loads, 1); // one archive for all
    assert_int_equal(nj_subscriptions_set(feeds->subscriptions, 1, specs, MANY, NULL), 0);
    feeds_settle(feeds);
    assert_int_equal(feeds->joins, MANY);
    assert_int_equal(feeds->leaves, 0);
    assert_int_equal(feeds->loads, 1);
    assert_int_equal(stats_of(feeds).restarts, 0);
    free(specs);
}

static void list_adds_and_removes_only_the_difference(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec first[] = {feeds_spec("d1;c1"), feeds_spec("d2;c2")};
    const struct nj_subscription_spec second[] = {feeds_spec("d2;c2"), feeds_spec("d3;c3")};
    feeds_start(feeds);
    set(feeds, 1, first, 2);
    const struct nj_stream_user *kept = feeds_user(feeds, "c2");
    set(feeds, 1, second, 2);
    assert_null(feeds_user(feeds, "c1"));
    assert_ptr_equal(feeds_user(feeds, "c2"), kept);
    assert_non_null(feeds_user(feeds, "c3"));
    assert_int_equal(feeds->joins, 3);
    assert_int_equal(feeds->leaves, 1);
    set(feeds, 1, NULL, 0);
    assert_int_equal(stats_of(feeds).subscriptions, 0);
    assert_int_equal(feeds->leaves, 3);
    assert_int_equal(feeds->pipelines, 0); // the archive goes with its last user
}

static void change_restarts_only_what_changed(void **state)
{
    struct feeds *feeds = *state;
    struct nj_subscription_spec spec = feeds_spec("d1;c1");
    feeds_start(feeds);
    set(feeds, 1, &spec, 1);
    nj_text_copy(spec.model_name, sizeof spec.model_name, "another name");
    set(feeds, 1, &spec, 1);
    assert_int_equal(feeds->joins, 1);
    assert_int_equal(feeds->loads, 1);

    spec.has_crop = true; // the stream gives whole pictures to all its users
    spec.crop[2] = spec.crop[3] = 100;
    set(feeds, 1, &spec, 1);
    assert_int_equal(feeds->joins, 1);
    assert_int_equal(feeds->leaves, 0);
    assert_int_equal(stats_of(feeds).restarts, 0);

    nj_text_copy(spec.model_url, sizeof spec.model_url, "file:///b.mpta");
    set(feeds, 1, &spec, 1);
    assert_int_equal(feeds->joins, 1);
    assert_int_equal(feeds->loads, 2);
    assert_int_equal(feeds->pipelines, 1);

    nj_text_copy(spec.rtsp_url, sizeof spec.rtsp_url, "rtsp://cameras/other");
    set(feeds, 1, &spec, 1);
    assert_int_equal(feeds->joins, 2);
    assert_int_equal(feeds->loads, 2);
    assert_int_equal(stats_of(feeds).restarts, 1);
    assert_non_null(feeds_user(feeds, "other"));
}

static void snapshot_is_played_where_it_is_preferred_or_alone(void **state)
{
    struct feeds *feeds = *state;
    struct nj_subscription_spec spec = feeds_spec("d1;c1");
    nj_text_copy(spec.snapshot_url, sizeof spec.snapshot_url, "http://cameras/still");
    feeds->options.prefer = NJ_PREFER_SNAPSHOT;
    feeds_start(feeds);
    add(feeds, 1, &spec);
    assert_string_equal(feeds->users[0].url, "http://cameras/still");
    spec.snapshot_url[0] = '\0';
    add(feeds, 1, &spec);
    assert_non_null(feeds_user(feeds, "c1"));
}

static void connection_that_comes_back_within_grace_restarts_nothing(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec specs[] = {feeds_spec("d1;c1"), feeds_spec("d2;c1")};
    feeds_start(feeds);
    set(feeds, 1, specs, 2);
    nj_subscriptions_owner_gone(feeds->subscriptions, 1);
    feeds_advance(feeds, 29 * (nj_us)NJ_US_PER_S);
    set(feeds, 2, specs, 2);
    feeds_advance(feeds, 60 * (nj_us)NJ_US_PER_S);
    assert_int_equal(feeds->joins, 2);
    assert_int_equal(feeds->leaves, 0);
    assert_int_equal(feeds->loads, 1);
    assert_int_equal(stats_of(feeds).subscriptions, 2);
    assert_true(nj_subscriptions_owns(feeds->subscriptions, 2, "d1;c1"));
    assert_false(nj_subscriptions_owns(feeds->subscriptions, 1, "d1;c1"));
}

static void after_the_grace_period_it_is_over(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec spec = feeds_spec("d1;c1");
    feeds_start(feeds);
    set(feeds, 1, &spec, 1);
    nj_subscriptions_owner_gone(feeds->subscriptions, 1);
    feeds_advance(feeds, 31 * (nj_us)NJ_US_PER_S);
    assert_int_equal(stats_of(feeds).subscriptions, 0);
    assert_int_equal(feeds->leaves, 1);
    assert_int_equal(feeds->pipelines, 0);
}

static void list_of_one_connection_touches_nothing_of_another(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec first[] = {feeds_spec("d1;c1"), feeds_spec("d2;c2")};
    const struct nj_subscription_spec other = feeds_spec("d2;c2");
    struct nj_error err = {0};
    feeds_start(feeds);
    set(feeds, 1, first, 2);
    set(feeds, 2, &other, 1); // both hold d2;c2
    set(feeds, 1, first, 1);
    assert_int_equal(stats_of(feeds).subscriptions, 2);
    assert_int_equal(feeds->leaves, 0);
    set(feeds, 2, NULL, 0);
    assert_int_equal(stats_of(feeds).subscriptions, 1);
    assert_int_equal(nj_subscriptions_remove(feeds->subscriptions, 2, "d1;c1", &err),
                     NJ_E_NOT_FOUND);
    assert_int_equal(nj_subscriptions_remove(feeds->subscriptions, 1, "d1;c1", &err), 0);
    assert_int_equal(stats_of(feeds).subscriptions, 0);
}

static void wrong_member_refuses_the_whole_list(void **state)
{
    struct feeds *feeds = *state;
    static const struct {
        const char *member;
        int rc;
    } cases[] = {
        {"subscriptions[1]: subscriptionIdentifier", NJ_E_INVALID},
        {"subscriptions[1]: subscriptionIdentifier: stands there twice", NJ_E_INVALID},
        {"subscriptions[1]: rtspUrl", NJ_E_INVALID},
        {"subscriptions[1]: rtspUrl", NJ_E_INVALID},
        {"subscriptions[1]: snapshotUrl", NJ_E_INVALID},
        {"subscriptions[1]: rtspUrl", NJ_E_DENIED},
        {"subscriptions[1]: modelUrl", NJ_E_INVALID},
        {"subscriptions[1]: modelSha256", NJ_E_INVALID},
        {"subscriptions[1]: cropX1", NJ_E_INVALID},
        {"subscriptions[1]: cropX2", NJ_E_INVALID},
        {"subscriptions[1]: cropY2", NJ_E_INVALID},
    };
    feeds_start(feeds);
    const struct nj_subscription_spec old = feeds_spec("d9;c9");
    set(feeds, 1, &old, 1);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_subscription_spec specs[] = {feeds_spec("d1;c1"), feeds_spec("d2;c2")};
        struct nj_subscription_spec *wrong = &specs[1];
        struct nj_error err = {0};
        wrong->has_crop = i >= 8;
        memcpy(wrong->crop, (const int32_t[]){0, 0, 10, 10}, sizeof wrong->crop);
        switch (i) {
        case 0:
            nj_text_copy(wrong->id, sizeof wrong->id, "no separator");
            break;
        case 1:
            nj_text_copy(wrong->id, sizeof wrong->id, "d1;c1");
            break;
        case 2:
            wrong->rtsp_url[0] = '\0';
            break;
        case 3:
            nj_text_copy(wrong->rtsp_url, sizeof wrong->rtsp_url, "file:///etc/passwd");
            break;
        case 4:
            nj_text_copy(wrong->snapshot_url, sizeof wrong->snapshot_url, "ftp://a/b");
            break;
        case 5:
            nj_text_copy(wrong->rtsp_url, sizeof wrong->rtsp_url, "rtsp://a@169.254.169.254:80/x");
            break;
        case 6:
            wrong->model_url[0] = '\0';
            break;
        case 7:
            nj_text_copy(wrong->model_sha256, sizeof wrong->model_sha256, "abc");
            break;
        case 8:
            wrong->crop[0] = -1;
            break;
        case 9:
            wrong->crop[2] = 0;
            break;
        default:
            wrong->crop[3] = 20000;
            break;
        }
        int rc = nj_subscriptions_set(feeds->subscriptions, 1, specs, 2, &err);
        if (rc != cases[i].rc || strstr(err.text, cases[i].member) == NULL)
            fail_msg("case %zu: %d \"%s\"", i, rc, err.text);
        assert_int_equal(stats_of(feeds).subscriptions, 1);
        assert_true(nj_subscriptions_owns(feeds->subscriptions, 1, "d9;c9"));
    }
    assert_int_equal(feeds->joins, 1);
}

static void limits_refuse_and_the_unheld_make_room(void **state)
{
    struct feeds *feeds = *state;
    struct nj_error err = {0};
    const struct nj_subscription_spec one = feeds_spec("d1;c1"), two = feeds_spec("d2;c2"),
                                      three = feeds_spec("d3;c3");
    const struct nj_subscription_spec both[] = {two, three};
    feeds->options.max_subscriptions = 2;
    feeds_start(feeds);
    add(feeds, 1, &one);
    add(feeds, 1, &two);
    assert_int_equal(nj_subscriptions_add(feeds->subscriptions, 1, &three, &err), NJ_E_FULL);
    set(feeds, 1, both, 2); // the place of d1;c1 is free then
    add(feeds, 2, &two);
    assert_int_equal(nj_subscriptions_add(feeds->subscriptions, 3, &two, &err), NJ_E_FULL);
    nj_subscriptions_owner_gone(feeds->subscriptions, 1);
    add(feeds, 2, &one); // d3;c3 is held by nobody
    assert_true(nj_subscriptions_owns(feeds->subscriptions, 2, "d1;c1"));
    assert_int_equal(stats_of(feeds).subscriptions, 2);
}

static void stream_without_room_is_joined_later(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec spec = feeds_spec("d1;c1");
    feeds->join_rc = NJ_E_FULL;
    feeds_start(feeds);
    add(feeds, 1, &spec);
    assert_int_equal(feeds->joins, 0);
    assert_true(feeds->state_count > 0); // told at once
    feeds->join_rc = 0;
    feeds_advance(feeds, 3 * (nj_us)NJ_US_PER_S);
    assert_int_equal(feeds->joins, 1);
}

static void stream_that_is_wrong_is_not_joined_until_asked(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec spec = feeds_spec("d1;c1");
    feeds->join_rc = NJ_E_INVALID;
    feeds_start(feeds);
    add(feeds, 1, &spec);
    feeds->join_rc = 0;
    feeds_advance(feeds, 300 * (nj_us)NJ_US_PER_S);
    assert_int_equal(feeds->joins, 0);
    add(feeds, 1, &spec);
    assert_int_equal(feeds->joins, 1);
}

static void archive_that_cannot_be_had_is_told_and_fetched_again(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec spec = feeds_spec("d1;c1");
    feeds->load_rc = NJ_E_UNAVAILABLE;
    feeds_start(feeds);
    add(feeds, 1, &spec);
    assert_string_equal(feeds->states[feeds->state_count - 1].text, "offline error ");
    assert_int_equal(stats_of(feeds).models_failed, 1);
    feeds->load_rc = 0;
    feeds_advance(feeds, 3 * (nj_us)NJ_US_PER_S);
    assert_int_equal(stats_of(feeds).models_ready, 1);
    assert_int_equal(feeds->loads, 2);
    assert_string_equal(feeds->states[feeds->state_count - 1].text, "offline ready ");
}

static void wrong_archive_is_not_fetched_again_until_asked(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec spec = feeds_spec("d1;c1");
    feeds->load_rc = NJ_E_INVALID;
    feeds_start(feeds);
    add(feeds, 1, &spec);
    feeds_advance(feeds, 300 * (nj_us)NJ_US_PER_S);
    assert_int_equal(feeds->loads, 1);
    feeds->load_rc = 0;
    set(feeds, 1, &spec, 1);
    assert_int_equal(feeds->loads, 2);
    assert_int_equal(stats_of(feeds).models_ready, 1);
}

static void failed_stream_is_joined_anew_when_asked(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec spec = feeds_spec("d1;c1");
    feeds_start(feeds);
    add(feeds, 1, &spec);
    struct nj_stream_user *user = feeds_user(feeds, "c1");
    user->stats.state = NJ_SOURCE_FAILED;
    user->sink.state(user->sink.context, &user->stats);
    assert_string_equal(feeds->states[feeds->state_count - 1].text, "offline ready ");
    add(feeds, 1, &spec);
    assert_int_equal(feeds->joins, 2);
    assert_int_equal(feeds->leaves, 1);
}

static void stop_ends_all_and_says_so(void **state)
{
    struct feeds *feeds = *state;
    const struct nj_subscription_spec spec = feeds_spec("d1;c1");
    feeds_start(feeds);
    add(feeds, 1, &spec);
    feeds_frame(feeds, "c1");
    assert_int_equal(feeds->open_job_count, 1);
    nj_subscriptions_stop(feeds->subscriptions, NULL, NULL);
    feeds_settle(feeds);
    assert_int_equal(feeds->leaves, 1);
    assert_int_equal(nj_subscriptions_add(feeds->subscriptions, 1, &spec, NULL), NJ_E_CANCELLED);
    assert_int_equal(feeds->pipelines, 1); // what is under way keeps its model
    feeds_see(feeds, (struct nj_rect){.w = 0});
    assert_int_equal(feeds->pipelines, 0);
}

int subscriptions_test(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, feeds_setup, feeds_teardown)
    const struct CMUnitTest tests[] = {
        CASE(hundred_unchanged_entries_restart_nothing),
        CASE(list_adds_and_removes_only_the_difference),
        CASE(change_restarts_only_what_changed),
        CASE(snapshot_is_played_where_it_is_preferred_or_alone),
        CASE(connection_that_comes_back_within_grace_restarts_nothing),
        CASE(after_the_grace_period_it_is_over),
        CASE(list_of_one_connection_touches_nothing_of_another),
        CASE(wrong_member_refuses_the_whole_list),
        CASE(limits_refuse_and_the_unheld_make_room),
        CASE(stream_without_room_is_joined_later),
        CASE(stream_that_is_wrong_is_not_joined_until_asked),
        CASE(archive_that_cannot_be_had_is_told_and_fetched_again),
        CASE(wrong_archive_is_not_fetched_again_until_asked),
        CASE(failed_stream_is_joined_anew_when_asked),
        CASE(stop_ends_all_and_says_so),
    };
    return cmocka_run_group_tests_name("subscriptions", tests, NULL, NULL);
}
