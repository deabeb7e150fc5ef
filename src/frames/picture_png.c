// SPDX-License-Identifier: Apache-2.0
// PNG into RGB or grey frames. 16 bits are scaled to 8; transparent pixels show black, so that
// whatever colour lies hidden under them is not detected.
#include "frames/picture_priv.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

enum {
    SIGNATURE_BYTES = 8,
    IHDR_AT = 16, // width and height after signature, length and type
    IHDR_END = 29,
    MAX_CHUNK_BYTES = 8 << 20, // of one chunk that is kept; EXIF is below 64 KiB
    MAX_CHUNKS = 64,
    DEFLATE_MOST = 1032, // no deflate stream expands further
    GREY_LEVEL = 128,
};

struct png_job {
    png_structp png;
    png_infop info;
    struct nj_bytes bytes;
    size_t position;
    struct nj_error *err;
    const struct nj_picture_limits *limits;
    bool strict;
    bool begun; // rows are being read
    struct nj_frame *frame;
    png_bytep *rows;
    struct nj_exif exif;
    int code;
    char text[128];
};

static bool is_png(struct nj_bytes bytes)
{
    return bytes.length >= SIGNATURE_BYTES && png_sig_cmp(bytes.data, 0, SIGNATURE_BYTES) == 0;
}

static uint32_t read_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// Before libpng sees the file and takes memory for it.
static int check_header(struct nj_bytes bytes, const struct nj_picture_limits *limits,
                        struct nj_error *err)
{
    if (bytes.length < IHDR_END || memcmp(bytes.data + 12, "IHDR", 4) != 0)
        return nj_error_set(err, NJ_E_CORRUPT, "PNG: no header");
    return nj_picture_check_size(read_be32(bytes.data + IHDR_AT), read_be32(bytes.data + 20),
                                 limits, err);
}

static void leave_on_error(png_structp png, png_const_charp message)
{
    struct png_job *job = png_get_error_ptr(png);
    job->code = strstr(message, "memory") ? NJ_E_NOMEM : NJ_E_CORRUPT;
    (void)snprintf(job->text, sizeof(job->text), "%s", message);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep out, size_t count)
{
    struct png_job *job = png_get_io_ptr(png);
    if (count > job->bytes.length - job->position)
        png_error(png, "ends too early");
    memcpy(out, job->bytes.data + job->position, count);
    job->position += count;
}

static void set_limits(png_structp png)
{
    // Names of chunks, each with its terminating zero: text and profiles, which only cost.
    static const png_byte unwanted[] = "iCCP\0iTXt\0tEXt\0zTXt\0sPLT\0hIST";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unwanted, (int)(sizeof(unwanted) / 5));
    png_set_chunk_malloc_max(png, MAX_CHUNK_BYTES);
    png_set_chunk_cache_max(png, MAX_CHUNKS);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); // check_header was here before
}

static void read_exif(struct png_job *job)
{
    png_uint_32 length = 0;
    png_bytep tiff = NULL;
    if (png_get_eXIf_1(job->png, job->info, &length, &tiff) != 0 && tiff) {
        struct nj_bytes bytes = {tiff, length};
        nj_exif_read(bytes, &job->exif);
    }
}

static void set_transformations(struct png_job *job)
{
    png_color_16 black = {0};
    png_byte colour = png_get_color_type(job->png, job->info);
    bool has_alpha = (colour & PNG_COLOR_MASK_ALPHA) != 0 ||
                     png_get_valid(job->png, job->info, PNG_INFO_tRNS) != 0;
    png_set_expand(job->png);
    png_set_scale_16(job->png);
    if (has_alpha)
        png_set_background(job->png, &black, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
    (void)png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
}

static int allocate(struct png_job *job)
{
    uint32_t width = png_get_image_width(job->png, job->info);
    uint32_t height = png_get_image_height(job->png, job->info);
    bool grey = (png_get_color_type(job->png, job->info) & PNG_COLOR_MASK_COLOR) == 0;
    enum nj_pixel_format format = grey ? NJ_PIXEL_GRAY : NJ_PIXEL_RGB24;
    if (png_get_rowbytes(job->png, job->info) != (size_t)width * (grey ? 1 : 3))
        return nj_error_set(job->err, NJ_E_INTERNAL, "PNG: row of unforeseen size");
    int result = nj_frame_allocate((int32_t)width, (int32_t)height, format, &job->frame);
    job->rows = nj_malloc_array(height, sizeof(*job->rows));
    if (result < 0 || !job->rows)
        return nj_error_set(job->err, result < 0 ? result : NJ_E_NOMEM,
                            "no memory for a picture of %u x %u pixels", width, height);
    uint8_t *pixels = nj_frame_plane(job->frame, 0);
    size_t stride = (size_t)job->frame->strides[0];
    if (!job->strict)
        memset(pixels, GREY_LEVEL, stride * height);
    for (uint32_t y = 0; y < height; y++)
        job->rows[y] = pixels + y * stride;
    return NJ_OK;
}

// A file that could not hold its own picture is refused before memory is taken for it.
static int check_room(struct png_job *job)
{
    uint64_t height = png_get_image_height(job->png, job->info);
    uint64_t raw = png_get_rowbytes(job->png, job->info) * height;
    if (raw / DEFLATE_MOST > job->bytes.length)
        return nj_error_set(job->err, NJ_E_CORRUPT,
                            "PNG: %zu bytes cannot hold %llu bytes of pixels", job->bytes.length,
                            (unsigned long long)raw);
    return NJ_OK;
}

static int read_info(struct png_job *job)
{
    job->info = png_create_info_struct(job->png);
    if (!job->info)
        return nj_error_set(job->err, NJ_E_NOMEM, "no memory for a PNG reader");
    set_limits(job->png);
    png_set_read_fn(job->png, job, read_bytes);
    png_read_info(job->png, job->info);
    read_exif(job);
    return NJ_OK;
}

static int read_pixels(struct png_job *job)
{
    int result = check_room(job);
    if (result < 0)
        return result;
    set_transformations(job);
    result = allocate(job);
    if (result < 0)
        return result;
    job->begun = true;
    png_read_image(job->png, job->rows);
    png_read_end(job->png, job->info);
    read_exif(job); // the chunk may come after the pixels
    return NJ_OK;
}

static int run(struct png_job *job, int (*step)(struct png_job *job))
{
    if (setjmp(png_jmpbuf(job->png)) == 0)
        return step(job);
    if (job->begun && !job->strict && job->code != NJ_E_NOMEM)
        return NJ_OK; // what was read so far, grey below
    return nj_error_set(job->err, job->code, "PNG: %s", job->text);
}

static int job_init(struct png_job *job, struct nj_bytes bytes,
                    const struct nj_picture_limits *limits, struct nj_error *err)
{
    *job = (struct png_job){.bytes = bytes, .err = err, .limits = limits, .code = NJ_E_CORRUPT};
    job->exif.orientation = 1;
    int result = check_header(bytes, limits, err);
    if (result < 0)
        return result;
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, leave_on_error, ignore_warning);
    return job->png ? NJ_OK : nj_error_set(err, NJ_E_NOMEM, "no memory for a PNG reader");
}

static void job_finish(struct png_job *job)
{
    if (job->png)
        png_destroy_read_struct(&job->png, &job->info, NULL);
    free(job->rows);
}

static int probe_png(struct nj_bytes bytes, const struct nj_picture_limits *limits,
                     struct nj_picture_info *out, struct nj_error *err)
{
    struct png_job job;
    int result = job_init(&job, bytes, limits, err);
    if (result == NJ_OK)
        result = run(&job, read_info);
    if (result == NJ_OK) {
        out->width = (int32_t)png_get_image_width(job.png, job.info);
        out->height = (int32_t)png_get_image_height(job.png, job.info);
        out->orientation = job.exif.orientation;
        out->taken_wall_us = job.exif.taken_wall_us;
    }
    job_finish(&job);
    return result;
}

static int decode_png(struct nj_picture_scratch *scratch, const struct nj_picture_request *request,
                      struct nj_frame **out, struct nj_exif *out_exif, struct nj_error *err)
{
    (void)scratch;
    struct nj_bytes bytes = {request->bytes, request->length};
    struct png_job job;
    int result = job_init(&job, bytes, request->limits, err);
    job.strict = request->strict;
    if (result == NJ_OK)
        result = run(&job, read_info);
    if (result == NJ_OK)
        result = run(&job, read_pixels);
    job_finish(&job);
    if (result < 0) {
        nj_frame_unref(job.frame);
        return result;
    }
    *out = job.frame;
    *out_exif = job.exif;
    return NJ_OK;
}

const struct nj_picture_codec nj_picture_codec_png = {
    .mime = "image/png",
    .is_mine = is_png,
    .probe = probe_png,
    .decode = decode_png,
};
