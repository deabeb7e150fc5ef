// SPDX-License-Identifier: Apache-2.0
// Fixture of the storage tests.
#include "tests/unit/storage/storage_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

int nj_store_fixture_setup(void **state)
{
    struct nj_store_fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    nj_temp_dir_init(&fixture->dir);
    (void)nj_temp_dir_path(&fixture->dir, "data/store.db", fixture->db_path);
    nj_fake_clock_init(&fixture->clock, (nj_us)NJ_TEST_NOW_S * NJ_US_PER_S);
    fixture->options = (struct nj_store_options){
        .path = fixture->db_path,
        .readers = 2,
        .max_queued = 10000,
        .group_max = 256,
        .busy_timeout_us = 100 * NJ_US_PER_MS,
    };
    int rc =
        nj_store_open(&fixture->options, &fixture->clock.clock, &fixture->store, &fixture->err);
    if (rc != 0)
        print_error("%s\n", fixture->err.text);
    *state = fixture;
    return rc;
}

int nj_store_fixture_teardown(void **state)
{
    struct nj_store_fixture *fixture = *state;
    nj_store_close(fixture->store);
    nj_temp_dir_finish(&fixture->dir);
    free(fixture);
    return 0;
}

struct body_op {
    struct nj_store_op op;
    nj_store_body body;
    void *arg;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct body_op *self = (struct body_op *)op;
    return self->body(db, self->arg, err);
}

int nj_test_write(struct nj_store_fixture *fixture, nj_store_body body, void *arg)
{
    struct body_op op = {.op = {.apply = apply}, .body = body, .arg = arg};
    return nj_store_write_wait(fixture->store, &op.op, &fixture->err);
}

int nj_test_read(struct nj_store_fixture *fixture, nj_store_body body, void *arg)
{
    struct body_op op = {.op = {.apply = apply}, .body = body, .arg = arg};
    return nj_store_read_wait(fixture->store, &op.op, &fixture->err);
}

static sqlite3 *open_plain(const char *db_path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(db_path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    return db;
}

int64_t nj_test_sql_int(const char *db_path, const char *sql)
{
    sqlite3 *db = open_plain(db_path);
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return value;
}

void nj_test_sql(const char *db_path, const char *sql)
{
    sqlite3 *db = open_plain(db_path);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    (void)sqlite3_close(db);
}

nj_us nj_test_now(const struct nj_store_fixture *fixture)
{
    return nj_wall_us(&fixture->clock.clock);
}
