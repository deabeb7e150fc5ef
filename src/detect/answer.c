// SPDX-License-Identifier: Apache-2.0
// Reading detections from JSON.
#include "detect/answer_priv.h"

#include "util/json_reader.h"
#include "util/text.h"

#include <math.h>

static int32_t find_class(const struct nj_model *model, const char *name)
{
    for (int32_t i = 0; i < model->class_count; i++) {
        if (nj_text_equal_nocase(model->class_names[i], name))
            return i;
    }
    return -1;
}

static int read_box(const json_t *item, const struct nj_answer_place *place, struct nj_rect *out,
                    struct nj_error *err)
{
    static const char *const keys[] = {"x", "y", "width", "height"};
    const json_t *box = json_object_get(item, "bbox");
    double numbers[4] = {0};
    if (!json_is_object(box))
        return nj_error_set(err, NJ_E_INVALID, "\"bbox\" is missing or no object");
    for (size_t i = 0; i < 4; i++) {
        int rc = nj_json_get_number(box, keys[i], true, &numbers[i], err);
        if (rc != 0)
            return rc;
        if (!(fabs(numbers[i]) <= 1e6))
            return nj_error_set(err, NJ_E_INVALID, "\"%s\" is out of range", keys[i]);
    }
    *out = (struct nj_rect){.x = (float)numbers[0] * place->scale_x + place->origin_x,
                            .y = (float)numbers[1] * place->scale_y + place->origin_y,
                            .w = (float)numbers[2] * place->scale_x,
                            .h = (float)numbers[3] * place->scale_y};
    return 0;
}

int nj_answer_read(const json_t *list, const struct nj_model *model,
                   const struct nj_answer_place *place, struct nj_detections *out,
                   struct nj_error *err)
{
    if (!json_is_array(list))
        return nj_error_set(err, NJ_E_INVALID, "\"detections\" is missing or no list");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list) && count < NJ_DETECTIONS_MAX; i++) {
        const json_t *item = json_array_get(list, i);
        const char *name = NULL;
        double confidence = 0;
        struct nj_detection detection = {0};
        int rc = nj_json_get_text(item, "class", true, &name, err);
        rc = rc != 0 ? rc : nj_json_get_number(item, "confidence", true, &confidence, err);
        rc = rc != 0 ? rc : read_box(item, place, &detection.box, err);
        if (rc != 0)
            return rc;
        if (!(confidence >= 0 && confidence <= 1))
            return nj_error_set(err, NJ_E_INVALID, "\"confidence\" is not within 0 and 1");
        detection.class_id = find_class(model, name);
        detection.confidence = (float)confidence;
        if (detection.class_id >= 0)
            out->items[count++] = detection;
    }
    out->count = count;
    return 0;
}
