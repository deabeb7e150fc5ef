// SPDX-License-Identifier: Apache-2.0
// What the description of a video (SDP, RFC 8866) says of its RTP.
#ifndef NJ_SOURCES_RTP_DESCRIPTION_PRIV_H
#define NJ_SOURCES_RTP_DESCRIPTION_PRIV_H

#include "sources/rtp_nal_priv.h"
#include "util/buf.h"
#include "util/clock.h"

enum {
    NJ_RTP_NAME_SIZE = 64,
    NJ_RTP_SETS_MAX = 64 * 1024, // parameter sets; beyond, they are awaited in band
};

struct nj_rtp_description {
    char name[NJ_RTP_NAME_SIZE]; // for showing: "H264/90000", or the number of the payload
    int type;                    // of the payload; -1: none is told
    int clock;                   // ticks a second
    nj_us interval_us;           // between pictures; 0: not told
    bool interleaved;            // H.264 in another order than it is decoded
    // NULL: the codec, or the way it is packed, is none that is put together here.
    const struct nj_nal_codec *codec;
};

// `text` describes one video, lines as nj_rtsp_video_read writes them.
void nj_rtp_description_read(const char *text, struct nj_rtp_description *out);
// Appends the parameter sets, if any, as a decoder takes them (Annex B). Broken ones are left out.
void nj_rtp_description_sets(const char *text, const struct nj_rtp_description *description,
                             struct nj_buf *out);

#endif
