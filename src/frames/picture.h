// SPDX-License-Identifier: Apache-2.0
// Pictures from strangers: JPEG (baseline, progressive, grey, CMYK) and PNG (8 and 16 bit) into
// frames, upright after EXIF; and JPEG out.
#ifndef NJ_FRAMES_PICTURE_H
#define NJ_FRAMES_PICTURE_H

#include "config/options.h"
#include "frames/frame.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>

struct nj_picture_limits {
    int64_t max_bytes;      // of the file
    int64_t max_megapixels; // of the header's size, before anything is decoded
};

extern const struct nj_option_group nj_picture_option_group; // group "picture"

struct nj_picture_info {
    int32_t width, height; // as stored
    int orientation;       // EXIF 1..8; 1 when absent
    nj_us taken_wall_us;   // EXIF DateTimeOriginal (OffsetTimeOriginal, else local); 0: absent
    const char *mime;      // "image/jpeg", "image/png"; static
};

// Header only. NJ_E_INVALID: no picture of a known kind; NJ_E_TOO_BIG: beyond the limits;
// NJ_E_CORRUPT: damaged; NJ_E_UNSUPPORTED: a JPEG of a kind no camera makes (lossless, 12 bits).
int nj_picture_probe(const void *bytes, size_t length, const struct nj_picture_limits *limits,
                     struct nj_picture_info *out, struct nj_error *err);

// Whether a damaged picture lacks its end, as what is left of a broken upload does: nothing but
// zeros may come behind JPEG's end marker and PNG's IEND.
bool nj_picture_is_cut(const void *bytes, size_t length);

struct nj_picture_request {
    const void *bytes; // the file's; only borrowed
    size_t length;
    const struct nj_picture_limits *limits;
    int32_t least_width, least_height; // decoding may scale down (JPEG by halves) but not below
                                       // the size at which the picture fits this box; 0: full size
    bool strict; // a truncated picture is NJ_E_CORRUPT instead of grey at its end
};

// Reusable decoder state of one thread.
struct nj_picture_decoder;
int nj_picture_decoder_create(struct nj_picture_decoder **out);
void nj_picture_decoder_destroy(struct nj_picture_decoder *decoder);

// The caller owns *out. captured_wall_us is EXIF's or 0. Errors as nj_picture_probe.
int nj_picture_decode(struct nj_picture_decoder *decoder, const struct nj_picture_request *request,
                      struct nj_frame **out, struct nj_error *err);

struct nj_picture_encode {
    int quality;                   // 1..100
    int32_t max_width, max_height; // scaled down to fit, never up; 0: as it is
};

// JPEG bytes owned by the caller (free()). Limited-range and RGB frames are converted.
int nj_picture_encode_jpeg(const struct nj_frame *frame, const struct nj_picture_encode *request,
                           void **out, size_t *out_length, struct nj_error *err);
// PNG bytes of an RGB24 frame, owned by the caller (free()). NJ_E_UNSUPPORTED for other formats.
int nj_picture_encode_png(const struct nj_frame *frame, void **out, size_t *out_length,
                          struct nj_error *err);

#endif
