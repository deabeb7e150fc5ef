// SPDX-License-Identifier: Apache-2.0
// The one pass from decoder planes into a network's input: crop, letterbox or stretch, colour,
// normalise, layout.
#ifndef NJ_FRAMES_TENSOR_H
#define NJ_FRAMES_TENSOR_H

#include "frames/frame.h"

#include <stdbool.h>
#include <stddef.h>

enum nj_tensor_fit {
    NJ_FIT_LETTERBOX_TOP_LEFT, // aspect kept, padding right and below
    NJ_FIT_LETTERBOX_CENTRE,
    NJ_FIT_STRETCH
};

struct nj_tensor_spec {
    int32_t width, height; // of the network's input
    enum nj_tensor_fit fit;
    bool bgr;       // channel order B, G, R instead of R, G, B
    bool nhwc;      // layout; false: NCHW
    float scale[3]; // out = pixel * scale + offset, in the output's channel order
    float offset[3];
    float pad; // pixel value 0..255 of the padding, before scale and offset
};

struct nj_rect {
    float x, y, w, h; // pixels
};

// How to get back: source = (tensor - shift) / factor + crop origin, in full_width/full_height
// pixels of the original picture.
struct nj_tensor_map {
    float factor_x, factor_y, shift_x, shift_y, origin_x, origin_y;
};

// Fills `out` (3 * width * height floats). `crop` in original pixels, NULL: whole picture; parts
// outside the picture are cut. NJ_E_INVALID for an empty crop. Bilinear, area-aware on reduction.
int nj_tensor_fill(const struct nj_frame *frame, const struct nj_rect *crop,
                   const struct nj_tensor_spec *spec, float *out, struct nj_tensor_map *out_map);

// A box from tensor pixels to original pixels, clipped to the picture.
struct nj_rect nj_tensor_unmap(const struct nj_tensor_map *map, struct nj_rect box,
                               const struct nj_frame *frame);

#endif
