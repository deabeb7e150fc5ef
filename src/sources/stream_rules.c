// SPDX-License-Identifier: Apache-2.0
// The address rules of all who use a stream.
#include "sources/stream_entry_priv.h"

#include "net/url.h"
#include "util/mem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LISTED_MAX = 1024 }; // hosts and networks, over all users

static bool lists(const struct nj_address_rules *rules, const char *item)
{
    for (size_t i = 0; i < rules->allowed.count; i++)
        if (strcasecmp(rules->allowed.items[i], item) == 0)
            return true;
    return false;
}

static bool covers(const struct nj_address_rules *rules, const struct nj_address_rules *more)
{
    if (rules->trusted || more->trusted)
        return rules->trusted;
    if ((more->loopback && !rules->loopback) ||
        (more->private_networks && !rules->private_networks) ||
        (more->public_networks && !rules->public_networks))
        return false;
    for (size_t i = 0; i < more->allowed.count; i++)
        if (!lists(rules, more->allowed.items[i]))
            return false;
    return true;
}

// A refusal names the options of a group; where users of several share, it names none of them.
static const char *common_group(const struct nj_stream_rules *current,
                                const struct nj_address_rules *more)
{
    const char *old = current ? current->rules.group : more->group;
    return old && more->group && strcmp(old, more->group) == 0 ? old : NULL;
}

static bool is_digits(const char *host)
{
    uint8_t bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

bool nj_stream_rules_may_share(const struct nj_stream_rules *current, const char *url,
                               const struct nj_address_rules *rules)
{
    struct nj_url parsed;
    if (!rules || !current || covers(rules, &current->rules))
        return true;
    // What has no host is a file; digits were judged when they came.
    return nj_url_parse(url ? url : "", &parsed, NULL) != 0 || is_digits(parsed.host) ||
           lists(rules, parsed.host);
}

static void free_one(struct nj_stream_rules *rules)
{
    for (size_t i = 0; i < rules->rules.allowed.count; i++)
        free((char *)(uintptr_t)rules->items[i]);
    free(rules);
}

static int add_items(struct nj_stream_rules *to, const struct nj_address_rules *from)
{
    for (size_t i = 0; i < from->allowed.count; i++) {
        if (lists(&to->rules, from->allowed.items[i]))
            continue;
        char *copy = nj_strdup(from->allowed.items[i]);
        if (!copy)
            return NJ_E_NOMEM;
        to->items[to->rules.allowed.count++] = copy;
    }
    return 0;
}

static bool is_enough(const struct nj_stream_rules *current, const struct nj_address_rules *more,
                      const char *group)
{
    return current && covers(&current->rules, more) && current->rules.group == group;
}

int nj_stream_rules_widen(struct nj_stream_rules **current, const struct nj_address_rules *more)
{
    static const struct nj_address_rules nothing = {.loopback = false};
    static const struct nj_address_rules all = {
        .loopback = true, .private_networks = true, .public_networks = true};
    const struct nj_address_rules *old = *current ? &(*current)->rules : &nothing;
    more = more ? more : &all;
    const char *group = common_group(*current, more);
    if (is_enough(*current, more, group))
        return 0;
    size_t most = old->allowed.count + more->allowed.count;
    if (most > LISTED_MAX)
        return NJ_E_FULL;
    struct nj_stream_rules *wider = calloc(1, sizeof *wider + most * sizeof *wider->items);
    if (!wider)
        return NJ_E_NOMEM;
    wider->rules = (struct nj_address_rules){
        .loopback = old->loopback || more->loopback,
        .private_networks = old->private_networks || more->private_networks,
        .public_networks = old->public_networks || more->public_networks,
        .trusted = old->trusted || more->trusted,
        .allowed = {wider->items, 0},
        .group = group,
    };
    if (add_items(wider, old) != 0 || add_items(wider, more) != 0) {
        free_one(wider);
        return NJ_E_NOMEM;
    }
    wider->older = *current;
    *current = wider;
    return 0;
}

void nj_stream_rules_finish(struct nj_stream_rules *current)
{
    while (current) {
        struct nj_stream_rules *older = current->older;
        free_one(current);
        current = older;
    }
}
