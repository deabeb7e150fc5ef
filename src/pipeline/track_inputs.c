// SPDX-License-Identifier: Apache-2.0
// From detections to what a tracker takes.
#include "pipeline/track_inputs_priv.h"

static int32_t group_of(const struct nj_model *model, int32_t class_id)
{
    const bool grouped = model->class_groups != NULL && class_id < model->class_count;
    return grouped ? model->class_groups[class_id] : class_id;
}

size_t nj_track_inputs_make(const struct nj_model *model, const struct nj_detections *found,
                            struct nj_track_input *out)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct nj_detection *item = &found->items[i];
        out[i] = (struct nj_track_input){
            .x = item->box.x,
            .y = item->box.y,
            .w = item->box.w,
            .h = item->box.h,
            .score = item->confidence,
            .class_id = item->class_id,
            .group = group_of(model, item->class_id),
        };
    }
    return found->count;
}
