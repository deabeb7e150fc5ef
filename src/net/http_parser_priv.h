// SPDX-License-Identifier: Apache-2.0
// The http-parser library for framing: after the strict check of a head it says where the body ends
// and takes chunked bodies apart. No other file knows the library.
#ifndef NJ_NET_HTTP_PARSER_PRIV_H
#define NJ_NET_HTTP_PARSER_PRIV_H

#include "net/http_chunks_priv.h"
#include "util/buf.h"

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

struct nj_http_framing {
    struct http_parser parser;
    struct nj_http_chunks chunks;
    struct nj_buf *body; // body bytes are appended here
    bool complete;
    bool keep_alive;
};

// Begins a message with its whole head. False when the library does not agree that it is one, or
// ends it elsewhere: two views of one message are how requests are smuggled.
bool nj_http_framing_begin(struct nj_http_framing *framing, const char *head, size_t length,
                           struct nj_buf *body);

// Body bytes; returns how many belong to this message, or -1 when they are malformed or the body
// buffer failed (look at it). `framing->complete` says that the message ended.
long nj_http_framing_feed(struct nj_http_framing *framing, const char *bytes, size_t length);

#endif
