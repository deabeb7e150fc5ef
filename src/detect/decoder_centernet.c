// SPDX-License-Identifier: Apache-2.0
// CenterNet: a heat map of object centres for each class, and the distances to the four sides.
#include "detect/decoder_priv.h"

#include <stdio.h>

enum { STRIDE_PX = 4, SIDES = 4, BLOCK = 16 };

static bool is_grid(const struct nj_engine_shape *shape, const struct nj_model *model,
                    int64_t values)
{
    return shape->rank == 4 && (shape->dims[0] == 1 || shape->dims[0] == -1) &&
           shape->dims[1] == model->input.height / STRIDE_PX &&
           shape->dims[2] == model->input.width / STRIDE_PX && shape->dims[3] == values;
}

static int check(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err)
{
    size_t scores = NJ_ENGINE_OUTPUTS_MAX;
    size_t boxes = NJ_ENGINE_OUTPUTS_MAX;
    for (size_t i = 0; i < info->output_count; i++) {
        // A model of four classes has two outputs of one shape: heat first.
        if (scores == NJ_ENGINE_OUTPUTS_MAX &&
            is_grid(&info->outputs[i], model, model->network_class_count))
            scores = i;
        else if (boxes == NJ_ENGINE_OUTPUTS_MAX && is_grid(&info->outputs[i], model, SIDES))
            boxes = i;
    }
    const int height = model->input.height / STRIDE_PX;
    const int width = model->input.width / STRIDE_PX;
    if (scores == NJ_ENGINE_OUTPUTS_MAX || boxes == NJ_ENGINE_OUTPUTS_MAX) {
        char expected[NJ_SHAPE_TEXT_SIZE];
        snprintf(expected, sizeof expected, "[1, %d, %d, %d] and [1, %d, %d, 4]", height, width,
                 (int)model->network_class_count, height, width);
        return nj_decoder_refuse(model, info, expected, err);
    }
    *out = (struct nj_decoder_layout){.boxes = boxes,
                                      .scores = scores,
                                      .rows = height,
                                      .columns = width,
                                      .width = model->input.width,
                                      .height = model->input.height,
                                      .class_count = model->network_class_count};
    return 0;
}

// A cell is a peak when none of its eight neighbours has more heat of the same class.
static bool is_peak(const struct nj_decoder_layout *layout, const float *heat,
                    const int32_t place[3])
{
    const int32_t y = place[0];
    const int32_t x = place[1];
    const size_t classes = (size_t)layout->class_count;
    const float *plane = heat + place[2];
    const float centre = plane[((size_t)y * (size_t)layout->columns + (size_t)x) * classes];
    for (int32_t row = y > 0 ? y - 1 : 0; row <= y + 1 && row < layout->rows; row++) {
        for (int32_t column = x > 0 ? x - 1 : 0; column <= x + 1 && column < layout->columns;
             column++) {
            if (plane[((size_t)row * (size_t)layout->columns + (size_t)column) * classes] > centre)
                return false;
        }
    }
    return true;
}

static void decode_cell(const struct nj_decoder_layout *layout, const float *const *outputs,
                        float threshold, const int32_t cell[2], struct nj_candidates *out)
{
    const size_t index = (size_t)cell[0] * (size_t)layout->columns + (size_t)cell[1];
    const float *heat = outputs[layout->scores] + index * (size_t)layout->class_count;
    const float *sides = outputs[layout->boxes] + index * SIDES;
    const float x = (float)(cell[1] * STRIDE_PX);
    const float y = (float)(cell[0] * STRIDE_PX);
    for (int32_t c = 0; c < layout->class_count; c++) {
        if (!(heat[c] >= threshold) ||
            !is_peak(layout, outputs[layout->scores], (int32_t[]){cell[0], cell[1], c}))
            continue;
        nj_candidates_add(out, (struct nj_candidate){.x0 = x - sides[0],
                                                     .y0 = y - sides[1],
                                                     .x1 = x + sides[2],
                                                     .y1 = y + sides[3],
                                                     .score = heat[c],
                                                     .class_id = c});
    }
}

static bool cell_has(const float *heat, int32_t count, float threshold)
{
    int hits = 0;
    int32_t i = 0;
    for (; i + BLOCK <= count; i += BLOCK) {
        for (int k = 0; k < BLOCK; k++)
            hits += heat[i + k] >= threshold;
    }
    for (; i < count; i++)
        hits += heat[i] >= threshold;
    return hits > 0;
}

static void decode(const struct nj_decoder_layout *layout, const float *const *outputs,
                   float threshold, struct nj_candidates *out)
{
    const float *heat = outputs[layout->scores];
    for (int32_t y = 0; y < layout->rows; y++) {
        for (int32_t x = 0; x < layout->columns; x++, heat += layout->class_count) {
            if (cell_has(heat, layout->class_count, threshold))
                decode_cell(layout, outputs, threshold, (int32_t[]){y, x}, out);
        }
    }
}

const struct nj_decoder nj_decoder_centernet = {
    .name = "centernet", .check = check, .decode = decode};
