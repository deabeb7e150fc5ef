// SPDX-License-Identifier: Apache-2.0
// What a camera can send before it is trusted: the Location of a redirect; messages, descriptions
// (SDP) and challenges; RTP packets through libavformat in memory.
//
// First byte modulo 3 is 0: a redirect. 1: SDP up to the first NUL, then packets, each behind two
// bytes of length. 2: bytes of a connection.
#include "sources/rtsp_gop_priv.h"
#include "sources/rtsp_input_priv.h"
#include "sources/rtsp_login_priv.h"
#include "sources/rtsp_message_priv.h"

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

enum { IO_BYTES = 4096, PACKETS_MAX = 64 };

struct wire {
    const uint8_t *bytes;
    size_t length;
    bool framed; // packets behind their lengths; else a stream of bytes
};

static int read_wire(void *opaque, uint8_t *out, int size)
{
    struct wire *wire = opaque;
    size_t count = wire->length;
    if (wire->framed && wire->length >= 2) {
        count = ((size_t)wire->bytes[0] << 8 | wire->bytes[1]) % 1500;
        wire->bytes += 2;
        wire->length -= 2;
        count = count < wire->length ? count : wire->length;
    }
    count = count < (size_t)size ? count : (size_t)size;
    if (count == 0)
        return AVERROR_EOF;
    memcpy(out, wire->bytes, count);
    wire->bytes += count;
    wire->length -= count;
    return (int)count;
}

static int write_nothing(void *opaque, uint8_t *bytes, int size)
{
    (void)opaque;
    (void)bytes;
    return size;
}

// `both`: reports are written, too; without a buffer, because the other direction uses it.
static AVIOContext *open_wire(struct wire *wire, bool both)
{
    unsigned char *buffer = av_malloc(IO_BYTES);
    AVIOContext *io =
        buffer ? avio_alloc_context(buffer, IO_BYTES, 0, wire, read_wire, write_nothing, NULL)
               : NULL;
    if (io)
        io->direct = both;
    else
        av_free(buffer);
    return io;
}

static void close_wire(AVIOContext *io)
{
    if (io)
        av_freep(&io->buffer);
    avio_context_free(&io);
}

static void read_packets(AVFormatContext *format)
{
    struct nj_rtsp_gop gop = {.count = 0};
    struct nj_rtsp_hint hint = {0};
    AVPacket *packet = av_packet_alloc();
    for (int i = 0; packet && i < PACKETS_MAX && av_read_frame(format, packet) >= 0; i++) {
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
    if (nj_rtsp_video_read((const char *)data, length, "rtsp://cam/", &video, NULL) != 0)
        return;
    struct wire sdp = {(const uint8_t *)video.description, strlen(video.description), false};
    struct wire rtp = {data + length + (end != NULL), size - length - (end != NULL), true};
    AVIOContext *first = open_wire(&sdp, false), *second = open_wire(&rtp, true);
    AVFormatContext *format = avformat_alloc_context();
    AVDictionary *options = NULL;
    av_log_set_level(AV_LOG_QUIET);
    if (first && second && format && av_dict_set(&options, "sdp_flags", "custom_io", 0) >= 0) {
        format->pb = first;
        if (avformat_open_input(&format, "", av_find_input_format("sdp"), &options) == 0) {
            format->pb = second;
            read_packets(format);
        }
    }
    av_dict_free(&options);
    avformat_close_input(&format);
    close_wire(first);
    close_wire(second);
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
        bool same = strcmp(to.host, "cam.lan") == 0 && strcmp(to.scheme, "rtsps") == 0;
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
