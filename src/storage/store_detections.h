// SPDX-License-Identifier: Apache-2.0
// Table detections: an object seen in an upload, or a track of a live camera.
#ifndef NJ_STORAGE_STORE_DETECTIONS_H
#define NJ_STORAGE_STORE_DETECTIONS_H

#include "storage/store_cameras.h"

enum { NJ_CLASS_NAME_SIZE = 64, NJ_BATCH_ID_SIZE = 129 };

struct nj_detection_row {
    int64_t id; // 0 before insert
    char camera_id[NJ_CAMERA_ID_SIZE];
    char batch_id[NJ_BATCH_ID_SIZE]; // "" until batched
    char
        file_path[NJ_STORE_PATH_SIZE]; // picture or clip it was seen in; may hold any bytes but NUL
    bool file_is_upload;               // the user's file; else our own picture
    char media_type[8];                // "image", "video", "live"
    char object_type[NJ_CLASS_NAME_SIZE];
    double confidence;           // 0..1
    int32_t x, y, width, height; // pixels of the picture
    int32_t picture_width, picture_height;
    int64_t track_id;        // 0: not tracked
    int64_t video_offset_ms; // place in a clip; 0 else
    nj_us detected_us;       // capture time, wall
    nj_us ended_us;          // last seen (live tracks); = detected_us else
    nj_us created_us;        // row's own, wall
    char model[64];          // name of the model that saw it
    char source_key[96];     // unique per delivery: a repeated delivery changes nothing
};

// Sets row->id, and created_us when it is 0. A row whose source_key exists already is left alone:
// returns NJ_E_EXISTS, with the existing id in row->id.
int nj_detections_insert(struct nj_db *db, struct nj_detection_row *row, struct nj_error *err);
// By id; confidence, box, picture, class, ended_us and model (live tracks). A picture of our own
// that it replaces is the caller's to delete, once this is durable. NJ_E_NOT_FOUND.
int nj_detections_update(struct nj_db *db, const struct nj_detection_row *row,
                         struct nj_error *err);
int nj_detections_get(struct nj_db *db, int64_t id, struct nj_detection_row *out,
                      struct nj_error *err);

struct nj_detection_filter {
    const char *camera_id, *batch_id, *object_type; // NULL: any
    int64_t event_id;                               // 0: any
    double min_confidence;
    nj_us from_us, to_us; // 0: open
    nj_us before_us;      // cursor: rows before (detected_us, id)
    int64_t before_id;
    size_t limit; // 1..1000
};

// Newest first; *out is malloc'd (free()).
int nj_detections_list(struct nj_db *db, const struct nj_detection_filter *filter,
                       struct nj_detection_row **out, size_t *out_count, struct nj_error *err);
int nj_detections_count(struct nj_db *db, const struct nj_detection_filter *filter, int64_t *out,
                        struct nj_error *err);
// Highest track id of a camera, so that ids are never reused after a restart.
int nj_detections_last_track(struct nj_db *db, const char *camera_id, int64_t *out,
                             struct nj_error *err);

#endif
