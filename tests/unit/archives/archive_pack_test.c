// SPDX-License-Identifier: Apache-2.0
// Packing and converting: what is made opens, equal files give equal archives, and what would not
// open is not made. And the passwords that an archive may refer to.
#include "archives/archive.h"

#include "tests/unit/archives/archives_helper.h"
#include "util/file.h"
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

int archive_pack_test(void);

static void put(const struct nj_temp_dir *dir, const char *name, const char *text)
{
    char path[NJ_TEMP_PATH_MAX];
    FILE *file = fopen(nj_temp_dir_path(dir, name, path), "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make_folder(const struct nj_temp_dir *dir)
{
    char path[NJ_TEMP_PATH_MAX];
    assert_int_equal(mkdir(nj_temp_dir_path(dir, "in", path), 0700), 0);
    put(dir, "in/pipeline.json", zip_pipeline);
    put(dir, "in/a.onnx", "weights");
    put(dir, "in/a.json", zip_manifest);
    put(dir, "in/.hidden", "no");
}

static int pack(const struct nj_temp_dir *dir, const char *name, struct nj_error *err)
{
    const struct nj_archive_options options = zip_options(dir);
    char in[NJ_TEMP_PATH_MAX], out[NJ_TEMP_PATH_MAX];
    return nj_archive_pack(&options, nj_temp_dir_path(dir, "in", in),
                           nj_temp_dir_path(dir, name, out), err);
}

static struct nj_archive *open_file(const struct nj_temp_dir *dir, const char *name)
{
    const struct nj_archive_options options = zip_options(dir);
    struct nj_archive *archive = NULL;
    struct nj_error err = {0};
    char path[NJ_TEMP_PATH_MAX];
    if (nj_archive_open(&options, nj_temp_dir_path(dir, name, path), &archive, &err) != 0)
        fail_msg("%s", err.text);
    return archive;
}

static char *read_file(const struct nj_temp_dir *dir, const char *name, size_t *length)
{
    char path[NJ_TEMP_PATH_MAX], *bytes = NULL;
    assert_int_equal(nj_file_read(nj_temp_dir_path(dir, name, path), 1 << 20, &bytes, length, NULL),
                     0);
    return bytes;
}

static void a_link_or_device_is_not_replaced(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_error err = {0};
    struct stat status;
    char path[NJ_TEMP_PATH_MAX];
    make_folder(dir);
    assert_int_equal(symlink("/dev/null", nj_temp_dir_path(dir, "link.mpta", path)), 0);
    assert_int_equal(pack(dir, "link.mpta", &err), NJ_E_INVALID);
    assert_non_null(strstr(err.text, "no file"));
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static void what_is_packed_opens(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_error err = {0};
    char name[300];
    make_folder(dir);
    assert_int_equal(pack(dir, "out.mpta", &err), 0);
    assert_int_equal(zip_count_names(dir, ""), 2); // the folder and the archive alone
    struct nj_archive *archive = open_file(dir, "out.mpta");
    snprintf(name, sizeof name, "cache/%s", archive->sha256);
    assert_int_equal(zip_count_names(dir, name), 3); // nothing hidden
    nj_archive_unref(archive);
}

// The folder inside bears the file's name, as upstream's loader wants it.
static void equal_files_give_equal_archives_with_a_folder_of_their_name(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_error err = {0};
    char path[NJ_TEMP_PATH_MAX];
    size_t first_length = 0, second_length = 0;
    make_folder(dir);
    assert_int_equal(pack(dir, "out.mpta", &err), 0);
    char *first = read_file(dir, "out.mpta", &first_length);
    put(dir, "in/a.onnx", "weights"); // written again: another time, another inode
    assert_int_equal(unlink(nj_temp_dir_path(dir, "out.mpta", path)), 0);
    assert_int_equal(pack(dir, "out.mpta", &err), 0);
    char *second = read_file(dir, "out.mpta", &second_length);
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
    assert_memory_equal(first + 30, "out/a.json", 10); // the first local header's name
    free(first);
    free(second);
}

static void what_would_not_open_is_not_made(void **state)
{
    static const struct {
        const char *name, *text;
        const char *says;
    } cases[] = {
        {"in/pipeline.json", "{}", "out.mpta: pipeline: is missing"},
        {"in/pipeline.json", "{\"pipeline\":{\"modelId\":\"a\",\"modelFile\":\"b.onnx\"}}",
         "'b.onnx' is not in the archive"},
        {"in/a.json", "{}", "a.json"},
    };
    const struct nj_temp_dir *dir = *state;
    make_folder(dir);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_error err = {0};
        put(dir, "in/pipeline.json", zip_pipeline);
        put(dir, "in/a.json", zip_manifest);
        put(dir, cases[i].name, cases[i].text);
        if (pack(dir, "out.mpta", &err) == 0 || strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(zip_count_names(dir, ""), 1); // the folder alone
    }
}

static void folders_and_links_are_not_packed(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_error err = {0};
    char path[NJ_TEMP_PATH_MAX];
    make_folder(dir);
    assert_int_equal(symlink("/etc/passwd", nj_temp_dir_path(dir, "in/link", path)), 0);
    assert_int_equal(pack(dir, "out.mpta", &err), NJ_E_INVALID);
    assert_non_null(strstr(err.text, "in/link: only files are packed"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(nj_temp_dir_path(dir, "in/sub", path), 0700), 0);
    assert_int_equal(pack(dir, "out.mpta", &err), NJ_E_INVALID);
    assert_int_equal(zip_count_names(dir, ""), 1);
}

static int convert(const struct nj_temp_dir *dir, struct nj_error *err)
{
    const struct nj_archive_options options = zip_options(dir);
    char from[NJ_TEMP_PATH_MAX], models[NJ_TEMP_PATH_MAX], to[NJ_TEMP_PATH_MAX];
    return nj_archive_convert(&options, nj_temp_dir_path(dir, "x.mpta", from),
                              nj_temp_dir_path(dir, "models", models),
                              nj_temp_dir_path(dir, "out.mpta", to), err);
}

static void converting_puts_exported_models_in_place_of_pytorch(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_error err = {0};
    struct zip_made zip;
    char path[NJ_TEMP_PATH_MAX], name[300];
    zip_made_init(&zip);
    zip_made_add_text(&zip, "t/pipeline.json",
                      "{\"pipeline\":{\"modelId\":\"a\",\"modelFile\":\"a.pt\"}}");
    zip_made_add_text(&zip, "t/a.pt", "pickle");
    zip_made_end(&zip, 0);
    zip_made_save(&zip, dir, "x.mpta");
    zip_made_finish(&zip);
    assert_int_equal(mkdir(nj_temp_dir_path(dir, "models", path), 0700), 0);
    assert_int_equal(convert(dir, &err), NJ_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "'a.pt' needs 'a.onnx' beside it"));
    put(dir, "models/a.onnx", "weights");
    put(dir, "models/a.json", zip_manifest);
    put(dir, "models/other.onnx", "of no node");
    if (convert(dir, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(zip_count_names(dir, ""), 3); // x, out, models
    struct nj_archive *archive = open_file(dir, "out.mpta");
    assert_string_equal(archive->spec->root.model_file, "a.pt"); // served by a.onnx
    snprintf(name, sizeof name, "cache/%s", archive->sha256);
    assert_int_equal(zip_count_names(dir, name), 3); // a.pt is gone
    nj_archive_unref(archive);
}

static void only_listed_secrets_are_given_to_an_archive(void **state)
{
    const struct nj_temp_dir *dir = *state;
    char listed[NJ_TEMP_PATH_MAX + 16], inside[NJ_TEMP_PATH_MAX + 16], out[16];
    char escape[NJ_TEMP_PATH_MAX + 32], beside[NJ_TEMP_PATH_MAX + 16];
    snprintf(listed, sizeof listed, "file:%s/in/*", dir->path);
    snprintf(inside, sizeof inside, "file:%s/in/a.onnx", dir->path);
    snprintf(escape, sizeof escape, "file:%s/in/../in/a.onnx", dir->path);
    snprintf(beside, sizeof beside, "file:%s/inn", dir->path);
    const char *const items[] = {"env:ARCHIVE_TEST_A", listed};
    struct nj_archive_options options = zip_options(dir);
    options.secrets = (struct nj_text_list){items, NJ_COUNT_OF(items)};
    make_folder(dir);
    put(dir, "in/a.onnx", "hunter2\n");
    assert_int_equal(setenv("ARCHIVE_TEST_A", "from env", 1), 0);
    assert_int_equal(setenv("ARCHIVE_TEST_B", "not for it", 1), 0);
    const struct {
        const char *reference;
        int rc;
        const char *text;
    } cases[] = {
        {"plain", 0, "plain"},
        {"", 0, ""},
        {"env:ARCHIVE_TEST_A", 0, "from env"},
        {"env:ARCHIVE_TEST_B", NJ_E_DENIED, NULL},
        {"env:ARCHIVE_TEST_AA", NJ_E_DENIED, NULL},
        {inside, 0, "hunter2"},
        {escape, NJ_E_DENIED, NULL},
        {beside, NJ_E_DENIED, NULL},
        {"file:/etc/passwd", NJ_E_DENIED, NULL},
        {"longer than sixteen", NJ_E_TOO_BIG, NULL},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_error err = {0};
        strcpy(out, "untouched");
        assert_int_equal(nj_archive_secret(&options, cases[i].reference, out, sizeof out, &err),
                         cases[i].rc);
        assert_string_equal(out, cases[i].text != NULL ? cases[i].text : "untouched");
        assert_null(strstr(err.text, "not for it"));
    }
    assert_int_equal(unsetenv("ARCHIVE_TEST_A"), 0);
    assert_int_equal(nj_archive_secret(&options, "env:ARCHIVE_TEST_A", out, sizeof out, NULL),
                     NJ_E_NOT_FOUND);
}

// Its open or read would wait for a writer, and the loop with it.
static void secret_in_a_pipe_or_folder_is_refused_without_waiting(void **state)
{
    const struct nj_temp_dir *dir = *state;
    char pipe[NJ_TEMP_PATH_MAX + 16], reference[NJ_TEMP_PATH_MAX + 32], out[16];
    struct nj_archive_options options = zip_options(dir);
    struct nj_error err = {0};
    const char *const items[] = {"file:/*"};
    options.secrets = (struct nj_text_list){items, NJ_COUNT_OF(items)};
    snprintf(pipe, sizeof pipe, "%s/pipe", dir->path);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    alarm(10); // else it would hang here
    snprintf(reference, sizeof reference, "file:%s", pipe);
    assert_int_equal(nj_archive_secret(&options, reference, out, sizeof out, &err), NJ_E_INVALID);
    assert_non_null(strstr(err.text, "is no regular file"));
    snprintf(reference, sizeof reference, "file:%s", dir->path);
    assert_int_equal(nj_archive_secret(&options, reference, out, sizeof out, &err), NJ_E_INVALID);
    alarm(0);
    assert_int_equal(unlink(pipe), 0);
}

int archive_pack_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_packed_opens, archives_set_up, archives_tear_down),
        cmocka_unit_test_setup_teardown(equal_files_give_equal_archives_with_a_folder_of_their_name,
                                        archives_set_up, archives_tear_down),
        cmocka_unit_test_setup_teardown(a_link_or_device_is_not_replaced, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(what_would_not_open_is_not_made, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(folders_and_links_are_not_packed, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(converting_puts_exported_models_in_place_of_pytorch,
                                        archives_set_up, archives_tear_down),
        cmocka_unit_test_setup_teardown(secret_in_a_pipe_or_folder_is_refused_without_waiting,
                                        archives_set_up, archives_tear_down),
        cmocka_unit_test_setup_teardown(only_listed_secrets_are_given_to_an_archive,
                                        archives_set_up, archives_tear_down),
    };
    return cmocka_run_group_tests_name("archive_pack", tests, NULL, NULL);
}
