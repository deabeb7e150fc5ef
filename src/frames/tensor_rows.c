// SPDX-License-Identifier: Apache-2.0
// Row loops of the tensor pass: vertical blend, horizontal resample, colour. Built at -O3.
#include "frames/tensor_priv.h"

#include "frames/kernel_priv.h"
#include "util/error.h"
#include "util/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// Up to this reduction two neighbours per axis are what networks are trained with; beyond it they
// skip samples, and small things flicker.
static const double BILINEAR_MAX_STEP = 2.0;

static void bilinear_taps(struct nj_taps *taps, const struct nj_taps_axis *axis)
{
    for (int32_t i = 0; i < axis->count; i++) {
        double at = axis->start + i * axis->step - 0.5;
        double limit = axis->length - 1;
        at = at < 0 ? 0 : at > limit ? limit : at;
        int32_t first = (int32_t)at;
        taps->first[i] = first;
        taps->weight[i] = (float)(at - first);
    }
}

static void shuffles_init(struct nj_taps *taps)
{
    uint8_t *to = taps->shuffles;
    for (int32_t i = 0; i + NJ_TAPS_GROUP <= taps->count; i += NJ_TAPS_GROUP)
        for (int32_t k = 0; k < NJ_TAPS_GROUP; k++)
            for (int32_t byte = 0; byte < 4; byte++)
                *to++ = (uint8_t)(2 * (taps->first[i + k] - taps->first[i]) + byte);
}

static void area_taps(struct nj_taps *taps, const struct nj_taps_axis *axis)
{
    for (int32_t i = 0; i < axis->count; i++) {
        double low = axis->start + (i - 0.5) * axis->step;
        double high = low + axis->step;
        int32_t first = (int32_t)floor(low);
        first = first > axis->length - taps->taps ? axis->length - taps->taps : first;
        first = first < 0 ? 0 : first;
        taps->first[i] = first;
        float *weight = &taps->weight[(size_t)i * (size_t)taps->taps];
        double sum = 0;
        for (int32_t k = 0; k < taps->taps; k++) {
            double from = fmax(low, first + k);
            double to = fmin(high, first + k + 1);
            double covered = to > from && first + k < axis->length ? to - from : 0;
            weight[k] = (float)covered;
            sum += covered;
        }
        if (sum <= 0) // an output wholly outside takes the edge
            weight[low < 0 || axis->length < taps->taps ? 0 : taps->taps - 1] = 1.0F;
        for (int32_t k = 0; sum > 0 && k < taps->taps; k++)
            weight[k] = (float)(weight[k] / sum);
    }
}

int nj_taps_init(struct nj_taps *taps, const struct nj_taps_axis *axis)
{
    bool area = axis->step > BILINEAR_MAX_STEP;
    taps->count = axis->count;
    taps->bilinear = !area;
    taps->taps = area ? (int32_t)ceil(axis->step) + 1 : 2;
    if (area && taps->taps > axis->length)
        taps->taps = axis->length;
    taps->first = nj_malloc_array((size_t)axis->count, sizeof(*taps->first));
    taps->weight = nj_malloc_array((size_t)axis->count * (size_t)taps->taps, sizeof(*taps->weight));
    taps->shuffles = area ? NULL : malloc((size_t)(axis->count / NJ_TAPS_GROUP) * 16 + 1);
    bool enough = taps->first && taps->weight;
    if (enough && area) {
        area_taps(taps, axis);
        return NJ_OK;
    }
    if (enough && taps->shuffles) {
        bilinear_taps(taps, axis);
        shuffles_init(taps);
        return NJ_OK;
    }
    nj_taps_finish(taps);
    return NJ_E_NOMEM;
}

void nj_taps_finish(struct nj_taps *taps)
{
    free(taps->first);
    free(taps->weight);
    free(taps->shuffles);
    *taps = (struct nj_taps){0};
}

void nj_taps_span(const struct nj_taps *taps, int32_t length, int32_t *low, int32_t *high)
{
    int32_t last = taps->first[taps->count - 1] + taps->taps;
    *low = taps->first[0];
    *high = last > length ? length : last;
}

NJ_KERNEL
static void blend_two(const uint8_t *upper, const uint8_t *lower, uint32_t weight, int32_t count,
                      uint16_t *restrict out)
{
    uint16_t below = (uint16_t)weight;
    uint16_t above = (uint16_t)(256 - weight);
    for (int32_t x = 0; x < count; x++)
        out[x] = (uint16_t)(upper[x] * above + lower[x] * below);
}

NJ_KERNEL
static void add_row(const uint8_t *row, uint32_t weight, int32_t count, uint32_t *sums)
{
    for (int32_t x = 0; x < count; x++)
        sums[x] += row[x] * weight;
}

NJ_KERNEL
static void narrow_sums(const uint32_t *sums, int32_t count, uint16_t *out)
{
    for (int32_t x = 0; x < count; x++)
        out[x] = (uint16_t)((sums[x] + 128) >> 8);
}

void nj_rows_blend(const struct nj_rows *rows, int32_t y, int32_t count, uint16_t *out)
{
    const struct nj_taps *taps = rows->taps;
    const uint8_t *row = rows->pixels + (ptrdiff_t)taps->first[y] * rows->stride;
    if (taps->bilinear) {
        uint32_t weight = (uint32_t)lrintf(taps->weight[y] * 256);
        // The row below the last one does not exist, and then has no weight.
        blend_two(row, weight ? row + rows->stride : row, weight, count, out);
        return;
    }
    memset(rows->sums, 0, (size_t)count * sizeof(*rows->sums));
    uint32_t left = 1U << 16; // rounded weights must not add up to more, or white would overflow
    const float *weights = &taps->weight[(size_t)y * (size_t)taps->taps];
    for (int32_t k = 0; k < taps->taps; k++) {
        uint32_t weight = (uint32_t)lrintf(weights[k] * (1 << 16));
        weight = weight > left ? left : weight;
        if (weight == 0)
            continue;
        left -= weight;
        add_row(row + (ptrdiff_t)k * rows->stride, weight, count, rows->sums);
    }
    narrow_sums(rows->sums, count, out);
}

static void collect_pairs(const uint16_t *row, int32_t step, const struct nj_taps *taps,
                          uint32_t *pairs)
{
    if (step == 1) {
        nj_row_pairs(row, taps, pairs);
        return;
    }
    for (int32_t i = 0; i < taps->count; i++) {
        const uint16_t *at = row + (ptrdiff_t)taps->first[i] * step;
        pairs[i] = (uint32_t)at[0] | (uint32_t)at[step] << 16;
    }
}

NJ_KERNEL
static void weigh_pairs(const uint32_t *restrict pairs, const float *restrict right_weight,
                        int32_t count, float *restrict out)
{
    for (int32_t i = 0; i < count; i++) {
        float left = (float)(int32_t)(pairs[i] & 0xffffU) * (1.0F / 256);
        float right = (float)(int32_t)(pairs[i] >> 16) * (1.0F / 256);
        out[i] = left + (right - left) * right_weight[i];
    }
}

void nj_row_resample(const uint16_t *row, int32_t step, const struct nj_taps *taps, uint32_t *pairs,
                     float *out)
{
    if (taps->bilinear) {
        collect_pairs(row, step, taps, pairs);
        weigh_pairs(pairs, taps->weight, taps->count, out);
        return;
    }
    for (int32_t i = 0; i < taps->count; i++) {
        const uint16_t *at = row + (ptrdiff_t)taps->first[i] * step;
        const float *weight = &taps->weight[(size_t)i * (size_t)taps->taps];
        float sum = 0;
        for (int32_t k = 0; k < taps->taps; k++)
            sum += (float)at[(ptrdiff_t)k * step] * weight[k];
        out[i] = sum * (1.0F / 256);
    }
}

static inline float clamp_level(float level)
{
    level = level < 0.0F ? 0.0F : level;
    return level > 255.0F ? 255.0F : level;
}

NJ_KERNEL
static void mix_planar(const struct nj_colour *colour, const float *const in[3], int32_t count,
                       float *const out[3])
{
    const struct nj_colour k = *colour;
    const float *restrict a = in[0];
    const float *restrict b = in[1];
    const float *restrict c = in[2];
    float *restrict first = out[0];
    float *restrict second = out[1];
    float *restrict third = out[2];
    NJ_KERNEL_LOOP
    for (ptrdiff_t i = 0; i < count; i++) {
        float x = a[i] * k.matrix[0][0] + b[i] * k.matrix[0][1] + c[i] * k.matrix[0][2];
        float y = a[i] * k.matrix[1][0] + b[i] * k.matrix[1][1] + c[i] * k.matrix[1][2];
        float z = a[i] * k.matrix[2][0] + b[i] * k.matrix[2][1] + c[i] * k.matrix[2][2];
        first[i] = clamp_level(x + k.bias[0]) * k.scale[0] + k.offset[0];
        second[i] = clamp_level(y + k.bias[1]) * k.scale[1] + k.offset[1];
        third[i] = clamp_level(z + k.bias[2]) * k.scale[2] + k.offset[2];
    }
}

NJ_KERNEL
static void mix_packed(const struct nj_colour *colour, const float *const in[3], int32_t count,
                       float *restrict out)
{
    const struct nj_colour k = *colour;
    const float *restrict a = in[0];
    const float *restrict b = in[1];
    const float *restrict c = in[2];
    NJ_KERNEL_LOOP
    for (ptrdiff_t i = 0; i < count; i++) {
        float x = a[i] * k.matrix[0][0] + b[i] * k.matrix[0][1] + c[i] * k.matrix[0][2];
        float y = a[i] * k.matrix[1][0] + b[i] * k.matrix[1][1] + c[i] * k.matrix[1][2];
        float z = a[i] * k.matrix[2][0] + b[i] * k.matrix[2][1] + c[i] * k.matrix[2][2];
        out[3 * i] = clamp_level(x + k.bias[0]) * k.scale[0] + k.offset[0];
        out[3 * i + 1] = clamp_level(y + k.bias[1]) * k.scale[1] + k.offset[1];
        out[3 * i + 2] = clamp_level(z + k.bias[2]) * k.scale[2] + k.offset[2];
    }
}

void nj_row_colour(const struct nj_colour *colour, const float *const in[3], int32_t count,
                   bool packed, float *const out[3])
{
    if (packed)
        mix_packed(colour, in, count, out[0]);
    else
        mix_planar(colour, in, count, out);
}
