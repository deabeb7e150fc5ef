// SPDX-License-Identifier: Apache-2.0
// YOLOv5 and v7: rows of centre, size, objectness and classes, already in tensor pixels; and the
// kind that has four landmarks between objectness and classes.
#include "detect/decoder_priv.h"

#include <stdio.h>

#include <math.h>

enum { BOX_VALUES = 5, POINT_VALUES = 2 * NJ_MODEL_POINTS };

static int check_columns(const struct nj_model *model, const struct nj_engine_info *info,
                         int32_t columns, struct nj_decoder_layout *out, struct nj_error *err)
{
    if (info->output_count < 1 || !nj_shape_is_3(&info->outputs[0], -1, columns)) {
        char expected[NJ_SHAPE_TEXT_SIZE];
        snprintf(expected, sizeof expected, "[1, rows, %d] first", (int)columns);
        return nj_decoder_refuse(model, info, expected, err);
    }
    *out = (struct nj_decoder_layout){.rows = (int32_t)info->outputs[0].dims[1],
                                      .columns = columns,
                                      .width = model->input.width,
                                      .height = model->input.height,
                                      .class_count = model->network_class_count,
                                      .model = model};
    return 0;
}

static int check(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err)
{
    return check_columns(model, info, BOX_VALUES + model->network_class_count, out, err);
}

static int check_points(const struct nj_model *model, const struct nj_engine_info *info,
                        struct nj_decoder_layout *out, struct nj_error *err)
{
    return check_columns(model, info, BOX_VALUES + POINT_VALUES + model->network_class_count, out,
                         err);
}

static void decode_rows(const struct nj_decoder_layout *layout, const float *const *outputs,
                        float threshold, struct nj_candidates *out)
{
    const int32_t first = layout->columns - layout->class_count;
    const float *row = outputs[0];
    for (int32_t i = 0; i < layout->rows; i++, row += layout->columns) {
        if (!(row[4] >= threshold))
            continue;
        const float *classes = row + first;
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
                                                     .class_id = best,
                                                     .row = i});
    }
}

static bool find_points(const struct nj_decoder_layout *layout, const float *const *outputs,
                        const struct nj_candidate *candidate, float out[NJ_MODEL_POINTS][2])
{
    const float *points =
        outputs[0] + (size_t)candidate->row * (size_t)layout->columns + BOX_VALUES;
    for (size_t i = 0; i < NJ_MODEL_POINTS; i++) {
        const float *point = points + (ptrdiff_t)2 * layout->model->point_order[i];
        if (!isfinite(point[0]) || !isfinite(point[1]))
            return false;
        out[i][0] = point[0];
        out[i][1] = point[1];
    }
    return true;
}

const struct nj_decoder nj_decoder_yolov5 = {
    .name = "yolov5", .check = check, .decode = decode_rows};

const struct nj_decoder nj_decoder_yolov5_points = {.name = "yolov5_points",
                                                    .check = check_points,
                                                    .decode = decode_rows,
                                                    .find_points = find_points};
