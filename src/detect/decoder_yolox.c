// SPDX-License-Identifier: Apache-2.0
// YOLOX: one row a grid cell, offsets and log sizes in units of the cell's stride.
#include "detect/decoder_priv.h"

#include "util/mem.h"

#include <math.h>
#include <stdio.h>

static const int32_t strides_px[] = {8, 16, 32};
enum { BOX_VALUES = 5 }; // x, y, log w, log h, objectness; the classes follow

static int check(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err)
{
    const int32_t width = model->input.width;
    const int32_t height = model->input.height;
    int64_t cells = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(strides_px); i++)
        cells += (int64_t)(width / strides_px[i]) * (height / strides_px[i]);
    const int32_t columns = BOX_VALUES + model->network_class_count;
    if (info->output_count != 1 || !nj_shape_is_3(&info->outputs[0], cells, columns)) {
        char expected[NJ_SHAPE_TEXT_SIZE];
        snprintf(expected, sizeof expected, "[1, %lld, %d]", (long long)cells, (int)columns);
        return nj_decoder_refuse(model, info, expected, err);
    }
    *out = (struct nj_decoder_layout){.rows = (int32_t)cells,
                                      .columns = columns,
                                      .width = width,
                                      .height = height,
                                      .class_count = model->network_class_count};
    return 0;
}

static void decode_cell(const struct nj_decoder_layout *layout, const float *row, float threshold,
                        const int32_t cell[3], struct nj_candidates *out)
{
    const float *classes = row + BOX_VALUES;
    int32_t best = 0;
    for (int32_t c = 1; c < layout->class_count; c++) {
        if (classes[c] > classes[best])
            best = c;
    }
    const float score = row[4] * classes[best];
    if (!(score >= threshold))
        return;
    const float stride = (float)cell[2];
    const float x = (row[0] + (float)cell[0]) * stride;
    const float y = (row[1] + (float)cell[1]) * stride;
    const float half_w = expf(row[2]) * stride / 2;
    const float half_h = expf(row[3]) * stride / 2;
    nj_candidates_add(out, (struct nj_candidate){.x0 = x - half_w,
                                                 .y0 = y - half_h,
                                                 .x1 = x + half_w,
                                                 .y1 = y + half_h,
                                                 .score = score,
                                                 .class_id = best});
}

static void decode(const struct nj_decoder_layout *layout, const float *const *outputs,
                   float threshold, struct nj_candidates *out)
{
    const float *row = outputs[0];
    for (size_t level = 0; level < NJ_COUNT_OF(strides_px); level++) {
        const int32_t stride = strides_px[level];
        const int32_t cells = (layout->width / stride) * (layout->height / stride);
        for (int32_t i = 0; i < cells; i++, row += layout->columns) {
            // A class score is at most 1: what is below the threshold here stays below it.
            if (!(row[4] >= threshold))
                continue;
            const int32_t across = layout->width / stride;
            decode_cell(layout, row, threshold, (int32_t[]){i % across, i / across, stride}, out);
        }
    }
}

const struct nj_decoder nj_decoder_yolox = {.name = "yolox", .check = check, .decode = decode};
