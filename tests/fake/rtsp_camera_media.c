// SPDX-License-Identifier: Apache-2.0
// Reads a file's H.264 track, and its AAC track, whole into memory.
#include "tests/fake/rtsp_camera_priv.h"

#include "util/text.h"

#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <stdlib.h>

enum { MEDIA_MAX_BYTES = 256 * 1024 * 1024 };

struct reader {
    AVFormatContext *format;
    AVBSFContext *annexb;
    AVPacket *packet;
    struct camera_media *media;
    int video, audio; // stream indices; audio may be negative
    int64_t video_first, audio_first;
    nj_us last_duration_us;
};

static const AVRational microseconds = {1, 1000000};

// Length of the start code at `at`, or 0.
static size_t start_code(const uint8_t *bytes, size_t at, size_t size)
{
    if (at + 3 > size || bytes[at] || bytes[at + 1])
        return 0;
    if (bytes[at + 2] == 1)
        return 3;
    return at + 4 <= size && !bytes[at + 2] && bytes[at + 3] == 1 ? 4 : 0;
}

static int add_nal(struct camera_media *media, size_t offset, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)media->bytes.data;
    if (!size)
        return 0;
    int type = bytes[offset] & 31;
    struct camera_span span = {offset, size};
    if (type == 7 && !media->sps.size)
        media->sps = span;
    if (type == 8 && !media->pps.size)
        media->pps = span;
    int code = nj_array_reserve((void **)&media->nals, &media->nal_capacity, media->nal_count + 1,
                                sizeof(*media->nals));
    if (!code)
        media->nals[media->nal_count++] = span;
    return code;
}

// Cuts bytes[begin..end) of the media at its start codes.
static int split(struct camera_media *media, size_t begin, size_t end)
{
    const uint8_t *bytes = (const uint8_t *)media->bytes.data;
    size_t nal = end;
    for (size_t at = begin; at < end;) {
        size_t code = start_code(bytes, at, end);
        if (!code) {
            at++;
            continue;
        }
        if (nal < at && add_nal(media, nal, at - nal))
            return NJ_E_NOMEM;
        at += code;
        nal = at;
    }
    return nal < end ? add_nal(media, nal, end - nal) : 0;
}

static int add_unit(struct reader *reader, const AVPacket *packet)
{
    struct camera_media *media = reader->media;
    AVRational base = reader->annexb->time_base_out;
    int64_t dts = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    if (!media->unit_count)
        reader->video_first = dts;
    if (nj_array_reserve((void **)&media->units, &media->unit_capacity, media->unit_count + 1,
                         sizeof(*media->units)))
        return NJ_E_NOMEM;
    struct camera_unit unit = {.first_nal = media->nal_count};
    unit.dts_us = av_rescale_q(dts - reader->video_first, base, microseconds);
    unit.pts_us = av_rescale_q(packet->pts - reader->video_first, base, microseconds);
    reader->last_duration_us = av_rescale_q(packet->duration, base, microseconds);
    size_t begin = media->bytes.length;
    nj_buf_append(&media->bytes, packet->data, (size_t)packet->size);
    if (nj_buf_failed(&media->bytes) || split(media, begin, media->bytes.length))
        return NJ_E_NOMEM;
    unit.nal_count = media->nal_count - unit.first_nal;
    media->units[media->unit_count++] = unit;
    return 0;
}

static int add_sound(struct reader *reader, const AVPacket *packet)
{
    struct camera_media *media = reader->media;
    AVRational base = reader->format->streams[reader->audio]->time_base;
    if (!media->sound_count)
        reader->audio_first = packet->pts;
    if (nj_array_reserve((void **)&media->sounds, &media->sound_capacity, media->sound_count + 1,
                         sizeof(*media->sounds)))
        return NJ_E_NOMEM;
    media->sounds[media->sound_count++] = (struct camera_sound){
        .dts_us = av_rescale_q(packet->pts - reader->audio_first, base, microseconds),
        .span = {media->bytes.length, (size_t)packet->size}};
    nj_buf_append(&media->bytes, packet->data, (size_t)packet->size);
    media->sound_duration_us =
        av_rescale_q(packet->pts - reader->audio_first + packet->duration, base, microseconds);
    return nj_buf_failed(&media->bytes);
}

static int take_packet(struct reader *reader)
{
    if (reader->packet->stream_index == reader->audio) {
        int code = add_sound(reader, reader->packet);
        av_packet_unref(reader->packet);
        return code;
    }
    if (reader->packet->stream_index != reader->video) {
        av_packet_unref(reader->packet);
        return 0;
    }
    int code = av_bsf_send_packet(reader->annexb, reader->packet) < 0 ? NJ_E_CORRUPT : 0;
    while (!code && av_bsf_receive_packet(reader->annexb, reader->packet) >= 0) {
        code = add_unit(reader, reader->packet);
        av_packet_unref(reader->packet);
    }
    return code;
}

static int open_tracks(struct reader *reader, const char *file, struct nj_error *err)
{
    if (avformat_open_input(&reader->format, file, NULL, NULL) < 0 ||
        avformat_find_stream_info(reader->format, NULL) < 0)
        return nj_error_set(err, NJ_E_NOT_FOUND, "%s cannot be read as media", file);
    reader->video = av_find_best_stream(reader->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    reader->audio = av_find_best_stream(reader->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (reader->video < 0 ||
        reader->format->streams[reader->video]->codecpar->codec_id != AV_CODEC_ID_H264)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "%s has no H.264 track", file);
    const AVStream *stream = reader->format->streams[reader->video];
    if (av_bsf_alloc(av_bsf_get_by_name("h264_mp4toannexb"), &reader->annexb) < 0 ||
        avcodec_parameters_copy(reader->annexb->par_in, stream->codecpar) < 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for %s", file);
    reader->annexb->time_base_in = stream->time_base;
    if (av_bsf_init(reader->annexb) < 0)
        return nj_error_set(err, NJ_E_CORRUPT, "%s: parameter sets are wrong", file);
    return 0;
}

static void describe_sound(struct reader *reader)
{
    if (reader->audio < 0)
        return;
    const AVCodecParameters *codec = reader->format->streams[reader->audio]->codecpar;
    struct camera_media *media = reader->media;
    size_t size = (size_t)codec->extradata_size;
    if (codec->codec_id != AV_CODEC_ID_AAC || !size || size * 2 >= sizeof(media->sound_config)) {
        reader->audio = -1;
        return;
    }
    nj_hex_encode(codec->extradata, size, media->sound_config);
    media->sound_rate = codec->sample_rate;
    media->sound_channels = codec->ch_layout.nb_channels;
}

static int read_all(struct reader *reader, const char *file, struct nj_error *err)
{
    struct camera_media *media = reader->media;
    int code = 0;
    while (!code && av_read_frame(reader->format, reader->packet) >= 0)
        code = take_packet(reader);
    if (code)
        return nj_error_set(err, code, "%s cannot be read whole", file);
    if (!media->unit_count || !media->sps.size || !media->pps.size)
        return nj_error_set(err, NJ_E_CORRUPT, "%s has no parameter sets or no frames", file);
    nj_us last = media->units[media->unit_count - 1].dts_us;
    nj_us mean = media->unit_count > 1 ? last / (nj_us)(media->unit_count - 1) : 40000;
    media->duration_us = last + (reader->last_duration_us > 0 ? reader->last_duration_us : mean);
    return 0;
}

int camera_media_load(const char *file, bool pictures, struct camera_media **out,
                      struct nj_error *err)
{
    struct reader reader = {.media = calloc(1, sizeof(*reader.media)), .packet = av_packet_alloc()};
    int code = NJ_E_NOMEM;
    if (!reader.media || !reader.packet) {
        nj_error_set(err, code, "no memory for %s", file);
        goto end;
    }
    reader.media->refs = 1;
    nj_buf_init(&reader.media->bytes, MEDIA_MAX_BYTES);
    code = open_tracks(&reader, file, err);
    if (code)
        goto end;
    describe_sound(&reader);
    code = read_all(&reader, file, err);
    if (!code && pictures)
        code = camera_pictures_make(reader.media, file, err);
end:
    av_bsf_free(&reader.annexb);
    avformat_close_input(&reader.format);
    av_packet_free(&reader.packet);
    if (code)
        camera_media_unref(reader.media);
    else
        *out = reader.media;
    return code;
}

void camera_media_unref(struct camera_media *media)
{
    if (!media || --media->refs)
        return;
    nj_buf_finish(&media->bytes);
    free(media->nals);
    free(media->units);
    free(media->sounds);
    free(media);
}
