// SPDX-License-Identifier: Apache-2.0
// Where NAL units can hide: in packets, in the parameters of a stream, and in new ones of a packet.
#include "frames/video_guard_priv.h"

#include "frames/nal_count.h"

enum {
    AVC_LENGTH_AT = 4, // of ISO 14496-15's records: where the length of lengths stands
    HEVC_LENGTH_AT = 21,
    // Of all packets that are looked at together: libavformat may make one of many.
    BEGINNING_NALS_MAX = 8 * NJ_NALS_MAX,
};

static bool has_nals(const AVCodecParameters *codec)
{
    return codec->codec_id == AV_CODEC_ID_H264 || codec->codec_id == AV_CODEC_ID_HEVC;
}

// How long the lengths before NALs are; 0: start codes stand before them.
static unsigned length_bytes_of(const AVCodecParameters *codec)
{
    const int place = codec->codec_id == AV_CODEC_ID_H264 ? AVC_LENGTH_AT : HEVC_LENGTH_AT;
    if (codec->extradata_size <= place || codec->extradata[0] != 1)
        return 0;
    return (codec->extradata[place] & 3u) + 1;
}

// The larger one of both readings; a decoder may change its mind.
static size_t count_of(const AVCodecParameters *codec, const AVPacket *packet)
{
    const size_t size = (size_t)packet->size;
    const unsigned length_bytes = length_bytes_of(codec);
    const size_t codes = nj_nals_count(packet->data, size);
    const size_t lengths =
        length_bytes > 0 ? nj_nals_count_lengths(packet->data, size, length_bytes) : 0;
    return codes > lengths ? codes : lengths;
}

// A packet of so many NALs, and the parameter sets that come with it.
static bool fits(const AVPacket *packet, size_t nals)
{
    size_t size = 0;
    const uint8_t *sets = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &size);
    return nals <= NJ_NALS_MAX && (!sets || nj_nals_fit(sets, size));
}

bool nj_video_packet_fits(const AVCodecParameters *codec, const AVPacket *packet)
{
    return !has_nals(codec) || fits(packet, count_of(codec, packet));
}

static bool parameters_fit(const AVFormatContext *format)
{
    bool fit = true;
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVCodecParameters *codec = format->streams[i]->codecpar;
        if (has_nals(codec) && codec->extradata_size > 0)
            fit = fit && nj_nals_fit(codec->extradata, (size_t)codec->extradata_size);
    }
    return fit;
}

int nj_video_guard(AVFormatContext *format, size_t bytes, struct nj_error *err)
{
    size_t read = 0, nals = 0;
    bool fit = parameters_fit(format);
    AVPacket *packet = av_packet_alloc();
    if (!packet)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a video");
    format->flags |= AVFMT_FLAG_NOPARSE | AVFMT_FLAG_NOFILLIN;
    while (fit && read <= bytes && av_read_frame(format, packet) >= 0) {
        const AVCodecParameters *codec = format->streams[packet->stream_index]->codecpar;
        read += (size_t)packet->size + 1; // empty ones come to an end, too
        if (has_nals(codec)) {
            const size_t count = count_of(codec, packet);
            nals += count;
            fit = fits(packet, count) && nals <= BEGINNING_NALS_MAX;
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    return fit ? NJ_OK
               : nj_error_set(err, NJ_E_CORRUPT, "video: more than %d NAL units in a packet",
                              NJ_NALS_MAX);
}
