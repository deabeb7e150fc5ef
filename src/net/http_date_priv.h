// SPDX-License-Identifier: Apache-2.0
// Dates of HTTP headers (RFC 9110 section 5.6.7).
#ifndef NJ_NET_HTTP_DATE_PRIV_H
#define NJ_NET_HTTP_DATE_PRIV_H

#include "util/error.h"

#include <time.h>

enum { NJ_HTTP_DATE_SIZE = 32 };

// "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale.
void nj_http_date_format(time_t seconds, char out[NJ_HTTP_DATE_SIZE]);

// The same form only; NJ_E_INVALID for everything else.
int nj_http_date_parse(const char *text, time_t *out);

#endif
