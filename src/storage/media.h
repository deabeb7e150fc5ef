// SPDX-License-Identifier: Apache-2.0
// Our own pictures on disk: best pictures of live tracks, thumbnails. Bounded by the watermark.
#ifndef NJ_STORAGE_MEDIA_H
#define NJ_STORAGE_MEDIA_H

#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_media; // explicitly thread-safe

// `folder` is created. `min_free` part of the disk (0..1) is left alone.
int nj_media_create(const char *folder, double min_free, struct nj_media **out,
                    struct nj_error *err);
void nj_media_destroy(struct nj_media *media); // accepts NULL

struct nj_media_picture {
    const char *camera_id; // [a-z0-9_]
    nj_us wall_us;         // capture time
    const void *bytes;     // JPEG, or PNG as below
    size_t length;
    bool png; // the name ends in .png
};
// Writes the bytes durably under a name made of camera, time and a number that never repeats;
// out_path gets the whole path. NJ_E_FULL below the watermark: the caller goes on without a
// picture.
int nj_media_write(struct nj_media *media, const struct nj_media_picture *picture, char *out_path,
                   size_t size, struct nj_error *err);
// Deletes a picture that no row names any more. Paths that are not below the folder are left alone:
// they are nobody's own. What a crash leaves is found by nj_retention_recover.
void nj_media_delete(struct nj_media *media, const char *path);

// The folder with all links resolved; paths of pictures begin with it.
const char *nj_media_folder(const struct nj_media *media);
// True while the watermark refuses pictures (health, page). Asks the disk.
bool nj_media_stopped(struct nj_media *media);

struct nj_media_stats {
    uint64_t written, refused, bytes; // since the creation
};
void nj_media_get_stats(struct nj_media *media, struct nj_media_stats *out);

#endif
