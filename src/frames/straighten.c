// SPDX-License-Identifier: Apache-2.0
// Crops and straightened quadrilaterals, on top of the tensor pass: that one knows the formats,
// the colours and how to reduce.
#include "frames/straighten.h"

#include "frames/straighten_priv.h"
#include "util/mem.h"

#include <math.h>
#include <stdlib.h>

enum {
    SIDE_MAX_PX = 4096,
    BAND_ROWS = 64, // of a crop at a time: its levels stay in the cache
};

// Beyond it two neighbours skip samples; the tensor pass takes areas there.
static const double warp_step_max = 2;
// Farther out is no corner of anything; it keeps products of coordinates exact enough.
static const float corner_max_px = 1e6F;
// Of perspective: the far edge at a thousandth of the near one's size.
static const double depth_min = 1e-3;

static const struct nj_tensor_spec rgb_levels = {
    .fit = NJ_FIT_STRETCH, .nhwc = true, .scale = {1, 1, 1}};

static bool is_rect(const struct nj_rect *rect)
{
    return isfinite(rect->x) && isfinite(rect->y) && isfinite(rect->w) && isfinite(rect->h);
}

// The part of `rect` in the picture. False: none.
static bool clip(const struct nj_frame *frame, const struct nj_rect *rect, struct nj_rect *out)
{
    static const struct nj_tensor_map same = {.factor_x = 1, .factor_y = 1};
    if (!is_rect(rect))
        return false;
    *out = nj_tensor_unmap(&same, *rect, frame);
    return out->w > 0 && out->h > 0;
}

static int make_rgb(const struct nj_frame *like, int32_t width, int32_t height,
                    struct nj_frame **out, struct nj_error *err)
{
    struct nj_frame *frame = NULL;
    int rc = nj_frame_allocate(width, height, NJ_PIXEL_RGB24, &frame);
    if (rc != 0)
        return nj_error_set(err, rc, "no memory for a part of a picture");
    frame->range = NJ_RANGE_FULL;
    frame->captured_wall_us = like->captured_wall_us;
    frame->captured_mono_us = like->captured_mono_us;
    frame->sequence = like->sequence;
    *out = frame;
    return 0;
}

static uint8_t *row_of(const struct nj_frame *frame, int32_t y)
{
    // The frame is not shared yet.
    return (uint8_t *)(uintptr_t)frame->planes[0] + (ptrdiff_t)y * frame->strides[0];
}

// Whole pixels of the frame, as the crop's outermost ones are.
static void align(const struct nj_frame *frame, struct nj_rect *crop, int32_t *width,
                  int32_t *height)
{
    const float ratio_x = (float)frame->width / (float)frame->full_width;
    const float ratio_y = (float)frame->height / (float)frame->full_height;
    const float left = floorf(crop->x * ratio_x);
    const float top = floorf(crop->y * ratio_y);
    const float right = fminf(ceilf((crop->x + crop->w) * ratio_x), (float)frame->width);
    const float bottom = fminf(ceilf((crop->y + crop->h) * ratio_y), (float)frame->height);
    *width = (int32_t)(right - left);
    *height = (int32_t)(bottom - top);
    *crop = (struct nj_rect){left / ratio_x, top / ratio_y, (right - left) / ratio_x,
                             (bottom - top) / ratio_y};
}

// Rows are independent of each other in the tensor pass, so bands join without a seam.
static int fill_bands(const struct nj_frame *frame, const struct nj_rect *crop,
                      const struct nj_frame *out, struct nj_error *err)
{
    const size_t row_floats = 3 * (size_t)out->width;
    float *levels = nj_malloc_array(BAND_ROWS * row_floats, sizeof *levels);
    if (levels == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a part of a picture");
    const double step = (double)crop->h / out->height;
    int rc = 0;
    for (int32_t y = 0; rc == 0 && y < out->height; y += BAND_ROWS) {
        const int32_t rows = out->height - y < BAND_ROWS ? out->height - y : BAND_ROWS;
        struct nj_tensor_spec spec = rgb_levels;
        spec.width = out->width;
        spec.height = rows;
        const struct nj_rect band = {crop->x, (float)(crop->y + y * step), crop->w,
                                     (float)(rows * step)};
        rc = nj_tensor_fill(frame, &band, &spec, levels, NULL);
        for (int32_t i = 0; rc == 0 && i < rows; i++)
            nj_levels_to_bytes(levels + (size_t)i * row_floats, row_floats, row_of(out, y + i));
    }
    free(levels);
    return rc == 0 ? 0 : nj_error_set(err, rc, "a part of a picture could not be cut out");
}

// NOLINTNEXTLINE(readability-function-size): width and height are one size
int nj_frame_crop(const struct nj_frame *frame, const struct nj_rect *crop, int32_t width,
                  int32_t height, struct nj_frame **out, struct nj_error *err)
{
    struct nj_rect inside;
    struct nj_frame *made = NULL;
    if (!clip(frame, crop, &inside))
        return nj_error_set(err, NJ_E_INVALID, "nothing of the crop is in the picture");
    if (width == 0 && height == 0)
        align(frame, &inside, &width, &height);
    else if (width < 1 || height < 1 || width > SIDE_MAX_PX || height > SIDE_MAX_PX)
        return nj_error_set(err, NJ_E_INVALID, "a crop of %dx%d, allowed is 1 to %d a side",
                            (int)width, (int)height, SIDE_MAX_PX);
    int rc = make_rgb(frame, width, height, &made, err);
    rc = rc != 0 ? rc : fill_bands(frame, &inside, made, err);
    if (rc != 0)
        nj_frame_unref(made);
    else
        *out = made;
    return rc;
}

// Positive at every corner of a convex shape that is gone round clockwise (y goes down).
static float turn(const float corners[4][2], int at)
{
    const float *a = corners[at];
    const float *b = corners[(at + 1) % 4];
    const float *c = corners[(at + 2) % 4];
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]);
}

static int check_corners(const float corners[4][2], struct nj_error *err)
{
    for (int i = 0; i < 4; i++) {
        // Written so that the comparison with NaN is false.
        if (!(fabsf(corners[i][0]) <= corner_max_px && fabsf(corners[i][1]) <= corner_max_px))
            return nj_error_set(err, NJ_E_INVALID, "corner %d is no place", i);
    }
    for (int i = 0; i < 4; i++) {
        if (!(turn(corners, i) > 0))
            return nj_error_set(err, NJ_E_INVALID,
                                "the corners are not those of a convex shape, clockwise");
    }
    return 0;
}

static struct nj_rect bounds(const float corners[4][2])
{
    float left = corners[0][0];
    float top = corners[0][1];
    float right = left;
    float bottom = top;
    for (int i = 1; i < 4; i++) {
        left = fminf(left, corners[i][0]);
        top = fminf(top, corners[i][1]);
        right = fmaxf(right, corners[i][0]);
        bottom = fmaxf(bottom, corners[i][1]);
    }
    return (struct nj_rect){left, top, right - left, bottom - top};
}

// The map from the unit square onto the corners: (m0 u + m1 v + m2, m3 u + m4 v + m5) over
// m6 u + m7 v + 1. False: so flat a shape that there is none.
static bool solve(const float corners[4][2], double m[8])
{
    double x[4];
    double y[4];
    for (int i = 0; i < 4; i++) {
        x[i] = (double)corners[i][0];
        y[i] = (double)corners[i][1];
    }
    const double sum_x = x[0] - x[1] + x[2] - x[3];
    const double sum_y = y[0] - y[1] + y[2] - y[3];
    const double dx1 = x[1] - x[2];
    const double dx2 = x[3] - x[2];
    const double dy1 = y[1] - y[2];
    const double dy2 = y[3] - y[2];
    const double det = dx1 * dy2 - dx2 * dy1;
    m[6] = (sum_x * dy2 - dx2 * sum_y) / det;
    m[7] = (dx1 * sum_y - sum_x * dy1) / det;
    m[0] = x[1] - x[0] + m[6] * x[1];
    m[1] = x[3] - x[0] + m[7] * x[3];
    m[2] = x[0];
    m[3] = y[1] - y[0] + m[6] * y[1];
    m[4] = y[3] - y[0] + m[7] * y[3];
    m[5] = y[0];
    for (int i = 0; i < 8; i++) {
        if (!isfinite(m[i]))
            return false;
    }
    return 1 + m[6] > depth_min && 1 + m[7] > depth_min && 1 + m[6] + m[7] > depth_min;
}

static double distance(const float a[2], const float b[2])
{
    return hypot((double)(a[0] - b[0]), (double)(a[1] - b[1]));
}

// How much smaller than the frame the levels may be, so that neighbouring output pixels are at most
// two samples apart: less work, and nothing is skipped.
static double reduction(const struct nj_frame *frame, const float corners[4][2],
                        const struct nj_frame *out)
{
    const double ratio = (double)frame->width / frame->full_width;
    const double across = fmax(distance(corners[0], corners[1]), distance(corners[3], corners[2]));
    const double down = fmax(distance(corners[0], corners[3]), distance(corners[1], corners[2]));
    const double step = fmin(across / out->width, down / out->height) * ratio;
    return step > warp_step_max ? warp_step_max / step * ratio : ratio;
}

static int32_t limit_side(double side)
{
    return side < 1 ? 1 : (side > SIDE_MAX_PX ? SIDE_MAX_PX : (int32_t)ceil(side));
}

static void warp(const struct nj_warp_source *source, const struct nj_rect *box, const double m[8],
                 const struct nj_frame *out)
{
    const double scale_x = source->width / (double)box->w;
    const double scale_y = source->height / (double)box->h;
    double n[8]; // the same map into samples of the source: half a sample lies before a centre
    for (int i = 0; i < 3; i++) {
        const double w = i == 2 ? 1 : m[6 + i];
        n[i] = (m[i] - (double)box->x * w) * scale_x - 0.5 * w;
        n[3 + i] = (m[3 + i] - (double)box->y * w) * scale_y - 0.5 * w;
    }
    const double du = 1.0 / out->width;
    for (int32_t y = 0; y < out->height; y++) {
        const double u = du / 2;
        const double v = (y + 0.5) / out->height;
        const struct nj_warp_row row = {.x = (float)(n[0] * u + n[1] * v + n[2]),
                                        .dx = (float)(n[0] * du),
                                        .y = (float)(n[3] * u + n[4] * v + n[5]),
                                        .dy = (float)(n[3] * du),
                                        .w = (float)(m[6] * u + m[7] * v + 1),
                                        .dw = (float)(m[6] * du)};
        nj_warp_row(source, &row, out->width, row_of(out, y));
    }
}

static int straighten_into(const struct nj_frame *frame, const float corners[4][2],
                           const struct nj_rect *box, const struct nj_frame *out,
                           struct nj_error *err)
{
    double m[8];
    if (!solve(corners, m))
        return nj_error_set(err, NJ_E_INVALID, "the corners lie nearly in a line");
    const double factor = reduction(frame, corners, out);
    struct nj_tensor_spec spec = rgb_levels;
    spec.width = limit_side((double)box->w * factor);
    spec.height = limit_side((double)box->h * factor);
    float *levels = nj_malloc_array(3 * (size_t)spec.width * (size_t)spec.height, sizeof *levels);
    if (levels == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a part of a picture");
    int rc = nj_tensor_fill(frame, box, &spec, levels, NULL);
    if (rc == 0)
        warp(&(struct nj_warp_source){levels, spec.width, spec.height}, box, m, out);
    free(levels);
    return rc == 0 ? 0 : nj_error_set(err, rc, "a part of a picture could not be cut out");
}

// NOLINTNEXTLINE(readability-function-size): width and height are one size
int nj_frame_straighten(const struct nj_frame *frame, const float corners[4][2], int32_t width,
                        int32_t height, struct nj_frame **out, struct nj_error *err)
{
    struct nj_frame *made = NULL;
    struct nj_rect box;
    if (width < 1 || height < 1 || width > SIDE_MAX_PX || height > SIDE_MAX_PX)
        return nj_error_set(err, NJ_E_INVALID, "a picture of %dx%d, allowed is 1 to %d a side",
                            (int)width, (int)height, SIDE_MAX_PX);
    int rc = check_corners(corners, err);
    if (rc != 0)
        return rc;
    const struct nj_rect around = bounds(corners);
    if (!clip(frame, &around, &box))
        return nj_error_set(err, NJ_E_INVALID, "nothing of the corners' shape is in the picture");
    rc = make_rgb(frame, width, height, &made, err);
    rc = rc != 0 ? rc : straighten_into(frame, corners, &box, made, err);
    if (rc != 0)
        nj_frame_unref(made);
    else
        *out = made;
    return rc;
}
