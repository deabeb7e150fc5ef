// SPDX-License-Identifier: Apache-2.0
// Detections written as JSON: the answer of a detector service, and the null engine's script.
#ifndef NJ_DETECT_ANSWER_PRIV_H
#define NJ_DETECT_ANSWER_PRIV_H

#include "detect/detect.h"

#include <jansson.h>

// Reads a list of {"class", "confidence", "bbox": {"x", "y", "width", "height"}} in pixels, which
// are multiplied by `scale` and moved to `origin`; landmarks as {"points": [{"x", "y"}, ...]}
// beside the box likewise. {"text", "confidence"} is what a recogniser reads, the first of them.
// Classes that the model does not have are left out, as are boxes beyond NJ_DETECTIONS_MAX. Members
// not named here are allowed: services add some.
struct nj_answer_place {
    float scale_x, scale_y, origin_x, origin_y;
};
int nj_answer_read(const json_t *list, const struct nj_model *model,
                   const struct nj_answer_place *place, struct nj_detections *out,
                   struct nj_error *err);

#endif
