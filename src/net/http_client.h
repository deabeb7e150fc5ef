// SPDX-License-Identifier: Apache-2.0
// Outgoing HTTP through libcurl. Blocking, for job and inference threads; each thread has a client
// of its own, which keeps connections alive.
#ifndef NJ_NET_HTTP_CLIENT_H
#define NJ_NET_HTTP_CLIENT_H

#include "loop/thread.h"
#include "net/address_rules.h"
#include "util/buf.h"
#include "util/error.h"

#include <stddef.h>

struct nj_http_client;

int nj_http_client_create(struct nj_http_client **out, struct nj_error *err);
void nj_http_client_destroy(struct nj_http_client *client);

struct nj_http_part { // one field of multipart/form-data
    const char *name, *file_name, *content_type;
    const void *bytes;
    size_t length;
};

enum {
    NJ_HTTP_LOCATION_SIZE = 2048,
    NJ_HTTP_TAG_SIZE = 256,
};

struct nj_http_answer_head { // what a caller may want of the answer's head; "" where it was absent
    char location[NJ_HTTP_LOCATION_SIZE]; // absolute, of a redirect
    char etag[NJ_HTTP_TAG_SIZE], last_modified[NJ_HTTP_TAG_SIZE];
};

struct nj_http_call {
    const char *method;         // "GET", "POST"
    const char *url;            // http or https only; redirects are not followed
    const char *const *headers; // "Name: value", NULL-terminated, or NULL
    const void *body;
    size_t body_length;
    const struct nj_http_part *part;            // instead of body; or NULL
    nj_us connect_timeout_us, total_timeout_us; // the lookup of the name included
    size_t max_response_bytes;
    const struct nj_cancel *cancel;  // may be NULL
    const char *username, *password; // for Basic or Digest, as the server asks; NULL: none
    bool any_certificate;            // TLS without a check of the server's certificate
    // Held against each address of the host.
    const struct nj_address_rules *rules;
    struct nj_http_answer_head *head; // filled on success; may be NULL
};

// 0: an answer came, whatever its status; *out_status and `out_body` are filled. Else
// NJ_E_UNAVAILABLE (not reached, or broken off: a POST is sent once, and whether the server carried
// it out is not known), NJ_E_TIMEOUT, NJ_E_TOO_BIG, NJ_E_CANCELLED, NJ_E_INVALID (URL),
// NJ_E_DENIED (rules; a client's calls all have the same, because connections are kept).
// Errors never carry credentials of the URL. Names are remembered for a minute.
int nj_http_client_call(struct nj_http_client *client, const struct nj_http_call *call,
                        int *out_status, struct nj_buf *out_body, struct nj_error *err);

#endif
