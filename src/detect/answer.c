// SPDX-License-Identifier: Apache-2.0
// Reading detections from JSON.
#include "detect/answer_priv.h"

#include "util/json_reader.h"
#include "util/text.h"

#include <math.h>

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

static int read_points(const json_t *item, const struct nj_answer_place *place,
                       struct nj_detection *out, struct nj_error *err)
{
    const json_t *points = json_object_get(item, "points");
    if (points == NULL)
        return 0;
    if (json_array_size(points) != NJ_DETECTION_POINTS_MAX)
        return nj_error_set(err, NJ_E_INVALID, "\"points\" must be a list of %d",
                            NJ_DETECTION_POINTS_MAX);
    for (size_t i = 0; i < NJ_DETECTION_POINTS_MAX; i++) {
        double x = 0;
        double y = 0;
        int rc = nj_json_get_number(json_array_get(points, i), "x", true, &x, err);
        rc = rc != 0 ? rc : nj_json_get_number(json_array_get(points, i), "y", true, &y, err);
        if (rc != 0)
            return rc;
        if (!(fabs(x) <= 1e6 && fabs(y) <= 1e6))
            return nj_error_set(err, NJ_E_INVALID, "\"points\": %zu is out of range", i);
        out->points[i][0] = (float)x * place->scale_x + place->origin_x;
        out->points[i][1] = (float)y * place->scale_y + place->origin_y;
    }
    out->point_count = NJ_DETECTION_POINTS_MAX;
    return 0;
}

static int read_confidence(const json_t *item, float *out, struct nj_error *err)
{
    double confidence = 0;
    int rc = nj_json_get_number(item, "confidence", true, &confidence, err);
    if (rc != 0)
        return rc;
    if (!(confidence >= 0 && confidence <= 1))
        return nj_error_set(err, NJ_E_INVALID, "\"confidence\" is not within 0 and 1");
    *out = (float)confidence;
    return 0;
}

static int read_text(const json_t *item, const struct nj_model *model, struct nj_detections *out,
                     struct nj_error *err)
{
    const char *text = NULL;
    float confidence = 0;
    int rc = nj_json_get_text(item, "text", true, &text, err);
    rc = rc != 0 ? rc : read_confidence(item, &confidence, err);
    if (rc == 0 && model->task == NJ_TASK_RECOGNISE && out->text[0] == '\0') {
        nj_text_copy(out->text, sizeof out->text, text);
        out->text_confidence = confidence;
    }
    return rc;
}

static int read_item(const json_t *item, const struct nj_model *model,
                     const struct nj_answer_place *place, struct nj_detections *out,
                     struct nj_error *err)
{
    if (json_object_get(item, "text") != NULL && json_object_get(item, "class") == NULL)
        return read_text(item, model, out, err);
    const char *name = NULL;
    struct nj_detection detection = {0};
    int rc = nj_json_get_text(item, "class", true, &name, err);
    rc = rc != 0 ? rc : read_confidence(item, &detection.confidence, err);
    rc = rc != 0 ? rc : read_box(item, place, &detection.box, err);
    rc = rc != 0 ? rc : read_points(item, place, &detection, err);
    if (rc != 0)
        return rc;
    detection.class_id = nj_model_class(model, name);
    if (detection.class_id >= 0)
        out->items[out->count++] = detection;
    return 0;
}

int nj_answer_read(const json_t *list, const struct nj_model *model,
                   const struct nj_answer_place *place, struct nj_detections *out,
                   struct nj_error *err)
{
    if (!json_is_array(list))
        return nj_error_set(err, NJ_E_INVALID, "\"detections\" is missing or no list");
    out->count = 0;
    out->text[0] = '\0';
    out->text_confidence = 0;
    for (size_t i = 0; i < json_array_size(list) && out->count < NJ_DETECTIONS_MAX; i++) {
        int rc = read_item(json_array_get(list, i), model, place, out, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}
