// SPDX-License-Identifier: Apache-2.0
// Which message types a client wants: an ordered list of patterns, the last that matches decides.
#include "realtime/realtime_priv.h"
#include "util/text.h"

#include <string.h>

bool nj_subscription_wants(const struct nj_subscription *subscription, const char *type)
{
    for (size_t i = subscription->count; i > 0; i--) {
        const struct nj_subscription_rule *rule = &subscription->rules[i - 1];
        if (nj_text_match(rule->pattern, type))
            return rule->include;
    }
    return !subscription->chosen;
}

static void forget(struct nj_subscription *subscription, const char *pattern)
{
    size_t kept = 0;
    for (size_t i = 0; i < subscription->count; i++) {
        if (strcmp(subscription->rules[i].pattern, pattern) != 0)
            subscription->rules[kept++] = subscription->rules[i];
    }
    subscription->count = kept;
}

static int append(struct nj_subscription *subscription, const char *pattern, bool include)
{
    char lower[NJ_PATTERN_SIZE];
    if (pattern[0] == '\0' || !nj_text_copy(lower, sizeof lower, pattern))
        return NJ_E_TOO_BIG;
    for (char *at = lower; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    forget(subscription, lower);
    if (subscription->count == NJ_PATTERNS_MAX)
        return NJ_E_TOO_BIG;
    struct nj_subscription_rule *rule = &subscription->rules[subscription->count++];
    memcpy(rule->pattern, lower, sizeof lower);
    rule->include = include;
    return 0;
}

int nj_subscription_add(struct nj_subscription *subscription, const char *pattern)
{
    return append(subscription, pattern, true);
}

int nj_subscription_remove(struct nj_subscription *subscription, const char *pattern)
{
    return append(subscription, pattern, false);
}
