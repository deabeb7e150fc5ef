// SPDX-License-Identifier: Apache-2.0
// Which hosts an address that a stranger gave may point to. Checked before each connection, also
// after each redirect, on every address a name resolves to.
#ifndef NJ_NET_ADDRESS_RULES_H
#define NJ_NET_ADDRESS_RULES_H

#include "config/options.h"
#include "util/error.h"

#include <stdbool.h>
#include <sys/socket.h>

// The four kinds of hosts. Never allowed: unspecified, multicast, broadcast, and the link-local
// address of cloud metadata services (169.254.169.254, fd00:ec2::254).
struct nj_address_rules {
    bool loopback;               // 127.0.0.0/8, ::1
    bool private_networks;       // RFC 1918, RFC 4193, RFC 6598, link-local
    bool public_networks;        // everything else
    struct nj_text_list allowed; // further hosts or networks: "cam1.lan", "10.0.0.0/8"
};

// True when the socket address may be connected to. An address in `allowed` always may.
bool nj_address_allowed(const struct nj_address_rules *rules, const struct sockaddr *address);

// Checks scheme (one of `schemes`, NULL-terminated) and host of the URL; resolves names (blocking:
// not on the loop thread). NJ_E_DENIED names the rule and the option that would allow it, without
// credentials; NJ_E_INVALID: no URL; NJ_E_UNAVAILABLE: the name does not resolve.
int nj_address_check_url(const struct nj_address_rules *rules, const char *url,
                         const char *const *schemes, struct nj_error *err);

// The URL with user and password replaced by "***", always NUL-terminated. For logs, API, errors.
void nj_address_redact(const char *url, char *out, size_t size);

#endif
