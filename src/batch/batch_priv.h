// SPDX-License-Identifier: Apache-2.0
// What the files of batching share.
#ifndef NJ_BATCH_BATCH_PRIV_H
#define NJ_BATCH_BATCH_PRIV_H

#include "batch/batch.h"

#include <pthread.h>

// Fast-path work overtakes closed batches in analysis_queue.
enum { NJ_BATCH_PRIORITY = 0, NJ_FAST_PATH_PRIORITY = 10 };

struct nj_batcher {
    struct nj_batcher_config config;
    struct nj_bus_subscriber subscriber; // hears of closed batches, for log and metrics
    struct nj_timer sweep_timer;
    struct nj_batch_sweep *sweep; // under way, or NULL
    pthread_mutex_t lock;
    // The following field is protected by lock: set by the loop thread, read by the store thread.
    struct nj_batch_options options;
};

enum nj_close_reason {
    NJ_CLOSE_TIMEOUT,
    NJ_CLOSE_IDLE,
    NJ_CLOSE_MAX_SIZE,
    NJ_CLOSE_SHUTDOWN,
    NJ_CLOSE_FAST_PATH
};

void nj_batch_set_reason(struct nj_batch_row *batch, enum nj_close_reason reason);

struct nj_batch_options nj_batcher_options(struct nj_batcher *batcher);

// Inside a write operation: closes `batch`, whose close_reason says why (its state in the store
// decides; NJ_E_CONFLICT when somebody else closed it), puts it into analysis_queue and its message
// into the outbox.
int nj_batch_close(struct nj_batcher *batcher, struct nj_db *db, struct nj_batch_row *batch,
                   struct nj_outbox *outbox, struct nj_error *err);

// As nj_batch_close for a batch that is inserted closed already.
int nj_batch_hand_over(struct nj_batcher *batcher, struct nj_db *db,
                       const struct nj_batch_row *batch, struct nj_outbox *outbox,
                       struct nj_error *err);

// The reason for which `batch` must close before a detection of `activity_us` (capture time) comes;
// false when that may join it.
bool nj_batch_is_over(const struct nj_batch_options *options, const struct nj_batch_row *batch,
                      nj_us activity_us, enum nj_close_reason *out);

#endif
