// SPDX-License-Identifier: Apache-2.0
// Suppression of doubles: within a class, and between classes that may be the same thing.
#ifndef NJ_DETECT_NMS_PRIV_H
#define NJ_DETECT_NMS_PRIV_H

#include "detect/decoder_priv.h"

struct nj_nms_options {
    float iou;                   // of one class; above 1: none are suppressed
    float group_iou;             // of different classes in one group
    const int32_t *class_groups; // by class id; 0: alone
    size_t max;                  // boxes that are kept, the surest
};

// Sorts by falling score and keeps, greedily, each box that overlaps no surer one too much.
void nj_nms_run(struct nj_candidates *candidates, const struct nj_nms_options *options);

// Intersection over union of two boxes, 0..1.
float nj_nms_overlap(const struct nj_candidate *a, const struct nj_candidate *b);

#endif
