// SPDX-License-Identifier: Apache-2.0
// Statements of the SQLite driver: a cache per connection, keyed by the address of the text.
#include "storage/sqlite_priv.h"

#include <stdlib.h>
#include <string.h>

// Slot of the text, or the empty one where it belongs; NULL when the table is full.
static struct nj_store_stmt *find_slot(struct nj_store_conn *conn, const char *sql)
{
    // Constants lie close together: spread by a multiplication (Knuth's 64-bit constant).
    uint64_t hash = (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15u;
    for (size_t step = 0; step < NJ_SQLITE_CACHE_SLOTS; step++) {
        struct nj_store_stmt *slot =
            &conn->cache[((hash >> 40) + step) & (NJ_SQLITE_CACHE_SLOTS - 1)];
        if (slot->sql == sql || slot->sql == NULL)
            return slot;
    }
    return NULL;
}

static int prepare_raw(struct nj_store_conn *conn, const char *sql, unsigned flags,
                       sqlite3_stmt **out, struct nj_error *err)
{
    int code = sqlite3_prepare_v3(conn->db, sql, -1, flags, out, NULL);
    return code == SQLITE_OK ? 0 : nj_sqlite_fail(conn, code, "cannot prepare a statement", err);
}

static int prepare_once(struct nj_store_conn *conn, const char *sql, struct nj_store_stmt **out,
                        struct nj_error *err)
{
    struct nj_store_stmt *stmt = calloc(1, sizeof(*stmt));
    if (stmt == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "store: no memory for a statement");
    int rc = prepare_raw(conn, sql, 0, &stmt->raw, err);
    if (rc != 0) {
        free(stmt);
        return rc;
    }
    stmt->conn = conn;
    stmt->once = true;
    *out = stmt;
    return 0;
}

int nj_sqlite_prepare(struct nj_store_conn *conn, const char *sql, enum nj_store_keep keep,
                      struct nj_store_stmt **out, struct nj_error *err)
{
    if (keep == NJ_KEEP_ONCE)
        return prepare_once(conn, sql, out, err);
    struct nj_store_stmt *slot = find_slot(conn, sql);
    if (slot == NULL || slot->busy)
        return nj_error_set(err, NJ_E_INTERNAL, "store: statement cache %s for: %.80s",
                            slot == NULL ? "is full" : "is in use", sql);
    if (slot->sql == NULL) {
        int rc = prepare_raw(conn, sql, SQLITE_PREPARE_PERSISTENT, &slot->raw, err);
        if (rc != 0)
            return rc;
        slot->conn = conn;
        slot->sql = sql;
    }
    slot->busy = true;
    slot->bind_rc = SQLITE_OK;
    *out = slot;
    return 0;
}

static void note_bind(struct nj_store_stmt *stmt, int code)
{
    if (code != SQLITE_OK && stmt->bind_rc == SQLITE_OK)
        stmt->bind_rc = code;
}

void nj_sqlite_bind_int(struct nj_store_stmt *stmt, int index, int64_t value)
{
    note_bind(stmt, sqlite3_bind_int64(stmt->raw, index, value));
}

void nj_sqlite_bind_number(struct nj_store_stmt *stmt, int index, double value)
{
    note_bind(stmt, sqlite3_bind_double(stmt->raw, index, value));
}

void nj_sqlite_bind_text(struct nj_store_stmt *stmt, int index, const char *text)
{
    note_bind(stmt, sqlite3_bind_text(stmt->raw, index, text, -1, SQLITE_STATIC));
}

void nj_sqlite_bind_bytes(struct nj_store_stmt *stmt, int index, const void *bytes, size_t length)
{
    note_bind(stmt, sqlite3_bind_blob64(stmt->raw, index, bytes, length, SQLITE_STATIC));
}

int nj_sqlite_step(struct nj_store_stmt *stmt, struct nj_error *err)
{
    if (stmt->bind_rc != SQLITE_OK)
        return nj_sqlite_fail(stmt->conn, stmt->bind_rc, "cannot bind a parameter", err);
    int code = sqlite3_step(stmt->raw);
    if (code == SQLITE_ROW)
        return NJ_STEP_ROW;
    if (code == SQLITE_DONE)
        return NJ_STEP_DONE;
    return nj_sqlite_fail(stmt->conn, code, "statement failed", err);
}

bool nj_sqlite_column_null(struct nj_store_stmt *stmt, int index)
{
    return sqlite3_column_type(stmt->raw, index) == SQLITE_NULL;
}

int64_t nj_sqlite_column_int(struct nj_store_stmt *stmt, int index)
{
    return sqlite3_column_int64(stmt->raw, index);
}

double nj_sqlite_column_number(struct nj_store_stmt *stmt, int index)
{
    return sqlite3_column_double(stmt->raw, index);
}

const void *nj_sqlite_column_bytes(struct nj_store_stmt *stmt, int index, size_t *length)
{
    const void *bytes = sqlite3_column_blob(stmt->raw, index);
    *length = bytes != NULL ? (size_t)sqlite3_column_bytes(stmt->raw, index) : 0;
    return bytes != NULL ? bytes : "";
}

void nj_sqlite_rewind(struct nj_store_stmt *stmt)
{
    // The code repeats the failed step's, which its caller has.
    (void)sqlite3_reset(stmt->raw);
}

void nj_sqlite_finish(struct nj_store_stmt *stmt)
{
    if (stmt->once) {
        (void)sqlite3_finalize(stmt->raw);
        free(stmt);
        return;
    }
    (void)sqlite3_reset(stmt->raw);
    // Borrowed bytes are not looked at again: every parameter is bound anew before the next step.
    stmt->busy = false;
}

void nj_sqlite_cache_clear(struct nj_store_conn *conn)
{
    for (size_t i = 0; i < NJ_SQLITE_CACHE_SLOTS; i++)
        (void)sqlite3_finalize(conn->cache[i].raw);
    memset(conn->cache, 0, sizeof(conn->cache));
}
