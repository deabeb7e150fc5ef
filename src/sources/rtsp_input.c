// SPDX-License-Identifier: Apache-2.0
// From an entry to packets of video. How long a step may take, and whether the camera is frozen, is
// decided here.
#include "sources/rtsp_input_priv.h"

#include "sources/rtsp_session_priv.h"

#include <libavutil/mathematics.h>

enum {
    REDIRECTS_MAX = 5,
    CONNECT_TIMEOUT_US = 10 * NJ_US_PER_S,
    FROZEN_LEAST_US = 3 * NJ_US_PER_S,
    FROZEN_INTERVALS = 2,
    INTERVAL_SMOOTHING = 8,
    SETTLE_US = 50 * NJ_US_PER_MS,       // parts of a picture come with less between them
    INTERVAL_MOST_US = 60 * NJ_US_PER_S, // beyond, the camera's clock was set
};

static const char *const schemes[] = {"rtsp", "rtsps", NULL};

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
        rc = nj_rtp_open(sdp, &input->rtp, err);
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
    struct nj_error error = {0};
    const char *what = "connecting";
    input->packet_us = 0;
    input->paced = false;
    input->newest_pts_us = -1;
    input->deadline_us = now_us(input) + connect_timeout_us(nj_source_entry_of(input->source));
    int rc = find_camera(input, &error);
    if (rc == 0) {
        const nj_us told_us = nj_rtp_video(input->rtp)->interval_us;
        input->interval_us = told_us > 0 ? told_us : input->interval_us;
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
    nj_rtp_close(input->rtp);
    input->rtp = NULL;
    input->lost_told = 0;
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
    nj_us pts_us = av_rescale_q(time, nj_rtp_video(input->rtp)->time_base, us);
    nj_us gap_us = input->newest_pts_us >= 0 ? pts_us - input->newest_pts_us : 0;
    if (gap_us > 0 || gap_us < -INTERVAL_MOST_US || input->newest_pts_us < 0)
        input->newest_pts_us = pts_us;
    return gap_us;
}

static void note_lost(struct nj_rtsp_input *input)
{
    const uint64_t lost = nj_rtp_lost(input->rtp);
    if (lost == input->lost_told)
        return;
    nj_source_count_lost(input->source, lost - input->lost_told);
    input->lost_told = lost;
}

static void note_packet(struct nj_rtsp_input *input, const AVPacket *packet)
{
    nj_us gap_us = gap_before(input, packet);
    input->paced = input->packet_us > 0;
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

// A packet for nj_rtp_push, or 0 when a picture need not wait for one.
static int next_packet(struct nj_rtsp_input *input, const uint8_t **bytes, size_t *length,
                       struct nj_error *err)
{
    const bool waits = nj_rtp_waits(input->rtp);
    const nj_us until_us = waits ? now_us(input) + SETTLE_US : input->deadline_us;
    int rc = nj_rtsp_session_packet(input->session, until_us, bytes, length, err);
    if (rc != NJ_E_TIMEOUT || !waits)
        return rc;
    nj_rtp_settle(input->rtp);
    *length = 0;
    return 0;
}

int nj_rtsp_input_read(struct nj_rtsp_input *input, AVPacket *packet, struct nj_error *err)
{
    struct nj_error error = {0};
    const uint8_t *bytes = NULL;
    size_t length = 0;
    int rc = nj_rtp_take(input->rtp, packet, err);
    while (rc == NJ_E_AGAIN) {
        rc = next_packet(input, &bytes, &length, &error);
        if (rc != 0) {
            if (rc == NJ_E_TIMEOUT && input->packet_us > 0 && !input->paced)
                input->interval_us = 0; // it may have become slow: the next session will tell
            rc = explain(input, "reading", &error);
            if (err)
                *err = error;
            return rc;
        }
        if (length > 0)
            rc = nj_rtp_push(input->rtp, bytes, length, err);
        if (rc == 0)
            rc = nj_rtp_take(input->rtp, packet, err);
    }
    if (rc != 0)
        return nj_error_prefix(err, "reading");
    note_packet(input, packet);
    note_lost(input);
    return 0;
}
