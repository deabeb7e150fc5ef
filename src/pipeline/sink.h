// SPDX-License-Identifier: Apache-2.0
// Where detections go that are to be stored: the pipelines are given a sink when they are made and
// never name the next stage. Who stores a row knows its batch, so that it is written once.
#ifndef NJ_PIPELINE_SINK_H
#define NJ_PIPELINE_SINK_H

#include "bus/outbox.h"
#include "storage/store_detections.h"

struct nj_new_detections {
    struct nj_detection_row *rows; // of one camera; the sink sets id and batch_id
    size_t count;                  // > 0
    nj_us pipeline_start_us;       // wall: when the picture was first seen
    size_t fresh;                  // set by the sink: rows that were not stored before
};

struct nj_detection_sink {
    // Called from: store thread, inside the transaction; may be called again when the commit that
    // it shared failed. Rows whose source_key is there get their id and are left as they are.
    // Messages to be told after the commit go into `outbox`.
    int (*store)(void *context, struct nj_db *db, struct nj_new_detections *found,
                 struct nj_outbox *outbox, struct nj_error *err);
    void *context;
};

#endif
