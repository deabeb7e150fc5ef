// SPDX-License-Identifier: Apache-2.0
// Inside of the store: connections, the writer's and readers' queues, statistics.
#ifndef NJ_STORAGE_STORE_PRIV_H
#define NJ_STORAGE_STORE_PRIV_H

#include "storage/store.h"
#include "storage/store_driver.h"

#include <pthread.h>

enum {
    NJ_STORE_READERS_MAX = 8,
    NJ_STORE_COMMIT_SAMPLES = 1000, // of commit_ms_avg
};

struct nj_db {
    const struct nj_store_driver *driver;
    struct nj_store_conn *conn;
    nj_us now_us; // wall, of the operation
    // After-commit hooks of the group; hooks_end points to the last link.
    struct nj_commit_hook *hooks;
    struct nj_commit_hook **hooks_end;
};

// Operations that wait, oldest first.
struct nj_op_queue {
    struct nj_store_op *first;
    struct nj_store_op **end;
    int64_t count;
    int64_t urgent; // those that are not patient
    pthread_cond_t wake;
    int sleeping; // threads waiting for `wake`
};

struct nj_store_reader {
    struct nj_store *store;
    struct nj_db db;
    pthread_t thread;
};

struct nj_store {
    struct nj_store_options options; // `path` is own_path
    char *own_path;
    const struct nj_clock *clock;
    const struct nj_store_driver *driver;
    bool in_memory; // one connection: the writer's thread serves reads too
    int64_t schema_version;

    struct nj_db writer; // writer thread
    nj_us paced_us;      // writer thread: monotonic time to which commits are paid for
    pthread_t writer_thread;
    struct nj_store_reader *readers;
    size_t reader_count; // started

    pthread_mutex_t mutex;
    // The following fields are protected by mutex.
    struct nj_op_queue writes, reads;
    bool closing;
    uint64_t commits, operations, failed;
    bool read_only;
    char problem[256];
    int64_t commit_us[NJ_STORE_COMMIT_SAMPLES];
    size_t commit_next, commit_count;
    int64_t commit_sum_us;
    // End of protected fields.

    pthread_mutex_t wait_mutex; // for the _wait functions; no other lock is taken under it
    pthread_cond_t wait_cond;
};

// Bodies of the threads; `arg` is the store, or a struct nj_store_reader.
void nj_store_writer_main(void *arg);
void nj_store_reader_main(void *arg);

// Runs a read operation in a transaction of its own and sets op->rc.
void nj_store_run_read(struct nj_store *store, struct nj_db *db, struct nj_store_op *op);
// Hands the finished operation back; it may be gone after.
void nj_store_deliver(struct nj_store_op *op);
// The same for `op` and all behind it that belong to the same loop, with one wake-up. The first
// that does not, or NULL.
struct nj_store_op *nj_store_deliver_linked(struct nj_store_op *op);

// First operation, or NULL. Mutex held.
struct nj_store_op *nj_op_queue_pop_locked(struct nj_op_queue *queue);

// Calls and empties db's hooks, or only empties.
void nj_db_hooks_run(struct nj_db *db);
// Forgets the hooks behind `mark`, a former value of hooks_end.
void nj_db_hooks_drop(struct nj_db *db, struct nj_commit_hook **mark);

#endif
