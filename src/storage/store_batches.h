// SPDX-License-Identifier: Apache-2.0
// Table batches: detections of one source in one window. The row is the truth; there is no other
// state, so that open batches survive a crash.
#ifndef NJ_STORAGE_STORE_BATCHES_H
#define NJ_STORAGE_STORE_BATCHES_H

#include "storage/store_detections.h"

struct nj_batch_row {
    char id[NJ_BATCH_ID_SIZE]; // unique
    char camera_id[NJ_CAMERA_ID_SIZE];
    char state[16];        // "open", "closed", "analysed"
    char close_reason[16]; // "timeout" "idle" "max_size" "shutdown" "fast_path"; "" open
    nj_us started_us, last_activity_us; // capture time, wall
    nj_us arrived_us;                   // newest arrival, wall of the store
    nj_us created_us, closed_us;        // wall of the store
    int64_t detection_count;
    nj_us pipeline_start_us; // when its first picture was first seen; for latency
};

// NJ_E_EXISTS when the camera has an open batch already (at most one, enforced by the store) or the
// id is taken.
int nj_batches_insert(struct nj_db *db, const struct nj_batch_row *row, struct nj_error *err);
// NJ_E_NOT_FOUND.
int nj_batches_get(struct nj_db *db, const char *id, struct nj_batch_row *out,
                   struct nj_error *err);
int nj_batches_open_of(struct nj_db *db, const char *camera_id, struct nj_batch_row *out,
                       struct nj_error *err); // NJ_E_NOT_FOUND: none open
// Whether the camera took the fast path from `since_us` (wall of the store) until now.
int nj_batches_fast_path_since(struct nj_db *db, const char *camera_id, nj_us since_us, bool *out,
                               struct nj_error *err);
struct nj_batch_growth {
    const int64_t *detection_ids; // of rows that are to join
    size_t count;
    size_t inserted;   // rows that were inserted with the batch's id
    nj_us activity_us; // capture time of the newest of them
    nj_us oldest_us;   // of the oldest; 0: not before the batch's beginning
};
// Adds detections to a batch that is open, or to a fast-path one that is not analysed yet: sets
// their batch_id, counts, moves beginning, last_activity and arrival. Detections that are in a
// batch already are left there and not counted. NJ_E_NOT_FOUND: no such detection; NJ_E_CONFLICT:
// the batch takes none any more.
int nj_batches_append(struct nj_db *db, const char *id, const struct nj_batch_growth *growth,
                      struct nj_error *err);
// Ids of its detections, oldest capture first; *out is malloc'd (free()), NULL when there are none.
int nj_batches_detection_ids(struct nj_db *db, const char *id, int64_t **out, size_t *out_count,
                             struct nj_error *err);
// open -> closed; NJ_E_CONFLICT when it is not open (somebody else closed it).
int nj_batches_close(struct nj_db *db, const char *id, const char *reason, struct nj_error *err);
// closed -> analysed; again is fine. NJ_E_CONFLICT while it is open or when it does not exist.
int nj_batches_set_analysed(struct nj_db *db, const char *id, struct nj_error *err);
// Open ones; *out is malloc'd.
int nj_batches_list_open(struct nj_db *db, struct nj_batch_row **out, size_t *out_count,
                         struct nj_error *err);

#endif
