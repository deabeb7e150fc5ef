// SPDX-License-Identifier: Apache-2.0
// The store: one writer thread with group commit, a small pool of readers, migrations. SQL stays in
// this folder; others call the functions of the store_<table>.h headers from inside an operation.
#ifndef NJ_STORAGE_STORE_H
#define NJ_STORAGE_STORE_H

#include "config/options.h"
#include "loop/loop.h"
#include "util/error.h"

#include <stdbool.h>
#include <stdint.h>

struct nj_store; // explicitly thread-safe
struct nj_db;    // a connection inside an operation; valid only during `apply`

struct nj_store_options {
    const char *path;      // database file; its folder is created
    int64_t readers;       // reader threads
    int64_t max_queued;    // operations waiting for the writer; more: NJ_E_FULL
    int64_t group_max;     // operations committed together
    nj_us group_wait_us;   // how long the first of a group may wait for company; 0: never
    nj_us busy_timeout_us; // another process holds the database
};

extern const struct nj_option_group nj_store_option_group; // group "store"

// Opens, checks (quick check after an unclean end), migrates. Errors: NJ_E_CORRUPT with what to do,
// NJ_E_DENIED (read-only), NJ_E_UNSUPPORTED (made by a newer version). A ":memory:" path is for
// tests.
int nj_store_open(const struct nj_store_options *options, const struct nj_clock *clock,
                  struct nj_store **out, struct nj_error *err);
// Finishes what was queued, checkpoints, joins. Accepts NULL.
void nj_store_close(struct nj_store *store);

// An operation: caller-owned and intrusive, so that submitting allocates nothing. It must stay
// valid until `done` has begun.
struct nj_store_op {
    // Runs on the store thread (writes, inside a transaction of its own savepoint) or a reader
    // thread. A negative return rolls the savepoint back. It may run again when the commit that it
    // shared failed: it must have no effect outside `db` and its own result fields.
    int (*apply)(struct nj_store_op *op, struct nj_db *db, struct nj_error *err);
    // After the commit is durable (see `relaxed`), or the failure is final: on the loop thread when
    // `loop` is set, else on the store's thread. `op->rc` and `op->error` tell.
    void (*done)(struct nj_store_op *op);
    struct nj_loop *loop;
    // Writes: `done` need not wait for the disk. What was done survives the end of this process,
    // but not a loss of power; for what is simply done again then (claims, leases). Flushing is
    // half of the cost of a lonely operation.
    bool relaxed;
    // Writes: while the store is busy it may wait some milliseconds for others and share their
    // commit. Alone it never waits; what is not patient takes along whatever does.
    bool patient;
    int rc;
    struct nj_error error;
    // The store's:
    struct nj_call call;
    struct nj_store_op *next;
    void *waiter;
};

// NJ_E_FULL when too many wait, NJ_E_CANCELLED after close; `done` is not called then.
int nj_store_write(struct nj_store *store, struct nj_store_op *op);
int nj_store_read(struct nj_store *store, struct nj_store_op *op);

// The same, waiting on the calling thread (never the loop thread, except while starting and in
// tools). `done` is not used.
int nj_store_write_wait(struct nj_store *store, struct nj_store_op *op, struct nj_error *err);
int nj_store_read_wait(struct nj_store *store, struct nj_store_op *op, struct nj_error *err);

// Inside a write's apply: `hook` is called on the store thread once this operation's commit is
// durable, and dropped when it rolls back. The hook must be quick; it may be added repeatedly in
// one group and is then called once.
struct nj_commit_hook {
    void (*fn)(struct nj_commit_hook *hook);
    struct nj_commit_hook *next; // the store's
    bool queued;                 // the store's
};
void nj_db_after_commit(struct nj_db *db, struct nj_commit_hook *hook);

// Wall time of the store's clock, the same for a whole operation.
nj_us nj_db_now_us(const struct nj_db *db);

struct nj_store_stats {
    int64_t queued, schema_version, file_bytes;
    uint64_t commits, operations, failed;
    double commit_ms_avg; // over the newest 1000
    bool read_only;       // the disk or file refuses writes now; says why in `problem`
    char problem[256];
};
void nj_store_get_stats(struct nj_store *store, struct nj_store_stats *out);

// A consistent copy of the database into a new file (backup).
int nj_store_backup(struct nj_store *store, const char *path, struct nj_error *err);

#endif
