// SPDX-License-Identifier: Apache-2.0
// YOLOv5 and v7: rows of centre, size, objectness and classes, already in tensor pixels.
#include "detect/decoder_priv.h"

#include <stdio.h>

enum { BOX_VALUES = 5 };

static int check(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err)
{
    const int32_t columns = BOX_VALUES + model->class_count;
    if (info->output_count < 1 || !nj_shape_is_3(&info->outputs[0], -1, columns)) {
        char expected[NJ_SHAPE_TEXT_SIZE];
        snprintf(expected, sizeof expected, "[1, rows, %d] first", (int)columns);
        return nj_decoder_refuse(model, info, expected, err);
    }
    *out = (struct nj_decoder_layout){.rows = (int32_t)info->outputs[0].dims[1],
                                      .columns = columns,
                                      .width = model->input.width,
                                      .height = model->input.height,
                                      .class_count = model->class_count};
    return 0;
}

static void decode(const struct nj_decoder_layout *layout, const float *const *outputs,
                   float threshold, struct nj_candidates *out)
{
    const float *row = outputs[0];
    for (int32_t i = 0; i < layout->rows; i++, row += layout->columns) {
        if (!(row[4] >= threshold))
            continue;
        const float *classes = row + BOX_VALUES;
        int32_t best = 0;
        for (int32_t c = 1; c < layout->class_count; c++) {
            if (classes[c] > classes[best])
                best = c;
        }
        const float score = row[4] * classes[best];
        if (!(score >= threshold))
            continue;
        nj_candidates_add(out, (struct nj_candidate){.x0 = row[0] - row[2] / 2,
                                                     .y0 = row[1] - row[3] / 2,
                                                     .x1 = row[0] + row[2] / 2,
                                                     .y1 = row[1] + row[3] / 2,
                                                     .score = score,
                                                     .class_id = best});
    }
}

const struct nj_decoder nj_decoder_yolov5 = {.name = "yolov5", .check = check, .decode = decode};
