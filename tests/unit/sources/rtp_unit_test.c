// SPDX-License-Identifier: Apache-2.0
// Pictures put together from packets that are laid out as RFC 6184 and RFC 7798 draw them, and from
// packets as some cameras send them.
#include "sources/rtp_unit_priv.h"
#include "util/mem.h"

#include <libavcodec/avcodec.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int rtp_unit_test(void);

enum { TYPE = 96, SENT_MAX = 8, GOT_MAX = 4, PACKET_MAX = 70000, HEAD = 12 };

#define BYTES(text) text, sizeof text - 1
#define CODE        "\0\0\0\1"
#define KEY         AV_PKT_FLAG_KEY
#define TORN        AV_PKT_FLAG_CORRUPT

struct sent {
    uint16_t sequence;
    uint32_t timestamp;
    bool marker;
    const char *payload;
    size_t size;
};

struct got {
    int after; // the packet, from 1, with which it came
    int64_t pts;
    int flags;
    const char *bytes;
    size_t size;
};

struct scene {
    const char *name;
    const struct nj_nal_codec *codec;
    struct sent sent[SENT_MAX];
    struct got got[GOT_MAX];
};

// clang-format off
static const struct scene scenes[] = {
    {"h264_single_nals_end_with_the_marker", &nj_nal_h264,
     {{1, 0, false, BYTES("\x67sps")}, {2, 0, false, BYTES("\x68pps")}, {3, 0, true, BYTES("\x65\x88i")},
      {4, 3000, true, BYTES("\x41\x9ap")}},
     {{3, 0, KEY, BYTES(CODE "\x67sps" CODE "\x68pps" CODE "\x65\x88i")}, {4, 3000, 0, BYTES(CODE "\x41\x9ap")}}},
    {"h264_stap_a_holds_several", &nj_nal_h264,
     {{1, 0, true, BYTES("\x78\0\4\x67sps\0\4\x68pps\0\3\x65\x88i")}},
     {{1, 0, KEY, BYTES(CODE "\x67sps" CODE "\x68pps" CODE "\x65\x88i")}}},
    {"h264_fu_a_gets_its_head_back", &nj_nal_h264,
     {{1, 0, false, BYTES("\x7c\x85\x88one")}, {2, 0, false, BYTES("\x7c\x05two")}, {3, 0, true, BYTES("\x7c\x45three")}},
     {{3, 0, KEY, BYTES(CODE "\x65\x88onetwothree")}}},
    {"h264_slices_of_one_picture", &nj_nal_h264,
     {{1, 0, false, BYTES("\x41\x9a")}, {2, 0, false, BYTES("\x41\x42")}, {3, 0, true, BYTES("\x41\x23")}},
     {{3, 0, 0, BYTES(CODE "\x41\x9a" CODE "\x41\x42" CODE "\x41\x23")}}},
    {"h264_recovery_point_is_a_key", &nj_nal_h264,
     {{1, 0, false, BYTES("\6\1\2ab\6\1\xc4\x80")}, {2, 0, true, BYTES("\x41\x9a")},
      {3, 9, false, BYTES("\6\5\1\6\x80")}, {4, 9, true, BYTES("\x41\x9a")}},
     {{2, 0, KEY, BYTES(CODE "\6\1\2ab\6\1\xc4\x80" CODE "\x41\x9a")}, {4, 9, 0, BYTES(CODE "\6\5\1\6\x80" CODE "\x41\x9a")}}},
    {"h264_recovery_point_behind_escaped_bytes", &nj_nal_h264,
     {{1, 0, false, BYTES("\6\5\4\0\0\3\1\7\6\1\xc4\x80")}, {2, 0, true, BYTES("\x41\x9a")}},
     {{2, 0, KEY, BYTES(CODE "\6\5\4\0\0\3\1\7\6\1\xc4\x80" CODE "\x41\x9a")}}},
    {"h264_without_markers_the_timestamp_ends_it", &nj_nal_h264,
     {{1, 0, false, BYTES("\x41\x9a")}, {2, 0, false, BYTES("\x41\x42")}, {3, 7, false, BYTES("\x41\x23")}},
     {{3, 0, 0, BYTES(CODE "\x41\x9a" CODE "\x41\x42")}}},
    {"h264_clock_that_stands_still", &nj_nal_h264,
     {{1, 5, false, BYTES("\x41\x9a")}, {2, 5, false, BYTES("\x09\xf0")}, {3, 5, false, BYTES("\x41\x9a.")}, {4, 5, false, BYTES("\x41\x9b")}},
     {{2, 0, 0, BYTES(CODE "\x41\x9a")}, {4, 0, 0, BYTES(CODE "\x09\xf0" CODE "\x41\x9a.")}}},
    {"h264_two_pictures_with_one_packet", &nj_nal_h264,
     {{1, 0, false, BYTES("\x41\x9a")}, {2, 7, true, BYTES("\x41\x9b")}},
     {{2, 0, 0, BYTES(CODE "\x41\x9a")}, {2, 7, 0, BYTES(CODE "\x41\x9b")}}},
    {"h264_marker_on_parameter_sets_ends_nothing", &nj_nal_h264,
     {{1, 0, true, BYTES("\x67sps")}, {2, 0, true, BYTES("\x68pps")}, {3, 9, true, BYTES("\x65\x88")}},
     {{3, 9, KEY, BYTES(CODE "\x67sps" CODE "\x68pps" CODE "\x65\x88")}}},
    {"h264_marker_on_each_slice_is_seen_through_later", &nj_nal_h264,
     {{1, 0, true, BYTES("\x41\x9a")}, {2, 0, true, BYTES("\x41\x42")}, {3, 7, true, BYTES("\x41\x9b")},
      {4, 7, true, BYTES("\x41\x43")}, {5, 9, true, BYTES("\x41\x9c")}},
     {{1, 0, 0, BYTES(CODE "\x41\x9a")}, {3, 0, 0, BYTES(CODE "\x41\x42")}, {5, 7, 0, BYTES(CODE "\x41\x9b" CODE "\x41\x43")}}},
    {"h264_marker_on_each_fragment_is_none", &nj_nal_h264,
     {{1, 0, true, BYTES("\x5c\x81\x9a")}, {2, 0, true, BYTES("\x5c\x01one")}, {3, 0, true, BYTES("\x5c\x41two")}},
     {{3, 0, 0, BYTES(CODE "\x41\x9aonetwo")}}},
    {"h264_two_fields_are_two_and_no_lie", &nj_nal_h264,
     {{1, 0, true, BYTES("\x41\x9a")}, {2, 0, true, BYTES("\x41\x9b")}, {3, 7, true, BYTES("\x41\x9c")}},
     {{1, 0, 0, BYTES(CODE "\x41\x9a")}, {2, 0, 0, BYTES(CODE "\x41\x9b")}, {3, 7, 0, BYTES(CODE "\x41\x9c")}}},
    {"h264_fragment_that_is_never_told_to_end", &nj_nal_h264,
     {{1, 0, false, BYTES("\x5c\x81\x9a")}, {2, 0, true, BYTES("\x5c\x01one")}, {3, 7, true, BYTES("\x41\x9b")}},
     {{3, 0, 0, BYTES(CODE "\x41\x9aone")}, {3, 7, 0, BYTES(CODE "\x41\x9b")}}},
    {"h264_first_fragment_lost", &nj_nal_h264,
     {{1, 0, false, BYTES("\x67sps")}, {3, 0, false, BYTES("\x7c\x05two")}, {4, 0, true, BYTES("\x7c\x45three")},
      {5, 7, true, BYTES("\x41\x9b")}},
     {{4, 7, TORN, BYTES(CODE "\x67sps" CODE "\x41\x9b")}}},
    {"h264_middle_fragment_lost", &nj_nal_h264,
     {{1, 0, false, BYTES("\x41\x9a")}, {2, 0, false, BYTES("\x5c\x81\x42one")}, {4, 0, true, BYTES("\x5c\x41three")},
      {5, 7, true, BYTES("\x41\x9b")}},
     {{3, 0, TORN, BYTES(CODE "\x41\x9a")}, {4, 7, 0, BYTES(CODE "\x41\x9b")}}},
    {"h264_last_fragment_lost", &nj_nal_h264,
     {{1, 0, false, BYTES("\x41\x9a")}, {2, 0, false, BYTES("\x5c\x81\x42one")}, {4, 7, true, BYTES("\x41\x9b")},
      {5, 9, true, BYTES("\x41\x9b")}},
     {{3, 0, TORN, BYTES(CODE "\x41\x9a")}, {3, 7, TORN, BYTES(CODE "\x41\x9b")}, {4, 9, 0, BYTES(CODE "\x41\x9b")}}},
    {"h264_key_of_a_lost_picture_makes_no_key", &nj_nal_h264,
     {{1, 0, false, BYTES("\6\6\1\xc4\x80")}, {3, 7, true, BYTES("\x41\x9b")}},
     {{2, 7, TORN, BYTES(CODE "\6\6\1\xc4\x80" CODE "\x41\x9b")}}},
    {"h264_packets_that_come_twice_or_late_are_passed_over", &nj_nal_h264,
     {{1, 0, false, BYTES("\x41\x9a")}, {1, 0, false, BYTES("\x41\x9a")}, {2, 0, true, BYTES("\x41\x42")}, {1, 0, true, BYTES("\x41\x9a")}},
     {{3, 0, 0, BYTES(CODE "\x41\x9a" CODE "\x41\x42")}}},
    {"h264_other_forms_are_damage", &nj_nal_h264, // STAP-B, MTAP16, MTAP24, FU-B, 0, 30, 31, forbidden bit
     {{1, 0, false, BYTES("\x79\0\0\0\3\x65\x88i")}, {2, 0, false, BYTES("\x7a\0\0\0\3")}, {3, 0, false, BYTES("\x7d\x85\0\0.")},
      {4, 0, false, BYTES("\x60..")}, {5, 0, false, BYTES("\x7e..")}, {6, 0, false, BYTES("\xe5\x88")}, {7, 0, true, BYTES("\x41\x9a")}},
     {{7, 0, TORN, BYTES(CODE "\x41\x9a")}}},
    {"h264_lengths_that_lie_are_damage", &nj_nal_h264,
     {{1, 0, false, BYTES("\x78\0\2\x41\x9a\0\x9\x41")}, {2, 0, false, BYTES("\x78\0\0\0\2\x78.\0")}, {3, 0, false, BYTES("\x7c\x85")},
      {4, 0, false, BYTES("\x7c")}, {5, 0, true, BYTES("\x41\x42")}},
     {{5, 0, TORN, BYTES(CODE "\x41\x9a" CODE "\x41\x42")}}},
    {"h264_packet_of_nothing_keeps_the_order", &nj_nal_h264,
     {{1, 0, false, BYTES("\x41\x9a")}, {2, 0, false, BYTES("")}, {3, 0, true, BYTES("\x41\x42")}},
     {{3, 0, 0, BYTES(CODE "\x41\x9a" CODE "\x41\x42")}}},
    {"h264_pictures_out_of_order_and_a_wrap", &nj_nal_h264,
     {{65535, 0xfffffff0, true, BYTES("\x65\x88")}, {0, 0x20, true, BYTES("\x41\x9a")}, {1, 0x8, true, BYTES("\x01\x9a")}},
     {{1, 0, KEY, BYTES(CODE "\x65\x88")}, {2, 0x30, 0, BYTES(CODE "\x41\x9a")}, {3, 0x18, 0, BYTES(CODE "\x01\x9a")}}},
    {"h265_single_nals_end_with_the_marker", &nj_nal_h265,
     {{1, 0, false, BYTES("\x40\1v")}, {2, 0, false, BYTES("\x42\1s")}, {3, 0, false, BYTES("\x44\1p")}, {4, 0, true, BYTES("\x26\1\xafi")},
      {5, 3000, true, BYTES("\2\1\xd0")}},
     {{4, 0, KEY, BYTES(CODE "\x40\1v" CODE "\x42\1s" CODE "\x44\1p" CODE "\x26\1\xafi")}, {5, 3000, 0, BYTES(CODE "\2\1\xd0")}}},
    {"h265_ap_holds_several", &nj_nal_h265,
     {{1, 0, true, BYTES("\x60\1\0\3\x40\1v\0\3\x42\1s\0\3\x44\1p\0\4\x2a\1\xafi")}},
     {{1, 0, KEY, BYTES(CODE "\x40\1v" CODE "\x42\1s" CODE "\x44\1p" CODE "\x2a\1\xafi")}}},
    {"h265_fu_gets_its_head_back", &nj_nal_h265,
     {{1, 0, false, BYTES("\x62\1\x93\xafone")}, {2, 0, false, BYTES("\x62\1\x13two")}, {3, 0, true, BYTES("\x62\1\x53three")}},
     {{3, 0, KEY, BYTES(CODE "\x26\1\xafonetwothree")}}},
    {"h265_irap_alone_is_a_key", &nj_nal_h265, // BLA_W_LP 16, reserved 22, RASL_N 8
     {{1, 0, true, BYTES("\x20\1\xaf")}, {2, 1, true, BYTES("\x2c\1\xaf")}, {3, 2, true, BYTES("\x10\1\xaf")}},
     {{1, 0, KEY, BYTES(CODE "\x20\1\xaf")}, {2, 1, 0, BYTES(CODE "\x2c\1\xaf")}, {3, 2, 0, BYTES(CODE "\x10\1\xaf")}}},
    {"h265_marker_on_each_slice_is_seen_through_later", &nj_nal_h265,
     {{1, 0, true, BYTES("\2\1\xd0")}, {2, 0, true, BYTES("\2\1\x50")}, {3, 7, true, BYTES("\2\1\xd1")}, {4, 7, true, BYTES("\2\1\x51")},
      {5, 9, true, BYTES("\2\1\xd2")}},
     {{1, 0, 0, BYTES(CODE "\2\1\xd0")}, {3, 0, 0, BYTES(CODE "\2\1\x50")}, {5, 7, 0, BYTES(CODE "\2\1\xd1" CODE "\2\1\x51")}}},
    {"h265_suffix_stays_with_its_picture", &nj_nal_h265,
     {{1, 0, false, BYTES("\2\1\xd0")}, {2, 0, false, BYTES("\x50\1h")}, {3, 0, false, BYTES("\x4e\1s")}, {4, 0, true, BYTES("\2\1\xd1")}},
     {{3, 0, 0, BYTES(CODE "\2\1\xd0" CODE "\x50\1h")}, {4, 0, 0, BYTES(CODE "\x4e\1s" CODE "\2\1\xd1")}}},
    {"h265_middle_fragment_lost", &nj_nal_h265,
     {{1, 0, false, BYTES("\2\1\xd0")}, {2, 0, false, BYTES("\x62\1\x81\x50one")}, {4, 0, true, BYTES("\x62\1\x41three")}},
     {{3, 0, TORN, BYTES(CODE "\2\1\xd0")}}},
    {"h265_other_forms_are_damage", &nj_nal_h265, // PACI, no temporal id, forbidden bit, too short, bad AP
     {{1, 0, false, BYTES("\x64\1..")}, {2, 0, false, BYTES("\2\0\xd0")}, {3, 0, false, BYTES("\x82\1\xd0")}, {4, 0, false, BYTES("\x62\1\x81")},
      {5, 0, false, BYTES("\x60\1\0\1\2\0\x9\2")}, {6, 0, true, BYTES("\2\1\xd0")}},
     {{6, 0, TORN, BYTES(CODE "\2\1\xd0")}}},
};
// clang-format on

// The camera's marks are not known yet.
// clang-format off
static const struct scene beginnings[] = {
    {"h264_first_marker_is_believed_with_the_next_picture", &nj_nal_h264,
     {{1, 0, true, BYTES("\x65\x88i")}, {2, 3000, true, BYTES("\x41\x9ap")}, {3, 6000, true, BYTES("\x41\x9aq")}},
     {{2, 0, KEY, BYTES(CODE "\x65\x88i")}, {2, 3000, 0, BYTES(CODE "\x41\x9ap")}, {3, 6000, 0, BYTES(CODE "\x41\x9aq")}}},
    {"h264_marker_on_each_slice_is_seen_through_at_once", &nj_nal_h264,
     {{1, 0, false, BYTES("\x67sps")}, {2, 0, true, BYTES("\x65\x88")}, {3, 0, true, BYTES("\x65\x42")}, {4, 0, true, BYTES("\x65\x23")},
      {5, 7, true, BYTES("\x41\x9b")}, {6, 7, true, BYTES("\x41\x43")}, {7, 9, true, BYTES("\x41\x9c")}},
     {{5, 0, KEY, BYTES(CODE "\x67sps" CODE "\x65\x88" CODE "\x65\x42" CODE "\x65\x23")}, {7, 7, 0, BYTES(CODE "\x41\x9b" CODE "\x41\x43")}}},
    {"h264_marker_on_each_slice_in_fragments_is_seen_through_at_once", &nj_nal_h264,
     {{1, 0, false, BYTES("\x7c\x85\x88one")}, {2, 0, true, BYTES("\x7c\x45two")}, {3, 0, false, BYTES("\x7c\x85\x42one")},
      {4, 0, true, BYTES("\x7c\x45two")}, {5, 7, true, BYTES("\x41\x9b")}},
     {{5, 0, KEY, BYTES(CODE "\x65\x88onetwo" CODE "\x65\x42onetwo")}}},
    {"h264_first_marker_before_a_gap_is_believed", &nj_nal_h264,
     {{1, 0, true, BYTES("\x65\x88i")}, {3, 3000, true, BYTES("\x41\x9ap")}},
     {{2, 0, KEY, BYTES(CODE "\x65\x88i")}, {2, 3000, TORN, BYTES(CODE "\x41\x9ap")}}},
    {"h264_first_marker_with_a_clock_that_stands_still", &nj_nal_h264,
     {{1, 0, true, BYTES("\x65\x88i")}, {2, 0, true, BYTES("\x41\x9ap")}},
     {{2, 0, KEY, BYTES(CODE "\x65\x88i")}, {2, 0, 0, BYTES(CODE "\x41\x9ap")}}},
    {"h265_marker_on_each_slice_is_seen_through_at_once", &nj_nal_h265,
     {{1, 0, true, BYTES("\x26\1\xd0")}, {2, 0, true, BYTES("\x26\1\x50")}, {3, 7, true, BYTES("\2\1\xd1")}},
     {{3, 0, KEY, BYTES(CODE "\x26\1\xd0" CODE "\x26\1\x50")}}},
    {"h265_what_follows_a_marked_slice_stays_with_it", &nj_nal_h265,
     {{1, 0, true, BYTES("\x26\1\xd0")}, {2, 0, false, BYTES("\x50\1h")}, {3, 7, true, BYTES("\2\1\xd1")}},
     {{3, 0, KEY, BYTES(CODE "\x26\1\xd0" CODE "\x50\1h")}, {3, 7, 0, BYTES(CODE "\2\1\xd1")}}},
};
// clang-format on

// In memory of its own size, so that a look beyond it is seen.
static void push(struct nj_rtp_units *units, const struct sent *sent)
{
    const size_t length = HEAD + sent->size;
    uint8_t *packet = calloc(1, length);
    assert_non_null(packet);
    packet[0] = 0x80;
    packet[1] = (uint8_t)(TYPE | (sent->marker ? 0x80 : 0));
    packet[2] = (uint8_t)(sent->sequence >> 8);
    packet[3] = (uint8_t)sent->sequence;
    for (int i = 0; i < 4; i++)
        packet[4 + i] = (uint8_t)(sent->timestamp >> (24 - 8 * i));
    if (sent->size > 0)
        memcpy(packet + HEAD, sent->payload, sent->size);
    assert_int_equal(nj_rtp_units_push(units, packet, length, NULL), 0);
    free(packet);
}

static void expect(const struct scene *scene, const struct got *got, int after,
                   const AVPacket *packet)
{
    if (got->after != after)
        fail_msg("%s: a picture of %d bytes with packet %d", scene->name, packet->size, after);
    if ((size_t)packet->size != got->size || memcmp(packet->data, got->bytes, got->size) != 0)
        fail_msg("%s: other bytes with packet %d, %d of them", scene->name, after, packet->size);
    if (packet->pts != got->pts || packet->flags != got->flags)
        fail_msg("%s: pts %lld, flags %d with packet %d", scene->name, (long long)packet->pts,
                 packet->flags, after);
    static const uint8_t nothing[AV_INPUT_BUFFER_PADDING_SIZE];
    assert_memory_equal(packet->data + packet->size, nothing, sizeof nothing);
}

static void play(const struct scene *scene, bool marker_holds)
{
    struct nj_rtp_units units = {.codec = scene->codec, .type = TYPE, .marker_holds = marker_holds};
    AVPacket *packet = av_packet_alloc();
    int count = 0;
    assert_non_null(packet);
    for (int i = 0; i < SENT_MAX && scene->sent[i].payload; i++) {
        push(&units, &scene->sent[i]);
        for (; nj_rtp_units_take(&units, packet); count++) {
            assert_true(count < GOT_MAX);
            expect(scene, &scene->got[count], i + 1, packet);
        }
    }
    if (count < GOT_MAX && scene->got[count].after > 0)
        fail_msg("%s: %d pictures are too few", scene->name, count);
    av_packet_free(&packet);
    nj_rtp_units_finish(&units);
}

static void pictures_are_whole_with_their_last_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(scenes); i++)
        play(&scenes[i], true);
}

static void first_marker_is_no_end_before_it_is_borne_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(beginnings); i++)
        play(&beginnings[i], false);
}

static void first_marker_is_believed_when_nothing_follows(void **state)
{
    struct nj_rtp_units units = {.codec = &nj_nal_h264, .type = TYPE};
    AVPacket *packet = av_packet_alloc();
    (void)state;
    push(&units, &(struct sent){1, 0, false, BYTES("\x67sps")});
    nj_rtp_units_settle(&units); // there is no picture yet
    push(&units, &(struct sent){2, 0, true, BYTES("\x65\x88")});
    assert_false(nj_rtp_units_take(&units, packet));
    nj_rtp_units_settle(&units);
    assert_true(nj_rtp_units_take(&units, packet));
    assert_int_equal(packet->size, 8 + 6);
    push(&units, &(struct sent){3, 7, true, BYTES("\x41\x9b")}); // and from then on
    assert_true(nj_rtp_units_take(&units, packet));
    av_packet_free(&packet);
    nj_rtp_units_finish(&units);
}

static void packets_of_others_are_passed_over(void **state)
{
    static const char report[] = "\x80\xc8\0\6abcdefghijklmnopqrstuvwx";
    static const char sound[] = "\x80\x61\0\7\0\0\0\0\0\0\0\0\x65\x88";
    struct nj_rtp_units units = {.codec = &nj_nal_h264, .type = TYPE, .marker_holds = true};
    AVPacket *packet = av_packet_alloc();
    (void)state;
    push(&units, &(struct sent){1, 0, false, BYTES("\x41\x9a")});
    assert_int_equal(nj_rtp_units_push(&units, (const uint8_t *)BYTES(report), NULL), 0);
    assert_int_equal(nj_rtp_units_push(&units, (const uint8_t *)BYTES(sound), NULL), 0);
    assert_false(nj_rtp_units_take(&units, packet));
    push(&units, &(struct sent){2, 0, true, BYTES("\x41\x42")});
    assert_true(nj_rtp_units_take(&units, packet));
    assert_int_equal(packet->flags, 0);
    assert_int_equal(packet->size, 2 * 6);
    av_packet_free(&packet);
    nj_rtp_units_finish(&units);
}

// Another sender on the same connection: nothing of the one before goes on.
static void another_source_begins_anew(void **state)
{
    static const char other[] = "\x80\xe0\0\1\0\0\1\0\1\2\3\4\x41\x9a";
    struct nj_rtp_units units = {.codec = &nj_nal_h264, .type = TYPE, .marker_holds = true};
    AVPacket *packet = av_packet_alloc();
    (void)state;
    push(&units, &(struct sent){1, 90000, true, BYTES("\x41\x9a")});
    assert_true(nj_rtp_units_take(&units, packet));
    push(&units, &(struct sent){2, 93000, false, BYTES("\x41\x9a")});
    assert_int_equal(nj_rtp_units_push(&units, (const uint8_t *)BYTES(other), NULL), 0);
    assert_true(nj_rtp_units_take(&units, packet));
    assert_int_equal(packet->size, 6);
    assert_int_equal(packet->pts, 3000); // and not far in the past
    assert_false(nj_rtp_units_take(&units, packet));
    av_packet_free(&packet);
    nj_rtp_units_finish(&units);
}

static void picture_beyond_the_limit_is_given_up(void **state)
{
    static char fragment[PACKET_MAX] = "\x5c\x81\x9a";
    struct nj_rtp_units units = {.codec = &nj_nal_h264, .type = TYPE, .marker_holds = true};
    AVPacket *packet = av_packet_alloc();
    const size_t count = NJ_RTP_UNIT_MAX / sizeof fragment;
    uint16_t sequence = 0;
    (void)state;
    for (size_t i = 0; i < count; i++) { // the largest one
        fragment[1] = (char)(i == 0 ? 0x81 : i + 1 == count ? 0x41 : 1);
        push(&units, &(struct sent){++sequence, 0, i + 1 == count, fragment, sizeof fragment});
    }
    assert_true(nj_rtp_units_take(&units, packet));
    assert_int_equal(packet->size, 4 + 1 + count * (sizeof fragment - 2));
    assert_memory_equal(packet->data, "\0\0\0\1\x41\x9a", 6);
    for (size_t i = 0; i < 4 * count; i++) { // and one without an end
        fragment[1] = (char)(i == 0 ? 0x81 : 1);
        push(&units, &(struct sent){++sequence, 7, false, fragment, sizeof fragment});
        assert_true(!units.unit.buffer || units.unit.buffer->size <= NJ_RTP_UNIT_MAX);
        assert_false(nj_rtp_units_take(&units, packet));
    }
    push(&units, &(struct sent){++sequence, 9, true, BYTES("\x41\x9a")});
    assert_true(nj_rtp_units_take(&units, packet));
    assert_int_equal(packet->size, 6);
    assert_int_equal(packet->flags, TORN);
    av_packet_free(&packet);
    nj_rtp_units_finish(&units);
}

int rtp_unit_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_whole_with_their_last_packet),
        cmocka_unit_test(first_marker_is_no_end_before_it_is_borne_out),
        cmocka_unit_test(first_marker_is_believed_when_nothing_follows),
        cmocka_unit_test(packets_of_others_are_passed_over),
        cmocka_unit_test(another_source_begins_anew),
        cmocka_unit_test(picture_beyond_the_limit_is_given_up),
    };
    return cmocka_run_group_tests_name("RTP pictures", tests, NULL, NULL);
}
