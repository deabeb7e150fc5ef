// SPDX-License-Identifier: Apache-2.0
// RTP put together by libavformat, for the codecs that are not put together here.
#ifndef NJ_SOURCES_RTP_LIBRARY_PRIV_H
#define NJ_SOURCES_RTP_LIBRARY_PRIV_H

#include "util/error.h"

#include <libavformat/avformat.h>

struct nj_rtp_library; // opaque; belongs to one thread

// Errors and ownership as those of rtp_priv.h.
int nj_rtp_library_open(const char *description, struct nj_rtp_library **out, struct nj_error *err);
const AVStream *nj_rtp_library_stream(const struct nj_rtp_library *library); // borrowed
void nj_rtp_library_push(struct nj_rtp_library *library, const uint8_t *packet, size_t length);
int nj_rtp_library_take(struct nj_rtp_library *library, AVPacket *out, struct nj_error *err);
void nj_rtp_library_close(struct nj_rtp_library *library); // accepts NULL

#endif
