// SPDX-License-Identifier: Apache-2.0
// The log: lines, levels, rotation, tail; and the build stamp.
#include "util/log.h"
#include "util/mem.h"

#include "tests/fake/fake_clock.h"
#include "tests/fake/temp_dir.h"
#include "util/buf.h"
#include "util/build_info.h"
#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int log_test(void);

struct fixture {
    struct nj_fake_clock clock;
    struct nj_temp_dir dir;
    char path[NJ_TEMP_PATH_MAX];
    struct nj_log *log;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    nj_fake_clock_init(&f->clock, 1769250600123456);
    nj_temp_dir_init(&f->dir);
    nj_temp_dir_path(&f->dir, "log", f->path);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    nj_log_destroy(f->log);
    nj_temp_dir_finish(&f->dir);
    free(f);
    return 0;
}

static void start(struct fixture *f, struct nj_log_options options)
{
    options.file_path = f->path;
    options.build = "b1";
    assert_int_equal(nj_log_create(&options, &f->clock.clock, &f->log, NULL), 0);
}

static char *content(const char *path)
{
    char *text = NULL;
    assert_int_equal(nj_file_read(path, 1 << 22, &text, NULL, NULL), 0);
    return text;
}

static void json_line_has_its_fixed_fields_first(void **state)
{
    struct fixture *f = *state;
    struct nj_log *child = NULL;
    start(f, (struct nj_log_options){.level = NJ_LOG_INFO});
    assert_int_equal(nj_log_child(f->log, "batch", &child), 0);
    const struct nj_log_field fields[] = {NJ_TEXT("id", "q\n"), NJ_INT("n", 3),
                                          NJ_NUMBER("s", 0.5)};
    nj_log_write(child, NJ_LOG_WARNING, (struct nj_log_place){"/x/src/batch/a.c", 7}, "Closed",
                 (struct nj_log_fields){fields, 3});
    nj_log_destroy(child);
    char *text = content(f->path);
    assert_string_equal(text, "{\"timestamp\":\"2026-01-24T10:30:00.123456Z\","
                              "\"level\":\"WARNING\",\"component\":\"batch\","
                              "\"message\":\"Closed\",\"source\":\"batch/a.c:7\",\"build\":\"b1\","
                              "\"id\":\"q\\n\",\"n\":3,\"s\":0.5}\n");
    free(text);
}

static void text_line_shows_no_control_characters(void **state)
{
    struct fixture *f = *state;
    start(f, (struct nj_log_options){.format = NJ_LOG_TEXT});
    nj_log_at(f->log, NJ_LOG_INFO, "Seen", NJ_TEXT("name", "a\n\x1b b"), NJ_INT("n", -2));
    char *text = content(f->path);
    assert_string_equal(text, "2026-01-24T10:30:00.123Z INFO     Seen name=\"a?? b\" n=-2\n");
    free(text);
}

static void level_filters_also_for_children(void **state)
{
    struct fixture *f = *state;
    struct nj_log *child = NULL;
    start(f, (struct nj_log_options){.level = NJ_LOG_ERROR});
    assert_int_equal(nj_log_child(f->log, "c", &child), 0);
    nj_log_line(child, NJ_LOG_WARNING, "no");
    nj_log_set_level(f->log, NJ_LOG_WARNING);
    assert_true(nj_log_enabled(child, NJ_LOG_WARNING));
    assert_false(nj_log_enabled(child, NJ_LOG_INFO));
    assert_false(nj_log_enabled(NULL, NJ_LOG_CRITICAL));
    nj_log_line(NULL, NJ_LOG_CRITICAL, "nowhere");
    nj_log_destroy(child);
    char *text = content(f->path);
    assert_string_equal(text, "");
    free(text);
}

static void rotation_keeps_n_files_below_the_bound(void **state)
{
    struct fixture *f = *state;
    char path[NJ_TEMP_PATH_MAX];
    start(f, (struct nj_log_options){.file_max_bytes = 400, .file_backup_count = 2});
    for (int i = 0; i < 20; i++)
        nj_log_at(f->log, NJ_LOG_INFO, "Line", NJ_INT("i", i));
    static const char *const names[] = {"log", "log.1", "log.2"};
    for (size_t i = 0; i < 3; i++) {
        char *text = content(nj_temp_dir_path(&f->dir, names[i], path));
        assert_in_range(strlen(text), 1, 400);
        assert_int_equal(strstr(text, "\"i\":19}") != NULL, i == 0);
        free(text);
    }
    assert_int_not_equal(access(nj_temp_dir_path(&f->dir, "log.3", path), F_OK), 0);
}

static bool is_link(const char *path)
{
    struct stat state;
    return lstat(path, &state) == 0 && S_ISLNK(state.st_mode);
}

static void rotation_leaves_links_and_devices_where_they_are(void **state)
{
    struct fixture *f = *state;
    char backup[NJ_TEMP_PATH_MAX], real[NJ_TEMP_PATH_MAX];
    nj_temp_dir_path(&f->dir, "log.1", backup);
    nj_temp_dir_path(&f->dir, "real", real);
    const char *const targets[] = {"/dev/null", real};
    for (size_t i = 0; i < NJ_COUNT_OF(targets); i++) {
        assert_int_equal(symlink(targets[i], f->path), 0);
        start(f, (struct nj_log_options){.file_max_bytes = 400, .file_backup_count = 2});
        for (int line = 0; line < 20; line++)
            nj_log_at(f->log, NJ_LOG_INFO, "Line", NJ_INT("i", line));
        assert_true(is_link(f->path));
        assert_int_not_equal(access(backup, F_OK), 0);
        nj_log_destroy(f->log);
        f->log = NULL;
        assert_int_equal(unlink(f->path), 0);
    }
    char *text = content(nj_temp_dir_path(&f->dir, "real.1", backup));
    assert_in_range(strlen(text), 1, 400);
    free(text);
}

static void tail_keeps_the_newest_as_json(void **state)
{
    struct fixture *f = *state;
    struct nj_buf out;
    start(f, (struct nj_log_options){.format = NJ_LOG_TEXT});
    for (int i = 0; i < 2000; i++)
        nj_log_at(f->log, NJ_LOG_INFO, "Line", NJ_INT("i", i));
    nj_buf_init(&out, 1 << 22);
    nj_buf_append_char(&out, '[');
    nj_log_tail(f->log, 3, &out);
    nj_buf_append_char(&out, ']');
    json_t *lines = json_loadb(out.data, out.length, 0, NULL);
    assert_int_equal(json_array_size(lines), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, i), "i")),
                         1997 + i);
    json_decref(lines);
    nj_buf_finish(&out);
}

static void line_too_long_is_cut_and_says_so(void **state)
{
    struct fixture *f = *state;
    char *lengthy = malloc(100001);
    memset(lengthy, 'x', 100000);
    lengthy[100000] = '\0';
    start(f, (struct nj_log_options){.level = NJ_LOG_INFO});
    nj_log_at(f->log, NJ_LOG_INFO, "Line", NJ_TEXT("t", lengthy));
    char *text = content(f->path);
    assert_in_range(strlen(text), 1, 16384);
    assert_non_null(strstr(text, "\"message\":\"Line\""));
    assert_non_null(strstr(text, "\"truncated\":true}\n"));
    free(text);
    free(lengthy);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; *text; text++)
        count += strncmp(text, part, strlen(part)) == 0;
    return count;
}

// /dev/full refuses every byte, as a full disk does.
static void full_disk_sends_lines_to_standard_error_and_says_so_once(void **state)
{
    struct fixture *f = *state;
    strcpy(f->path, "/dev/full");
    if (access(f->path, W_OK) != 0)
        skip();
    char caught[NJ_TEMP_PATH_MAX];
    int before = dup(STDERR_FILENO);
    assert_non_null(freopen(nj_temp_dir_path(&f->dir, "stderr", caught), "w", stderr));
    start(f, (struct nj_log_options){.level = NJ_LOG_INFO});
    nj_log_line(f->log, NJ_LOG_INFO, "first");
    nj_log_line(f->log, NJ_LOG_INFO, "second");
    dup2(before, STDERR_FILENO);
    close(before);
    char *text = content(caught);
    assert_int_equal(count_of(text, "is lost"), 1);
    assert_non_null(strstr(text, "\"message\":\"first\""));
    assert_non_null(strstr(text, "\"message\":\"second\""));
    free(text);
}

static void file_that_was_taken_away_is_made_anew(void **state)
{
    struct fixture *f = *state;
    start(f, (struct nj_log_options){.level = NJ_LOG_INFO});
    nj_log_line(f->log, NJ_LOG_INFO, "first");
    assert_int_equal(unlink(f->path), 0);
    nj_log_line(f->log, NJ_LOG_INFO, "second"); // nobody has looked yet
    nj_fake_clock_advance(&f->clock, 10 * NJ_US_PER_S);
    nj_log_line(f->log, NJ_LOG_INFO, "third");
    char *text = content(f->path);
    assert_null(strstr(text, "second"));
    assert_non_null(strstr(text, "third"));
    free(text);
}

static void file_whose_folder_was_deleted_is_made_anew_with_it(void **state)
{
    struct fixture *f = *state;
    char folder[NJ_TEMP_PATH_MAX];
    nj_temp_dir_path(&f->dir, "deep/logs", folder);
    assert_int_equal(nj_dir_create(folder, NULL), 0);
    nj_temp_dir_path(&f->dir, "deep/logs/log", f->path);
    start(f, (struct nj_log_options){.level = NJ_LOG_INFO});
    nj_log_line(f->log, NJ_LOG_INFO, "first");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(rmdir(folder), 0);
    nj_temp_dir_path(&f->dir, "deep", folder);
    assert_int_equal(rmdir(folder), 0);
    nj_fake_clock_advance(&f->clock, 10 * NJ_US_PER_S);
    nj_log_line(f->log, NJ_LOG_INFO, "second");
    char *text = content(f->path);
    assert_non_null(strstr(text, "second"));
    free(text);
}

static void log_without_its_folder_is_refused(void **state)
{
    struct fixture *f = *state;
    struct nj_error err;
    struct nj_log *log = NULL;
    struct nj_log_options options = {.file_path = "/nowhere/at/all/log"};
    assert_int_equal(nj_log_create(&options, &f->clock.clock, &log, &err), NJ_E_NOT_FOUND);
    assert_null(log);
}

static void level_names_have_their_usual_spelling(void **state)
{
    (void)state;
    static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "UNKNOWN"};
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++)
        assert_string_equal(nj_log_level_name((enum nj_log_level)i), names[i]);
}

static void build_stamp_begins_with_the_version(void **state)
{
    (void)state;
    size_t length = strlen(nj_build_version());
    assert_int_not_equal(length, 0);
    assert_memory_equal(nj_build_stamp(), nj_build_version(), length);
    assert_memory_equal(nj_build_stamp() + length, " (", 2);
}

int log_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_line_has_its_fixed_fields_first, setup, teardown),
        cmocka_unit_test_setup_teardown(text_line_shows_no_control_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(level_filters_also_for_children, setup, teardown),
        cmocka_unit_test_setup_teardown(rotation_keeps_n_files_below_the_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(rotation_leaves_links_and_devices_where_they_are, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tail_keeps_the_newest_as_json, setup, teardown),
        cmocka_unit_test_setup_teardown(line_too_long_is_cut_and_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk_sends_lines_to_standard_error_and_says_so_once,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(file_that_was_taken_away_is_made_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(file_whose_folder_was_deleted_is_made_anew_with_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(log_without_its_folder_is_refused, setup, teardown),
        cmocka_unit_test(level_names_have_their_usual_spelling),
        cmocka_unit_test(build_stamp_begins_with_the_version),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
