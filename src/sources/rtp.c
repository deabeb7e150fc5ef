// SPDX-License-Identifier: Apache-2.0
// Who puts the packets together.
#include "sources/rtp_priv.h"

#include "frames/nal_count.h"
#include "frames/video_frame.h"
#include "sources/rtp_description_priv.h"
#include "sources/rtp_library_priv.h"
#include "sources/rtp_unit_priv.h"
#include "util/text.h"

#include <libavcodec/avcodec.h>

#include <stdlib.h>
#include <string.h>

enum {
    LIBRARY_BYTES_MAX = 32 * 1024 * 1024, // that libavformat keeps of one picture; it has no bound
};

struct nj_rtp {
    struct nj_rtp_library *library; // NULL: `units` does it
    size_t kept;                    // bytes pushed to it since a packet came out
    int type;                       // of its payload
    struct nj_rtp_order order;      // of its packets
    struct nj_rtp_units units;
    struct nj_rtp_video video;
    AVCodecParameters *codec; // of `units`
    char name[NJ_RTP_NAME_SIZE];
};

static int set_codec(struct nj_rtp *rtp, const struct nj_buf *sets)
{
    rtp->codec = avcodec_parameters_alloc();
    if (!rtp->codec)
        return NJ_E_NOMEM;
    rtp->codec->codec_type = AVMEDIA_TYPE_VIDEO;
    rtp->codec->codec_id = rtp->units.codec->id;
    if (nj_buf_failed(sets) == NJ_E_NOMEM)
        return NJ_E_NOMEM;
    if (nj_buf_failed(sets) != 0 || sets->length == 0 ||
        !nj_nals_fit((const uint8_t *)sets->data, sets->length))
        return 0; // they come in band
    rtp->codec->extradata = av_mallocz(sets->length + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!rtp->codec->extradata)
        return NJ_E_NOMEM;
    memcpy(rtp->codec->extradata, sets->data, sets->length);
    rtp->codec->extradata_size = (int)sets->length;
    return 0;
}

static int open_own(struct nj_rtp *rtp, const char *text,
                    const struct nj_rtp_description *description, struct nj_error *err)
{
    struct nj_buf sets;
    rtp->units.codec = description->codec;
    rtp->units.type = (uint8_t)description->type;
    nj_buf_init(&sets, NJ_RTP_SETS_MAX);
    nj_rtp_description_sets(text, description, &sets);
    int rc = set_codec(rtp, &sets);
    nj_buf_finish(&sets);
    if (rc != 0)
        return nj_error_set(err, rc, "out of memory");
    rtp->video.codec = rtp->codec;
    rtp->video.time_base = (AVRational){1, description->clock};
    return 0;
}

static int open_library(struct nj_rtp *rtp, const char *text, int type, struct nj_error *err)
{
    int rc = nj_rtp_library_open(text, &rtp->library, err);
    if (rc != 0)
        return rc;
    rtp->type = type;
    const AVStream *stream = nj_rtp_library_stream(rtp->library);
    rtp->video.codec = stream->codecpar;
    rtp->video.time_base = stream->time_base;
    return 0;
}

int nj_rtp_open(const char *description, struct nj_rtp **out, struct nj_error *err)
{
    struct nj_rtp_description told;
    nj_video_silence();
    nj_rtp_description_read(description, &told);
    if (told.interleaved)
        return nj_error_set(err, NJ_E_UNSUPPORTED,
                            "the camera sends its video out of order (packetization-mode 2)");
    struct nj_rtp *rtp = calloc(1, sizeof *rtp);
    if (!rtp)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    nj_text_copy(rtp->name, sizeof rtp->name, told.name);
    rtp->video.name = rtp->name;
    rtp->video.interval_us = told.interval_us;
    int rc = told.codec ? open_own(rtp, description, &told, err)
                        : open_library(rtp, description, told.type, err);
    if (rc == 0)
        *out = rtp;
    else
        nj_rtp_close(rtp);
    return rc;
}

const struct nj_rtp_video *nj_rtp_video(const struct nj_rtp *rtp)
{
    return &rtp->video;
}

// The library finds the gaps for itself, but tells nobody.
static void note_order(struct nj_rtp *rtp, const uint8_t *packet, size_t length)
{
    struct nj_rtp_packet media;
    if (nj_rtp_packet_read(packet, length, &media) == NJ_RTP_MEDIA && media.type == rtp->type)
        (void)nj_rtp_order_note(&rtp->order, &media);
}

int nj_rtp_push(struct nj_rtp *rtp, const uint8_t *packet, size_t length, struct nj_error *err)
{
    if (!rtp->library)
        return nj_rtp_units_push(&rtp->units, packet, length, err);
    rtp->kept += length;
    if (rtp->kept > LIBRARY_BYTES_MAX)
        return nj_error_set(err, NJ_E_CORRUPT, "a picture of the camera's does not end");
    note_order(rtp, packet, length);
    nj_rtp_library_push(rtp->library, packet, length);
    return 0;
}

bool nj_rtp_waits(const struct nj_rtp *rtp)
{
    return rtp->units.in_doubt;
}

void nj_rtp_settle(struct nj_rtp *rtp)
{
    nj_rtp_units_settle(&rtp->units);
}

uint64_t nj_rtp_lost(const struct nj_rtp *rtp)
{
    return rtp->library ? rtp->order.lost : rtp->units.order.lost;
}

static int take(struct nj_rtp *rtp, AVPacket *out, struct nj_error *err)
{
    if (!rtp->library)
        return nj_rtp_units_take(&rtp->units, out) ? 0 : NJ_E_AGAIN;
    int rc = nj_rtp_library_take(rtp->library, out, err);
    if (rc == 0)
        rtp->kept = 0;
    return rc;
}

int nj_rtp_take(struct nj_rtp *rtp, AVPacket *out, struct nj_error *err)
{
    const enum AVCodecID id = rtp->video.codec->codec_id;
    const bool has_nals = id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC;
    int rc = take(rtp, out, err);
    while (rc == 0 && has_nals && !nj_nals_fit(out->data, (size_t)out->size)) {
        av_packet_unref(out);
        rc = take(rtp, out, err);
    }
    return rc;
}

void nj_rtp_close(struct nj_rtp *rtp)
{
    if (!rtp)
        return;
    nj_rtp_library_close(rtp->library);
    nj_rtp_units_finish(&rtp->units);
    avcodec_parameters_free(&rtp->codec);
    free(rtp);
}
