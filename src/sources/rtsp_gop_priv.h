// SPDX-License-Identifier: Apache-2.0
// The packets that the decoder has not seen yet or may need again: all since the last keyframe, so
// that full decoding can begin in the middle of a group. And a guess from packet sizes whether
// something moves.
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
    AVPacket *packets[NJ_GOP_PACKETS_MAX];
    size_t count, bytes;
    size_t fed; // so many of them went through the decoder
};

// Zeroed is empty. False when it is full, or no memory: then nothing is added.
bool nj_rtsp_gop_add(struct nj_rtsp_gop *gop, const AVPacket *packet);
void nj_rtsp_gop_clear(struct nj_rtsp_gop *gop);

// The rhythm of keyframes, by when they came.
struct nj_rtsp_rhythm {
    nj_us last_us;   // 0: none yet
    nj_us length_us; // of the last group; 0: none was whole
    nj_us group_us;  // of each group, as long as they are alike; 0 else
};

void nj_rtsp_rhythm_note(struct nj_rtsp_rhythm *rhythm, nj_us now_us); // a keyframe came
// Until the next keyframe; 0 when it is not known or late.
nj_us nj_rtsp_rhythm_left(const struct nj_rtsp_rhythm *rhythm, nj_us now_us);

// Sizes of the packets between keyframes: a jump of several in a row hints at motion.
struct nj_rtsp_hint {
    double usual, lately; // bytes, smoothed slowly and quickly
    unsigned count;
};

// True when the last packets are clearly larger than usual. Not for keyframes.
bool nj_rtsp_hint_note(struct nj_rtsp_hint *hint, int size);

#endif
