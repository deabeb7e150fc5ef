// SPDX-License-Identifier: Apache-2.0
// Heads of RTP packets as RFC 3550, 5.1 lays them out, their order and their times.
#include "sources/rtp_packet_priv.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int rtp_packet_test(void);

#define BYTES(text) text, sizeof text - 1
#define REST        "\x12\x34\x00\x01\x51\x80\xde\xad\xbe\xef" // sequence, timestamp, source

static void heads_are_read_as_the_standard_lays_them_out(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        enum nj_rtp_kind kind;
        bool marker;
        uint8_t type;
        const char *payload;
    } rows[] = {
        {BYTES("\x80\x60" REST "abc"), NJ_RTP_MEDIA, false, 96, "abc"},
        {BYTES("\x80\xe0" REST "abc"), NJ_RTP_MEDIA, true, 96, "abc"},
        {BYTES("\x80\x60" REST), NJ_RTP_MEDIA, false, 96, ""},
        {BYTES("\x82\x60" REST "ONE.TWO.abc"), NJ_RTP_MEDIA, false, 96, "abc"}, // CSRC
        {BYTES("\x82\x60" REST "ONE.TWO"), NJ_RTP_BROKEN, false, 0, ""},
        {BYTES("\x90\x60" REST "\xbe\xde\0\1EXT.abc"), NJ_RTP_MEDIA, false, 96, "abc"},
        {BYTES("\x90\x60" REST "\xbe\xde\0\0abc"), NJ_RTP_MEDIA, false, 96, "abc"},
        {BYTES("\x90\x60" REST "\xbe\xde\0\1EXT"), NJ_RTP_BROKEN, false, 0, ""},
        {BYTES("\x90\x60" REST "\xbe\xde\0"), NJ_RTP_BROKEN, false, 0, ""},
        {BYTES("\xa0\x60" REST "abc\0\0\3"), NJ_RTP_MEDIA, false, 96, "abc"}, // padding
        {BYTES("\xa0\x60" REST "\0\0\0\4"), NJ_RTP_MEDIA, false, 96, ""},
        {BYTES("\xa0\x60" REST "\0\0\0\5"), NJ_RTP_BROKEN, false, 0, ""},
        {BYTES("\xa0\x60" REST "abc\0"), NJ_RTP_BROKEN, false, 0, ""},
        {BYTES("\xb1\x60" REST "ONE.\0\0\0\1EXT.abc\1"), NJ_RTP_MEDIA, false, 96, "abc"},
        {BYTES("\x40\x60" REST "abc"), NJ_RTP_BROKEN, false, 0, ""}, // version 1
        {BYTES("\x80\x60\x12\x34\0\0\0\0\0\0\0"), NJ_RTP_BROKEN, false, 0, ""},
        {BYTES("\x80"), NJ_RTP_BROKEN, false, 0, ""},
        {BYTES("\x80\xc8\0\6"), NJ_RTP_CONTROL, false, 0, ""},      // sender report
        {BYTES("\x80\xcc" REST "a"), NJ_RTP_CONTROL, false, 0, ""}, // application
        {BYTES("\x80\xbf" REST "a"), NJ_RTP_MEDIA, true, 63, "a"},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_rtp_packet packet;
        uint8_t *bytes = malloc(rows[i].length); // so that a look beyond it is seen
        assert_non_null(bytes);
        memcpy(bytes, rows[i].bytes, rows[i].length);
        enum nj_rtp_kind kind = nj_rtp_packet_read(bytes, rows[i].length, &packet);
        if (kind != rows[i].kind)
            fail_msg("row %zu: kind %d", i, kind);
        if (kind == NJ_RTP_MEDIA) {
            assert_int_equal(packet.marker, rows[i].marker);
            assert_int_equal(packet.type, rows[i].type);
            assert_int_equal(packet.sequence, 0x1234);
            assert_int_equal(packet.timestamp, 0x00015180);
            assert_int_equal(packet.source, 0xdeadbeef);
            assert_int_equal(packet.size, strlen(rows[i].payload));
            assert_memory_equal(packet.payload, rows[i].payload, packet.size);
        }
        free(bytes);
    }
}

static void gaps_and_late_packets_are_told_apart(void **state)
{
    static const struct {
        uint32_t source;
        uint16_t sequence;
        enum nj_rtp_place place;
        uint64_t lost; // until then
    } rows[] = {
        {1, 65534, NJ_RTP_FRESH, 0},  {1, 65535, NJ_RTP_NEXT, 0},  {1, 0, NJ_RTP_NEXT, 0},
        {1, 0, NJ_RTP_LATE, 0}, // twice
        {1, 65535, NJ_RTP_LATE, 0},   {1, 2, NJ_RTP_GAP, 1},       {1, 1, NJ_RTP_LATE, 1},
        {1, 3, NJ_RTP_NEXT, 1},       {1, 3003, NJ_RTP_GAP, 3000}, // the most that may be lost
        {1, 6004, NJ_RTP_GAP, 3000},                               // further, it began anew
        {1, 50000, NJ_RTP_GAP, 3000}, {1, 3, NJ_RTP_GAP, 3000},    {2, 4, NJ_RTP_FRESH, 3000},
        {2, 1, NJ_RTP_LATE, 3000},    {2, 9, NJ_RTP_GAP, 3004},
    };
    struct nj_rtp_order order = {.begun = false};
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        const struct nj_rtp_packet packet = {.source = rows[i].source,
                                             .sequence = rows[i].sequence};
        enum nj_rtp_place place = nj_rtp_order_note(&order, &packet);
        if (place != rows[i].place)
            fail_msg("row %zu: place %d", i, place);
        assert_int_equal(order.lost, rows[i].lost);
    }
}

static void times_go_on_where_timestamps_wrap(void **state)
{
    static const struct {
        uint32_t timestamp;
        int64_t time;
    } rows[] = {
        {0xfffff000, 0},          {0xfffffff0, 0xff0},       {0x10, 0x1010},
        {0xfffffff0, 0xff0}, // pictures out of order
        {0x7fffffef, 0x80000fef}, {0xffffffee, 0x100000fee}, {0x1000, 0x100002000},
    };
    struct nj_rtp_clock clock = {.begun = false};
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++)
        assert_int_equal(nj_rtp_clock_time(&clock, rows[i].timestamp), rows[i].time);
}

int rtp_packet_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_read_as_the_standard_lays_them_out),
        cmocka_unit_test(gaps_and_late_packets_are_told_apart),
        cmocka_unit_test(times_go_on_where_timestamps_wrap),
    };
    return cmocka_run_group_tests_name("RTP packets", tests, NULL, NULL);
}
