// SPDX-License-Identifier: Apache-2.0
// Sources that were added: their rows, and the pause of configured ones.
#include "storage/store_sources.h"
#include "tests/unit/storage/rows_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

int store_sources_test(void);

struct source_arg {
    const char *id, *entry;
    bool paused;
    struct nj_source_row *rows;
    size_t count;
};

static int insert(struct nj_db *db, void *arg, struct nj_error *err)
{
    const struct source_arg *a = arg;
    return nj_sources_insert(db, a->id, a->entry, err);
}

static int update(struct nj_db *db, void *arg, struct nj_error *err)
{
    const struct source_arg *a = arg;
    return nj_sources_update(db, a->id, a->entry, err);
}

static int set_paused(struct nj_db *db, void *arg, struct nj_error *err)
{
    const struct source_arg *a = arg;
    return nj_sources_set_paused(db, a->id, a->paused, err);
}

static int delete_one(struct nj_db *db, void *arg, struct nj_error *err)
{
    const struct source_arg *a = arg;
    return nj_sources_delete(db, a->id, err);
}

static int list(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct source_arg *a = arg;
    return nj_sources_list(db, &a->rows, &a->count, err);
}

static void added_sources_are_kept_changed_and_deleted(void **state)
{
    struct nj_store_fixture *f = *state;
    struct source_arg a = {.id = "yard", .entry = "{\"id\":\"yard\"}"};
    assert_int_equal(nj_test_write(f, insert, &a), 0);
    assert_int_equal(nj_test_write(f, insert, &a), NJ_E_EXISTS);
    a.entry = "{}";
    assert_int_equal(nj_test_write(f, update, &a), 0);
    assert_int_equal(nj_test_read(f, list, &a), 0);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.rows[0].entry, "{}");
    assert_int_equal(a.rows[0].version, 2);
    free(a.rows);
    assert_int_equal(nj_test_write(f, delete_one, &a), 0);
    assert_int_equal(nj_test_write(f, delete_one, &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_write(f, update, &a), NJ_E_NOT_FOUND);
}

static void pause_of_a_configured_source_is_no_source_of_its_own(void **state)
{
    struct nj_store_fixture *f = *state;
    struct source_arg a = {.id = "gate", .paused = true, .entry = "{}"};
    assert_int_equal(nj_test_write(f, set_paused, &a), 0);
    assert_int_equal(nj_test_read(f, list, &a), 0);
    assert_int_equal(a.count, 1);
    assert_true(a.rows[0].paused);
    assert_string_equal(a.rows[0].entry, "");
    free(a.rows);
    assert_int_equal(nj_test_write(f, delete_one, &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_write(f, update, &a), NJ_E_NOT_FOUND);
    assert_int_equal(nj_test_write(f, insert, &a), 0); // it left the configuration meanwhile
    assert_int_equal(nj_test_read(f, list, &a), 0);
    assert_false(a.rows[0].paused);
    assert_string_equal(a.rows[0].entry, "{}");
    free(a.rows);
}

int store_sources_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(added_sources_are_kept_changed_and_deleted),
        CASE(pause_of_a_configured_source_is_no_source_of_its_own),
    };
    return cmocka_run_group_tests_name("store_sources", tests, NULL, NULL);
}
