// SPDX-License-Identifier: Apache-2.0
// A store in a folder of its own, operations as plain function calls, and a second pair of eyes:
// SQL through the SQLite library itself, not through the code under test.
#ifndef NJ_STORAGE_HELPER_H
#define NJ_STORAGE_HELPER_H

#include "storage/store.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/temp_dir.h"

#include <stdint.h>

enum { NJ_TEST_NOW_S = 1769250600 }; // 2026-01-24T10:30:00Z

struct nj_store_fixture {
    struct nj_temp_dir dir;
    char db_path[NJ_TEMP_PATH_MAX];
    struct nj_fake_clock clock;
    struct nj_store_options options;
    struct nj_store *store;
    struct nj_error err; // of the newest failed step
};

int nj_store_fixture_setup(void **state);    // opens
int nj_store_fixture_teardown(void **state); // closes and removes

// Runs body(db, arg, err) as one write or read; returns its code, fixture->err tells more.
typedef int (*nj_store_body)(struct nj_db *db, void *arg, struct nj_error *err);
int nj_test_write(struct nj_store_fixture *fixture, nj_store_body body, void *arg);
int nj_test_read(struct nj_store_fixture *fixture, nj_store_body body, void *arg);

// First integer of a query on the database file; the test fails when it does not run.
int64_t nj_test_sql_int(const char *db_path, const char *sql);
// Runs statements on the database file, as another program would.
void nj_test_sql(const char *db_path, const char *sql);

nj_us nj_test_now(const struct nj_store_fixture *fixture);

#endif
