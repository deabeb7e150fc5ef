// SPDX-License-Identifier: Apache-2.0
// Which hosts an address may point to, by its digits.
#include "net/address_rules.h"

#include "net/url.h"
#include "util/mem.h"
#include "util/text.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    V4_BYTES = 4,
    V6_BYTES = 16,
    V4_BITS = 32,
    V6_BITS = 128,
    NETWORK_TEXT_SIZE = 64,
    SCHEME_SHOWN_MAX = 32,
};

enum kind { KIND_PUBLIC, KIND_LOOPBACK, KIND_PRIVATE, KIND_NEVER };

struct network {
    uint8_t bytes[V6_BYTES];
    int bits;
    enum kind kind;
};

// Judged in this order.
static const struct network v4_networks[] = {
    {{169, 254, 169, 254}, 32, KIND_NEVER}, // cloud metadata
    {{0}, 8, KIND_NEVER},                   // "this network": 0.0.0.0 is the machine itself
    {{224}, 4, KIND_NEVER},                 // multicast
    {{240}, 4, KIND_NEVER},                 // reserved, broadcast
    {{127}, 8, KIND_LOOPBACK},              //
    {{10}, 8, KIND_PRIVATE},                // RFC 1918
    {{172, 16}, 12, KIND_PRIVATE},          //
    {{192, 168}, 16, KIND_PRIVATE},         //
    {{100, 64}, 10, KIND_PRIVATE},          // RFC 6598
    {{169, 254}, 16, KIND_PRIVATE},         // link-local
};

static const struct network v6_networks[] = {
    {{0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128, KIND_NEVER}, // cloud metadata
    {{0}, 128, KIND_NEVER},                                             // unspecified
    {{0xff}, 8, KIND_NEVER},                                            // multicast
    {{[15] = 1}, 128, KIND_LOOPBACK},                                   //
    {{0xfc}, 7, KIND_PRIVATE},                                          // RFC 4193
    {{0xfe, 0x80}, 10, KIND_PRIVATE},                                   // link-local
    {{0xfe, 0xc0}, 10, KIND_PRIVATE},                                   // site-local of old
};

// IPv6 networks that hold an IPv4 address at `at`.
static const struct {
    uint8_t bytes[V6_BYTES];
    int bits, at;
} embedding[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, 12}, // ::ffff:a.b.c.d
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},   // 64:ff9b::a.b.c.d
    {{0x20, 0x02}, 16, 2},                // 2002:aabb:ccdd::
    {{[8] = 0xff, [9] = 0xff}, 96, 12},   // ::ffff:0:a.b.c.d
};

const struct nj_address_rules nj_address_trusted = {.trusted = true};

static bool starts_with(const uint8_t *address, const uint8_t *network, int bits)
{
    int bytes = bits / 8, rest = bits % 8;
    if (memcmp(address, network, (size_t)bytes) != 0)
        return false;
    return rest == 0 || (address[bytes] ^ network[bytes]) >> (8 - rest) == 0;
}

static enum kind find_kind(const uint8_t *address, const struct network *networks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (starts_with(address, networks[i].bytes, networks[i].bits))
            return networks[i].kind;
    return KIND_PUBLIC;
}

// An address by its bytes: IPv4 also when it came inside an IPv6 address.
struct plain {
    uint8_t bytes[V6_BYTES];
    int bits; // 32 or 128; 0: neither
};

static struct plain plain_v6(const uint8_t bytes[V6_BYTES])
{
    struct plain plain = {.bits = V6_BITS};
    for (size_t i = 0; i < sizeof embedding / sizeof embedding[0]; i++) {
        if (!starts_with(bytes, embedding[i].bytes, embedding[i].bits))
            continue;
        memcpy(plain.bytes, bytes + embedding[i].at, V4_BYTES);
        plain.bits = V4_BITS;
        return plain;
    }
    memcpy(plain.bytes, bytes, V6_BYTES);
    // ::a.b.c.d, out of use; :: and ::1 are addresses of their own.
    static const uint8_t zero[V6_BYTES - V4_BYTES];
    bool compatible = memcmp(bytes, zero, sizeof zero) == 0 &&
                      (bytes[12] != 0 || bytes[13] != 0 || bytes[14] != 0 || bytes[15] > 1);
    if (compatible) {
        memmove(plain.bytes, plain.bytes + V6_BYTES - V4_BYTES, V4_BYTES);
        plain.bits = V4_BITS;
    }
    return plain;
}

static struct plain plain_of(const struct sockaddr *address)
{
    struct plain plain = {.bits = 0};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        memcpy(plain.bytes, &v4.sin_addr, V4_BYTES);
        plain.bits = V4_BITS;
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return plain_v6(v6.sin6_addr.s6_addr);
    }
    return plain;
}

static enum kind kind_of(const struct plain *plain)
{
    if (plain->bits == V4_BITS)
        return find_kind(plain->bytes, v4_networks, sizeof v4_networks / sizeof v4_networks[0]);
    if (plain->bits == V6_BITS)
        return find_kind(plain->bytes, v6_networks, sizeof v6_networks / sizeof v6_networks[0]);
    return KIND_NEVER;
}

// "10.0.0.0/8", "fd00::/8", "10.1.2.3"; false for anything else.
static bool in_network(const struct plain *plain, const char *text)
{
    char copy[NETWORK_TEXT_SIZE];
    uint8_t bytes[V6_BYTES];
    int64_t bits = -1;
    if (!nj_text_copy(copy, sizeof copy, text))
        return false;
    char *slash = strchr(copy, '/');
    if (slash) {
        *slash = '\0';
        if (nj_text_to_int(slash + 1, &bits) != 0 || bits < 0)
            return false;
    }
    int family_bits = 0;
    if (inet_pton(AF_INET, copy, bytes) == 1)
        family_bits = V4_BITS;
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        family_bits = V6_BITS;
    if (family_bits == 0 || bits > family_bits || family_bits != plain->bits)
        return false;
    return starts_with(plain->bytes, bytes, bits < 0 ? family_bits : (int)bits);
}

static bool is_listed(const struct nj_address_rules *rules, const char *host,
                      const struct plain *plain)
{
    for (size_t i = 0; i < rules->allowed.count; i++) {
        const char *item = rules->allowed.items[i];
        if ((host && strcasecmp(item, host) == 0) || in_network(plain, item))
            return true;
    }
    return false;
}

bool nj_address_is_trusted(const struct nj_address_rules *rules)
{
    return rules != NULL && rules->trusted;
}

bool nj_address_allowed_at(const struct nj_address_rules *rules, const char *host,
                           const struct sockaddr *address)
{
    struct plain plain = plain_of(address);
    enum kind kind = kind_of(&plain);
    if (nj_address_is_trusted(rules))
        return true;
    if (kind == KIND_NEVER)
        return false;
    if (!rules)
        return true;
    bool allowed = kind == KIND_LOOPBACK  ? rules->loopback
                   : kind == KIND_PRIVATE ? rules->private_networks
                                          : rules->public_networks;
    return allowed || is_listed(rules, host, &plain);
}

int nj_address_deny(const struct nj_address_rules *rules, const char *host,
                    const struct sockaddr *address, struct nj_error *err)
{
    static const struct {
        const char *what, *option;
    } reasons[] = {
        [KIND_PUBLIC] = {"is a public address", "allow_public_networks"},
        [KIND_LOOPBACK] = {"is this machine itself", "allow_loopback"},
        [KIND_PRIVATE] = {"lies in a private network", "allow_private_networks"},
    };
    struct plain plain = plain_of(address);
    enum kind kind = kind_of(&plain);
    if (kind == KIND_NEVER)
        return nj_error_set(err, NJ_E_DENIED,
                            "host %s: its address is unspecified, multicast, reserved or a "
                            "metadata service, which is never allowed",
                            host);
    const bool grouped = rules && rules->group;
    const char *group = grouped ? rules->group : "", *dot = grouped ? "." : "";
    return nj_error_set(err, NJ_E_DENIED,
                        "host %s %s, which is not allowed (%s%s%s or %s%sallowed_hosts would)",
                        host, reasons[kind].what, group, dot, reasons[kind].option, group, dot);
}

// Before the rest is read: "file:///etc/passwd" has no host, but that is not what is wrong with it.
static int check_scheme(const char *url, const char *const *schemes, struct nj_error *err)
{
    size_t length = strcspn(url, ":/?#@");
    char shown[SCHEME_SHOWN_MAX];
    if (strncmp(url + length, "://", 3) != 0)
        return 0; // no URL, which is told by who parses it
    for (const char *const *scheme = schemes; *scheme; scheme++)
        if (strlen(*scheme) == length && strncasecmp(*scheme, url, length) == 0)
            return 0;
    (void)snprintf(shown, sizeof shown, "%.*s", length < sizeof shown ? (int)length : 0, url);
    return nj_error_set(err, NJ_E_DENIED, "addresses that begin with %s:// are not allowed here",
                        shown);
}

int nj_address_check_form(const struct nj_address_rules *rules, const char *url,
                          const char *const *schemes, struct nj_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct nj_url parsed;
    struct addrinfo *list = NULL;
    int rc = check_scheme(url, schemes, err);
    if (rc == 0)
        rc = nj_url_parse(url, &parsed, err);
    if (rc != 0)
        return rc;
    if (getaddrinfo(parsed.host, NULL, &hints, &list) != 0)
        return 0; // a name, which says nothing yet
    if (!nj_address_allowed_at(rules, parsed.host, list->ai_addr))
        rc = nj_address_deny(rules, parsed.host, list->ai_addr, err);
    freeaddrinfo(list);
    return rc;
}

int nj_address_rules_copy(const struct nj_address_rules *rules, struct nj_address_rules *out)
{
    const size_t count = rules->allowed.count;
    struct nj_address_rules copy = *rules;
    const char **items = calloc(count > 0 ? count : 1, sizeof *items);
    copy.allowed = (struct nj_text_list){items, count};
    if (items == NULL)
        return NJ_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        items[i] = nj_strdup(rules->allowed.items[i]);
        if (items[i] == NULL) {
            nj_address_rules_finish(&copy);
            return NJ_E_NOMEM;
        }
    }
    *out = copy;
    return 0;
}

void nj_address_rules_finish(struct nj_address_rules *rules)
{
    for (size_t i = 0; i < rules->allowed.count && rules->allowed.items != NULL; i++)
        free((void *)(uintptr_t)rules->allowed.items[i]);
    free((void *)(uintptr_t)rules->allowed.items);
    rules->allowed = (struct nj_text_list){NULL, 0};
}
