// SPDX-License-Identifier: Apache-2.0
// What a camera can send before it is trusted: the Location of a redirect; messages, descriptions
// (SDP) and challenges; their RTP packets.
//
// First byte modulo 3 is 0: a redirect. 1: SDP up to the first NUL, then packets, each behind two
// bytes of length. 2: bytes of a connection.
#include "sources/rtsp_gop_priv.h"
#include "sources/rtsp_input_priv.h"
#include "sources/rtsp_login_priv.h"
#include "sources/rtsp_message_priv.h"
#include "sources/rtsp_video_priv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Read by LeakSanitizer. libavformat loses some bytes over descriptions with broken lines; our own
// memory is what is looked after here.
const char *__lsan_default_suppressions(void); // NOLINT(bugprone-reserved-identifier)
const char *__lsan_default_suppressions(void)  // NOLINT(bugprone-reserved-identifier)
{
    return "leak:av_malloc\nleak:av_realloc\nleak:libavformat\n";
}

enum { PACKET_MAX = 1500 };

static void read_packets(struct nj_rtp *rtp)
{
    struct nj_rtsp_gop gop = {.count = 0};
    struct nj_rtsp_hint hint = {0};
    AVPacket *packet = av_packet_alloc();
    while (packet && nj_rtp_take(rtp, packet, NULL) == 0) {
        if (!nj_rtsp_gop_add(&gop, packet))
            nj_rtsp_gop_clear(&gop);
        (void)nj_rtsp_hint_note(&hint, packet->size);
        av_packet_unref(packet);
    }
    nj_rtsp_gop_clear(&gop);
    av_packet_free(&packet);
}

static void describe(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    size_t length = end ? (size_t)(end - data) : size;
    struct nj_rtsp_video video = {.description = NULL};
    struct nj_rtp *rtp = NULL;
    if (nj_rtsp_video_read((const char *)data, length, "rtsp://cam/", &video, NULL) != 0)
        return;
    data += length + (end != NULL);
    size -= length + (end != NULL);
    if (nj_rtp_open(video.description, &rtp, NULL) == 0)
        while (size >= 2) {
            length = ((size_t)data[0] << 8 | data[1]) % PACKET_MAX;
            data += 2;
            size -= 2;
            length = length < size ? length : size;
            if (length > 0 && nj_rtp_push(rtp, data, length, NULL) == 0)
                read_packets(rtp);
            data += length;
            size -= length;
        }
    nj_rtp_close(rtp);
    free(video.description);
}

static void redirect(const uint8_t *data, size_t size)
{
    static const struct nj_url from = {"rtsps", "user", "secret", "cam.lan", 0, "/"};
    struct nj_url to;
    struct nj_error err = {0};
    char *text = malloc(size + 1);
    if (!text)
        return;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (nj_rtsp_follow(&from, text, &to, &err) == 0) {
        bool carried = strcmp(to.password, "secret") == 0 && !strstr(text, "secret");
        bool same = strcmp(to.host, "cam.lan") == 0 && strcmp(to.scheme, "rtsps") == 0 &&
                    (to.port == 0 || to.port == 322);
        if (carried && !same)
            abort();
    }
    const struct nj_source_entry entry = {.url = text};
    (void)nj_rtsp_input_check(&entry, &err);
    free(text);
}

// As a session takes them: each message must lie within the bytes and move on.
static void converse(const char *bytes, size_t length)
{
    static const char secret[] = "\1\2\3"; // which no challenge can bring along
    struct nj_rtsp_login login = {.user = "user", .password = "\1\2\3"};
    struct nj_rtsp_message message;
    char value[NJ_RTSP_CHALLENGE_MAX];
    struct nj_buf out;
    nj_buf_init(&out, 8192);
    while (length > 0 && nj_rtsp_message_read(bytes, length, &message, NULL) == 0 &&
           message.kind != NJ_RTSP_PARTIAL) {
        if (message.size == 0 || message.size > length)
            abort();
        for (unsigned n = 0; message.head && n < 4; n++)
            if (nj_rtsp_message_field(&message, "WWW-Authenticate", n, value, sizeof value))
                (void)nj_rtsp_login_challenge(&login, value);
        bytes += message.size;
        length -= message.size;
    }
    nj_rtsp_login_write(&login, "DESCRIBE", "rtsp://cam/", "salt", &out);
    if (out.data && memmem(out.data, out.length, secret, sizeof secret - 1) &&
        login.scheme != NJ_RTSP_LOGIN_BASIC)
        abort();
    nj_buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] % 3 == 0)
        redirect(data + 1, size - 1);
    else if (data[0] % 3 == 1)
        describe(data + 1, size - 1);
    else
        converse((const char *)data + 1, size - 1);
    return 0;
}
