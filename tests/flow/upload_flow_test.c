// SPDX-License-Identifier: Apache-2.0
// A file in the watched folder becomes rows, a batch, an event and messages, once.
#include "tests/flow/flow_helper.h"
#include "tests/fake/fake_video.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int upload_flow_test(void);

static const nj_us second_us = NJ_US_PER_S;

static void picture_becomes_row_batch_event_and_messages(void **state)
{
    struct flow *flow = *state;
    char text[256];
    flow_start(flow);
    flow_put_picture(flow, "Front Door/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    flow_sql_text(flow,
                  "SELECT camera_id || ' ' || object_type || ' ' || x || ',' || y || ' ' || width "
                  "|| 'x' || height || ' of ' || picture_width || 'x' || picture_height || ' ' || "
                  "media_type || ' ' || file_is_upload || ' ' || detected_us FROM detections",
                  text, sizeof text);
    assert_string_equal(text, "front_door car 8,8 40x30 of 96x96 image 1 1767614400000000");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state = 'open'"), 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 0);

    flow_advance(flow, 36 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events");
    flow_sql_text(flow,
                  "SELECT b.close_reason || ' ' || b.state || ' ' || b.detection_count || ' ' || "
                  "e.analyser || ' ' || e.camera_id || ' ' || (e.reasoning <> '') FROM events e "
                  "JOIN batches b ON b.id = e.batch_id",
                  text, sizeof text);
    assert_string_equal(text, "idle analysed 1 rules front_door 1");
    flow_until_quiet(flow);
    assert_int_equal(flow_count_messages(flow, "detection.new"), 1);
    assert_int_equal(flow_count_messages(flow, "detection.batch"), 1);
    assert_int_equal(flow_count_messages(flow, "event"), 1);
    assert_int_equal(flow_count_logged(flow, "\"Batch closed\""), 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
    assert_int_equal(flow_count_files(flow, "cameras"), 1); // the user's file stays
}

static void sure_person_is_an_event_at_once(void **state)
{
    struct flow *flow = *state;
    char text[256];
    flow_set(flow, "detect.null_script=%s", FLOW_PERSON);
    flow_start(flow);
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events"); // no time passes
    flow_sql_text(flow,
                  "SELECT e.batch_id || ' ' || b.close_reason || ' ' || e.is_fast_path FROM events "
                  "e JOIN batches b ON b.id = e.batch_id",
                  text, sizeof text);
    assert_string_equal(text, "fast_path_1 fast_path 1");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state = 'open'"), 0);
    flow_advance(flow, 120 * second_us);
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 1);
}

static void fast_path_takes_the_sure_ones_and_leaves_the_rest_to_the_batch(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "detect.null_script=[[{\"class\":\"person\",\"confidence\":0.9,"
                   "\"bbox\":{\"x\":0,\"y\":0,\"width\":20,\"height\":40}},"
                   "{\"class\":\"dog\",\"confidence\":0.9,"
                   "\"bbox\":{\"x\":60,\"y\":60,\"width\":20,\"height\":20}}]]");
    flow_start(flow);
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections d JOIN batches b ON b.id "
                                        "= d.batch_id WHERE b.state = 'open' AND "
                                        "d.object_type = 'dog'"),
                     1);
    flow_advance(flow, 36 * second_us);
    flow_until_sql(flow, 2, "SELECT count(*) FROM events");
    assert_int_equal(flow_sql_int(flow, "SELECT sum(detection_count) FROM events"), 2);
}

static void picture_without_objects_leaves_no_batch(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "detect.null_script=[]");
    flow_start(flow);
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM seen_files");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches"), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
}

static void newest_picture_is_remembered_with_or_without_anything_on_it(void **state)
{
    struct flow *flow = *state;
    char text[256];
    flow_set(flow, "detect.null_script=[]");
    flow_start(flow);
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM cameras WHERE picture_us > 0");
    flow_until_quiet(flow);
    flow_sql_text(flow, "SELECT picture_path || ' ' || picture_us FROM cameras", text, sizeof text);
    assert_non_null(strstr(text, "/cameras/gate/one.jpg 1767614400000000"));
    flow_put_bytes(flow, "gate/broken.jpg", "\xff\xd8\xff no picture", 15);
    flow_until_sql(flow, 1, "SELECT count(*) FROM refused_files");
    flow_until_quiet(flow);
    flow_sql_text(flow, "SELECT picture_path FROM cameras", text, sizeof text);
    assert_non_null(strstr(text, "/cameras/gate/one.jpg"));
}

// Of a camera whose clock never ran or runs ahead, and of servers that take times from strangers.
static void file_time_that_cannot_be_is_the_time_of_arrival(void **state)
{
    struct flow *flow = *state;
    static const time_t times[] = {
        0, -3600, -3000000000, 9300000000, 4070908800 /* 2099 */, 1767614400 + 86401,
    };
    for (size_t i = 0; i < NJ_COUNT_OF(times); i++) {
        char name[32], path[2 * NJ_TEMP_PATH_MAX];
        const struct timespec both[2] = {{.tv_sec = times[i]}, {.tv_sec = times[i]}};
        (void)snprintf(name, sizeof name, "gate/%zu.jpg", i);
        flow_put_picture(flow, name, (unsigned)i + 1);
        (void)snprintf(path, sizeof path, "%s/cameras/%s", flow->dir.path, name);
        assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
    }
    flow_start(flow);
    flow_until_sql(flow, NJ_COUNT_OF(times), "SELECT count(*) FROM detections");
    assert_int_equal(flow_sql_int(flow, "SELECT min(detected_us) FROM detections"),
                     nj_wall_us(&flow->clock.clock));
    assert_int_equal(flow_sql_int(flow, "SELECT max(detected_us) FROM detections"),
                     nj_wall_us(&flow->clock.clock));
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM dead_letters"), 0);
}

// A local time without an offset may be ahead of us by hours.
static void file_time_of_another_zone_is_believed(void **state)
{
    struct flow *flow = *state;
    const struct timespec both[2] = {{.tv_sec = 1767614400 + 86400},
                                     {.tv_sec = 1767614400 + 86400}};
    char path[2 * NJ_TEMP_PATH_MAX];
    flow_put_picture(flow, "gate/one.jpg", 1);
    (void)snprintf(path, sizeof path, "%s/cameras/gate/one.jpg", flow->dir.path);
    assert_int_equal(utimensat(AT_FDCWD, path, both, 0), 0);
    flow_start(flow);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    assert_int_equal(flow_sql_int(flow, "SELECT detected_us FROM detections"),
                     INT64_C(1767700800) * NJ_US_PER_S);
}

// EXIF of one entry, DateTimeOriginal, put behind the first two bytes of a JPEG.
static void exif_time_of_the_far_future_is_the_time_of_arrival(void **state)
{
    static const char exif[] = "\xff\xe1\x00\x48"
                               "Exif\0\0"
                               "II*\0\x08\0\0\0"
                               "\x01\0\x69\x87\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0"
                               "\x01\0\x03\x90\x02\0\x14\0\0\0\x2c\0\0\0\0\0\0\0"
                               "2099:01:01 00:00:00";
    struct flow *flow = *state;
    size_t length = 0;
    uint8_t *plain = flow_make_picture(1, &length);
    uint8_t *whole = malloc(length + sizeof exif);
    assert_non_null(whole);
    memcpy(whole, plain, 2);
    memcpy(whole + 2, exif, sizeof exif);
    memcpy(whole + 2 + sizeof exif, plain + 2, length - 2);
    flow_start(flow);
    flow_put_bytes(flow, "gate/one.jpg", whole, length + sizeof exif);
    free(whole);
    free(plain);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    assert_int_equal(flow_sql_int(flow, "SELECT detected_us FROM detections"),
                     nj_wall_us(&flow->clock.clock));
}

static void same_content_again_is_a_duplicate_until_its_time_is_over(void **state)
{
    struct flow *flow = *state;
    struct nj_folder_stats stats;
    flow_start(flow);
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    flow_put_picture(flow, "gate/two.jpg", 1);
    flow_until_sql(flow, 2, "SELECT count(*) FROM seen_files");
    flow_until_quiet(flow);
    nj_folder_source_get_stats(flow->app->folder, &stats);
    assert_int_equal(stats.duplicates, 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 1);
    flow_advance(flow, 301 * second_us);
    flow_put_picture(flow, "gate/three.jpg", 1);
    flow_until_sql(flow, 2, "SELECT count(*) FROM detections");
}

// A JPEG whose head says 30000 x 30000.
static const char huge_head[] = "\xff\xd8\xff\xc0\x00\x11\x08\x75\x30\x75\x30\x03\x01\x22\x00\x02"
                                "\x11\x01\x03\x11\x01\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11"
                                "\x00\x3f\x00";

static void put_padded(struct flow *flow, const char *name, const char *bytes, size_t length)
{
    char padded[4096];
    memset(padded, 'x', sizeof padded);
    if (length > 0)
        memcpy(padded, bytes, length);
    flow_put_bytes(flow, name, padded, sizeof padded);
}

static void expect_metric(struct flow *flow, const char *line)
{
    struct nj_buf metrics;
    nj_buf_init(&metrics, 1 << 20);
    nj_metrics_write(flow->app->metrics, &metrics);
    if (strstr(metrics.data, line) == NULL)
        fail_msg("no line \"%s\"", line);
    nj_buf_finish(&metrics);
}

static void refused_files_are_listed_by_reason_and_stay_where_they_are(void **state)
{
    struct flow *flow = *state;
    static const struct {
        const char *path, *reason;
    } expected[] = {
        {"empty.jpg", "too_small"}, {"tiny.jpg", "too_small"},    {"text.jpg", "wrong_type"},
        {"huge.jpg", "too_big"},    {"text.mp4", "wrong_type"},   {"cut.jpg", "truncated"},
        {"cut.mp4", "undecodable"}, {"holed.jpg", "undecodable"},
    };
    static const char mp4_head[] = "\0\0\0\x18"
                                   "ftypisom\0\0\0\0isommp42";
    flow_start(flow);
    flow_put_bytes(flow, "gate/empty.jpg", "", 0);
    flow_put_bytes(flow, "gate/tiny.jpg", "\xff\xd8\xff\xe0", 4);
    put_padded(flow, "gate/text.jpg", NULL, 0);
    put_padded(flow, "gate/huge.jpg", huge_head, sizeof huge_head - 1);
    put_padded(flow, "gate/text.mp4", NULL, 0);
    put_padded(flow, "gate/cut.mp4", mp4_head, sizeof mp4_head - 1);
    size_t length = 0;
    void *whole = flow_make_picture(7, &length);
    flow_put_bytes(flow, "gate/cut.jpg", whole, length / 2);
    memset((char *)whole + length / 2, 0xff, 20); // damaged, but whole
    flow_put_bytes(flow, "gate/holed.jpg", whole, length);
    free(whole);
    flow_until_sql(flow, NJ_COUNT_OF(expected), "SELECT count(*) FROM refused_files");
    flow_until_quiet(flow);
    for (size_t i = 0; i < NJ_COUNT_OF(expected); i++) {
        char sql[256], text[64];
        (void)snprintf(sql, sizeof sql,
                       "SELECT reason FROM refused_files WHERE CAST(path AS TEXT) LIKE '%%/%s'",
                       expected[i].path);
        flow_sql_text(flow, sql, text, sizeof text);
        if (strcmp(text, expected[i].reason) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", expected[i].path, text, expected[i].reason);
    }
    // Those that only decoding found out are counted and described as the others are.
    expect_metric(flow, "folder_refused_files_total{reason=\"undecodable\"} 2\n");
    expect_metric(flow, "folder_refused_files_total{reason=\"truncated\"} 1\n");
    assert_int_equal(flow_sql_int(flow, "SELECT size FROM refused_files WHERE CAST(path AS TEXT) "
                                        "LIKE '%/cut.jpg'"),
                     length / 2);
    assert_int_equal(flow_count_files(flow, "cameras"), NJ_COUNT_OF(expected));
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM dead_letters"), 0);
    flow_put_picture(flow, "gate/good.jpg", 1); // and the service goes on
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
}

// `name` ends with the container's; `share`: of the file's bytes.
static void upload_part_of_clip(struct flow *flow, const char *name, int frames, int fps,
                                double share)
{
    char path[NJ_TEMP_PATH_MAX], upload[64];
    struct video_recipe recipe = {.path = nj_temp_dir_path(&flow->dir, name, path),
                                  .encoder = "mpeg4",
                                  .width = 96,
                                  .height = 96,
                                  .frames = frames,
                                  .fps = fps,
                                  .gop = 5};
    make_video(&recipe);
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(1 << 20);
    assert_true(file != NULL && bytes != NULL);
    size_t length = fread(bytes, 1, 1 << 20, file);
    (void)fclose(file);
    (void)snprintf(upload, sizeof upload, "gate/%s", name);
    flow_put_bytes(flow, upload, bytes, (size_t)(share * (double)length));
    free(bytes);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    flow_until_quiet(flow);
}

static void upload_clip(struct flow *flow, int frames, int fps)
{
    upload_part_of_clip(flow, "clip.mp4", frames, fps, 1);
}

static void clip_is_sampled_over_its_length(void **state)
{
    struct flow *flow = *state;
    char text[256];
    flow_start(flow);
    upload_clip(flow, 70, 10);
    flow_sql_text(flow,
                  "SELECT group_concat(video_offset_ms || ':' || (detected_us / 1000000 - "
                  "1767614400)) FROM (SELECT * FROM detections ORDER BY id)",
                  text, sizeof text);
    assert_string_equal(text, "0:0,2000:2,4000:4,6000:6"); // every 2 s of 7
    assert_int_equal(flow_sql_int(flow, "SELECT count(DISTINCT batch_id) FROM detections"), 1);
}

static void picture_that_a_clip_shows_for_long_is_one_picture(void **state)
{
    struct flow *flow = *state;
    char text[256];
    flow_set(flow, "folder.min_video_bytes=100");
    flow_set(flow, "upload.video_frame_interval_seconds=0.4");
    flow_start(flow);
    upload_clip(flow, 3, 1);
    flow_sql_text(flow,
                  "SELECT group_concat(video_offset_ms) FROM (SELECT * FROM detections ORDER BY "
                  "id)",
                  text, sizeof text);
    assert_string_equal(text, "0,1000,2000");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM refused_files"), 0);
    expect_metric(flow, "detect_jobs_total{result=\"failed\"} 0\n"); // its last is shown on
    expect_metric(flow, "detect_jobs_total{result=\"ok\"} 3\n");
}

// What was read of it stays, and the file is told of as every other that is refused.
static void expect_cut_clip(struct flow *flow, const char *name)
{
    char text[256], told[256];
    flow_set(flow, "folder.min_video_bytes=100");
    flow_start(flow);
    upload_part_of_clip(flow, name, 100, 10, 0.5);
    int64_t count = flow_sql_int(flow, "SELECT count(*) FROM detections");
    int64_t last_ms = flow_sql_int(flow, "SELECT max(video_offset_ms) FROM detections");
    assert_true(count >= 3 && last_ms >= 3000 && last_ms < 7000); // every 2 s of half of 10
    (void)snprintf(told, sizeof told,
                   "truncated: the clip is cut or damaged; pictures of it that were taken: %d, up "
                   "to %.1f s",
                   (int)count, (double)last_ms / 1000);
    flow_sql_text(flow, "SELECT reason || ': ' || detail FROM refused_files", text, sizeof text);
    assert_string_equal(text, told);
    expect_metric(flow, "folder_refused_files_total{reason=\"truncated\"} 1\n");
    expect_metric(flow, "detect_jobs_total{result=\"failed\"} 0\n");
    assert_int_equal(flow_count_logged(flow, "\"Upload refused\""), 1);
    assert_int_equal(flow_count_files(flow, "cameras"), 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM dead_letters"), 0);
}

static void cut_matroska_is_kept_in_part_and_listed(void **state)
{
    expect_cut_clip(*state, "clip.mkv");
}

static void cut_avi_is_kept_in_part_and_listed(void **state)
{
    expect_cut_clip(*state, "clip.avi");
}

static bool is_pushed_back(struct flow *flow, const char *arg)
{
    struct nj_folder_stats stats;
    (void)arg;
    nj_folder_source_get_stats(flow->app->folder, &stats);
    return stats.pushed_back > 0;
}

// Without a turn of the loop nothing is claimed.
static void wait_without_turning(struct flow *flow, flow_condition condition, const char *what)
{
    nj_us until_us = nj_mono_us(nj_clock_real()) + 20 * second_us;
    while (!condition(flow, what)) {
        if (nj_mono_us(nj_clock_real()) > until_us)
            fail_msg("waited in vain: %s", what);
        (void)flow_sql_int(flow, "SELECT 1");
    }
}

// The folder tries again by time.
static bool tries_go_on_until_sql(struct flow *flow, const char *sql)
{
    nj_fake_clock_advance(&flow->clock, 50 * NJ_US_PER_MS);
    return flow_sql_int(flow, sql) != 0;
}

static void full_queue_pushes_back_and_nothing_is_forgotten(void **state)
{
    struct flow *flow = *state;
    enum { FILES = 24 };
    flow_set(flow, "queue.max_size=4");
    flow_set(flow, "folder.polling_interval_seconds=0.01");
    for (unsigned i = 0; i < FILES; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "cam%u/%u.jpg", i % 3, i);
        flow_put_picture(flow, name, i);
    }
    flow_start(flow);
    wait_without_turning(flow, is_pushed_back, "the folder is pushed back");
    assert_true(flow_sql_int(flow, "SELECT count(*) FROM work_items") <= 4);
    flow_until(flow, tries_go_on_until_sql, "SELECT count(*) >= 24 FROM detections");
    flow_until_sql(flow, FILES, "SELECT count(DISTINCT file_path) FROM detections");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), FILES);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM dead_letters"), 0);
}

static bool has_accepted_all(struct flow *flow, const char *arg)
{
    struct nj_folder_stats stats;
    (void)arg;
    nj_folder_source_get_stats(flow->app->folder, &stats);
    return stats.accepted >= 12 && stats.pending == 0;
}

static void start_with_twelve_accepted(struct flow *flow)
{
    flow_start(flow);
    for (unsigned i = 0; i < 12; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "gate/%u.jpg", i);
        flow_put_picture(flow, name, i);
    }
    wait_without_turning(flow, has_accepted_all, "12 files are accepted");
}

static void accepted_files_go_on_after_the_end_of_the_program(void **state)
{
    struct flow *flow = *state;
    start_with_twelve_accepted(flow);
    flow_kill(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 12);
    flow_start(flow);
    flow_until_sql(flow, 12, "SELECT count(DISTINCT file_path) FROM detections");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 12);
}

static void vanished_file_is_refused_and_the_queue_goes_on(void **state)
{
    struct flow *flow = *state;
    char path[NJ_TEMP_PATH_MAX];
    start_with_twelve_accepted(flow);
    assert_int_equal(remove(nj_temp_dir_path(&flow->dir, "cameras/gate/3.jpg", path)), 0);
    flow_until_sql(flow, 11, "SELECT count(*) FROM detections");
    flow_until_sql(flow, 1, "SELECT count(*) FROM refused_files WHERE reason = 'vanished'");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM dead_letters"), 0);
}

static bool has_doubled_all(struct flow *flow, const char *arg)
{
    struct nj_folder_stats stats;
    (void)arg;
    nj_folder_source_get_stats(flow->app->folder, &stats);
    return stats.duplicates >= 12 && stats.pending == 0;
}

static void folder_renamed_before_its_files_are_looked_at_loses_none(void **state)
{
    struct flow *flow = *state;
    char from[NJ_TEMP_PATH_MAX], to[NJ_TEMP_PATH_MAX];
    start_with_twelve_accepted(flow);
    assert_int_equal(rename(nj_temp_dir_path(&flow->dir, "cameras/gate", from),
                            nj_temp_dir_path(&flow->dir, "cameras/door", to)),
                     0);
    wait_without_turning(flow, has_doubled_all, "12 files are there under their new names");
    flow_until_sql(flow, 12,
                   "SELECT count(DISTINCT file_path) FROM detections"
                   " WHERE camera_id = 'door'");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 12);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM refused_files"), 0);
}

static void content_of_a_vanished_file_is_news_when_it_comes_again(void **state)
{
    struct flow *flow = *state;
    char path[NJ_TEMP_PATH_MAX];
    start_with_twelve_accepted(flow);
    assert_int_equal(remove(nj_temp_dir_path(&flow->dir, "cameras/gate/3.jpg", path)), 0);
    flow_until_sql(flow, 1, "SELECT count(*) FROM refused_files WHERE reason = 'vanished'");
    flow_put_picture(flow, "gate/again.jpg", 3);
    flow_until_sql(flow, 12, "SELECT count(*) FROM detections");
}

int upload_flow_test(void)
{
#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, flow_setup, flow_teardown)
    const struct CMUnitTest tests[] = {
        FLOW_TEST(picture_becomes_row_batch_event_and_messages),
        FLOW_TEST(sure_person_is_an_event_at_once),
        FLOW_TEST(fast_path_takes_the_sure_ones_and_leaves_the_rest_to_the_batch),
        FLOW_TEST(picture_without_objects_leaves_no_batch),
        FLOW_TEST(newest_picture_is_remembered_with_or_without_anything_on_it),
        FLOW_TEST(file_time_that_cannot_be_is_the_time_of_arrival),
        FLOW_TEST(file_time_of_another_zone_is_believed),
        FLOW_TEST(exif_time_of_the_far_future_is_the_time_of_arrival),
        FLOW_TEST(same_content_again_is_a_duplicate_until_its_time_is_over),
        FLOW_TEST(refused_files_are_listed_by_reason_and_stay_where_they_are),
        FLOW_TEST(clip_is_sampled_over_its_length),
        FLOW_TEST(picture_that_a_clip_shows_for_long_is_one_picture),
        FLOW_TEST(cut_matroska_is_kept_in_part_and_listed),
        FLOW_TEST(cut_avi_is_kept_in_part_and_listed),
        FLOW_TEST(full_queue_pushes_back_and_nothing_is_forgotten),
        FLOW_TEST(accepted_files_go_on_after_the_end_of_the_program),
        FLOW_TEST(vanished_file_is_refused_and_the_queue_goes_on),
        FLOW_TEST(folder_renamed_before_its_files_are_looked_at_loses_none),
        FLOW_TEST(content_of_a_vanished_file_is_news_when_it_comes_again),
    };
    return cmocka_run_group_tests_name("upload flow", tests, NULL, NULL);
}
