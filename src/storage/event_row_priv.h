// SPDX-License-Identifier: Apache-2.0
// Columns of an event and how they are read.
#ifndef NJ_STORAGE_EVENT_ROW_PRIV_H
#define NJ_STORAGE_EVENT_ROW_PRIV_H

#include "storage/sql_priv.h"

#define NJ_EVENT_COLUMNS                                                                           \
    "id, batch_id, camera_id, started_us, ended_us, created_us, risk_score, risk_level, summary,"  \
    " reasoning, breakdown, analyser, object_types, detection_count, best_detection_id, reviewed," \
    " is_fast_path, notes, version"

// Reads the columns above into a struct nj_event_row.
extern const struct nj_sql_rows nj_event_rows;

#endif
