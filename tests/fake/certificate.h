// SPDX-License-Identifier: Apache-2.0
// A certificate for a test's server, signed by itself, so that it is its own authority.
#ifndef NJ_FAKE_CERTIFICATE_H
#define NJ_FAKE_CERTIFICATE_H

#include <stdbool.h>

struct evp_pkey_st;
struct x509_st;

struct nj_test_certificate {
    struct x509_st *certificate;
    struct evp_pkey_st *key;
};

// Valid from yesterday to tomorrow for `names`, in OpenSSL's words ("DNS:localhost,IP:127.0.0.1").
// False: it could not be made, and *out is zeroed.
bool nj_test_certificate_init(struct nj_test_certificate *out, const char *names);
void nj_test_certificate_finish(struct nj_test_certificate *certificate); // harmless when zeroed

// Write PEM to a new file.
bool nj_test_certificate_save(const struct nj_test_certificate *certificate, const char *path);
bool nj_test_certificate_save_key(const struct nj_test_certificate *certificate, const char *path);

#endif
