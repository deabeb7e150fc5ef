// SPDX-License-Identifier: Apache-2.0
// Messages of RTSP 1.0 (RFC 2326) as they lie in a buffer: answers, requests of the camera, and
// interleaved packets (section 10.12).
#ifndef NJ_SOURCES_RTSP_MESSAGE_PRIV_H
#define NJ_SOURCES_RTSP_MESSAGE_PRIV_H

#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
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

#endif
