// SPDX-License-Identifier: Apache-2.0
// An RTSP camera: read, decode, hand on. Decoding is nearly all of the work, so that what nobody
// needs is not decoded: nothing while nobody looks, keyframes alone while nothing moves, and what
// lies between two wanted pictures only when the second one is: a keyframe before it makes it
// needless.
#include "frames/video_frame.h"
#include "net/resolve.h"
#include "sources/rtsp_gop_priv.h"
#include "sources/rtsp_input_priv.h"

#include <libavcodec/avcodec.h>

#include <stdlib.h>
#include <string.h>

enum {
    DEFERRED_MAX =
        64, // packets that wait until a picture is wanted; bounds how long that one takes
    MAX_PIXELS = 64 * 1000 * 1000,
    KEYLESS_US = 10 * NJ_US_PER_S,   // without a keyframe: the camera refreshes in stripes
    FRUITLESS_US = 15 * NJ_US_PER_S, // packets, but no picture: what it sends is no video of ours
    HINT_HOLD_US = 2 * NJ_US_PER_S,  // full rate after packets grew; then the users decide again
};

struct player {
    struct nj_source *source;
    struct nj_resolver *resolver;
    struct nj_rtsp_input input;
    AVCodecContext *codec;
    AVFrame *decoded;
    AVPacket *packet;
    struct nj_rtsp_gop gop;
    struct nj_rtsp_hint hint;
    struct nj_rtsp_rhythm rhythm;
    bool keep_gop;    // the entry wants keyframes only while nothing moves
    bool waiting_key; // what comes cannot be decoded before the next keyframe
    bool told;        // this packet's picture was handed on, or counted as lost
    nj_us waiting_since_us;
    nj_us picture_us;      // of the last picture, or when decoding began
    nj_us hint_until_us;   // full rate until then
    int32_t width, height; // of the last picture; 0: none yet
};

static int create(const struct nj_source_entry *entry, void **out, struct nj_error *err)
{
    int rc = nj_rtsp_input_check(entry, err);
    if (rc != 0)
        return rc;
    struct player *player = calloc(1, sizeof *player);
    if (!player)
        return nj_error_set(err, NJ_E_NOMEM, "no memory");
    rc = nj_resolver_create(&player->resolver, err);
    if (rc != 0) {
        free(player);
        return rc;
    }
    *out = player;
    return 0;
}

static void destroy(void *state)
{
    struct player *player = state;
    nj_resolver_destroy(player->resolver);
    free(player);
}

static nj_us now_us(const struct player *player)
{
    return nj_mono_us(nj_source_clock(player->source));
}

// Those that cameras send; each decoder more is one more that a stranger can reach.
static bool codec_is_known(enum AVCodecID id)
{
    return id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC || id == AV_CODEC_ID_MJPEG ||
           id == AV_CODEC_ID_MPEG4 || id == AV_CODEC_ID_AV1 || id == AV_CODEC_ID_VP8 ||
           id == AV_CODEC_ID_VP9;
}

static int open_decoder(struct player *player, struct nj_error *err)
{
    const struct nj_rtp_video *video = nj_rtp_video(player->input.rtp);
    enum AVCodecID id = video->codec->codec_id;
    const AVCodec *codec = codec_is_known(id) ? avcodec_find_decoder(id) : NULL;
    if (!codec)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "no decoder for the camera's video (%s)",
                            video->name);
    player->codec = avcodec_alloc_context3(codec);
    player->decoded = av_frame_alloc();
    player->packet = av_packet_alloc();
    if (!player->codec || !player->decoded || !player->packet ||
        avcodec_parameters_to_context(player->codec, video->codec) < 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a decoder");
    player->codec->thread_count = 1; // a camera a core; threads inside cost a tenth more
    player->codec->max_pixels = MAX_PIXELS;
    player->codec->pkt_timebase = video->time_base;
    if (avcodec_open2(player->codec, codec, NULL) < 0)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "the decoder for %s does not open",
                            avcodec_get_name(id));
    return 0;
}

static bool is_wanted(const struct player *player, bool key)
{
    const nj_us left_us = nj_rtsp_rhythm_left(&player->rhythm, now_us(player));
    const struct nj_source_keys keys = {
        .next_us = key ? 0 : left_us,
        .every_us = key || left_us > 0 ? player->rhythm.group_us : 0,
    };
    return nj_source_wanted(player->source, &keys);
}

static int show(struct player *player, struct nj_error *err)
{
    AVFrame *decoded = player->decoded;
    struct nj_frame *frame = NULL;
    if (decoded->width != player->width || decoded->height != player->height) {
        if (player->width != 0)
            nj_source_reset(player->source);
        player->width = decoded->width;
        player->height = decoded->height;
    }
    player->picture_us = now_us(player);
    bool key = decoded->pict_type == AV_PICTURE_TYPE_I;
    if (!is_wanted(player, key))
        return 0;
    int rc = nj_video_wrap(decoded, 1, &frame, err);
    if (rc == 0) {
        frame->group_us = key ? player->rhythm.group_us : 0;
        player->told = true;
        nj_source_hand_on(player->source, frame);
    }
    return rc;
}

// Takes all pictures the decoder has. `shown` false: they are of the past.
static int receive(struct player *player, bool shown, struct nj_error *err)
{
    int rc = 0;
    while (rc == 0 && avcodec_receive_frame(player->codec, player->decoded) >= 0) {
        nj_source_count_decoded(player->source);
        if (shown)
            rc = show(player, err);
        av_frame_unref(player->decoded);
    }
    return rc;
}

static int decode(struct player *player, const AVPacket *packet, bool shown, struct nj_error *err)
{
    int av_code = avcodec_send_packet(player->codec, packet);
    if (av_code == AVERROR(ENOMEM))
        return nj_error_set(err, NJ_E_NOMEM, "no memory to decode");
    if (av_code < 0 && packet) {
        player->told = true;
        nj_source_drop(player->source); // damaged on its way
    }
    return receive(player, shown, err);
}

// A keyframe by itself: its picture comes at once, however many the decoder would hold back. From
// then on the decoder knows nothing of this group.
static int decode_alone(struct player *player, const AVPacket *packet, struct nj_error *err)
{
    avcodec_flush_buffers(player->codec);
    int rc = decode(player, packet, true, err);
    if (rc == 0)
        rc = decode(player, NULL, true, err);
    avcodec_flush_buffers(player->codec);
    player->gop.fed = 0;
    return rc;
}

// The decoder gets all that it did not see of this group. `shown` false: nothing of it is wanted.
static int feed(struct player *player, bool shown, struct nj_error *err)
{
    struct nj_rtsp_gop *gop = &player->gop;
    int rc = 0;
    for (; rc == 0 && gop->fed < gop->count; gop->fed++)
        rc = decode(player, gop->packets[gop->fed], shown && gop->fed + 1 == gop->count, err);
    if (!player->keep_gop)
        nj_rtsp_gop_clear(gop);
    return rc;
}

// Nothing can be decoded before the next keyframe.
static void lose_group(struct player *player)
{
    nj_rtsp_gop_clear(&player->gop);
    player->waiting_key = true;
    player->waiting_since_us = now_us(player);
}

// What waited before a keyframe is needed no longer; its references are forgotten with it.
static void begin_group(struct player *player)
{
    if (player->gop.fed < player->gop.count)
        avcodec_flush_buffers(player->codec);
    nj_rtsp_gop_clear(&player->gop);
    player->waiting_key = false;
}

static enum nj_source_demand demand_of(struct player *player, bool key)
{
    enum nj_source_demand demand = nj_source_demand(player->source);
    if (demand != NJ_DEMAND_KEYFRAMES)
        return demand;
    if (!player->keep_gop)
        return NJ_DEMAND_ALL;
    if (!key && nj_rtsp_hint_note(&player->hint, player->packet->size))
        player->hint_until_us = now_us(player) + HINT_HOLD_US;
    return now_us(player) < player->hint_until_us ? NJ_DEMAND_ALL : NJ_DEMAND_KEYFRAMES;
}

// Without room for the whole group, what waits is decoded and the room used again; a decoder that
// rests has lost its place then.
static int keep(struct player *player, bool resting, struct nj_error *err)
{
    if (nj_rtsp_gop_add(&player->gop, player->packet))
        return 0;
    if (resting) {
        lose_group(player);
        return 0;
    }
    int rc = feed(player, false, err);
    nj_rtsp_gop_clear(&player->gop);
    if (rc == 0 && !nj_rtsp_gop_add(&player->gop, player->packet))
        lose_group(player); // one packet beyond all limits
    return rc;
}

static int take_all(struct player *player, bool key, struct nj_error *err)
{
    const struct nj_rtsp_gop *gop = &player->gop;
    bool deferred =
        player->width > 0 && gop->count - gop->fed < DEFERRED_MAX && !is_wanted(player, key);
    int rc = 0;
    player->told = false;
    if (deferred)
        player->picture_us = now_us(player);
    else
        rc = feed(player, true, err);
    if (rc == 0 && !player->told && player->width > 0)
        nj_source_skip(player->source, player->width, player->height);
    return rc;
}

static int take_packet(struct player *player, struct nj_error *err)
{
    bool key = (player->packet->flags & AV_PKT_FLAG_KEY) != 0;
    enum nj_source_demand demand = demand_of(player, key);
    bool resting = demand != NJ_DEMAND_ALL;
    if (resting)
        player->picture_us = now_us(player);
    if (demand == NJ_DEMAND_NONE) {
        player->rhythm = (struct nj_rtsp_rhythm){0};
        lose_group(player);
        return 0;
    }
    if (key) {
        begin_group(player);
        nj_rtsp_rhythm_note(&player->rhythm, now_us(player));
    }
    if (player->waiting_key && now_us(player) - player->waiting_since_us >= KEYLESS_US)
        player->waiting_key = false;
    if (player->waiting_key)
        return 0;
    int rc = keep(player, resting, err);
    if (rc != 0 || (resting && !key))
        return rc;
    return resting ? decode_alone(player, player->packet, err) : take_all(player, key, err);
}

static int play_open(struct player *player, struct nj_error *err)
{
    int rc = open_decoder(player, err);
    player->waiting_key = true;
    player->waiting_since_us = player->picture_us = now_us(player);
    while (rc == 0) {
        rc = nj_rtsp_input_read(&player->input, player->packet, err);
        if (rc != 0)
            break;
        rc = take_packet(player, err);
        av_packet_unref(player->packet);
        if (rc == 0 && now_us(player) - player->picture_us >= FRUITLESS_US)
            rc = nj_error_set(err, NJ_E_CORRUPT,
                              "packets come, but no picture can be decoded from them");
    }
    return rc;
}

static int play(void *state, struct nj_source *source, struct nj_error *err)
{
    struct player *player = state;
    nj_us interval_us = player->input.interval_us; // the camera's pace is known from last time
    *player = (struct player){.source = source, .resolver = player->resolver};
    player->input = (struct nj_rtsp_input){
        .source = source, .resolver = player->resolver, .interval_us = interval_us};
    player->keep_gop = nj_source_entry_of(source)->keyframes_when_still;
    int rc = nj_rtsp_input_open(&player->input, err);
    if (rc == 0)
        rc = play_open(player, err);
    nj_rtsp_gop_clear(&player->gop);
    avcodec_free_context(&player->codec);
    av_frame_free(&player->decoded);
    av_packet_free(&player->packet);
    nj_rtsp_input_close(&player->input);
    return rc;
}

const struct nj_source_driver nj_source_rtsp = {
    .create = create,
    .destroy = destroy,
    .play = play,
};
