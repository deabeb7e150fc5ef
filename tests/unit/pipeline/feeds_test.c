// SPDX-License-Identifier: Apache-2.0
// What is done with frames: tracking, runs, sessions, and what is told and remembered.
#include "tests/fake/feeds/feeds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int feeds_test(void);

static const struct nj_rect car = {200, 200, 150, 100}, elsewhere = {450, 420, 150, 100},
                            none = {0, 0, 0, 0};
static const char honda[] = "{\"carBrand\":\"Honda\"}";

static void begin(struct feeds *feeds, const char *const *ids, size_t count)
{
    struct nj_subscription_spec specs[4];
    struct nj_error err = {0};
    feeds_start(feeds);
    for (size_t i = 0; i < count; i++)
        specs[i] = feeds_spec(ids[i]);
    if (nj_subscriptions_set(feeds->subscriptions, 1, specs, count, &err) != 0)
        fail_msg("%s", err.text);
    feeds_settle(feeds);
}

static void begin_one(struct feeds *feeds)
{
    static const char *const ids[] = {"d1;c1"};
    begin(feeds, ids, 1);
}

static void session(struct feeds *feeds, const char *display, const char *id)
{
    assert_int_equal(nj_subscriptions_set_session(feeds->subscriptions, display, id, true, NULL),
                     0);
}

static void newest_frame_wins_and_one_inference_is_under_way(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    for (int i = 0; i < 5; i++)
        feeds_frame(feeds, "c1");
    assert_int_equal(feeds->jobs, 1);
    assert_int_equal(feeds->open_jobs[0]->frame->sequence, 1);
    feeds_see(feeds, car);
    assert_int_equal(feeds->jobs, 2);
    assert_int_equal(feeds->open_jobs[0]->frame->sequence, 5); // those between are skipped
    feeds_see(feeds, car);
    assert_int_equal(feeds->open_job_count, 0); // the same frame is not looked at twice
}

static void pipeline_runs_when_the_car_stands_and_not_before(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    feeds_watch(feeds, "c1", car, 5);
    assert_int_equal(feeds->runs, 0); // one second of standing is asked for
    feeds_watch(feeds, "c1", car, 4);
    assert_int_equal(feeds->runs, 1);
    const struct nj_run *run = feeds->open_runs[0];
    assert_string_equal(run->display_id, "d1");
    assert_string_equal(run->camera_id, "c1");
    assert_int_equal(run->known_count, 1);
    assert_string_equal(run->known[0].label, "car");
    assert_true(run->known[0].track_id > 0);
    feeds_end_run(feeds, true, honda);
    assert_int_equal(feeds->detected_count, 1);
    assert_string_equal(feeds->detected[0].text, honda);
    feeds_watch(feeds, "c1", car, 20);
    assert_int_equal(feeds->runs, 1); // the same car
}

static void car_that_moves_on_is_not_looked_at(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    for (int i = 0; i < 20; i++)
        feeds_watch(feeds, "c1", (struct nj_rect){10 + 20 * (float)i, 200, 150, 100}, 1);
    assert_int_equal(feeds->runs, 0);
}

static void run_without_result_waits_for_the_cool_down(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    feeds_watch(feeds, "c1", car, 10);
    feeds_end_run(feeds, false, NULL);
    feeds_watch(feeds, "c1", car, 20); // 4 s
    assert_int_equal(feeds->runs, 1);
    feeds_watch(feeds, "c1", car, 40); // beyond 10 s
    assert_int_equal(feeds->runs, 2);
    assert_int_equal(feeds->detected_count, 0);
    feeds_end_run(feeds, true, honda);
    assert_int_equal(feeds->detected_count, 1);
}

// The worked trace: two displays on one camera, sessions of their own.
static void session_suppresses_runs_of_its_own_display_only(void **state)
{
    struct feeds *feeds = *state;
    static const char *const ids[] = {"d1;c1", "d2;c1"};
    begin(feeds, ids, 2);
    assert_int_equal(feeds->loads, 1);
    feeds_watch(feeds, "c1", car, 10);
    assert_int_equal(feeds->open_run_count, 2); // each display its own
    feeds_end_run(feeds, true, honda);
    feeds_end_run(feeds, true, honda);
    session(feeds, "d1", "4711");
    assert_int_equal(nj_subscriptions_set_stage(feeds->subscriptions, "d1", "car_fueling", NULL),
                     0);
    feeds_watch(feeds, "c1", car, 20);
    session(feeds, "d1", NULL);
    feeds_watch(feeds, "c1", car, 20);
    assert_int_equal(feeds->runs, 2);   // still the same car
    feeds_watch(feeds, "c1", none, 40); // 8 s: it has left
    feeds_watch(feeds, "c1", elsewhere, 10);
    assert_int_equal(feeds->runs, 4);
    feeds_end_run(feeds, true, honda);
    feeds_end_run(feeds, true, honda);
    const struct nj_subscription_spec rest = feeds_spec("d2;c1");
    assert_int_equal(nj_subscriptions_set(feeds->subscriptions, 1, &rest, 1, NULL), 0);
    assert_non_null(feeds_user(feeds, "c1")); // the stream goes on for d2
    assert_int_equal(feeds->leaves, 1);
}

static void car_that_leaves_early_is_told_with_its_session(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    feeds_watch(feeds, "c1", car, 10);
    feeds_end_run(feeds, true, honda);
    session(feeds, "d1", "4711");
    feeds_watch(feeds, "c1", none, 40);
    assert_int_equal(feeds->detected_count, 2);
    assert_string_equal(feeds->detected[1].text, "null");
    assert_string_equal(feeds->detected[1].session, "4711");
}

static void session_reaches_subscriptions_that_come_later(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    session(feeds, "d1", "77");
    const struct nj_subscription_spec later = feeds_spec("d1;c2");
    assert_int_equal(nj_subscriptions_add(feeds->subscriptions, 1, &later, NULL), 0);
    feeds_settle(feeds);
    feeds_watch(feeds, "c2", car, 20);
    assert_int_equal(feeds->runs, 0); // the display has its session already
    assert_int_equal(nj_subscriptions_set_session(feeds->subscriptions, "d9", "1", true, NULL),
                     NJ_E_NOT_FOUND);
}

static void results_and_tracks_are_remembered(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    assert_null(nj_subscriptions_recall(feeds->subscriptions, NJ_NEWEST_RESULT, "d1;c1"));
    feeds_watch(feeds, "c1", car, 10);
    feeds_end_run(feeds, true, honda);
    const char *result = nj_subscriptions_recall(feeds->subscriptions, NJ_NEWEST_RESULT, "d1;c1");
    assert_non_null(result);
    assert_non_null(strstr(result, honda));
    assert_non_null(strstr(result, "\"branch_results\":{\"b\":{\"brand\":\"Honda\"}}"));
    const char *seen = nj_subscriptions_recall(feeds->subscriptions, NJ_NEWEST_DETECTIONS, "d1;c1");
    assert_non_null(seen);
    assert_non_null(strstr(seen, "\"class\":\"car\""));
    assert_non_null(strstr(seen, "\"state\":\"stable\""));
    feeds_advance(feeds, 3601 * (nj_us)NJ_US_PER_S);
    assert_null(nj_subscriptions_recall(feeds->subscriptions, NJ_NEWEST_RESULT, "d1;c1"));
}

static void patches_of_a_session_merge(void **state)
{
    struct feeds *feeds = *state;
    struct nj_error err = {0};
    feeds_start(feeds);
    static const char *const patches[] = {
        "{\"currentCar\":{\"carBrand\":\"Honda\",\"carYear\":2023},\"list\":[1,2]}",
        "{\"currentCar\":{\"carYear\":null,\"bodyType\":\"Sedan\"},\"list\":[3]}",
    };
    for (size_t i = 0; i < NJ_COUNT_OF(patches); i++)
        assert_int_equal(
            nj_subscriptions_patch_session(feeds->subscriptions, "5", patches[i], &err), 0);
    assert_string_equal(nj_subscriptions_recall(feeds->subscriptions, NJ_SESSION_DATA, "5"),
                        "{\"currentCar\":{\"carBrand\":\"Honda\",\"bodyType\":\"Sedan\"},"
                        "\"list\":[3]}");
    assert_int_equal(nj_subscriptions_patch_session(feeds->subscriptions, "5", "[1]", &err),
                     NJ_E_INVALID);
}

static void reconnect_of_the_stream_begins_new_tracks(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    feeds_watch(feeds, "c1", car, 5);
    assert_int_equal(feeds->runs, 0);
    struct nj_stream_user *user = feeds_user(feeds, "c1");
    user->sink.reset(user->sink.context);
    feeds_watch(feeds, "c1", car, 5);
    assert_int_equal(feeds->runs, 0); // what was before does not count
    feeds_watch(feeds, "c1", car, 6);
    assert_int_equal(feeds->runs, 1);
}

static void another_interval_of_snapshots_is_no_new_beginning(void **state)
{
    struct feeds *feeds = *state;
    struct nj_subscription_spec spec = feeds_spec("d1;c1");
    struct nj_subscription_stats stats;
    feeds->options.snapshot_interval_us = 5 * NJ_US_PER_S;
    spec.rtsp_url[0] = '\0';
    memcpy(spec.snapshot_url, "http://cameras/c1", 18);
    spec.snapshot_interval_us = NJ_US_PER_S;
    feeds_start(feeds);
    assert_int_equal(nj_subscriptions_set(feeds->subscriptions, 1, &spec, 1, NULL), 0);
    feeds_settle(feeds);
    feeds_watch(feeds, "c1", car, 5);
    assert_int_equal(feeds->runs, 0);
    spec.snapshot_interval_us = NJ_US_PER_S / 2;
    assert_int_equal(nj_subscriptions_set(feeds->subscriptions, 1, &spec, 1, NULL), 0);
    assert_int_equal(feeds_user(feeds, "c1")->interval_us, NJ_US_PER_S / 2);
    feeds_watch(feeds, "c1", car, 5);
    assert_int_equal(feeds->runs, 1); // what was before counts
    spec.snapshot_interval_us = 0;    // as the options say
    assert_int_equal(nj_subscriptions_set(feeds->subscriptions, 1, &spec, 1, NULL), 0);
    assert_int_equal(feeds_user(feeds, "c1")->interval_us, 5 * NJ_US_PER_S);
    nj_subscriptions_get_stats(feeds->subscriptions, &stats);
    assert_int_equal(stats.restarts, 0);
    assert_int_equal(feeds->joins, 1);
    assert_int_equal(feeds->cancels, 0); // of the run under way
}

static void crop_outside_of_the_picture_is_told(void **state)
{
    struct feeds *feeds = *state;
    struct nj_subscription_spec spec = feeds_spec("d1;c1");
    spec.has_crop = true;
    memcpy(spec.crop, (const int32_t[]){700, 0, 900, 100}, sizeof spec.crop);
    feeds_start(feeds);
    assert_int_equal(nj_subscriptions_add(feeds->subscriptions, 1, &spec, NULL), 0);
    feeds_settle(feeds);
    feeds_frame(feeds, "c1");
    assert_int_equal(feeds->jobs, 0);
    assert_non_null(strstr(feeds->states[feeds->state_count - 1].text,
                           "the crop lies outside of the picture of 640x640"));
    memcpy(spec.crop, (const int32_t[]){600, 0, 900, 100}, sizeof spec.crop);
    assert_int_equal(nj_subscriptions_add(feeds->subscriptions, 1, &spec, NULL), 0);
    feeds_frame(feeds, "c1");
    assert_int_equal(feeds->jobs, 1);
    assert_int_equal((int)feeds->open_jobs[0]->crop.w, 40); // cut at the picture's edge
}

static void changed_archive_cancels_the_run_under_way(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    feeds_watch(feeds, "c1", car, 10);
    assert_int_equal(feeds->open_run_count, 1);
    struct nj_subscription_spec spec = feeds_spec("d1;c1");
    memcpy(spec.model_url, "file:///b.mpta", 15);
    assert_int_equal(nj_subscriptions_set(feeds->subscriptions, 1, &spec, 1, NULL), 0);
    feeds_settle(feeds);
    assert_int_equal(feeds->cancels, 1);
    assert_int_equal(feeds->pipelines, 1); // the old one went
    feeds_watch(feeds, "c1", car, 10);
    assert_int_equal(feeds->runs, 2); // a new track of the new model
    assert_int_equal(feeds->failure_count, 0);
}

static void broken_inference_is_told_once(void **state)
{
    struct feeds *feeds = *state;
    begin_one(feeds);
    for (int i = 0; i < 3; i++) {
        feeds_frame(feeds, "c1");
        struct nj_detect_job *job = feeds->open_jobs[--feeds->open_job_count];
        job->rc = NJ_E_IO;
        job->done(job);
        feeds_settle(feeds);
    }
    assert_int_equal(feeds->failure_count, 1);
    assert_string_equal(feeds->failures[0].text, "0 io");
}

int feeds_test(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, feeds_setup, feeds_teardown)
    const struct CMUnitTest tests[] = {
        CASE(newest_frame_wins_and_one_inference_is_under_way),
        CASE(pipeline_runs_when_the_car_stands_and_not_before),
        CASE(car_that_moves_on_is_not_looked_at),
        CASE(run_without_result_waits_for_the_cool_down),
        CASE(session_suppresses_runs_of_its_own_display_only),
        CASE(car_that_leaves_early_is_told_with_its_session),
        CASE(session_reaches_subscriptions_that_come_later),
        CASE(results_and_tracks_are_remembered),
        CASE(patches_of_a_session_merge),
        CASE(reconnect_of_the_stream_begins_new_tracks),
        CASE(another_interval_of_snapshots_is_no_new_beginning),
        CASE(crop_outside_of_the_picture_is_told),
        CASE(changed_archive_cancels_the_run_under_way),
        CASE(broken_inference_is_told_once),
    };
    return cmocka_run_group_tests_name("feeds", tests, NULL, NULL);
}
