// SPDX-License-Identifier: Apache-2.0
// Where detection rows go after they are inserted, in the same transaction: the pipelines are given
// a sink when they are made and never name the next stage.
#ifndef NJ_PIPELINE_SINK_H
#define NJ_PIPELINE_SINK_H

#include "bus/outbox.h"
#include "storage/store_detections.h"

struct nj_stored_detections {
    struct nj_detection_row *rows; // ids are set; the sink sets batch_id
    size_t count;                  // > 0
    nj_us pipeline_start_us;       // wall: when the picture was first seen
};

struct nj_detection_sink {
    // Called from: store thread, inside the transaction; may be called again when the commit that
    // it shared failed. Messages to be told after the commit go into `outbox`.
    int (*stored)(void *context, struct nj_db *db, const struct nj_stored_detections *stored,
                  struct nj_outbox *outbox, struct nj_error *err);
    void *context;
};

#endif
