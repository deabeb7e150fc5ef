// SPDX-License-Identifier: Apache-2.0
// SQLite's result codes as the project's, with what an operator can do.
#include "storage/sqlite_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct mapping {
    int code; // primary or extended
    int error;
    bool trouble; // of the storage below, not of the row
    const char *advice;
};

static const char full_advice[] = "make room on its disk; writing goes on by itself then";
static const char denied_advice[] = "make file and folder writable; writing goes on by itself then";

static const struct mapping mappings[] = {
    {SQLITE_CONSTRAINT_UNIQUE, NJ_E_EXISTS, false, NULL},
    {SQLITE_CONSTRAINT_PRIMARYKEY, NJ_E_EXISTS, false, NULL},
    {SQLITE_CONSTRAINT_FOREIGNKEY, NJ_E_NOT_FOUND, false,
     "a row that it names does not exist, or is still named by others"},
    {SQLITE_CONSTRAINT, NJ_E_INVALID, false, NULL},
    {SQLITE_MISMATCH, NJ_E_INVALID, false, NULL},
    {SQLITE_TOOBIG, NJ_E_TOO_BIG, false, NULL},
    {SQLITE_NOMEM, NJ_E_NOMEM, false, NULL},
    {SQLITE_BUSY, NJ_E_UNAVAILABLE, false, "another process holds the database"},
    {SQLITE_LOCKED, NJ_E_UNAVAILABLE, false, "another process holds the database"},
    {SQLITE_INTERRUPT, NJ_E_CANCELLED, false, NULL},
    {SQLITE_FULL, NJ_E_FULL, true, full_advice},
    {SQLITE_READONLY, NJ_E_DENIED, true, denied_advice},
    {SQLITE_PERM, NJ_E_DENIED, true, "make file and folder writable"},
    {SQLITE_AUTH, NJ_E_DENIED, true, NULL},
    {SQLITE_CORRUPT, NJ_E_CORRUPT, true,
     "stop, keep the file and those beside it (-wal, -shm) for repair, put a backup in its place"},
    {SQLITE_NOTADB, NJ_E_CORRUPT, true,
     "the file is no database: put a backup in its place, or name another path"},
    {SQLITE_CANTOPEN, NJ_E_IO, true, "check that path and folder exist and may be used"},
    {SQLITE_IOERR, NJ_E_IO, true, "check the disk and its file system"},
};

static const struct mapping *find(int code)
{
    const struct mapping *primary = NULL;
    for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
        if (mappings[i].code == code)
            return &mappings[i];
        if (mappings[i].code == (code & 0xff))
            primary = &mappings[i];
    }
    return primary;
}

// The kernel's reason is sharper than "I/O error".
static int sharpen(int error, int system_errno)
{
    if (error != NJ_E_IO)
        return error;
    switch (system_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return NJ_E_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return NJ_E_DENIED;
    default:
        return error;
    }
}

// The kernel's reason for the newest failure. SQLite often keeps it only at the file itself, of
// which there are two: the database and its log.
static int find_errno(sqlite3 *db)
{
    int reason = sqlite3_system_errno(db);
    sqlite3_file *log = NULL;
    if (reason == 0 &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log) == SQLITE_OK &&
        log != NULL && log->pMethods != NULL)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &reason);
    if (reason == 0)
        (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &reason);
    return reason;
}

// Adds a part when there is one; cut when the record is full.
static void append(struct nj_error *err, const char *before, const char *part, const char *after)
{
    size_t length = strlen(err->text);
    if (part != NULL)
        (void)snprintf(err->text + length, sizeof(err->text) - length, "%s%s%s", before, part,
                       after);
}

// What a code means and what helps.
static struct mapping explain(struct nj_store_conn *conn, int code, int *out_errno)
{
    static const struct mapping unknown = {0, NJ_E_INTERNAL, false, NULL};
    const struct mapping *known = find(code);
    struct mapping meaning = known != NULL ? *known : unknown;
    *out_errno = 0;
    if (meaning.error != NJ_E_IO || conn->db == NULL)
        return meaning;
    *out_errno = find_errno(conn->db);
    meaning.error = sharpen(NJ_E_IO, *out_errno);
    if (meaning.error == NJ_E_FULL)
        meaning.advice = full_advice;
    else if (meaning.error == NJ_E_DENIED)
        meaning.advice = denied_advice;
    return meaning;
}

int nj_sqlite_fail(struct nj_store_conn *conn, int code, const char *what, struct nj_error *err)
{
    int reason = 0;
    struct mapping meaning = explain(conn, code, &reason);
    const char *text = conn->db != NULL ? sqlite3_errmsg(conn->db) : sqlite3_errstr(code);
    const char *kernel = reason != 0 ? strerrordesc_np(reason) : NULL;
    struct nj_error local;
    nj_error_set(&local, meaning.error, "database %s: %s: %s [%d]", conn->path, what, text, code);
    append(&local, " (", kernel, ")");
    append(&local, "; ", meaning.advice, "");
    if (meaning.trouble)
        conn->trouble = local;
    if (err != NULL)
        *err = local;
    return meaning.error;
}
