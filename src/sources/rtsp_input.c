// SPDX-License-Identifier: Apache-2.0
// The connection to an RTSP camera. libavformat speaks the protocol; where it may connect to, how
// long a step may take, and whether the camera is frozen, is decided here: it asks before each
// transfer whether to go on.
#include "sources/rtsp_input_priv.h"

#include "net/resolve.h"
#include "util/mem.h"
#include "util/text.h"

#include <libavutil/mathematics.h>
#include <libavutil/opt.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    REDIRECTS_MAX = 5,
    CONNECT_TIMEOUT_US = 10 * NJ_US_PER_S,
    FROZEN_LEAST_US = 3 * NJ_US_PER_S,
    FROZEN_INTERVALS = 2,
    INTERVAL_SMOOTHING = 8,
    INTERVAL_MOST_US = 60 * NJ_US_PER_S, // beyond, the camera's clock was set
    CREDENTIALS_MAX = 127,               // libavformat cuts "user:password", escaped, beyond this
    FAREWELL_US = 200 * NJ_US_PER_MS,
    STOP = 1, // to an AVIOInterruptCB
};

static const char *const schemes[] = {"rtsp", "rtsps", NULL};

static void silence_libav(void)
{
    av_log_set_level(AV_LOG_QUIET); // it logs addresses with credentials; errors come back to us
}

static nj_us now_us(const struct nj_rtsp_input *input)
{
    return nj_mono_us(nj_source_clock(input->source));
}

static nj_us connect_timeout_us(const struct nj_source_entry *entry)
{
    return entry->connect_timeout_us > 0 ? entry->connect_timeout_us : CONNECT_TIMEOUT_US;
}

// Before each transfer, also before the first one to where a redirect points: that is never let
// happen, the new address is looked at and opened anew.
static int is_interrupted(void *context)
{
    struct nj_rtsp_input *input = context;
    const char *url = input->format ? input->format->url : NULL;
    if (url && !input->seen_url)
        input->seen_url = url;
    if (url && url != input->seen_url) { // another text, even when it reads the same
        (void)nj_text_copy(input->moved_url, sizeof input->moved_url, url); // cut: no longer valid
        input->moved = true;
        return STOP;
    }
    bool late = now_us(input) >= input->deadline_us;
    if (input->closing)
        return late ? STOP : 0;
    if (nj_cancel_fired(nj_source_cancel(input->source)))
        return STOP;
    input->timed_out = input->timed_out || late;
    return input->timed_out ? STOP : 0;
}

static int explain(const struct nj_rtsp_input *input, int av_code, const char *what,
                   struct nj_error *err)
{
    static const struct {
        int av_code, code;
        const char *text;
    } known[] = {
        {AVERROR_HTTP_BAD_REQUEST, NJ_E_UNAVAILABLE, "the camera refused the request (400)"},
        {AVERROR_HTTP_UNAUTHORIZED, NJ_E_DENIED, "the camera refused user and password (401)"},
        {AVERROR_HTTP_FORBIDDEN, NJ_E_DENIED, "the camera refused access (403)"},
        {AVERROR_HTTP_NOT_FOUND, NJ_E_NOT_FOUND, "the camera has no such stream (404)"},
        {AVERROR_HTTP_OTHER_4XX, NJ_E_UNAVAILABLE, "the camera refused the request (4xx)"},
        {AVERROR_HTTP_SERVER_ERROR, NJ_E_UNAVAILABLE, "the camera reported an error (5xx)"},
        {AVERROR_EOF, NJ_E_UNAVAILABLE, "the camera closed the connection"},
        {AVERROR_INVALIDDATA, NJ_E_CORRUPT, "the camera's answer cannot be understood"},
        {AVERROR_PROTOCOL_NOT_FOUND, NJ_E_UNSUPPORTED, "this FFmpeg has no such protocol"},
        {AVERROR(EPROTONOSUPPORT), NJ_E_UNSUPPORTED, "the camera does not offer RTP over TCP"},
        {AVERROR(ENOMEM), NJ_E_NOMEM, "out of memory"},
        {AVERROR(ETIMEDOUT), NJ_E_TIMEOUT, "the camera does not answer"},
    };
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    if (nj_cancel_fired(nj_source_cancel(input->source)))
        return nj_error_set(err, NJ_E_CANCELLED, "%s: cancelled", what);
    if (input->timed_out && input->packet_us > 0)
        return nj_error_set(err, NJ_E_TIMEOUT, "%s: frozen, no picture for %.1f s", what,
                            (double)(now_us(input) - input->packet_us) / NJ_US_PER_S);
    if (input->timed_out)
        return nj_error_set(err, NJ_E_TIMEOUT, "%s: no picture within %.1f s", what,
                            (double)connect_timeout_us(nj_source_entry_of(input->source)) /
                                NJ_US_PER_S);
    for (size_t i = 0; i < NJ_COUNT_OF(known); i++)
        if (known[i].av_code == av_code)
            return nj_error_set(err, known[i].code, "%s: %s", what, known[i].text);
    (void)av_strerror(av_code, text, sizeof text);
    return nj_error_set(err, NJ_E_UNAVAILABLE, "%s: %s", what, text);
}

static int entry_url(const struct nj_source_entry *entry, struct nj_url *out, struct nj_error *err)
{
    int rc = nj_address_check_form(NULL, entry->url, schemes, err);
    if (rc == 0)
        rc = nj_url_parse(entry->url, out, err);
    if (rc != 0)
        return rc;
    bool fits = true;
    if (entry->username && entry->username[0] != '\0')
        fits = nj_text_copy(out->user, sizeof out->user, entry->username);
    if (entry->password && entry->password[0] != '\0')
        fits = nj_text_copy(out->password, sizeof out->password, entry->password) && fits;
    struct nj_url secret = {.scheme = "x", .host = "y"};
    char written[NJ_URL_MAX];
    memcpy(secret.user, out->user, sizeof secret.user);
    memcpy(secret.password, out->password, sizeof secret.password);
    // "x://" before and "@y" behind
    if (!fits || !nj_url_write(&secret, written, sizeof written) ||
        strlen(written) > CREDENTIALS_MAX + 6)
        return nj_error_set(err, NJ_E_INVALID, "user and password are longer than %d characters",
                            CREDENTIALS_MAX);
    return 0;
}

int nj_rtsp_input_check(const struct nj_source_entry *entry, struct nj_error *err)
{
    struct nj_url url;
    if (!entry->url || entry->url[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID, "url: name the camera's rtsp:// address");
    int rc = entry_url(entry, &url, err);
    return rc == 0 ? 0 : nj_error_prefix(err, "url");
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

// What was held against the rules is connected to: a name could mean another address a moment
// later. TLS needs the name.
static int place(struct nj_rtsp_input *input, struct nj_url *url, struct nj_error *err)
{
    const nj_us left_us = input->deadline_us - now_us(input);
    const struct nj_resolve_request request = {
        .host = url->host,
        .rules = nj_source_rules(input->source),
        .timeout_us = left_us > 0 ? left_us : 1,
        .cancel = nj_source_cancel(input->source),
    };
    struct nj_resolver *resolver = NULL;
    struct nj_addresses found;
    char address[NJ_ADDRESS_TEXT_SIZE];
    int rc = nj_resolver_create(&resolver, err);
    if (rc == 0)
        rc = nj_resolve(resolver, &request, &found, err);
    nj_resolver_destroy(resolver);
    if (rc != 0 || strcmp(url->scheme, "rtsp") != 0)
        return rc;
    nj_addresses_text(&found, input->turn, address);
    nj_text_copy(url->host, sizeof url->host, address);
    return 0;
}

static int set_options(const struct nj_rtsp_input *input, AVDictionary **options)
{
    const struct nj_source_entry *entry = nj_source_entry_of(input->source);
    static const char *const settings[][2] = {
        {"rtsp_transport", "tcp"},
        {"allowed_media_types", "video"},
        {"initial_pause", "1"}, // what it describes is looked at first
        {"protocol_whitelist", "tcp,tls"},
    };
    int rc = av_dict_set_int(options, "timeout", connect_timeout_us(entry), 0);
    for (size_t i = 0; rc >= 0 && i < NJ_COUNT_OF(settings); i++)
        rc = av_dict_set(options, settings[i][0], settings[i][1], 0);
    if (rc >= 0 && entry->tls_verify)
        rc = av_dict_set(options, "tls_verify", "1", 0);
    return rc;
}

static int check_tls(const struct nj_rtsp_input *input, const struct nj_url *url,
                     const AVInputFormat *rtsp, struct nj_error *err)
{
    if (strcmp(url->scheme, "rtsps") != 0 || !nj_source_entry_of(input->source)->tls_verify)
        return 0;
    if (rtsp->priv_class && av_opt_find((void *)(uintptr_t)&rtsp->priv_class, "tls_verify", NULL, 0,
                                        AV_OPT_SEARCH_FAKE_OBJ))
        return 0;
    return nj_error_set(err, NJ_E_UNSUPPORTED,
                        "the FFmpeg libraries of this machine cannot check certificates of rtsps; "
                        "set tls_verify to false to accept any");
}

static int connect_to(struct nj_rtsp_input *input, const struct nj_url *url, struct nj_error *err)
{
    const AVInputFormat *rtsp = av_find_input_format("rtsp");
    AVDictionary *options = NULL;
    int av_code = AVERROR(ENOMEM);
    if (!rtsp)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "the FFmpeg libraries know no RTSP");
    int rc = check_tls(input, url, rtsp, err);
    if (rc != 0)
        return rc;
    input->moved = false;
    input->seen_url = NULL;
    if (!nj_url_write(url, input->opened_url, sizeof input->opened_url))
        return nj_error_set(err, NJ_E_INVALID, "the address is too long");
    input->format = avformat_alloc_context();
    if (input->format && set_options(input, &options) >= 0) {
        input->format->interrupt_callback = (AVIOInterruptCB){is_interrupted, input};
        // Frees the context on failure, and writes NULL here.
        av_code = avformat_open_input(&input->format, input->opened_url, rtsp, &options);
    }
    av_dict_free(&options);
    if (av_code >= 0)
        return 0;
    avformat_free_context(input->format);
    input->format = NULL;
    return input->moved ? NJ_E_AGAIN : explain(input, av_code, "connecting", err);
}

static int start_playing(struct nj_rtsp_input *input, struct nj_error *err)
{
    int av_code = av_read_play(input->format);
    return av_code < 0 ? explain(input, av_code, "starting", err) : 0;
}

static int pick_video(struct nj_rtsp_input *input, struct nj_error *err)
{
    AVFormatContext *format = input->format;
    int index = -1;
    for (unsigned i = 0; format && i < format->nb_streams; i++) {
        bool video = format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
        if (video && index < 0)
            index = (int)i;
        else
            format->streams[i]->discard = AVDISCARD_ALL;
    }
    if (index < 0)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "the camera describes no video");
    input->stream = format->streams[index];
    AVRational rate = input->stream->avg_frame_rate;
    if (rate.num > 0 && rate.den > 0)
        input->interval_us = av_rescale(NJ_US_PER_S, rate.den, rate.num);
    return 0;
}

int nj_rtsp_input_open(struct nj_rtsp_input *input, struct nj_error *err)
{
    static pthread_once_t silenced = PTHREAD_ONCE_INIT;
    const struct nj_source_entry *entry = nj_source_entry_of(input->source);
    struct nj_url url, next;
    (void)pthread_once(&silenced, silence_libav);
    input->closing = input->timed_out = false;
    input->packet_us = 0;
    input->newest_pts_us = -1;
    input->deadline_us = now_us(input) + connect_timeout_us(entry);
    int rc = entry_url(entry, &url, err);
    for (int i = 0; rc == 0; i++) {
        next = url;
        rc = place(input, &next, err);
        if (rc == 0)
            rc = connect_to(input, &next, err);
        if (rc != NJ_E_AGAIN)
            break;
        if (i == REDIRECTS_MAX)
            return nj_error_set(err, NJ_E_UNAVAILABLE, "more than %d redirects", REDIRECTS_MAX);
        rc = nj_rtsp_follow(&url, input->moved_url, &next, err);
        if (rc == 0)
            url = next;
    }
    if (rc == 0)
        rc = pick_video(input, err);
    if (rc == 0)
        rc = start_playing(input, err);
    if (rc != 0)
        nj_rtsp_input_close(input);
    return rc;
}

void nj_rtsp_input_close(struct nj_rtsp_input *input)
{
    // Cameras have few places: they are told that this one is free, but not waited for.
    input->closing = true;
    input->deadline_us = now_us(input) + FAREWELL_US;
    avformat_close_input(&input->format);
    input->stream = NULL;
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
        int av_code = av_read_frame(input->format, packet);
        if (av_code == AVERROR(EAGAIN) || av_code == AVERROR_INVALIDDATA) {
            if (is_interrupted(input))
                return explain(input, AVERROR_EXIT, "reading", err);
            continue;
        }
        if (av_code < 0)
            return explain(input, av_code, "reading", err);
        if (input->timed_out) { // what the parser still held, given out because of the end
            av_packet_unref(packet);
            return explain(input, AVERROR_EXIT, "reading", err);
        }
        if (packet->stream_index == input->stream->index)
            break;
        av_packet_unref(packet);
    }
    note_packet(input, packet);
    return 0;
}
