// SPDX-License-Identifier: Apache-2.0
// The video of an RTSP camera as packets: opening with address rules and redirects, and a
// watchdog of its own. Belongs to the capture thread.
#ifndef NJ_SOURCES_RTSP_INPUT_PRIV_H
#define NJ_SOURCES_RTSP_INPUT_PRIV_H

#include "net/url.h"
#include "sources/rtp_priv.h"
#include "sources/source_driver.h"

#include <libavcodec/packet.h>

struct nj_rtsp_session;

struct nj_rtsp_input {
    struct nj_source *source;
    struct nj_resolver *resolver;    // of the camera: a name that hangs is asked once
    struct nj_rtsp_session *session; // NULL: not open
    struct nj_rtp *rtp;              // makes packets of video of the session's
    nj_us deadline_us;   // monotonic: of the step under way, or of the next video packet
    nj_us packet_us;     // when the last video packet came; 0: none yet
    nj_us newest_pts_us; // of all packets; -1: none yet
    bool paced;          // a second packet came in this session
    nj_us interval_us;   // between pictures, smoothed; 0: not known yet
    uint64_t lost_told;  // packets that never came, as far as the source knows
};

// Looks at the entry's address alone. NJ_E_INVALID, NJ_E_DENIED.
int nj_rtsp_input_check(const struct nj_source_entry *entry, struct nj_error *err);

// `input` is zeroed but for `source` and what is known of `interval_us`. Connects, follows
// redirects within the rules, and starts the video; interrupted by the source's cancel token.
int nj_rtsp_input_open(struct nj_rtsp_input *input, struct nj_error *err);
void nj_rtsp_input_close(struct nj_rtsp_input *input); // accepts one that is not open

// The next packet of the video, the caller's (av_packet_unref). NJ_E_TIMEOUT when none came for
// max(3 s, twice the usual interval), NJ_E_UNAVAILABLE when the camera ended it, NJ_E_CANCELLED.
int nj_rtsp_input_read(struct nj_rtsp_input *input, AVPacket *packet, struct nj_error *err);

// The address of a redirect, for the next try: credentials as nj_url_carry_login has it.
// NJ_E_DENIED, NJ_E_INVALID.
int nj_rtsp_follow(const struct nj_url *from, const char *location, struct nj_url *out,
                   struct nj_error *err);

#endif
