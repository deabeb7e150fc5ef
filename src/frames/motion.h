// SPDX-License-Identifier: Apache-2.0
// Motion gate: decides on luma alone whether a live frame is worth inference. 8x8 blocks against a
// running average, recalibration after light changes. One gate belongs to one thread.
#ifndef NJ_FRAMES_MOTION_H
#define NJ_FRAMES_MOTION_H

#include "config/options.h"
#include "frames/frame.h"
#include "frames/tensor.h"

#include <stdbool.h>

struct nj_motion_options {
    bool enabled;
    double threshold;         // luma levels of a block's change, 1..255
    double min_area;          // part of the unmasked picture that must change, 0..1
    double light_change_area; // more than this changes at once: light, not motion; recalibrate
    nj_us recalibrate_us;     // how long frames count as still-unknown (inferred) after that
    nj_us max_skip_us;        // infer at least this often
    nj_us hold_us;            // go on inferring after the last motion
};

extern const struct nj_option_group nj_motion_option_group; // group "motion"

enum nj_motion_verdict { NJ_MOTION_STILL, NJ_MOTION_MOVING, NJ_MOTION_CALIBRATING };

struct nj_motion_result {
    enum nj_motion_verdict verdict;
    bool infer;         // what the caller should do, max_skip and hold included
    float changed_area; // 0..1
    struct nj_rect box; // around the changed blocks, pixels; empty when still
};

struct nj_motion;

// `mask`: polygons in 0..1 of the picture whose inside is ignored (borrowed during the call).
struct nj_polygon {
    const float *points; // x0 y0 x1 y1 ...
    size_t count;        // points
};
int nj_motion_create(const struct nj_motion_options *options, const struct nj_polygon *masks,
                     size_t mask_count, struct nj_motion **out, struct nj_error *err);
void nj_motion_destroy(struct nj_motion *motion);

// Any size; a change of size resets. Uses the frame's captured_mono_us as time.
int nj_motion_check(struct nj_motion *motion, const struct nj_frame *frame,
                    struct nj_motion_result *out);
void nj_motion_reset(struct nj_motion *motion); // after a reconnect

#endif
