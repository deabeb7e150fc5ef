// SPDX-License-Identifier: Apache-2.0
// Fetching something large over HTTP: bytes go to a sink as they come, redirects are followed under
// the address rules, and time-outs tell silence from slowness. Blocking, for job threads.
#ifndef NJ_NET_HTTP_FETCH_H
#define NJ_NET_HTTP_FETCH_H

#include "loop/thread.h"
#include "net/resolve.h"
#include "util/error.h"

#include <stdint.h>

struct nj_http_answer {
    int status;
    int64_t length;      // of the body; -1 not told
    int64_t range_start; // of Content-Range; -1 none
    char etag[256];      // as sent, with quotes; "" none, or too long to be of use
    char last_modified[64];
};

struct nj_http_sink {
    // The head of the last answer (never of a redirect) is there; before its first byte. An error
    // ends the fetch with it.
    int (*begin)(void *context, const struct nj_http_answer *answer, struct nj_error *err);
    // Bytes of a body of status 200 or 206; others are read and dropped.
    int (*take)(void *context, const void *bytes, size_t length, struct nj_error *err);
    void *context;
};

struct nj_http_fetch {
    const char *url;                      // http or https
    const char *const *headers;           // "Name: value", NULL-terminated, or NULL
    const struct nj_address_rules *rules; // of every connection, also after redirects
    nj_us connect_us, idle_us, total_us;  // connect: with the lookup; idle: without a byte
    struct nj_resolver *resolver;         // of the owner, who fetches again; NULL: one of its own
    int max_redirects;
    int64_t max_bytes;              // of the body
    const struct nj_cancel *cancel; // may be NULL
    struct nj_http_sink sink;
};

// 0: the answer was read whole, whatever its status. NJ_E_DENIED (rules; a redirect from https to
// http), NJ_E_INVALID (no URL), NJ_E_UNAVAILABLE (not reached, broken off, too many redirects),
// NJ_E_TIMEOUT, NJ_E_TOO_BIG, NJ_E_CANCELLED, or what the sink said. Errors carry no credentials.
int nj_http_fetch(const struct nj_http_fetch *fetch, struct nj_http_answer *out,
                  struct nj_error *err);

#endif
