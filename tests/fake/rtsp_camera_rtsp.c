// SPDX-License-Identifier: Apache-2.0
// The methods of RTSP (RFC 2326), interleaved over TCP.
#include "tests/fake/rtsp_camera_priv.h"

#include "util/digest.h"

#include <stdio.h>
#include <string.h>

enum { SESSION_LIFE_S = 60, DESCRIPTION_MAX_BYTES = 16 * 1024 * 1024, LINES_MAX = 1024 };

static void options(struct camera_conn *conn, const struct camera_request *request)
{
    if (conn->session.playing)
        camera_count(conn, keepalives, 1);
    camera_reply(conn, request, 200,
                 "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, TEARDOWN\r\n", 0);
}

static void get_parameter(struct camera_conn *conn, const struct camera_request *request)
{
    if (conn->session.playing)
        camera_count(conn, keepalives, 1);
    char lines[64] = "";
    if (conn->session.id)
        snprintf(lines, sizeof(lines), "Session: %08X\r\n", conn->session.id);
    camera_reply(conn, request, 200, lines, 0);
}

static void describe(struct camera_conn *conn, const struct camera_request *request)
{
    const struct camera_mount *mount = conn->mount;
    char lines[2 * LINES_MAX];
    if (mount->redirect_to[0]) {
        snprintf(lines, sizeof(lines), "Location: %s\r\n", mount->redirect_to);
        camera_reply(conn, request, 302, lines, 0);
        return;
    }
    if (mount->faults.describe_status) {
        camera_reply(conn, request, mount->faults.describe_status, "", 0);
        return;
    }
    char base[LINES_MAX + 1];
    snprintf(base, sizeof(base), "%s%s", request->target,
             request->target[strlen(request->target) - 1] == '/' ? "" : "/");
    struct nj_buf body;
    nj_buf_init(&body, DESCRIPTION_MAX_BYTES);
    camera_sdp_write(&body, mount, base);
    bool html = mount->faults.sdp == NJ_TEST_CAMERA_SDP_HTML;
    snprintf(lines, sizeof(lines), "Content-Type: %s\r\nContent-Base: %s\r\n",
             html ? "text/html" : "application/sdp", base);
    camera_reply(conn, request, 200, lines, body.length);
    nj_buf_append(&conn->out, body.data, body.length);
    nj_buf_finish(&body);
    camera_count(conn, describes, 1);
}

static bool random_track(struct camera_track *track)
{
    char hex[21];
    unsigned seq;
    if (nj_random_hex(hex, 10) || sscanf(hex, "%8x%8x%4x", &track->ssrc, &track->base, &seq) != 3)
        return false;
    track->seq = (uint16_t)seq;
    return true;
}

static bool has_track(const struct camera_mount *mount, int track)
{
    if (track == CAMERA_VIDEO)
        return true;
    return track == CAMERA_AUDIO && (mount->audio != NJ_TEST_CAMERA_SILENT ||
                                     mount->faults.sdp == NJ_TEST_CAMERA_SDP_NO_VIDEO);
}

static void setup(struct camera_conn *conn, const struct camera_request *request)
{
    struct camera_session *session = &conn->session;
    char transport[LINES_MAX] = "";
    (void)camera_header(request, "Transport", transport, sizeof(transport));
    int status = conn->mount->faults.setup_status;
    if (!status && !strstr(transport, "RTP/AVP/TCP"))
        status = 461;
    if (!status && !has_track(conn->mount, request->track))
        status = 404;
    if (!status && session->playing)
        status = 455;
    if (status) {
        camera_reply(conn, request, status, "", 0);
        return;
    }
    struct camera_track *track = &session->tracks[request->track];
    unsigned channel = 2 * (unsigned)request->track;
    const char *wish = strstr(transport, "interleaved=");
    if (wish)
        (void)sscanf(wish, "interleaved=%u", &channel);
    memset(track, 0, sizeof(*track));
    track->channel = (uint8_t)(channel & 0xfe);
    if (!random_track(track))
        return;
    track->set_up = true;
    if (!session->id)
        session->id = track->ssrc | 1;
    char lines[LINES_MAX];
    snprintf(lines, sizeof(lines),
             "Transport: RTP/AVP/TCP;unicast;interleaved=%u-%u;ssrc=%08X\r\n"
             "Session: %08X;timeout=%d\r\n",
             track->channel, track->channel + 1u, track->ssrc, session->id,
             conn->mount->session_timeout_s > 0 ? conn->mount->session_timeout_s : SESSION_LIFE_S);
    camera_reply(conn, request, 200, lines, 0);
}

static void play(struct camera_conn *conn, const struct camera_request *request)
{
    struct camera_session *session = &conn->session;
    char lines[2 * LINES_MAX];
    if (!session->id) {
        camera_reply(conn, request, 454, "", 0);
        return;
    }
    int length =
        snprintf(lines, sizeof(lines), "Session: %08X\r\nRange: npt=0.000-\r\n", session->id);
    const char *separator = "RTP-Info: ";
    for (int i = 0; i < CAMERA_TRACKS; i++) {
        const struct camera_track *track = &session->tracks[i];
        if (!track->set_up)
            continue;
        length +=
            snprintf(lines + length, sizeof(lines) - (size_t)length,
                     "%surl=trackID=%d;seq=%u;rtptime=%u", separator, i, track->seq, track->base);
        separator = ",";
    }
    snprintf(lines + length, sizeof(lines) - (size_t)length, "\r\n");
    camera_reply(conn, request, 200, lines, 0);
    if (session->playing)
        return;
    camera_count(conn, plays, 1);
    camera_play_start(conn);
}

static void end_session(struct camera_conn *conn, const struct camera_request *request, bool whole)
{
    camera_play_stop(conn);
    if (whole) {
        camera_count(conn, teardowns, 1);
        memset(&conn->session, 0, sizeof(conn->session));
    }
    camera_reply(conn, request, 200, "", 0);
}

void camera_rtsp(struct camera_conn *conn, const struct camera_request *request)
{
    const char *method = request->method;
    if (!strcmp(method, "OPTIONS"))
        options(conn, request);
    else if (!conn->mount)
        camera_reply(conn, request, 404, "", 0);
    else if (!camera_auth_pass(conn, request))
        return;
    else if (!strcmp(method, "DESCRIBE"))
        describe(conn, request);
    else if (!strcmp(method, "SETUP"))
        setup(conn, request);
    else if (!strcmp(method, "PLAY"))
        play(conn, request);
    else if (!strcmp(method, "PAUSE") || !strcmp(method, "TEARDOWN"))
        end_session(conn, request, method[0] == 'T');
    else if (!strcmp(method, "GET_PARAMETER"))
        get_parameter(conn, request);
    else
        camera_reply(conn, request, 405, "", 0);
}
