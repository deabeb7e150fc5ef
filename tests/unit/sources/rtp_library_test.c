// SPDX-License-Identifier: Apache-2.0
// Codecs that libavformat puts together, through the same door.
#include "sources/rtp_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int rtp_library_test(void);

#define HEAD        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
#define BYTES(text) (const uint8_t *)(text), sizeof text - 1

static struct nj_rtp *open_it(const char *text)
{
    struct nj_rtp *rtp = NULL;
    struct nj_error err = {0};
    if (nj_rtp_open(text, &rtp, &err) != 0)
        fail_msg("%s", err.text);
    return rtp;
}

// RFC 7741: a descriptor of one byte, which says whether a picture begins.
static void vp8_comes_out_with_its_marker(void **state)
{
    AVPacket *packet = av_packet_alloc();
    struct nj_rtp *rtp = open_it(HEAD "m=video 0 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n"
                                      "a=framerate:20\r\n");
    (void)state;
    assert_int_equal(nj_rtp_video(rtp)->codec->codec_id, AV_CODEC_ID_VP8);
    assert_int_equal(nj_rtp_video(rtp)->interval_us, 50000);
    for (int i = 0; i < 3; i++) { // that nothing was there yet is no end
        assert_int_equal(nj_rtp_take(rtp, packet, NULL), NJ_E_AGAIN);
        uint8_t first[] = "\x80\x61\0\0\0\0\0\0\0\0\0\1\20front ";
        uint8_t second[] = "\x80\xe1\0\0\0\0\0\0\0\0\0\1\0and two";
        first[3] = (uint8_t)(2 * i);
        second[3] = (uint8_t)(2 * i + 1);
        first[7] = second[7] = (uint8_t)(50 * i + 50);
        assert_int_equal(nj_rtp_push(rtp, BYTES(first), NULL), 0);
        assert_int_equal(nj_rtp_take(rtp, packet, NULL), NJ_E_AGAIN);
        assert_int_equal(nj_rtp_push(rtp, BYTES("\x80\xc8\0\1\0\0\0\1"), NULL), 0); // a report
        assert_int_equal(nj_rtp_take(rtp, packet, NULL), NJ_E_AGAIN);
        assert_int_equal(nj_rtp_push(rtp, BYTES(second), NULL), 0);
        assert_int_equal(nj_rtp_take(rtp, packet, NULL), 0);
        assert_int_equal(packet->size, 13);
        assert_memory_equal(packet->data, "front and two", 13);
        assert_int_equal(packet->pts, 50 * i);
        av_packet_unref(packet);
    }
    nj_rtp_close(rtp);
    av_packet_free(&packet);
}

static void packets_that_never_came_are_counted(void **state)
{
    static const uint8_t sequences[] = {7, 8, 12, 12, 13, 15};
    AVPacket *packet = av_packet_alloc();
    struct nj_rtp *rtp = open_it(HEAD "m=video 0 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n");
    (void)state;
    for (size_t i = 0; i < sizeof sequences; i++) {
        uint8_t one[] = "\x80\xe1\0\0\0\0\0\0\0\0\0\1\20front ";
        uint8_t other[] = "\x80\x62\0\0\0\0\0\0\0\0\0\1another payload";
        one[3] = sequences[i];
        one[7] = (uint8_t)i;
        assert_int_equal(nj_rtp_push(rtp, BYTES(other), NULL), 0);
        while (nj_rtp_take(rtp, packet, NULL) == 0)
            av_packet_unref(packet);
        assert_int_equal(nj_rtp_push(rtp, BYTES(one), NULL), 0);
        while (nj_rtp_take(rtp, packet, NULL) == 0)
            av_packet_unref(packet);
    }
    assert_int_equal(nj_rtp_lost(rtp), 3 + 1);
    nj_rtp_close(rtp);
    av_packet_free(&packet);
}

static void unknown_codec_is_named_and_interleaving_refused(void **state)
{
    struct nj_error err = {0};
    struct nj_rtp *rtp = open_it(HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 X-FOO/90000\r\n");
    (void)state;
    assert_int_equal(nj_rtp_video(rtp)->codec->codec_id, AV_CODEC_ID_NONE);
    assert_string_equal(nj_rtp_video(rtp)->name, "X-FOO/90000");
    nj_rtp_close(rtp);
    assert_int_equal(nj_rtp_open(HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                                      "a=fmtp:96 packetization-mode=2\r\n",
                                 &rtp, &err),
                     NJ_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "packetization-mode 2"));
}

// RFC 7798, 4.4: with sprop-max-don-diff, numbers of the decoding order stand in the packets.
static void numbered_h265_is_left_to_the_library(void **state)
{
    struct nj_rtp *rtp = open_it(HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n"
                                      "a=fmtp:96 sprop-max-don-diff=1\r\n");
    AVPacket *packet = av_packet_alloc();
    (void)state;
    assert_int_equal(nj_rtp_video(rtp)->codec->codec_id, AV_CODEC_ID_HEVC);
    assert_int_equal(nj_rtp_push(rtp, BYTES("\x80\xe0\0\0\0\0\0\0\0\0\0\1\x26\1\0\0\xaf.."), NULL),
                     0);
    assert_int_equal(nj_rtp_take(rtp, packet, NULL), NJ_E_AGAIN);
    av_packet_free(&packet);
    nj_rtp_close(rtp);
}

int rtp_library_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vp8_comes_out_with_its_marker),
        cmocka_unit_test(packets_that_never_came_are_counted),
        cmocka_unit_test(unknown_codec_is_named_and_interleaving_refused),
        cmocka_unit_test(numbered_h265_is_left_to_the_library),
    };
    return cmocka_run_group_tests_name("RTP by the library", tests, NULL, NULL);
}
