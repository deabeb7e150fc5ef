// SPDX-License-Identifier: Apache-2.0
// Packets kept for the decoder, their limits, and the rhythm of keyframes.
#include "sources/rtsp_gop_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

int rtsp_gop_test(void);

static AVPacket *make_packet(int size)
{
    AVPacket *packet = av_packet_alloc();
    assert_non_null(packet);
    assert_int_equal(av_new_packet(packet, size), 0);
    return packet;
}

static void packets_are_kept_up_to_the_limits(void **state)
{
    static const struct {
        int size;
        size_t most;
    } rows[] = {{100, NJ_GOP_PACKETS_MAX}, {1024 * 1024, NJ_GOP_BYTES_MAX / (1024 * 1024)}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nj_rtsp_gop *gop = calloc(1, sizeof *gop);
        AVPacket *packet = make_packet(rows[i].size);
        assert_non_null(gop);
        for (size_t n = 0; n < rows[i].most; n++)
            assert_true(nj_rtsp_gop_add(gop, packet));
        assert_false(nj_rtsp_gop_add(gop, packet));
        assert_int_equal(gop->count, rows[i].most);
        nj_rtsp_gop_clear(gop);
        assert_true(nj_rtsp_gop_add(gop, packet));
        nj_rtsp_gop_clear(gop);
        av_packet_free(&packet);
        free(gop);
    }
}

static void rhythm_is_known_when_groups_are_alike(void **state)
{
    static const struct {
        nj_us keys_us[4]; // 0: no more
        nj_us ask_us, group_us, left_us;
    } rows[] = {
        {{1000}, 1500, 0, 0}, // no group yet
        {{1000, 2000}, 2500, 1000, 500},
        {{1000, 2000, 3010}, 3500, 1010, 520},        // unevenly sent
        {{1000, 2000, 3010}, 4020, 1010, 0},          // late: who knows
        {{1000, 2000, 3500}, 3600, 0, 0},             // another length
        {{1000, 2000, 3500, 5000}, 5500, 1500, 1000}, // and from now on this one
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nj_rtsp_rhythm rhythm = {0};
        for (size_t k = 0; k < 4 && rows[i].keys_us[k] > 0; k++)
            nj_rtsp_rhythm_note(&rhythm, rows[i].keys_us[k]);
        assert_int_equal(rhythm.group_us, rows[i].group_us);
        assert_int_equal(nj_rtsp_rhythm_left(&rhythm, rows[i].ask_us), rows[i].left_us);
    }
}

int rtsp_gop_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_kept_up_to_the_limits),
        cmocka_unit_test(rhythm_is_known_when_groups_are_alike),
    };
    return cmocka_run_group_tests_name("RTSP groups of pictures", tests, NULL, NULL);
}
