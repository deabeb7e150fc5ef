// SPDX-License-Identifier: Apache-2.0
// What the folder source remembers: contents, files, refusals.
#include "storage/store_uploads.h"
#include "tests/unit/storage/rows_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int store_uploads_test(void);

static const nj_us ttl = 300 * (nj_us)NJ_US_PER_S;

struct upload_arg {
    const char *sha256, *path, *folder, *copy;
    int64_t size, mtime_ns, deleted;
    size_t limit, count;
    struct nj_refused_filter filter;
    struct nj_refused_row row, *rows;
    char seen[256];
    int stop;
};

static int mark(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    return nj_dedupe_mark(db, a->sha256, "/c/a.jpg", ttl, err);
}

static int note_copy(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    return nj_dedupe_note_copy(db, a->sha256, a->copy, err);
}

static int take_copy(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    char *copy = NULL;
    int rc = nj_dedupe_take_copy(db, a->sha256, &copy, err);
    (void)snprintf(a->seen, sizeof a->seen, "%s", copy != NULL ? copy : "none");
    free(copy);
    return rc;
}

static int expire(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    return nj_dedupe_expire(db, a->limit, &a->deleted, err);
}

static int put(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    return nj_seen_files_put(db, a->path, a->size, a->mtime_ns, err);
}

static int forget(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    return nj_seen_files_delete(db, a->path, err);
}

static int note_file(void *arg, const char *path, int64_t size, int64_t mtime_ns)
{
    struct upload_arg *a = arg;
    size_t used = strlen(a->seen);
    (void)snprintf(a->seen + used, sizeof(a->seen) - used, "%s=%lld/%lld ", path, (long long)size,
                   (long long)mtime_ns);
    return a->stop;
}

static int each(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    return nj_seen_files_each(db, a->folder, note_file, a, err);
}

static int refuse(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    return nj_refused_insert(db, &a->row, err);
}

static int list(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct upload_arg *a = arg;
    return nj_refused_list(db, &a->filter, &a->rows, &a->count, err);
}

static int note_count(void *arg, const char *reason, int64_t count)
{
    return note_file(arg, reason, count, 0);
}

static int counts(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_refused_counts(db, note_count, arg, err);
}

static const char first[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char second[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void content_is_refused_until_its_mark_is_over(void **state)
{
    struct nj_store_fixture *f = *state;
    struct upload_arg a = {.sha256 = first}, b = {.sha256 = second};
    assert_int_equal(nj_test_write(f, mark, &a), 0);
    assert_int_equal(nj_test_write(f, mark, &a), NJ_E_EXISTS);
    assert_int_equal(nj_test_write(f, mark, &b), 0);
    nj_fake_clock_advance(&f->clock, ttl - 1);
    assert_int_equal(nj_test_write(f, mark, &a), NJ_E_EXISTS); // and is not prolonged
    nj_fake_clock_advance(&f->clock, 1);
    assert_int_equal(nj_test_write(f, mark, &a), 0);
    assert_int_equal(nj_test_write(f, mark, &a), NJ_E_EXISTS);
}

static void a_clock_that_was_set_back_prolongs_no_mark(void **state)
{
    struct nj_store_fixture *f = *state;
    struct upload_arg a = {.sha256 = first};
    assert_int_equal(nj_test_write(f, mark, &a), 0);
    nj_fake_clock_jump_wall(&f->clock, -1);
    assert_int_equal(nj_test_write(f, mark, &a), 0);
    assert_int_equal(nj_test_write(f, mark, &a), NJ_E_EXISTS);
}

static void newest_copy_takes_the_place_of_a_vanished_file_once(void **state)
{
    struct nj_store_fixture *f = *state;
    struct upload_arg a = {.sha256 = first, .copy = "{\"old\":1}"}, b = {.sha256 = second};
    assert_int_equal(nj_test_write(f, mark, &a), 0);
    assert_int_equal(nj_test_write(f, mark, &b), 0);
    assert_int_equal(nj_test_write(f, note_copy, &a), 0);
    a.copy = "{\"new\":1}";
    assert_int_equal(nj_test_write(f, note_copy, &a), 0);
    assert_int_equal(nj_test_write(f, take_copy, &a), 0);
    assert_string_equal(a.seen, "{\"new\":1}");
    assert_int_equal(nj_test_write(f, mark, &a), NJ_E_EXISTS); // the copy is marked as it was
    assert_int_equal(nj_test_write(f, take_copy, &a), 0);
    assert_string_equal(a.seen, "none");
    assert_int_equal(nj_test_write(f, mark, &a), 0); // nothing has this content any longer
    assert_int_equal(nj_test_write(f, take_copy, &b), 0);
    assert_string_equal(b.seen, "none");
    assert_int_equal(nj_test_write(f, take_copy, &b), 0);
}

static void copy_is_forgotten_with_its_mark(void **state)
{
    struct nj_store_fixture *f = *state;
    struct upload_arg a = {.sha256 = first, .copy = "{}"};
    assert_int_equal(nj_test_write(f, mark, &a), 0);
    assert_int_equal(nj_test_write(f, note_copy, &a), 0);
    nj_fake_clock_advance(&f->clock, ttl);
    assert_int_equal(nj_test_write(f, mark, &a), 0);
    assert_int_equal(nj_test_write(f, take_copy, &a), 0);
    assert_string_equal(a.seen, "none");
}

static void expiry_forgets_only_what_is_over_and_not_more_than_asked(void **state)
{
    struct nj_store_fixture *f = *state;
    struct upload_arg a = {.sha256 = first, .limit = 1}, b = {.sha256 = second, .limit = 10};
    assert_int_equal(nj_test_write(f, mark, &a), 0);
    assert_int_equal(nj_test_write(f, mark, &b), 0);
    assert_int_equal(nj_test_write(f, expire, &b), 0);
    assert_int_equal(b.deleted, 0);
    nj_fake_clock_advance(&f->clock, ttl);
    assert_int_equal(nj_test_write(f, expire, &a), 0);
    assert_int_equal(a.deleted, 1);
    assert_int_equal(nj_test_write(f, expire, &b), 0);
    assert_int_equal(b.deleted, 1);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM dedupe"), 0);
}

static void seen_files_are_listed_below_their_folder_only(void **state)
{
    static const struct {
        const char *folder, *seen;
    } cases[] = {
        {"/c", "/c/a.jpg=1/10 /c/b/x\n\xff.jpg=2/20 "},
        {"/c/", "/c/a.jpg=1/10 /c/b/x\n\xff.jpg=2/20 "},
        {"/c/b", "/c/b/x\n\xff.jpg=2/20 "},
        {"/none", ""},
    };
    static const char *const paths[] = {"/c/a.jpg", "/c/b/x\n\xff.jpg", "/c0.jpg", "/cc/a.jpg"};
    struct nj_store_fixture *f = *state;
    for (size_t i = 0; i < 4; i++) {
        struct upload_arg a = {.path = paths[i], .size = (int64_t)i, .mtime_ns = 0};
        assert_int_equal(nj_test_write(f, put, &a), 0);
        a.size = (int64_t)i + 1; // again: the newer one counts
        a.mtime_ns = 10 * a.size;
        assert_int_equal(nj_test_write(f, put, &a), 0);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct upload_arg a = {.folder = cases[i].folder};
        assert_int_equal(nj_test_read(f, each, &a), 0);
        assert_string_equal(a.seen, cases[i].seen);
    }
    struct upload_arg a = {.folder = "/c", .stop = 7};
    assert_int_equal(nj_test_read(f, each, &a), 7);
    assert_string_equal(a.seen, "/c/a.jpg=1/10 ");
}

static void forgotten_file_is_gone_and_may_be_forgotten_again(void **state)
{
    struct nj_store_fixture *f = *state;
    struct upload_arg a = {.path = "/c/a.jpg", .folder = "/c"};
    assert_int_equal(nj_test_write(f, put, &a), 0);
    assert_int_equal(nj_test_write(f, forget, &a), 0);
    assert_int_equal(nj_test_write(f, forget, &a), 0);
    assert_int_equal(nj_test_read(f, each, &a), 0);
    assert_string_equal(a.seen, "");
}

static void refused_files_are_listed_newest_first_and_counted(void **state)
{
    static const char *const reasons[] = {"too_small", "truncated", "too_small"};
    struct nj_store_fixture *f = *state;
    struct upload_arg a = {.filter = {.limit = 2}};
    for (size_t i = 0; i < 3; i++) {
        a.row = (struct nj_refused_row){.path = "/c/\n\xfe.jpg", .size = (int64_t)i};
        NJ_TEST_SET(a.row.reason, reasons[i]);
        NJ_TEST_SET(a.row.detail, "9 bytes");
        NJ_TEST_SET(a.row.camera_id, "c");
        assert_int_equal(nj_test_write(f, refuse, &a), 0);
    }
    assert_int_equal(nj_test_read(f, list, &a), 0);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.rows[0].size, 2);
    a.row.id = a.rows[0].id;
    a.row.refused_us = nj_test_now(f);
    assert_string_equal(a.rows[0].path, a.row.path);
    assert_string_equal(a.rows[0].reason, a.row.reason);
    assert_string_equal(a.rows[0].detail, a.row.detail);
    assert_string_equal(a.rows[0].camera_id, a.row.camera_id);
    assert_int_equal(a.rows[0].refused_us, nj_test_now(f));
    a.filter.before_id = a.rows[1].id;
    free(a.rows);
    assert_int_equal(nj_test_read(f, list, &a), 0);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.rows[0].size, 0);
    free(a.rows);
    assert_int_equal(nj_test_read(f, counts, &a), 0);
    assert_string_equal(a.seen, "too_small=2/0 truncated=1/0 ");
}

int store_uploads_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(content_is_refused_until_its_mark_is_over),
        CASE(a_clock_that_was_set_back_prolongs_no_mark),
        CASE(newest_copy_takes_the_place_of_a_vanished_file_once),
        CASE(copy_is_forgotten_with_its_mark),
        CASE(expiry_forgets_only_what_is_over_and_not_more_than_asked),
        CASE(seen_files_are_listed_below_their_folder_only),
        CASE(forgotten_file_is_gone_and_may_be_forgotten_again),
        CASE(refused_files_are_listed_newest_first_and_counted),
    };
    return cmocka_run_group_tests_name("store_uploads", tests, NULL, NULL);
}
