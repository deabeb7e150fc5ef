// SPDX-License-Identifier: Apache-2.0
// Archives: what is unpacked and kept, and what is refused with nothing written.
#include "archives/archive.h"

#include "archives/archive_priv.h"
#include "tests/unit/archives/archives_helper.h"
#include "util/digest.h"
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
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int archive_test(void);

static void assert_open(const struct nj_temp_dir *dir, struct zip_made *zip,
                        struct nj_archive **out)
{
    struct nj_error err = {0};
    if (archives_open_made(dir, zip, out, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(err.code, 0); // looking into the cache first leaves no trace
}

static void assert_mode(const struct nj_archive *archive, const char *name, mode_t mode)
{
    char path[4096];
    struct stat st;
    assert_int_equal(nj_path_join(path, sizeof path, archive->folder, name), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
}

static void a_flat_and_a_foldered_archive_are_the_same(void **state)
{
    static const char *const prefixes[] = {"", "us-lpr/", "name with blank/"};
    const struct nj_temp_dir *dir = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(prefixes); i++) {
        struct nj_archive *archive = NULL;
        struct zip_made zip;
        char sha256[NJ_SHA256_HEX_SIZE], path[4096], *text = NULL;
        archives_make_good(&zip, prefixes[i]);
        nj_sha256_hex(zip.bytes.data, zip.bytes.length, sha256);
        assert_open(dir, &zip, &archive);
        assert_string_equal(archive->sha256, sha256);
        assert_string_equal(archive->spec->root.model_id, "a");
        snprintf(path, sizeof path, "%s/cache/%s", dir->path, sha256);
        assert_string_equal(archive->folder, path);
        snprintf(path, sizeof path, "%s/cache/%s/a.json", dir->path, sha256);
        assert_string_equal(archive->manifests[0], path);
        snprintf(path, sizeof path, "%s/cache/%s/a.onnx", dir->path, sha256);
        assert_int_equal(nj_file_read(path, 100, &text, NULL, NULL), 0);
        assert_string_equal(text, "weights");
        free(text);
        assert_mode(archive, "", 0700);
        assert_mode(archive, "a.onnx", 0600);
        assert_int_equal(zip_count_names(dir, "cache"), i + 1); // nothing unfinished is left
        nj_archive_unref(archive);
    }
}

static void what_the_finder_adds_is_left_out(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_archive *archive = NULL;
    struct zip_made zip;
    zip_made_init(&zip);
    zip_made_add_archive(&zip, "top/");
    zip_made_add_text(&zip, "__MACOSX/top/._a.json", "x");
    zip_made_add_text(&zip, "top/.DS_Store", "x");
    zip_made_add(&zip, &(struct zip_file){.name = "top/empty/", .mode = S_IFDIR | 0755});
    zip_made_add(&zip,
                 &(struct zip_file){.name = "top/sub/deep/notes.txt", .mode = S_IFREG | 04777});
    zip_made_end(&zip, 0);
    assert_open(dir, &zip, &archive);
    char name[300];
    snprintf(name, sizeof name, "cache/%s", archive->sha256);
    assert_int_equal(zip_count_names(dir, name), 4); // three files and "sub"
    assert_mode(archive, "sub/deep", 0700);
    assert_mode(archive, "sub/deep/notes.txt", 0600); // never what the archive wants
    nj_archive_unref(archive);
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static void one_content_is_unpacked_once(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_archive *first = NULL, *second = NULL;
    struct zip_made zip;
    archives_make_good(&zip, "");
    assert_open(dir, &zip, &first);
    const ino_t inode = inode_of(first->manifests[0]);
    archives_make_good(&zip, "");
    assert_open(dir, &zip, &second);
    assert_string_equal(first->folder, second->folder);
    assert_int_equal(inode_of(second->manifests[0]), inode);
    nj_archive_unref(nj_archive_ref(first));
    nj_archive_unref(first);
    nj_archive_unref(second);
    nj_archive_unref(NULL);
}

static void what_somebody_damaged_is_unpacked_again(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_archive *archive = NULL;
    struct zip_made zip;
    archives_make_good(&zip, "");
    assert_open(dir, &zip, &archive);
    assert_int_equal(unlink(archive->manifests[0]), 0);
    nj_archive_unref(archive);
    archives_make_good(&zip, "");
    assert_open(dir, &zip, &archive);
    assert_int_equal(access(archive->manifests[0], R_OK), 0);
    nj_archive_unref(archive);
    assert_int_equal(zip_count_names(dir, "cache"), 1);
}

static void errors_name_files_as_the_archive_does(void **state)
{
    (void)state;
    static char folder[] = "/cache/4f2a";
    const struct nj_archive archive = {.folder = folder};
    struct nj_error err = {0};
    nj_error_set(&err, NJ_E_INVALID, "/cache/4f2a/a.onnx: not /cache/4f2a/b.onnx, /cache/4f2a");
    nj_archive_shorten_error(&archive, &err);
    assert_string_equal(err.text, "a.onnx: not b.onnx, ");
    nj_archive_shorten_error(&archive, NULL);
}

// Two nodes, whose files vary: {pipeline's second modelFile, name, text}.
static const struct {
    const char *file;
    const char *names[2], *texts[2];
    const char *says; // NULL: it opens
} models[] = {
    {"b.onnx", {"b.onnx", "b.json"}, {"w", NULL}, NULL},
    {"b.pt", {"b.onnx", "b.json"}, {"w", NULL}, NULL}, // served by the ONNX of the same stem
    {"b.pt",
     {"b.pt", "b.json"},
     {"w", NULL},
     "pipeline.branches[0]: 'b.pt' needs 'b.onnx' beside it, which is not in the archive; export "
     "it "
     "with 'yolo export model=b.pt format=onnx' and repack with 'nightjar mpta convert'"},
    {"b.onnx",
     {"c.onnx", "b.json"},
     {"w", NULL},
     "pipeline.branches[0]: the model file 'b.onnx' is not in the archive"},
    {"b.onnx",
     {"b.onnx", "c.json"},
     {"w", NULL},
     "pipeline.branches[0]: the manifest 'b.json' of 'b.onnx' is not in the archive"},
    {"b.onnx", {"b.onnx", "b.json"}, {"w", "{"}, "pipeline.branches[0]: b.json: bad JSON"},
    {"b.onnx",
     {"b.onnx", "b.json"},
     {"w", zip_manifest},
     "pipeline.branches[0]: b.json: \"weights\" must be \"b.onnx\", the file beside it"},
};

static void each_node_has_its_model_and_manifest(void **state)
{
    static const char manifest[] =
        "{\"name\":\"b\",\"weights\":\"b.onnx\",\"decoder\":\"yolox\",\"threshold\":0.5,"
        "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"car\"]}";
    for (size_t i = 0; i < NJ_COUNT_OF(models); i++) {
        struct nj_archive *archive = NULL;
        struct zip_made zip;
        char pipeline[512];
        snprintf(pipeline, sizeof pipeline,
                 "{\"pipeline\":{\"modelId\":\"a\",\"modelFile\":\"a.onnx\",\"branches\":["
                 "{\"modelId\":\"b\",\"modelFile\":\"%s\"}]}}",
                 models[i].file);
        zip_made_init(&zip);
        zip_made_add_text(&zip, "pipeline.json", pipeline);
        zip_made_add_text(&zip, "a.onnx", "weights");
        zip_made_add_text(&zip, "a.json", zip_manifest);
        for (size_t k = 0; k < 2; k++)
            zip_made_add_text(&zip, models[i].names[k],
                              models[i].texts[k] != NULL ? models[i].texts[k] : manifest);
        zip_made_end(&zip, 0);
        struct nj_error err = {0};
        const int rc = archives_open_made(*state, &zip, &archive, &err);
        if ((rc == 0) != (models[i].says == NULL) ||
            (rc != 0 && strstr(err.text, models[i].says) == NULL))
            fail_msg("case %zu: %d %s", i, rc, err.text);
        if (rc == 0)
            assert_string_equal(strrchr(archive->manifests[1], '/'), "/b.json");
        nj_archive_unref(archive);
    }
}

// A manifest of a stranger must not have a file of this machine loaded.
static void a_manifest_points_to_no_other_file(void **state)
{
    static const char *const weights[] = {"/etc/passwd", "../a.onnx", "./a.onnx", "sub/a.onnx"};
    for (size_t i = 0; i < NJ_COUNT_OF(weights); i++) {
        struct zip_made zip;
        char manifest[512];
        snprintf(manifest, sizeof manifest,
                 "{\"name\":\"a\",\"weights\":\"%s\",\"decoder\":\"yolox\",\"threshold\":0.5,"
                 "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"car\"]}",
                 weights[i]);
        zip_made_init(&zip);
        zip_made_add_text(&zip, "pipeline.json", zip_pipeline);
        zip_made_add_text(&zip, "a.onnx", "weights");
        zip_made_add_text(&zip, "a.json", manifest);
        zip_made_end(&zip, 0);
        archives_assert_refused(*state, &zip, NJ_E_DENIED, "\"weights\" must be \"a.onnx\"");
    }
}

static void a_sweep_takes_left_overs_and_spares_what_is_held(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_archive_options options = zip_options(dir);
    struct nj_archive *archive = NULL;
    struct nj_cache_hold filling = {.fd = -1};
    struct zip_made zip;
    char path[NJ_TEMP_PATH_MAX];
    archives_make_good(&zip, "");
    assert_open(dir, &zip, &archive);
    // As after a crash: a folder half filled, that nobody holds.
    assert_int_equal(mkdir(nj_temp_dir_path(dir, "cache/abc.tmp-1", path), 0700), 0);
    assert_int_equal(mkdir(nj_temp_dir_path(dir, "cache/abc.tmp-1/sub", path), 0700), 0);
    assert_int_equal(nj_cache_begin(&options, "def", &filling, NULL), 0);
    options.cache_bytes = 0;
    nj_cache_sweep(&options, NULL);
    assert_int_equal(zip_count_names(dir, "cache"), 2); // held, and being filled
    assert_int_equal(access(archive->manifests[0], R_OK), 0);
    nj_cache_abandon(&filling);
    nj_archive_unref(archive);
    assert_int_equal(mkdir(nj_temp_dir_path(dir, "cache/somebody's own", path), 0700), 0);
    nj_cache_sweep(&options, NULL);
    assert_int_equal(zip_count_names(dir, "cache"), 1);
    assert_int_equal(access(path, R_OK), 0);
}

static void set_used(const struct nj_archive *archive, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, archive->folder, times, 0), 0);
}

static void the_longest_unused_goes_first(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_archive_options options = zip_options(dir);
    struct nj_archive *archives[3] = {NULL};
    char folders[3][4096];
    for (size_t i = 0; i < 3; i++) {
        struct zip_made zip;
        char prefix[8];
        snprintf(prefix, sizeof prefix, "f%zu/", i);
        archives_make_good(&zip, prefix);
        assert_open(dir, &zip, &archives[i]);
        snprintf(folders[i], sizeof folders[i], "%s", archives[i]->folder);
    }
    for (size_t i = 0; i < 3; i++) { // 1 is the oldest, then 2, then 0
        static const time_t used[] = {3000, 1000, 2000};
        struct nj_cache_hold hold;
        assert_int_equal(nj_cache_hold(&options, archives[i]->sha256, &hold, NULL), 0);
        nj_archive_unref(archives[i]);
        nj_cache_let_go(&hold);
        const struct nj_archive named = {.folder = folders[i]};
        set_used(&named, used[i]);
    }
    options.cache_bytes = 2 * 4 * 4096; // each has a folder and three small files
    nj_cache_sweep(&options, NULL);
    assert_int_not_equal(access(folders[1], F_OK), 0);
    assert_int_equal(access(folders[2], F_OK), 0);
    options.cache_bytes = 4 * 4096;
    nj_cache_sweep(&options, NULL);
    assert_int_not_equal(access(folders[2], F_OK), 0);
    assert_int_equal(access(folders[0], F_OK), 0);
}

// An archive whose servers want these passwords, by a site that lists some of them.
static void open_with_passwords(const struct nj_temp_dir *dir, const char *redis,
                                const char *postgresql, struct nj_archive **out)
{
    const char *const listed[] = {"env:ARCHIVE_TEST_HAD", "env:ARCHIVE_TEST_UNSET", "file:/no/*"};
    struct nj_archive_options options = zip_options(dir);
    struct nj_error err = {0};
    struct zip_made zip;
    char json[1024], path[NJ_TEMP_PATH_MAX];
    options.secrets = (struct nj_text_list){listed, NJ_COUNT_OF(listed)};
    snprintf(
        json, sizeof json,
        "{\"redis\":{\"host\":\"h\",\"port\":1,\"password\":\"%s\"},\"postgresql\":{\"host\":\"h\","
        "\"port\":1,\"database\":\"d\",\"username\":\"u\",\"password\":\"%s\"},"
        "\"pipeline\":{\"modelId\":\"a\",\"modelFile\":\"a.onnx\"}}",
        redis, postgresql);
    zip_made_init(&zip);
    zip_made_add_text(&zip, "pipeline.json", json);
    zip_made_add_text(&zip, "a.onnx", "weights");
    zip_made_add_text(&zip, "a.json", zip_manifest);
    zip_made_end(&zip, 0);
    zip_made_save(&zip, dir, "x.mpta");
    zip_made_finish(&zip);
    if (nj_archive_open(&options, nj_temp_dir_path(dir, "x.mpta", path), out, &err) != 0)
        fail_msg("%s", err.text);
}

static void passwords_that_cannot_be_had_are_told_at_opening_not_at_the_first_action(void **state)
{
#define LATER "actions for this server will become dead letters: "
    static const struct {
        const char *redis, *postgresql;
        const char *warnings[2]; // NULL: no further one
    } cases[] = {
        {"env:ARCHIVE_TEST_HAD", "env:ARCHIVE_TEST_HAD", {NULL}},
        {"", "env:ARCHIVE_TEST_HAD", {NULL}},
        {"env:ARCHIVE_TEST_HAD",
         "env:HOME",
         {"postgresql.password: " LATER "'env:HOME' is not in archives.secrets"}},
        {"env:ARCHIVE_TEST_UNSET",
         "file:/no/such",
         {"redis.password: " LATER "the environment has no 'ARCHIVE_TEST_UNSET'",
          "postgresql.password: " LATER "cannot open /no/such: "}},
        {"file:/no/a\\u202eb",
         "env:ARCHIVE_TEST_HAD",
         {"redis.password: " LATER "cannot open /no/a?b: "}},
    };
    assert_int_equal(setenv("ARCHIVE_TEST_HAD", "hunter2", 1), 0);
    assert_int_equal(unsetenv("ARCHIVE_TEST_UNSET"), 0);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_archive *archive = NULL;
        open_with_passwords(*state, cases[i].redis, cases[i].postgresql, &archive);
        const struct nj_spec_warnings *warnings = &archive->spec->warnings;
        for (size_t k = 0; k < 2; k++) {
            const char *wanted = cases[i].warnings[k];
            assert_int_equal(warnings->count > k, wanted != NULL);
            if (wanted != NULL && strstr(warnings->items[k], wanted) != warnings->items[k])
                fail_msg("'%s' instead of '%s'", warnings->items[k], wanted);
        }
        nj_archive_unref(archive);
    }
    assert_int_equal(unsetenv("ARCHIVE_TEST_HAD"), 0);
#undef LATER
}

int archive_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flat_and_a_foldered_archive_are_the_same, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(what_the_finder_adds_is_left_out, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(one_content_is_unpacked_once, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(what_somebody_damaged_is_unpacked_again, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test(errors_name_files_as_the_archive_does),
        cmocka_unit_test_setup_teardown(each_node_has_its_model_and_manifest, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(a_manifest_points_to_no_other_file, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(a_sweep_takes_left_overs_and_spares_what_is_held,
                                        archives_set_up, archives_tear_down),
        cmocka_unit_test_setup_teardown(the_longest_unused_goes_first, archives_set_up,
                                        archives_tear_down),
        cmocka_unit_test_setup_teardown(
            passwords_that_cannot_be_had_are_told_at_opening_not_at_the_first_action,
            archives_set_up, archives_tear_down),
    };
    return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
