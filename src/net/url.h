// SPDX-License-Identifier: Apache-2.0
// Parts of an absolute URL with a host, checked strictly: what is odd here is read differently by
// the next library.
#ifndef NJ_NET_URL_H
#define NJ_NET_URL_H

#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    NJ_URL_MAX = 2048, // with the NUL
    NJ_URL_SCHEME_SIZE = 16,
    NJ_URL_HOST_SIZE = 256,
    NJ_URL_SECRET_SIZE = 512, // tokens of some services have hundreds of bytes
};

struct nj_url {
    char scheme[NJ_URL_SCHEME_SIZE]; // lower case
    char user[NJ_URL_SECRET_SIZE];   // decoded; "" none
    char password[NJ_URL_SECRET_SIZE];
    char host[NJ_URL_HOST_SIZE]; // lower case; an IPv6 address without its brackets
    int port;                    // 0: not told
    char rest[NJ_URL_MAX];       // path, query, as written; without the fragment
};

// NJ_E_INVALID for everything that is no absolute URL with a host, or holds blanks, control or
// other characters that belong escaped. Errors never carry credentials.
int nj_url_parse(const char *text, struct nj_url *out, struct nj_error *err);

// Writes the URL, with user and password (escaped) when there are. False when it did not fit.
bool nj_url_write(const struct nj_url *url, char *out, size_t size);

// Where it leads: its port, or the usual one of http, https, rtsp and rtsps. 0: none is known.
int nj_url_port(const struct nj_url *url);

// Where a redirect goes: user and password go along to the same scheme, host and port only, or to
// the same host with TLS instead of none (http to https, rtsp to rtsps) at that port or the usual
// one. What `to` brings itself stays.
void nj_url_carry_login(const struct nj_url *from, struct nj_url *to);

// Percent-encoding. Escapes all but letters, digits and "-._~". As snprintf: ends what fits with a
// NUL and returns the length that all of it has; `size` 0 only counts.
size_t nj_url_escape(const char *text, char *out, size_t size);
// "%41" becomes 'A'. False for broken escapes, control characters, and what does not fit.
bool nj_url_unescape(const char *text, size_t length, char *out, size_t size);
// Value of the escape at `text` ("%41"), or -1. Reads no further than its first wrong character.
int nj_url_escape_value(const char *text);

#endif
