// SPDX-License-Identifier: Apache-2.0
// What the output decoders share: the table, the heap of candidates, shape texts.
#include "detect/decoder_priv.h"

#include <math.h>
#include <stdio.h>

// Beyond this a coordinate is noise; it also keeps areas finite.
static const float coordinate_limit_px = 1e6F;

const struct nj_decoder *const nj_decoders[NJ_DECODER_COUNT] = {
    [NJ_DECODER_YOLOX] = &nj_decoder_yolox,
    [NJ_DECODER_CENTERNET] = &nj_decoder_centernet,
    [NJ_DECODER_YOLOV5] = &nj_decoder_yolov5,
    [NJ_DECODER_YOLOV8] = &nj_decoder_yolov8,
    [NJ_DECODER_END_TO_END] = &nj_decoder_end_to_end,
    [NJ_DECODER_YOLOV5_POINTS] = &nj_decoder_yolov5_points,
    [NJ_DECODER_CLASSES] = &nj_decoder_classes,
    [NJ_DECODER_CTC] = &nj_decoder_ctc,
};

static void swap(struct nj_candidate *a, struct nj_candidate *b)
{
    struct nj_candidate keep = *a;
    *a = *b;
    *b = keep;
}

static void sift_up(struct nj_candidate *items, size_t index)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (items[parent].score <= items[index].score)
            return;
        swap(&items[parent], &items[index]);
        index = parent;
    }
}

static void sift_down(struct nj_candidate *items, size_t count)
{
    size_t index = 0;
    for (;;) {
        size_t least = index;
        for (size_t child = 2 * index + 1; child <= 2 * index + 2 && child < count; child++) {
            if (items[child].score < items[least].score)
                least = child;
        }
        if (least == index)
            return;
        swap(&items[least], &items[index]);
        index = least;
    }
}

static bool is_box(const struct nj_candidate *c)
{
    // Written so that every comparison with NaN is false.
    return c->x1 > c->x0 && c->y1 > c->y0 && fabsf(c->x0) < coordinate_limit_px &&
           fabsf(c->y0) < coordinate_limit_px && fabsf(c->x1) < coordinate_limit_px &&
           fabsf(c->y1) < coordinate_limit_px && c->score > 0 && isfinite(c->score);
}

void nj_candidates_add(struct nj_candidates *candidates, struct nj_candidate candidate)
{
    if (!is_box(&candidate))
        return;
    if (candidate.score > 1)
        candidate.score = 1;
    if (candidates->count < NJ_CANDIDATES_MAX) {
        candidates->items[candidates->count] = candidate;
        sift_up(candidates->items, candidates->count++);
    } else if (candidate.score > candidates->items[0].score) {
        candidates->items[0] = candidate;
        sift_down(candidates->items, candidates->count);
    }
}

void nj_shape_text(const struct nj_engine_shape *shape, char out[NJ_SHAPE_TEXT_SIZE])
{
    size_t at = (size_t)snprintf(out, NJ_SHAPE_TEXT_SIZE, "[");
    for (size_t i = 0; i < shape->rank && at < NJ_SHAPE_TEXT_SIZE; i++) {
        const char *comma = i > 0 ? ", " : "";
        int wrote = shape->dims[i] < 0 ? snprintf(out + at, NJ_SHAPE_TEXT_SIZE - at, "%s?", comma)
                                       : snprintf(out + at, NJ_SHAPE_TEXT_SIZE - at, "%s%lld",
                                                  comma, (long long)shape->dims[i]);
        at += (size_t)wrote;
    }
    if (at < NJ_SHAPE_TEXT_SIZE)
        snprintf(out + at, NJ_SHAPE_TEXT_SIZE - at, "]");
}

static bool dim_is(int64_t dim, int64_t wanted)
{
    return wanted < 0 ? dim > 0 && dim <= INT32_MAX : dim == wanted;
}

bool nj_shape_is_3(const struct nj_engine_shape *shape, int64_t a, int64_t b)
{
    return shape->rank == 3 && (shape->dims[0] == 1 || shape->dims[0] == -1) &&
           dim_is(shape->dims[1], a) && dim_is(shape->dims[2], b);
}

void nj_decoder_softmax(const float *values, size_t count, float *out)
{
    float greatest = -INFINITY;
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i]) && values[i] > greatest)
            greatest = values[i];
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = isfinite(values[i]) ? expf(values[i] - greatest) : 0;
        sum += out[i];
    }
    for (size_t i = 0; i < count && sum > 0; i++)
        out[i] /= sum;
}

int nj_decoder_refuse(const struct nj_model *model, const struct nj_engine_info *info,
                      const char *expected, struct nj_error *err)
{
    char found[2 * NJ_SHAPE_TEXT_SIZE] = "no output";
    size_t at = 0;
    for (size_t i = 0; i < info->output_count && at + NJ_SHAPE_TEXT_SIZE < sizeof found; i++) {
        char text[NJ_SHAPE_TEXT_SIZE];
        nj_shape_text(&info->outputs[i], text);
        at += (size_t)snprintf(found + at, sizeof found - at, "%s%s", i > 0 ? " " : "", text);
    }
    return nj_error_set(err, NJ_E_INVALID,
                        "%s: the decoder \"%s\" with %d classes expects %s, the model gives %s",
                        model->weights_path, nj_decoders[model->decoder]->name,
                        (int)model->network_class_count, expected, found);
}
