// SPDX-License-Identifier: Apache-2.0
// JPEG into frames: the file's own planes wherever it has luma and chroma, never by way of RGB.
#include "frames/jpeg_priv.h"
#include "frames/picture_priv.h"

#include <libyuv/scale.h>

#include <string.h>

enum {
    MAX_SCANS = 64,         // real progressive files have about ten; each costs a whole pass
    MAX_ROWS = 4 * DCTSIZE, // of one component in a row of blocks
    EXIF_MARKER = JPEG_APP0 + 1,
    EXIF_PREFIX_BYTES = 6,
};

struct component_plane {
    uint8_t *pixels;
    int32_t stride;
    int32_t width, height;
};

struct jpeg_job {
    struct nj_jpeg_guard guard;
    struct jpeg_decompress_struct info;
    struct jpeg_progress_mgr progress;
    struct nj_bytes bytes;
    const struct nj_picture_limits *limits;
    const struct nj_picture_request *request;
    struct nj_picture_scratch *scratch;
    struct nj_error *err;
    struct nj_exif exif;
    struct nj_frame *frame;
};

static bool is_jpeg(struct nj_bytes bytes)
{
    return bytes.length >= 3 && memcmp(bytes.data, "\xff\xd8\xff", 3) == 0;
}

static void limit_scans(j_common_ptr common)
{
    struct jpeg_decompress_struct *info = (struct jpeg_decompress_struct *)(void *)common;
    if (info->input_scan_number <= MAX_SCANS)
        return;
    struct nj_jpeg_guard *guard = (struct nj_jpeg_guard *)(void *)info->err;
    guard->code = NJ_E_TOO_BIG;
    (void)snprintf(guard->text, sizeof(guard->text), "more than %d scans", MAX_SCANS);
    longjmp(guard->exit, 1);
}

static void read_markers(struct jpeg_job *job)
{
    for (jpeg_saved_marker_ptr marker = job->info.marker_list; marker; marker = marker->next) {
        if (marker->marker != EXIF_MARKER || marker->data_length <= EXIF_PREFIX_BYTES ||
            memcmp(marker->data, "Exif\0", EXIF_PREFIX_BYTES) != 0)
            continue;
        struct nj_bytes tiff = {marker->data + EXIF_PREFIX_BYTES,
                                marker->data_length - EXIF_PREFIX_BYTES};
        nj_exif_read(tiff, &job->exif);
        return;
    }
}

static int read_header(void *context)
{
    struct jpeg_job *job = context;
    jpeg_create_decompress(&job->info);
    job->info.progress = &job->progress;
    jpeg_mem_src(&job->info, job->bytes.data, job->bytes.length);
    jpeg_save_markers(&job->info, EXIF_MARKER, 0xffff);
    (void)jpeg_read_header(&job->info, TRUE);
    int result =
        nj_picture_check_size(job->info.image_width, job->info.image_height, job->limits, job->err);
    if (result == NJ_OK)
        read_markers(job);
    return result;
}

// Everything of the decoder is made and dropped per picture: libjpeg keeps tables from one picture
// for the next, and a stranger's abbreviated file must not be decoded with another one's.
static void job_init(struct jpeg_job *job, struct nj_bytes bytes, bool strict, struct nj_error *err)
{
    memset(job, 0, sizeof(*job));
    nj_jpeg_guard_init(&job->guard, strict);
    job->info.err = &job->guard.manager;
    job->progress.progress_monitor = limit_scans;
    job->bytes = bytes;
    job->err = err;
    job->exif.orientation = 1;
}

static void job_finish(struct jpeg_job *job)
{
    jpeg_destroy_decompress(&job->info);
}

// A step's own failure has its record already; libjpeg's gets it here.
static int run(struct jpeg_job *job, int (*step)(void *job))
{
    job->guard.text[0] = '\0';
    int result = nj_jpeg_guard_run(&job->guard, step, job);
    if (result < 0 && job->guard.text[0])
        return nj_error_set(job->err, result, "JPEG: %s", job->guard.text);
    return result;
}

static int probe_jpeg(struct nj_bytes bytes, const struct nj_picture_limits *limits,
                      struct nj_picture_info *out, struct nj_error *err)
{
    struct jpeg_job job;
    job_init(&job, bytes, true, err);
    job.limits = limits;
    int result = run(&job, read_header);
    if (result == NJ_OK) {
        out->width = (int32_t)job.info.image_width;
        out->height = (int32_t)job.info.image_height;
        out->orientation = job.exif.orientation;
        out->taken_wall_us = job.exif.taken_wall_us;
    }
    job_finish(&job);
    return result;
}

// Eighths to decode at. Only halvings: libjpeg-turbo has vector code for these, and its plain code
// for the sizes between them takes longer than the whole picture.
static unsigned choose_eighths(const struct jpeg_job *job)
{
    double box_width = job->request->least_width;
    double box_height = job->request->least_height;
    if (box_width <= 0 || box_height <= 0)
        return 8;
    if (job->exif.orientation >= 5) {
        double swapped = box_width;
        box_width = box_height;
        box_height = swapped;
    }
    double across = box_width / job->info.image_width;
    double down = box_height / job->info.image_height;
    double fit = across < down ? across : down;
    unsigned eighths = 8;
    while (eighths > 1 && eighths / 16.0 >= fit)
        eighths /= 2;
    return eighths;
}

static int allocate(struct jpeg_job *job, enum nj_pixel_format format)
{
    int result = nj_frame_allocate((int32_t)job->info.output_width,
                                   (int32_t)job->info.output_height, format, &job->frame);
    if (result < 0)
        return nj_error_set(job->err, result, "no memory for a picture of %u x %u pixels",
                            job->info.output_width, job->info.output_height);
    job->frame->range = NJ_RANGE_FULL;
    job->frame->full_width = (int32_t)job->info.image_width;
    job->frame->full_height = (int32_t)job->info.image_height;
    return NJ_OK;
}

static int32_t written_width(const jpeg_component_info *component)
{
    return (int32_t)component->width_in_blocks * component->DCT_scaled_size;
}

static bool component_is(const struct jpeg_job *job, int index, int shrink_x, int shrink_y)
{
    const jpeg_component_info *component = &job->info.comp_info[index];
    unsigned across = (unsigned)shrink_x;
    unsigned down = (unsigned)shrink_y;
    return component->downsampled_width == (job->info.output_width + across - 1) / across &&
           component->downsampled_height == (job->info.output_height + down - 1) / down;
}

// The frame format whose planes are the file's components; false when there is none (4:4:0, 4:1:1
// and odder ones).
static bool format_of(const struct jpeg_job *job, enum nj_pixel_format *out)
{
    static const struct {
        enum nj_pixel_format format;
        int shrink_x, shrink_y;
    } formats[] = {{NJ_PIXEL_I420, 2, 2}, {NJ_PIXEL_I422, 2, 1}, {NJ_PIXEL_I444, 1, 1}};
    if (!component_is(job, 0, 1, 1))
        return false;
    if (job->info.num_components == 1) {
        *out = NJ_PIXEL_GRAY;
        return true;
    }
    for (int i = 0; i < 3; i++) {
        if (component_is(job, 1, formats[i].shrink_x, formats[i].shrink_y) &&
            component_is(job, 2, formats[i].shrink_x, formats[i].shrink_y)) {
            *out = formats[i].format;
            return true;
        }
    }
    return false;
}

// Decodes every row of blocks; rows below a plane's end go to `spill`.
static void read_planes(struct jpeg_job *job, const struct component_plane planes[3],
                        uint8_t *spill)
{
    struct jpeg_decompress_struct *info = &job->info;
    JSAMPROW rows[3][MAX_ROWS];
    JSAMPARRAY tables[3] = {rows[0], rows[1], rows[2]};
    int done[3] = {0};
    unsigned lines = (unsigned)(info->max_v_samp_factor * info->min_DCT_scaled_size);
    while (info->output_scanline < info->output_height) {
        for (int i = 0; i < info->num_components; i++) {
            const jpeg_component_info *component = &info->comp_info[i];
            int count = component->v_samp_factor * component->DCT_scaled_size;
            for (int row = 0; row < count; row++, done[i]++)
                rows[i][row] = done[i] < planes[i].height
                                   ? planes[i].pixels + (ptrdiff_t)done[i] * planes[i].stride
                                   : spill;
        }
        if (jpeg_read_raw_data(info, tables, lines) == 0)
            return;
    }
}

static int decode_into_frame(struct jpeg_job *job, enum nj_pixel_format format)
{
    int result = allocate(job, format);
    if (result < 0)
        return result;
    struct component_plane planes[3] = {{0}};
    int32_t widest = 0;
    for (int i = 0; i < job->info.num_components; i++) {
        planes[i] = (struct component_plane){
            .pixels = nj_frame_plane(job->frame, i),
            .stride = job->frame->strides[i],
            .width = (int32_t)job->info.comp_info[i].downsampled_width,
            .height = (int32_t)job->info.comp_info[i].downsampled_height,
        };
        int32_t written = written_width(&job->info.comp_info[i]);
        if (written > planes[i].stride) // cannot be for halvings; never write beyond a row
            return nj_error_set(job->err, NJ_E_INTERNAL, "JPEG rows of %d bytes", (int)written);
        widest = widest > written ? widest : written;
    }
    uint8_t *spill = nj_picture_scratch_take(job->scratch, (size_t)widest);
    if (!spill)
        return nj_error_set(job->err, NJ_E_NOMEM, "no memory for a row");
    read_planes(job, planes, spill);
    return NJ_OK;
}

// Components of sizes that frames do not know are spread to full size.
static int decode_by_scaling(struct jpeg_job *job)
{
    int result = allocate(job, job->info.num_components == 1 ? NJ_PIXEL_GRAY : NJ_PIXEL_I444);
    if (result < 0)
        return result;
    struct component_plane planes[3] = {{0}};
    size_t total = 0;
    size_t widest = 0;
    for (int i = 0; i < job->info.num_components; i++) {
        const jpeg_component_info *component = &job->info.comp_info[i];
        planes[i].stride = written_width(component);
        planes[i].width = (int32_t)component->downsampled_width;
        planes[i].height = (int32_t)component->downsampled_height;
        total += (size_t)planes[i].stride * (size_t)planes[i].height;
        widest = widest > (size_t)planes[i].stride ? widest : (size_t)planes[i].stride;
    }
    uint8_t *memory = nj_picture_scratch_take(job->scratch, total + widest);
    if (!memory)
        return nj_error_set(job->err, NJ_E_NOMEM, "no memory for %zu bytes of planes", total);
    uint8_t *next = memory;
    for (int i = 0; i < job->info.num_components; i++) {
        planes[i].pixels = next;
        next += (size_t)planes[i].stride * (size_t)planes[i].height;
    }
    read_planes(job, planes, next);
    for (int i = 0; i < job->info.num_components; i++)
        ScalePlane(planes[i].pixels, planes[i].stride, planes[i].width, planes[i].height,
                   nj_frame_plane(job->frame, i), job->frame->strides[i], job->frame->width,
                   job->frame->height, kFilterBilinear);
    return NJ_OK;
}

static int decode_planes(struct jpeg_job *job)
{
    job->info.raw_data_out = TRUE;
    (void)jpeg_start_decompress(&job->info);
    enum nj_pixel_format format;
    if (format_of(job, &format))
        return decode_into_frame(job, format);
    return decode_by_scaling(job);
}

static int decode_rgb(struct jpeg_job *job)
{
    job->info.out_color_space = JCS_RGB;
    (void)jpeg_start_decompress(&job->info);
    int result = allocate(job, NJ_PIXEL_RGB24);
    while (result == NJ_OK && job->info.output_scanline < job->info.output_height) {
        JSAMPROW row = nj_frame_plane(job->frame, 0) +
                       (ptrdiff_t)job->info.output_scanline * job->frame->strides[0];
        (void)jpeg_read_scanlines(&job->info, &row, 1);
    }
    return result;
}

static void ink_to_rgb(const uint8_t *ink, int32_t count, bool inverted, uint8_t *rgb)
{
    unsigned flip = inverted ? 0 : 255;
    for (int32_t x = 0; x < count; x++, ink += 4, rgb += 3) {
        unsigned light = ink[3] ^ flip;
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(((ink[c] ^ flip) * light + 127) / 255);
    }
}

// Adobe's programs store ink upside down (255 is none) and mark the file with their segment.
static int decode_ink(struct jpeg_job *job)
{
    job->info.out_color_space = JCS_CMYK;
    (void)jpeg_start_decompress(&job->info);
    int result = allocate(job, NJ_PIXEL_RGB24);
    if (result < 0)
        return result;
    uint8_t *ink = nj_picture_scratch_take(job->scratch, 4 * (size_t)job->info.output_width);
    if (!ink)
        return nj_error_set(job->err, NJ_E_NOMEM, "no memory for a row");
    bool inverted = job->info.saw_Adobe_marker;
    while (job->info.output_scanline < job->info.output_height) {
        uint8_t *rgb = nj_frame_plane(job->frame, 0) +
                       (ptrdiff_t)job->info.output_scanline * job->frame->strides[0];
        JSAMPROW row = ink;
        if (jpeg_read_scanlines(&job->info, &row, 1) == 1)
            ink_to_rgb(ink, job->frame->width, inverted, rgb);
    }
    return NJ_OK;
}

static int decode_pixels(void *context)
{
    struct jpeg_job *job = context;
    job->info.scale_num = choose_eighths(job);
    job->info.scale_denom = 8;
    int result;
    switch (job->info.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_YCbCr:
        result = decode_planes(job);
        break;
    case JCS_RGB:
        result = decode_rgb(job);
        break;
    case JCS_CMYK:
    case JCS_YCCK:
        result = decode_ink(job);
        break;
    default:
        return nj_error_set(job->err, NJ_E_UNSUPPORTED, "JPEG with %d components of unknown colour",
                            job->info.num_components);
    }
    if (result == NJ_OK)
        (void)jpeg_finish_decompress(&job->info); // reads to the end mark, which may be missing
    return result;
}

static int decode_jpeg(struct nj_picture_scratch *scratch, const struct nj_picture_request *request,
                       struct nj_frame **out, struct nj_exif *out_exif, struct nj_error *err)
{
    struct nj_bytes bytes = {request->bytes, request->length};
    struct jpeg_job job;
    job_init(&job, bytes, request->strict, err);
    job.limits = request->limits;
    job.request = request;
    job.scratch = scratch;
    int result = run(&job, read_header);
    if (result == NJ_OK)
        result = run(&job, decode_pixels);
    job_finish(&job);
    if (result < 0) {
        nj_frame_unref(job.frame);
        return result;
    }
    *out = job.frame;
    *out_exif = job.exif;
    return NJ_OK;
}

const struct nj_picture_codec nj_picture_codec_jpeg = {
    .mime = "image/jpeg",
    .is_mine = is_jpeg,
    .probe = probe_jpeg,
    .decode = decode_jpeg,
};
