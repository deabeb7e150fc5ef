// SPDX-License-Identifier: Apache-2.0
// The payload of detection_queue: made by the folder source, read by the upload pipeline. Member
// names are those that other producers use; a path that is not UTF-8 travels as file_path_base64.
#ifndef NJ_SOURCES_UPLOAD_ITEM_H
#define NJ_SOURCES_UPLOAD_ITEM_H

#include "storage/store_detections.h"
#include "util/buf.h"
#include "util/digest.h"
#include "util/json_reader.h"

struct nj_upload_item {
    char camera_id[NJ_CAMERA_ID_SIZE];
    char file_path[NJ_STORE_PATH_SIZE]; // absolute, no "..", any bytes but NUL
    char media_type[8];                 // "image" or "video"
    char file_hash[NJ_SHA256_HEX_SIZE]; // SHA-256, hex; "" when unknown
    nj_us taken_us;                     // wall: EXIF or mtime, or arrival; "timestamp"
    nj_us pipeline_start_us;            // wall: when the file was first noticed
};

// Writes {"camera_id":...}. The buffer's own failure tells when it did not fit.
void nj_upload_item_to_json(const struct nj_upload_item *item, struct nj_buf *out);

// Checks every member by the rules of the queue (camera id [a-z0-9_-]{1,64}, absolute path without
// "..", known media type). NJ_E_INVALID names the member.
int nj_upload_item_from_json(const json_t *payload, struct nj_upload_item *out,
                             struct nj_error *err);

#endif
