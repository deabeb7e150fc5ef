// SPDX-License-Identifier: Apache-2.0
// Our own pictures on disk: best pictures of live tracks, thumbnails. Bounded by the watermark.
#ifndef NJ_STORAGE_MEDIA_H
#define NJ_STORAGE_MEDIA_H

#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>

struct nj_media; // explicitly thread-safe

// `folder` is created. `min_free` part of the disk (0..1) is left alone.
int nj_media_create(const char *folder, double min_free, struct nj_media **out,
                    struct nj_error *err);
void nj_media_destroy(struct nj_media *media);

// Writes bytes under a name made of camera, time and a number; *out_path gets the whole path.
// NJ_E_FULL below the watermark: counted, the caller goes on without a picture.
int nj_media_write(struct nj_media *media, const char *camera_id, nj_us wall_us, const void *bytes,
                   size_t length, char *out_path, size_t size, struct nj_error *err);
const char *nj_media_folder(const struct nj_media *media);
// True while the watermark refuses pictures (health, page).
bool nj_media_stopped(struct nj_media *media);

#endif
