// SPDX-License-Identifier: Apache-2.0
// Pixel loops of the motion gate.
#ifndef NJ_FRAMES_MOTION_PRIV_H
#define NJ_FRAMES_MOTION_PRIV_H

#include <stdint.h>

enum { NJ_MOTION_BLOCK_PX = 8 };

// Means of `blocks` 8x8 blocks whose upper row starts at `luma`. `columns` is scratch of
// 8 * blocks items.
void nj_motion_block_means(const uint8_t *luma, int32_t stride, int32_t blocks, uint16_t *columns,
                           float *means);

// Luma of packed R, G, B.
void nj_motion_luma_row(const uint8_t *rgb, int32_t count, uint8_t *luma);

// One item per block.
struct nj_motion_blocks {
    int32_t count;
    float *means;
    float *background;
    float *recent; // level that the block has had for age_s
    float *age_s;
    uint8_t *changed;
};

struct nj_motion_compare {
    float threshold;
    float shift;      // of the whole picture's light: no block's own change
    float still_rate; // how far the background follows, 0..1
    float moved_rate;
    float elapsed_s;
    float settle_s; // what kept its level so long belongs to the background
};
// changed[i] = 1 where a block differs from its background, which then moves towards it.
void nj_motion_compare_blocks(const struct nj_motion_compare *how,
                              const struct nj_motion_blocks *blocks);

#endif
