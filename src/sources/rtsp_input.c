// SPDX-License-Identifier: Apache-2.0
// From an entry to packets of video. How long a step may take, and whether the camera is frozen, is
// decided here.
#include "sources/rtsp_input_priv.h"

#include "sources/rtsp_session_priv.h"
#include "util/mem.h"
#include "util/text.h"

#include <libavutil/mathematics.h>

#include <pthread.h>
#include <string.h>

enum {
    REDIRECTS_MAX = 5,
    CONNECT_TIMEOUT_US = 10 * NJ_US_PER_S,
    FROZEN_LEAST_US = 3 * NJ_US_PER_S,
    FROZEN_INTERVALS = 2,
    INTERVAL_SMOOTHING = 8,
    INTERVAL_MOST_US = 60 * NJ_US_PER_S, // beyond, the camera's clock was set
    PACKET_MAX = 64 * 1024,              // of an interleaved packet
};

static const char *const schemes[] = {"rtsp", "rtsps", NULL};

static void silence_libav(void)
{
    av_log_set_level(AV_LOG_QUIET); // what it would log of a camera's bytes helps nobody
}

static nj_us now_us(const struct nj_rtsp_input *input)
{
    return nj_mono_us(nj_source_clock(input->source));
}

static nj_us connect_timeout_us(const struct nj_source_entry *entry)
{
    return entry->connect_timeout_us > 0 ? entry->connect_timeout_us : CONNECT_TIMEOUT_US;
}

// A step ended with `err`; says which one, and what its time-out means.
static int explain(const struct nj_rtsp_input *input, const char *what, struct nj_error *err)
{
    if (nj_cancel_fired(nj_source_cancel(input->source)))
        return nj_error_set(err, NJ_E_CANCELLED, "%s: cancelled", what);
    if (err->code != NJ_E_TIMEOUT)
        return nj_error_prefix(err, "%s", what);
    if (input->packet_us > 0)
        return nj_error_set(err, NJ_E_TIMEOUT, "%s: frozen, no picture for %.1f s", what,
                            (double)(now_us(input) - input->packet_us) / NJ_US_PER_S);
    return nj_error_set(err, NJ_E_TIMEOUT, "%s: no picture within %.1f s", what,
                        (double)connect_timeout_us(nj_source_entry_of(input->source)) /
                            NJ_US_PER_S);
}

int nj_rtsp_input_check(const struct nj_source_entry *entry, struct nj_error *err)
{
    struct nj_url url;
    if (!entry->url || entry->url[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID, "url: name the camera's rtsp:// address");
    return nj_source_entry_url(entry, schemes, &url, err);
}

int nj_rtsp_follow(const struct nj_url *from, const char *location, struct nj_url *out,
                   struct nj_error *err)
{
    int rc = nj_address_check_form(NULL, location, schemes, err);
    if (rc == 0)
        rc = nj_url_parse(location, out, err);
    if (rc != 0)
        return nj_error_prefix(err, "redirect");
    nj_url_carry_login(from, out);
    return 0;
}

// One packet of the session for libavformat.
static int read_wire(void *opaque, uint8_t *out, int size)
{
    struct nj_rtsp_input *input = opaque;
    const uint8_t *packet = NULL;
    size_t length = 0;
    input->took = true;
    int rc =
        nj_rtsp_session_packet(input->session, input->deadline_us, &packet, &length, &input->error);
    if (rc != 0)
        return AVERROR_EXIT;
    length = length < (size_t)size ? length : (size_t)size;
    memcpy(out, packet, length);
    return (int)length;
}

// What libavformat would report to the camera; the session does that itself.
static int write_nothing(void *opaque, uint8_t *bytes, int size)
{
    (void)opaque;
    (void)bytes;
    return size;
}

struct text {
    const char *at;
    size_t left;
};

static int read_text(void *opaque, uint8_t *out, int size)
{
    struct text *text = opaque;
    size_t count = text->left < (size_t)size ? text->left : (size_t)size;
    if (count == 0)
        return AVERROR_EOF;
    memcpy(out, text->at, count);
    text->at += count;
    text->left -= count;
    return (int)count;
}

// Has room for two packets, so that one that is read never reaches the buffer's end, and is written
// to directly: libavformat writes its reports to what it reads from.
static AVIOContext *make_io(void *opaque, int (*read)(void *, uint8_t *, int))
{
    unsigned char *buffer = av_malloc((size_t)2 * PACKET_MAX);
    AVIOContext *io =
        buffer ? avio_alloc_context(buffer, 2 * PACKET_MAX, 0, opaque, read, write_nothing, NULL)
               : NULL;
    if (!io) {
        av_free(buffer);
        return NULL;
    }
    io->max_packet_size = PACKET_MAX;
    io->direct = 1;
    return io;
}

static void free_io(AVIOContext **io)
{
    if (*io)
        av_freep(&(*io)->buffer);
    avio_context_free(io);
}

// libavformat learns of the video from its description, and then takes packets from `wire`.
static int open_format(struct nj_rtsp_input *input, const char *sdp, struct nj_error *err)
{
    struct text text = {sdp, strlen(sdp)};
    AVDictionary *options = NULL;
    AVIOContext *description = make_io(&text, read_text);
    int av_code = AVERROR(ENOMEM);
    input->wire = make_io(input, read_wire);
    input->format = avformat_alloc_context();
    if (description && input->wire && input->format &&
        av_dict_set(&options, "sdp_flags", "custom_io", 0) >= 0 &&
        av_dict_set(&options, "reorder_queue_size", "0", 0) >= 0) { // TCP keeps the order
        input->format->pb = description;
        // Frees the context on failure, and writes NULL here.
        av_code = avformat_open_input(&input->format, "", av_find_input_format("sdp"), &options);
    }
    av_dict_free(&options);
    free_io(&description);
    if (av_code < 0 || !input->format)
        return av_code == AVERROR(ENOMEM)
                   ? nj_error_set(err, NJ_E_NOMEM, "out of memory")
                   : nj_error_set(err, NJ_E_CORRUPT, "the camera's description is wrong");
    input->format->pb = input->wire;
    return 0;
}

static int pick_video(struct nj_rtsp_input *input, struct nj_error *err)
{
    if (input->format->nb_streams == 0)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "the camera describes no video");
    input->stream = input->format->streams[0];
    AVRational rate = input->stream->avg_frame_rate;
    if (rate.num > 0 && rate.den > 0)
        input->interval_us = av_rescale(NJ_US_PER_S, rate.den, rate.num);
    return 0;
}

// Where the camera is: NJ_E_AGAIN with `moved` when it is elsewhere.
static int connect_to(struct nj_rtsp_input *input, const struct nj_url *url, char moved[NJ_URL_MAX],
                      struct nj_error *err)
{
    const struct nj_rtsp_session_config config = {
        .url = url,
        .rules = nj_source_rules(input->source),
        .resolver = input->resolver,
        .tls_verify = nj_source_entry_of(input->source)->tls_verify,
        .clock = nj_source_clock(input->source),
        .cancel = nj_source_cancel(input->source),
        .timeout_us = input->deadline_us - now_us(input),
    };
    const char *sdp = NULL;
    int rc = nj_rtsp_session_open(&config, &input->session, err);
    if (rc == 0)
        rc = nj_rtsp_session_describe(input->session, input->deadline_us, &sdp, moved, err);
    if (rc == 0)
        rc = open_format(input, sdp, err);
    if (rc == 0)
        rc = pick_video(input, err);
    if (rc != 0)
        nj_rtsp_input_close(input);
    return rc;
}

static int find_camera(struct nj_rtsp_input *input, struct nj_error *err)
{
    struct nj_url url, next;
    char moved[NJ_URL_MAX];
    int rc = nj_source_entry_url(nj_source_entry_of(input->source), schemes, &url, err);
    for (int i = 0; rc == 0; i++) {
        rc = connect_to(input, &url, moved, err);
        if (rc != NJ_E_AGAIN)
            break;
        if (i == REDIRECTS_MAX)
            return nj_error_set(err, NJ_E_UNAVAILABLE, "more than %d redirects", REDIRECTS_MAX);
        rc = nj_rtsp_follow(&url, moved, &next, err);
        if (rc == 0)
            url = next;
    }
    return rc;
}

int nj_rtsp_input_open(struct nj_rtsp_input *input, struct nj_error *err)
{
    static pthread_once_t silenced = PTHREAD_ONCE_INIT;
    struct nj_error error = {0};
    const char *what = "connecting";
    (void)pthread_once(&silenced, silence_libav);
    input->packet_us = 0;
    input->newest_pts_us = -1;
    input->deadline_us = now_us(input) + connect_timeout_us(nj_source_entry_of(input->source));
    int rc = find_camera(input, &error);
    if (rc == 0) {
        what = "starting";
        rc = nj_rtsp_session_play(input->session, input->deadline_us, &error);
    }
    if (rc == 0)
        return 0;
    nj_rtsp_input_close(input);
    rc = explain(input, what, &error);
    if (err)
        *err = error;
    return rc;
}

void nj_rtsp_input_close(struct nj_rtsp_input *input)
{
    avformat_close_input(&input->format);
    input->stream = NULL;
    free_io(&input->wire);
    nj_rtsp_session_close(input->session);
    input->session = NULL;
}

// By the camera's own times where it tells them: what it sends in one burst at the start is not
// its pace.
static nj_us gap_before(struct nj_rtsp_input *input, const AVPacket *packet)
{
    const AVRational us = {1, NJ_US_PER_S};
    int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (time == AV_NOPTS_VALUE)
        return input->packet_us > 0 ? now_us(input) - input->packet_us : 0;
    nj_us pts_us = av_rescale_q(time, input->stream->time_base, us);
    nj_us gap_us = input->newest_pts_us >= 0 ? pts_us - input->newest_pts_us : 0;
    if (gap_us > 0 || input->newest_pts_us < 0)
        input->newest_pts_us = pts_us;
    return gap_us;
}

static void note_packet(struct nj_rtsp_input *input, const AVPacket *packet)
{
    nj_us gap_us = gap_before(input, packet);
    if (gap_us > 0 && gap_us < INTERVAL_MOST_US)
        input->interval_us +=
            input->interval_us == 0 ? gap_us : (gap_us - input->interval_us) / INTERVAL_SMOOTHING;
    input->packet_us = now_us(input);
    nj_us allowed_us = FROZEN_INTERVALS * input->interval_us;
    if (input->interval_us == 0) // nothing is known: it may give a picture in ten seconds
        allowed_us = connect_timeout_us(nj_source_entry_of(input->source));
    allowed_us = allowed_us > FROZEN_LEAST_US ? allowed_us : FROZEN_LEAST_US;
    input->deadline_us = input->packet_us + allowed_us;
}

int nj_rtsp_input_read(struct nj_rtsp_input *input, AVPacket *packet, struct nj_error *err)
{
    for (;;) {
        input->error = (struct nj_error){0};
        input->took = false;
        int av_code = av_read_frame(input->format, packet);
        if (input->error.code != 0) { // else what the parser still held is given out at the end
            av_packet_unref(packet);
            int rc = explain(input, "reading", &input->error);
            if (err)
                *err = input->error;
            return rc;
        }
        if (av_code == AVERROR(ENOMEM))
            return nj_error_set(err, NJ_E_NOMEM, "reading: out of memory");
        if (av_code < 0 && !input->took)
            return nj_error_set(err, NJ_E_CORRUPT, "reading: no video in what the camera sends");
        if (av_code < 0)
            continue; // with the next packet of the session, which has a deadline
        if (packet->stream_index == input->stream->index)
            break;
        av_packet_unref(packet);
    }
    note_packet(input, packet);
    return 0;
}
