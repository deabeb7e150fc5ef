// SPDX-License-Identifier: Apache-2.0
// What is looked at in a file of H.264 or H.265 before a decoder sees it: packets and parameter
// sets of too many NAL units (frames/nal_count.h).
#ifndef NJ_FRAMES_VIDEO_GUARD_PRIV_H
#define NJ_FRAMES_VIDEO_GUARD_PRIV_H

#include "util/error.h"

#include <libavformat/avformat.h>

#include <stdbool.h>

// Reads the beginning of a file, `bytes` of packets, which libavformat will decode by itself to
// learn of the streams; the format is of no use afterwards. NJ_E_CORRUPT, NJ_E_NOMEM.
int nj_video_guard(AVFormatContext *format, size_t bytes, struct nj_error *err);

// The decoder of the stream may have this packet of it.
bool nj_video_packet_fits(const AVCodecParameters *codec, const AVPacket *packet);

#endif
