// SPDX-License-Identifier: Apache-2.0
// A live camera: one row a track with its best picture, changes, its end, and "offline".
#include "tests/flow/flow_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int live_flow_test(void);

static struct nj_live_pipeline *first_camera(struct flow *flow)
{
    struct nj_live_pipeline *pipeline = nj_live_set_find(flow->app->live, "yard");
    assert_non_null(pipeline);
    return pipeline;
}

static const nj_us second_us = NJ_US_PER_S;
enum { FRAME_US = 50 * NJ_US_PER_MS };

// Pictures come at the machine's pace; the fake clock goes on with every one of them.
static bool goes_on_until_sql(struct flow *flow, const char *sql)
{
    nj_fake_clock_advance(&flow->clock, FRAME_US);
    return flow_sql_int(flow, sql) > 0;
}

static void play_until_sql(struct flow *flow, const char *sql)
{
    flow_until(flow, goes_on_until_sql, sql);
}

// A car that stands on the first `seen` of 1000 pictures, and is larger after 40 of them.
static void set_script(struct flow *flow, unsigned seen)
{
    char path[NJ_TEMP_PATH_MAX];
    FILE *file = fopen(nj_temp_dir_path(&flow->dir, "script", path), "w");
    assert_non_null(file);
    (void)fputs("[", file);
    for (unsigned i = 0; i < 1000; i++) {
        (void)fputs(i == 0 ? "[" : ",[", file);
        if (i < seen)
            (void)fprintf(file,
                          "{\"class\":\"car\",\"confidence\":0.6,\"bbox\":{\"x\":20,\"y\":20,"
                          "\"width\":%u,\"height\":%u}}",
                          i < 40 ? 30U : 36U, i < 40 ? 20U : 36U);
        (void)fputs("]", file);
    }
    (void)fputs("]", file);
    assert_int_equal(fclose(file), 0);
    flow_set(flow, "detect.null_script=%s", path);
}

static void set_camera(struct flow *flow, const char *more)
{
    flow_set(flow,
             "sources.list=[{\"id\":\"yard\",\"name\":\"The yard\",\"kind\":\"null\","
             "\"path\":\"128x96x1000\",\"fps\":200,\"loop\":false%s}]",
             more);
    flow_set(flow, "motion.enabled=false");
    flow_set(flow, "stability.min_age_seconds=0"); // pictures count here, not their time
    flow_set(flow, "stability.update_seconds=0");
}

static void track_is_one_row_with_its_best_picture_changes_and_end(void **state)
{
    struct flow *flow = *state;
    char text[256];
    set_script(flow, 400);
    set_camera(flow, "");
    flow_start(flow);
    play_until_sql(flow, "SELECT count(*) FROM detections");
    flow_sql_text(flow,
                  "SELECT camera_id || ' ' || object_type || ' ' || media_type || ' ' || "
                  "file_is_upload || ' ' || picture_width || 'x' || picture_height || ' ' || "
                  "(track_id > 0) FROM detections",
                  text, sizeof text);
    assert_string_equal(text, "yard car live 0 128x96 1");
    // A larger view of it is a better picture, and takes the place of the first. (Boxes follow
    // slowly.)
    play_until_sql(flow, "SELECT count(*) FROM detections WHERE height > 22");
    play_until_sql(flow, "SELECT count(*) FROM detections WHERE ended_us > detected_us");
    play_until_sql(flow, "SELECT count(*) FROM events");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 1);
    assert_int_equal(flow_count_files(flow, "pictures"), 1);
    assert_int_equal(flow_count_messages(flow, "detection.new"), 1);
    flow_sql_text(flow, "SELECT CAST(file_path AS TEXT) FROM detections", text, sizeof text);
    FILE *picture = fopen(text, "rb");
    assert_non_null(picture);
    assert_int_equal(fgetc(picture), 0xff);
    assert_int_equal(fgetc(picture), 0xd8);
    (void)fclose(picture);
    flow_sql_text(flow, "SELECT name || ' ' || status FROM cameras", text, sizeof text);
    assert_string_equal(text, "The yard online");
    struct nj_latency_summary detect, join;
    nj_latency_get(flow->app->latency, NJ_STAGE_DETECT, &detect);
    assert_true(detect.count > 0); // inference of live pictures is told as that of uploads
    nj_latency_get(flow->app->latency, NJ_STAGE_DETECT_TO_BATCH, &join);
    assert_int_equal(join.count, 1); // and a track joins its batch once
}

// Long before its batch would close by itself, and whatever pause comes after it.
static void sure_person_before_a_camera_is_an_event_at_once(void **state)
{
    struct flow *flow = *state;
    set_camera(flow, "");
    flow_set(flow, "detect.null_script=%s", FLOW_PERSON);
    flow_start(flow);
    play_until_sql(flow, "SELECT count(*) FROM detections");
    flow_until_sql(flow, 1, "SELECT count(*) FROM events WHERE is_fast_path = 1");
}

static void stop_ends_the_rows_of_tracks_that_are_seen(void **state)
{
    struct flow *flow = *state;
    set_script(flow, 1000);
    set_camera(flow, "");
    flow_start(flow);
    play_until_sql(flow, "SELECT count(*) FROM detections");
    struct nj_live_stats stats;
    nj_live_pipeline_get_stats(first_camera(flow), &stats);
    uint64_t inferred = stats.inferred;
    for (int i = 0; i < 10000 && stats.inferred < inferred + 30; i++) {
        nj_fake_clock_advance(&flow->clock, FRAME_US);
        flow_turn(flow);
        nj_live_pipeline_get_stats(first_camera(flow), &stats);
    }
    flow_stop(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 1);
    // It was followed for thirty pictures more, and the end says so.
    assert_true(flow_sql_int(flow, "SELECT ended_us - detected_us FROM detections") >= second_us);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 1);
}

static void track_ids_go_on_after_a_restart(void **state)
{
    struct flow *flow = *state;
    set_script(flow, 1000);
    set_camera(flow, "");
    for (int i = 1; i <= 3; i++) {
        char sql[128];
        flow_start(flow);
        (void)snprintf(sql, sizeof sql, "SELECT count(*) >= %d FROM detections", i);
        play_until_sql(flow, sql);
        flow_kill(flow);
    }
    assert_int_equal(flow_sql_int(flow, "SELECT count(DISTINCT track_id) FROM detections"),
                     flow_sql_int(flow, "SELECT count(*) FROM detections"));
}

static void destroy_in_the_middle_of_playing_is_clean(void **state)
{
    struct flow *flow = *state;
    set_script(flow, 1000);
    flow_set(flow, "motion.enabled=false");
    flow_set(flow, "sources.list=["
                   "{\"id\":\"a\",\"kind\":\"null\",\"path\":\"64x64x50\",\"paced\":false},"
                   "{\"id\":\"b\",\"kind\":\"null\",\"path\":\"64x64x50\",\"paced\":false},"
                   "{\"id\":\"c\",\"kind\":\"null\",\"path\":\"64x64x50\",\"fps\":240}]");
    for (int round = 0; round < 6; round++) {
        flow_start(flow);
        for (int i = 0; i < round * 4; i++) {
            nj_fake_clock_advance(&flow->clock, FRAME_US);
            flow_turn(flow);
        }
        if (round % 2 == 0)
            flow_kill(flow);
        else
            flow_stop(flow);
    }
}

static void still_pictures_are_not_inferred(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "sources.list=[{\"id\":\"yard\",\"kind\":\"null\",\"path\":\"128x96x4\","
                   "\"fps\":200,\"masks\":[\"0,0 1,0 1,1 0,1\"]}]"); // nothing is looked at
    flow_start(flow);
    struct nj_live_stats stats = {0};
    for (int i = 0; i < 10000 && stats.skipped_still < 20; i++) {
        nj_fake_clock_advance(&flow->clock, FRAME_US);
        flow_turn(flow);
        nj_live_pipeline_get_stats(first_camera(flow), &stats);
    }
    assert_true(stats.skipped_still >= 20);
    assert_true(stats.inferred < stats.source.frames);
}

static bool is_told(struct flow *flow, const char *what)
{
    nj_fake_clock_advance(&flow->clock, second_us);
    return strstr(flow->messages, what) != NULL;
}

static bool is_told_twice(struct flow *flow, const char *what)
{
    (void)what;
    return flow_count_messages(flow, "camera_status") == 2;
}

static void camera_that_is_silent_goes_offline_and_comes_back(void **state)
{
    struct flow *flow = *state;
    char text[64];
    flow_set(flow, "sources.offline_after_seconds=60");
    flow_start(flow);
    flow_put_picture(flow, "gate/1.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    flow_advance(flow, 50 * second_us);
    flow_until_quiet(flow);
    assert_int_equal(flow_count_messages(flow, "camera_status"), 0);
    flow_until(flow, is_told, "\"offline\"");
    flow_sql_text(flow, "SELECT status FROM cameras", text, sizeof text);
    assert_string_equal(text, "offline");
    assert_int_equal(flow_count_messages(flow, "camera_status"), 1);
    flow_put_picture(flow, "gate/2.jpg", 2);
    flow_until_sql(flow, 2, "SELECT count(*) FROM detections");
    flow_advance(flow, 10 * second_us);
    flow_until_quiet(flow);
    flow_sql_text(flow, "SELECT status FROM cameras", text, sizeof text);
    assert_string_equal(text, "online");
    flow_until(flow, is_told_twice, "the camera is told to be back");
}

static void mask_that_is_not_of_numbers_stops_the_start(void **state)
{
    struct flow *flow = *state;
    struct nj_error err = {0};
    flow_set(flow, "sources.list=[{\"id\":\"yard\",\"kind\":\"null\",\"path\":\"128x96x4\","
                   "\"masks\":[\"nan,nan nan,nan nan,nan\"]}]");
    assert_int_not_equal(flow_try_start(flow, &err), 0);
    assert_non_null(strstr(err.text, "mask"));
}

// A store of an earlier version may have more cameras than are played.
static void fill_with_cameras(struct flow *flow, int count)
{
    char sql[512];
    (void)snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
        "INSERT INTO sources SELECT format('c%%03d', i), json_object('id', format('c%%03d', i), "
        "'kind', 'rtsp', 'url', 'rtsp://127.0.0.1:1/'), 1, 1, 0, 0 FROM n",
        count);
    flow_sql_run(flow, sql);
}

struct changed {
    struct nj_live_change change;
    bool done;
};

static void handle_changed(struct nj_live_change *change)
{
    NJ_CONTAINER_OF(change, struct changed, change)->done = true;
}

// The clock stands still meanwhile.
static int change_cameras(struct flow *flow, struct nj_live_change change)
{
    struct changed changed = {.change = change};
    changed.change.done = handle_changed;
    nj_live_set_change(flow->app->live, &changed.change);
    for (int i = 0; i < 10000 && !changed.done; i++)
        flow_turn(flow);
    assert_true(changed.done);
    return changed.change.rc;
}

static int add_camera(struct flow *flow)
{
    static const char entry[] = "{\"id\":\"more\",\"kind\":\"rtsp\","
                                "\"url\":\"rtsp://127.0.0.1:1/\"}";
    return change_cameras(
        flow,
        (struct nj_live_change){.kind = NJ_LIVE_ADD, .json = entry, .length = sizeof entry - 1});
}

static void pause_goes_on_as_soon_as_the_rows_are_ended(void **state)
{
    struct flow *flow = *state;
    set_script(flow, 1000);
    set_camera(flow, "");
    flow_start(flow);
    play_until_sql(flow, "SELECT count(*) FROM detections");
    assert_int_equal(
        change_cameras(flow, (struct nj_live_change){.kind = NJ_LIVE_PAUSE, .id = "yard"}), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM cameras WHERE status = 'offline'"),
                     1);
    assert_null(nj_live_set_find(flow->app->live, "yard"));
}

static void camera_beyond_the_limit_is_refused_and_not_kept(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    flow_stop(flow);
    fill_with_cameras(flow, NJ_LIVE_CAMERAS_MAX);
    flow_start(flow);
    assert_int_equal(add_camera(flow), NJ_E_CONFLICT);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM sources"), NJ_LIVE_CAMERAS_MAX);
}

static void more_cameras_in_the_store_than_are_played_stop_no_start(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    flow_stop(flow);
    fill_with_cameras(flow, NJ_LIVE_CAMERAS_MAX + 2);
    flow_start(flow);
    assert_int_equal(nj_live_set_count(flow->app->live), NJ_LIVE_CAMERAS_MAX);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM sources"), NJ_LIVE_CAMERAS_MAX + 2);
}

int live_flow_test(void)
{
#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, flow_setup, flow_teardown)
    const struct CMUnitTest tests[] = {
        FLOW_TEST(track_is_one_row_with_its_best_picture_changes_and_end),
        FLOW_TEST(sure_person_before_a_camera_is_an_event_at_once),
        FLOW_TEST(stop_ends_the_rows_of_tracks_that_are_seen),
        FLOW_TEST(track_ids_go_on_after_a_restart),
        FLOW_TEST(destroy_in_the_middle_of_playing_is_clean),
        FLOW_TEST(still_pictures_are_not_inferred),
        FLOW_TEST(pause_goes_on_as_soon_as_the_rows_are_ended),
        FLOW_TEST(camera_that_is_silent_goes_offline_and_comes_back),
        FLOW_TEST(mask_that_is_not_of_numbers_stops_the_start),
        FLOW_TEST(camera_beyond_the_limit_is_refused_and_not_kept),
        FLOW_TEST(more_cameras_in_the_store_than_are_played_stop_no_start),
    };
    return cmocka_run_group_tests_name("live flow", tests, NULL, NULL);
}
