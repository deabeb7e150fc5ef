// SPDX-License-Identifier: Apache-2.0
// What a file claims to be by its name, and what its first bytes say.
#ifndef NJ_SOURCES_MEDIA_KIND_PRIV_H
#define NJ_SOURCES_MEDIA_KIND_PRIV_H

#include <stdbool.h>
#include <stddef.h>

enum nj_media_kind { NJ_MEDIA_NONE, NJ_MEDIA_IMAGE, NJ_MEDIA_VIDEO };

// By the suffix, any case. Hidden names (a leading dot) are NJ_MEDIA_NONE: uploaders write them
// before they rename.
enum nj_media_kind nj_media_kind_of_name(const char *name);
const char *nj_media_kind_text(enum nj_media_kind kind); // "image", "video"

enum { NJ_MEDIA_MAGIC_BYTES = 12 };
// True for the containers we sample: MP4 and QuickTime, Matroska, AVI.
bool nj_media_is_video(const void *bytes, size_t length);

#endif
