// SPDX-License-Identifier: Apache-2.0
// YOLOv8 and 11: transposed, one plane of values for each box number and class, no objectness.
#include "detect/decoder_priv.h"

#include <stdio.h>

enum { BOX_PLANES = 4, BLOCK = 16 };

static int check(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err)
{
    const int32_t planes = BOX_PLANES + model->network_class_count;
    if (info->output_count < 1 || !nj_shape_is_3(&info->outputs[0], planes, -1)) {
        char expected[NJ_SHAPE_TEXT_SIZE];
        snprintf(expected, sizeof expected, "[1, %d, columns] first", (int)planes);
        return nj_decoder_refuse(model, info, expected, err);
    }
    *out = (struct nj_decoder_layout){.rows = planes,
                                      .columns = (int32_t)info->outputs[0].dims[2],
                                      .width = model->input.width,
                                      .height = model->input.height,
                                      .class_count = model->network_class_count};
    return 0;
}

// True when no other class of this anchor is surer (of equals, the first counts).
static bool is_best(const float *scores, const struct nj_decoder_layout *layout, int32_t class_id,
                    int32_t anchor)
{
    const size_t columns = (size_t)layout->columns;
    const float score = scores[(size_t)class_id * columns + (size_t)anchor];
    for (int32_t c = 0; c < layout->class_count; c++) {
        const float other = scores[(size_t)c * columns + (size_t)anchor];
        if (other > score || (other == score && c < class_id))
            return false;
    }
    return true;
}

static void add(const struct nj_decoder_layout *layout, const float *values, float score,
                const int32_t place[2], struct nj_candidates *out)
{
    const size_t columns = (size_t)layout->columns;
    const float *at = values + place[1];
    const float half_w = at[2 * columns] / 2;
    const float half_h = at[3 * columns] / 2;
    nj_candidates_add(out, (struct nj_candidate){.x0 = at[0] - half_w,
                                                 .y0 = at[columns] - half_h,
                                                 .x1 = at[0] + half_w,
                                                 .y1 = at[columns] + half_h,
                                                 .score = score,
                                                 .class_id = place[0]});
}

static bool block_has(const float *values, float threshold)
{
    int hits = 0;
    for (int i = 0; i < BLOCK; i++)
        hits += values[i] >= threshold;
    return hits > 0;
}

static void decode(const struct nj_decoder_layout *layout, const float *const *outputs,
                   float threshold, struct nj_candidates *out)
{
    const float *values = outputs[0];
    const float *scores = values + (size_t)BOX_PLANES * (size_t)layout->columns;
    for (int32_t c = 0; c < layout->class_count; c++) {
        const float *plane = scores + (size_t)c * (size_t)layout->columns;
        for (int32_t i = 0; i < layout->columns; i++) {
            // Nearly everything is below: skip it sixteen at a time.
            if (i % BLOCK == 0 && i + BLOCK <= layout->columns &&
                !block_has(plane + i, threshold)) {
                i += BLOCK - 1;
                continue;
            }
            if (plane[i] >= threshold && is_best(scores, layout, c, i))
                add(layout, values, plane[i], (int32_t[]){c, i}, out);
        }
    }
}

const struct nj_decoder nj_decoder_yolov8 = {.name = "yolov8", .check = check, .decode = decode};
