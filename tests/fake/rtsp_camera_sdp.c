// SPDX-License-Identifier: Apache-2.0
// Descriptions of a mount (RFC 4566, RFC 6184), right and wrong.
#include "tests/fake/rtsp_camera_priv.h"

#include <openssl/evp.h>
#include <string.h>

enum {
    GARBAGE_BYTES = 2048,
    HUGE_BYTES = 8 * 1024 * 1024,
    FILLER_LINE_BYTES = 64 * 1024,
    SPROP_MAX = 512, // bytes of a parameter set
};

static void write_base64(struct nj_buf *out, const struct camera_media *media,
                         struct camera_span span)
{
    unsigned char coded[SPROP_MAX * 4 / 3 + 8];
    if (span.size > SPROP_MAX)
        return;
    EVP_EncodeBlock(coded, (const unsigned char *)media->bytes.data + span.offset, (int)span.size);
    nj_buf_append_text(out, (const char *)coded);
}

static void write_sprop(struct nj_buf *out, const struct camera_mount *mount)
{
    const struct camera_media *media = mount->media;
    const unsigned char *sps = (const unsigned char *)media->bytes.data + media->sps.offset;
    nj_buf_append_text(out, "a=fmtp:96 packetization-mode=1");
    if (media->sps.size >= 4)
        nj_buf_printf(out, ";profile-level-id=%02X%02X%02X", sps[1], sps[2], sps[3]);
    if (mount->faults.sdp == NJ_TEST_CAMERA_SDP_BAD_SPROP) {
        nj_buf_append_text(out, ";sprop-parameter-sets=Z0!!AAAA,,=%%,aGVsbG8gd29ybGQ=");
    } else if (mount->faults.sdp != NJ_TEST_CAMERA_SDP_NO_SPROP) {
        nj_buf_append_text(out, ";sprop-parameter-sets=");
        write_base64(out, media, media->sps);
        nj_buf_append_text(out, ",");
        write_base64(out, media, media->pps);
    }
    nj_buf_append_text(out, "\r\n");
}

static void write_video(struct nj_buf *out, const struct camera_mount *mount)
{
    switch (mount->faults.sdp) {
    case NJ_TEST_CAMERA_SDP_NO_VIDEO:
        return;
    case NJ_TEST_CAMERA_SDP_UNKNOWN_CODEC:
        nj_buf_append_text(out, "m=video 0 RTP/AVP 96\r\na=rtpmap:96 NOBODYS-CODEC/90000\r\n");
        break;
    case NJ_TEST_CAMERA_SDP_WRONG_PAYLOAD:
        nj_buf_append_text(out, "m=video 0 RTP/AVP 98\r\na=rtpmap:98 VP8/90000\r\n");
        break;
    default:
        nj_buf_append_text(out, "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
        write_sprop(out, mount);
        break;
    }
    nj_buf_append_text(out, "a=control:trackID=0\r\n");
}

static void write_audio(struct nj_buf *out, const struct camera_mount *mount)
{
    if (mount->audio == NJ_TEST_CAMERA_AAC)
        nj_buf_printf(out,
                      "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/%d/%d\r\n"
                      "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;"
                      "indexlength=3;indexdeltalength=3;config=%s\r\n",
                      mount->media->sound_rate, mount->media->sound_channels,
                      mount->media->sound_config);
    else if (mount->audio == NJ_TEST_CAMERA_PCMU ||
             mount->faults.sdp == NJ_TEST_CAMERA_SDP_NO_VIDEO)
        nj_buf_append_text(out, "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n");
    else
        return;
    nj_buf_append_text(out, "a=control:trackID=1\r\n");
}

static void write_noise(struct nj_buf *out)
{
    uint32_t state = 1;
    for (size_t i = 0; i < GARBAGE_BYTES; i++) {
        state = state * 1664525 + 1013904223;
        nj_buf_append_char(out, (char)(state >> 24));
    }
}

// Few long lines: a client that is slow with each line is not what this is about.
static void write_filler(struct nj_buf *out)
{
    while (out->length < HUGE_BYTES && !nj_buf_failed(out)) {
        nj_buf_append_text(out, "a=x-filler:");
        char *room = nj_buf_room(out, FILLER_LINE_BYTES);
        if (!room)
            return;
        memset(room, 'x', FILLER_LINE_BYTES);
        nj_buf_commit(out, FILLER_LINE_BYTES);
        nj_buf_append_text(out, "\r\n");
    }
}

void camera_sdp_write(struct nj_buf *out, const struct camera_mount *mount, const char *base)
{
    switch (mount->faults.sdp) {
    case NJ_TEST_CAMERA_SDP_EMPTY:
        return;
    case NJ_TEST_CAMERA_SDP_GARBAGE:
        write_noise(out);
        return;
    case NJ_TEST_CAMERA_SDP_HTML:
        nj_buf_append_text(out, "<html><body>Please log in</body></html>");
        return;
    default:
        break;
    }
    nj_buf_printf(out,
                  "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=%s\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                  "a=range:npt=now-\r\na=control:%s\r\n",
                  mount->name, base);
    if (mount->faults.sdp == NJ_TEST_CAMERA_SDP_HUGE)
        write_filler(out);
    write_video(out, mount);
    write_audio(out, mount);
}
