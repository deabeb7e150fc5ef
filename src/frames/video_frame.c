// SPDX-License-Identifier: Apache-2.0
// Decoded video frames without a copy where the layout fits, through libyuv where it does not.
#include "frames/video_frame.h"

#include "frames/picture_priv.h"

#include <libavutil/log.h>
#include <libavutil/pixdesc.h>
#include <libyuv/convert.h>
#include <libyuv/planar_functions.h>
#include <libyuv/scale.h>

#include <pthread.h>
#include <string.h>

struct shared_format {
    enum AVPixelFormat from;
    enum nj_pixel_format to;
    bool full_range; // whatever the frame says
};

static const struct shared_format shared_formats[] = {
    {AV_PIX_FMT_YUV420P, NJ_PIXEL_I420, false}, {AV_PIX_FMT_YUVJ420P, NJ_PIXEL_I420, true},
    {AV_PIX_FMT_YUV422P, NJ_PIXEL_I422, false}, {AV_PIX_FMT_YUVJ422P, NJ_PIXEL_I422, true},
    {AV_PIX_FMT_YUV444P, NJ_PIXEL_I444, false}, {AV_PIX_FMT_YUVJ444P, NJ_PIXEL_I444, true},
    {AV_PIX_FMT_GRAY8, NJ_PIXEL_GRAY, false},   {AV_PIX_FMT_RGB24, NJ_PIXEL_RGB24, true},
};

struct target {
    uint8_t *planes[3];
    int strides[3];
    int width, height;
};

static int from_nv12(const AVFrame *from, const struct target *to)
{
    return NV12ToI420(from->data[0], from->linesize[0], from->data[1], from->linesize[1],
                      to->planes[0], to->strides[0], to->planes[1], to->strides[1], to->planes[2],
                      to->strides[2], to->width, to->height);
}

static int from_nv21(const AVFrame *from, const struct target *to)
{
    return NV21ToI420(from->data[0], from->linesize[0], from->data[1], from->linesize[1],
                      to->planes[0], to->strides[0], to->planes[1], to->strides[1], to->planes[2],
                      to->strides[2], to->width, to->height);
}

typedef int (*packed_to_i420)(const uint8_t *from, int from_stride, uint8_t *y, int y_stride,
                              uint8_t *u, int u_stride, uint8_t *v, int v_stride, int width,
                              int height);

static int from_packed(packed_to_i420 convert, const AVFrame *from, const struct target *to)
{
    return convert(from->data[0], from->linesize[0], to->planes[0], to->strides[0], to->planes[1],
                   to->strides[1], to->planes[2], to->strides[2], to->width, to->height);
}

static int from_yuyv(const AVFrame *from, const struct target *to)
{
    return from_packed(YUY2ToI420, from, to);
}

static int from_uyvy(const AVFrame *from, const struct target *to)
{
    return from_packed(UYVYToI420, from, to);
}

// libyuv names packed formats by their value in a register, FFmpeg by their bytes.
static int from_bgr24(const AVFrame *from, const struct target *to)
{
    return from_packed(RGB24ToI420, from, to);
}

static int from_bgra(const AVFrame *from, const struct target *to)
{
    return from_packed(ARGBToI420, from, to);
}

static int from_rgba(const AVFrame *from, const struct target *to)
{
    return from_packed(ABGRToI420, from, to);
}

static int from_10_bit(const AVFrame *from, const struct target *to)
{
    return I010ToI420((const uint16_t *)(const void *)from->data[0], from->linesize[0] / 2,
                      (const uint16_t *)(const void *)from->data[1], from->linesize[1] / 2,
                      (const uint16_t *)(const void *)from->data[2], from->linesize[2] / 2,
                      to->planes[0], to->strides[0], to->planes[1], to->strides[1], to->planes[2],
                      to->strides[2], to->width, to->height);
}

// Chroma of any other 8-bit planar size (4:1:1, 4:4:0, 4:1:0).
static int from_odd_planes(const AVFrame *from, const struct target *to)
{
    const AVPixFmtDescriptor *descriptor = av_pix_fmt_desc_get(from->format);
    int width = AV_CEIL_RSHIFT(to->width, descriptor->log2_chroma_w);
    int height = AV_CEIL_RSHIFT(to->height, descriptor->log2_chroma_h);
    CopyPlane(from->data[0], from->linesize[0], to->planes[0], to->strides[0], to->width,
              to->height);
    for (int i = 1; i < 3; i++)
        ScalePlane(from->data[i], from->linesize[i], width, height, to->planes[i], to->strides[i],
                   (to->width + 1) / 2, (to->height + 1) / 2, kFilterBilinear);
    return 0;
}

static const struct {
    enum AVPixelFormat from;
    bool full_range;
    int (*convert)(const AVFrame *from, const struct target *to);
} converted_formats[] = {
    {AV_PIX_FMT_NV12, false, from_nv12},          {AV_PIX_FMT_NV21, false, from_nv21},
    {AV_PIX_FMT_YUYV422, false, from_yuyv},       {AV_PIX_FMT_UYVY422, false, from_uyvy},
    {AV_PIX_FMT_BGR24, false, from_bgr24},        {AV_PIX_FMT_BGRA, false, from_bgra},
    {AV_PIX_FMT_BGR0, false, from_bgra},          {AV_PIX_FMT_RGBA, false, from_rgba},
    {AV_PIX_FMT_RGB0, false, from_rgba},          {AV_PIX_FMT_YUV420P10LE, false, from_10_bit},
    {AV_PIX_FMT_YUV411P, false, from_odd_planes}, {AV_PIX_FMT_YUVJ411P, true, from_odd_planes},
    {AV_PIX_FMT_YUV440P, false, from_odd_planes}, {AV_PIX_FMT_YUVJ440P, true, from_odd_planes},
    {AV_PIX_FMT_YUV410P, false, from_odd_planes},
};

static void release_av_frame(void *owner)
{
    AVFrame *frame = owner;
    av_frame_free(&frame);
}

static enum nj_pixel_range range_of(const AVFrame *from, bool full)
{
    return full || from->color_range == AVCOL_RANGE_JPEG ? NJ_RANGE_FULL : NJ_RANGE_LIMITED;
}

static int share(const AVFrame *from, const struct shared_format *format, struct nj_frame **out)
{
    AVFrame *owner = av_frame_clone(from);
    if (!owner)
        return NJ_E_NOMEM;
    struct nj_frame description = {
        .width = owner->width,
        .height = owner->height,
        .full_width = owner->width,
        .full_height = owner->height,
        .format = format->to,
        .range = range_of(owner, format->full_range),
    };
    int planes = format->to == NJ_PIXEL_GRAY || format->to == NJ_PIXEL_RGB24 ? 1 : 3;
    for (int i = 0; i < planes; i++) {
        description.planes[i] = owner->data[i];
        description.strides[i] = owner->linesize[i];
    }
    return nj_frame_create(&description, release_av_frame, owner, out);
}

static int convert(const AVFrame *from, size_t index, struct nj_frame **out)
{
    struct nj_frame *frame = NULL;
    int result = nj_frame_allocate(from->width, from->height, NJ_PIXEL_I420, &frame);
    if (result < 0)
        return result;
    struct target to = {.width = from->width, .height = from->height};
    for (int i = 0; i < 3; i++) {
        to.planes[i] = nj_frame_plane(frame, i);
        to.strides[i] = frame->strides[i];
    }
    if (converted_formats[index].convert(from, &to) != 0) {
        nj_frame_unref(frame);
        return NJ_E_CORRUPT;
    }
    frame->range = range_of(from, converted_formats[index].full_range);
    *out = frame;
    return NJ_OK;
}

static int wrap_upright(const AVFrame *from, struct nj_frame **out)
{
    for (size_t i = 0; i < sizeof(shared_formats) / sizeof(shared_formats[0]); i++)
        if (from->format == shared_formats[i].from)
            return share(from, &shared_formats[i], out);
    for (size_t i = 0; i < sizeof(converted_formats) / sizeof(converted_formats[0]); i++)
        if (from->format == converted_formats[i].from)
            return convert(from, i, out);
    return NJ_E_UNSUPPORTED;
}

int nj_video_wrap(const AVFrame *from, int orientation, struct nj_frame **out, struct nj_error *err)
{
    struct nj_frame *frame = NULL;
    int result = wrap_upright(from, &frame);
    if (result == NJ_OK)
        result = nj_picture_orient(&frame, orientation);
    if (result < 0) {
        const char *name = av_get_pix_fmt_name(from->format);
        nj_frame_unref(frame);
        return nj_error_set(err, result,
                            "video frame of %d x %d pixels in format %s cannot be used",
                            from->width, from->height, name ? name : "?");
    }
    *out = frame;
    return NJ_OK;
}

static void silence(void)
{
    av_log_set_level(AV_LOG_QUIET);
}

void nj_video_silence(void)
{
    static pthread_once_t silenced = PTHREAD_ONCE_INIT;
    (void)pthread_once(&silenced, silence);
}
