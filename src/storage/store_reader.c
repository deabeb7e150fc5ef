// SPDX-License-Identifier: Apache-2.0
// Reader threads: each operation sees one state of the database from its beginning to its end.
#include "loop/thread.h"
#include "storage/store_priv.h"

void nj_store_run_read(struct nj_store *store, struct nj_db *db, struct nj_store_op *op)
{
    op->error.code = 0;
    op->error.text[0] = '\0';
    db->now_us = nj_wall_us(store->clock);
    op->rc = db->driver->begin(db->conn, true, &op->error);
    if (op->rc != 0)
        return;
    op->rc = op->apply(op, db, &op->error);
    db->driver->rollback(db->conn); // nothing was changed; this ends the look at that state
    nj_db_hooks_drop(db, &db->hooks);
}

static struct nj_store_op *next_op(struct nj_store *store)
{
    (void)pthread_mutex_lock(&store->mutex);
    store->reads.sleeping++;
    while (store->reads.first == NULL && !store->closing)
        (void)nj_cond_wait(&store->reads.wake, &store->mutex, -1);
    store->reads.sleeping--;
    struct nj_store_op *op = nj_op_queue_pop_locked(&store->reads);
    (void)pthread_mutex_unlock(&store->mutex);
    return op;
}

void nj_store_reader_main(void *arg)
{
    struct nj_store_reader *reader = arg;
    struct nj_store_op *op;
    while ((op = next_op(reader->store)) != NULL) {
        nj_store_run_read(reader->store, &reader->db, op);
        nj_store_deliver(op);
    }
}
