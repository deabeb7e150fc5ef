// SPDX-License-Identifier: Apache-2.0
// Where the releases of FFmpeg that this builds with differ.
#ifndef NJ_FRAMES_LIBAV_VERSIONS_H
#define NJ_FRAMES_LIBAV_VERSIONS_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include <stdint.h>

// Data beside a stream, as its display matrix, is in its codec's parameters since FFmpeg 6.1.
#define NJ_AV_PARAMETERS_HAVE_SIDE_DATA (LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100))

// What a writing callback of an AVIOContext is given is constant since FFmpeg 7.0.
#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t nj_av_written;
#else
typedef uint8_t nj_av_written;
#endif

#endif
