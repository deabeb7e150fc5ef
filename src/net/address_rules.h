// SPDX-License-Identifier: Apache-2.0
// Which hosts an address that a stranger gave may point to. Checked before each connection, also
// after each redirect, on every address a name resolves to (net/resolve.h).
#ifndef NJ_NET_ADDRESS_RULES_H
#define NJ_NET_ADDRESS_RULES_H

#include "config/options.h"
#include "util/error.h"

#include <stdbool.h>
#include <sys/socket.h>

// The kinds of hosts. Never allowed, whatever is listed: unspecified and reserved addresses,
// multicast, broadcast, and the addresses of cloud metadata services (169.254.169.254,
// fd00:ec2::254). An IPv4 address inside an IPv6 one is judged as that IPv4 address. Wherever rules
// are asked for, NULL allows all but what is never allowed.
struct nj_address_rules {
    bool loopback;               // 127.0.0.0/8, ::1
    bool private_networks;       // RFC 1918, RFC 4193, RFC 6598, link-local
    bool public_networks;        // everything else
    bool trusted;                // nothing is judged, also not what is never allowed
    struct nj_text_list allowed; // further hosts or networks: "cam1.lan", "10.0.0.0/8"
    const char *group;           // of options that they came from, static; NULL: none
};

// Of addresses that the operator's own settings name.
extern const struct nj_address_rules nj_address_trusted;
// Whether these rules judge nothing. Without rules (NULL) what is never allowed is still refused.
bool nj_address_is_trusted(const struct nj_address_rules *rules);

// A copy that outlives the settings it came from; finish frees what it holds. NJ_E_NOMEM.
int nj_address_rules_copy(const struct nj_address_rules *rules, struct nj_address_rules *out);
void nj_address_rules_finish(struct nj_address_rules *rules);

// Rows of an option table for the rules that lie `base` bytes into the struct; the names are those
// that errors tell, behind that of the group.
#define NJ_ADDRESS_RULE_OPTIONS(base, loopback_too, public_too)                                    \
    {.name = "allow_loopback",                                                                     \
     .type = NJ_OPTION_BOOL,                                                                       \
     .offset = (base) + offsetof(struct nj_address_rules, loopback),                               \
     .group_name_offset = (base) + offsetof(struct nj_address_rules, group),                       \
     .fallback = (loopback_too),                                                                   \
     .help = "Addresses may point to this machine itself."},                                       \
        {.name = "allow_private_networks",                                                         \
         .type = NJ_OPTION_BOOL,                                                                   \
         .offset = (base) + offsetof(struct nj_address_rules, private_networks),                   \
         .fallback = "true",                                                                       \
         .help = "Addresses may point into private networks (10.0.0.0/8, 192.168.0.0/16, ...)."},  \
        {.name = "allow_public_networks",                                                          \
         .type = NJ_OPTION_BOOL,                                                                   \
         .offset = (base) + offsetof(struct nj_address_rules, public_networks),                    \
         .fallback = (public_too),                                                                 \
         .help = "Addresses may point to the rest of the Internet."},                              \
    {                                                                                              \
        .name = "allowed_hosts", .type = NJ_OPTION_TEXT_LIST,                                      \
        .offset = (base) + offsetof(struct nj_address_rules, allowed), .max = 256, .fallback = "", \
        .help = "Hosts and networks that are allowed besides, such as cam1.lan or 10.0.0.0/8."     \
    }

// True when the socket address may be connected to. An address in a network of `allowed` may, and
// any that `host`, the name in the URL, resolved to when `allowed` lists it (NULL: no name).
bool nj_address_allowed_at(const struct nj_address_rules *rules, const char *host,
                           const struct sockaddr *address);

// Says that `host` may not be reached at this address, and which option would allow it, of the
// group that `rules` came from. Returns NJ_E_DENIED.
int nj_address_deny(const struct nj_address_rules *rules, const char *host,
                    const struct sockaddr *address, struct nj_error *err);

// What can be said of a URL without looking up its host's name: scheme (one of `schemes`,
// NULL-terminated), form, and a host that is an address in digits. Never blocks. NJ_E_DENIED names
// the rule and the option that would allow it, without credentials; NJ_E_INVALID: no URL. What a
// name stands for, nj_resolve judges.
int nj_address_check_form(const struct nj_address_rules *rules, const char *url,
                          const char *const *schemes, struct nj_error *err);

// The URL with user and password replaced by "***", always NUL-terminated, also when it is none.
// For logs, API, errors. Values in the path and the query whose names tell of secrets ("pwd",
// "token") are replaced too, with any '@' and '/' that may be theirs. Where that is not clear, more
// is left out rather than less.
enum { NJ_URL_SHOWN_SIZE = 2300 }; // of an address as the API shows it and knows it again
void nj_address_redact(const char *url, char *out, size_t size);

#endif
