// SPDX-License-Identifier: Apache-2.0
// Test pictures made on the spot with the reference encoders.
#include "picture_helper.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <png.h>

void picture_content(int x, int y, int width, int height, double rgb[3])
{
    double across = (x + 0.5) / width;
    double down = (y + 0.5) / height;
    rgb[0] = 60 + 120 * across;
    rgb[1] = 60 + 120 * down;
    rgb[2] = 100 + 40 * across - 30 * down;
}

// Content as a camera held for `orientation` would store it.
static void stored_content(const struct picture_recipe *recipe, int x, int y, double rgb[3])
{
    int w = recipe->width;
    int h = recipe->height;
    const int upright[9][2] = {{x, y},         {x, y}, {w - 1 - x, y}, {w - 1 - x, h - 1 - y},
                               {x, h - 1 - y}, {y, x}, {h - 1 - y, x}, {h - 1 - y, w - 1 - x},
                               {y, w - 1 - x}};
    bool turned = recipe->orientation >= 5;
    const int *at = upright[recipe->orientation];
    picture_content(at[0], at[1], turned ? h : w, turned ? w : h, rgb);
}

static double luma_of(const double rgb[3])
{
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

static void jpeg_pixel(const struct picture_recipe *recipe, int x, int y, uint8_t *out)
{
    double rgb[3];
    stored_content(recipe, x, y, rgb);
    switch (recipe->colour) {
    case MADE_GREY:
        out[0] = (uint8_t)lrint(luma_of(rgb));
        return;
    case MADE_CMYK:
    case MADE_YCCK:
        // All the dark in the colours but a fifth of black.
        for (int c = 0; c < 3; c++) {
            double ink = 255 - rgb[c] / 0.8;
            out[c] = (uint8_t)lrint(recipe->plain_ink ? ink : 255 - ink);
        }
        out[3] = recipe->plain_ink ? 51 : 204;
        return;
    default:
        for (int c = 0; c < 3; c++)
            out[c] = (uint8_t)lrint(rgb[c]);
    }
}

static void set_jpeg_colours(struct jpeg_compress_struct *info, const struct picture_recipe *recipe)
{
    static const struct {
        J_COLOR_SPACE in, stored;
        int components;
    } spaces[] = {[MADE_YCC] = {JCS_RGB, JCS_YCbCr, 3},
                  [MADE_GREY] = {JCS_GRAYSCALE, JCS_GRAYSCALE, 1},
                  [MADE_RGB] = {JCS_RGB, JCS_RGB, 3},
                  [MADE_CMYK] = {JCS_CMYK, JCS_CMYK, 4},
                  [MADE_YCCK] = {JCS_CMYK, JCS_YCCK, 4}};
    info->input_components = spaces[recipe->colour].components;
    info->in_color_space = spaces[recipe->colour].in;
    jpeg_set_defaults(info);
    jpeg_set_colorspace(info, spaces[recipe->colour].stored);
    jpeg_set_quality(info, 96, TRUE);
    if (recipe->colour == MADE_YCC) {
        info->comp_info[0].h_samp_factor = recipe->across ? recipe->across : 1;
        info->comp_info[0].v_samp_factor = recipe->down ? recipe->down : 1;
    }
    if (recipe->plain_ink)
        info->write_Adobe_marker = FALSE;
    if (recipe->progressive)
        jpeg_simple_progression(info);
    if (recipe->abbreviated)
        jpeg_suppress_tables(info, TRUE);
}

static void write_jpeg_exif(struct jpeg_compress_struct *info, const struct picture_recipe *recipe)
{
    uint8_t segment[6 + 512] = "Exif\0";
    if (!recipe->exif)
        return;
    assert_true(recipe->exif_length <= 512);
    memcpy(segment + 6, recipe->exif, recipe->exif_length);
    jpeg_write_marker(info, JPEG_APP0 + 1, segment, (unsigned)(6 + recipe->exif_length));
}

struct made_picture make_jpeg(const struct picture_recipe *recipe)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long length = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &length);
    info.image_width = (JDIMENSION)recipe->width;
    info.image_height = (JDIMENSION)recipe->height;
    set_jpeg_colours(&info, recipe);
    jpeg_start_compress(&info, recipe->abbreviated ? FALSE : TRUE);
    write_jpeg_exif(&info, recipe);
    uint8_t *row = malloc((size_t)recipe->width * 4);
    assert_non_null(row);
    for (int y = 0; y < recipe->height; y++) {
        for (int x = 0; x < recipe->width; x++)
            jpeg_pixel(recipe, x, y, row + x * info.input_components);
        JSAMPROW rows[1] = {row};
        (void)jpeg_write_scanlines(&info, rows, 1);
    }
    free(row);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return (struct made_picture){bytes, length};
}

static void append_png(png_structp png, png_bytep bytes, size_t count)
{
    struct made_picture *made = png_get_io_ptr(png);
    uint8_t *grown = realloc(made->bytes, made->length + count);
    assert_non_null(grown);
    memcpy(grown + made->length, bytes, count);
    made->bytes = grown;
    made->length += count;
}

// Samples of one pixel in 16 bits. Alpha is 0 in the left quarter, else full.
static int png_pixel(const struct picture_recipe *recipe, int x, int y, unsigned out[4])
{
    double rgb[3];
    stored_content(recipe, x, y, rgb);
    if (recipe->colour == MADE_GREY) {
        out[0] = (unsigned)lrint(luma_of(rgb) * 257);
        return 1;
    }
    if (recipe->colour == MADE_PALETTE) {
        out[0] = (unsigned)lrint(luma_of(rgb)) << 8;
        return 1;
    }
    for (int c = 0; c < 3; c++)
        out[c] = (unsigned)lrint(rgb[c] * 257);
    out[3] = x < recipe->width / 4 ? 0 : 65535;
    return recipe->colour == MADE_RGBA ? 4 : 3;
}

static void png_row(const struct picture_recipe *recipe, int y, uint8_t *row)
{
    int bits = recipe->bits ? recipe->bits : 8;
    int at = 0; // bit position
    memset(row, 0, (size_t)recipe->width * 8);
    for (int x = 0; x < recipe->width; x++) {
        unsigned samples[4];
        int count = png_pixel(recipe, x, y, samples);
        for (int c = 0; c < count; c++, at += bits) {
            unsigned value = samples[c] >> (16 - bits);
            if (bits == 16)
                row[at / 8] = (uint8_t)(value >> 8);
            int place = bits == 16 ? at / 8 + 1 : at / 8;
            int shift = bits >= 8 ? 0 : 8 - bits - at % 8;
            row[place] = (uint8_t)(row[place] | value << shift);
        }
    }
}

static void set_png_colours(png_structp png, png_infop info, const struct picture_recipe *recipe)
{
    static const int types[] = {[MADE_GREY] = PNG_COLOR_TYPE_GRAY,
                                [MADE_RGB] = PNG_COLOR_TYPE_RGB,
                                [MADE_RGBA] = PNG_COLOR_TYPE_RGBA,
                                [MADE_PALETTE] = PNG_COLOR_TYPE_PALETTE};
    png_set_IHDR(png, info, (png_uint_32)recipe->width, (png_uint_32)recipe->height,
                 recipe->bits ? recipe->bits : 8, types[recipe->colour],
                 recipe->progressive ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (recipe->colour != MADE_PALETTE)
        return;
    png_color palette[256]; // warm greys
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){(png_byte)i, (png_byte)(i * 3 / 4), (png_byte)(i / 2)};
    png_set_PLTE(png, info, palette, 256);
}

struct made_picture make_png(const struct picture_recipe *recipe)
{
    struct made_picture made = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_non_null(info);
    png_set_write_fn(png, &made, append_png, NULL);
    set_png_colours(png, info, recipe);
    if (recipe->exif)
        png_set_eXIf_1(png, info, (png_uint_32)recipe->exif_length,
                       (png_bytep)(uintptr_t)recipe->exif);
    png_write_info(png, info);
    size_t stride = (size_t)recipe->width * 8;
    uint8_t *pixels = malloc(stride * (size_t)recipe->height);
    png_bytep *rows = malloc((size_t)recipe->height * sizeof(*rows));
    assert_non_null(pixels);
    assert_non_null(rows);
    for (int y = 0; y < recipe->height; y++) {
        rows[y] = pixels + (size_t)y * stride;
        png_row(recipe, y, rows[y]);
    }
    png_write_image(png, rows);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(rows);
    free(pixels);
    return made;
}

struct exif_writer {
    uint8_t *out;
    bool little_endian;
    size_t entry, data;
};

static void put(struct exif_writer *writer, size_t at, uint32_t value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        writer->out[at + i] = (uint8_t)(value >> 8 * (writer->little_endian ? i : length - 1 - i));
}

static void put_entry(struct exif_writer *writer, uint32_t tag, uint32_t type, uint32_t value)
{
    put(writer, writer->entry, tag, 2);
    put(writer, writer->entry + 2, type, 2);
    put(writer, writer->entry + 4, 1, 4);
    put(writer, writer->entry + 8, value, type == 3 ? 2 : 4);
    writer->entry += 12;
}

static void put_text(struct exif_writer *writer, uint32_t tag, const char *text)
{
    size_t length = text ? strlen(text) + 1 : 0;
    put(writer, writer->entry, tag, 2);
    put(writer, writer->entry + 2, 2, 2);
    put(writer, writer->entry + 4, (uint32_t)length, 4);
    if (length > 4)
        put(writer, writer->entry + 8, (uint32_t)writer->data, 4);
    if (length > 0)
        memcpy(writer->out + (length > 4 ? writer->data : writer->entry + 8), text, length);
    writer->data += length > 4 ? length : 0;
    writer->entry += 12;
}

size_t make_exif(const struct exif_recipe *recipe, uint8_t out[512])
{
    // First directory of 3 entries at 8, Exif directory of 3 at 64, texts from 128 on.
    struct exif_writer writer = {out, recipe->little_endian, 10, 128};
    memset(out, 0, 512);
    memcpy(out, recipe->little_endian ? "II*\0" : "MM\0*", 4);
    put(&writer, 4, 8, 4);
    put(&writer, 8, 3, 2);
    put_entry(&writer, 0x0112, 3, (uint32_t)recipe->orientation);
    put_text(&writer, 0x0132, recipe->changed);
    put_entry(&writer, 0x8769, 4, 64);
    put(&writer, 64, 3, 2);
    writer.entry = 66;
    put_text(&writer, 0x9003, recipe->original);
    put_text(&writer, 0x9011, recipe->offset_original);
    put_text(&writer, 0x9291, recipe->subseconds);
    return writer.data;
}

static double sample_plane(const struct nj_frame *frame, int plane, double x, double y)
{
    bool half_x = frame->format != NJ_PIXEL_I444;
    bool half_y = frame->format == NJ_PIXEL_I420;
    int32_t width = half_x ? (frame->width + 1) / 2 : frame->width;
    int32_t height = half_y ? (frame->height + 1) / 2 : frame->height;
    x = fmin(fmax(half_x ? (x + 0.5) / 2 - 0.5 : x, 0), width - 1);
    y = fmin(fmax(half_y ? (y + 0.5) / 2 - 0.5 : y, 0), height - 1);
    int32_t left = (int32_t)x;
    int32_t top = (int32_t)y;
    double sum = 0;
    for (int32_t row = top; row <= top + 1 && row < height; row++)
        for (int32_t column = left; column <= left + 1 && column < width; column++)
            sum += frame->planes[plane][(ptrdiff_t)row * frame->strides[plane] + column] *
                   (1 - fabs(y - row)) * (1 - fabs(x - column));
    return sum;
}

void frame_rgb_at(const struct nj_frame *frame, int32_t x, int32_t y, double rgb[3])
{
    const uint8_t *row = frame->planes[0] + (ptrdiff_t)y * frame->strides[0];
    if (frame->format == NJ_PIXEL_RGB24) {
        for (int c = 0; c < 3; c++)
            rgb[c] = row[3 * x + c];
        return;
    }
    double luma = row[x];
    double u = 0;
    double v = 0;
    if (frame->format != NJ_PIXEL_GRAY) {
        u = sample_plane(frame, 1, x, y) - 128;
        v = sample_plane(frame, 2, x, y) - 128;
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
