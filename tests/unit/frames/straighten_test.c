// SPDX-License-Identifier: Apache-2.0
// Parts of pictures whose pixels say where they come from: red is the column, green the row.
#include "frames/straighten.h"

#include "util/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

int straighten_test(void);

static uint8_t *row_of(const struct nj_frame *frame, int plane, int32_t y)
{
    return (uint8_t *)(uintptr_t)frame->planes[plane] + (ptrdiff_t)y * frame->strides[plane];
}

// 240 x 240, red = column, green = row, blue = 77.
static struct nj_frame *make_ramp(void)
{
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_allocate(240, 240, NJ_PIXEL_RGB24, &frame), 0);
    for (int32_t y = 0; y < 240; y++) {
        for (int32_t x = 0; x < 240; x++) {
            uint8_t *at = row_of(frame, 0, y) + (ptrdiff_t)3 * x;
            at[0] = (uint8_t)x;
            at[1] = (uint8_t)y;
            at[2] = 77;
        }
    }
    frame->captured_wall_us = 11;
    frame->captured_mono_us = 22;
    frame->sequence = 33;
    return frame;
}

// A map of the unit square chosen by its coefficients, so that the answer needs no solving.
struct map {
    double m[8];
};

static void apply(const struct map *map, double u, double v, double out[2])
{
    const double w = map->m[6] * u + map->m[7] * v + 1;
    out[0] = (map->m[0] * u + map->m[1] * v + map->m[2]) / w;
    out[1] = (map->m[3] * u + map->m[4] * v + map->m[5]) / w;
}

struct corners {
    float at[4][2];
};

static struct corners corners_of(const struct map *map)
{
    struct corners out;
    static const double units[4][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    for (int i = 0; i < 4; i++) {
        double at[2];
        apply(map, units[i][0], units[i][1], at);
        out.at[i][0] = (float)at[0];
        out.at[i][1] = (float)at[1];
    }
    return out;
}

static double worst_error(const struct nj_frame *part, const struct map *map)
{
    double worst = 0;
    for (int32_t y = 0; y < part->height; y++) {
        for (int32_t x = 0; x < part->width; x++) {
            double at[2];
            apply(map, (x + 0.5) / part->width, (y + 0.5) / part->height, at);
            const uint8_t *pixel = row_of(part, 0, y) + (ptrdiff_t)3 * x;
            // Level n is that of the pixel's centre, n + 0.5.
            worst = fmax(worst, fabs(pixel[0] - (at[0] - 0.5)));
            worst = fmax(worst, fabs(pixel[1] - (at[1] - 0.5)));
            assert_int_equal(pixel[2], 77);
        }
    }
    return worst;
}

static void a_shape_is_taken_from_where_the_map_says(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct map map;
        int32_t width, height;
    } cases[] = {
        {"upright, its own size", {{100, 0, 50, 0, 40, 60, 0, 0}}, 100, 40},
        {"upright, larger", {{30, 0, 50, 0, 20, 60, 0, 0}}, 120, 80},
        {"upright, a fifth", {{200, 0, 20, 0, 200, 20, 0, 0}}, 40, 40},
        {"turned by 30 degrees", {{86.6, -20, 70, 50, 34.64, 60, 0, 0}}, 144, 48},
        {"upside down", {{-100, 0, 170, 0, -40, 120, 0, 0}}, 100, 40},
        {"in perspective", {{60, -10, 40, 25, 60, 60, -0.4, 0.1}}, 144, 48},
        {"in strong perspective, small", {{20, 5, 30, 10, 190, 20, -0.3, 0.6}}, 24, 60},
    };
    struct nj_frame *frame = make_ramp();
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const struct corners corners = corners_of(&cases[i].map);
        struct nj_frame *part = NULL;
        struct nj_error error = {0};
        if (nj_frame_straighten(frame, corners.at, cases[i].width, cases[i].height, &part,
                                &error) != 0)
            fail_msg("%s: %s", cases[i].what, error.text);
        assert_int_equal(part->width, cases[i].width);
        assert_int_equal(part->height, cases[i].height);
        assert_int_equal(part->format, NJ_PIXEL_RGB24);
        assert_int_equal(part->captured_wall_us, 11);
        assert_int_equal(part->captured_mono_us, 22);
        assert_int_equal(part->sequence, 33);
        const double worst = worst_error(part, &cases[i].map);
        if (worst > 1.01) // bytes rounded twice
            fail_msg("%s: a pixel is %.2f beside its place", cases[i].what, worst);
        nj_frame_unref(part);
    }
    nj_frame_unref(frame);
}

static void beyond_the_picture_is_its_edge(void **state)
{
    (void)state;
    static const float corners[4][2] = {{-50, -50}, {50, -50}, {50, 50}, {-50, 50}};
    struct nj_frame *frame = make_ramp();
    struct nj_frame *part = NULL;
    assert_int_equal(nj_frame_straighten(frame, corners, 100, 100, &part, NULL), 0);
    for (int32_t i = 0; i < 50; i++) {
        assert_int_equal(row_of(part, 0, i)[0], 0);
        assert_int_equal(row_of(part, 0, 50 + i)[1], i);
    }
    nj_frame_unref(part);
    nj_frame_unref(frame);
}

static void shapes_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        float corners[4][2];
        int32_t side;
    } cases[] = {
        {"no place", {{0, 0}, {NAN, 0}, {9, 9}, {0, 9}}, 8},
        {"no place", {{0, 0}, {9, 0}, {9, INFINITY}, {0, 9}}, 8},
        {"no place", {{0, 0}, {9e9F, 0}, {9e9F, 9}, {0, 9}}, 8},
        {"convex", {{0, 0}, {9, 9}, {9, 0}, {0, 9}}, 8},    // crossed
        {"convex", {{0, 0}, {9, 0}, {2, 2}, {0, 9}}, 8},    // dented
        {"convex", {{0, 0}, {9, 0}, {9, 0}, {0, 9}}, 8},    // three corners
        {"convex", {{5, 5}, {5, 5}, {5, 5}, {5, 5}}, 8},    // a point
        {"clockwise", {{0, 0}, {0, 9}, {9, 9}, {9, 0}}, 8}, // the other way round
        {"in a line", {{100, 0}, {100.05F, 0}, {200, 200}, {0, 200}}, 8},
        {"in the picture", {{-30, 0}, {-9, 0}, {-9, 9}, {-30, 9}}, 8},
        {"allowed is 1 to 4096", {{0, 0}, {9, 0}, {9, 9}, {0, 9}}, 0},
        {"allowed is 1 to 4096", {{0, 0}, {9, 0}, {9, 9}, {0, 9}}, 4097},
    };
    struct nj_frame *frame = make_ramp();
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_frame *part = NULL;
        struct nj_error error = {0};
        if (nj_frame_straighten(frame, cases[i].corners, cases[i].side, cases[i].side, &part,
                                &error) != NJ_E_INVALID ||
            strstr(error.text, cases[i].says) == NULL)
            fail_msg("case %zu: %s", i, error.text);
        assert_null(part);
    }
    nj_frame_unref(frame);
}

static void a_crop_keeps_its_pixels(void **state)
{
    (void)state;
    static const struct nj_rect whole = {0, 0, 240, 240};
    static const struct nj_rect some = {20, 31, 100, 150};
    static const struct nj_rect over = {200, 210, 100, 100}; // in part outside
    static const struct nj_rect between = {20.4F, 31.6F, 10, 10};
    static const struct {
        const struct nj_rect *crop;
        int32_t x, y, width, height;
    } cases[] = {{&whole, 0, 0, 240, 240},
                 {&some, 20, 31, 100, 150},
                 {&over, 200, 210, 40, 30},
                 {&between, 20, 31, 11, 11}};
    struct nj_frame *frame = make_ramp();
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_frame *part = NULL;
        assert_int_equal(nj_frame_crop(frame, cases[i].crop, 0, 0, &part, NULL), 0);
        assert_int_equal(part->width, cases[i].width);
        assert_int_equal(part->height, cases[i].height);
        assert_int_equal(part->sequence, 33);
        for (int32_t y = 0; y < part->height; y++) {
            for (int32_t x = 0; x < part->width; x++) {
                assert_int_equal(row_of(part, 0, y)[3 * x], cases[i].x + x);
                assert_int_equal(row_of(part, 0, y)[3 * x + 1], cases[i].y + y);
            }
        }
        nj_frame_unref(part);
    }
    nj_frame_unref(frame);
}

static void a_resized_crop_has_no_seams(void **state)
{
    (void)state;
    static const struct nj_rect crop = {10, 20, 200, 210};
    static const int32_t sizes[][2] = {{400, 390}, {150, 200}, {50, 70}, {1, 1}};
    struct nj_frame *frame = make_ramp();
    for (size_t i = 0; i < NJ_COUNT_OF(sizes); i++) {
        struct nj_frame *part = NULL;
        const struct map map = {{200, 0, 10, 0, 210, 20, 0, 0}};
        assert_int_equal(nj_frame_crop(frame, &crop, sizes[i][0], sizes[i][1], &part, NULL), 0);
        assert_int_equal(part->width, sizes[i][0]);
        assert_int_equal(part->height, sizes[i][1]);
        assert_true(worst_error(part, &map) <= 1.01);
        nj_frame_unref(part);
    }
    nj_frame_unref(frame);
}

static void a_picture_decoded_smaller_is_cut_in_original_pixels(void **state)
{
    (void)state;
    static const struct nj_rect crop = {100, 200, 60, 80};
    static const float corners[4][2] = {{100, 200}, {160, 200}, {160, 280}, {100, 280}};
    struct nj_frame *frame = make_ramp();
    struct nj_frame *part = NULL;
    frame->full_width = frame->full_height = 480;
    assert_int_equal(nj_frame_crop(frame, &crop, 0, 0, &part, NULL), 0);
    assert_int_equal(part->width, 30);
    assert_int_equal(part->height, 40);
    assert_int_equal(row_of(part, 0, 0)[0], 50);
    assert_int_equal(row_of(part, 0, 0)[1], 100);
    nj_frame_unref(part);
    assert_int_equal(nj_frame_straighten(frame, corners, 30, 40, &part, NULL), 0);
    assert_int_equal(row_of(part, 0, 0)[0], 50);
    assert_int_equal(row_of(part, 0, 39)[1], 139);
    nj_frame_unref(part);
    nj_frame_unref(frame);
}

static void video_levels_become_colours(void **state)
{
    (void)state;
    static const struct nj_rect crop = {0, 0, 16, 16};
    static const float corners[4][2] = {{0, 0}, {16, 0}, {16, 16}, {0, 16}};
    struct nj_frame *frame = NULL;
    struct nj_frame *parts[2] = {NULL};
    assert_int_equal(nj_frame_allocate(16, 16, NJ_PIXEL_I420, &frame), 0);
    frame->range = NJ_RANGE_LIMITED;
    static const uint8_t red[3] = {81, 90, 240}; // BT.601's primary
    for (int p = 0; p < 3; p++) {
        for (int32_t y = 0; y < (p == 0 ? 16 : 8); y++)
            memset(row_of(frame, p, y), red[p], p == 0 ? 16 : 8);
    }
    assert_int_equal(nj_frame_crop(frame, &crop, 0, 0, &parts[0], NULL), 0);
    assert_int_equal(nj_frame_straighten(frame, corners, 16, 16, &parts[1], NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *pixel = row_of(parts[i], 0, 7) + 21;
        assert_in_range(pixel[0], 253, 255);
        assert_in_range(pixel[1], 0, 2);
        assert_in_range(pixel[2], 0, 2);
        assert_int_equal(parts[i]->range, NJ_RANGE_FULL);
        nj_frame_unref(parts[i]);
    }
    nj_frame_unref(frame);
}

static void crops_of_nothing_are_refused(void **state)
{
    (void)state;
    static const struct nj_rect crops[] = {
        {-20, 0, 10, 10}, {0, 240, 10, 10}, {5, 5, 0, 5},
        {5, 5, -4, 5},    {NAN, 5, 4, 5},   {5, 5, INFINITY, 5},
    };
    struct nj_frame *frame = make_ramp();
    struct nj_frame *part = NULL;
    for (size_t i = 0; i < NJ_COUNT_OF(crops); i++)
        assert_int_equal(nj_frame_crop(frame, &crops[i], 0, 0, &part, NULL), NJ_E_INVALID);
    static const struct nj_rect some = {0, 0, 10, 10};
    assert_int_equal(nj_frame_crop(frame, &some, 10, 0, &part, NULL), NJ_E_INVALID);
    assert_int_equal(nj_frame_crop(frame, &some, 4097, 10, &part, NULL), NJ_E_INVALID);
    assert_null(part);
    nj_frame_unref(frame);
}

int straighten_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_is_taken_from_where_the_map_says),
        cmocka_unit_test(beyond_the_picture_is_its_edge),
        cmocka_unit_test(shapes_that_are_none_are_refused),
        cmocka_unit_test(a_crop_keeps_its_pixels),
        cmocka_unit_test(a_resized_crop_has_no_seams),
        cmocka_unit_test(a_picture_decoded_smaller_is_cut_in_original_pixels),
        cmocka_unit_test(video_levels_become_colours),
        cmocka_unit_test(crops_of_nothing_are_refused),
    };
    return cmocka_run_group_tests_name("straighten", tests, NULL, NULL);
}
