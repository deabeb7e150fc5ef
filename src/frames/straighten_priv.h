// SPDX-License-Identifier: Apache-2.0
// Row loops of straightening.
#ifndef NJ_FRAMES_STRAIGHTEN_PRIV_H
#define NJ_FRAMES_STRAIGHTEN_PRIV_H

#include <stddef.h>
#include <stdint.h>

// Where one output row lies: pixel i at (x + i * dx, y + i * dy) / (w + i * dw), in samples of the
// source whose first centre is at 0.
struct nj_warp_row {
    float x, dx, y, dy, w, dw;
};

struct nj_warp_source {
    const float *pixels; // R, G, B, levels 0..255, rows without gaps
    int32_t width, height;
};

// `count` pixels of three bytes, bilinear; beyond the source its edge.
void nj_warp_row(const struct nj_warp_source *source, const struct nj_warp_row *row, int32_t count,
                 uint8_t *out);

// Levels to bytes, rounded.
void nj_levels_to_bytes(const float *levels, size_t count, uint8_t *out);

#endif
