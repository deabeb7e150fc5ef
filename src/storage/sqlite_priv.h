// SPDX-License-Identifier: Apache-2.0
// Inside of the SQLite driver: connection, cached statements, error mapping.
#ifndef NJ_STORAGE_SQLITE_PRIV_H
#define NJ_STORAGE_SQLITE_PRIV_H

#include "storage/store_driver.h"

#include <sqlite3.h>

enum {
    NJ_SQLITE_CACHE_SLOTS = 256, // power of two, about three times the texts of this folder
};

struct nj_store_stmt {
    struct nj_store_conn *conn;
    sqlite3_stmt *raw;
    const char *sql; // cache key: its address
    int bind_rc;     // first failed bind
    bool once;
    bool busy;
};

struct nj_store_conn {
    sqlite3 *db;
    char *path;
    enum nj_store_role role;
    bool relaxed;              // commits are not flushed now
    struct nj_error trouble;   // newest storage failure; code 0: none
    int64_t old_changes;       // changed rows that are no part of the open transaction
    int64_t savepoint_changes; // those before its savepoint
    int log_pages;             // pages in the write-ahead log after the newest commit
    int log_moved;             // pages it had when it was moved into the database last
    struct nj_store_stmt cache[NJ_SQLITE_CACHE_SLOTS];
};

// Maps an extended result code, fills `err`, and remembers troubles of the storage.
int nj_sqlite_fail(struct nj_store_conn *conn, int code, const char *what, struct nj_error *err);

// The statement part of the descriptor.
int nj_sqlite_prepare(struct nj_store_conn *conn, const char *sql, enum nj_store_keep keep,
                      struct nj_store_stmt **out, struct nj_error *err);
void nj_sqlite_bind_int(struct nj_store_stmt *stmt, int index, int64_t value);
void nj_sqlite_bind_number(struct nj_store_stmt *stmt, int index, double value);
void nj_sqlite_bind_text(struct nj_store_stmt *stmt, int index, const char *text);
void nj_sqlite_bind_bytes(struct nj_store_stmt *stmt, int index, const void *bytes, size_t length);
int nj_sqlite_step(struct nj_store_stmt *stmt, struct nj_error *err);
bool nj_sqlite_column_null(struct nj_store_stmt *stmt, int index);
int64_t nj_sqlite_column_int(struct nj_store_stmt *stmt, int index);
double nj_sqlite_column_number(struct nj_store_stmt *stmt, int index);
const void *nj_sqlite_column_bytes(struct nj_store_stmt *stmt, int index, size_t *length);
void nj_sqlite_rewind(struct nj_store_stmt *stmt);
void nj_sqlite_finish(struct nj_store_stmt *stmt);
void nj_sqlite_cache_clear(struct nj_store_conn *conn);

#endif
