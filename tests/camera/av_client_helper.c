// SPDX-License-Identifier: Apache-2.0
// FFmpeg as an independent client of the test camera.
#include "tests/camera/av_client.h"

#include "util/clock.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdlib.h>

struct av_client {
    AVFormatContext *format;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    int video;
    nj_us deadline_us;
    struct av_seen seen;
};

static const AVRational microseconds = {1, 1000000};

static int past_deadline(void *arg)
{
    const struct av_client *client = arg;
    return nj_mono_us(nj_clock_real()) > client->deadline_us;
}

static void set_deadline(struct av_client *client, int timeout_ms)
{
    client->deadline_us = nj_mono_us(nj_clock_real()) + (nj_us)timeout_ms * NJ_US_PER_MS;
}

static int open_all(struct av_client *client, const char *url)
{
    AVDictionary *options = NULL;
    av_dict_set(&options, "rtsp_transport", "tcp", 0);
    client->format = avformat_alloc_context();
    client->packet = av_packet_alloc();
    client->frame = av_frame_alloc();
    if (!client->format || !client->packet || !client->frame)
        return AVERROR(ENOMEM);
    client->format->interrupt_callback = (AVIOInterruptCB){past_deadline, client};
    int code = avformat_open_input(&client->format, url, NULL, &options);
    av_dict_free(&options);
    if (code >= 0)
        code = avformat_find_stream_info(client->format, NULL);
    if (code < 0)
        return code;
    const AVCodec *codec = NULL;
    client->video = av_find_best_stream(client->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (client->video < 0)
        return client->video;
    client->decoder = avcodec_alloc_context3(codec);
    if (!client->decoder)
        return AVERROR(ENOMEM);
    code = avcodec_parameters_to_context(client->decoder,
                                         client->format->streams[client->video]->codecpar);
    client->decoder->thread_count = 1;
    return code < 0 ? code : avcodec_open2(client->decoder, codec, NULL);
}

struct av_client *av_client_open(const char *url, int timeout_ms, int *error)
{
    av_log_set_level(AV_LOG_QUIET);
    struct av_client *client = calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    set_deadline(client, timeout_ms);
    *error = open_all(client, url);
    if (*error >= 0)
        return client;
    av_client_close(client);
    return NULL;
}

void av_client_close(struct av_client *client)
{
    if (!client)
        return;
    avcodec_free_context(&client->decoder);
    avformat_close_input(&client->format);
    av_packet_free(&client->packet);
    av_frame_free(&client->frame);
    free(client);
}

// FFmpeg gives the first frame of a stream no time.
static void look_at_time(struct av_client *client)
{
    struct av_seen *seen = &client->seen;
    AVRational base = client->format->streams[client->video]->time_base;
    if (client->frame->best_effort_timestamp == AV_NOPTS_VALUE)
        return;
    int64_t pts = av_rescale_q(client->frame->best_effort_timestamp, base, microseconds);
    if (!seen->timed++) {
        seen->first_pts_us = pts;
    } else {
        seen->pts_fell |= pts <= seen->last_pts_us;
        if (pts - seen->last_pts_us > seen->widest_gap_us)
            seen->widest_gap_us = pts - seen->last_pts_us;
    }
    seen->last_pts_us = pts;
}

static void look_at_frame(struct av_client *client)
{
    const AVFrame *frame = client->frame;
    struct av_seen *seen = &client->seen;
    seen->width_changes += seen->frames && frame->width != seen->width;
    seen->width = frame->width;
    seen->height = frame->height;
    seen->concealed += frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT);
    seen->b_frames += frame->pict_type == AV_PICTURE_TYPE_B;
    seen->frames++;
    look_at_time(client);
}

static void look_at_packet(struct av_client *client)
{
    struct av_seen *seen = &client->seen;
    if (client->packet->stream_index != client->video) {
        seen->audio_packets++;
        return;
    }
    seen->packets++;
    seen->key_packets += (client->packet->flags & AV_PKT_FLAG_KEY) != 0;
    (void)avcodec_send_packet(client->decoder, client->packet); // a broken one gives no frame
    while (avcodec_receive_frame(client->decoder, client->frame) >= 0)
        look_at_frame(client);
}

static int read_until(struct av_client *client, const int *count, int target, int timeout_ms)
{
    set_deadline(client, timeout_ms);
    while (*count < target) {
        int code = av_read_frame(client->format, client->packet);
        if (code < 0)
            return code;
        look_at_packet(client);
        av_packet_unref(client->packet);
        if (past_deadline(client))
            return AVERROR_EXIT;
    }
    return 0;
}

int av_client_read(struct av_client *client, int frames, int timeout_ms)
{
    return read_until(client, &client->seen.frames, client->seen.frames + frames, timeout_ms);
}

int av_client_read_audio(struct av_client *client, int packets, int timeout_ms)
{
    return read_until(client, &client->seen.audio_packets, client->seen.audio_packets + packets,
                      timeout_ms);
}

const struct av_seen *av_client_seen(const struct av_client *client)
{
    return &client->seen;
}
