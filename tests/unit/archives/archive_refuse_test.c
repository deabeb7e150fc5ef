// SPDX-License-Identifier: Apache-2.0
// Archives of strangers: what is refused, with nothing written.
#include "archives/archive.h"

#include "tests/unit/archives/archives_helper.h"
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
#include <zlib.h>

int archive_refuse_test(void);

// A member that is wrong: an archive as it should be, and this.
static const struct {
    struct zip_file file;
    int rc;
    const char *says;
} attacks[] = {
    {{.name = "../evil"}, NJ_E_DENIED, "'../evil' leads out of the archive"},
    {{.name = "top/../../evil"}, NJ_E_DENIED, "leads out of the archive"},
    {{.name = "top/.."}, NJ_E_DENIED, "leads out of the archive"},
    {{.name = "./evil"}, NJ_E_DENIED, "leads out of the archive"},
    {{.name = "a//evil"}, NJ_E_DENIED, "empty parts"},
    {{.name = "/etc/evil"}, NJ_E_DENIED, "'/etc/evil' is an absolute path"},
    {{.name = "C:evil"}, NJ_E_DENIED, "is an absolute path"},
    {{.name = "..\\evil"}, NJ_E_DENIED, "has a backslash"},
    {{.name = "evil\nname"}, NJ_E_DENIED, "control characters"},
    {{.name = "evil\x7f"}, NJ_E_DENIED, "control characters"},
    {{.name = "evil\xff"}, NJ_E_DENIED, "not UTF-8"},
    {{.name = ""}, NJ_E_DENIED, "has no name"},
    {{.name = "1/2/3/4/5/6/7/8/9"}, NJ_E_DENIED, "too many folders"},
    {{.name = "link", .bytes = "/etc/passwd", .length = 11, .mode = S_IFLNK | 0777},
     NJ_E_DENIED,
     "'link' is a symbolic link"},
    {{.name = "fifo", .mode = S_IFIFO | 0666}, NJ_E_DENIED, "neither a file nor a folder"},
    {{.name = "dev", .mode = S_IFBLK | 0666}, NJ_E_DENIED, "neither a file nor a folder"},
    {{.name = "a.onnx"}, NJ_E_INVALID, "a name stands twice"},
    {{.name = "A.ONNX"}, NJ_E_INVALID, "'A.ONNX' stands twice, or differs only by case"},
    {{.name = "a.json/evil"}, NJ_E_INVALID, "'a.json/evil' lies in what is also a file"},
    {{.name = "folder/", .bytes = "x", .length = 1}, NJ_E_CORRUPT, "has content"},
    {{.name = "bomb", .bytes = "x", .length = 1, .deflate = true, .declared = 10000000000},
     NJ_E_TOO_BIG,
     "'bomb' unpacks to 10000000000 bytes, archives.max_entry_bytes is 16777216"},
    {{.name = "liar", .bytes = "0123456789", .length = 10, .deflate = true, .declared = 5},
     NJ_E_CORRUPT,
     "'liar'"},
    {{.name = "liar", .bytes = "0123456789", .length = 10, .deflate = true, .declared = 50},
     NJ_E_CORRUPT,
     "'liar'"},
    {{.name = "x", .bytes = "0123456789", .length = 10, .bad_crc = true}, NJ_E_CORRUPT, "CRC"},
    {{.name = "x", .bytes = "0123456789", .length = 10, .deflate = true, .flags = 1},
     NJ_E_UNSUPPORTED,
     "is encrypted"},
    {{.name = "x", .bytes = "0123456789", .length = 10, .method = 12},
     NJ_E_UNSUPPORTED,
     "packed by method 12"},
};

static void each_attack_is_refused_and_nothing_written(void **state)
{
    for (size_t i = 0; i < NJ_COUNT_OF(attacks); i++) {
        struct zip_made zip;
        zip_made_init(&zip);
        zip_made_add_archive(&zip, "");
        zip_made_add(&zip, &attacks[i].file);
        zip_made_end(&zip, 0);
        archives_assert_refused(*state, &zip, attacks[i].rc, attacks[i].says);
    }
}

// The library shows a NUL as a blank, others end the name there: it is refused for what it is.
static void a_nul_in_a_name_is_refused(void **state)
{
    struct zip_made zip;
    zip_made_init(&zip);
    zip_made_add_text(&zip, "a.onnx", "weights");
    zip_made_add_text(&zip, "a.json", zip_manifest);
    zip_made_add(&zip, &(struct zip_file){.name = "pipeline.json\0.txt",
                                          .name_length = 18,
                                          .bytes = zip_pipeline,
                                          .length = strlen(zip_pipeline)});
    zip_made_end(&zip, 0);
    archives_assert_refused(*state, &zip, NJ_E_DENIED, "'pipeline.json...' has a NUL in its name");
}

static void a_bomb_is_refused_by_its_ratio(void **state)
{
    const size_t length = 8 << 20;
    void *zeros = calloc(1, length);
    struct zip_made zip;
    assert_non_null(zeros);
    zip_made_init(&zip);
    zip_made_add_archive(&zip, "");
    zip_made_add(&zip, &(struct zip_file){
                           .name = "zeros", .bytes = zeros, .length = length, .deflate = true});
    zip_made_end(&zip, 0);
    free(zeros);
    archives_assert_refused(*state, &zip, NJ_E_TOO_BIG, "'zeros' unpacks to");
}

// Ten gigabytes of zeros as a deflate stream of ten megabytes: one flushed block, which ends at a
// byte, again and again, and an end.
static void make_bomb(struct nj_buf *out)
{
    enum { PIECE = 1 << 20, PIECES = 10 * 1024 };
    static const uint8_t end[] = {3, 0};
    z_stream stream = {0};
    uint8_t block[4096];
    void *zeros = calloc(1, PIECE);
    assert_non_null(zeros);
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = zeros;
    stream.avail_in = PIECE;
    stream.next_out = block;
    stream.avail_out = sizeof block;
    assert_int_equal(deflate(&stream, Z_FULL_FLUSH), Z_OK);
    assert_int_equal(stream.avail_in, 0);
    nj_buf_init(out, 64 << 20);
    for (int i = 0; i < PIECES; i++)
        nj_buf_append(out, block, stream.total_out);
    nj_buf_append(out, end, sizeof end);
    assert_int_equal(nj_buf_failed(out), 0);
    deflateEnd(&stream);
    free(zeros);
}

static void a_bomb_of_ten_gigabytes_is_refused_whatever_it_declares(void **state)
{
    static const struct {
        uint64_t declared;
        int rc;
        const char *says;
    } cases[] = {
        {10ULL << 30, NJ_E_TOO_BIG, "'bomb' unpacks to 10737418240 bytes"}, // the truth, in ZIP64
        {16 << 20, NJ_E_CORRUPT, "unpacks to more than the 16777216 bytes it declares"},
        {10, NJ_E_CORRUPT, "unpacks to more than the 10 bytes it declares"},
    };
    struct nj_buf bomb;
    make_bomb(&bomb);
    assert_in_range(bomb.length, 1 << 20, 20 << 20); // all else is allowed
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct zip_made zip;
        zip_made_init(&zip);
        zip_made_add_archive(&zip, "");
        zip_made_add(&zip, &(struct zip_file){.name = "bomb",
                                              .bytes = bomb.data,
                                              .length = bomb.length,
                                              .method = 8,
                                              .declared = cases[i].declared});
        zip_made_end(&zip, 0);
        archives_assert_refused(*state, &zip, cases[i].rc, cases[i].says);
    }
    nj_buf_finish(&bomb);
}

static void entries_that_are_too_much_together_are_refused(void **state)
{
    const size_t length = 15 << 20;
    void *bytes = malloc(length);
    struct zip_made zip;
    assert_non_null(bytes);
    memset(bytes, 'x', length);
    zip_made_init(&zip);
    zip_made_add_archive(&zip, "");
    zip_made_add(&zip, &(struct zip_file){.name = "1", .bytes = bytes, .length = length});
    zip_made_add(&zip, &(struct zip_file){.name = "2", .bytes = bytes, .length = length});
    zip_made_add(&zip, &(struct zip_file){.name = "3", .bytes = bytes, .length = length});
    zip_made_end(&zip, 0);
    free(bytes);
    archives_assert_refused(*state, &zip, NJ_E_TOO_BIG, "archives.max_unpacked_bytes");
}

static void too_many_entries_are_refused_before_they_are_read(void **state)
{
    struct zip_made zip;
    zip_made_init(&zip);
    zip_made_add_archive(&zip, "");
    for (int i = 3; i < 21; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        zip_made_add_text(&zip, name, "");
    }
    zip_made_end(&zip, 0);
    archives_assert_refused(*state, &zip, NJ_E_TOO_BIG, "21 entries, archives.max_entries is 20");
    archives_make_good(&zip, "");
    zip.bytes.length -= 22; // another end, which claims more than there is
    zip.directory.length = 0;
    zip_made_end(&zip, 60000);
    archives_assert_refused(*state, &zip, NJ_E_TOO_BIG, "60000 entries");
}

static void what_is_no_archive_is_refused(void **state)
{
    static const struct {
        const char *name, *text;
        int rc;
        const char *says;
    } cases[] = {
        {"readme.txt", "x", NJ_E_INVALID, "there is no pipeline.json"},
        {"a/b/pipeline.json", "{}", NJ_E_INVALID, "there is no pipeline.json"},
        {"pipeline.json", "{}", NJ_E_INVALID, "x.mpta: pipeline: is missing"},
        {"pipeline.json", "{\"pipeline\":{\"modelId\":\"a\",\"modelFile\":\"b.onnx\"}}",
         NJ_E_NOT_FOUND, "pipeline: the model file 'b.onnx' is not in the archive"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct zip_made zip;
        zip_made_init(&zip);
        zip_made_add_text(&zip, cases[i].name, cases[i].text);
        zip_made_end(&zip, 0);
        archives_assert_refused(*state, &zip, cases[i].rc, cases[i].says);
    }
    struct zip_made zip;
    zip_made_init(&zip);
    nj_buf_append_text(&zip.bytes, "GIF89a and more bytes than an end has");
    archives_assert_refused(*state, &zip, NJ_E_CORRUPT, "this is no ZIP");
    zip_made_init(&zip);
    archives_assert_refused(*state, &zip, NJ_E_CORRUPT, "this is no ZIP");
    zip_made_init(&zip);
    zip_made_end(&zip, 0);
    archives_assert_refused(*state, &zip, NJ_E_INVALID, "the archive is empty");
}

static void files_outside_of_the_folder_are_refused(void **state)
{
    struct zip_made zip;
    zip_made_init(&zip);
    zip_made_add_archive(&zip, "top/");
    zip_made_add_text(&zip, "beside.txt", "");
    zip_made_end(&zip, 0);
    archives_assert_refused(*state, &zip, NJ_E_INVALID,
                            "'beside.txt' lies outside of the folder 'top/'");
    zip_made_init(&zip);
    zip_made_add_archive(&zip, "one/");
    zip_made_add_archive(&zip, "two/");
    zip_made_end(&zip, 0);
    archives_assert_refused(*state, &zip, NJ_E_INVALID, "two folders hold a pipeline.json");
}

static void a_file_that_is_too_large_is_refused_unread(void **state)
{
    const struct nj_temp_dir *dir = *state;
    struct nj_archive_options options = zip_options(dir);
    struct nj_archive *archive = NULL;
    struct nj_error err = {0};
    struct zip_made zip;
    char path[NJ_TEMP_PATH_MAX];
    archives_make_good(&zip, "");
    zip_made_save(&zip, dir, "x.mpta");
    options.max_archive_bytes = (int64_t)zip.bytes.length - 1;
    zip_made_finish(&zip);
    nj_temp_dir_path(dir, "x.mpta", path);
    assert_int_equal(nj_archive_open(&options, path, &archive, &err), NJ_E_TOO_BIG);
    assert_non_null(strstr(err.text, "archives.max_archive_bytes"));
    options.max_archive_bytes++;
    assert_int_equal(nj_archive_open(&options, path, &archive, &err), 0);
    nj_archive_unref(archive);
    assert_int_equal(nj_archive_open(&options, dir->path, &archive, &err), NJ_E_INVALID);
    nj_temp_dir_path(dir, "absent.mpta", path);
    assert_int_equal(nj_archive_open(&options, path, &archive, &err), NJ_E_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, archives_set_up, archives_tear_down)

int archive_refuse_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_attack_is_refused_and_nothing_written),
        CASE(a_nul_in_a_name_is_refused),
        CASE(a_bomb_is_refused_by_its_ratio),
        CASE(a_bomb_of_ten_gigabytes_is_refused_whatever_it_declares),
        CASE(entries_that_are_too_much_together_are_refused),
        CASE(too_many_entries_are_refused_before_they_are_read),
        CASE(what_is_no_archive_is_refused),
        CASE(files_outside_of_the_folder_are_refused),
        CASE(a_file_that_is_too_large_is_refused_unread),
    };
    return cmocka_run_group_tests_name("archive_refuse", tests, NULL, NULL);
}
