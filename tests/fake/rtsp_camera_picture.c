// SPDX-License-Identifier: Apache-2.0
// Pictures of a file for the snapshots, a second of the file apart.
#include "tests/fake/rtsp_camera_priv.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

enum { JPEG_QUALITY = 5 }; // FFmpeg's scale: 2 best, 31 worst

struct studio {
    AVFormatContext *format;
    AVCodecContext *decoder, *encoder;
    AVPacket *packet, *jpeg;
    AVFrame *frame;
    int video;
    double next_s;
};

static bool studio_open(struct studio *studio, const char *file)
{
    studio->packet = av_packet_alloc();
    studio->jpeg = av_packet_alloc();
    studio->frame = av_frame_alloc();
    if (!studio->packet || !studio->jpeg || !studio->frame ||
        avformat_open_input(&studio->format, file, NULL, NULL) < 0 ||
        avformat_find_stream_info(studio->format, NULL) < 0)
        return false;
    const AVCodec *codec = NULL;
    studio->video = av_find_best_stream(studio->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (studio->video < 0 || !codec || !(studio->decoder = avcodec_alloc_context3(codec)))
        return false;
    const AVCodecParameters *par = studio->format->streams[studio->video]->codecpar;
    const AVCodec *mjpeg = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (avcodec_parameters_to_context(studio->decoder, par) < 0 || !mjpeg ||
        avcodec_open2(studio->decoder, codec, NULL) < 0 ||
        !(studio->encoder = avcodec_alloc_context3(mjpeg)))
        return false;
    studio->encoder->width = par->width;
    studio->encoder->height = par->height;
    studio->encoder->pix_fmt = AV_PIX_FMT_YUVJ420P;
    studio->encoder->time_base = (AVRational){1, 1};
    studio->encoder->flags |= AV_CODEC_FLAG_QSCALE;
    studio->encoder->global_quality = FF_QP2LAMBDA * JPEG_QUALITY;
    return avcodec_open2(studio->encoder, mjpeg, NULL) >= 0;
}

static void studio_close(struct studio *studio)
{
    avcodec_free_context(&studio->decoder);
    avcodec_free_context(&studio->encoder);
    avformat_close_input(&studio->format);
    av_packet_free(&studio->packet);
    av_packet_free(&studio->jpeg);
    av_frame_free(&studio->frame);
}

static bool picture_add(struct studio *studio, struct camera_media *media)
{
    AVFrame *frame = studio->frame;
    AVRational base = studio->format->streams[studio->video]->time_base;
    double at_s = (double)frame->best_effort_timestamp * av_q2d(base);
    if (at_s < studio->next_s || frame->format != AV_PIX_FMT_YUV420P)
        return true;
    studio->next_s = at_s + 1;
    frame->format = AV_PIX_FMT_YUVJ420P; // its range is a matter of taste here
    frame->quality = studio->encoder->global_quality;
    frame->pict_type = AV_PICTURE_TYPE_NONE;
    if (avcodec_send_frame(studio->encoder, frame) < 0 ||
        avcodec_receive_packet(studio->encoder, studio->jpeg) < 0)
        return false;
    media->pictures[media->picture_count++] =
        (struct camera_span){media->bytes.length, (size_t)studio->jpeg->size};
    nj_buf_append(&media->bytes, studio->jpeg->data, (size_t)studio->jpeg->size);
    av_packet_unref(studio->jpeg);
    return !nj_buf_failed(&media->bytes);
}

static bool studio_work(struct studio *studio, struct camera_media *media)
{
    bool fine = true;
    while (fine && media->picture_count < CAMERA_PICTURES_MAX &&
           av_read_frame(studio->format, studio->packet) >= 0) {
        if (studio->packet->stream_index == studio->video)
            fine = avcodec_send_packet(studio->decoder, studio->packet) >= 0;
        av_packet_unref(studio->packet);
        while (fine && media->picture_count < CAMERA_PICTURES_MAX &&
               avcodec_receive_frame(studio->decoder, studio->frame) >= 0)
            fine = picture_add(studio, media);
    }
    return fine && media->picture_count;
}

int camera_pictures_make(struct camera_media *media, const char *file, struct nj_error *err)
{
    struct studio studio = {0};
    bool fine = studio_open(&studio, file) && studio_work(&studio, media);
    studio_close(&studio);
    return fine ? 0 : nj_error_set(err, NJ_E_CORRUPT, "no pictures could be made of %s", file);
}
