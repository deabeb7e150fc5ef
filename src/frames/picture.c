// SPDX-License-Identifier: Apache-2.0
// Which format a picture has, its limits, and the common part of decoding.
#include "frames/picture.h"

#include "frames/picture_priv.h"
#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

enum { PIXELS_PER_MEGAPIXEL = 1000000 };

static const struct nj_option picture_options[] = {
    {
        .name = "max_bytes",
        .type = NJ_OPTION_INT,
        .offset = offsetof(struct nj_picture_limits, max_bytes),
        .min = 1024,
        .max = 1024.0 * 1024 * 1024,
        .unit = "bytes",
        .fallback = "67108864",
        .help = "Largest picture file that is read; bigger ones are refused.",
    },
    {
        .name = "max_megapixels",
        .type = NJ_OPTION_INT,
        .offset = offsetof(struct nj_picture_limits, max_megapixels),
        .min = 1,
        .max = 128,
        .unit = "megapixels",
        .fallback = "100",
        .help = "Largest picture area that is decoded; lower it on a machine with little memory "
                "(a progressive picture takes up to 9 bytes a pixel while it is decoded).",
    },
};

const struct nj_option_group nj_picture_option_group = {
    .name = "picture",
    .title = "Pictures",
    .options = picture_options,
    .count = NJ_COUNT_OF(picture_options),
    .struct_size = sizeof(struct nj_picture_limits),
};

static const struct nj_picture_codec *const codecs[] = {
    &nj_picture_codec_jpeg,
    &nj_picture_codec_png,
};

struct nj_picture_decoder {
    struct nj_picture_scratch scratch;
};

uint8_t *nj_picture_scratch_take(struct nj_picture_scratch *scratch, size_t length)
{
    if (length <= scratch->capacity)
        return scratch->bytes;
    free(scratch->bytes); // nobody wants the old content: no realloc
    scratch->bytes = malloc(length);
    scratch->capacity = scratch->bytes ? length : 0;
    return scratch->bytes;
}

int nj_picture_decoder_create(struct nj_picture_decoder **out)
{
    struct nj_picture_decoder *decoder = calloc(1, sizeof(*decoder));
    if (!decoder)
        return NJ_E_NOMEM;
    *out = decoder;
    return NJ_OK;
}

void nj_picture_decoder_destroy(struct nj_picture_decoder *decoder)
{
    if (!decoder)
        return;
    free(decoder->scratch.bytes);
    free(decoder);
}

int nj_picture_check_size(int64_t width, int64_t height, const struct nj_picture_limits *limits,
                          struct nj_error *err)
{
    if (width <= 0 || height <= 0)
        return nj_error_set(err, NJ_E_CORRUPT, "picture of %lld x %lld pixels", (long long)width,
                            (long long)height);
    int64_t most = limits->max_megapixels * PIXELS_PER_MEGAPIXEL;
    if (width > NJ_FRAME_SIDE_MAX_PX || height > NJ_FRAME_SIDE_MAX_PX || width * height > most)
        return nj_error_set(err, NJ_E_TOO_BIG,
                            "picture of %lld x %lld pixels; at most %d a side and %lld megapixels",
                            (long long)width, (long long)height, NJ_FRAME_SIDE_MAX_PX,
                            (long long)limits->max_megapixels);
    return NJ_OK;
}

static int find_codec(struct nj_bytes bytes, const struct nj_picture_limits *limits,
                      const struct nj_picture_codec **out, struct nj_error *err)
{
    if (bytes.length > (uint64_t)limits->max_bytes)
        return nj_error_set(err, NJ_E_TOO_BIG, "picture file of %zu bytes; at most %lld",
                            bytes.length, (long long)limits->max_bytes);
    for (size_t i = 0; i < NJ_COUNT_OF(codecs); i++) {
        if (!codecs[i]->is_mine(bytes))
            continue;
        *out = codecs[i];
        return NJ_OK;
    }
    return nj_error_set(err, NJ_E_INVALID, "neither a JPEG nor a PNG picture (%zu bytes)",
                        bytes.length);
}

int nj_picture_probe(const void *bytes, size_t length, const struct nj_picture_limits *limits,
                     struct nj_picture_info *out, struct nj_error *err)
{
    struct nj_bytes input = {bytes, length};
    const struct nj_picture_codec *codec = NULL;
    int result = find_codec(input, limits, &codec, err);
    if (result < 0)
        return result;
    struct nj_picture_info info = {.orientation = 1, .mime = codec->mime};
    result = codec->probe(input, limits, &info, err);
    if (result == NJ_OK)
        *out = info;
    return result;
}

bool nj_picture_is_cut(const void *bytes, size_t length)
{
    static const uint8_t jpeg_end[] = {0xff, 0xd9};
    static const uint8_t png_end[] = {'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82}; // with its CRC
    const uint8_t *begin = bytes;
    const bool is_jpeg = length > 0 && begin[0] == 0xff;
    const uint8_t *end = is_jpeg ? jpeg_end : png_end;
    const size_t end_length = is_jpeg ? sizeof jpeg_end : sizeof png_end;
    while (length > 0 && begin[length - 1] == 0)
        length--;
    return length < end_length || memcmp(begin + length - end_length, end, end_length) != 0;
}

int nj_picture_decode(struct nj_picture_decoder *decoder, const struct nj_picture_request *request,
                      struct nj_frame **out, struct nj_error *err)
{
    struct nj_bytes input = {request->bytes, request->length};
    const struct nj_picture_codec *codec = NULL;
    int result = find_codec(input, request->limits, &codec, err);
    if (result < 0)
        return result;
    struct nj_frame *frame = NULL;
    struct nj_exif exif = {.orientation = 1};
    result = codec->decode(&decoder->scratch, request, &frame, &exif, err);
    if (result < 0)
        return result;
    frame->captured_wall_us = exif.taken_wall_us;
    result = nj_picture_orient(&frame, exif.orientation);
    if (result < 0) {
        nj_error_set(err, result, "no memory to turn a picture of %d x %d pixels",
                     (int)frame->width, (int)frame->height);
        nj_frame_unref(frame);
        return result;
    }
    *out = frame;
    return NJ_OK;
}
