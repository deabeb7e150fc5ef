// SPDX-License-Identifier: Apache-2.0
// Table cameras: every source that has ever been seen.
#ifndef NJ_STORAGE_STORE_CAMERAS_H
#define NJ_STORAGE_STORE_CAMERAS_H

#include "storage/store.h"

enum { NJ_CAMERA_ID_SIZE = 65, NJ_CAMERA_NAME_SIZE = 256 };

struct nj_camera_row {
    char id[NJ_CAMERA_ID_SIZE];     // [a-z0-9_]{1,64}
    char name[NJ_CAMERA_NAME_SIZE]; // as the folder or the configuration has it
    char kind[16];                  // "folder", "file", ...
    char status[16];                // "online", "offline", "error", "unknown"
    char reason[256];               // why not online; "" else
    nj_us created_us, last_seen_us; // wall
};

struct nj_camera_identity {
    const char *id, *name, *kind;
};
// Makes the camera when it is not there; keeps an existing one. *out_created may be NULL.
int nj_cameras_ensure(struct nj_db *db, const struct nj_camera_identity *identity,
                      bool *out_created, struct nj_error *err);
// Remembers that it was seen: last_seen moves forward only (unless it lies in the future, because
// the clock was set back), status becomes online. NJ_E_NOT_FOUND.
int nj_cameras_touch(struct nj_db *db, const char *id, nj_us seen_us, struct nj_error *err);
// NJ_E_NOT_FOUND; NJ_E_INVALID for another status than the four.
int nj_cameras_set_status(struct nj_db *db, const char *id, const char *status, const char *reason,
                          struct nj_error *err);
int nj_cameras_get(struct nj_db *db, const char *id, struct nj_camera_row *out,
                   struct nj_error *err); // NJ_E_NOT_FOUND
// All, by id; *out is malloc'd (free()).
int nj_cameras_list(struct nj_db *db, struct nj_camera_row **out, size_t *out_count,
                    struct nj_error *err);

#endif
