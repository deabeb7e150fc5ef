// SPDX-License-Identifier: Apache-2.0
// What descriptions say of RTP, as cameras write them.
#include "sources/rtp_description_priv.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int rtp_description_test(void);

#define HEAD "v=0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
#define H264 "a=rtpmap:96 H264/90000\r\n"
#define H265 "a=rtpmap:96 H265/90000\r\n"

static void codec_and_clock_are_those_of_the_first_payload(void **state)
{
    static const struct {
        const char *text, *name;
        const struct nj_nal_codec *codec;
        int type, clock;
        bool interleaved;
    } rows[] = {
        {HEAD H264, "H264/90000", &nj_nal_h264, 96, 90000, false},
        {HEAD H265, "H265/90000", &nj_nal_h265, 96, 90000, false},
        {HEAD "A=RTPMAP:96\th264/48000/1 \r\n", "h264/48000/1", &nj_nal_h264, 96, 48000, false},
        {HEAD "a=rtpmap: 96   H264\r\n", "H264", &nj_nal_h264, 96, 90000, false},
        {HEAD "a=rtpmap:96 H264/0\r\n", "H264/0", &nj_nal_h264, 96, 90000, false},
        {HEAD "a=rtpmap:97 H264/90000\r\n", "payload type 96", NULL, 96, 90000, false},
        {HEAD "a=rtpmap:96 X-FOO/90000\r\n", "X-FOO/90000", NULL, 96, 90000, false},
        {HEAD "a=rtpmap:96 \x1bX\r\n", "?X", NULL, 96, 90000, false},
        {HEAD "a=rtpmap:9 H265/1\r\n" H264, "H264/90000", &nj_nal_h264, 96, 90000, false},
        {"m=video  5004/2  RTP/AVP  97 96\r\n" H264 "a=rtpmap:97 VP8/90000\r\n", "VP8/90000", NULL,
         97, 90000, false},
        {"m=video 0 RTP/AVP 26\r\n", "payload type 26", NULL, 26, 90000, false},
        {"m=video 0 RTP/AVP\r\n", "no payload type", NULL, -1, 90000, false},
        {"m=video 0 RTP/AVP 128\r\n", "no payload type", NULL, -1, 90000, false},
        {"", "no payload type", NULL, -1, 90000, false},
        {HEAD H264 "a=fmtp:96 packetization-mode=1\r\n", "H264/90000", &nj_nal_h264, 96, 90000,
         false},
        {HEAD H264 "a=fmtp:96 x; Packetization-Mode = 2 \r\n", "H264/90000", &nj_nal_h264, 96,
         90000, true},
        {HEAD H265 "a=fmtp:96 sprop-max-don-diff=0\r\n", "H265/90000", &nj_nal_h265, 96, 90000,
         false},
        {HEAD H265 "a=fmtp:96 sprop-max-don-diff=2\r\n", "H265/90000", NULL, 96, 90000, false},
        {HEAD H265 "a=fmtp:96 sprop-max-don-diff=32767\r\n", "H265/90000", NULL, 96, 90000, false},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_rtp_description told;
        nj_rtp_description_read(rows[i].text, &told);
        if (told.codec != rows[i].codec || told.interleaved != rows[i].interleaved)
            fail_msg("row %zu: another codec, %d", i, told.interleaved);
        assert_string_equal(told.name, rows[i].name);
        assert_int_equal(told.type, rows[i].type);
        assert_int_equal(told.clock, rows[i].clock);
    }
}

static void pace_is_taken_where_it_makes_sense(void **state)
{
    static const struct {
        const char *line;
        nj_us interval_us;
    } rows[] = {
        {"", 0},
        {"a=framerate:25\r\n", 40000},
        {"a=framerate: 12.5 \r\n", 80000},
        {"a=x-framerate:15\r\n", 66666},
        {"a=framerate:0\r\n", 0},
        {"a=framerate:-5\r\n", 0},
        {"a=framerate:nan\r\n", 0},
        {"a=framerate:1e9\r\n", 0},
        {"a=framerate:0.001\r\n", 0},
        {"a=framerate:0\r\na=x-framerate:10\r\n", 100000},
        {"a=framerate:0.5\r\n", 2000000},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_rtp_description told;
        char text[256] = HEAD H264;
        strcat(text, rows[i].line);
        nj_rtp_description_read(text, &told);
        assert_int_equal(told.interval_us, rows[i].interval_us);
    }
}

#define BYTES(text) text, sizeof text - 1
#define CODE        "\0\0\0\1"

static void parameter_sets_are_taken_and_broken_ones_left_out(void **state)
{
    static const struct {
        const char *text, *sets;
        size_t size;
    } rows[] = {
        // RFC 6184, 8.2.1 has these two in an example.
        {HEAD H264
         "a=fmtp:96 profile-level-id=42e016;sprop-parameter-sets=Z0IACpZTBYmI,aMljiA==\r\n",
         BYTES(CODE "\x67\x42\x00\x0a\x96\x53\x05\x89\x88" CODE "\x68\xc9\x63\x88")},
        {HEAD H264 "a=fmtp:96 SPROP-parameter-sets = Z0IACpZTBYmI , aMljiA== ; x\r\n",
         BYTES(CODE "\x67\x42\x00\x0a\x96\x53\x05\x89\x88" CODE "\x68\xc9\x63\x88")},
        {HEAD H264 "a=fmtp:96 a=b\r\na=fmtp:97 sprop-parameter-sets=Z0IA\r\n"
                   "a=fmtp:96 sprop-parameter-sets=aMljiA==\r\n",
         BYTES(CODE "\x68\xc9\x63\x88")},
        {HEAD H264 "a=fmtp:96 sprop-parameter-sets=Z0!!,,=%%,Z,ZQ==,4mljiA==,aMljiA==\r\n",
         BYTES(CODE "\x68\xc9\x63\x88")}, // noise, no parameter set, the forbidden bit
        {HEAD H264 "a=fmtp:96 sprop-parameter-sets\r\n", BYTES("")},
        {HEAD H264 "a=fmtp:96 sprop-parameter-sets=\r\n", BYTES("")},
        {HEAD H264, BYTES("")},
        {HEAD H265 "a=fmtp:96 sprop-pps=RAFw; sprop-sps=QgFz,AgHQ;sprop-vps=QAF2\r\n",
         BYTES(CODE "\x40\1v" CODE "\x42\1s" CODE "\x44\1p")},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_rtp_description told;
        struct nj_buf sets;
        nj_buf_init(&sets, NJ_RTP_SETS_MAX);
        nj_rtp_description_read(rows[i].text, &told);
        nj_rtp_description_sets(rows[i].text, &told, &sets);
        if (sets.length != rows[i].size ||
            (sets.length > 0 && memcmp(sets.data, rows[i].sets, sets.length) != 0))
            fail_msg("row %zu: %zu other bytes", i, sets.length);
        nj_buf_finish(&sets);
    }
}

static void too_long_a_parameter_set_is_left_out(void **state)
{
    static char text[32 * 1024] = HEAD H264 "a=fmtp:96 sprop-parameter-sets=Z0IA";
    struct nj_rtp_description told;
    struct nj_buf sets;
    (void)state;
    memset(text + strlen(text), 'A', 16 * 1024);
    strcat(text, ",aMljiA==\r\n");
    nj_buf_init(&sets, NJ_RTP_SETS_MAX);
    nj_rtp_description_read(text, &told);
    nj_rtp_description_sets(text, &told, &sets);
    assert_int_equal(sets.length, 8);
    nj_buf_finish(&sets);
}

int rtp_description_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codec_and_clock_are_those_of_the_first_payload),
        cmocka_unit_test(pace_is_taken_where_it_makes_sense),
        cmocka_unit_test(parameter_sets_are_taken_and_broken_ones_left_out),
        cmocka_unit_test(too_long_a_parameter_set_is_left_out),
    };
    return cmocka_run_group_tests_name("RTP descriptions", tests, NULL, NULL);
}
