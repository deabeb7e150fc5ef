// SPDX-License-Identifier: Apache-2.0
// Test pictures made on the spot with the reference encoders, and the content they show.
#ifndef NJ_TESTS_PICTURE_HELPER_H
#define NJ_TESTS_PICTURE_HELPER_H

#include "frames/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct made_picture {
    uint8_t *bytes; // free()
    size_t length;
};

enum made_colour { MADE_YCC, MADE_GREY, MADE_RGB, MADE_CMYK, MADE_YCCK, MADE_RGBA, MADE_PALETTE };

struct picture_recipe {
    int width, height; // as stored
    enum made_colour colour;
    int across, down;    // JPEG: luma samples per chroma sample, 0 means 1
    bool progressive;    // JPEG; PNG: interlaced
    bool plain_ink;      // CMYK without Adobe's segment, not inverted
    bool abbreviated;    // JPEG without its tables
    int bits;            // PNG: 1..16, 0 means 8
    int orientation;     // the content is stored turned for this EXIF value; 0: 1
    const uint8_t *exif; // TIFF block to embed, or NULL
    size_t exif_length;
};

// R, G, B of the upright content: a ramp that no mirror or turn maps to itself.
void picture_content(int x, int y, int width, int height, double rgb[3]);

struct made_picture make_jpeg(const struct picture_recipe *recipe);
struct made_picture make_png(const struct picture_recipe *recipe);

// TIFF blocks by hand. Texts may be NULL.
struct exif_recipe {
    bool little_endian;
    int orientation;
    const char *changed, *original, *offset_original, *subseconds;
};
size_t make_exif(const struct exif_recipe *recipe, uint8_t out[512]);

// R, G, B of one pixel of a frame in double precision; chroma interpolated between its samples.
void frame_rgb_at(const struct nj_frame *frame, int32_t x, int32_t y, double rgb[3]);

#endif
