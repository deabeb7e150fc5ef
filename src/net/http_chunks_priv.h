// SPDX-License-Identifier: Apache-2.0
// Strict check of chunked framing (RFC 9112 section 7.1) beside the lenient library: bare line
// ends, blanks around sizes and data that is longer than its size are refused.
#ifndef NJ_NET_HTTP_CHUNKS_PRIV_H
#define NJ_NET_HTTP_CHUNKS_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Zeroed at the start of a body.
struct nj_http_chunks {
    int state;
    uint64_t left; // of the chunk's data
    unsigned digits;
};

// Looks at `length` bytes, at most to the end of the body. False when they are malformed.
bool nj_http_chunks_check(struct nj_http_chunks *chunks, const char *bytes, size_t length);

#endif
