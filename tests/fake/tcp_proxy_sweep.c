// SPDX-License-Identifier: Apache-2.0
// An exchange that is broken at each of its bytes.
#include "tests/fake/tcp_proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

const char *nj_proxy_rule_text(const struct nj_proxy_rule *rule, char out[NJ_PROXY_TEXT_MAX])
{
    static const char *const names[] = {[NJ_PROXY_WELL] = "well",
                                        [NJ_PROXY_CUT] = "cut",
                                        [NJ_PROXY_RESET] = "reset",
                                        [NJ_PROXY_STALL] = "stalled",
                                        [NJ_PROXY_HALF_OPEN] = "half-open"};
    (void)snprintf(out, NJ_PROXY_TEXT_MAX, "%s after %llu bytes to the %s, %d ms late",
                   names[rule->fault], (unsigned long long)rule->after,
                   rule->way == NJ_PROXY_TO_SERVER ? "server" : "client", rule->delay_ms);
    return out;
}

static void try_once(const struct nj_proxy_sweep *sweep, const struct nj_proxy_rule *rule)
{
    nj_tcp_proxy_plan(sweep->proxy, rule, -1);
    sweep->trial(sweep->arg, rule);
    nj_tcp_proxy_heal(sweep->proxy);
}

// How many bytes an exchange has in each way.
static void measure(const struct nj_proxy_sweep *sweep, uint64_t lengths[NJ_PROXY_WAYS])
{
    const struct nj_proxy_rule well = {.fault = NJ_PROXY_WELL};
    int64_t before[NJ_PROXY_WAYS];
    try_once(sweep, &well);
    for (int way = 0; way < NJ_PROXY_WAYS; way++)
        before[way] = nj_tcp_proxy_count(sweep->proxy, NJ_PROXY_BYTES_TO_SERVER + way);
    try_once(sweep, &well);
    for (int way = 0; way < NJ_PROXY_WAYS; way++) {
        const int64_t after = nj_tcp_proxy_count(sweep->proxy, NJ_PROXY_BYTES_TO_SERVER + way);
        lengths[way] = (uint64_t)(after - before[way]) / 2; // a trial has two exchanges
        if (sweep->most[way] > 0 && lengths[way] > sweep->most[way])
            lengths[way] = sweep->most[way];
        assert_true(lengths[way] > 1);
    }
}

static void break_at(const struct nj_proxy_sweep *sweep, struct nj_proxy_rule rule, uint64_t length)
{
    char text[NJ_PROXY_TEXT_MAX];
    const int64_t hits = nj_tcp_proxy_count(sweep->proxy, NJ_PROXY_HITS);
    try_once(sweep, &rule);
    // No two exchanges need be equally long; but one of which half is enough to be whole was none.
    if (rule.after <= length / 2 && nj_tcp_proxy_count(sweep->proxy, NJ_PROXY_HITS) == hits)
        fail_msg("%s: it did not come to it", nj_proxy_rule_text(&rule, text));
}

static void sweep_way(const struct nj_proxy_sweep *sweep, enum nj_proxy_way way, uint64_t length)
{
    static const enum nj_proxy_fault ends[] = {NJ_PROXY_CUT, NJ_PROXY_RESET};
    const uint64_t points = (uint64_t)sweep->points;
    const uint64_t step = length <= points ? 1 : (length + points - 1) / points;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        for (uint64_t after = 0; after <= length; after += step)
            break_at(sweep, (struct nj_proxy_rule){ends[i], way, after, 0}, length);
    for (uint64_t after = 0; after <= length / 2; after += length / 2)
        break_at(sweep, (struct nj_proxy_rule){NJ_PROXY_STALL, way, after, 0}, length);
}

void nj_proxy_sweep(const struct nj_proxy_sweep *sweep)
{
    uint64_t lengths[NJ_PROXY_WAYS];
    measure(sweep, lengths);
    for (int way = 0; way < NJ_PROXY_WAYS; way++)
        sweep_way(sweep, (enum nj_proxy_way)way, lengths[way]);
    const uint64_t length = lengths[NJ_PROXY_TO_SERVER];
    for (uint64_t after = 0; after <= length / 2; after += length / 2)
        break_at(sweep, (struct nj_proxy_rule){NJ_PROXY_HALF_OPEN, NJ_PROXY_TO_SERVER, after, 0},
                 length);
}
