// SPDX-License-Identifier: Apache-2.0
// From RTP packets of a video to packets for its decoder. H.264 and H.265 are put together here, so
// that a picture is there with its last packet; other codecs by libavformat, whose parsers hold
// some back until the next picture begins.
#ifndef NJ_SOURCES_RTP_PRIV_H
#define NJ_SOURCES_RTP_PRIV_H

#include "util/clock.h"
#include "util/error.h"

#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>

#include <stdbool.h>

struct nj_rtp; // opaque; belongs to one thread

struct nj_rtp_video {
    const char *name;               // for showing: "H264/90000"
    const AVCodecParameters *codec; // AV_CODEC_ID_NONE: nobody knows it
    AVRational time_base;           // of the packets' times
    nj_us interval_us;              // between pictures, as described; 0: not told
};

// `description` is that of one video, and not used after. NJ_E_CORRUPT, NJ_E_UNSUPPORTED (no
// video, or H.264 out of order), NJ_E_NOMEM.
int nj_rtp_open(const char *description, struct nj_rtp **out, struct nj_error *err);
const struct nj_rtp_video *nj_rtp_video(const struct nj_rtp *rtp); // borrowed
// One RTP or RTCP packet, borrowed until the next push or nj_rtp_close. What came out before must
// have been taken until NJ_E_AGAIN. NJ_E_NOMEM; NJ_E_CORRUPT for a picture that does not end.
int nj_rtp_push(struct nj_rtp *rtp, const uint8_t *packet, size_t length, struct nj_error *err);
// The next packet for the decoder, the caller's (av_packet_unref); one of too many NALs is passed
// over. NJ_E_AGAIN: more must be pushed; NJ_E_CORRUPT, NJ_E_NOMEM.
int nj_rtp_take(struct nj_rtp *rtp, AVPacket *out, struct nj_error *err);
// Whether a picture waits for the next packet to tell that it is whole: so it is when none comes
// for a while, and nj_rtp_settle lets it be taken. At the begin of a session only.
bool nj_rtp_waits(const struct nj_rtp *rtp);
void nj_rtp_settle(struct nj_rtp *rtp);
// Packets that never came, by gaps in their numbers, since it was opened.
uint64_t nj_rtp_lost(const struct nj_rtp *rtp);
void nj_rtp_close(struct nj_rtp *rtp); // accepts NULL

#endif
