// SPDX-License-Identifier: Apache-2.0
// Resampling taps of one axis, and the row loops that apply them.
#ifndef NJ_FRAMES_TENSOR_PRIV_H
#define NJ_FRAMES_TENSOR_PRIV_H

#include <stdbool.h>
#include <stdint.h>

// Area: output i is the sum over k < taps of weight[i * taps + k] * input[first[i] + k], weights
// summing to 1. Bilinear (taps is 2): weight[i] is that of first[i] + 1, the rest is first[i]'s;
// first[i] + 1 may be one past the axis, with weight 0.
struct nj_taps {
    int32_t count; // outputs
    int32_t taps;
    bool bilinear;
    int32_t *first;
    float *weight;
    // Bilinear: per four outputs the 16 bytes that pick their pairs out of the eight 256ths at the
    // first one's place. Steps up to 2 always fit; the row is then read up to
    // NJ_TAPS_ROW_SLACK items past its end.
    uint8_t *shuffles;
};
enum { NJ_TAPS_GROUP = 4, NJ_TAPS_ROW_SLACK = 8 };

// Centre of output i lies at start + i * step - 0.5 in input samples. Steps up to 2 become
// bilinear, larger ones the mean over the area that an output sample covers.
struct nj_taps_axis {
    double start; // of output 0, already with its half step
    double step;
    int32_t length; // input samples, > 0
    int32_t count;  // outputs
};

int nj_taps_init(struct nj_taps *taps, const struct nj_taps_axis *axis);
void nj_taps_finish(struct nj_taps *taps);
// Input samples needed: [*low, *high).
void nj_taps_span(const struct nj_taps *taps, int32_t length, int32_t *low, int32_t *high);

// out[x] = 256 * (the column's samples weighed for output `y`), x < count. `pixels` is the first
// row of the plane, at the first column wanted. `sums` is scratch of count items.
struct nj_rows {
    const uint8_t *pixels;
    int32_t stride;
    const struct nj_taps *taps;
    uint32_t *sums;
};
void nj_rows_blend(const struct nj_rows *rows, int32_t y, int32_t count, uint16_t *out);

// Two 256ths per output: first[i] in the low half, its right neighbour in the high one.
void nj_row_pairs(const uint16_t *row, const struct nj_taps *taps, uint32_t *pairs);

// row: 256ths; `step` is the distance of neighbours (3 in packed RGB). out in levels 0..255.
// `pairs` is scratch of taps->count items.
void nj_row_resample(const uint16_t *row, int32_t step, const struct nj_taps *taps, uint32_t *pairs,
                     float *out);

// Levels of three components to three output channels: out_c = clamp(m_c . (a,b,c) + bias_c) *
// scale_c + offset_c, clamped to 0..255.
struct nj_colour {
    float matrix[3][3];
    float bias[3];
    float scale[3];
    float offset[3];
};
// `packed`: the three channels follow each other from out[0] on; else three planes.
void nj_row_colour(const struct nj_colour *colour, const float *const in[3], int32_t count,
                   bool packed, float *const out[3]);

#endif
