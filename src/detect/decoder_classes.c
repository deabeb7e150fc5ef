// SPDX-License-Identifier: Apache-2.0
// Classifiers: one value for each class, of the whole picture.
#include "detect/decoder_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// The values may stand in any of the shape's places: [1, n], [1, 1, 1, n], [1, n, 1, 1].
static bool is_row(const struct nj_engine_shape *shape, int64_t count)
{
    int64_t values = 1;
    for (size_t i = 1; i < shape->rank; i++) {
        if (shape->dims[i] != 1 && shape->dims[i] != count)
            return false;
        values *= shape->dims[i];
    }
    return shape->rank >= 2 && (shape->dims[0] == 1 || shape->dims[0] == -1) && values == count;
}

static int check(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err)
{
    const int32_t columns = model->label_offset + model->network_class_count;
    if (info->output_count < 1 || !is_row(&info->outputs[0], columns)) {
        char expected[NJ_SHAPE_TEXT_SIZE];
        snprintf(expected, sizeof expected, "[1, %d] first", (int)columns);
        return nj_decoder_refuse(model, info, expected, err);
    }
    *out = (struct nj_decoder_layout){.rows = 1,
                                      .columns = columns,
                                      .width = model->input.width,
                                      .height = model->input.height,
                                      .class_count = model->network_class_count,
                                      .model = model};
    return 0;
}

// Adds the probabilities of the network's classes to those of the reported ones.
static void gather(const struct nj_decoder_layout *layout, const float *values, float *out)
{
    const int32_t *map = layout->model->class_map;
    const float *first = values + layout->model->label_offset;
    memset(out, 0, sizeof *out * (size_t)layout->model->class_count);
    for (int32_t i = 0; i < layout->class_count; i++) {
        const int32_t id = map != NULL ? map[i] : i;
        if (id >= 0 && isfinite(first[i]))
            out[id] += first[i];
    }
}

static void decode(const struct nj_decoder_layout *layout, const float *const *outputs,
                   float threshold, struct nj_candidates *out)
{
    float probabilities[2 * NJ_MODEL_CLASSES_MAX]; // label_offset is within the same limit
    float sums[NJ_MODEL_CLASSES_MAX];
    const float *values = outputs[0];
    if (layout->model->softmax) {
        nj_decoder_softmax(values, (size_t)layout->columns, probabilities);
        values = probabilities;
    }
    gather(layout, values, sums);
    for (int32_t i = 0; i < layout->model->class_count; i++) {
        if (sums[i] >= threshold)
            nj_candidates_add(out, (struct nj_candidate){.x1 = (float)layout->width,
                                                         .y1 = (float)layout->height,
                                                         .score = sums[i],
                                                         .class_id = i});
    }
}

const struct nj_decoder nj_decoder_classes = {.name = "classes",
                                              .task = NJ_TASK_CLASSIFY,
                                              .suppressed = true,
                                              .check = check,
                                              .decode = decode};
