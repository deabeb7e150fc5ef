// SPDX-License-Identifier: Apache-2.0
// What a tracker is told of a frame's detections.
#ifndef NJ_PIPELINE_TRACK_INPUTS_PRIV_H
#define NJ_PIPELINE_TRACK_INPUTS_PRIV_H

#include "detect/detect.h"
#include "track/track.h"

// Makes an input of each detection, in the same order, with the group that the model puts its class
// into, and returns how many; `out` has room for NJ_DETECTIONS_MAX.
size_t nj_track_inputs_make(const struct nj_model *model, const struct nj_detections *found,
                            struct nj_track_input *out);

#endif
