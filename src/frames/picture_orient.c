// SPDX-License-Identifier: Apache-2.0
// EXIF orientation applied to the planes of a decoded picture.
#include "frames/picture_priv.h"

#include <libyuv/scale.h>

#include <stddef.h>
#include <string.h>

enum { TILE_PX = 32 }; // both sides of a transposed tile stay in the first-level cache

struct plane {
    uint8_t *pixels;
    int32_t stride;
    int32_t width, height;
};

// Where the upright picture's pixel (x, y) lies in the stored one: turned says that the axes
// change places, the others that an axis of the stored picture runs backwards.
struct turn {
    bool transposed, right_to_left, bottom_up;
};

static const struct turn turns[9] = {
    [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false}, [6] = {true, false, true}, [7] = {true, true, true},
    [8] = {true, true, false},
};

struct walk {
    const uint8_t *origin; // of the upright picture's first pixel
    ptrdiff_t step_x, step_y;
};

static struct walk walk_through(const struct plane *from, struct turn turn, int bytes_per_pixel)
{
    struct walk walk = {from->pixels, bytes_per_pixel, from->stride};
    if (turn.right_to_left) {
        walk.origin += (ptrdiff_t)(from->width - 1) * walk.step_x;
        walk.step_x = -walk.step_x;
    }
    if (turn.bottom_up) {
        walk.origin += (ptrdiff_t)(from->height - 1) * walk.step_y;
        walk.step_y = -walk.step_y;
    }
    if (turn.transposed) {
        ptrdiff_t along = walk.step_x;
        walk.step_x = walk.step_y;
        walk.step_y = along;
    }
    return walk;
}

static void copy_run(const uint8_t *from, ptrdiff_t step, int32_t count, uint8_t *to)
{
    for (int32_t i = 0; i < count; i++)
        to[i] = from[i * step];
}

static void copy_run_rgb(const uint8_t *from, ptrdiff_t step, int32_t count, uint8_t *to)
{
    for (ptrdiff_t i = 0; i < count; i++) {
        to[3 * i] = from[i * step];
        to[3 * i + 1] = from[i * step + 1];
        to[3 * i + 2] = from[i * step + 2];
    }
}

static void turn_plane(const struct plane *from, struct turn turn, int bytes_per_pixel,
                       const struct plane *to)
{
    struct walk walk = walk_through(from, turn, bytes_per_pixel);
    for (int32_t top = 0; top < to->height; top += TILE_PX) {
        int32_t bottom = top + TILE_PX < to->height ? top + TILE_PX : to->height;
        for (int32_t left = 0; left < to->width; left += TILE_PX) {
            int32_t count = left + TILE_PX < to->width ? TILE_PX : to->width - left;
            for (int32_t y = top; y < bottom; y++) {
                const uint8_t *source = walk.origin + left * walk.step_x + y * walk.step_y;
                uint8_t *target =
                    to->pixels + (ptrdiff_t)y * to->stride + (ptrdiff_t)left * bytes_per_pixel;
                if (bytes_per_pixel == 3)
                    copy_run_rgb(source, walk.step_x, count, target);
                else
                    copy_run(source, walk.step_x, count, target);
            }
        }
    }
}

static struct plane plane_of(struct nj_frame *frame, int index)
{
    struct plane plane = {nj_frame_plane(frame, index), frame->strides[index], frame->width,
                          frame->height};
    if (index == 0 || frame->format == NJ_PIXEL_I444)
        return plane;
    plane.width = (plane.width + 1) / 2;
    if (frame->format == NJ_PIXEL_I420)
        plane.height = (plane.height + 1) / 2;
    return plane;
}

// Chroma halved across would have to be halved down when the picture lies on its side; frames have
// no such format, so it is spread to full size first.
static int widen_chroma(struct nj_frame **frame)
{
    struct nj_frame *from = *frame;
    struct nj_frame *to = NULL;
    int result = nj_frame_allocate(from->width, from->height, NJ_PIXEL_I444, &to);
    if (result < 0)
        return result;
    for (int i = 0; i < 3; i++) {
        struct plane source = plane_of(from, i);
        struct plane target = plane_of(to, i);
        ScalePlane(source.pixels, source.stride, source.width, source.height, target.pixels,
                   target.stride, target.width, target.height, kFilterBilinear);
    }
    to->range = from->range;
    to->full_width = from->full_width;
    to->full_height = from->full_height;
    to->captured_wall_us = from->captured_wall_us;
    nj_frame_unref(from);
    *frame = to;
    return NJ_OK;
}

static int turned_copy(struct nj_frame *from, struct turn turn, struct nj_frame **out)
{
    struct nj_frame *to = NULL;
    int result = nj_frame_allocate(turn.transposed ? from->height : from->width,
                                   turn.transposed ? from->width : from->height, from->format, &to);
    if (result < 0)
        return result;
    int bytes_per_pixel = from->format == NJ_PIXEL_RGB24 ? 3 : 1;
    for (int i = 0; i < 3 && from->planes[i]; i++) {
        struct plane source = plane_of(from, i);
        struct plane target = plane_of(to, i);
        turn_plane(&source, turn, bytes_per_pixel, &target);
    }
    to->range = from->range;
    to->full_width = turn.transposed ? from->full_height : from->full_width;
    to->full_height = turn.transposed ? from->full_width : from->full_height;
    to->captured_wall_us = from->captured_wall_us;
    *out = to;
    return NJ_OK;
}

int nj_picture_orient(struct nj_frame **frame, int orientation)
{
    if (orientation < 2 || orientation > 8)
        return NJ_OK;
    struct turn turn = turns[orientation];
    int result = NJ_OK;
    if (turn.transposed && (*frame)->format == NJ_PIXEL_I422)
        result = widen_chroma(frame);
    struct nj_frame *upright = NULL;
    if (result == NJ_OK)
        result = turned_copy(*frame, turn, &upright);
    if (result < 0)
        return result;
    nj_frame_unref(*frame);
    *frame = upright;
    return NJ_OK;
}
