// SPDX-License-Identifier: Apache-2.0
// Row loops of straightening: projective sampling, rounding. Built at -O3.
#include "frames/straighten_priv.h"

#include "frames/kernel_priv.h"

static inline float clamp(float value, float most)
{
    const float low = value > 0 ? value : 0;
    return low < most ? low : most;
}

NJ_KERNEL
void nj_warp_row(const struct nj_warp_source *source, const struct nj_warp_row *row, int32_t count,
                 uint8_t *out)
{
    const float last_x = (float)(source->width - 1);
    const float last_y = (float)(source->height - 1);
    const ptrdiff_t line = 3 * (ptrdiff_t)source->width;
    for (int32_t i = 0; i < count; i++) {
        const float w = row->w + (float)i * row->dw;
        const float x = clamp((row->x + (float)i * row->dx) / w, last_x);
        const float y = clamp((row->y + (float)i * row->dy) / w, last_y);
        const int32_t left = (int32_t)x;
        const int32_t top = (int32_t)y;
        const float right_part = x - (float)left;
        const float lower_part = y - (float)top;
        // The last column and row have no neighbour, and give it no weight.
        const ptrdiff_t across = left + 1 < source->width ? 3 : 0;
        const ptrdiff_t down = top + 1 < source->height ? line : 0;
        const float *at = source->pixels + top * line + 3 * (ptrdiff_t)left;
        for (int channel = 0; channel < 3; channel++) {
            const float upper = at[channel] + right_part * (at[across + channel] - at[channel]);
            const float lower = at[down + channel] +
                                right_part * (at[down + across + channel] - at[down + channel]);
            out[3 * i + channel] = (uint8_t)(upper + lower_part * (lower - upper) + 0.5F);
        }
    }
}

NJ_KERNEL
void nj_levels_to_bytes(const float *levels, size_t count, uint8_t *out)
{
    NJ_KERNEL_LOOP
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(int32_t)(levels[i] + 0.5F);
}
