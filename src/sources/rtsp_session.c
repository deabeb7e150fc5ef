// SPDX-License-Identifier: Apache-2.0
// What is said to a camera, and what it answers.
#include "sources/rtsp_session_priv.h"

#include "net/link.h"
#include "sources/rtsp_login_priv.h"
#include "sources/rtsp_message_priv.h"
#include "sources/rtsp_video_priv.h"
#include "util/digest.h"
#include "util/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSION_MAX = 128,
    READ_BYTES = 32 * 1024,
    IN_MAX = NJ_RTSP_BODY_MAX + NJ_RTSP_HEAD_MAX + 2 * READ_BYTES,
    OUT_MAX = 8 * 1024,
    LOGIN_TRIES = 2,      // the challenge, and a nonce that grew old
    SESSION_TIMEOUT = 60, // s, where the camera names none (RFC 2326, 12.37)
    KEEP_PARTS = 3,       // of it until we are heard: one time may be refused for an old nonce
    FAREWELL_US = 200 * NJ_US_PER_MS,
    SALT_BYTES = 8,
    FINAL_STATUS = 200, // below it, another answer follows
    VIDEO_CHANNEL = 0,  // that we ask for; the control packets follow on the next one
};

struct nj_rtsp_session {
    struct nj_link *link;
    const struct nj_clock *clock;
    struct nj_buf in;
    size_t start; // of what is not yet taken from `in`
    struct nj_rtsp_login login;
    struct nj_rtsp_video video;
    char url[NJ_URL_MAX]; // without user and password
    char id[SESSION_MAX]; // "" before SETUP
    unsigned sequence;
    int channels[2]; // of the video's RTP and RTCP
    nj_us keep_us, keep_at_us;
    bool keep_by_options; // it knows no GET_PARAMETER
    bool playing;
};

static nj_us now_us(const struct nj_rtsp_session *session)
{
    return nj_mono_us(session->clock);
}

int nj_rtsp_session_open(const struct nj_rtsp_session_config *config, struct nj_rtsp_session **out,
                         struct nj_error *err)
{
    const struct nj_url *url = config->url;
    const bool tls = strcmp(url->scheme, "rtsps") == 0;
    const struct nj_link_target target = {
        .host = url->host,
        .port = nj_url_port(url),
        .tls = tls,
        .tls_verify = config->tls_verify,
        .rules = config->rules,
        .resolver = config->resolver,
        .timeout_us = config->timeout_us,
        .cancel = config->cancel,
        .clock = config->clock,
    };
    struct nj_url plain = *url;
    struct nj_rtsp_session *session = calloc(1, sizeof *session);
    if (!session)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a session");
    session->clock = config->clock;
    nj_buf_init(&session->in, IN_MAX);
    plain.user[0] = plain.password[0] = '\0';
    memcpy(session->login.user, url->user, sizeof url->user);
    memcpy(session->login.password, url->password, sizeof url->password);
    int rc = nj_url_write(&plain, session->url, sizeof session->url)
                 ? nj_link_open(&target, &session->link, err)
                 : nj_error_set(err, NJ_E_INVALID, "the address is too long");
    if (rc != 0) {
        nj_rtsp_session_close(session);
        return rc;
    }
    *out = session;
    return 0;
}

struct request {
    const char *method, *uri;
    const char *fields; // whole lines
};

// What addresses and fields of the camera's bring along must not make further lines.
static int send_request(struct nj_rtsp_session *session, const struct request *request,
                        nj_us deadline_us, struct nj_error *err)
{
    char salt[2 * SALT_BYTES + 1];
    struct nj_buf out;
    for (const char *at = request->uri; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ')
            return nj_error_set(err, NJ_E_CORRUPT, "the camera's address has odd characters");
    int rc = nj_random_hex(salt, SALT_BYTES);
    if (rc != 0)
        return nj_error_set(err, rc, "no random numbers");
    nj_buf_init(&out, OUT_MAX);
    nj_buf_printf(&out, "%s %s RTSP/1.0\r\nCSeq: %u\r\nUser-Agent: Nightjar\r\n%s", request->method,
                  request->uri, ++session->sequence, request->fields);
    if (session->id[0] != '\0')
        nj_buf_printf(&out, "Session: %s\r\n", session->id);
    nj_rtsp_login_write(&session->login, request->method, request->uri, salt, &out);
    nj_buf_append_text(&out, "\r\n");
    rc = nj_buf_failed(&out);
    if (rc != 0)
        nj_error_set(err, rc, "the request is too long");
    else
        rc = nj_link_send(session->link, out.data, out.length, deadline_us, err);
    nj_buf_finish(&out);
    return rc;
}

static int receive_more(struct nj_rtsp_session *session, nj_us deadline_us, struct nj_error *err)
{
    size_t length = READ_BYTES;
    if (session->start > 0 && session->in.length - session->start < READ_BYTES) {
        nj_buf_consume(&session->in, session->start); // little is moved
        session->start = 0;
    }
    char *room = nj_buf_room(&session->in, READ_BYTES);
    if (!room)
        return nj_error_set(err, nj_buf_failed(&session->in), "no memory for what the camera says");
    int rc = nj_link_receive(session->link, room, &length, deadline_us, err);
    if (rc != 0)
        return rc;
    if (length == 0)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the camera closed the connection");
    nj_buf_commit(&session->in, length);
    return 0;
}

// The next whole message; it lies in the buffer until the next call.
static int next_message(struct nj_rtsp_session *session, nj_us deadline_us,
                        struct nj_rtsp_message *out, struct nj_error *err)
{
    for (;;) {
        if (now_us(session) >= deadline_us)
            return nj_error_set(err, NJ_E_TIMEOUT, "the camera is silent");
        const size_t left = session->in.length - session->start;
        int rc = nj_rtsp_message_read(left > 0 ? session->in.data + session->start : NULL, left,
                                      out, err);
        if (rc == 0 && out->kind == NJ_RTSP_PARTIAL)
            rc = receive_more(session, deadline_us, err);
        if (rc != 0)
            return rc;
        if (out->kind == NJ_RTSP_PARTIAL)
            continue;
        session->start += out->size;
        if (out->kind != NJ_RTSP_STRAY)
            return 0;
    }
}

// A camera that asks whether we are there hears that we are.
static int answer_request(struct nj_rtsp_session *session, const struct nj_rtsp_message *request,
                          nj_us deadline_us, struct nj_error *err)
{
    char sequence[24], answer[128];
    const bool known = strncmp(request->head, "OPTIONS ", 8) == 0 ||
                       strncmp(request->head, "GET_PARAMETER ", 14) == 0;
    nj_rtsp_message_field(request, "CSeq", 0, sequence, sizeof sequence);
    int length = snprintf(answer, sizeof answer, "RTSP/1.0 %s\r\nCSeq: %s\r\n\r\n",
                          known ? "200 OK" : "501 Not Implemented", sequence);
    return nj_link_send(session->link, answer, (size_t)length, deadline_us, err);
}

// Waits for the answer to the last request; packets that come before it are of no use yet.
static int await_answer(struct nj_rtsp_session *session, nj_us deadline_us,
                        struct nj_rtsp_message *out, struct nj_error *err)
{
    char sequence[24];
    for (;;) {
        int rc = next_message(session, deadline_us, out, err);
        if (rc == 0 && out->kind == NJ_RTSP_REQUEST)
            rc = answer_request(session, out, deadline_us, err);
        if (rc != 0)
            return rc;
        if (out->kind != NJ_RTSP_ANSWER || (out->status >= 100 && out->status < FINAL_STATUS))
            continue;
        if (!nj_rtsp_message_field(out, "CSeq", 0, sequence, sizeof sequence) ||
            strtoul(sequence, NULL, 10) == session->sequence)
            return 0;
    }
}

// True when the answer brought a challenge that has not been tried.
static bool take_challenges(struct nj_rtsp_session *session, const struct nj_rtsp_message *answer)
{
    char challenge[2048];
    bool taken = false;
    if (answer->status != 401 || session->login.user[0] == '\0')
        return false;
    for (unsigned n = 0;
         nj_rtsp_message_field(answer, "WWW-Authenticate", n, challenge, sizeof challenge); n++)
        taken = nj_rtsp_login_challenge(&session->login, challenge) || taken;
    return taken;
}

static int explain(int status, struct nj_error *err)
{
    static const struct {
        int least, code;
        const char *text;
    } known[] = {
        {500, NJ_E_UNAVAILABLE, "the camera reported an error (5xx)"},
        {462, NJ_E_UNAVAILABLE, "the camera refused the request (4xx)"},
        {461, NJ_E_UNSUPPORTED, "the camera does not offer RTP over TCP"},
        {454, NJ_E_UNAVAILABLE, "the camera refused the request (4xx)"},
        {453, NJ_E_UNAVAILABLE, "the camera has no bandwidth left (453)"},
        {405, NJ_E_UNAVAILABLE, "the camera refused the request (4xx)"},
        {404, NJ_E_NOT_FOUND, "the camera has no such stream (404)"},
        {403, NJ_E_INVALID, "the camera refused access (403)"},
        {402, NJ_E_UNAVAILABLE, "the camera refused the request (4xx)"},
        {401, NJ_E_INVALID, "the camera refused user and password (401)"},
        {400, NJ_E_UNAVAILABLE, "the camera refused the request (400)"},
        {0, NJ_E_CORRUPT, "the camera's answer cannot be understood"},
    };
    size_t i = 0;
    while (status < known[i].least)
        i++;
    return nj_error_set(err, known[i].code, "%s", known[i].text);
}

// Asks, proves who we are when the camera wants that, and takes an answer of any other status.
static int ask(struct nj_rtsp_session *session, const struct request *request, nj_us deadline_us,
               struct nj_rtsp_message *answer, struct nj_error *err)
{
    for (int i = 0;; i++) {
        int rc = send_request(session, request, deadline_us, err);
        if (rc == 0)
            rc = await_answer(session, deadline_us, answer, err);
        if (rc != 0)
            return rc;
        if (i == LOGIN_TRIES || !take_challenges(session, answer))
            return 0;
    }
}

int nj_rtsp_session_describe(struct nj_rtsp_session *session, nj_us deadline_us, const char **sdp,
                             char moved[NJ_URL_MAX], struct nj_error *err)
{
    const struct request request = {"DESCRIBE", session->url, "Accept: application/sdp\r\n"};
    struct nj_rtsp_message answer;
    char base[NJ_URL_MAX];
    int rc = ask(session, &request, deadline_us, &answer, err);
    if (rc != 0)
        return rc;
    if (answer.status >= 300 && answer.status < 400 &&
        nj_rtsp_message_field(&answer, "Location", 0, moved, NJ_URL_MAX))
        return nj_error_set(err, NJ_E_AGAIN, "the camera is elsewhere");
    if (answer.status != 200)
        return explain(answer.status, err);
    if (!nj_rtsp_message_field(&answer, "Content-Base", 0, base, sizeof base) &&
        !nj_rtsp_message_field(&answer, "Content-Location", 0, base, sizeof base))
        nj_text_copy(base, sizeof base, session->url);
    free(session->video.description);
    session->video.description = NULL;
    rc = nj_rtsp_video_read(answer.body, answer.body_size, base, &session->video, err);
    if (rc == 0)
        *sdp = session->video.description;
    if (session->start == session->in.length) { // it may have been large
        nj_buf_finish(&session->in);
        nj_buf_init(&session->in, IN_MAX);
        session->start = 0;
    }
    return rc;
}

// The number behind `key` in a field, or `fallback`; *rest (may be NULL) is what follows it.
static int number_after(const char *field, const char *key, int fallback, const char **rest)
{
    const char *told = strstr(field, key);
    char *end = NULL;
    long number = told ? strtol(told + strlen(key), &end, 10) : -1;
    if (rest)
        *rest = end ? end : "";
    return number >= 0 && number <= INT_MAX && end != told + strlen(key) ? (int)number : fallback;
}

static void take_channels(struct nj_rtsp_session *session, const struct nj_rtsp_message *answer)
{
    char transport[512];
    const char *rest = "";
    nj_rtsp_message_field(answer, "Transport", 0, transport, sizeof transport);
    session->channels[0] = number_after(transport, "interleaved=", VIDEO_CHANNEL, &rest);
    session->channels[1] = number_after(rest, "-", session->channels[0] + 1, NULL);
}

nj_us nj_rtsp_keep_us(int timeout_s)
{
    if (timeout_s <= 0 || timeout_s > SESSION_TIMEOUT) // being heard too often does no harm
        timeout_s = SESSION_TIMEOUT;
    return timeout_s * (nj_us)NJ_US_PER_S / KEEP_PARTS;
}

// "Session: 4711;timeout=30"
static int take_session(struct nj_rtsp_session *session, const struct nj_rtsp_message *answer,
                        struct nj_error *err)
{
    char field[SESSION_MAX + 64];
    if (!nj_rtsp_message_field(answer, "Session", 0, field, sizeof field))
        return nj_error_set(err, NJ_E_CORRUPT, "the camera gave no session");
    const int timeout_s = number_after(field, "timeout=", SESSION_TIMEOUT, NULL);
    field[strcspn(field, "; \t\r\n")] = '\0';
    if (!nj_text_copy(session->id, sizeof session->id, field))
        return nj_error_set(err, NJ_E_CORRUPT, "the camera's session has too long a name");
    session->keep_us = nj_rtsp_keep_us(timeout_s);
    session->keep_at_us = now_us(session) + session->keep_us;
    return 0;
}

int nj_rtsp_session_play(struct nj_rtsp_session *session, nj_us deadline_us, struct nj_error *err)
{
    const struct request set_up = {"SETUP", session->video.control,
                                   "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"};
    const struct request play = {"PLAY", session->video.whole, "Range: npt=0.000-\r\n"};
    struct nj_rtsp_message answer;
    int rc = ask(session, &set_up, deadline_us, &answer, err);
    if (rc == 0 && answer.status != 200)
        rc = explain(answer.status, err);
    if (rc == 0)
        rc = take_session(session, &answer, err);
    if (rc != 0)
        return rc;
    take_channels(session, &answer);
    session->playing = true;
    rc = ask(session, &play, deadline_us, &answer, err);
    if (rc == 0 && answer.status != 200)
        rc = explain(answer.status, err);
    return rc;
}

// An empty receiver report (RFC 3550, 6.4.2) and a request: one or the other tells the camera that
// we are there.
static int keep_alive(struct nj_rtsp_session *session, nj_us deadline_us, struct nj_error *err)
{
    const uint8_t report[] = {'$', (uint8_t)session->channels[1], 0, 8, 0x80, 201, 0, 1, 0, 0, 0,
                              1};
    if (now_us(session) < session->keep_at_us)
        return 0;
    session->keep_at_us = now_us(session) + session->keep_us;
    int rc = nj_link_send(session->link, report, sizeof report, deadline_us, err);
    if (rc != 0)
        return rc;
    const struct request request = {session->keep_by_options ? "OPTIONS" : "GET_PARAMETER",
                                    session->video.whole, ""};
    return send_request(session, &request, deadline_us, err);
}

// While it plays, answers are those to keep_alive().
static void note_answer(struct nj_rtsp_session *session, const struct nj_rtsp_message *answer)
{
    if (!take_challenges(session, answer) && answer->status != 200) // else the nonce grew old
        session->keep_by_options = true;
}

int nj_rtsp_session_packet(struct nj_rtsp_session *session, nj_us deadline_us,
                           const uint8_t **packet, size_t *length, struct nj_error *err)
{
    struct nj_rtsp_message message = {.kind = NJ_RTSP_PARTIAL};
    for (;;) {
        int rc = keep_alive(session, deadline_us, err);
        if (rc == 0)
            rc = next_message(session, deadline_us, &message, err);
        if (rc == 0 && message.kind == NJ_RTSP_REQUEST)
            rc = answer_request(session, &message, deadline_us, err);
        if (rc != 0)
            return rc;
        if (message.kind == NJ_RTSP_ANSWER)
            note_answer(session, &message);
        if (message.kind == NJ_RTSP_FRAME && message.body_size > 0 &&
            (message.channel == session->channels[0] || message.channel == session->channels[1]))
            break;
    }
    *packet = (const uint8_t *)message.body;
    *length = message.body_size;
    return 0;
}

void nj_rtsp_session_close(struct nj_rtsp_session *session)
{
    if (!session)
        return;
    const struct request farewell = {"TEARDOWN", session->video.whole, ""};
    if (session->link && session->playing) // cameras have few places
        (void)send_request(session, &farewell, now_us(session) + FAREWELL_US, NULL);
    nj_link_close(session->link);
    free(session->video.description);
    nj_buf_finish(&session->in);
    explicit_bzero(&session->login, sizeof session->login);
    free(session);
}
