// SPDX-License-Identifier: Apache-2.0
// The packets since the last keyframe, so that full decoding can begin in the middle of a group;
// and a guess from packet sizes whether something moves.
#ifndef NJ_SOURCES_RTSP_GOP_PRIV_H
#define NJ_SOURCES_RTSP_GOP_PRIV_H

#include "util/clock.h"

#include <libavcodec/packet.h>

#include <stdbool.h>
#include <stddef.h>

enum {
    NJ_GOP_PACKETS_MAX = 512,            // 20 s at 25 frames a second
    NJ_GOP_BYTES_MAX = 16 * 1024 * 1024, // 10 s at 12 Mbit/s
};

struct nj_rtsp_gop {
    AVPacket *packets[NJ_GOP_PACKETS_MAX]; // packets[0] is the keyframe
    size_t count, bytes;
};

// Zeroed is empty. A keyframe empties it first; beyond the limits it is empty until the next one.
void nj_rtsp_gop_add(struct nj_rtsp_gop *gop, const AVPacket *packet);
void nj_rtsp_gop_clear(struct nj_rtsp_gop *gop);

// Sizes of the packets between keyframes: a jump of several in a row hints at motion.
struct nj_rtsp_hint {
    double usual, lately; // bytes, smoothed slowly and quickly
    unsigned count;
};

// True when the last packets are clearly larger than usual. Not for keyframes.
bool nj_rtsp_hint_note(struct nj_rtsp_hint *hint, int size);

#endif
