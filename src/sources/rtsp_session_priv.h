// SPDX-License-Identifier: Apache-2.0
// One RTSP 1.0 session (RFC 2326) over one connection, plain or TLS, with its video interleaved:
// DESCRIBE, SETUP and PLAY with proof of identity, keeping it alive, TEARDOWN. Belongs to a capture
// thread.
#ifndef NJ_SOURCES_RTSP_SESSION_PRIV_H
#define NJ_SOURCES_RTSP_SESSION_PRIV_H

#include "loop/thread.h"
#include "net/resolve.h"
#include "net/url.h"

#include <stdint.h>

struct nj_rtsp_session; // opaque

struct nj_rtsp_session_config {
    const struct nj_url *url;
    const struct nj_address_rules *rules;
    struct nj_resolver *resolver;
    bool tls_verify;
    const struct nj_clock *clock; // of all deadlines (monotonic)
    const struct nj_cancel *cancel;
    nj_us timeout_us; // to connect
};

// Connects; nothing is said yet. Errors as nj_link_open.
int nj_rtsp_session_open(const struct nj_rtsp_session_config *config, struct nj_rtsp_session **out,
                         struct nj_error *err);
// Asks for the description. *sdp is borrowed and describes the video alone. NJ_E_AGAIN: the camera
// is elsewhere, `moved` says where (as it wrote it). Else a negative code that tells what the
// camera said: NJ_E_INVALID (the login), NJ_E_NOT_FOUND, NJ_E_UNAVAILABLE, NJ_E_UNSUPPORTED,
// NJ_E_CORRUPT, ...
int nj_rtsp_session_describe(struct nj_rtsp_session *session, nj_us deadline_us, const char **sdp,
                             char moved[NJ_URL_MAX], struct nj_error *err);
int nj_rtsp_session_play(struct nj_rtsp_session *session, nj_us deadline_us, struct nj_error *err);
// The next RTP or RTCP packet of the video; borrowed until the next call. NJ_E_TIMEOUT,
// NJ_E_CANCELLED, NJ_E_UNAVAILABLE (the camera ended it), NJ_E_CORRUPT.
int nj_rtsp_session_packet(struct nj_rtsp_session *session, nj_us deadline_us,
                           const uint8_t **packet, size_t *length, struct nj_error *err);
// How often a session with this time-out is kept alive; 0 or less: it is not told.
nj_us nj_rtsp_keep_us(int timeout_s);
// Tells the camera that the place is free, but does not wait for its answer. Accepts NULL.
void nj_rtsp_session_close(struct nj_rtsp_session *session);

#endif
