// SPDX-License-Identifier: Apache-2.0
// Small videos encoded on the spot.
#include "tests/fake/fake_video.h"
#include "frames/libav_versions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

int video_level(int frame)
{
    return 30 + frame * 7 % 200;
}

struct maker {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVPacket *packet;
};

static void open_encoder(struct maker *maker, const struct video_recipe *recipe)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(recipe->encoder);
    assert_non_null(codec);
    maker->codec = avcodec_alloc_context3(codec);
    maker->codec->width = recipe->width;
    maker->codec->height = recipe->height;
    maker->codec->time_base = (AVRational){1, recipe->fps};
    maker->codec->framerate = (AVRational){recipe->fps, 1};
    maker->codec->gop_size = recipe->gop;
    maker->codec->pix_fmt = av_get_pix_fmt(recipe->pixels ? recipe->pixels : "yuv420p");
    maker->codec->bit_rate = 2000000;
    maker->codec->strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL;
    if (codec->type == AVMEDIA_TYPE_AUDIO) {
        maker->codec->sample_rate = 8000;
        maker->codec->sample_fmt = AV_SAMPLE_FMT_S16;
        maker->codec->time_base = (AVRational){1, 8000};
        av_channel_layout_default(&maker->codec->ch_layout, 1);
    }
    if (maker->format->oformat->flags & AVFMT_GLOBALHEADER)
        maker->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    assert_true(avcodec_open2(maker->codec, codec, NULL) >= 0);
}

static uint8_t *new_matrix(AVStream *stream)
{
    const size_t size = 9 * sizeof(int32_t);
#if NJ_AV_PARAMETERS_HAVE_SIDE_DATA
    AVCodecParameters *codec = stream->codecpar;
    AVPacketSideData *matrix = av_packet_side_data_new(
        &codec->coded_side_data, &codec->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX, size, 0);
    assert_non_null(matrix);
    return matrix->data;
#else
    return av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, size);
#endif
}

static void add_stream(struct maker *maker, const struct video_recipe *recipe)
{
    maker->stream = avformat_new_stream(maker->format, NULL);
    maker->stream->time_base = maker->codec->time_base;
    assert_true(avcodec_parameters_from_context(maker->stream->codecpar, maker->codec) >= 0);
    if (!recipe->rotation)
        return;
    av_display_rotation_set((int32_t *)(void *)new_matrix(maker->stream), -recipe->rotation);
}

static void drain(struct maker *maker)
{
    while (avcodec_receive_packet(maker->codec, maker->packet) >= 0) {
        if (maker->codec->codec_type == AVMEDIA_TYPE_VIDEO)
            maker->packet->duration = 1; // else an edit list hides the last frame
        av_packet_rescale_ts(maker->packet, maker->codec->time_base, maker->stream->time_base);
        maker->packet->stream_index = 0;
        assert_true(av_interleaved_write_frame(maker->format, maker->packet) >= 0);
    }
}

static void paint(AVFrame *frame, int level)
{
    const AVPixFmtDescriptor *description = av_pix_fmt_desc_get(frame->format);
    for (int plane = 0; plane < 4 && frame->data[plane]; plane++) {
        int rows =
            plane ? AV_CEIL_RSHIFT(frame->height, description->log2_chroma_h) : frame->height;
        memset(frame->data[plane], plane ? 128 : level, (size_t)(frame->linesize[plane] * rows));
    }
}

static void encode_frames(struct maker *maker, const struct video_recipe *recipe)
{
    for (int i = 0; i < recipe->frames; i++) {
        AVFrame *frame = av_frame_alloc();
        if (maker->codec->codec_type == AVMEDIA_TYPE_AUDIO) {
            frame->format = maker->codec->sample_fmt;
            frame->nb_samples = 800;
            frame->sample_rate = 8000;
            av_channel_layout_default(&frame->ch_layout, 1);
            assert_true(av_frame_get_buffer(frame, 0) >= 0);
            memset(frame->data[0], 0, 1600);
            frame->pts = 800L * i;
        } else {
            frame->format = maker->codec->pix_fmt;
            frame->width = recipe->width;
            frame->height = recipe->height;
            assert_true(av_frame_get_buffer(frame, 0) >= 0);
            paint(frame, video_level(i));
            frame->pts = i;
        }
        assert_true(avcodec_send_frame(maker->codec, frame) >= 0);
        av_frame_free(&frame);
        drain(maker);
    }
    assert_true(avcodec_send_frame(maker->codec, NULL) >= 0);
    drain(maker);
}

void make_video(const struct video_recipe *recipe)
{
    struct maker maker = {0};
    maker.packet = av_packet_alloc();
    assert_true(avformat_alloc_output_context2(&maker.format, NULL, NULL, recipe->path) >= 0);
    open_encoder(&maker, recipe);
    add_stream(&maker, recipe);
    assert_true(avio_open(&maker.format->pb, recipe->path, AVIO_FLAG_WRITE) >= 0);
    assert_true(avformat_write_header(maker.format, NULL) >= 0);
    encode_frames(&maker, recipe);
    assert_true(av_write_trailer(maker.format) >= 0);
    (void)avio_closep(&maker.format->pb);
    avformat_free_context(maker.format);
    avcodec_free_context(&maker.codec);
    av_packet_free(&maker.packet);
}

void make_packet_video(const char *path, const uint8_t *bytes, int size)
{
    AVFormatContext *format = NULL;
    AVPacket *packet = av_packet_alloc();
    assert_non_null(packet);
    assert_true(avformat_alloc_output_context2(&format, NULL, NULL, path) >= 0);
    AVStream *stream = avformat_new_stream(format, NULL);
    assert_non_null(stream);
    stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    stream->codecpar->codec_id = AV_CODEC_ID_H264;
    stream->codecpar->width = 64;
    stream->codecpar->height = 48;
    stream->time_base = (AVRational){1, 10};
    assert_true(avio_open(&format->pb, path, AVIO_FLAG_WRITE) >= 0);
    assert_true(avformat_write_header(format, NULL) >= 0);
    assert_int_equal(av_new_packet(packet, size), 0);
    memcpy(packet->data, bytes, (size_t)size);
    packet->pts = packet->dts = 0;
    packet->flags = AV_PKT_FLAG_KEY;
    assert_int_equal(av_write_frame(format, packet), 0);
    assert_int_equal(av_write_trailer(format), 0);
    av_packet_free(&packet);
    avio_closep(&format->pb);
    avformat_free_context(format);
}
