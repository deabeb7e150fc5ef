// SPDX-License-Identifier: Apache-2.0
// What the HTTP clients and links share of libcurl: one request at a time on a handle that keeps
// connections. The name is looked up here, within the deadline, and libcurl is told what came out.
#ifndef NJ_NET_CURL_PRIV_H
#define NJ_NET_CURL_PRIV_H

#include "net/resolve.h"
#include "net/url.h"

#include <curl/curl.h>

struct nj_curl_request {
    const char *url;            // http or https; redirects are not followed
    const char *const *headers; // "Name: value", NULL-terminated, or NULL
    const struct nj_address_rules *rules;
    nj_us connect_us, deadline_us;  // the lookup included; monotonic, of the machine
    nj_us total_us;                 // until the deadline, for messages
    const struct nj_cancel *cancel; // may be NULL
    // Bytes of the body; what is not 0 ends the request with it.
    int (*take)(void *context, const void *bytes, size_t length, struct nj_error *err);
    // A line of the head, with its end; NULL: nobody looks.
    void (*header)(void *context, const char *line, size_t length);
    void *context; // may be NULL
    // Not sent again when a kept connection ends without an answer: NJ_E_UNAVAILABLE. Without a
    // login, which may take two turns.
    bool once;
};

struct nj_curl {
    CURL *handle;
    struct nj_resolver *resolver;
    // Of the request:
    struct nj_curl_request request;
    struct nj_url url;
    struct nj_addresses addresses; // the only ones that are connected to
    struct curl_slist *headers, *places;
    struct nj_error *err;
    int rc;       // of take
    bool is_head; // the answer's head has begun, and its end did not come
    int sent;     // how often
};

// `resolver` is shared when there is one; NULL: it gets its own.
int nj_curl_init(struct nj_curl *curl, struct nj_resolver *resolver, struct nj_error *err);
void nj_curl_finish(struct nj_curl *curl); // accepts what is zeroed

// Looks the name up and sets all options; the caller may set more before it performs. Errors as
// nj_curl_perform; nj_curl_end comes after it in any case.
int nj_curl_begin(struct nj_curl *curl, const struct nj_curl_request *request,
                  struct nj_error *err);
// 0: an answer came whole, whatever its status. NJ_E_INVALID (no http or https URL), NJ_E_DENIED,
// NJ_E_UNAVAILABLE, NJ_E_TIMEOUT, NJ_E_CANCELLED, NJ_E_NOMEM, or what `take` said. Errors do not
// name the URL.
int nj_curl_perform(struct nj_curl *curl, struct nj_error *err);
// The handle keeps its connections and no pointer of the request.
void nj_curl_end(struct nj_curl *curl);

// Prefixes the error with the URL, without secrets; returns its code.
int nj_curl_blame(const char *url, int code, struct nj_error *err);

#endif
