// SPDX-License-Identifier: Apache-2.0
// Dead letters: kept whole, listed by queue and reason, counted, purged.
#include "storage/store_work.h"
#include "tests/unit/storage/rows_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int store_letters_test(void);

struct letter_arg {
    int64_t id, failed, overflow, deleted;
    const char *queue, *reason;
    struct nj_letter_row row;
    struct nj_letter_filter filter;
    struct nj_letter_page page;
};

static int insert(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct letter_arg *a = arg;
    return nj_letters_insert(db, &a->row, &a->id, err);
}

static int get(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct letter_arg *a = arg;
    return nj_letters_get(db, a->id, &a->row, err);
}

static int delete (struct nj_db *db, void *arg, struct nj_error *err)
{
    struct letter_arg *a = arg;
    return nj_letters_delete(db, a->id, err);
}

static int list(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct letter_arg *a = arg;
    return nj_letters_list(db, &a->filter, &a->page, err);
}

static int counts(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct letter_arg *a = arg;
    return nj_letters_counts(db, a->queue, &a->failed, &a->overflow, err);
}

static int purge(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct letter_arg *a = arg;
    return nj_letters_purge(db, a->queue, a->reason, &a->deleted, err);
}

static int64_t add(struct nj_store_fixture *f, const char *queue, const char *reason)
{
    char payload[] = "{\"n\":1}", history[] = "[{}]";
    struct letter_arg a = {.row = {.payload = payload,
                                   .history = strcmp(reason, "failed") == 0 ? history : NULL,
                                   .error = "no answer",
                                   .error_type = "timeout",
                                   .attempts = 3,
                                   .first_failed_us = 5,
                                   .last_failed_us = 6}};
    NJ_TEST_SET(a.row.queue, queue);
    NJ_TEST_SET(a.row.reason, reason);
    assert_int_equal(nj_test_write(f, insert, &a), 0);
    return a.id;
}

static void letter_keeps_job_error_and_history(void **state)
{
    struct nj_store_fixture *f = *state;
    struct letter_arg a = {.id = add(f, "q", "failed")};
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_string_equal(a.row.payload, "{\"n\":1}");
    assert_string_equal(a.row.history, "[{}]");
    assert_string_equal(a.row.error, "no answer");
    assert_string_equal(a.row.error_type, "timeout");
    assert_int_equal(a.row.attempts, 3);
    assert_int_equal(a.row.first_failed_us, 5);
    assert_int_equal(a.row.last_failed_us, 6);
    assert_int_equal(a.row.created_us, nj_test_now(f));
    nj_letter_row_finish(&a.row);
    nj_letter_row_finish(&a.row); // harmless
    a.id = add(f, "q", "overflow");
    assert_int_equal(nj_test_read(f, get, &a), 0);
    assert_null(a.row.history);
    nj_letter_row_finish(&a.row);
    assert_int_equal(nj_test_write(f, delete, &a), 0);
    assert_int_equal(nj_test_write(f, delete, &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_read(f, get, &a), NJ_E_NOT_FOUND);
}

static void list_is_a_page_of_one_queue_oldest_first(void **state)
{
    static const struct {
        struct nj_letter_filter filter;
        size_t count;
        int64_t first, total;
    } cases[] = {
        {{.queue = "q", .limit = 10}, 3, 1, 3},
        {{.queue = "q", .limit = 2}, 2, 1, 3},
        {{.queue = "q", .limit = 2, .start = 2}, 1, 4, 3},
        {{.queue = "q", .reason = "overflow", .limit = 10}, 1, 2, 1},
        {{.queue = "r", .limit = 10}, 1, 3, 1},
        {{.queue = "s", .limit = 10}, 0, 0, 0},
    };
    struct nj_store_fixture *f = *state;
    add(f, "q", "failed");
    add(f, "q", "overflow");
    add(f, "r", "failed");
    add(f, "q", "invalid");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct letter_arg a = {.filter = cases[i].filter};
        assert_int_equal(nj_test_read(f, list, &a), 0);
        assert_int_equal(a.page.count, cases[i].count);
        assert_int_equal(a.page.total, cases[i].total);
        if (a.page.count > 0)
            assert_int_equal(a.page.rows[0].id, cases[i].first);
        nj_letter_page_finish(&a.page);
    }
}

static void counts_and_purge_follow_the_reason(void **state)
{
    struct nj_store_fixture *f = *state;
    add(f, "q", "failed");
    add(f, "q", "overflow");
    add(f, "q", "invalid");
    add(f, "r", "failed");
    struct letter_arg a = {.queue = "q", .reason = "overflow"};
    assert_int_equal(nj_test_read(f, counts, &a), 0);
    assert_int_equal(a.failed, 2);
    assert_int_equal(a.overflow, 1);
    assert_int_equal(nj_test_write(f, purge, &a), 0);
    assert_int_equal(a.deleted, 1);
    a.reason = NULL;
    assert_int_equal(nj_test_write(f, purge, &a), 0);
    assert_int_equal(a.deleted, 2);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM dead_letters"), 1);
}

int store_letters_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(letter_keeps_job_error_and_history),
        CASE(list_is_a_page_of_one_queue_oldest_first),
        CASE(counts_and_purge_follow_the_reason),
    };
    return cmocka_run_group_tests_name("store_letters", tests, NULL, NULL);
}
