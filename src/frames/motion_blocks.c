// SPDX-License-Identifier: Apache-2.0
// Block means and their comparison. Built at -O3.
#include "frames/motion_priv.h"

#include "frames/kernel_priv.h"

#include <stddef.h>
#include <math.h>

NJ_KERNEL
static void sum_columns(const uint8_t *restrict luma, int32_t stride, int32_t count,
                        uint16_t *restrict sums)
{
    const uint8_t *row[NJ_MOTION_BLOCK_PX];
    for (ptrdiff_t i = 0; i < NJ_MOTION_BLOCK_PX; i++)
        row[i] = luma + i * stride;
    NJ_KERNEL_LOOP
    for (int32_t x = 0; x < count; x++)
        sums[x] = (uint16_t)(row[0][x] + row[1][x] + row[2][x] + row[3][x] + row[4][x] + row[5][x] +
                             row[6][x] + row[7][x]);
}

void nj_motion_block_means(const uint8_t *luma, int32_t stride, int32_t blocks, uint16_t *columns,
                           float *means)
{
    sum_columns(luma, stride, blocks * NJ_MOTION_BLOCK_PX, columns);
    for (int32_t i = 0; i < blocks; i++, columns += NJ_MOTION_BLOCK_PX) {
        int sum = columns[0] + columns[1] + columns[2] + columns[3] + columns[4] + columns[5] +
                  columns[6] + columns[7];
        means[i] = (float)sum * (1.0F / (NJ_MOTION_BLOCK_PX * NJ_MOTION_BLOCK_PX));
    }
}

NJ_KERNEL
void nj_motion_luma_row(const uint8_t *rgb, int32_t count, uint8_t *luma)
{
    for (ptrdiff_t x = 0; x < count; x++)
        luma[x] = (uint8_t)((77 * rgb[3 * x] + 150 * rgb[3 * x + 1] + 29 * rgb[3 * x + 2]) >> 8);
}

NJ_KERNEL
void nj_motion_compare_blocks(const struct nj_motion_compare *how,
                              const struct nj_motion_blocks *blocks)
{
    const struct nj_motion_compare k = *how;
    const float *restrict means = blocks->means;
    float *restrict background = blocks->background;
    float *restrict recent = blocks->recent;
    float *restrict age_s = blocks->age_s;
    uint8_t *restrict changed = blocks->changed;
    NJ_KERNEL_LOOP
    for (int32_t i = 0; i < blocks->count; i++) {
        float mean = means[i];
        float difference = mean - background[i];
        int stirs = fabsf(mean - recent[i]) > k.threshold * 0.5F;
        float age = stirs ? 0.0F : age_s[i] + k.elapsed_s;
        int differs = fabsf(difference - k.shift) > k.threshold;
        int settled = age >= k.settle_s;
        float rate = differs ? k.moved_rate : k.still_rate;
        rate = differs & settled ? 1.0F : rate;
        recent[i] = stirs ? mean : recent[i];
        age_s[i] = age;
        background[i] += difference * rate;
        changed[i] = (uint8_t)(differs & !settled);
    }
}
