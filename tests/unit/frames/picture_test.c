// SPDX-License-Identifier: Apache-2.0
// Pictures of every kind decode to what they show; orientation, time, sizes and scaling.
#include "frames/picture.h"

#include "picture_helper.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

int picture_test(void);

static const struct nj_picture_limits limits = {64 << 20, 100};
static const struct nj_picture_request whole = {.limits = &limits, .strict = true};

static struct nj_frame *decode(struct made_picture made, const struct nj_picture_request *request)
{
    struct nj_picture_decoder *decoder = NULL;
    struct nj_frame *frame = NULL;
    struct nj_error err = {0};
    assert_int_equal(nj_picture_decoder_create(&decoder), 0);
    struct nj_picture_request of_made = *request;
    of_made.bytes = made.bytes;
    of_made.length = made.length;
    int result = nj_picture_decode(decoder, &of_made, &frame, &err);
    nj_picture_decoder_destroy(decoder);
    free(made.bytes);
    if (result < 0)
        fail_msg("%s", err.text);
    return frame;
}

// Largest difference from the content, over a grid of pixels. Ignores `left` columns.
static double content_error(const struct nj_frame *frame, bool grey, int left)
{
    double worst = 0;
    for (int32_t y = 0; y < frame->height; y++)
        for (int32_t x = left; x < frame->width; x++) {
            double want[3];
            double got[3];
            picture_content(x, y, frame->width, frame->height, want);
            frame_rgb_at(frame, x, y, got);
            if (grey)
                want[0] = want[1] = want[2] = 0.299 * want[0] + 0.587 * want[1] + 0.114 * want[2];
            for (int c = 0; c < 3; c++)
                worst = fmax(worst, fabs(want[c] - got[c]));
        }
    return worst;
}

static void jpeg_of_every_sampling_decodes_to_its_content(void **state)
{
    (void)state;
    static const struct {
        int across, down;
        enum nj_pixel_format format;
    } samplings[] = {{1, 1, NJ_PIXEL_I444}, {2, 1, NJ_PIXEL_I422}, {2, 2, NJ_PIXEL_I420},
                     {1, 2, NJ_PIXEL_I444}, {4, 1, NJ_PIXEL_I444}, {4, 2, NJ_PIXEL_I444}};
    static const int sizes[][2] = {{64, 48}, {97, 61}, {33, 130}, {161, 17}};
    for (size_t i = 0; i < 6; i++)
        for (size_t s = 0; s < 4; s++)
            for (int progressive = 0; progressive < 2; progressive++) {
                struct picture_recipe recipe = {.width = sizes[s][0],
                                                .height = sizes[s][1],
                                                .across = samplings[i].across,
                                                .down = samplings[i].down,
                                                .progressive = progressive};
                struct nj_frame *frame = decode(make_jpeg(&recipe), &whole);
                assert_int_equal(frame->format, samplings[i].format);
                assert_int_equal(frame->width, sizes[s][0]);
                assert_int_equal(frame->height, sizes[s][1]);
                assert_int_equal(frame->full_width, sizes[s][0]);
                assert_int_equal(frame->range, NJ_RANGE_FULL);
                double error = content_error(frame, false, 0);
                if (error > 10)
                    fail_msg("%dx%d, %dx%d: off by %.1f", samplings[i].across, samplings[i].down,
                             sizes[s][0], sizes[s][1], error);
                nj_frame_unref(frame);
            }
}

static void jpeg_of_other_colour_spaces_decodes_to_its_content(void **state)
{
    (void)state;
    static const struct {
        enum made_colour colour;
        bool plain_ink;
        enum nj_pixel_format format;
    } cases[] = {{MADE_GREY, false, NJ_PIXEL_GRAY},
                 {MADE_RGB, false, NJ_PIXEL_RGB24},
                 {MADE_CMYK, false, NJ_PIXEL_RGB24},
                 {MADE_YCCK, false, NJ_PIXEL_RGB24},
                 {MADE_CMYK, true, NJ_PIXEL_RGB24}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct picture_recipe recipe = {
            .width = 75, .height = 50, .colour = cases[i].colour, .plain_ink = cases[i].plain_ink};
        struct nj_frame *frame = decode(make_jpeg(&recipe), &whole);
        assert_int_equal(frame->format, cases[i].format);
        double error = content_error(frame, cases[i].colour == MADE_GREY, 0);
        if (error > 8)
            fail_msg("case %zu: off by %.1f", i, error);
        nj_frame_unref(frame);
    }
}

static void png_of_every_kind_decodes_to_its_content(void **state)
{
    (void)state;
    static const struct {
        enum made_colour colour;
        int bits;
        double tolerance; // half a step of the depth, and rounding
    } cases[] = {{MADE_RGB, 8, 1.1},   {MADE_RGB, 16, 0.6}, {MADE_RGBA, 8, 1.1},
                 {MADE_RGBA, 16, 0.6}, {MADE_GREY, 8, 1.1}, {MADE_GREY, 16, 0.6},
                 {MADE_GREY, 4, 17},   {MADE_GREY, 2, 85},  {MADE_GREY, 1, 140}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            struct picture_recipe recipe = {.width = 61,
                                            .height = 43,
                                            .colour = cases[i].colour,
                                            .bits = cases[i].bits,
                                            .progressive = interlaced};
            bool grey = cases[i].colour == MADE_GREY;
            struct nj_frame *frame = decode(make_png(&recipe), &whole);
            assert_int_equal(frame->format, grey ? NJ_PIXEL_GRAY : NJ_PIXEL_RGB24);
            int hidden = cases[i].colour == MADE_RGBA ? 61 / 4 : 0;
            double error = content_error(frame, grey, hidden);
            if (error > cases[i].tolerance)
                fail_msg("case %zu: off by %.2f", i, error);
            for (int x = 0; x < 3 * hidden; x++) // transparent is black
                assert_int_equal(frame->planes[0][x], 0);
            nj_frame_unref(frame);
        }
}

static void png_palette_becomes_its_colours(void **state)
{
    (void)state;
    struct picture_recipe recipe = {.width = 30, .height = 20, .colour = MADE_PALETTE};
    struct nj_frame *frame = decode(make_png(&recipe), &whole);
    double content[3];
    picture_content(12, 7, 30, 20, content);
    double index = floor(0.5 + 0.299 * content[0] + 0.587 * content[1] + 0.114 * content[2]);
    const uint8_t *pixel = frame->planes[0] + 7 * frame->strides[0] + 3 * 12;
    assert_int_equal(pixel[0], (int)index);
    assert_int_equal(pixel[1], (int)index * 3 / 4);
    assert_int_equal(pixel[2], (int)index / 2);
    nj_frame_unref(frame);
}

static void all_eight_orientations_become_upright(void **state)
{
    (void)state;
    uint8_t tiff[512];
    for (int orientation = 1; orientation <= 8; orientation++)
        for (int kind = 0; kind < 6; kind++) {
            struct exif_recipe exif = {.little_endian = orientation % 2,
                                       .orientation = orientation};
            struct picture_recipe recipe = {.width = 83,
                                            .height = 55,
                                            .orientation = orientation,
                                            .exif = tiff,
                                            .exif_length = make_exif(&exif, tiff)};
            recipe.across = kind == 0 || kind == 1 ? 2 : 1;
            recipe.down = kind == 0 ? 2 : 1;
            recipe.colour = kind == 3 ? MADE_GREY : kind >= 4 ? MADE_RGB : MADE_YCC;
            struct made_picture made = kind == 5 ? make_png(&recipe) : make_jpeg(&recipe);
            struct nj_frame *frame = decode(made, &whole);
            assert_int_equal(frame->width, orientation >= 5 ? 55 : 83);
            assert_int_equal(frame->height, orientation >= 5 ? 83 : 55);
            assert_int_equal(frame->full_width, frame->width);
            double error = content_error(frame, kind == 3, 0);
            if (error > 10)
                fail_msg("orientation %d, kind %d: off by %.1f", orientation, kind, error);
            nj_frame_unref(frame);
        }
}

static void probe_tells_size_kind_and_labels(void **state)
{
    (void)state;
    uint8_t tiff[512];
    struct exif_recipe exif = {.orientation = 6,
                               .original = "2026:01:31 12:00:00",
                               .offset_original = "+01:00",
                               .subseconds = "25"};
    struct picture_recipe recipe = {.width = 40,
                                    .height = 30,
                                    .colour = MADE_RGB,
                                    .exif = tiff,
                                    .exif_length = make_exif(&exif, tiff)};
    for (int png = 0; png < 2; png++) {
        struct made_picture made = png ? make_png(&recipe) : make_jpeg(&recipe);
        struct nj_picture_info info;
        assert_int_equal(nj_picture_probe(made.bytes, made.length, &limits, &info, NULL), 0);
        assert_int_equal(info.width, 40);
        assert_int_equal(info.height, 30);
        assert_int_equal(info.orientation, 6);
        assert_int_equal(info.taken_wall_us, 1769857200250000); // date -d '2026-01-31T12:00+01:00'
        assert_string_equal(info.mime, png ? "image/png" : "image/jpeg");
        free(made.bytes);
    }
}

static void exif_time_knows_offsets_fallbacks_and_nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *reason;
        struct exif_recipe exif;
        nj_us want_s; // `date -u +%s`
    } cases[] = {
        {"utc", {.original = "2026:01:31 12:00:00", .offset_original = "+00:00"}, 1769860800},
        {"zulu", {.original = "2026:01:31 12:00:00", .offset_original = "Z"}, 1769860800},
        {"west", {.original = "2026:01:31 12:00:00", .offset_original = "-03:30"}, 1769873400},
        {"local winter", {.original = "2026:01:31 12:00:00"}, 1769857200},
        {"local summer", {.original = "2026:07:31 12:00:00"}, 1785492000},
        {"changed only", {.changed = "2026:01:31 12:00:00"}, 1769857200},
        {"blank", {.original = "    :  :     :  :  "}, 0},
        {"zeros", {.original = "0000:00:00 00:00:00"}, 0},
        {"month 13", {.original = "2026:13:31 12:00:00"}, 0},
        {"too short", {.original = "2026:01:31"}, 0},
        {"bad offset is local",
         {.original = "2026:01:31 12:00:00", .offset_original = "+1:00"},
         1769857200},
        {"none", {.orientation = 1}, 0},
    };
    (void)setenv("TZ", "Europe/Berlin", 1);
    tzset();
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct exif_recipe exif = cases[i / 2].exif;
        uint8_t tiff[512];
        exif.little_endian = i % 2;
        struct picture_recipe recipe = {
            .width = 8, .height = 8, .exif = tiff, .exif_length = make_exif(&exif, tiff)};
        struct nj_frame *frame = decode(make_jpeg(&recipe), &whole);
        if (frame->captured_wall_us != cases[i / 2].want_s * 1000000)
            fail_msg("%s: %lld", cases[i / 2].reason, (long long)frame->captured_wall_us);
        nj_frame_unref(frame);
    }
    (void)unsetenv("TZ");
    tzset();
}

static void jpeg_is_scaled_down_but_never_below_the_box(void **state)
{
    (void)state;
    static const struct {
        int width, height, box_width, box_height, want_width, want_height;
    } cases[] = {
        {768, 576, 416, 416, 768, 576},  {832, 576, 416, 416, 416, 288},
        {831, 576, 416, 416, 831, 576},  {1920, 1080, 416, 416, 480, 270},
        {1280, 720, 416, 416, 640, 360}, {1001, 701, 100, 100, 126, 88},
        {64, 48, 416, 416, 64, 48},      {640, 480, 0, 0, 640, 480},
        {4000, 100, 64, 64, 500, 13},
    };
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct picture_recipe recipe = {.width = cases[i / 2].width,
                                        .height = cases[i / 2].height,
                                        .across = 2,
                                        .down = i % 2 ? 2 : 1};
        struct nj_picture_request request = whole;
        request.least_width = cases[i / 2].box_width;
        request.least_height = cases[i / 2].box_height;
        struct nj_frame *frame = decode(make_jpeg(&recipe), &request);
        assert_int_equal(frame->width, cases[i / 2].want_width);
        assert_int_equal(frame->height, cases[i / 2].want_height);
        assert_int_equal(frame->full_width, cases[i / 2].width);
        assert_int_equal(frame->full_height, cases[i / 2].height);
        double error = content_error(frame, false, 0);
        if (error > 10)
            fail_msg("case %zu: off by %.1f", i / 2, error);
        nj_frame_unref(frame);
    }
}

static void box_of_a_turned_picture_is_meant_upright(void **state)
{
    (void)state;
    uint8_t tiff[512];
    struct exif_recipe exif = {.orientation = 6};
    struct picture_recipe recipe = {.width = 800,
                                    .height = 400,
                                    .orientation = 6,
                                    .exif = tiff,
                                    .exif_length = make_exif(&exif, tiff)};
    struct nj_picture_request request = whole;
    request.least_width = 100; // upright 400 x 800 fits 100 x 200: a quarter
    request.least_height = 400;
    struct nj_frame *frame = decode(make_jpeg(&recipe), &request);
    assert_int_equal(frame->width, 100);
    assert_int_equal(frame->height, 200);
    assert_int_equal(frame->full_width, 400);
    assert_int_equal(frame->full_height, 800);
    nj_frame_unref(frame);
}

static void png_keeps_every_pixel_of_an_rgb_frame(void **state)
{
    (void)state;
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_allocate(7, 5, NJ_PIXEL_RGB24, &frame), 0);
    for (int y = 0; y < 5; y++) {
        uint8_t *row = (uint8_t *)(uintptr_t)frame->planes[0] + (ptrdiff_t)y * frame->strides[0];
        for (int x = 0; x < 21; x++)
            row[x] = (uint8_t)(y * 21 + x);
    }
    void *bytes = NULL;
    size_t length = 0;
    assert_int_equal(nj_picture_encode_png(frame, &bytes, &length, NULL), 0);
    struct nj_picture_decoder *decoder = NULL;
    struct nj_frame *back = NULL;
    const struct nj_picture_request request = {.bytes = bytes, .length = length, .limits = &limits};
    assert_int_equal(nj_picture_decoder_create(&decoder), 0);
    assert_int_equal(nj_picture_decode(decoder, &request, &back, NULL), 0);
    assert_int_equal(back->format, NJ_PIXEL_RGB24);
    assert_int_equal(back->width, 7);
    for (int y = 0; y < 5; y++)
        assert_memory_equal(back->planes[0] + (ptrdiff_t)y * back->strides[0],
                            frame->planes[0] + (ptrdiff_t)y * frame->strides[0], 21);
    nj_frame_unref(back);
    nj_frame_unref(frame);
    free(bytes);
    nj_picture_decoder_destroy(decoder);
    assert_int_equal(nj_frame_allocate(4, 4, NJ_PIXEL_I420, &frame), 0);
    assert_int_equal(nj_picture_encode_png(frame, &bytes, &length, NULL), NJ_E_UNSUPPORTED);
    nj_frame_unref(frame);
}

static void encoded_frames_decode_to_the_same_content(void **state)
{
    (void)state;
    static const struct {
        enum nj_pixel_format format;
        enum nj_pixel_range range;
        int max_side, want_width, want_height;
    } cases[] = {
        {NJ_PIXEL_I420, NJ_RANGE_FULL, 0, 93, 71},    {NJ_PIXEL_I420, NJ_RANGE_LIMITED, 0, 93, 71},
        {NJ_PIXEL_I422, NJ_RANGE_LIMITED, 0, 93, 71}, {NJ_PIXEL_I444, NJ_RANGE_LIMITED, 0, 93, 71},
        {NJ_PIXEL_GRAY, NJ_RANGE_FULL, 0, 93, 71},    {NJ_PIXEL_GRAY, NJ_RANGE_LIMITED, 0, 93, 71},
        {NJ_PIXEL_RGB24, NJ_RANGE_FULL, 0, 93, 71},   {NJ_PIXEL_I420, NJ_RANGE_FULL, 48, 48, 37},
        {NJ_PIXEL_RGB24, NJ_RANGE_FULL, 20, 20, 15},  {NJ_PIXEL_I444, NJ_RANGE_FULL, 500, 93, 71}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct nj_frame *frame = NULL;
        assert_int_equal(nj_frame_allocate(93, 71, cases[i].format, &frame), 0);
        frame->range = cases[i].range;
        double gain = cases[i].range == NJ_RANGE_LIMITED ? 219 / 255.0 : 1;
        double chroma_gain = cases[i].range == NJ_RANGE_LIMITED ? 224 / 255.0 : 1;
        double black = cases[i].range == NJ_RANGE_LIMITED ? 16 : 0;
        for (int y = 0; y < 71; y++)
            for (int x = 0; x < 93; x++) {
                double rgb[3];
                picture_content(x, y, 93, 71, rgb);
                double luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
                double chroma[2] = {(rgb[2] - luma) / 1.772, (rgb[0] - luma) / 1.402};
                uint8_t *plane = (uint8_t *)(uintptr_t)frame->planes[0];
                for (int c = 0; c < 3 && cases[i].format == NJ_PIXEL_RGB24; c++)
                    plane[y * frame->strides[0] + 3 * x + c] = (uint8_t)lrint(rgb[c]);
                if (cases[i].format == NJ_PIXEL_RGB24)
                    continue;
                plane[y * frame->strides[0] + x] = (uint8_t)lrint(luma * gain + black);
                for (int c = 1; c < 3 && frame->planes[c]; c++) {
                    int half_x = cases[i].format != NJ_PIXEL_I444;
                    int half_y = cases[i].format == NJ_PIXEL_I420;
                    ((uint8_t *)(uintptr_t)
                         frame->planes[c])[(y >> half_y) * frame->strides[c] + (x >> half_x)] =
                        (uint8_t)lrint(chroma[c - 1] * chroma_gain + 128);
                }
            }
        struct nj_picture_encode request = {95, cases[i].max_side, cases[i].max_side};
        void *bytes = NULL;
        size_t length = 0;
        assert_int_equal(nj_picture_encode_jpeg(frame, &request, &bytes, &length, NULL), 0);
        struct nj_frame *back = decode((struct made_picture){bytes, length}, &whole);
        assert_int_equal(back->width, cases[i].want_width);
        assert_int_equal(back->height, cases[i].want_height);
        double error = content_error(back, cases[i].format == NJ_PIXEL_GRAY, 0);
        if (error > 12)
            fail_msg("case %zu: off by %.1f", i, error);
        nj_frame_unref(back);
        nj_frame_unref(frame);
    }
}

int picture_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_of_every_sampling_decodes_to_its_content),
        cmocka_unit_test(jpeg_of_other_colour_spaces_decodes_to_its_content),
        cmocka_unit_test(png_of_every_kind_decodes_to_its_content),
        cmocka_unit_test(png_palette_becomes_its_colours),
        cmocka_unit_test(all_eight_orientations_become_upright),
        cmocka_unit_test(probe_tells_size_kind_and_labels),
        cmocka_unit_test(exif_time_knows_offsets_fallbacks_and_nonsense),
        cmocka_unit_test(jpeg_is_scaled_down_but_never_below_the_box),
        cmocka_unit_test(box_of_a_turned_picture_is_meant_upright),
        cmocka_unit_test(png_keeps_every_pixel_of_an_rgb_frame),
        cmocka_unit_test(encoded_frames_decode_to_the_same_content),
    };
    return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
