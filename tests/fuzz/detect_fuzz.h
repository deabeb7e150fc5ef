// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets of the output decoders share: bytes become a network's output.
#ifndef NJ_FUZZ_DETECT_FUZZ_H
#define NJ_FUZZ_DETECT_FUZZ_H

#include "detect/decoder_priv.h"
#include "detect/nms_priv.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FUZZ_SIDE_PX = 64, FUZZ_CLASSES = 3 };

// A short file repeats, so that small inputs fill a whole tensor.
static inline void fuzz_fill(float *out, size_t count, const uint8_t *data, size_t size)
{
    uint8_t *bytes = (uint8_t *)out;
    for (size_t i = 0; i < count * sizeof *out; i++)
        bytes[i] = size > 0 ? data[i % size] : 0;
}

static inline struct nj_model fuzz_model(enum nj_model_decoder decoder)
{
    return (struct nj_model){.decoder = decoder,
                             .input = {.width = FUZZ_SIDE_PX, .height = FUZZ_SIDE_PX},
                             .max_batch = 1,
                             .class_count = FUZZ_CLASSES,
                             .network_class_count = FUZZ_CLASSES};
}

// Decodes and suppresses; what comes out must be boxes whatever went in.
static inline void fuzz_decode(enum nj_model_decoder kind, const struct nj_engine_info *info,
                               const float *const *outputs)
{
    static struct nj_candidates found;
    static const int32_t groups[FUZZ_CLASSES] = {0, 1, 1};
    const struct nj_model model = fuzz_model(kind);
    struct nj_decoder_layout layout;
    if (nj_decoders[kind]->check(&model, info, &layout, NULL) != 0)
        abort();
    found.count = 0;
    nj_decoders[kind]->decode(&layout, outputs, 0.25F, &found);
    nj_nms_run(&found, &(struct nj_nms_options){.iou = 0.45F,
                                                .group_iou = 0.6F,
                                                .class_groups = groups,
                                                .max = NJ_DETECTIONS_MAX});
    for (size_t i = 0; i < found.count; i++) {
        const struct nj_candidate *c = &found.items[i];
        if (!isfinite(c->x0) || !isfinite(c->y0) || !(c->x1 > c->x0) || !(c->y1 > c->y0) ||
            !(c->score >= 0.25F && c->score <= 1) || c->class_id < 0 ||
            c->class_id >= FUZZ_CLASSES || (i > 0 && c->score > found.items[i - 1].score))
            abort();
    }
}

// One output [1, a, b] of at most FUZZ_FLOATS_MAX values.
enum { FUZZ_FLOATS_MAX = 84 * 8 };

static inline void fuzz_one_output(enum nj_model_decoder kind, const int64_t dims[2],
                                   const uint8_t *data, size_t size)
{
    static float values[FUZZ_FLOATS_MAX];
    const struct nj_engine_info info = {.output_count = 1,
                                        .outputs = {{.dims = {1, dims[0], dims[1]}, .rank = 3}}};
    const float *outputs[] = {values};
    fuzz_fill(values, (size_t)(dims[0] * dims[1]), data, size);
    fuzz_decode(kind, &info, outputs);
}

#endif
