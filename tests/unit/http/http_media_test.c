// SPDX-License-Identifier: Apache-2.0
// Pictures, thumbnails and the page's files: what is served, and what is not for lying elsewhere.
#include "http/http_priv.h"

#include "frames/picture.h"
#include "util/file.h"
#include "tests/unit/http/http_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int http_media_test(void);

static void expect_size(const struct nj_answer *answer, int width, int height)
{
    static const struct nj_picture_limits limits = {1 << 20, 10};
    struct nj_picture_info info;
    char type[64];
    assert_int_equal(answer->status, 200);
    assert_string_equal(nj_answer_header(answer, "Content-Type", type, sizeof type), "image/jpeg");
    assert_int_equal(nj_picture_probe(answer->body, answer->length, &limits, &info, NULL), 0);
    assert_int_equal(info.width, width);
    assert_int_equal(info.height, height);
}

static void pictures_are_whole_and_thumbnails_fit(void **state)
{
    struct http_fixture *fixture = *state;
    char path[NJ_TEMP_PATH_MAX];
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "a.jpg", 800, 300, path);
    http_add_detection(fixture, "door", path, 10);
    expect_size(http_get(fixture, "/api/detections/1/image"), 800, 300);
    expect_size(http_get(fixture, "/api/detections/1/thumbnail"), 320, 120);
    expect_size(http_get(fixture, "/api/detections/1/thumbnail"), 320, 120); // from memory
    expect_size(http_get(fixture, "/api/cameras/door/snapshot"), 800, 300);
    char *bytes = NULL;
    size_t length;
    assert_int_equal(nj_file_read(path, 1 << 20, &bytes, &length, NULL), 0);
    const struct nj_answer *answer = http_get(fixture, "/api/detections/1/image");
    assert_int_equal(answer->length, length);
    assert_memory_equal(answer->body, bytes, length); // as it was uploaded
    free(bytes);
}

static void known_picture_is_304(void **state)
{
    struct http_fixture *fixture = *state;
    static const char *const paths[] = {"/api/detections/1/image", "/api/cameras/door/snapshot"};
    char path[NJ_TEMP_PATH_MAX];
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "a.jpg", 80, 60, path);
    http_add_detection(fixture, "door", path, 10);
    for (size_t i = 0; i < NJ_COUNT_OF(paths); i++) {
        char etag[128], header[160];
        nj_answer_header(http_get(fixture, paths[i]), "ETag", etag, sizeof etag);
        assert_true(etag[0] == '"');
        snprintf(header, sizeof header, "If-None-Match: %s\r\n", etag);
        assert_int_equal(http_ask(fixture, "GET", paths[i], header, NULL)->status, 304);
    }
}

// The next upload stands at the same address.
static void snapshot_is_asked_for_again_each_time(void **state)
{
    struct http_fixture *fixture = *state;
    char path[NJ_TEMP_PATH_MAX], cache[64];
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "a.jpg", 80, 60, path);
    http_add_detection(fixture, "door", path, 10);
    nj_answer_header(http_get(fixture, "/api/cameras/door/snapshot"), "Cache-Control", cache,
                     sizeof cache);
    assert_string_equal(cache, "no-cache");
    nj_answer_header(http_get(fixture, "/api/detections/1/image"), "Cache-Control", cache,
                     sizeof cache);
    assert_string_equal(cache, "private, max-age=60");
}

struct upload {
    const char *camera_id;
    struct nj_camera_picture picture;
};

static int note_upload(struct nj_db *db, void *arg, struct nj_error *err)
{
    const struct upload *upload = arg;
    return nj_cameras_touch(db, upload->camera_id, nj_db_now_us(db), &upload->picture, err);
}

static void add_upload(struct http_fixture *fixture, const char *path, int age_s)
{
    struct upload upload = {"door", {path, (nj_us)(HTTP_TEST_NOW_S - age_s) * NJ_US_PER_S}};
    http_write(fixture, note_upload, &upload);
}

static void snapshot_is_the_newest_upload_with_or_without_anything_on_it(void **state)
{
    struct http_fixture *fixture = *state;
    char seen[NJ_TEMP_PATH_MAX], plain[NJ_TEMP_PATH_MAX], later[NJ_TEMP_PATH_MAX];
    http_add_camera(fixture, "door");
    http_expect(http_get(fixture, "/api/cameras"), 200, "\"picture_at\":null");
    http_expect(http_get(fixture, "/api/cameras/door/snapshot"), 404, "no picture yet");
    http_add_picture(fixture, "plain.jpg", 80, 60, plain);
    add_upload(fixture, plain, 20);
    expect_size(http_get(fixture, "/api/cameras/door/snapshot"), 80, 60);
    http_expect(http_get(fixture, "/api/cameras/door"), 200, "\"picture_at\":\"20");
    http_add_picture(fixture, "seen.jpg", 120, 90, seen);
    http_add_detection(fixture, "door", seen, 30); // taken earlier
    expect_size(http_get(fixture, "/api/cameras/door/snapshot"), 80, 60);
    http_add_detection(fixture, "door", seen, 10);
    expect_size(http_get(fixture, "/api/cameras/door/snapshot"), 120, 90);
    http_add_picture(fixture, "later.jpg", 160, 120, later);
    add_upload(fixture, later, 5);
    expect_size(http_get(fixture, "/api/cameras/door/snapshot"), 160, 120);
}

static void snapshot_whose_file_is_gone_is_the_newest_detection(void **state)
{
    struct http_fixture *fixture = *state;
    char seen[NJ_TEMP_PATH_MAX], plain[NJ_TEMP_PATH_MAX];
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "plain.jpg", 80, 60, plain);
    add_upload(fixture, plain, 5);
    assert_int_equal(unlink(plain), 0);
    http_expect(http_get(fixture, "/api/cameras/door/snapshot"), 404, "not there any more");
    http_add_picture(fixture, "seen.jpg", 120, 90, seen);
    http_add_detection(fixture, "door", seen, 10);
    expect_size(http_get(fixture, "/api/cameras/door/snapshot"), 120, 90);
}

// Servers that set the time of a file to its second give several the same.
static void pictures_of_the_same_length_and_time_have_tags_of_their_own(void **state)
{
    struct http_fixture *fixture = *state;
    const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    static const char *const names[] = {"a.jpg", "b.jpg"};
    char tags[2][128];
    http_add_camera(fixture, "door");
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        char path[NJ_TEMP_PATH_MAX];
        http_add_picture(fixture, names[i], 80, 60, path);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        add_upload(fixture, path, 5);
        nj_answer_header(http_get(fixture, "/api/cameras/door/snapshot"), "ETag", tags[i],
                         sizeof tags[i]);
    }
    assert_string_not_equal(tags[0], tags[1]);
}

static void thumbnail_is_kept_in_memory_when_its_file_goes(void **state)
{
    struct http_fixture *fixture = *state;
    char path[NJ_TEMP_PATH_MAX];
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "a.jpg", 80, 60, path);
    http_add_detection(fixture, "door", path, 10);
    expect_size(http_get(fixture, "/api/detections/1/thumbnail"), 80, 60); // never scaled up
    assert_int_equal(unlink(path), 0);
    expect_size(http_get(fixture, "/api/detections/1/thumbnail"), 80, 60);
    http_expect(http_get(fixture, "/api/detections/1/image"), 404, "not there any more");
}

static void what_lies_elsewhere_is_not_served(void **state)
{
    struct http_fixture *fixture = *state;
    char inside[NJ_TEMP_PATH_MAX], outside[NJ_TEMP_PATH_MAX], link[NJ_TEMP_PATH_MAX];
    char pipe_path[NJ_TEMP_PATH_MAX], text[NJ_TEMP_PATH_MAX], folder[NJ_TEMP_PATH_MAX];
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "inside.jpg", 80, 60, inside);
    nj_temp_dir_path(&fixture->dir, "outside.jpg", outside);
    assert_int_equal(rename(inside, outside), 0);
    nj_path_join(link, sizeof link, fixture->uploads, "link.jpg");
    assert_int_equal(symlink(outside, link), 0);
    nj_path_join(folder, sizeof folder, fixture->uploads, "cam");
    assert_int_equal(symlink(fixture->dir.path, folder), 0); // a folder that leads out
    nj_path_join(pipe_path, sizeof pipe_path, fixture->uploads, "pipe.jpg");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    nj_path_join(text, sizeof text, fixture->uploads, "text.jpg");
    assert_int_equal(nj_file_write_atomic(text, "no picture at all", 17, NULL), 0);
    char through[NJ_TEMP_PATH_MAX], dots[NJ_TEMP_PATH_MAX], sibling[NJ_TEMP_PATH_MAX];
    nj_path_join(through, sizeof through, folder, "outside.jpg");
    snprintf(dots, sizeof dots, "%.400s/../outside.jpg", fixture->uploads);
    snprintf(sibling, sizeof sibling, "%.400s2", fixture->uploads);
    assert_int_equal(nj_dir_create(sibling, NULL), 0); // begins with the same letters
    strcat(sibling, "/x.jpg");
    assert_int_equal(symlink(outside, sibling), 0);
    const struct {
        const char *path;
        int status;
    } cases[] = {
        {outside, 404}, {link, 404},          {pipe_path, 404},        {through, 404}, {dots, 404},
        {sibling, 404}, {"/etc/passwd", 404}, {fixture->uploads, 404}, {text, 400},    {"", 404},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char url[64];
        int64_t id = http_add_detection(fixture, "door", cases[i].path, (int)i);
        snprintf(url, sizeof url, "/api/detections/%d/image", (int)id);
        const struct nj_answer *answer = http_get(fixture, url);
        if (answer->status != cases[i].status)
            fail_msg("%s: %d %s", cases[i].path, answer->status, answer->body);
        assert_null(strstr(answer->body, fixture->dir.path)); // no paths of the machine
        snprintf(url, sizeof url, "/api/detections/%d/thumbnail", (int)id);
        assert_int_equal(http_get(fixture, url)->status, cases[i].status);
    }
}

static void too_large_and_broken_pictures_are_errors_of_their_own(void **state)
{
    struct http_fixture *fixture = *state;
    char path[NJ_TEMP_PATH_MAX], large[NJ_TEMP_PATH_MAX];
    http_add_camera(fixture, "door");
    http_add_picture(fixture, "a.jpg", 400, 300, path);
    nj_path_join(large, sizeof large, fixture->uploads, "large.jpg");
    char *zeros = calloc(1, (1 << 20) + 1);
    assert_int_equal(nj_file_write_atomic(large, zeros, (1 << 20) + 1, NULL), 0);
    free(zeros);
    http_add_detection(fixture, "door", large, 10);
    http_expect(http_get(fixture, "/api/detections/1/image"), 413, "too large");
}

static void page_files_have_types_ranges_and_views(void **state)
{
    static const struct {
        const char *path, *accept, *type, *body;
        int status;
    } cases[] = {
        {"/", "Accept: text/html,*/*\r\n", "text/html; charset=utf-8", "<page>", 200},
        {"/", "Accept: application/json\r\n", "application/json", "\"status\":\"alive\"", 200},
        {"/", "", "application/json", "\"status\":\"alive\"", 200},
        {"/index.html", "", "text/html; charset=utf-8", "<page>", 200},
        {"/events/12", "", "text/html; charset=utf-8", "<page>", 200}, // a view of the page
        {"/assets/app-1a2b.js", "", "text/javascript; charset=utf-8", "script", 200},
        {"/assets/none.js", "", "application/problem+json", "NOT_FOUND", 404},
        {"/../secret.txt", "", "application/problem+json", "BAD_REQUEST", 400},
        {"/%2e%2e/secret.txt", "", "application/problem+json", "BAD_REQUEST", 400},
    };
    struct http_fixture *fixture = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char type[64];
        const struct nj_answer *answer =
            http_ask(fixture, "GET", cases[i].path, cases[i].accept, NULL);
        http_expect(answer, cases[i].status, cases[i].body);
        assert_string_equal(nj_answer_header(answer, "Content-Type", type, 64), cases[i].type);
    }
    const struct nj_answer *part =
        http_ask(fixture, "GET", "/assets/app-1a2b.js", "Range: bytes=1-3\r\n", NULL);
    http_expect(part, 206, "cri");
    char cache[96];
    assert_non_null(strstr(nj_answer_header(part, "Cache-Control", cache, 96), "immutable"));
    nj_answer_header(http_get(fixture, "/index.html"), "Cache-Control", cache, 96);
    assert_string_equal(cache, "no-cache");
}

static void packed_file_goes_to_whoever_takes_it(void **state)
{
    static const struct {
        const char *headers, *body, *encoding;
    } cases[] = {
        {"Accept-Encoding: br, gzip\r\n", "packed", "gzip"},
        {"Accept-Encoding: gzip;q=0.8\r\n", "packed", "gzip"},
        {"Accept-Encoding: br;q=0, GZIP ; Q=0.001\r\n", "packed", "gzip"},
        {"Accept-Encoding: gzip, br;q=0\r\n", "packed", "gzip"},
        {"Accept-Encoding: gzip;q=0\r\n", "script", ""},
        {"Accept-Encoding: gzip; q=0\r\n", "script", ""},
        {"Accept-Encoding: br, gzip;q=0.000, deflate\r\n", "script", ""},
        {"Accept-Encoding: xgzip\r\n", "script", ""},
        {"Accept-Encoding: br\r\n", "script", ""},
        {"", "script", ""},
    };
    struct http_fixture *fixture = *state;
    char path[NJ_TEMP_PATH_MAX], value[64];
    nj_path_join(path, sizeof path, fixture->web, "assets/app-1a2b.js.gz");
    assert_int_equal(nj_file_write_atomic(path, "packed", 6, NULL), 0);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const struct nj_answer *answer =
            http_ask(fixture, "GET", "/assets/app-1a2b.js", cases[i].headers, NULL);
        http_expect(answer, 200, cases[i].body);
        assert_string_equal(nj_answer_header(answer, "Content-Encoding", value, 64),
                            cases[i].encoding);
        assert_string_equal(nj_answer_header(answer, "Content-Type", value, 64),
                            "text/javascript; charset=utf-8");
        assert_string_equal(nj_answer_header(answer, "Vary", value, 64), "Accept-Encoding");
    }
}

static int setup_page(void **state)
{
    http_setup_unstarted(state);
    struct http_fixture *fixture = *state;
    char path[NJ_TEMP_PATH_MAX];
    nj_path_join(path, sizeof path, fixture->web, "assets");
    assert_int_equal(nj_dir_create(path, NULL), 0);
    nj_path_join(path, sizeof path, fixture->web, "index.html");
    assert_int_equal(nj_file_write_atomic(path, "<page>", 6, NULL), 0);
    nj_path_join(path, sizeof path, fixture->web, "assets/app-1a2b.js");
    assert_int_equal(nj_file_write_atomic(path, "script", 6, NULL), 0);
    nj_temp_dir_path(&fixture->dir, "secret.txt", path);
    assert_int_equal(nj_file_write_atomic(path, "secret", 6, NULL), 0);
    http_start(fixture);
    return 0;
}

static void page_that_is_not_built_says_so(void **state)
{
    const struct nj_answer *answer = http_ask(*state, "GET", "/", "Accept: text/html\r\n", NULL);
    http_expect(answer, 200, "Nightjar is running");
    http_expect(http_get(*state, "/assets/x.js"), 404, "NOT_FOUND");
}

int http_media_test(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, http_setup, http_teardown)
    const struct CMUnitTest tests[] = {
        CASE(pictures_are_whole_and_thumbnails_fit),
        CASE(known_picture_is_304),
        CASE(snapshot_is_asked_for_again_each_time),
        CASE(snapshot_is_the_newest_upload_with_or_without_anything_on_it),
        CASE(snapshot_whose_file_is_gone_is_the_newest_detection),
        CASE(pictures_of_the_same_length_and_time_have_tags_of_their_own),
        CASE(thumbnail_is_kept_in_memory_when_its_file_goes),
        CASE(what_lies_elsewhere_is_not_served),
        CASE(too_large_and_broken_pictures_are_errors_of_their_own),
        cmocka_unit_test_setup_teardown(page_files_have_types_ranges_and_views, setup_page,
                                        http_teardown),
        cmocka_unit_test_setup_teardown(packed_file_goes_to_whoever_takes_it, setup_page,
                                        http_teardown),
        CASE(page_that_is_not_built_says_so),
    };
    return cmocka_run_group_tests_name("http media", tests, NULL, NULL);
}
