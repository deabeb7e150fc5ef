// SPDX-License-Identifier: Apache-2.0
// Columns of a detection and how they are read.
#ifndef NJ_STORAGE_DETECTION_ROW_PRIV_H
#define NJ_STORAGE_DETECTION_ROW_PRIV_H

#include "storage/sql_priv.h"

#define NJ_DETECTION_COLUMNS                                                                       \
    "id, camera_id, batch_id, file_path, file_is_upload, media_type, object_type, confidence, x,"  \
    " y, width, height, picture_width, picture_height, track_id, video_offset_ms, detected_us,"    \
    " ended_us, created_us, model, source_key"

// Reads the columns above into a struct nj_detection_row.
extern const struct nj_sql_rows nj_detection_rows;

#endif
