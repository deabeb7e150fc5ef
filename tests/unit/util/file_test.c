// SPDX-License-Identifier: Apache-2.0
// Whole reads, atomic replacement, folders and paths.
#include "util/file.h"

#include "tests/fake/temp_dir.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int file_test(void);

static int setup(void **state)
{
    struct nj_temp_dir *dir = calloc(1, sizeof(*dir));
    assert_non_null(dir);
    nj_temp_dir_init(dir);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    nj_temp_dir_finish(*state);
    free(*state);
    return 0;
}

static size_t count_entries(const struct nj_temp_dir *dir)
{
    size_t count = 0;
    DIR *folder = opendir(dir->path);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.' || nj_file_is_temporary(entry->d_name);
    closedir(folder);
    return count;
}

static void written_content_reads_back_and_replaces(void **state)
{
    char path[NJ_TEMP_PATH_MAX];
    char *text;
    size_t length;
    nj_temp_dir_path(*state, "a.txt", path);
    assert_int_equal(nj_file_write_atomic(path, "first\0x", 7, NULL), 0);
    assert_int_equal(nj_file_write_atomic(path, "second\0x", 8, NULL), 0);
    assert_int_equal(nj_file_read(path, 8, &text, &length, NULL), 0);
    assert_int_equal(length, 8);
    assert_memory_equal(text, "second\0x", 9);
    free(text);
    assert_int_equal(count_entries(*state), 1);
}

static void read_grows_with_the_file_and_stops_at_the_limit(void **state)
{
    char path[NJ_TEMP_PATH_MAX];
    enum { SIZE = 300000 };
    char *bytes = malloc(SIZE);
    char *text = NULL;
    size_t length = 0;
    struct nj_error err;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7);
    nj_temp_dir_path(*state, "large", path);
    assert_int_equal(nj_file_write_atomic(path, bytes, SIZE, NULL), 0);
    assert_int_equal(nj_file_read(path, SIZE - 1, &text, &length, &err), NJ_E_TOO_BIG);
    assert_null(text);
    assert_int_equal(nj_file_read(path, SIZE, &text, &length, &err), 0);
    assert_int_equal(length, SIZE);
    assert_memory_equal(text, bytes, SIZE);
    free(text);
    free(bytes);
}

static void failures_name_the_path_and_leave_nothing(void **state)
{
    char path[NJ_TEMP_PATH_MAX];
    char *text = NULL;
    struct nj_error err;
    nj_temp_dir_path(*state, "none", path);
    assert_int_equal(nj_file_read(path, 10, &text, NULL, &err), NJ_E_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    nj_temp_dir_path(*state, "none/file", path);
    assert_int_equal(nj_file_write_atomic(path, "x", 1, &err), NJ_E_NOT_FOUND);
    nj_temp_dir_path(*state, "folder", path);
    assert_int_equal(nj_dir_create(path, NULL), 0);
    assert_int_equal(nj_file_write_atomic(path, "x", 1, &err), NJ_E_IO); // a folder stands there
    assert_int_equal(count_entries(*state), 1);
    assert_int_equal(nj_file_read(path, 10, &text, NULL, &err), NJ_E_IO);
    nj_temp_dir_path(*state, "folder/", path);
    assert_int_equal(nj_file_write_atomic(path, "x", 1, &err), NJ_E_INVALID);
}

static void temporary_names_are_told_from_all_others(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int temporary;
    } cases[] = {
        {".nj-tmp-0123456789abcdef", 1},  {".nj-tmp-0123456789abcde", 0},
        {".nj-tmp-0123456789abcdefg", 0}, {".nj-tmp-0123456789abcdef0", 0},
        {"nj-tmp-0123456789abcdef", 0},   {"photo.jpg", 0},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++)
        assert_int_equal(nj_file_is_temporary(cases[i].name), cases[i].temporary);
}

static void folders_are_made_with_their_parents(void **state)
{
    char path[NJ_TEMP_PATH_MAX];
    struct stat status;
    struct nj_error err;
    nj_temp_dir_path(*state, "a//b/c/", path);
    assert_int_equal(nj_dir_create(path, &err), 0);
    assert_int_equal(nj_dir_create(path, &err), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(status.st_mode & 0777 & ~0750u, 0);
    nj_temp_dir_path(*state, "file", path);
    assert_int_equal(nj_file_write_atomic(path, "", 0, NULL), 0);
    assert_int_equal(nj_dir_create(path, &err), NJ_E_IO);
    nj_temp_dir_path(*state, "file/below", path);
    assert_int_equal(nj_dir_create(path, &err), NJ_E_IO);
    assert_int_equal(nj_dir_create("", &err), NJ_E_INVALID);
}

static void room_is_known_where_the_folder_is(void **state)
{
    const struct nj_temp_dir *dir = *state;
    int64_t left = -1, total = -1;
    assert_int_equal(nj_disk_room(dir->path, &left, &total, NULL), 0);
    assert_true(left >= 0 && total >= left);
    assert_int_equal(nj_disk_room("/nowhere/at/all", &left, &total, NULL), NJ_E_NOT_FOUND);
}

static void join_puts_exactly_one_slash(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *name, *joined;
    } cases[] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "/b", "a/b"},      {"/", "b", "/b"},
        {"", "b", "b"},    {"a", "", "a/"},    {"a/b", "c/d", "a/b/c/d"},
    };
    char out[16];
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        assert_int_equal(nj_path_join(out, sizeof(out), cases[i].folder, cases[i].name), 0);
        assert_string_equal(out, cases[i].joined);
    }
    assert_int_equal(nj_path_join(out, 4, "a", "b"), 0);
    assert_int_equal(nj_path_join(out, 3, "a", "b"), NJ_E_TOO_BIG);
}

static void below_is_told_by_whole_parts_and_not_through_dots(void **state)
{
    (void)state;
    static const struct {
        const char *path, *folder;
        bool below;
    } cases[] = {
        {"/a/b", "/a", true},          {"/a/b/c.jpg", "/a", true},
        {"/a/..b", "/a", true},        {"/a", "/a", false},
        {"/ab/c", "/a", false},        {"/a/../c", "/a", false},
        {"/a/b/../../c", "/a", false}, {"/a/..", "/a", false},
        {"b/a/c", "/a", false},        {"", "/a", false},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++)
        assert_int_equal(nj_path_is_below(cases[i].path, cases[i].folder), cases[i].below);
}

int file_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_content_reads_back_and_replaces, setup, teardown),
        cmocka_unit_test_setup_teardown(read_grows_with_the_file_and_stops_at_the_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(failures_name_the_path_and_leave_nothing, setup, teardown),
        cmocka_unit_test(temporary_names_are_told_from_all_others),
        cmocka_unit_test_setup_teardown(folders_are_made_with_their_parents, setup, teardown),
        cmocka_unit_test_setup_teardown(room_is_known_where_the_folder_is, setup, teardown),
        cmocka_unit_test(join_puts_exactly_one_slash),
        cmocka_unit_test(below_is_told_by_whole_parts_and_not_through_dots),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
