// SPDX-License-Identifier: Apache-2.0
// What a database must offer to be the store: a const descriptor. Above it there is only the SQL
// that SQLite and PostgreSQL both understand; data definition and settings are the driver's own.
#ifndef NJ_STORAGE_STORE_DRIVER_H
#define NJ_STORAGE_STORE_DRIVER_H

#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_store_conn; // the driver's; one thread at a time
struct nj_store_stmt; // the driver's; belongs to its connection

enum nj_store_role {
    NJ_STORE_WRITER,
    NJ_STORE_READER // refuses changes
};

struct nj_store_conn_options {
    const char *path;
    enum nj_store_role role;
    nj_us busy_timeout_us;
};

// Steps of a statement; errors are negative.
enum {
    NJ_STEP_DONE = 0,
    NJ_STEP_ROW = 1,
};

// How a statement is kept.
enum nj_store_keep {
    NJ_KEEP_STATIC, // cached by the address of its text, which must be a constant of the program
    NJ_KEEP_ONCE    // prepared for one use, for texts put together from constant pieces
};

// How little the store has to do.
enum nj_store_calm {
    NJ_STORE_BUSY,  // somebody waits
    NJ_STORE_IDLE,  // nobody waits at this moment
    NJ_STORE_QUIET, // nobody came for a while: what takes long harms nobody
};

struct nj_store_driver {
    const char *name;

    // *out_unclean (writer; may be NULL): the last owner did not close, a check is due.
    int (*open)(const struct nj_store_conn_options *options, struct nj_store_conn **out,
                bool *out_unclean, struct nj_error *err);
    void (*close)(struct nj_store_conn *conn);
    // Looks for damage; NJ_E_CORRUPT says where.
    int (*check)(struct nj_store_conn *conn, struct nj_error *err);

    // Runs a script of the driver's own statements (migrations).
    int (*execute)(struct nj_store_conn *conn, const char *script, struct nj_error *err);
    // Writers: `durable` commits wait for the disk, others survive the end of the process only.
    int (*begin)(struct nj_store_conn *conn, bool durable, struct nj_error *err);
    // After a failure nothing of the transaction is stored, and it is over. *out_wrote (may be
    // NULL; after success): it changed something, so that the storage below did take it.
    int (*commit)(struct nj_store_conn *conn, bool *out_wrote, struct nj_error *err);
    void (*rollback)(struct nj_store_conn *conn);
    // One level inside a transaction.
    int (*savepoint)(struct nj_store_conn *conn, struct nj_error *err);
    int (*savepoint_release)(struct nj_store_conn *conn, struct nj_error *err);
    int (*savepoint_rollback)(struct nj_store_conn *conn, struct nj_error *err);
    // False when the database gave the transaction up by itself.
    bool (*in_transaction)(const struct nj_store_conn *conn);
    // Newest failure of the storage below (full, read-only, I/O, damage) since the last call, 0 for
    // none; a refused row is none.
    int (*take_trouble)(struct nj_store_conn *conn, struct nj_error *err);

    // Parameters count from 1, columns from 0. Bound bytes must stay until finish. bind_text and
    // bind_bytes with NULL bind NULL; a failed bind shows at the next step.
    int (*prepare)(struct nj_store_conn *conn, const char *sql, enum nj_store_keep keep,
                   struct nj_store_stmt **out, struct nj_error *err);
    void (*bind_int)(struct nj_store_stmt *stmt, int index, int64_t value);
    void (*bind_number)(struct nj_store_stmt *stmt, int index, double value);
    void (*bind_text)(struct nj_store_stmt *stmt, int index, const char *text);
    void (*bind_bytes)(struct nj_store_stmt *stmt, int index, const void *bytes, size_t length);
    int (*step)(struct nj_store_stmt *stmt, struct nj_error *err);
    bool (*column_null)(struct nj_store_stmt *stmt, int index);
    int64_t (*column_int)(struct nj_store_stmt *stmt, int index);
    double (*column_number)(struct nj_store_stmt *stmt, int index);
    // Valid until the next step or finish; never NULL, and no NUL follows.
    const void *(*column_bytes)(struct nj_store_stmt *stmt, int index, size_t *length);
    // Ready to run again with the same parameters.
    void (*rewind)(struct nj_store_stmt *stmt);
    void (*finish)(struct nj_store_stmt *stmt);
    int64_t (*changes)(struct nj_store_conn *conn); // rows of the newest change
    int64_t (*last_id)(struct nj_store_conn *conn); // of the newest insert that stored a row

    // Housekeeping between groups: moves the log into the database when that is due. True when some
    // waits for quieter times.
    bool (*maintain)(struct nj_store_conn *conn, enum nj_store_calm calm);
    int64_t (*bytes)(const char *path); // on disk, log included
    // A consistent copy into a new file. Not inside a transaction.
    int (*backup)(struct nj_store_conn *conn, const char *path, struct nj_error *err);

    // Scripts, oldest first; applying number i makes schema version i + 1.
    const char *const *migrations;
    size_t migration_count;
};

extern const struct nj_store_driver nj_store_sqlite;

#endif
