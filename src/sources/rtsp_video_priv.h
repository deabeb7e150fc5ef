// SPDX-License-Identifier: Apache-2.0
// The video of a camera's description (SDP, RFC 8866): its own lines, and where it is asked for.
#ifndef NJ_SOURCES_RTSP_VIDEO_PRIV_H
#define NJ_SOURCES_RTSP_VIDEO_PRIV_H

#include "net/url.h"
#include "util/error.h"

#include <stddef.h>

struct nj_rtsp_video {
    char *description;        // of the video alone, to be freed
    char control[NJ_URL_MAX]; // where it is set up
    char whole[NJ_URL_MAX];   // where all is played
};

// `base`: what relative addresses start from. NJ_E_UNSUPPORTED: no video; NJ_E_TOO_BIG, NJ_E_NOMEM.
int nj_rtsp_video_read(const char *sdp, size_t length, const char *base, struct nj_rtsp_video *out,
                       struct nj_error *err);

#endif
