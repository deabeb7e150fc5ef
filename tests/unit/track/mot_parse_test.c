// SPDX-License-Identifier: Apache-2.0
// MOT files: what is read, what is refused, and that writing and reading agree.
#include "tests/fake/temp_dir.h"
#include "track/mot.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int mot_parse_test(void);

static void rows_come_sorted_by_frame_and_stable(void **state)
{
    (void)state;
    static const char text[] = "3,1,1,2,3,4,.5,-1,-1,-1\r\n\n 1 , 2, 5,6,7,8 \n"
                               "1,3,5,6,7,8,1,9,9,9\n2,-1,0,0,1,1,.25";
    struct nj_mot_table table;
    struct nj_error err;
    if (nj_mot_parse(text, strlen(text), &table, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(table.count, 4);
    assert_int_equal(table.frames, 3);
    const int64_t ids[] = {2, 3, -1, 1};
    for (size_t i = 0; i < NJ_COUNT_OF(ids); i++)
        assert_int_equal(table.rows[i].id, ids[i]);
    assert_true(table.rows[0].score == 1.0); // six fields: considered
    assert_true(table.rows[3].score == 0.5);
    assert_true(table.rows[3].h == 4);
    nj_mot_free(&table);
    nj_mot_free(&table);
    nj_mot_free(NULL);
}

static void wrong_lines_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"1,1,0,0,1,1\n1,2,3\n", "line 2: 3 fields"},
        {"0,1,0,0,1,1\n", "line 1: frame"},
        {"10000001,1,0,0,1,1\n", "line 1: frame"},
        {"1.5,1,0,0,1,1\n", "line 1: frame"},
        {"1,1.5,0,0,1,1\n", "line 1: id"},
        {"1,1e300,0,0,1,1\n", "line 1: id"},
        {"1,1,zero,0,1,1\n", "line 1: field 3"},
        {"1,1,nan,0,1,1\n", "line 1: field 3"},
        {"1,1,,0,1,1\n", "line 1: field 3"},
        {"1,1,0,0,1,1,1,1,1,1,1\n", "line 1: more than 10"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_mot_table table = {.frames = 77};
        struct nj_error err;
        assert_int_equal(nj_mot_parse(cases[i].text, strlen(cases[i].text), &table, &err),
                         NJ_E_INVALID);
        if (strstr(err.text, cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(table.frames, 77);
    }
}

static void written_rows_read_back(void **state)
{
    (void)state;
    char folder[] = "/tmp/nj_mot_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/out.txt", folder);
    struct nj_mot_row rows[] = {
        {.frame = 1, .id = 9007199254740992, .x = -1.5, .y = 2.25, .w = 3, .h = 4, .score = 0.875},
        {.frame = 2, .id = -1, .x = 1e6, .y = 0, .w = 1, .h = 1, .score = -1},
    };
    struct nj_mot_table table = {rows, NJ_COUNT_OF(rows), 2}, back;
    struct nj_error err;
    assert_int_equal(nj_mot_write(path, &table, &err), 0);
    assert_int_equal(nj_mot_read(path, &back, &err), 0);
    assert_int_equal(back.count, table.count);
    for (size_t i = 0; i < back.count; i++) {
        assert_int_equal(back.rows[i].id, rows[i].id);
        assert_true(back.rows[i].x == rows[i].x && back.rows[i].score == rows[i].score);
    }
    nj_mot_free(&back);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(nj_mot_read(path, &back, &err), NJ_E_NOT_FOUND);
    assert_int_equal(rmdir(folder), 0);
}

static void a_link_or_device_is_not_replaced(void **state)
{
    (void)state;
    struct nj_temp_dir dir;
    char path[NJ_TEMP_PATH_MAX];
    nj_temp_dir_init(&dir);
    nj_temp_dir_path(&dir, "out.txt", path);
    assert_int_equal(symlink("/dev/null", path), 0);
    const struct nj_mot_table table = {NULL, 0, 0};
    struct nj_error err;
    struct stat status;
    assert_int_equal(nj_mot_write(path, &table, &err), NJ_E_INVALID);
    assert_non_null(strstr(err.text, "no file"));
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    nj_temp_dir_finish(&dir);
}

int mot_parse_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_sorted_by_frame_and_stable),
        cmocka_unit_test(wrong_lines_are_refused_by_name),
        cmocka_unit_test(written_rows_read_back),
        cmocka_unit_test(a_link_or_device_is_not_replaced),
    };
    return cmocka_run_group_tests_name("mot files", tests, NULL, NULL);
}
