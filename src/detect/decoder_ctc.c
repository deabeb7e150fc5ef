// SPDX-License-Identifier: Apache-2.0
// Recognisers of the CTC kind: for each step across the line the likeliest character; repetitions
// are one, blanks part them.
#include "detect/decoder_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BLANK = 0 };

static int check(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err)
{
    const int32_t columns = 1 + model->alphabet_count + (model->space ? 1 : 0);
    if (info->output_count < 1 || !nj_shape_is_3(&info->outputs[0], -1, columns)) {
        char expected[NJ_SHAPE_TEXT_SIZE];
        snprintf(expected, sizeof expected, "[1, steps, %d] first", (int)columns);
        return nj_decoder_refuse(model, info, expected, err);
    }
    *out = (struct nj_decoder_layout){.rows = (int32_t)info->outputs[0].dims[1],
                                      .columns = columns,
                                      .width = model->input.width,
                                      .height = model->input.height,
                                      .model = model};
    return 0;
}

static int32_t find_best(const float *row, int32_t columns)
{
    int32_t best = BLANK;
    for (int32_t i = 0; i < columns; i++) {
        if (row[i] > row[best] || !isfinite(row[best]))
            best = i;
    }
    return best;
}

// How sure the network is of the likeliest class, 0..1.
static float probability(const struct nj_decoder_layout *layout, const float *row, int32_t best)
{
    float value = row[best];
    if (!isfinite(value))
        return 0;
    if (layout->model->softmax) {
        float sum = 0;
        for (int32_t i = 0; i < layout->columns; i++)
            sum += isfinite(row[i]) ? expf(row[i] - row[best]) : 0;
        value = 1 / sum; // the best adds 1: never zero
    }
    return value < 0 ? 0 : (value > 1 ? 1 : value);
}

static const char *label_of(const struct nj_model *model, int32_t class_id)
{
    return class_id <= model->alphabet_count ? model->alphabet[class_id - 1] : " ";
}

static void read_text(const struct nj_decoder_layout *layout, const float *values, int32_t steps,
                      struct nj_detections *out)
{
    size_t length = 0;
    int32_t before = BLANK;
    int count = 0;
    float sum = 0;
    const float *row = values;
    for (int32_t i = 0; i < steps; i++, row += layout->columns) {
        const int32_t best = find_best(row, layout->columns);
        const bool is_new = best != BLANK && best != before;
        before = best;
        if (!is_new)
            continue;
        const char *label = label_of(layout->model, best);
        const size_t size = strlen(label);
        if (length + size >= sizeof out->text)
            break;
        memcpy(out->text + length, label, size);
        length += size;
        sum += probability(layout, row, best);
        count++;
    }
    out->text[length] = '\0';
    out->text_confidence = count > 0 ? sum / (float)count : 0;
}

const struct nj_decoder nj_decoder_ctc = {
    .name = "ctc", .task = NJ_TASK_RECOGNISE, .check = check, .read = read_text};
