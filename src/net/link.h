// SPDX-License-Identifier: Apache-2.0
// A connection to a host, plain or TLS, for protocols that have no library of their own. Opened
// under address rules, the name looked up within the deadline, certificates checked. Blocking with
// deadlines: for capture and job threads. One thread at a time.
#ifndef NJ_NET_LINK_H
#define NJ_NET_LINK_H

#include "loop/thread.h"
#include "net/resolve.h"
#include "util/error.h"

struct nj_link; // opaque

struct nj_link_target {
    const char *host; // name, or an address in digits without brackets
    int port;
    bool tls;
    bool tls_verify; // certificate and name
    const struct nj_address_rules *rules;
    struct nj_resolver *resolver;   // of the owner, who tries again; NULL: one of its own
    nj_us timeout_us;               // of name, connection and TLS together
    const struct nj_cancel *cancel; // looked at about ten times a second (while connecting,
                                    // once a second); may be NULL
    const struct nj_clock *clock;   // of the deadlines below
};

// NJ_E_DENIED (names the rule and its option), NJ_E_UNAVAILABLE (name, connection, TLS; says
// which), NJ_E_TIMEOUT, NJ_E_CANCELLED, NJ_E_NOMEM. Nothing of `target` is kept but `cancel` and
// `clock`.
int nj_link_open(const struct nj_link_target *target, struct nj_link **out, struct nj_error *err);
void nj_link_close(struct nj_link *link); // at once; accepts NULL

// Sends all of it, or fails. `deadline_us` is the clock's monotonic time. NJ_E_TIMEOUT,
// NJ_E_CANCELLED, NJ_E_UNAVAILABLE.
int nj_link_send(struct nj_link *link, const void *bytes, size_t length, nj_us deadline_us,
                 struct nj_error *err);
// Waits for bytes and takes those that are there, *size at most; then *size is how many: 0 when the
// other side ended. Errors as nj_link_send.
int nj_link_receive(struct nj_link *link, void *out, size_t *size, nj_us deadline_us,
                    struct nj_error *err);

#endif
