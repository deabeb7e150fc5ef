// SPDX-License-Identifier: Apache-2.0
// Networks that suppress doubles themselves: rows of corners, score and class.
#include "detect/decoder_priv.h"

enum { COLUMNS = 6 };

static int check(const struct nj_model *model, const struct nj_engine_info *info,
                 struct nj_decoder_layout *out, struct nj_error *err)
{
    if (info->output_count < 1 || !nj_shape_is_3(&info->outputs[0], -1, COLUMNS))
        return nj_decoder_refuse(model, info, "[1, rows, 6] first", err);
    *out = (struct nj_decoder_layout){.rows = (int32_t)info->outputs[0].dims[1],
                                      .columns = COLUMNS,
                                      .width = model->input.width,
                                      .height = model->input.height,
                                      .class_count = model->network_class_count};
    return 0;
}

static void decode(const struct nj_decoder_layout *layout, const float *const *outputs,
                   float threshold, struct nj_candidates *out)
{
    const float *row = outputs[0];
    for (int32_t i = 0; i < layout->rows; i++, row += COLUMNS) {
        // A class is a whole number in a float; the comparison refuses NaN as well.
        if (!(row[4] >= threshold) || !(row[5] >= 0 && row[5] < (float)layout->class_count))
            continue;
        nj_candidates_add(out, (struct nj_candidate){.x0 = row[0],
                                                     .y0 = row[1],
                                                     .x1 = row[2],
                                                     .y1 = row[3],
                                                     .score = row[4],
                                                     .class_id = (int32_t)row[5]});
    }
}

const struct nj_decoder nj_decoder_end_to_end = {
    .name = "end_to_end", .suppressed = true, .check = check, .decode = decode};
