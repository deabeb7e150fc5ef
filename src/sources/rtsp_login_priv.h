// SPDX-License-Identifier: Apache-2.0
// Proving to a camera who we are: Basic (RFC 7617) and Digest (RFC 7616 with MD5 and SHA-256, and
// RFC 2617 without qop, as most cameras do).
#ifndef NJ_SOURCES_RTSP_LOGIN_PRIV_H
#define NJ_SOURCES_RTSP_LOGIN_PRIV_H

#include "net/url.h"
#include "util/buf.h"

enum { NJ_RTSP_CHALLENGE_MAX = 256 }; // of one value in a challenge

enum nj_rtsp_scheme { // the stronger one wins
    NJ_RTSP_LOGIN_NONE,
    NJ_RTSP_LOGIN_BASIC,
    NJ_RTSP_LOGIN_MD5,
    NJ_RTSP_LOGIN_SHA256
};

struct nj_rtsp_login {
    char user[NJ_URL_SECRET_SIZE], password[NJ_URL_SECRET_SIZE];
    enum nj_rtsp_scheme scheme;
    char realm[NJ_RTSP_CHALLENGE_MAX], nonce[NJ_RTSP_CHALLENGE_MAX];
    char opaque[NJ_RTSP_CHALLENGE_MAX];
    bool qop;
    unsigned count; // requests with this nonce
};

// Looks at the value of a WWW-Authenticate line; true when it is answered from now on: it is at
// least as strong as the one before, and not longer than the limits.
bool nj_rtsp_login_challenge(struct nj_rtsp_login *login, const char *challenge);
// Appends the line that answers the challenge, if there was one. `salt` is a fresh random text.
void nj_rtsp_login_write(struct nj_rtsp_login *login, const char *method, const char *uri,
                         const char *salt, struct nj_buf *out);

#endif
