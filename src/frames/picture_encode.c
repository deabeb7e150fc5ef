// SPDX-License-Identifier: Apache-2.0
// JPEG out of frames: planes go to the encoder as they are, band by band; only their range, and
// the size when a smaller one is wanted, are changed on the way.
#include "frames/jpeg_priv.h"
#include "frames/picture_priv.h"

#include <libyuv/convert.h>
#include <libyuv/scale.h>

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_OUTPUT_BYTES = 64 * 1024,
    MAX_OUTPUT_BYTES = 512 * 1024 * 1024, // beyond what 128 megapixels of noise take
    BAND_ROWS = 2 * DCTSIZE,              // of luma; chroma has as many or half
};

struct output {
    struct jpeg_destination_mgr manager; // first: libjpeg's `dest` points here
    uint8_t *bytes;
    size_t capacity;
};

struct encode_job {
    struct nj_jpeg_guard guard;
    struct jpeg_compress_struct info;
    struct output output;
    const struct nj_frame *frame; // of planes; borrowed
    int quality;
    uint8_t *bands[3]; // BAND_ROWS rows each, one allocation at bands[0]
    size_t band_strides[3];
    size_t length; // of the result
};

static struct output *output_of(j_compress_ptr info)
{
    return (struct output *)(void *)info->dest;
}

static void start_output(j_compress_ptr info)
{
    struct output *output = output_of(info);
    output->manager.next_output_byte = output->bytes;
    output->manager.free_in_buffer = output->capacity;
}

static boolean grow_output(j_compress_ptr info)
{
    struct output *output = output_of(info);
    uint8_t *bytes =
        output->capacity < MAX_OUTPUT_BYTES ? realloc(output->bytes, 2 * output->capacity) : NULL;
    if (!bytes) {
        struct nj_jpeg_guard *guard = (struct nj_jpeg_guard *)(void *)info->err;
        guard->code = NJ_E_NOMEM;
        longjmp(guard->exit, 1);
    }
    output->bytes = bytes;
    output->manager.next_output_byte = bytes + output->capacity;
    output->manager.free_in_buffer = output->capacity;
    output->capacity *= 2;
    return TRUE;
}

static void end_output(j_compress_ptr info)
{
    (void)info;
}

static int32_t plane_width(const struct nj_frame *frame, int plane)
{
    return plane && frame->format != NJ_PIXEL_I444 ? (frame->width + 1) / 2 : frame->width;
}

static int32_t plane_height(const struct nj_frame *frame, int plane)
{
    return plane && frame->format == NJ_PIXEL_I420 ? (frame->height + 1) / 2 : frame->height;
}

static uint8_t widen_level(int level, int black, int span)
{
    int widened = ((level - black) * 255 + span / 2) / span;
    return (uint8_t)(widened < 0 ? 0 : widened > 255 ? 255 : widened);
}

// Limited range to full, for luma and chroma.
static void range_tables(uint8_t luma[256], uint8_t chroma[256])
{
    for (int level = 0; level < 256; level++) {
        luma[level] = widen_level(level, 16, 219);
        int distance = (level - 128) * 255;
        int rounded = (distance + (distance < 0 ? -112 : 112)) / 224 + 128;
        chroma[level] = (uint8_t)(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
    }
}

struct band {
    int plane;
    int32_t first_row, rows;
    const uint8_t *table; // NULL: levels stay
};

// Copies rows into the band and repeats the last column and row up to whole blocks.
static void fill_band(struct encode_job *job, const struct band *band)
{
    int plane = band->plane;
    int32_t width = plane_width(job->frame, plane);
    int32_t last = plane_height(job->frame, plane) - 1;
    size_t stride = job->band_strides[plane];
    for (int32_t row = 0; row < band->rows; row++) {
        int32_t from = band->first_row + row < last ? band->first_row + row : last;
        const uint8_t *source =
            job->frame->planes[plane] + (ptrdiff_t)from * job->frame->strides[plane];
        uint8_t *target = job->bands[plane] + (size_t)row * stride;
        if (band->table) {
            for (int32_t x = 0; x < width; x++)
                target[x] = band->table[source[x]];
        } else {
            memcpy(target, source, (size_t)width);
        }
        memset(target + width, target[width - 1], stride - (size_t)width);
    }
}

static void set_sampling(struct encode_job *job)
{
    jpeg_component_info *luma = &job->info.comp_info[0];
    luma->h_samp_factor = plane_width(job->frame, 1) < job->frame->width ? 2 : 1;
    luma->v_samp_factor = plane_height(job->frame, 1) < job->frame->height ? 2 : 1;
    if (job->info.num_components == 1)
        luma->h_samp_factor = luma->v_samp_factor = 1;
    for (int i = 1; i < job->info.num_components; i++)
        job->info.comp_info[i].h_samp_factor = job->info.comp_info[i].v_samp_factor = 1;
}

static void start_encoding(struct encode_job *job)
{
    bool grey = job->frame->format == NJ_PIXEL_GRAY;
    jpeg_create_compress(&job->info);
    job->info.dest = &job->output.manager;
    job->info.image_width = (JDIMENSION)job->frame->width;
    job->info.image_height = (JDIMENSION)job->frame->height;
    job->info.input_components = grey ? 1 : 3;
    job->info.in_color_space = grey ? JCS_GRAYSCALE : JCS_YCbCr;
    jpeg_set_defaults(&job->info);
    jpeg_set_quality(&job->info, job->quality, TRUE);
    job->info.raw_data_in = TRUE;
    set_sampling(job);
    jpeg_start_compress(&job->info, TRUE);
}

static int encode_step(void *context)
{
    struct encode_job *job = context;
    start_encoding(job);
    uint8_t luma[256];
    uint8_t chroma[256];
    bool limited = job->frame->range == NJ_RANGE_LIMITED;
    range_tables(luma, chroma);
    JSAMPROW rows[3][BAND_ROWS];
    JSAMPARRAY tables[3] = {rows[0], rows[1], rows[2]};
    for (size_t i = 0; i < (size_t)job->info.num_components; i++)
        for (size_t row = 0; row < BAND_ROWS; row++)
            rows[i][row] = job->bands[i] + row * job->band_strides[i];
    int luma_rows = job->info.comp_info[0].v_samp_factor * DCTSIZE;
    while (job->info.next_scanline < job->info.image_height) {
        int32_t top = (int32_t)job->info.next_scanline;
        for (int i = 0; i < job->info.num_components; i++) {
            struct band band = {i, top, luma_rows, limited ? luma : NULL};
            if (i > 0) {
                band.first_row = top * DCTSIZE / luma_rows;
                band.rows = DCTSIZE;
                band.table = limited ? chroma : NULL;
            }
            fill_band(job, &band);
        }
        (void)jpeg_write_raw_data(&job->info, tables, (JDIMENSION)luma_rows);
    }
    jpeg_finish_compress(&job->info);
    job->length = job->output.capacity - job->output.manager.free_in_buffer;
    return NJ_OK;
}

static int job_init(struct encode_job *job, const struct nj_frame *frame, int quality)
{
    memset(job, 0, sizeof(*job));
    nj_jpeg_guard_init(&job->guard, true);
    job->info.err = &job->guard.manager;
    job->frame = frame;
    job->quality = quality < 1 ? 1 : quality > 100 ? 100 : quality;
    job->output.manager.init_destination = start_output;
    job->output.manager.empty_output_buffer = grow_output;
    job->output.manager.term_destination = end_output;
    const size_t blocks_px = 2 * (size_t)DCTSIZE; // as many as a row of interleaved blocks has
    size_t total = 0;
    for (int i = 0; i < 3; i++) {
        job->band_strides[i] =
            ((size_t)plane_width(frame, i) + blocks_px - 1) / blocks_px * blocks_px;
        total += job->band_strides[i] * BAND_ROWS;
    }
    job->bands[0] = malloc(total);
    job->output.bytes = malloc(FIRST_OUTPUT_BYTES);
    job->output.capacity = FIRST_OUTPUT_BYTES;
    if (!job->bands[0] || !job->output.bytes)
        return NJ_E_NOMEM;
    job->bands[1] = job->bands[0] + job->band_strides[0] * BAND_ROWS;
    job->bands[2] = job->bands[1] + job->band_strides[1] * BAND_ROWS;
    return NJ_OK;
}

static int encode_planes(const struct nj_frame *frame, int quality, void **out, size_t *out_length,
                         struct nj_error *err)
{
    struct encode_job job;
    int result = job_init(&job, frame, quality);
    if (result == NJ_OK) {
        result = nj_jpeg_guard_run(&job.guard, encode_step, &job);
        jpeg_destroy_compress(&job.info);
    }
    free(job.bands[0]);
    if (result < 0) {
        free(job.output.bytes);
        return nj_error_set(err, result, "cannot encode %d x %d pixels: %s", (int)frame->width,
                            (int)frame->height, job.guard.text[0] ? job.guard.text : "no memory");
    }
    *out = job.output.bytes;
    *out_length = job.length;
    return NJ_OK;
}

// *out gets a reference of its own, to `frame` itself when nothing is to be done.
static int to_planes(struct nj_frame *frame, struct nj_frame **out)
{
    if (frame->format != NJ_PIXEL_RGB24) {
        *out = nj_frame_ref(frame);
        return NJ_OK;
    }
    struct nj_frame *planes = NULL;
    int result = nj_frame_allocate(frame->width, frame->height, NJ_PIXEL_I420, &planes);
    if (result < 0)
        return result;
    RAWToJ420(frame->planes[0], frame->strides[0], nj_frame_plane(planes, 0), planes->strides[0],
              nj_frame_plane(planes, 1), planes->strides[1], nj_frame_plane(planes, 2),
              planes->strides[2], frame->width, frame->height);
    *out = planes;
    return NJ_OK;
}

static int32_t scaled(int32_t length, double factor)
{
    int32_t rounded = (int32_t)(length * factor + 0.5);
    return rounded < 1 ? 1 : rounded;
}

static int shrink(struct nj_frame *frame, const struct nj_picture_encode *request,
                  struct nj_frame **out)
{
    double across = request->max_width > 0 ? (double)request->max_width / frame->width : 1;
    double down = request->max_height > 0 ? (double)request->max_height / frame->height : 1;
    double factor = across < down ? across : down;
    if (factor >= 1) {
        *out = nj_frame_ref(frame);
        return NJ_OK;
    }
    struct nj_frame *small = NULL;
    int result = nj_frame_allocate(scaled(frame->width, factor), scaled(frame->height, factor),
                                   frame->format, &small);
    if (result < 0)
        return result;
    small->range = frame->range;
    for (int i = 0; i < 3 && frame->planes[i]; i++)
        ScalePlane(frame->planes[i], frame->strides[i], plane_width(frame, i),
                   plane_height(frame, i), nj_frame_plane(small, i), small->strides[i],
                   plane_width(small, i), plane_height(small, i), kFilterBox);
    *out = small;
    return NJ_OK;
}

int nj_picture_encode_jpeg(const struct nj_frame *frame, const struct nj_picture_encode *request,
                           void **out, size_t *out_length, struct nj_error *err)
{
    struct nj_frame *planes = NULL;
    struct nj_frame *small = NULL;
    // Counting is all that is done to the caller's frame.
    int result = to_planes((struct nj_frame *)(uintptr_t)frame, &planes);
    if (result == NJ_OK)
        result = shrink(planes, request, &small);
    if (result < 0)
        nj_error_set(err, result, "no memory to encode %d x %d pixels", (int)frame->width,
                     (int)frame->height);
    else
        result = encode_planes(small, request->quality, out, out_length, err);
    nj_frame_unref(small);
    nj_frame_unref(planes);
    return result;
}
