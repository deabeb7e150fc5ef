// SPDX-License-Identifier: Apache-2.0
// Pictures from strangers: truncated, damaged, lying about their size, bombs, and no pictures.
#include "frames/picture.h"

#include "picture_helper.h"

#include "util/mem.h"
#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int picture_bad_test(void);

static const struct nj_picture_limits limits = {1 << 20, 100};

static struct nj_picture_decoder *decoder;

static int create_decoder(void **state)
{
    (void)state;
    return nj_picture_decoder_create(&decoder);
}

static int destroy_decoder(void **state)
{
    (void)state;
    nj_picture_decoder_destroy(decoder);
    decoder = NULL;
    return 0;
}

// Decodes from memory of exactly that length; a frame is checked and dropped.
static int try_decode(const uint8_t *bytes, size_t length, bool strict, struct nj_error *err)
{
    uint8_t *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    struct nj_picture_request request = {
        .bytes = exact, .length = length, .limits = &limits, .strict = strict};
    struct nj_frame *frame = NULL;
    int result = nj_picture_decode(decoder, &request, &frame, err);
    free(exact);
    assert_int_equal(result == 0, frame != NULL); // out is untouched on failure
    unsigned sum = 0;
    for (int32_t y = 0; frame && y < frame->height; y++)
        sum += frame->planes[0][(ptrdiff_t)y * frame->strides[0] + frame->width - 1];
    assert_true(sum < 16384U * 256);
    nj_frame_unref(frame);
    return result;
}

static const struct picture_recipe kinds[] = {
    {.width = 160, .height = 120, .across = 2, .down = 2},
    {.width = 160, .height = 120, .across = 2, .down = 1, .progressive = true},
    {.width = 160, .height = 120, .colour = MADE_GREY},
    {.width = 160, .height = 120, .colour = MADE_CMYK},
    {.width = 160, .height = 120, .across = 4, .down = 1},
    {.width = 160, .height = 120, .colour = MADE_RGB}, // PNG from here on
    {.width = 160, .height = 120, .colour = MADE_RGBA, .bits = 16},
    {.width = 160, .height = 120, .colour = MADE_GREY, .progressive = true},
};
enum { FIRST_PNG = 5 };
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static struct made_picture make_kind(size_t kind)
{
    // cppcheck-suppress arrayIndexOutOfBoundsCond ; every caller stays below KINDS
    return kind >= FIRST_PNG ? make_png(&kinds[kind]) : make_jpeg(&kinds[kind]);
}

static void truncated_picture_is_corrupt_when_strict(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct made_picture made = make_kind(kind);
        assert_int_equal(try_decode(made.bytes, made.length, true, NULL), 0);
        for (size_t part = 1; part < 16; part++) {
            struct nj_error err = {0};
            int result = try_decode(made.bytes, made.length * part / 16, true, &err);
            if (result != NJ_E_CORRUPT || !err.text[0])
                fail_msg("kind %zu at %zu/16: %d %s", kind, part, result, err.text);
        }
        assert_int_equal(try_decode(made.bytes, made.length - 1, true, NULL), NJ_E_CORRUPT);
        free(made.bytes);
    }
}

static void truncated_picture_keeps_what_it_has_when_lenient(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct made_picture made = make_kind(kind);
        for (size_t part = 1; part < 16; part++) {
            struct nj_error err = {0};
            int result = try_decode(made.bytes, made.length * part / 16, false, &err);
            // By then the header is past; a cut through a later table of a progressive file is
            // final.
            bool may_fail = part < 12 || kinds[kind].progressive;
            if (result != 0 && (result != NJ_E_CORRUPT || !may_fail))
                fail_msg("kind %zu at %zu/16: %d %s", kind, part, result, err.text);
        }
        free(made.bytes);
    }
}

static void random_damage_never_breaks_the_decoder(void **state)
{
    (void)state;
    struct nj_rng rng;
    nj_rng_seed(&rng, 20260101);
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct made_picture made = make_kind(kind);
        uint8_t *damaged = malloc(made.length);
        assert_non_null(damaged);
        for (int round = 0; round < 150; round++) {
            memcpy(damaged, made.bytes, made.length);
            for (uint64_t i = 0; i < 1 + (uint64_t)round % 8; i++)
                damaged[nj_rng_below(&rng, made.length)] = (uint8_t)nj_rng_below(&rng, 256);
            int result = try_decode(damaged, made.length, round % 2, NULL);
            assert_true(result == 0 || result == NJ_E_CORRUPT || result == NJ_E_INVALID ||
                        result == NJ_E_TOO_BIG || result == NJ_E_UNSUPPORTED);
        }
        free(damaged);
        free(made.bytes);
    }
}

static void only_a_picture_without_its_end_is_called_cut(void **state)
{
    (void)state;
    struct made_picture pictures[] = {
        make_jpeg(&(struct picture_recipe){.width = 64, .height = 48}),
        make_png(&(struct picture_recipe){.width = 64, .height = 48, .colour = MADE_RGB}),
    };
    for (size_t i = 0; i < NJ_COUNT_OF(pictures); i++) {
        const size_t length = pictures[i].length;
        uint8_t *padded = calloc(1, length + 512); // as some FTP servers leave it
        assert_non_null(padded);
        memcpy(padded, pictures[i].bytes, length);
        assert_false(nj_picture_is_cut(padded, length));
        assert_false(nj_picture_is_cut(padded, length + 512));
        for (size_t kept = 0; kept < length; kept++)
            assert_true(nj_picture_is_cut(padded, kept));
        free(padded);
        free(pictures[i].bytes);
    }
}

static void what_is_no_picture_is_invalid(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\xff",
                                        "\xff\xd8",
                                        "\x89PNG",
                                        "GIF89a",
                                        "This is a letter named like a picture.",
                                        "RIFF1234WEBP"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct nj_error err = {0};
        int result = try_decode((const uint8_t *)texts[i], strlen(texts[i]), true, &err);
        assert_int_equal(result, NJ_E_INVALID);
        assert_non_null(strstr(err.text, "neither"));
    }
}

// Offset of the height in the frame header of a JPEG.
static size_t frame_header(struct made_picture made)
{
    for (size_t i = 2; i + 9 < made.length; i++)
        if (made.bytes[i] == 0xff && (made.bytes[i + 1] == 0xc0 || made.bytes[i + 1] == 0xc2))
            return i + 5;
    fail_msg("no frame header");
    return 0;
}

static void header_of_a_giant_is_too_big(void **state)
{
    (void)state;
    static const struct {
        unsigned width, height;
        int want;
    } cases[] = {{30000, 30000, NJ_E_TOO_BIG},
                 {65500, 1, NJ_E_TOO_BIG},
                 {1, 65500, NJ_E_TOO_BIG},
                 {10001, 10000, NJ_E_TOO_BIG},
                 {0, 100, NJ_E_CORRUPT}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct made_picture made = make_kind(0);
        uint8_t *size = made.bytes + frame_header(made);
        size[0] = (uint8_t)(cases[i].height >> 8);
        size[1] = (uint8_t)cases[i].height;
        size[2] = (uint8_t)(cases[i].width >> 8);
        size[3] = (uint8_t)cases[i].width;
        struct nj_picture_info info;
        assert_int_equal(nj_picture_probe(made.bytes, made.length, &limits, &info, NULL),
                         cases[i].want);
        assert_int_equal(try_decode(made.bytes, made.length, false, NULL), cases[i].want);
        free(made.bytes);

        made = make_kind(FIRST_PNG);
        uint8_t header[8] = {(uint8_t)(cases[i].width >> 24),  (uint8_t)(cases[i].width >> 16),
                             (uint8_t)(cases[i].width >> 8),   (uint8_t)cases[i].width,
                             (uint8_t)(cases[i].height >> 24), (uint8_t)(cases[i].height >> 16),
                             (uint8_t)(cases[i].height >> 8),  (uint8_t)cases[i].height};
        memcpy(made.bytes + 16, header, 8);
        assert_int_equal(try_decode(made.bytes, made.length, false, NULL), cases[i].want);
        free(made.bytes);
    }
}

static void file_beyond_the_limit_is_too_big(void **state)
{
    (void)state;
    static uint8_t bytes[(1 << 20) + 1] = {0xff, 0xd8, 0xff};
    struct nj_picture_info info;
    assert_int_equal(nj_picture_probe(bytes, sizeof(bytes), &limits, &info, NULL), NJ_E_TOO_BIG);
    assert_int_equal(nj_picture_probe(bytes, sizeof(bytes) - 1, &limits, &info, NULL),
                     NJ_E_CORRUPT);
}

static uint32_t crc32_of(const uint8_t *bytes, size_t length)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void put_be32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void png_that_cannot_hold_its_pixels_takes_no_memory(void **state)
{
    (void)state;
    struct made_picture made = make_kind(FIRST_PNG);
    put_be32(made.bytes + 16, 9000); // 243 MB of pixels in less than 100 KB
    put_be32(made.bytes + 20, 9000);
    put_be32(made.bytes + 29, crc32_of(made.bytes + 12, 17));
    struct nj_error err = {0};
    assert_int_equal(try_decode(made.bytes, made.length, false, &err), NJ_E_CORRUPT);
    assert_non_null(strstr(err.text, "cannot hold"));
    free(made.bytes);
}

static void endless_scans_are_refused(void **state)
{
    (void)state;
    struct made_picture made = make_kind(1);
    size_t last = 0;
    for (size_t i = 2; i + 1 < made.length; i++)
        if (made.bytes[i] == 0xff && made.bytes[i + 1] == 0xda)
            last = i;
    size_t scan = made.length - 2 - last;
    size_t total = made.length + 200 * scan;
    uint8_t *bomb = malloc(total);
    assert_non_null(bomb);
    memcpy(bomb, made.bytes, last);
    for (size_t i = 0; i < 201; i++)
        memcpy(bomb + last + i * scan, made.bytes + last, scan);
    memcpy(bomb + total - 2, "\xff\xd9", 2);
    assert_int_equal(try_decode(bomb, total, false, NULL), NJ_E_TOO_BIG);
    free(bomb);
    free(made.bytes);
}

static void tables_do_not_leak_into_the_next_picture(void **state)
{
    (void)state;
    struct made_picture made = make_kind(0);
    assert_int_equal(try_decode(made.bytes, made.length, true, NULL), 0);
    free(made.bytes);
    struct picture_recipe recipe = kinds[0];
    recipe.abbreviated = true; // needs the quantisation tables of a picture before it
    made = make_jpeg(&recipe);
    assert_int_equal(try_decode(made.bytes, made.length, true, NULL), NJ_E_CORRUPT);
    free(made.bytes);
}

static struct nj_frame *decode_kind(size_t kind)
{
    struct made_picture made = make_kind(kind);
    struct nj_picture_request request = {
        .bytes = made.bytes, .length = made.length, .limits = &limits, .strict = true};
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_picture_decode(decoder, &request, &frame, NULL), 0);
    free(made.bytes);
    return frame;
}

static void picture_after_a_damaged_one_is_as_if_it_were_alone(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++) {
        struct nj_frame *alone = decode_kind(kind);
        uint8_t tiff[512];
        struct exif_recipe exif = {.orientation = 7, .original = "2026:01:31 12:00:00"};
        struct picture_recipe recipe = {.width = 300,
                                        .height = 200,
                                        .progressive = true,
                                        .across = 4,
                                        .down = 1,
                                        .exif = tiff,
                                        .exif_length = make_exif(&exif, tiff)};
        struct made_picture made = make_jpeg(&recipe);
        assert_int_equal(try_decode(made.bytes, made.length * 9 / 10, true, NULL), NJ_E_CORRUPT);
        (void)try_decode(made.bytes, made.length * 9 / 10, false, NULL);
        free(made.bytes);
        struct nj_frame *after = decode_kind(kind);
        assert_int_equal(after->width, alone->width);
        assert_int_equal(after->captured_wall_us, 0);
        int bytes = alone->format == NJ_PIXEL_RGB24 ? 3 : 1;
        for (int32_t y = 0; y < alone->height; y++)
            assert_memory_equal(after->planes[0] + (ptrdiff_t)y * after->strides[0],
                                alone->planes[0] + (ptrdiff_t)y * alone->strides[0],
                                (size_t)(alone->width * bytes));
        nj_frame_unref(alone);
        nj_frame_unref(after);
    }
}

int picture_bad_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncated_picture_is_corrupt_when_strict),
        cmocka_unit_test(truncated_picture_keeps_what_it_has_when_lenient),
        cmocka_unit_test(random_damage_never_breaks_the_decoder),
        cmocka_unit_test(only_a_picture_without_its_end_is_called_cut),
        cmocka_unit_test(what_is_no_picture_is_invalid),
        cmocka_unit_test(header_of_a_giant_is_too_big),
        cmocka_unit_test(file_beyond_the_limit_is_too_big),
        cmocka_unit_test(png_that_cannot_hold_its_pixels_takes_no_memory),
        cmocka_unit_test(endless_scans_are_refused),
        cmocka_unit_test(tables_do_not_leak_into_the_next_picture),
        cmocka_unit_test(picture_after_a_damaged_one_is_as_if_it_were_alone),
    };
    return cmocka_run_group_tests_name("picture_bad", tests, create_decoder, destroy_decoder);
}
