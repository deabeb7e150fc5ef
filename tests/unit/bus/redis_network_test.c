// SPDX-License-Identifier: Apache-2.0
// The Redis connection over a bad network: cut and reset after each byte of its first exchange, and
// silent. A command ends once and in time, is carried out at most once, and the next one is well.
#include "tests/fake/tcp_proxy.h"
#include "tests/unit/bus/redis_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

int redis_network_test(void);

enum {
    TIME_US = 60 * NJ_US_PER_MS,
    SLACK_US = 2 * NJ_US_PER_S, // a machine under load
    POINTS = 64,                // more than the exchange has
};

struct line {
    struct nj_redis_fixture *fixture;
    struct nj_tcp_proxy *proxy;
    int trials;
};

static void fail_at(const struct nj_proxy_rule *rule, const struct nj_ask *ask, int64_t done)
{
    char text[NJ_PROXY_TEXT_MAX];
    fail_msg("%s: rc %d \"%s\", carried out %lld times", nj_proxy_rule_text(rule, text), ask->rc,
             ask->error.text, (long long)done);
}

static bool is_expected(const struct nj_proxy_rule *rule, int rc)
{
    return rc == 0 || rc == NJ_E_UNAVAILABLE ||
           (rc == NJ_E_TIMEOUT && rule->fault != NJ_PROXY_WELL);
}

static void try_increment(void *arg, const struct nj_proxy_rule *rule)
{
    struct line *line = arg;
    struct nj_redis_fixture *f = line->fixture;
    struct nj_ask broken, ask;
    char key[16], command[32];
    (void)snprintf(key, sizeof key, "n%03d", line->trials++);
    (void)snprintf(command, sizeof command, "INCRBY %s 0", key);
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    assert_int_equal(nj_redis_open(f), 0);
    (void)nj_ask(f, &broken, NJ_WORDS("INCR", key));
    const nj_us took_us = nj_mono_us(nj_clock_real()) - begun_us;
    nj_tcp_proxy_heal(line->proxy);
    nj_redis_await(f, NJ_REDIS_READY);
    const int64_t done = nj_redis_server_int(&f->server, command);
    if (!is_expected(rule, broken.rc) || done > 1 || (broken.rc == 0 && done != 1) ||
        took_us > TIME_US + SLACK_US)
        fail_at(rule, &broken, done);
    if (nj_ask(f, &ask, NJ_WORDS("INCR", key)) != 0 || ask.integer != done + 1)
        fail_at(rule, &ask, ask.integer);
    assert_int_equal(broken.ended, 1);
    nj_redis_destroy(f->redis);
    f->redis = NULL;
}

static void redis_command_is_carried_out_at_most_once_however_the_network_breaks(void **state)
{
    if (!nj_redis_server_installed())
        skip();
    struct nj_redis_fixture *f = *state;
    struct line line = {.fixture = f, .proxy = nj_tcp_proxy_create(f->server.port)};
    f->options.reconnect_us = f->options.reconnect_cap_us = NJ_US_PER_MS;
    f->options.connect_us = f->options.command_us = TIME_US;
    (void)snprintf(f->url, sizeof f->url, "redis://127.0.0.1:%d/0", nj_tcp_proxy_port(line.proxy));
    const struct nj_proxy_sweep sweep = {
        .proxy = line.proxy, .trial = try_increment, .arg = &line, .points = POINTS};
    nj_proxy_sweep(&sweep);
    nj_tcp_proxy_destroy(line.proxy);
}

int redis_network_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            redis_command_is_carried_out_at_most_once_however_the_network_breaks,
            nj_redis_fixture_setup, nj_redis_fixture_teardown),
    };
    return cmocka_run_group_tests_name("redis_network", tests, NULL, NULL);
}
