// SPDX-License-Identifier: Apache-2.0
// Strict check and split of the raw head of an HTTP/1.x request (RFC 9112), before any lenient
// parser sees it. In memory, no allocation.
#ifndef NJ_NET_HTTP_HEAD_PRIV_H
#define NJ_NET_HTTP_HEAD_PRIV_H

#include "net/http_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NJ_HTTP_HEADERS_MAX = 100,       // header lines of one request -> 431
    NJ_HTTP_TARGET_MAX_BYTES = 8000, // what RFC 9112 section 3 asks servers to take at least -> 414
};

// Where the search for the end of a head stands; zeroed for a new request.
struct nj_http_head_scan {
    size_t offset; // bytes looked at
    size_t lines;  // line ends seen
};

// Looks for the empty line that ends a head. > 0: the head's length with that line; 0: more bytes
// are needed; -1: a bare CR or LF or a control character stands in it, which no further byte cures.
// `bytes` is the whole head so far, of which scan->offset bytes were seen by earlier calls.
long nj_http_head_find(struct nj_http_head_scan *scan, const char *bytes, size_t length);

struct nj_http_head {
    const char *method; // one of the methods this server knows
    const char *path;   // decoded and normalised, begins with '/', or "*" for OPTIONS
    const char *query;  // raw, "" when absent; escapes are well-formed and none is a NUL
    const char *host;   // authority: of an absolute-form target, else the Host header; or NULL
    int minor;          // 1, or 0 for HTTP/1.0
    struct nj_http_field *fields; // given by the caller
    size_t field_count, field_capacity;
    int64_t content_length; // -1: none given
    bool chunked;
    const char *problem; // why it was refused, a fixed text; NULL else
};

// Splits `bytes` (a whole head, its empty line included, as nj_http_head_find measured it) in
// place: texts of `head` point into it. Set `fields` and `field_capacity` (the scan's line count is
// enough) before. Returns 0, or the status to refuse with: 400, 413, 414, 431, 501 or 505.
int nj_http_head_parse(char *bytes, size_t length, struct nj_http_head *head);

// First value of a header, any case; NULL when absent.
const char *nj_http_head_get(const struct nj_http_head *head, const char *name);

// True when a comma separated header has the token, any case, over all lines of that name.
bool nj_http_head_has_token(const struct nj_http_head *head, const char *name, const char *token);

#endif
