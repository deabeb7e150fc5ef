// SPDX-License-Identifier: Apache-2.0
// Packets kept for the decoder, and the hint from packet sizes.
#include "sources/rtsp_gop_priv.h"

static const unsigned HINT_COUNT_LEAST = 16; // packets before the usual size means something
enum { RHYTHM_ROOM = 8 }; // groups are alike when they differ by an eighth at most
static const double HINT_SLOW = 1.0 / 64;
static const double HINT_FAST = 1.0 / 4;
static const double HINT_JUMP = 1.5; // noise of a still scene alone comes to 1.2
static const double HINT_BYTES_LEAST =
    200; // above the usual: tiny packets vary by more than they hold

void nj_rtsp_gop_clear(struct nj_rtsp_gop *gop)
{
    for (size_t i = 0; i < gop->count; i++)
        av_packet_free(&gop->packets[i]);
    gop->count = gop->bytes = gop->fed = 0;
}

bool nj_rtsp_gop_add(struct nj_rtsp_gop *gop, const AVPacket *packet)
{
    if (gop->count == NJ_GOP_PACKETS_MAX || gop->bytes + (size_t)packet->size > NJ_GOP_BYTES_MAX)
        return false;
    AVPacket *copy = av_packet_clone(packet); // of the reference, not of the bytes
    if (!copy)
        return false;
    gop->packets[gop->count++] = copy;
    gop->bytes += (size_t)packet->size;
    return true;
}

void nj_rtsp_rhythm_note(struct nj_rtsp_rhythm *rhythm, nj_us now_us)
{
    nj_us length_us = rhythm->last_us > 0 ? now_us - rhythm->last_us : 0;
    nj_us apart_us = length_us - rhythm->length_us;
    bool first = rhythm->length_us == 0;
    bool alike = (apart_us < 0 ? -apart_us : apart_us) <= length_us / RHYTHM_ROOM;
    rhythm->group_us = first || alike ? length_us : 0;
    rhythm->length_us = length_us;
    rhythm->last_us = now_us;
}

nj_us nj_rtsp_rhythm_left(const struct nj_rtsp_rhythm *rhythm, nj_us now_us)
{
    nj_us left_us = rhythm->last_us + rhythm->group_us - now_us;
    return rhythm->group_us > 0 && left_us > 0 ? left_us : 0;
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
