// SPDX-License-Identifier: Apache-2.0
// Request targets: percent-decoding and normalisation of paths, checks and decoding of queries.
#ifndef NJ_NET_HTTP_TARGET_PRIV_H
#define NJ_NET_HTTP_TARGET_PRIV_H

#include <stdbool.h>
#include <stddef.h>

// Decodes and normalises a path in place: empty and "." segments go, a slash at the end stays.
// False for malformed escapes, an encoded slash, ".." in any spelling, control characters
// (NUL too) and bytes that are not UTF-8.
bool nj_http_path_normalise(char *path);

// True when every escape is well-formed and none decodes to NUL.
bool nj_http_query_valid(const char *query);

// Decodes `length` bytes of a query's name or value ('+' is a blank) in place and ends it with a
// NUL; `text` has room for that NUL. The escapes were checked before.
void nj_http_query_decode(char *text, size_t length);

#endif
