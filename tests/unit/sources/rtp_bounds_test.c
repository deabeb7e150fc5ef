// SPDX-License-Identifier: Apache-2.0
// What a hostile camera may put into one picture, whoever puts it together.
#include "frames/nal_count.h"
#include "sources/rtp_description_priv.h"
#include "sources/rtp_nal_priv.h"
#include "sources/rtp_priv.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

int rtp_bounds_test(void);

#define HEAD "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
#define H264 HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"

enum { RTP_HEAD = 12, PAYLOAD = 60000 };

struct wire {
    struct nj_rtp *rtp;
    uint16_t sequence;
    uint8_t packet[RTP_HEAD + PAYLOAD];
};

static struct nj_rtp *open_it(const char *text)
{
    struct nj_rtp *rtp = NULL;
    struct nj_error err = {0};
    if (nj_rtp_open(text, &rtp, &err) != 0)
        fail_msg("%s", err.text);
    return rtp;
}

// The payload of `size` bytes lies in the packet already.
static int push(struct wire *wire, bool marker, size_t size)
{
    const uint8_t head[RTP_HEAD] = {0x80, (uint8_t)(96 | marker << 7),
                                    (uint8_t)(wire->sequence >> 8), (uint8_t)wire->sequence};
    memcpy(wire->packet, head, sizeof head);
    wire->sequence++;
    return nj_rtp_push(wire->rtp, wire->packet, RTP_HEAD + size, NULL);
}

static void write_codes(uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        memcpy(out + 4 * i, "\0\0\1\x09", 4);
}

// A decoder looks for start codes in what it is given, and libavcodec keeps 4 KiB for each.
static void picture_of_too_many_nals_is_thrown_away(void **state)
{
    static struct wire wire;
    AVPacket *packet = av_packet_alloc();
    (void)state;
    wire.rtp = open_it(H264);
    for (int i = 0; i < 2; i++) { // two in a fragmented NAL, which has 8192 or more in it
        const uint8_t fragment[] = {0x7c, i == 0 ? 0x85 : 0x45};
        memcpy(wire.packet + RTP_HEAD, fragment, sizeof fragment);
        write_codes(wire.packet + RTP_HEAD + sizeof fragment, NJ_NALS_MAX / 2);
        assert_int_equal(push(&wire, i == 1, sizeof fragment + 2 * (size_t)NJ_NALS_MAX), 0);
    }
    assert_int_equal(nj_rtp_take(wire.rtp, packet, NULL), NJ_E_AGAIN);
    memcpy(wire.packet + RTP_HEAD, "\x65\x88", 2);
    assert_int_equal(push(&wire, true, 2), 0);
    assert_int_equal(nj_rtp_take(wire.rtp, packet, NULL), 0);
    assert_int_equal(packet->size, 6);
    nj_rtp_close(wire.rtp);
    av_packet_free(&packet);
}

static void parameter_sets_of_too_many_nals_are_left_out(void **state)
{
    static char text[64 * 1024] = H264 "a=fmtp:96 sprop-parameter-sets=";
    (void)state;
    // 30 bytes, nine start codes: 1100 of them are below the limit of bytes.
    for (int i = 0; i < 1100; i++)
        strcat(text, "ZwAAAQAAAQAAAQAAAQAAAQAAAQAAAQAAAQAAAQAB,");
    strcat(text, "\r\n");
    struct nj_rtp *rtp = open_it(text);
    assert_int_equal(nj_rtp_video(rtp)->codec->extradata_size, 0);
    nj_rtp_close(rtp);
}

// libavformat keeps what belongs to a picture until the next one, however much that is.
static void picture_without_end_is_an_error_with_the_library_too(void **state)
{
    static struct wire wire;
    AVPacket *packet = av_packet_alloc();
    int rc = 0, count = 0;
    (void)state;
    wire.rtp = open_it(HEAD "m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
    memcpy(wire.packet + RTP_HEAD, "\x10", 1); // begins, and the others go on
    for (; rc == 0 && count < 1000; count++) {
        rc = push(&wire, false, PAYLOAD);
        memset(wire.packet + RTP_HEAD, 0, 1);
        if (rc == 0)
            assert_int_equal(nj_rtp_take(wire.rtp, packet, NULL), NJ_E_AGAIN);
    }
    assert_int_equal(rc, NJ_E_CORRUPT);
    assert_in_range(count, 32 * 1024 * 1024 / (PAYLOAD + RTP_HEAD), 1000);
    nj_rtp_close(wire.rtp);
    av_packet_free(&packet);
}

// Seconds of a core when each line is looked for from the beginning; time of the processor alone.
static void description_of_lines_alone_takes_no_time(void **state)
{
    static char text[64 * 1024] = H264;
    char *at = text + strlen(text);
    (void)state;
    while (at < text + sizeof text - 16)
        at = stpcpy(at, "a=fmtp:96\r\n");
    const clock_t begun = clock();
    nj_rtp_close(open_it(text));
    assert_true(clock() - begun < CLOCKS_PER_SEC);
}

int rtp_bounds_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picture_of_too_many_nals_is_thrown_away),
        cmocka_unit_test(parameter_sets_of_too_many_nals_are_left_out),
        cmocka_unit_test(picture_without_end_is_an_error_with_the_library_too),
        cmocka_unit_test(description_of_lines_alone_takes_no_time),
    };
    return cmocka_run_group_tests_name("bounds of RTP", tests, NULL, NULL);
}
