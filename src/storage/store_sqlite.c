// SPDX-License-Identifier: Apache-2.0
// SQLite driver: one file in WAL mode, every commit on disk before it is acknowledged.
#include "storage/migrations_priv.h"
#include "storage/sqlite_priv.h"
#include "util/file.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    // By how much the log has grown when it is moved into the database.
    CHECKPOINT_PAGES = 1000,        // 4 MiB: worth moving in quiet times
    CHECKPOINT_IDLE_PAGES = 4000,   // 16 MiB: also between two operations, whose second may wait
    CHECKPOINT_URGENT_PAGES = 9000, // 36 MiB: even under load, the log must not grow for ever
    APPLICATION_ID = 0x4e6a5253,    // marks the file as ours
};

static bool is_memory(const char *path)
{
    return strcmp(path, ":memory:") == 0;
}

static int execute(struct nj_store_conn *conn, const char *script, struct nj_error *err)
{
    int code = sqlite3_exec(conn->db, script, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : nj_sqlite_fail(conn, code, "script failed", err);
}

// First column of the first row of a query, as an integer.
static int query_int(struct nj_store_conn *conn, const char *sql, int64_t *out,
                     struct nj_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    int rc = 0;
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    else
        rc = nj_sqlite_fail(conn, code, "cannot read", err);
    (void)sqlite3_finalize(stmt);
    return rc;
}

// Makes the file, so that it is not readable by strangers and the kernel's own reason is known.
static int prepare_file(const char *path, bool *out_unclean, struct nj_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd >= 0) {
        (void)close(fd);
        return 0;
    }
    if (errno != EEXIST)
        return nj_error_errno(err, errno, "cannot create database %s", path);
    // No open and close of an existing file here: closing drops the locks of the whole process.
    if (access(path, R_OK | W_OK) != 0)
        return nj_error_errno(err, errno, "database %s must be readable and writable", path);
    char log[4200];
    struct stat state;
    if (snprintf(log, sizeof(log), "%s-wal", path) < (int)sizeof(log) && stat(log, &state) == 0 &&
        state.st_size > 0)
        *out_unclean = true;
    return 0;
}

static int handle_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    struct nj_store_conn *conn = arg;
    if (pages < conn->log_pages)
        conn->log_moved = 0; // the log began anew
    conn->log_pages = pages;
    return SQLITE_OK;
}

// Refuses a database of another program before anything in it is changed.
static int claim_file(struct nj_store_conn *conn, struct nj_error *err)
{
    int64_t id = 0, tables = 0;
    int rc = query_int(conn, "PRAGMA application_id", &id, err);
    if (rc == 0)
        rc = query_int(conn, "SELECT COUNT(*) FROM sqlite_schema", &tables, err);
    if (rc != 0 || id == APPLICATION_ID)
        return rc;
    if (id != 0 || tables != 0)
        return nj_error_set(err, NJ_E_INVALID,
                            "database %s belongs to another program; name another path",
                            conn->path);
    char text[64];
    (void)snprintf(text, sizeof(text), "PRAGMA application_id=%d", (int)APPLICATION_ID);
    return execute(conn, text, err);
}

static int set_log_mode(struct nj_store_conn *conn, struct nj_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    int rc = 0;
    if (code != SQLITE_ROW)
        rc = nj_sqlite_fail(conn, code, "cannot start its log", err);
    else if (!is_memory(conn->path) &&
             strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") != 0)
        rc = nj_error_set(err, NJ_E_UNSUPPORTED,
                          "database %s: its file system cannot share memory, which the log needs; "
                          "put it on a local disk",
                          conn->path);
    (void)sqlite3_finalize(stmt);
    return rc;
}

static int configure_writer(struct nj_store_conn *conn, struct nj_error *err)
{
    int rc = claim_file(conn, err);
    if (rc == 0)
        rc = set_log_mode(conn, err);
    if (rc != 0)
        return rc;
    // Replaces the automatic checkpoint, which would make one unlucky commit wait.
    (void)sqlite3_wal_hook(conn->db, handle_commit, conn);
    return execute(conn,
                   "PRAGMA synchronous=FULL;"
                   "PRAGMA foreign_keys=ON;"
                   "PRAGMA secure_delete=OFF;"
                   "PRAGMA cache_size=-4096;"
                   "PRAGMA journal_size_limit=33554432",
                   err);
}

static int configure(struct nj_store_conn *conn, const struct nj_store_conn_options *options,
                     struct nj_error *err)
{
    (void)sqlite3_busy_timeout(conn->db, (int)(options->busy_timeout_us / NJ_US_PER_MS));
    if (sqlite3_db_readonly(conn->db, "main") == 1)
        return nj_error_set(err, NJ_E_DENIED,
                            "database %s is read-only; make file and folder writable", conn->path);
    int rc = execute(conn,
                     "PRAGMA mmap_size=0;"
                     "PRAGMA temp_store=MEMORY;"
                     "PRAGMA trusted_schema=OFF",
                     err);
    if (rc != 0)
        return rc;
    if (options->role == NJ_STORE_READER)
        return execute(conn, "PRAGMA query_only=ON;PRAGMA cache_size=-1024", err);
    return configure_writer(conn, err);
}

static void close_connection(struct nj_store_conn *conn)
{
    if (conn == NULL)
        return;
    nj_sqlite_cache_clear(conn);
    (void)sqlite3_close(conn->db);
    free(conn->path);
    free(conn);
}

static int open_connection(const struct nj_store_conn_options *options, struct nj_store_conn **out,
                           bool *out_unclean, struct nj_error *err)
{
    bool unclean = false;
    if (options->role == NJ_STORE_WRITER && !is_memory(options->path)) {
        int rc = prepare_file(options->path, &unclean, err);
        if (rc != 0)
            return rc;
    }
    // Nobody asks the library for its statistics, which lock a mutex at every malloc. Counts only
    // before its first use.
    if (options->role == NJ_STORE_WRITER)
        (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct nj_store_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL || (conn->path = nj_strdup(options->path)) == NULL) {
        free(conn);
        return nj_error_set(err, NJ_E_NOMEM, "store: no memory for a connection");
    }
    conn->role = options->role;
    int code = sqlite3_open_v2(options->path, &conn->db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                               NULL);
    int rc = code == SQLITE_OK ? configure(conn, options, err)
                               : nj_sqlite_fail(conn, code, "cannot open", err);
    if (rc != 0) {
        close_connection(conn);
        return rc;
    }
    if (out_unclean != NULL)
        *out_unclean = unclean;
    *out = conn;
    return 0;
}

static int check(struct nj_store_conn *conn, struct nj_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    int rc = 0;
    if (code != SQLITE_ROW)
        rc = nj_sqlite_fail(conn, code, "check failed", err);
    else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
        rc = nj_error_set(err, NJ_E_CORRUPT,
                          "database %s is damaged: %s; keep the file and those beside it (-wal, "
                          "-shm) for repair, put a backup in its place",
                          conn->path, (const char *)sqlite3_column_text(stmt, 0));
    (void)sqlite3_finalize(stmt);
    return rc;
}

// Runs one of the transaction statements, which are cached like all others.
static int control(struct nj_store_conn *conn, const char *sql, struct nj_error *err)
{
    struct nj_store_stmt *stmt;
    int rc = nj_sqlite_prepare(conn, sql, NJ_KEEP_STATIC, &stmt, err);
    if (rc != 0)
        return rc;
    rc = nj_sqlite_step(stmt, err);
    nj_sqlite_finish(stmt);
    return rc;
}

// In WAL mode a later flush covers all commits before it, and damage is impossible either way.
static int set_durable(struct nj_store_conn *conn, bool durable, struct nj_error *err)
{
    if (conn->relaxed == !durable || conn->role != NJ_STORE_WRITER)
        return 0;
    int rc = execute(conn, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err);
    if (rc == 0)
        conn->relaxed = !durable;
    return rc;
}

// What is written to a file without a name is gone at the next start, so it counts as not written.
static int check_in_place(struct nj_store_conn *conn, struct nj_error *err)
{
    int moved = 0;
    int code = sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (code != SQLITE_OK || moved == 0)
        return 0; // also where the file system cannot tell
    nj_error_set(&conn->trouble, NJ_E_IO,
                 "database %s was moved, deleted or replaced while in use; put it back, or restart",
                 conn->path);
    if (err != NULL)
        *err = conn->trouble;
    return NJ_E_IO;
}

static bool in_transaction(const struct nj_store_conn *conn)
{
    return sqlite3_get_autocommit(conn->db) == 0;
}

static void rollback(struct nj_store_conn *conn)
{
    if (in_transaction(conn))
        (void)control(conn, "ROLLBACK", NULL);
    conn->old_changes = sqlite3_total_changes64(conn->db);
}

static int begin(struct nj_store_conn *conn, bool durable, struct nj_error *err)
{
    rollback(conn); // what an earlier one could not end, without memory
    int rc = conn->role == NJ_STORE_WRITER ? check_in_place(conn, err) : 0;
    if (rc == 0)
        rc = set_durable(conn, durable, err);
    if (rc != 0)
        return rc;
    // A writer takes the lock at once: a later upgrade could fail in the middle of the group.
    return control(conn, conn->role == NJ_STORE_WRITER ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

static int commit(struct nj_store_conn *conn, bool *out_wrote, struct nj_error *err)
{
    int64_t total = sqlite3_total_changes64(conn->db);
    int rc = control(conn, "COMMIT", err);
    if (rc != 0)
        rollback(conn);
    else if (out_wrote != NULL)
        *out_wrote = total != conn->old_changes;
    conn->old_changes = total;
    return rc;
}

static int savepoint(struct nj_store_conn *conn, struct nj_error *err)
{
    conn->savepoint_changes = sqlite3_total_changes64(conn->db);
    return control(conn, "SAVEPOINT op", err);
}

static int savepoint_release(struct nj_store_conn *conn, struct nj_error *err)
{
    return control(conn, "RELEASE op", err);
}

static int savepoint_rollback(struct nj_store_conn *conn, struct nj_error *err)
{
    int rc = control(conn, "ROLLBACK TO op", err);
    conn->old_changes += sqlite3_total_changes64(conn->db) - conn->savepoint_changes;
    return rc != 0 ? rc : savepoint_release(conn, err);
}

static int take_trouble(struct nj_store_conn *conn, struct nj_error *err)
{
    int code = conn->trouble.code;
    if (code != 0 && err != NULL)
        *err = conn->trouble;
    conn->trouble.code = 0;
    return code;
}

static int64_t changes(struct nj_store_conn *conn)
{
    return sqlite3_changes64(conn->db);
}

static int64_t last_id(struct nj_store_conn *conn)
{
    return sqlite3_last_insert_rowid(conn->db);
}

static bool maintain(struct nj_store_conn *conn, enum nj_store_calm calm)
{
    static const int least[] = {CHECKPOINT_URGENT_PAGES, CHECKPOINT_IDLE_PAGES, CHECKPOINT_PAGES};
    int grown = conn->log_pages - conn->log_moved;
    if (grown < least[calm])
        return grown >= CHECKPOINT_PAGES;
    // A failure leaves everything in the log, where it is safe; it is tried again later.
    (void)sqlite3_wal_checkpoint_v2(conn->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    conn->log_moved = conn->log_pages;
    return false;
}

static int64_t file_bytes(const char *path)
{
    char log[4200];
    struct stat state;
    int64_t bytes = stat(path, &state) == 0 ? (int64_t)state.st_size : 0;
    if (snprintf(log, sizeof(log), "%s-wal", path) < (int)sizeof(log) && stat(log, &state) == 0)
        bytes += (int64_t)state.st_size;
    return bytes;
}

static int sync_file(const char *path, struct nj_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return nj_error_errno(err, errno, "cannot open the copy %s", path);
    int rc = fsync(fd) == 0 ? 0 : nj_error_errno(err, errno, "cannot flush the copy %s", path);
    (void)close(fd);
    return rc;
}

static int backup(struct nj_store_conn *conn, const char *path, struct nj_error *err)
{
    struct nj_store_stmt *stmt;
    if (access(path, F_OK) == 0)
        return nj_error_set(err, NJ_E_EXISTS, "%s exists already; name a new file", path);
    // The copy counts as a change, which readers refuse.
    int rc = execute(conn, "PRAGMA query_only=OFF", err);
    if (rc == 0)
        rc = nj_sqlite_prepare(conn, "VACUUM INTO ?1", NJ_KEEP_STATIC, &stmt, err);
    if (rc != 0)
        return rc;
    nj_sqlite_bind_text(stmt, 1, path);
    rc = nj_sqlite_step(stmt, err);
    nj_sqlite_finish(stmt);
    if (rc == 0)
        rc = sync_file(path, err);
    if (rc != 0)
        (void)unlink(path); // half a copy is worse than none
    return rc;
}

const struct nj_store_driver nj_store_sqlite = {
    .name = "sqlite",
    .open = open_connection,
    .close = close_connection,
    .check = check,
    .execute = execute,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .savepoint = savepoint,
    .savepoint_release = savepoint_release,
    .savepoint_rollback = savepoint_rollback,
    .in_transaction = in_transaction,
    .take_trouble = take_trouble,
    .prepare = nj_sqlite_prepare,
    .bind_int = nj_sqlite_bind_int,
    .bind_number = nj_sqlite_bind_number,
    .bind_text = nj_sqlite_bind_text,
    .bind_bytes = nj_sqlite_bind_bytes,
    .step = nj_sqlite_step,
    .column_null = nj_sqlite_column_null,
    .column_int = nj_sqlite_column_int,
    .column_number = nj_sqlite_column_number,
    .column_bytes = nj_sqlite_column_bytes,
    .rewind = nj_sqlite_rewind,
    .finish = nj_sqlite_finish,
    .changes = changes,
    .last_id = last_id,
    .maintain = maintain,
    .bytes = file_bytes,
    .backup = backup,
    .migrations = nj_sqlite_migrations,
    .migration_count = NJ_SQLITE_MIGRATIONS,
};
