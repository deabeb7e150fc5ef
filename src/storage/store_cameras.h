// SPDX-License-Identifier: Apache-2.0
// Table cameras: every source that has ever been seen.
#ifndef NJ_STORAGE_STORE_CAMERAS_H
#define NJ_STORAGE_STORE_CAMERAS_H

#include "storage/store.h"

enum { NJ_CAMERA_ID_SIZE = 65, NJ_CAMERA_NAME_SIZE = 256, NJ_STORE_PATH_SIZE = 4097 };

// How far ahead of our clock a capture time may lie: local times without an offset (EXIF) are off
// by less than a day. What lies further ahead is of a wrong clock; lists, batches and retention
// would wait for that time.
#define NJ_CAPTURE_AHEAD_MAX_US (24 * INT64_C(3600) * NJ_US_PER_S)

struct nj_camera_row {
    char id[NJ_CAMERA_ID_SIZE];     // [a-z0-9_]{1,64}
    char name[NJ_CAMERA_NAME_SIZE]; // as the folder or the configuration has it
    char kind[16];                  // "folder", "file", ...
    char status[16];                // "online", "offline", "error", "unknown"
    char reason[256];               // why not online; "" else
    nj_us created_us, last_seen_us; // wall
    nj_us picture_us; // capture time of the newest uploaded picture, wall; 0: there was none
};

struct nj_camera_identity {
    const char *id, *name, *kind;
};
// Makes the camera when it is not there; keeps an existing one. *out_created may be NULL.
int nj_cameras_ensure(struct nj_db *db, const struct nj_camera_identity *identity,
                      bool *out_created, struct nj_error *err);
struct nj_camera_picture {
    const char *path; // any bytes but NUL
    nj_us taken_us;   // capture time, wall
};
// Remembers that it was seen: last_seen moves forward only (unless it lies in the future, because
// the clock was set back), status becomes online. So does its newest picture when `picture` is not
// NULL: it replaces one that is not newer, or that lies too far ahead. NJ_E_NOT_FOUND.
int nj_cameras_touch(struct nj_db *db, const char *id, nj_us seen_us,
                     const struct nj_camera_picture *picture, struct nj_error *err);
// NJ_E_NOT_FOUND; NJ_E_INVALID for another status than the four.
int nj_cameras_set_status(struct nj_db *db, const char *id, const char *status, const char *reason,
                          struct nj_error *err);
int nj_cameras_get(struct nj_db *db, const char *id, struct nj_camera_row *out,
                   struct nj_error *err); // NJ_E_NOT_FOUND
// The newest uploaded picture, whether or not anything was recognised in it; its file may be gone.
// "" and 0 without one. NJ_E_NOT_FOUND: no such camera.
int nj_cameras_get_picture(struct nj_db *db, const char *id, char out_path[NJ_STORE_PATH_SIZE],
                           nj_us *out_taken_us, struct nj_error *err);
// All, by id; *out is malloc'd (free()).
int nj_cameras_list(struct nj_db *db, struct nj_camera_row **out, size_t *out_count,
                    struct nj_error *err);

#endif
