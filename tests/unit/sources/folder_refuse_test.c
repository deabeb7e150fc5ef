// SPDX-License-Identifier: Apache-2.0
// What the folder source does not take: told by reason, left in place, never looked at twice.
#include "tests/unit/sources/sources_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_refuse_test(void);

static const char text[4096] = "this is a text that somebody renamed";

static void write_text(struct nj_folder_bench *bench, const char *name)
{
    nj_bench_write(bench, name, text, sizeof text);
}

static void write_little(struct nj_folder_bench *bench, const char *name)
{
    nj_bench_write(bench, name, text, 1023);
}

static void write_nothing(struct nj_folder_bench *bench, const char *name)
{
    nj_bench_write(bench, name, text, 0);
}

static void write_much(struct nj_folder_bench *bench, const char *name)
{
    char path[NJ_TEMP_PATH_MAX];
    write_text(bench, "cam/part");
    assert_int_equal(truncate(nj_bench_path(bench, "cam/part", path), (1 << 24) + 1), 0);
    nj_bench_rename(bench, "cam/part", name);
}

static void write_picture(struct nj_folder_bench *bench, const char *name)
{
    nj_bench_write_picture(bench, name, 5);
}

// The size in the frame header (SOF0 marker, then length, precision, height, width) is changed.
static void write_giant(struct nj_folder_bench *bench, const char *name)
{
    struct nj_bench_picture picture = nj_bench_picture(6);
    unsigned char *at = picture.bytes;
    while (at[0] != 0xff || at[1] != 0xc0)
        at++;
    at[5] = at[7] = 30000 / 256;
    at[6] = at[8] = 30000 % 256;
    nj_bench_write(bench, name, picture.bytes, picture.length);
    free(picture.bytes);
}

static void write_headless(struct nj_folder_bench *bench, const char *name)
{
    char bytes[2048] = "\xff\xd8\xff\xe0"; // a JPEG's start and nothing behind it
    nj_bench_write(bench, name, bytes, sizeof bytes);
}

static void make_symlink(struct nj_folder_bench *bench, const char *name)
{
    char outside[NJ_TEMP_PATH_MAX], path[NJ_TEMP_PATH_MAX];
    nj_bench_write_picture(bench, "../outside.jpg", 7);
    assert_int_equal(
        symlink(nj_bench_path(bench, "../outside.jpg", outside), nj_bench_path(bench, name, path)),
        0);
}

static void make_pipe(struct nj_folder_bench *bench, const char *name)
{
    char path[NJ_TEMP_PATH_MAX], part[NJ_TEMP_PATH_MAX];
    assert_int_equal(mkfifo(nj_bench_path(bench, "cam/part", part), 0644), 0);
    assert_int_equal(rename(part, nj_bench_path(bench, name, path)), 0);
}

static const struct refusal {
    const char *name;
    void (*make)(struct nj_folder_bench *bench, const char *name);
    const char *reason;
} refusals[] = {
    {"cam/text.jpg", write_text, "wrong_type"},
    {"cam/text.mp4", write_text, "wrong_type"},
    {"cam/picture.mkv", write_picture, "wrong_type"},
    {"cam/little.jpg", write_little, "too_small"},
    {"cam/little.avi", write_little, "too_small"},
    {"cam/empty.png", write_nothing, "too_small"},
    {"cam/much.jpeg", write_much, "too_big"},
    {"cam/much.mov", write_much, "too_big"},
    {"cam/giant.jpg", write_giant, "too_big"},
    {"cam/headless.jpg", write_headless, "undecodable"},
    {"in_the_root.jpg", write_picture, "bad_name"},
    {"!!!/a.jpg", write_picture, "bad_name"},
    {"cam/link.jpg", make_symlink, "symlink"},
    {"cam/pipe.jpg", make_pipe, "not_a_file"},
};
enum { REFUSALS = sizeof refusals / sizeof refusals[0] };

static void check_reason(struct nj_folder_bench *bench, const struct refusal *refusal)
{
    char sql[256], reason[64];
    (void)snprintf(sql, sizeof sql,
                   "SELECT group_concat(reason) FROM refused_files"
                   " WHERE CAST(path AS TEXT) LIKE '%%/cameras/%s'",
                   refusal->name);
    nj_bench_sql_text(bench, sql, reason, sizeof reason);
    if (strcmp(reason, refusal->reason) != 0)
        fail_msg("%s: \"%s\" instead of %s", refusal->name, reason, refusal->reason);
}

static void make_all(struct nj_folder_bench *bench)
{
    nj_bench_mkdir(bench, "cam");
    nj_bench_mkdir(bench, "!!!");
    for (size_t i = 0; i < REFUSALS; i++)
        refusals[i].make(bench, refusals[i].name);
}

static void check_all(struct nj_folder_bench *bench)
{
    char path[NJ_TEMP_PATH_MAX];
    struct stat info;
    nj_folder_bench_wait(bench, nj_bench_refused, REFUSALS);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    for (size_t i = 0; i < REFUSALS; i++) {
        check_reason(bench, &refusals[i]);
        assert_int_equal(lstat(nj_bench_path(bench, refusals[i].name, path), &info), 0);
    }
    assert_int_equal(nj_folder_bench_stats(bench).refused, REFUSALS);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM work_items"), 0);
}

static void refused_while_watching_with_a_reason(void **state)
{
    struct nj_folder_bench *bench = *state;
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    make_all(bench);
    check_all(bench);
}

static void refused_by_the_scan_and_not_again_after_a_restart(void **state)
{
    struct nj_folder_bench *bench = *state;
    make_all(bench);
    nj_folder_bench_start(bench);
    check_all(bench);
    nj_folder_bench_stop(bench);
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(nj_folder_bench_stats(bench).noticed, 0);
}

static void other_names_are_none_of_ours(void **state)
{
    static const char *const names[] = {"cam/notes.txt", "cam/.hidden.jpg", "cam/jpg",
                                        "cam/a.jpg.part", "cam/Thumbs.db"};
    struct nj_folder_bench *bench = *state;
    char path[NJ_TEMP_PATH_MAX];
    nj_bench_mkdir(bench, "cam");
    nj_bench_mkdir(bench, "cam/folder.jpg");
    nj_bench_mkdir(bench, ".trash");
    nj_bench_write_picture(bench, ".trash/a.jpg", 1);
    nj_folder_bench_start(bench);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        nj_bench_write_picture(bench, names[i], (unsigned)i);
    nj_bench_write_picture(bench, "cam/last.jpg", 99);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(nj_folder_bench_stats(bench).accepted, 1);
    assert_int_equal(nj_folder_bench_stats(bench).refused, 0);
    assert_int_equal(access(nj_bench_path(bench, "cam/notes.txt", path), F_OK), 0);
}

static void linked_folder_outside_the_root_is_not_entered(void **state)
{
    struct nj_folder_bench *bench = *state;
    char outside[NJ_TEMP_PATH_MAX], path[NJ_TEMP_PATH_MAX];
    nj_bench_mkdir(bench, "cam");
    nj_bench_mkdir(bench, "../outside");
    nj_bench_write_picture(bench, "../outside/a.jpg", 1);
    assert_int_equal(symlink(nj_bench_path(bench, "../outside", outside),
                             nj_bench_path(bench, "cam/linked", path)),
                     0);
    nj_folder_bench_start(bench);
    nj_bench_write_picture(bench, "../outside/b.jpg", 2);
    nj_bench_write_picture(bench, "cam/last.jpg", 3);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(nj_folder_bench_stats(bench).accepted, 1);
    assert_int_equal(nj_folder_bench_stats(bench).watches, 2);
}

static void cameras_beyond_the_limit_are_refused(void **state)
{
    struct nj_folder_bench *bench = *state;
    char name[32];
    bench->options.max_cameras = 2;
    nj_folder_bench_start(bench);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "cam%u", i);
        nj_bench_mkdir(bench, name);
        (void)snprintf(name, sizeof name, "cam%u/a.jpg", i);
        nj_bench_write_picture(bench, name, i);
        if (i < 2)
            nj_folder_bench_wait(bench, nj_bench_accepted, i + 1);
    }
    nj_folder_bench_wait(bench, nj_bench_refused, 1);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM cameras"), 2);
    check_reason(bench, &(struct refusal){.name = "cam2/a.jpg", .reason = "too_many_cameras"});
}

static void videos_are_taken_by_their_first_bytes(void **state)
{
    static const struct {
        const char *name;
        const char *magic; // 12 bytes
    } videos[] = {
        {"cam/a.mp4", "\0\0\0\x18"
                      "ftypisom"},
        {"cam/b.mov", "\0\0\0\x08"
                      "wide\0\0\0\0"},
        {"cam/c.mkv", "\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x23"},
        {"cam/d.avi", "RIFF\0\x10\0\0"
                      "AVI "},
    };
    struct nj_folder_bench *bench = *state;
    nj_bench_mkdir(bench, "cam");
    nj_folder_bench_start(bench);
    for (size_t i = 0; i < sizeof videos / sizeof videos[0]; i++) {
        char bytes[2048] = {0};
        memcpy(bytes, videos[i].magic, 12);
        bytes[100] = (char)i; // contents of their own
        nj_bench_write(bench, videos[i].name, bytes, sizeof bytes);
    }
    nj_folder_bench_wait(bench, nj_bench_accepted, 4);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM work_items WHERE payload LIKE"
                                             " '%\"media_type\":\"video\"%'"),
                     4);
}

int folder_refuse_test(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_folder_bench_setup, nj_folder_bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(refused_while_watching_with_a_reason),
        TEST(refused_by_the_scan_and_not_again_after_a_restart),
        TEST(other_names_are_none_of_ours),
        TEST(linked_folder_outside_the_root_is_not_entered),
        TEST(cameras_beyond_the_limit_are_refused),
        TEST(videos_are_taken_by_their_first_bytes),
    };
    return cmocka_run_group_tests_name("folder_refuse", tests, NULL, NULL);
}
