// SPDX-License-Identifier: Apache-2.0
// Messages of RTSP 1.0 (RFC 2326) as they lie in a buffer: answers, requests of the camera, and
// interleaved packets (section 10.12). And what a description (SDP, RFC 8866) says of the video.
#ifndef NJ_SOURCES_RTSP_MESSAGE_PRIV_H
#define NJ_SOURCES_RTSP_MESSAGE_PRIV_H

#include "net/url.h"
#include "util/buf.h"
#include "util/error.h"

#include <stdint.h>

enum {
    NJ_RTSP_HEAD_MAX = 16 * 1024,
    NJ_RTSP_BODY_MAX = 16 * 1024 * 1024, // some cameras describe a great deal
    NJ_RTSP_FRAME_HEAD = 4,              // '$', channel, length
};

enum nj_rtsp_kind {
    NJ_RTSP_PARTIAL, // more bytes are needed
    NJ_RTSP_FRAME,   // an interleaved packet
    NJ_RTSP_ANSWER,
    NJ_RTSP_REQUEST, // of the camera
    NJ_RTSP_STRAY    // bytes that begin none of these; `size` of them
};

// Borrowed from the buffer.
struct nj_rtsp_message {
    enum nj_rtsp_kind kind;
    size_t size;                 // of all; of a partial one nothing but `kind` means anything
    uint8_t channel;             // of a frame
    int status;                  // of an answer
    const char *head, *body;     // a frame has a body alone
    size_t head_size, body_size; // the head with its empty line
};

// The message that the bytes begin with. NJ_E_TOO_BIG, NJ_E_CORRUPT: a head beyond its limit, or a
// length that is none.
int nj_rtsp_message_read(const char *bytes, size_t length, struct nj_rtsp_message *out,
                         struct nj_error *err);
// The n-th line of that name (0: the first), without blanks around it. False: there is none, or it
// does not fit; `out` is "" then.
bool nj_rtsp_message_field(const struct nj_rtsp_message *message, const char *name, unsigned n,
                           char *out, size_t size);

struct nj_rtsp_video {
    char *description;        // of the video alone, to be freed
    char control[NJ_URL_MAX]; // where it is set up
    char whole[NJ_URL_MAX];   // where all is played
};

// `base`: what relative addresses start from. NJ_E_UNSUPPORTED: no video; NJ_E_TOO_BIG, NJ_E_NOMEM.
int nj_rtsp_video_read(const char *sdp, size_t length, const char *base, struct nj_rtsp_video *out,
                       struct nj_error *err);

#endif
