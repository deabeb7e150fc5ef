// SPDX-License-Identifier: Apache-2.0
// Part of a picture as a frame of its own: a crop, resized, or a quadrilateral made upright (a
// tilted plate before it is read).
#ifndef NJ_FRAMES_STRAIGHTEN_H
#define NJ_FRAMES_STRAIGHTEN_H

#include "frames/frame.h"
#include "frames/tensor.h"

// RGB frame of the given size (1 .. 4096 a side) from the quadrilateral `corners` (x, y in original
// pixels, clockwise from the top left), by the projective map between the two, bilinear. Capture
// times and sequence are the frame's. NJ_E_INVALID: corners that are not convex or not finite;
// NJ_E_NOMEM. Any thread. The caller owns *out.
int nj_frame_straighten(const struct nj_frame *frame, const float corners[4][2], int32_t width,
                        int32_t height, struct nj_frame **out, struct nj_error *err);

// RGB frame of the crop (clipped to the picture), resized to width x height; 0, 0: as large as it
// is. NJ_E_INVALID: nothing of the crop is inside.
int nj_frame_crop(const struct nj_frame *frame, const struct nj_rect *crop, int32_t width,
                  int32_t height, struct nj_frame **out, struct nj_error *err);

#endif
