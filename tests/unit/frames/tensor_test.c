// SPDX-License-Identifier: Apache-2.0
// The fused tensor pass against a plain reference: planes to full-size RGB in double precision,
// then resampled by the textbook.
#include "frames/tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int tensor_test(void);

static uint8_t *writable(struct nj_frame *frame, int plane)
{
    return (uint8_t *)(uintptr_t)frame->planes[plane];
}

static void plane_size(const struct nj_frame *frame, int plane, int32_t *width, int32_t *height)
{
    bool half_x = plane && frame->format != NJ_PIXEL_I444;
    bool half_y = plane && frame->format == NJ_PIXEL_I420;
    *width = half_x ? (frame->width + 1) / 2 : frame->width;
    *height = half_y ? (frame->height + 1) / 2 : frame->height;
    if (frame->format == NJ_PIXEL_RGB24)
        *width *= 3;
}

// Smooth in every plane, with levels that stay inside the colour cube: the pass clamps after
// resampling, the reference before.
static struct nj_frame *smooth_frame(int32_t width, int32_t height, enum nj_pixel_format format)
{
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_allocate(width, height, format, &frame), 0);
    for (int p = 0; p < 3 && frame->planes[p]; p++) {
        int32_t plane_width;
        int32_t plane_height;
        plane_size(frame, p, &plane_width, &plane_height);
        double swing = p ? 28 : 50;
        for (int32_t y = 0; y < plane_height; y++)
            for (int32_t x = 0; x < plane_width; x++)
                writable(frame, p)[y * frame->strides[p] + x] =
                    (uint8_t)lrint(124 + swing * sin(x * 0.11 + p) * cos(y * 0.07 - p));
    }
    return frame;
}

static double sample_plane(const struct nj_frame *frame, int plane, double x, double y)
{
    int32_t width;
    int32_t height;
    plane_size(frame, plane, &width, &height);
    x = fmin(fmax(x, 0), width - 1);
    y = fmin(fmax(y, 0), height - 1);
    int32_t x0 = (int32_t)x;
    int32_t y0 = (int32_t)y;
    int32_t x1 = x0 + 1 < width ? x0 + 1 : x0;
    int32_t y1 = y0 + 1 < height ? y0 + 1 : y0;
    const uint8_t *upper = frame->planes[plane] + (ptrdiff_t)y0 * frame->strides[plane];
    const uint8_t *lower = frame->planes[plane] + (ptrdiff_t)y1 * frame->strides[plane];
    double fx = x - x0;
    double fy = y - y0;
    return (upper[x0] * (1 - fx) + upper[x1] * fx) * (1 - fy) +
           (lower[x0] * (1 - fx) + lower[x1] * fx) * fy;
}

// R, G, B of one source pixel.
static void pixel_rgb(const struct nj_frame *frame, int32_t x, int32_t y, double rgb[3])
{
    if (frame->format == NJ_PIXEL_RGB24) {
        for (int c = 0; c < 3; c++)
            rgb[c] = frame->planes[0][y * frame->strides[0] + 3 * x + c];
        return;
    }
    double luma = frame->planes[0][y * frame->strides[0] + x];
    double u = 0;
    double v = 0;
    if (frame->format != NJ_PIXEL_GRAY) {
        double cx = frame->format == NJ_PIXEL_I444 ? x : (x + 0.5) / 2 - 0.5;
        double cy = frame->format == NJ_PIXEL_I420 ? (y + 0.5) / 2 - 0.5 : y;
        u = sample_plane(frame, 1, cx, cy) - 128;
        v = sample_plane(frame, 2, cx, cy) - 128;
    }
    if (frame->range == NJ_RANGE_LIMITED) {
        luma = (luma - 16) * 255 / 219;
        u *= 255.0 / 224;
        v *= 255.0 / 224;
    }
    rgb[0] = luma + 1.402 * v;
    rgb[1] = luma - (0.299 * 1.402 * v + 0.114 * 1.772 * u) / 0.587;
    rgb[2] = luma + 1.772 * u;
    for (int c = 0; c < 3; c++)
        rgb[c] = fmin(fmax(rgb[c], 0), 255);
}

// Reads the source only within [low, high) of each axis by bilinear or box weights.
static double axis_weight(double centre, double step, int32_t at, int32_t length)
{
    if (step > 2) {
        double covered = fmin(centre + step / 2, at + 1) - fmax(centre - step / 2, at);
        return fmax(covered, 0);
    }
    double position = fmin(fmax(centre - 0.5, 0), length - 1);
    return fmax(0, 1 - fabs(position - at));
}

static void reference_pixel(const struct nj_frame *frame, const double centre[2],
                            const double step[2], double rgb[3])
{
    double total = 0;
    memset(rgb, 0, 3 * sizeof(*rgb));
    int32_t reach_x = (int32_t)step[0] + 2;
    int32_t reach_y = (int32_t)step[1] + 2;
    for (int32_t y = (int32_t)centre[1] - reach_y; y <= (int32_t)centre[1] + reach_y; y++) {
        for (int32_t x = (int32_t)centre[0] - reach_x; x <= (int32_t)centre[0] + reach_x; x++) {
            if (x < 0 || y < 0 || x >= frame->width || y >= frame->height)
                continue;
            double weight = axis_weight(centre[0], step[0], x, frame->width) *
                            axis_weight(centre[1], step[1], y, frame->height);
            double pixel[3];
            pixel_rgb(frame, x, y, pixel);
            for (int c = 0; c < 3; c++)
                rgb[c] += weight * pixel[c];
            total += weight;
        }
    }
    for (int c = 0; c < 3; c++)
        rgb[c] /= total;
}

// Largest difference between the tensor and the reference inside the picture; padding is exact.
static double compare(const struct nj_frame *frame, const struct nj_tensor_spec *spec,
                      const float *tensor, const struct nj_tensor_map *map)
{
    double ratio[2] = {(double)frame->width / frame->full_width,
                       (double)frame->height / frame->full_height};
    double step[2] = {ratio[0] / map->factor_x, ratio[1] / map->factor_y};
    size_t area = (size_t)spec->width * (size_t)spec->height;
    double worst = 0;
    for (int32_t y = 0; y < spec->height; y += 3) {
        for (int32_t x = 0; x < spec->width; x += 3) {
            double centre[2] = {
                ((x + 0.5 - map->shift_x) / map->factor_x + map->origin_x) * ratio[0],
                ((y + 0.5 - map->shift_y) / map->factor_y + map->origin_y) * ratio[1]};
            bool inside = centre[0] > 0 && centre[1] > 0 && centre[0] < frame->width &&
                          centre[1] < frame->height;
            double rgb[3] = {spec->pad, spec->pad, spec->pad};
            if (inside)
                reference_pixel(frame, centre, step, rgb);
            for (size_t c = 0; c < 3; c++) {
                size_t place = (size_t)y * (size_t)spec->width + (size_t)x;
                float got = spec->nhwc ? tensor[3 * place + c] : tensor[c * area + place];
                double want = rgb[spec->bgr ? 2 - c : c] * spec->scale[c] + spec->offset[c];
                worst = fmax(worst, fabs(got - want) / spec->scale[c]);
            }
        }
    }
    return worst;
}

static const struct nj_tensor_spec raw_bgr = {.width = 64,
                                              .height = 64,
                                              .fit = NJ_FIT_LETTERBOX_TOP_LEFT,
                                              .bgr = true,
                                              .scale = {1, 1, 1},
                                              .pad = 114};

static void every_format_and_layout_matches_the_reference(void **state)
{
    (void)state;
    static const enum nj_pixel_format formats[] = {NJ_PIXEL_I420, NJ_PIXEL_I422, NJ_PIXEL_I444,
                                                   NJ_PIXEL_GRAY, NJ_PIXEL_RGB24};
    static const int32_t sizes[][2] = {{96, 72}, {101, 57}, {33, 90}, {300, 170}, {64, 64}, {2, 3}};
    for (size_t f = 0; f < 5; f++)
        for (size_t s = 0; s < 6; s++)
            for (unsigned variant = 0; variant < 16; variant++) {
                struct nj_frame *frame = smooth_frame(sizes[s][0], sizes[s][1], formats[f]);
                frame->range = variant & 1 ? NJ_RANGE_LIMITED : NJ_RANGE_FULL;
                struct nj_tensor_spec spec = {.width = 64,
                                              .height = 48,
                                              .pad = 114,
                                              .fit = (enum nj_tensor_fit)(variant % 3),
                                              .bgr = variant & 2,
                                              .nhwc = variant & 4,
                                              .scale = {1 / 57.F, 0.5F, 1},
                                              .offset = {-2, 3, 0}};
                float tensor[3 * 64 * 48];
                struct nj_tensor_map map;
                assert_int_equal(nj_tensor_fill(frame, NULL, &spec, tensor, &map), 0);
                // Chroma is sampled once here and twice in the reference: a level at most.
                double error = compare(frame, &spec, tensor, &map);
                if (error > 1.0)
                    fail_msg("format %d %dx%d variant %u: off by %.3f", formats[f], sizes[s][0],
                             sizes[s][1], variant, error);
                nj_frame_unref(frame);
            }
}

static void crop_reads_the_original_pixels_it_names(void **state)
{
    (void)state;
    struct nj_frame *frame = smooth_frame(160, 120, NJ_PIXEL_I444);
    frame->full_width = 640; // decoded at a quarter
    frame->full_height = 480;
    struct nj_rect crop = {200.5F, 100.25F, 120, 240};
    struct nj_tensor_spec spec = raw_bgr;
    float tensor[3 * 64 * 64];
    struct nj_tensor_map map;
    assert_int_equal(nj_tensor_fill(frame, &crop, &spec, tensor, &map), 0);
    assert_float_equal(map.origin_x, 200.5, 0);
    assert_float_equal(map.factor_y, 64.0 / 240, 1e-6);
    for (int32_t y = 0; y < 64; y++) {
        double centre[2] = {(200.5 + 0.5 / map.factor_x) / 4,
                            (100.25 + (y + 0.5) / map.factor_y) / 4};
        double step[2] = {0.25 / map.factor_x, 0.25 / map.factor_y};
        double rgb[3];
        reference_pixel(frame, centre, step, rgb);
        assert_float_equal(tensor[y * 64], rgb[2], 0.6);
    }
    nj_frame_unref(frame);
}

static void crops_without_a_pixel_are_refused(void **state)
{
    (void)state;
    struct nj_frame *frame = smooth_frame(10, 10, NJ_PIXEL_GRAY);
    static const struct nj_rect crops[] = {{0, 0, 0, 5},  {0, 0, 5, 0},  {10, 0, 5, 5},
                                           {-5, 0, 5, 5}, {3, 3, -1, 4}, {NAN, 0, 5, 5},
                                           {0, 0, NAN, 5}};
    float tensor[3 * 64 * 64] = {7};
    for (size_t i = 0; i < sizeof(crops) / sizeof(crops[0]); i++) {
        int result = nj_tensor_fill(frame, &crops[i], &raw_bgr, tensor, NULL);
        assert_int_equal(result, NJ_E_INVALID);
    }
    assert_float_equal(tensor[0], 7, 0.0);
    nj_frame_unref(frame);
}

static void crop_parts_outside_are_cut(void **state)
{
    (void)state;
    struct nj_frame *frame = smooth_frame(100, 80, NJ_PIXEL_I420);
    struct nj_rect wide = {-50, -10, 100, 1000};
    struct nj_tensor_map map;
    float tensor[3 * 64 * 64];
    assert_int_equal(nj_tensor_fill(frame, &wide, &raw_bgr, tensor, &map), 0);
    assert_float_equal(map.origin_x, 0, 0);
    assert_float_equal(map.factor_x, 40 / 50.0, 1e-6); // 50 x 80 is left, 64 / 80 rounds to 40 wide
    nj_frame_unref(frame);
}

static void white_and_black_stay_exact(void **state)
{
    (void)state;
    for (int level = 0; level <= 255; level += 255)
        for (int32_t width = 50; width < 1000; width += 331) {
            struct nj_frame *frame = NULL;
            assert_int_equal(nj_frame_allocate(width, width, NJ_PIXEL_GRAY, &frame), 0);
            memset(writable(frame, 0), level, (size_t)frame->strides[0] * (size_t)width);
            float tensor[3 * 64 * 64];
            assert_int_equal(nj_tensor_fill(frame, NULL, &raw_bgr, tensor, NULL), 0);
            for (size_t i = 0; i < 3 * 64 * 64; i++)
                assert_float_equal(tensor[i], level, 0.03);
            nj_frame_unref(frame);
        }
}

static void boxes_come_back_to_original_pixels_and_are_clipped(void **state)
{
    (void)state;
    struct nj_frame *frame = smooth_frame(384, 288, NJ_PIXEL_GRAY);
    frame->full_width = 768;
    frame->full_height = 576;
    struct nj_tensor_spec spec = raw_bgr;
    spec.fit = NJ_FIT_LETTERBOX_CENTRE;
    float tensor[3 * 64 * 64];
    struct nj_tensor_map map;
    assert_int_equal(nj_tensor_fill(frame, NULL, &spec, tensor, &map), 0);
    // 64 x 48 of 768 x 576, 8 rows of padding above.
    struct nj_rect box = nj_tensor_unmap(&map, (struct nj_rect){16, 20, 8, 12}, frame);
    assert_float_equal(box.x, 192, 0.01);
    assert_float_equal(box.y, 144, 0.01);
    assert_float_equal(box.w, 96, 0.01);
    assert_float_equal(box.h, 144, 0.01);
    box = nj_tensor_unmap(&map, (struct nj_rect){-4, 0, 100, 64}, frame);
    assert_float_equal(box.x, 0, 0);
    assert_float_equal(box.y, 0, 0);
    assert_float_equal(box.w, 768, 0.01);
    assert_float_equal(box.h, 576, 0.01);
    nj_frame_unref(frame);
}

static void nothing_outside_the_tensor_is_written(void **state)
{
    (void)state;
    struct nj_frame *frame = smooth_frame(97, 41, NJ_PIXEL_I420);
    for (int fit = 0; fit < 3; fit++) {
        struct nj_tensor_spec spec = raw_bgr;
        spec.fit = (enum nj_tensor_fit)fit;
        size_t count = 3 * 64 * 64;
        float *tensor = malloc(count * sizeof(*tensor)); // exact, so that the sanitizer sees more
        assert_non_null(tensor);
        for (size_t i = 0; i < count; i++)
            tensor[i] = -1;
        assert_int_equal(nj_tensor_fill(frame, NULL, &spec, tensor, NULL), 0);
        for (size_t i = 0; i < count; i++)
            assert_true(tensor[i] >= 0); // and nothing inside is left out
        free(tensor);
    }
    nj_frame_unref(frame);
}

int tensor_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_and_layout_matches_the_reference),
        cmocka_unit_test(crop_reads_the_original_pixels_it_names),
        cmocka_unit_test(crops_without_a_pixel_are_refused),
        cmocka_unit_test(crop_parts_outside_are_cut),
        cmocka_unit_test(white_and_black_stay_exact),
        cmocka_unit_test(boxes_come_back_to_original_pixels_and_are_clipped),
        cmocka_unit_test(nothing_outside_the_tensor_is_written),
    };
    return cmocka_run_group_tests_name("tensor", tests, NULL, NULL);
}
