// SPDX-License-Identifier: Apache-2.0
// What the picture formats share inside the folder.
#ifndef NJ_FRAMES_PICTURE_PRIV_H
#define NJ_FRAMES_PICTURE_PRIV_H

#include "frames/picture.h"

#include <stdint.h>

struct nj_bytes {
    const uint8_t *data;
    size_t length;
};

// From EXIF's TIFF structure (without the "Exif\0\0" before it). Damaged or absent entries leave
// what `out` holds: a picture is not refused for its labels.
struct nj_exif {
    int orientation;     // 1..8
    nj_us taken_wall_us; // 0: unknown
};
void nj_exif_read(struct nj_bytes tiff, struct nj_exif *out);

// NJ_E_TOO_BIG when the header's size is beyond what may be decoded, NJ_E_CORRUPT for 0.
int nj_picture_check_size(int64_t width, int64_t height, const struct nj_picture_limits *limits,
                          struct nj_error *err);

// Memory that outlives one picture; its content never does.
struct nj_picture_scratch {
    uint8_t *bytes;
    size_t capacity;
};
// At least `length` bytes, NULL when memory is short. Invalidates what was there.
uint8_t *nj_picture_scratch_take(struct nj_picture_scratch *scratch, size_t length);

// One format. Both know nothing of orientation beyond reporting it; `out` of decode is as stored.
struct nj_picture_codec {
    const char *mime;
    bool (*is_mine)(struct nj_bytes bytes);
    int (*probe)(struct nj_bytes bytes, const struct nj_picture_limits *limits,
                 struct nj_picture_info *out, struct nj_error *err);
    int (*decode)(struct nj_picture_scratch *scratch, const struct nj_picture_request *request,
                  struct nj_frame **out, struct nj_exif *out_exif, struct nj_error *err);
};
extern const struct nj_picture_codec nj_picture_codec_jpeg;
extern const struct nj_picture_codec nj_picture_codec_png;

// *frame turned upright after EXIF's orientation 2..8; 1 leaves it. On failure *frame stays.
int nj_picture_orient(struct nj_frame **frame, int orientation);

// The planes of a frame that its maker still fills.
static inline uint8_t *nj_frame_plane(struct nj_frame *frame, int plane)
{
    return (uint8_t *)(uintptr_t)frame->planes[plane];
}

#endif
