// SPDX-License-Identifier: Apache-2.0
// Crop, fit, colour and normalise in one pass over the output's rows.
//
// Chroma is sampled where it lies (centred between its luma samples, as JPEG has it) and converted
// after resampling, so no full-size RGB picture is ever made. Sizes up to twice the output's are
// sampled bilinearly, as the networks' training pictures were; larger ones by area.
#include "frames/tensor.h"

#include "frames/tensor_priv.h"
#include "util/error.h"
#include "util/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct placement {
    int32_t left, top, width, height;          // of the picture within the tensor
    double origin_x, origin_y, step_x, step_y; // frame pixels
};

struct plane_pass {
    const uint8_t *pixels;
    int32_t stride;
    int32_t step;       // neighbours' distance in bytes: 3 in packed RGB
    int32_t components; // rows it yields: 3 in packed RGB
    const struct nj_taps *across, *down;
    int32_t low, high; // columns read
};

struct pass {
    struct nj_taps luma_x, luma_y, chroma_x, chroma_y;
    struct plane_pass planes[3];
    int plane_count;
    uint32_t *sums;  // one input row
    uint32_t *pairs; // one output row
    uint16_t *row;   // one input row
    float *levels;   // three output rows
    struct nj_colour colour;
};

static bool crop_to_picture(const struct nj_frame *frame, const struct nj_rect *crop,
                            struct nj_rect *out)
{
    float width = (float)frame->full_width;
    float height = (float)frame->full_height;
    if (!crop) {
        *out = (struct nj_rect){0, 0, width, height};
        return true;
    }
    if (!isfinite(crop->x) || !isfinite(crop->y) || !isfinite(crop->w) || !isfinite(crop->h))
        return false;
    float left = fmaxf(crop->x, 0);
    float top = fmaxf(crop->y, 0);
    float right = fminf(crop->x + crop->w, width);
    float bottom = fminf(crop->y + crop->h, height);
    if (right <= left || bottom <= top)
        return false;
    *out = (struct nj_rect){left, top, right - left, bottom - top};
    return true;
}

static int32_t fitted(double length, double factor, int32_t most)
{
    double scaled = floor(length * factor + 0.5);
    return scaled < 1 ? 1 : scaled > most ? most : (int32_t)scaled;
}

static struct placement place(const struct nj_frame *frame, const struct nj_rect *crop,
                              const struct nj_tensor_spec *spec, struct nj_tensor_map *map)
{
    struct placement at = {0, 0, spec->width, spec->height, 0, 0, 0, 0};
    if (spec->fit != NJ_FIT_STRETCH) {
        double factor = fmin(spec->width / (double)crop->w, spec->height / (double)crop->h);
        at.width = fitted(crop->w, factor, spec->width);
        at.height = fitted(crop->h, factor, spec->height);
    }
    if (spec->fit == NJ_FIT_LETTERBOX_CENTRE) {
        at.left = (spec->width - at.width) / 2;
        at.top = (spec->height - at.height) / 2;
    }
    double ratio_x = (double)frame->width / frame->full_width;
    double ratio_y = (double)frame->height / frame->full_height;
    at.origin_x = crop->x * ratio_x;
    at.origin_y = crop->y * ratio_y;
    at.step_x = crop->w * ratio_x / at.width;
    at.step_y = crop->h * ratio_y / at.height;
    *map = (struct nj_tensor_map){
        .factor_x = (float)(at.width / (double)crop->w),
        .factor_y = (float)(at.height / (double)crop->h),
        .shift_x = (float)at.left,
        .shift_y = (float)at.top,
        .origin_x = crop->x,
        .origin_y = crop->y,
    };
    return at;
}

// BT.601, as OpenCV and libjpeg have it for every picture, so that colours are the trained ones.
static void colour_init(struct nj_colour *colour, const struct nj_frame *frame,
                        const struct nj_tensor_spec *spec)
{
    static const float full[3][4] = {{1.0F, 0.0F, 1.402F, -128 * 1.402F},
                                     {1.0F, -0.344136F, -0.714136F, 128 * (0.344136F + 0.714136F)},
                                     {1.0F, 1.772F, 0.0F, -128 * 1.772F}};
    static const float limited[3][4] = {
        {1.164384F, 0.0F, 1.596027F, -16 * 1.164384F - 128 * 1.596027F},
        {1.164384F, -0.391762F, -0.812968F, -16 * 1.164384F + 128 * (0.391762F + 0.812968F)},
        {1.164384F, 2.017232F, 0.0F, -16 * 1.164384F - 128 * 2.017232F}};
    for (int channel = 0; channel < 3; channel++) {
        int from = spec->bgr ? 2 - channel : channel; // R, G, B of the matrix
        const float *row = frame->range == NJ_RANGE_LIMITED ? limited[from] : full[from];
        for (int k = 0; k < 3; k++) {
            bool packed = frame->format == NJ_PIXEL_RGB24;
            colour->matrix[channel][k] = packed ? (float)(k == from) : row[k];
        }
        colour->bias[channel] = frame->format == NJ_PIXEL_RGB24 ? 0 : row[3];
        colour->scale[channel] = spec->scale[channel];
        colour->offset[channel] = spec->offset[channel];
    }
}

static void plane_init(struct plane_pass *plane, const struct nj_frame *frame, int index,
                       const struct nj_taps *across, const struct nj_taps *down)
{
    bool packed = frame->format == NJ_PIXEL_RGB24;
    int32_t width = frame->width;
    if (index > 0 && frame->format != NJ_PIXEL_I444)
        width = (width + 1) / 2;
    plane->pixels = frame->planes[index];
    plane->stride = frame->strides[index];
    plane->step = plane->components = packed ? 3 : 1;
    plane->across = across;
    plane->down = down;
    nj_taps_span(across, width, &plane->low, &plane->high);
}

// Taps of an axis whose samples are each `shrink` frame pixels wide.
static int axis_taps(struct nj_taps *taps, const struct nj_taps_axis *whole, int shrink)
{
    struct nj_taps_axis axis = {
        .start = (whole->start + 0.5 * whole->step) / shrink,
        .step = whole->step / shrink,
        .length = (whole->length + shrink - 1) / shrink,
        .count = whole->count,
    };
    return nj_taps_init(taps, &axis);
}

static int taps_init(struct pass *pass, const struct nj_frame *frame, const struct placement *at)
{
    struct nj_taps_axis x = {at->origin_x, at->step_x, frame->width, at->width};
    struct nj_taps_axis y = {at->origin_y, at->step_y, frame->height, at->height};
    int result = axis_taps(&pass->luma_x, &x, 1);
    if (result == NJ_OK)
        result = axis_taps(&pass->luma_y, &y, 1);
    pass->plane_count = 1;
    if (frame->format == NJ_PIXEL_GRAY || frame->format == NJ_PIXEL_RGB24)
        return result;
    pass->plane_count = 3;
    if (result == NJ_OK)
        result = axis_taps(&pass->chroma_x, &x, frame->format == NJ_PIXEL_I444 ? 1 : 2);
    if (result == NJ_OK)
        result = axis_taps(&pass->chroma_y, &y, frame->format == NJ_PIXEL_I420 ? 2 : 1);
    return result;
}

static void pass_finish(struct pass *pass)
{
    nj_taps_finish(&pass->luma_x);
    nj_taps_finish(&pass->luma_y);
    nj_taps_finish(&pass->chroma_x);
    nj_taps_finish(&pass->chroma_y);
    free(pass->sums);
    free(pass->pairs);
    free(pass->row);
    free(pass->levels);
}

static int pass_init(struct pass *pass, const struct nj_frame *frame, const struct placement *at)
{
    int result = taps_init(pass, frame, at);
    if (result < 0)
        return result;
    for (int i = 0; i < pass->plane_count; i++)
        plane_init(&pass->planes[i], frame, i, i ? &pass->chroma_x : &pass->luma_x,
                   i ? &pass->chroma_y : &pass->luma_y);
    size_t row_items = 3 * ((size_t)frame->width + NJ_TAPS_ROW_SLACK); // of packed RGB
    pass->sums = nj_malloc_array(row_items, sizeof(*pass->sums));
    pass->row = nj_malloc_array(row_items, sizeof(*pass->row));
    pass->pairs = nj_malloc_array((size_t)at->width, sizeof(*pass->pairs));
    pass->levels = nj_malloc_array(3 * (size_t)at->width, sizeof(*pass->levels));
    if (!pass->sums || !pass->row || !pass->pairs || !pass->levels)
        return NJ_E_NOMEM;
    // Chroma of a grey picture, and what a plane pass never writes.
    for (int32_t i = 0; i < 3 * at->width; i++)
        pass->levels[i] = 128.0F;
    return NJ_OK;
}

// One output row of a plane into the level rows.
static void plane_row(struct pass *pass, const struct plane_pass *plane, int32_t y, float *levels)
{
    int32_t from = plane->low * plane->step;
    int32_t to = plane->high * plane->step;
    struct nj_rows rows = {plane->pixels + from, plane->stride, plane->down, pass->sums};
    nj_rows_blend(&rows, y, to - from, pass->row + from);
    for (int i = 0; i < plane->step; i++) // the neighbour of the last column, without weight
        pass->row[to + i] = 0;
    for (int i = 0; i < plane->components; i++)
        nj_row_resample(pass->row + i, plane->step, plane->across, pass->pairs,
                        levels + (ptrdiff_t)i * plane->across->count);
}

static void fill_pad(float *out, int32_t from, int32_t count, const struct nj_tensor_spec *spec)
{
    size_t area = (size_t)spec->width * (size_t)spec->height;
    for (int channel = 0; channel < 3; channel++) {
        float value = spec->pad * spec->scale[channel] + spec->offset[channel];
        float *to =
            spec->nhwc ? out + 3 * (size_t)from + channel : out + (size_t)channel * area + from;
        ptrdiff_t step = spec->nhwc ? 3 : 1;
        for (int32_t i = 0; i < count; i++)
            to[i * step] = value;
    }
}

static void fill_rows(struct pass *pass, const struct placement *at,
                      const struct nj_tensor_spec *spec, float *out)
{
    size_t area = (size_t)spec->width * (size_t)spec->height;
    const float *in[3];
    for (int i = 0; i < 3; i++)
        in[i] = pass->levels + (ptrdiff_t)i * at->width;
    fill_pad(out, 0, at->top * spec->width, spec);
    for (int32_t y = 0; y < at->height; y++) {
        for (int i = 0; i < pass->plane_count; i++)
            plane_row(pass, &pass->planes[i], y, pass->levels + (ptrdiff_t)i * at->width);
        int32_t line = (at->top + y) * spec->width;
        size_t place = (size_t)line + (size_t)at->left;
        float *to[3];
        for (size_t i = 0; i < 3; i++)
            to[i] = spec->nhwc ? out + 3 * place + i : out + i * area + place;
        nj_row_colour(&pass->colour, in, at->width, spec->nhwc, to);
        fill_pad(out, line, at->left, spec);
        fill_pad(out, line + at->left + at->width, spec->width - at->left - at->width, spec);
    }
    int32_t below = at->top + at->height;
    fill_pad(out, below * spec->width, (spec->height - below) * spec->width, spec);
}

int nj_tensor_fill(const struct nj_frame *frame, const struct nj_rect *crop,
                   const struct nj_tensor_spec *spec, float *out, struct nj_tensor_map *out_map)
{
    struct nj_rect inside;
    if (spec->width < 1 || spec->height < 1 || !crop_to_picture(frame, crop, &inside))
        return NJ_E_INVALID;
    struct nj_tensor_map map;
    struct placement at = place(frame, &inside, spec, &map);
    struct pass pass = {0};
    int result = pass_init(&pass, frame, &at);
    if (result == NJ_OK) {
        colour_init(&pass.colour, frame, spec);
        fill_rows(&pass, &at, spec, out);
        if (out_map)
            *out_map = map;
    }
    pass_finish(&pass);
    return result;
}

struct nj_rect nj_tensor_unmap(const struct nj_tensor_map *map, struct nj_rect box,
                               const struct nj_frame *frame)
{
    float width = (float)frame->full_width;
    float height = (float)frame->full_height;
    float left = (box.x - map->shift_x) / map->factor_x + map->origin_x;
    float top = (box.y - map->shift_y) / map->factor_y + map->origin_y;
    float right = left + box.w / map->factor_x;
    float bottom = top + box.h / map->factor_y;
    left = fminf(fmaxf(left, 0), width);
    top = fminf(fmaxf(top, 0), height);
    right = fminf(fmaxf(right, left), width);
    bottom = fminf(fmaxf(bottom, top), height);
    return (struct nj_rect){left, top, right - left, bottom - top};
}
