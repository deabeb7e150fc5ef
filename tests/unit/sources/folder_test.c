// SPDX-License-Identifier: Apache-2.0
// The folder source on real folders: everything that arrives becomes work exactly once.
#include "tests/unit/sources/sources_helper.h"

#include "util/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_test(void);

static const char count_work[] = "SELECT COUNT(*) FROM work_items";

static void read_item(struct nj_folder_bench *bench, const char *sql, struct nj_upload_item *out)
{
    char payload[16384];
    struct nj_error err = {0};
    json_t *json = NULL;
    nj_bench_sql_text(bench, sql, payload, sizeof payload);
    assert_int_equal(nj_json_parse(payload, strlen(payload), sizeof payload, &json, &err), 0);
    if (nj_upload_item_from_json(json, out, &err) != 0)
        fail_msg("%s", err.text);
    json_decref(json);
}

static void closed_file_is_queued_with_its_facts(void **state)
{
    struct nj_folder_bench *bench = *state;
    struct nj_upload_item item;
    char path[NJ_TEMP_PATH_MAX], hash[NJ_STORE_PATH_SIZE];
    struct stat info;
    nj_bench_mkdir(bench, "Front Door");
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    nj_bench_write_picture(bench, "Front Door/a.jpg", 1);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    assert_int_equal(nj_bench_sql_int(bench, count_work), 1);
    read_item(bench, "SELECT payload FROM work_items", &item);
    assert_string_equal(item.camera_id, "front_door");
    assert_string_equal(item.media_type, "image");
    assert_string_equal(item.file_path, nj_bench_path(bench, "Front Door/a.jpg", path));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(item.taken_us,
                     info.st_mtim.tv_sec * INT64_C(1000000) + info.st_mtim.tv_nsec / 1000);
    assert_true(item.pipeline_start_us >= item.taken_us - NJ_US_PER_S);
    nj_bench_sql_text(bench, "SELECT sha256 FROM dedupe", hash, sizeof hash);
    assert_string_equal(item.file_hash, hash);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM cameras WHERE id = 'front_door'"
                                             " AND name = 'Front Door' AND status = 'online'"),
                     1);
    nj_folder_bench_wait(bench, nj_bench_cameras_seen, 1); // told a turn after it is counted
    assert_int_equal(bench->cameras_seen, 1);
    assert_int_equal(bench->cameras_created, 1);
}

// Ways in which a file comes to be there while the folder is watched.
static void come_by_rename(struct nj_folder_bench *bench)
{
    nj_bench_write_picture(bench, "cam/a.jpg.part", 1);
    nj_bench_rename(bench, "cam/a.jpg.part", "cam/a.jpg");
}

static void come_in_new_folder(struct nj_folder_bench *bench)
{
    nj_bench_mkdir(bench, "cam/2026");
    nj_bench_mkdir(bench, "cam/2026/11");
    nj_bench_write_picture(bench, "cam/2026/11/a.jpg", 1);
}

static void come_with_moved_folder(struct nj_folder_bench *bench)
{
    char from[NJ_TEMP_PATH_MAX], to[NJ_TEMP_PATH_MAX];
    struct nj_bench_picture picture = nj_bench_picture(1);
    assert_int_equal(mkdir(nj_temp_dir_path(&bench->dir, "side", from), 0755), 0);
    int fd = open(nj_temp_dir_path(&bench->dir, "side/a.jpg", to), O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, picture.bytes, picture.length), picture.length);
    assert_int_equal(close(fd), 0);
    free(picture.bytes);
    assert_int_equal(rename(from, nj_bench_path(bench, "cam/side", to)), 0);
}

static void come_by_link(struct nj_folder_bench *bench)
{
    char from[NJ_TEMP_PATH_MAX], to[NJ_TEMP_PATH_MAX];
    nj_bench_write_picture(bench, "../outside.jpg", 1);
    assert_int_equal(
        link(nj_bench_path(bench, "../outside.jpg", from), nj_bench_path(bench, "cam/a.jpg", to)),
        0);
}

static void come_in_renamed_folder(struct nj_folder_bench *bench)
{
    nj_bench_mkdir(bench, "cam/old");
    nj_bench_rename(bench, "cam/old", "cam/new");
    nj_bench_write_picture(bench, "cam/new/a.jpg", 1);
}

static void come_twice_written(struct nj_folder_bench *bench)
{
    char path[NJ_TEMP_PATH_MAX];
    nj_bench_write_picture(bench, "cam/a.jpg", 1);
    int fd = open(nj_bench_path(bench, "cam/a.jpg", path), O_WRONLY);
    assert_int_equal(close(fd), 0); // opened for writing and closed: nothing new
}

static void every_arrival_is_queued_exactly_once(void **state)
{
    static void (*const arrivals[])(struct nj_folder_bench * bench) = {
        come_by_rename, come_in_new_folder,     come_with_moved_folder,
        come_by_link,   come_in_renamed_folder, come_twice_written};
    for (size_t i = 0; i < sizeof arrivals / sizeof arrivals[0]; i++) {
        void *own = NULL;
        assert_int_equal(nj_folder_bench_setup(&own), 0);
        struct nj_folder_bench *bench = own;
        nj_bench_mkdir(bench, "cam");
        nj_folder_bench_start(bench);
        nj_folder_bench_wait(bench, nj_bench_idle, 0);
        arrivals[i](bench);
        nj_folder_bench_wait(bench, nj_bench_accepted, 1);
        // A later file tells that all before it has been looked at.
        nj_bench_write_picture(bench, "cam/last.jpg", 99);
        nj_folder_bench_wait(bench, nj_bench_accepted, 2);
        nj_folder_bench_wait(bench, nj_bench_idle, 0);
        assert_int_equal(nj_bench_sql_int(bench, count_work), 2);
        assert_int_equal(nj_folder_bench_stats(bench).duplicates, 0);
        assert_int_equal(nj_folder_bench_teardown(&own), 0);
    }
    (void)state;
}

static void restart_finds_what_came_meanwhile_and_no_old_file(void **state)
{
    struct nj_folder_bench *bench = *state;
    char name[64];
    nj_bench_mkdir(bench, "cam");
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "cam/%u.jpg", i);
        nj_bench_write_picture(bench, name, i);
    }
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_accepted, 100);
    nj_folder_bench_stop(bench);
    nj_bench_write_picture(bench, "cam/new.jpg", 1000);
    nj_bench_write_picture(bench, "cam/7.jpg", 1001); // changed in place
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_accepted, 2);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    struct nj_folder_stats stats = nj_folder_bench_stats(bench);
    assert_int_equal(stats.noticed, 2);
    assert_int_equal(stats.duplicates, 0);
    assert_int_equal(nj_bench_sql_int(bench, count_work), 102);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM seen_files"), 101);
}

static void same_content_is_counted_and_not_queued(void **state)
{
    struct nj_folder_bench *bench = *state;
    nj_bench_mkdir(bench, "cam");
    nj_bench_write_picture(bench, "cam/a.jpg", 1);
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    nj_bench_write_picture(bench, "cam/b.jpg", 1);
    nj_folder_bench_wait(bench, nj_bench_duplicates, 1);
    assert_int_equal(nj_bench_sql_int(bench, count_work), 1);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM seen_files"), 2);
    nj_folder_bench_stop(bench);
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(nj_folder_bench_stats(bench).noticed, 0);
}

static void open_file_waits_for_its_closing(void **state)
{
    struct nj_folder_bench *bench = *state;
    char path[NJ_TEMP_PATH_MAX];
    struct nj_bench_picture picture = nj_bench_picture(1);
    nj_bench_mkdir(bench, "cam");
    int fd = open(nj_bench_path(bench, "cam/a.jpg", path), O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, picture.bytes, picture.length / 2), picture.length / 2);
    nj_bench_write_picture(bench, "cam/b.jpg", 2);
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(nj_bench_sql_int(bench, count_work), 1);
    size_t rest = picture.length - picture.length / 2;
    assert_int_equal(write(fd, (char *)picture.bytes + picture.length / 2, rest), rest);
    assert_int_equal(close(fd), 0);
    nj_folder_bench_wait(bench, nj_bench_accepted, 2);
    assert_int_equal(nj_bench_sql_int(bench,
                                      "SELECT MAX(size) FROM seen_files WHERE path ="
                                      " (SELECT path FROM seen_files ORDER BY path LIMIT 1)"),
                     (int64_t)picture.length);
    free(picture.bytes);
}

static void strange_names_travel_unchanged(void **state)
{
    struct nj_folder_bench *bench = *state;
    char longest[256], name[300], path[NJ_TEMP_PATH_MAX];
    memset(longest, 'x', 255);
    memcpy(longest + 251, ".jpg", 5);
    const char *const names[] = {"new\nline.jpg", "\xff\xfe not utf8.jpg", longest, "a..b.jpg",
                                 "\"quoted\\.JPG"};
    enum { NAMES = sizeof names / sizeof names[0] };
    nj_bench_mkdir(bench, "cam");
    nj_folder_bench_start(bench);
    for (unsigned i = 0; i < NAMES; i++) {
        struct nj_upload_item item;
        (void)snprintf(name, sizeof name, "cam/%s", names[i]);
        nj_bench_write_picture(bench, name, i);
        nj_folder_bench_wait(bench, nj_bench_accepted, i + 1);
        read_item(bench, "SELECT payload FROM work_items ORDER BY id DESC LIMIT 1", &item);
        assert_string_equal(item.file_path, nj_bench_path(bench, name, path));
    }
}

static void full_queue_pushes_back_and_forgets_nothing(void **state)
{
    struct nj_folder_bench *bench = *state;
    char name[64];
    nj_folder_bench_queue(bench, 3);
    nj_bench_mkdir(bench, "cam");
    for (unsigned i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "cam/%u.jpg", i);
        nj_bench_write_picture(bench, name, i);
    }
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_pushed_back, 1);
    assert_int_equal(nj_bench_sql_int(bench, count_work), 3);
    assert_string_not_equal(nj_folder_bench_stats(bench).problem, "");
    nj_folder_bench_consume(bench);
    nj_folder_bench_wait(bench, nj_bench_accepted, 40);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM seen_files"), 40);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM dead_letters"), 0);
    assert_string_equal(nj_folder_bench_stats(bench).problem, "");
}

static void root_that_goes_and_comes_back_is_watched_again(void **state)
{
    struct nj_folder_bench *bench = *state;
    char gone[NJ_TEMP_PATH_MAX];
    nj_bench_mkdir(bench, "cam");
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(rename(bench->root, nj_temp_dir_path(&bench->dir, "gone", gone)), 0);
    nj_folder_bench_wait(bench, nj_bench_watching, 0);
    assert_string_not_equal(nj_folder_bench_stats(bench).problem, "");
    nj_bench_mkdir(bench, "cam");
    nj_bench_write_picture(bench, "cam/a.jpg", 1);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    assert_string_equal(nj_folder_bench_stats(bench).problem, "");
}

static void removed_root_and_folders_are_no_end(void **state)
{
    struct nj_folder_bench *bench = *state;
    char path[NJ_TEMP_PATH_MAX];
    nj_bench_mkdir(bench, "cam");
    nj_bench_mkdir(bench, "cam/sub");
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(rmdir(nj_bench_path(bench, "cam/sub", path)), 0);
    assert_int_equal(rmdir(nj_bench_path(bench, "cam", path)), 0);
    nj_bench_mkdir(bench, "cam");
    nj_bench_write_picture(bench, "cam/a.jpg", 1);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    assert_int_equal(unlink(nj_bench_path(bench, "cam/a.jpg", path)), 0);
    assert_int_equal(rmdir(nj_bench_path(bench, "cam", path)), 0);
    assert_int_equal(rmdir(bench->root), 0);
    nj_folder_bench_wait(bench, nj_bench_watching, 0);
    nj_bench_mkdir(bench, "cam");
    nj_bench_write_picture(bench, "cam/b.jpg", 2);
    nj_folder_bench_wait(bench, nj_bench_accepted, 2);
}

static void polling_waits_until_a_file_is_settled(void **state)
{
    struct nj_folder_bench *bench = *state;
    bench->options.polling = true;
    nj_bench_mkdir(bench, "cam");
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_watching, 1);
    nj_us begun_us = nj_mono_us(nj_clock_real());
    nj_bench_mkdir(bench, "cam/sub");
    nj_bench_write_picture(bench, "cam/sub/a.jpg", 1);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    assert_true(nj_mono_us(nj_clock_real()) - begun_us >= bench->options.settle_us);
    assert_int_equal(nj_folder_bench_stats(bench).watches, 0);
    assert_int_equal(nj_bench_sql_int(bench, count_work), 1);
}

static bool noticed(struct nj_folder_bench *bench, int64_t value)
{
    return nj_folder_bench_stats(bench).noticed >= (uint64_t)value;
}

static void new_folder_is_found_when_descriptors_are_there_again(void **state)
{
    struct nj_folder_bench *bench = *state;
    struct rlimit usual, none;
    nj_bench_mkdir(bench, "cam");
    nj_bench_mkdir(bench, "../side");
    nj_bench_write_picture(bench, "../side/a.jpg", 1);
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    nj_bench_write_picture(bench, "cam/b.jpg.part", 2);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    nj_bench_rename(bench, "../side", "cam/side");
    nj_bench_rename(bench, "cam/b.jpg.part", "cam/b.jpg"); // told after the folder
    nj_folder_bench_wait(bench, noticed, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    nj_folder_bench_wait(bench, nj_bench_accepted, 2);
}

static void stopping_at_any_moment_neither_loses_nor_doubles(void **state)
{
    struct nj_folder_bench *bench = *state;
    enum { FILES = 300 };
    char name[64];
    nj_bench_mkdir(bench, "cam");
    for (unsigned i = 0; i < FILES; i++) {
        (void)snprintf(name, sizeof name, "cam/%u.jpg", i);
        nj_bench_write_picture(bench, name, i);
        if (i % 20 != 0)
            continue;
        nj_folder_bench_start(bench);
        if (i % 40 == 0)
            nj_folder_bench_wait(bench, nj_bench_accepted, 1);
        nj_folder_bench_stop(bench);
    }
    nj_folder_bench_start(bench);
    nj_folder_bench_wait(bench, nj_bench_accepted, 1);
    nj_folder_bench_wait(bench, nj_bench_idle, 0);
    assert_int_equal(nj_bench_sql_int(bench, count_work), FILES);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(DISTINCT json_extract(payload,"
                                             " '$.file_path')) FROM work_items"),
                     FILES);
    assert_int_equal(nj_bench_sql_int(bench, "SELECT COUNT(*) FROM refused_files"), 0);
}

int folder_test(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_folder_bench_setup, nj_folder_bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(closed_file_is_queued_with_its_facts),
        cmocka_unit_test(every_arrival_is_queued_exactly_once),
        TEST(restart_finds_what_came_meanwhile_and_no_old_file),
        TEST(same_content_is_counted_and_not_queued),
        TEST(open_file_waits_for_its_closing),
        TEST(strange_names_travel_unchanged),
        TEST(full_queue_pushes_back_and_forgets_nothing),
        TEST(root_that_goes_and_comes_back_is_watched_again),
        TEST(removed_root_and_folders_are_no_end),
        TEST(new_folder_is_found_when_descriptors_are_there_again),
        TEST(stopping_at_any_moment_neither_loses_nor_doubles),
        TEST(polling_waits_until_a_file_is_settled),
    };
    return cmocka_run_group_tests_name("folder", tests, NULL, NULL);
}
