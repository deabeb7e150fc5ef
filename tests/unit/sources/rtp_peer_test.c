// SPDX-License-Identifier: Apache-2.0
// Real video, packed for RTP and described by libavformat, comes out as it went in, each picture
// with its last packet.
#include "frames/libav_versions.h"
#include "sources/rtp_priv.h"
#include "tests/fake/test_video.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

int rtp_peer_test(void);

enum { PACKET_BYTES = 1400, DESCRIPTION_MAX = 4096, RTP_CLOCK = 90000 };

struct peer {
    AVFormatContext *file, *packer;
    AVPacket *packet, *taken;
    struct nj_rtp *rtp;
    int pushed;        // packets of the picture under way
    int64_t first_pts; // of the file, in ticks of RTP
};

// Each call is one packet, reports among them.
static int push(void *opaque, nj_av_written *bytes, int size)
{
    struct peer *peer = opaque;
    if (peer->pushed > 0) // the one before was not the last
        assert_int_equal(nj_rtp_take(peer->rtp, peer->taken, NULL), NJ_E_AGAIN);
    assert_int_equal(nj_rtp_push(peer->rtp, bytes, (size_t)size, NULL), 0);
    peer->pushed += bytes[1] < 192 || bytes[1] > 223;
    return size;
}

static void open_peer(struct peer *peer, const char *video)
{
    char file[NJ_TEMP_PATH_MAX], sdp[DESCRIPTION_MAX];
    *peer = (struct peer){.packet = av_packet_alloc(), .taken = av_packet_alloc()};
    assert_int_equal(avformat_open_input(&peer->file, nj_test_video(video, file), NULL, NULL), 0);
    assert_true(avformat_find_stream_info(peer->file, NULL) >= 0);
    assert_true(avformat_alloc_output_context2(&peer->packer, NULL, "rtp", NULL) >= 0);
    AVStream *stream = avformat_new_stream(peer->packer, NULL);
    assert_int_equal(avcodec_parameters_copy(stream->codecpar, peer->file->streams[0]->codecpar),
                     0);
    peer->packer->pb =
        avio_alloc_context(av_malloc(PACKET_BYTES), PACKET_BYTES, 1, peer, NULL, push, NULL);
    assert_non_null(peer->packer->pb);
    peer->packer->pb->max_packet_size = PACKET_BYTES;
    assert_true(avformat_write_header(peer->packer, NULL) >= 0);
    assert_int_equal(av_sdp_create(&peer->packer, 1, sdp, sizeof sdp), 0);
    assert_int_equal(nj_rtp_open(sdp, &peer->rtp, NULL), 0);
}

static void close_peer(struct peer *peer)
{
    assert_int_equal(av_write_trailer(peer->packer), 0);
    av_freep(&peer->packer->pb->buffer);
    avio_context_free(&peer->packer->pb);
    avformat_free_context(peer->packer);
    avformat_close_input(&peer->file);
    av_packet_free(&peer->packet);
    av_packet_free(&peer->taken);
    nj_rtp_close(peer->rtp);
}

// Lengths of four bytes become start codes.
static void write_start_codes(AVPacket *packet)
{
    assert_int_equal(av_packet_make_writable(packet), 0);
    for (int at = 0; at + 4 <= packet->size;) {
        uint8_t *length = packet->data + at;
        at += 4 + (length[0] << 24 | length[1] << 16 | length[2] << 8 | length[3]);
        memcpy(length, "\0\0\0\1", 4);
    }
}

static void pass_one(struct peer *peer)
{
    const AVPacket *taken = peer->taken;
    AVPacket *packet = peer->packet;
    const AVRational file_base = peer->file->streams[0]->time_base;
    const int64_t pts = av_rescale_q(packet->pts, file_base, (AVRational){1, RTP_CLOCK});
    const int flags = packet->flags & AV_PKT_FLAG_KEY;
    AVPacket *sent = av_packet_clone(packet);
    assert_non_null(sent);
    av_packet_rescale_ts(sent, file_base, peer->packer->streams[0]->time_base);
    peer->pushed = 0;
    assert_int_equal(av_write_frame(peer->packer, sent), 0);
    assert_true(peer->pushed > 0);
    nj_rtp_settle(peer->rtp); // the first one of all
    assert_int_equal(nj_rtp_take(peer->rtp, peer->taken, NULL), 0);
    write_start_codes(packet);
    assert_int_equal(taken->size, packet->size);
    assert_memory_equal(taken->data, packet->data, (size_t)packet->size);
    assert_int_equal(taken->flags, flags);
    if (peer->first_pts == 0)
        peer->first_pts = pts + 1;
    // The file's ticks are coarser than those of RTP.
    assert_true(llabs(taken->pts - (pts + 1 - peer->first_pts)) <= 12);
    assert_int_equal(nj_rtp_take(peer->rtp, peer->taken, NULL), NJ_E_AGAIN);
    av_packet_free(&sent);
}

static void what_was_packed_comes_out_with_its_last_packet(void **state)
{
    static const struct {
        const char *video, *name;
        enum AVCodecID id;
    } rows[] = {
        {"small", "H264/90000", AV_CODEC_ID_H264},
        {"small-b", "H264/90000", AV_CODEC_ID_H264},
        {"small-h265", "H265/90000", AV_CODEC_ID_HEVC},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct peer peer;
        int count = 0;
        open_peer(&peer, rows[i].video);
        const struct nj_rtp_video *told = nj_rtp_video(peer.rtp);
        assert_string_equal(told->name, rows[i].name);
        assert_int_equal(told->codec->codec_id, rows[i].id);
        assert_int_equal(told->time_base.den, RTP_CLOCK);
        assert_true(told->codec->extradata_size > 16);
        for (; av_read_frame(peer.file, peer.packet) >= 0; count++) {
            pass_one(&peer);
            av_packet_unref(peer.packet);
        }
        assert_int_equal(count, 60);
        close_peer(&peer);
    }
}

int rtp_peer_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_comes_out_with_its_last_packet),
    };
    return cmocka_run_group_tests_name("RTP of another program", tests, NULL, NULL);
}
