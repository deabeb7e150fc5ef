// SPDX-License-Identifier: Apache-2.0
// User and password out of an address, so that they are kept, shown and sent as what they are.
#ifndef NJ_NET_URL_LOGIN_H
#define NJ_NET_URL_LOGIN_H

#include "util/error.h"

struct nj_url_login {      // all malloc'd; free with nj_url_login_finish
    char *url;             // without user and password
    char *user, *password; // decoded; NULL: none given
};

// Takes any scheme (RFC 3986). NJ_E_INVALID: no URL (its text is not repeated), NJ_E_NOMEM.
int nj_url_login_split(const char *url, struct nj_url_login *out, struct nj_error *err);
void nj_url_login_finish(struct nj_url_login *login);

#endif
