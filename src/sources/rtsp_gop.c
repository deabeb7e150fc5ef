// SPDX-License-Identifier: Apache-2.0
// The packets since the last keyframe, and the hint from packet sizes.
#include "sources/rtsp_gop_priv.h"

static const unsigned HINT_COUNT_LEAST = 16; // packets before the usual size means something
static const double HINT_SLOW = 1.0 / 64;
static const double HINT_FAST = 1.0 / 4;
static const double HINT_JUMP = 1.5; // noise of a still scene alone comes to 1.2
static const double HINT_BYTES_LEAST =
    200; // above the usual: tiny packets vary by more than they hold

void nj_rtsp_gop_clear(struct nj_rtsp_gop *gop)
{
    for (size_t i = 0; i < gop->count; i++)
        av_packet_free(&gop->packets[i]);
    gop->count = gop->bytes = 0;
}

void nj_rtsp_gop_add(struct nj_rtsp_gop *gop, const AVPacket *packet)
{
    bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    if (key)
        nj_rtsp_gop_clear(gop);
    if (!key && gop->count == 0)
        return;
    AVPacket *copy = NULL; // of the reference, not of the bytes
    if (gop->count < NJ_GOP_PACKETS_MAX && gop->bytes + (size_t)packet->size <= NJ_GOP_BYTES_MAX)
        copy = av_packet_clone(packet);
    if (!copy) {
        nj_rtsp_gop_clear(gop);
        return;
    }
    gop->packets[gop->count++] = copy;
    gop->bytes += (size_t)packet->size;
}

bool nj_rtsp_hint_note(struct nj_rtsp_hint *hint, int size)
{
    if (hint->count == 0)
        hint->usual = hint->lately = size;
    hint->count += hint->count < HINT_COUNT_LEAST;
    hint->usual += (size - hint->usual) * (hint->count < HINT_COUNT_LEAST ? HINT_FAST : HINT_SLOW);
    hint->lately += (size - hint->lately) * HINT_FAST;
    return hint->count >= HINT_COUNT_LEAST && hint->lately > hint->usual * HINT_JUMP &&
           hint->lately > hint->usual + HINT_BYTES_LEAST;
}
