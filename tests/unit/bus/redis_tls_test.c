// SPDX-License-Identifier: Apache-2.0
// rediss:// against a real server with TLS, where hiredis has it: what goes in comes out, and only
// a server that shows a valid certificate for its name is talked to.
#include "bus/redis_priv.h"
#include "tests/unit/bus/redis_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int redis_tls_test(void);

#define NEED_TLS                                                                                   \
    if (!nj_redis_tls_offered() || !nj_redis_server_installed())                                   \
    skip()

enum {
    BYTES = 3 << 20, // many records of TLS, and more than is read at one event
    MANY = 300,
};

static void redis_tls_carries_bytes_as_they_are_both_ways(void **state)
{
    NEED_TLS;
    struct nj_redis_fixture *f = *state;
    char ca_file[NJ_TEMP_PATH_MAX];
    struct nj_ask ask, asks[MANY];
    char *bytes = malloc(BYTES + 1);
    assert_non_null(bytes);
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (char)('a' + i % 23);
    bytes[BYTES] = '\0';
    nj_redis_server_restart_with_tls(&f->server, "DNS:localhost", ca_file);
    f->options.ca_file = ca_file;
    snprintf(f->url, sizeof f->url, "rediss://localhost:%d/0", f->server.tls_port);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("SET", "k", bytes)), 0);
    nj_ask_finish(&ask);
    assert_int_equal(nj_redis_server_int(&f->server, "STRLEN k"), BYTES);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("GET", "k")), 0);
    assert_int_equal(ask.length, BYTES);
    assert_memory_equal(ask.bytes, bytes, BYTES);
    nj_ask_finish(&ask);
    free(bytes);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(nj_ask_send(f, &asks[i], NJ_WORDS("INCR", "n")), 0);
    nj_redis_turn_until(f, &asks[MANY - 1].ended, 1);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(asks[i].integer, i + 1);
}

static void redis_tls_comes_back_after_the_server_did(void **state)
{
    NEED_TLS;
    struct nj_redis_fixture *f = *state;
    char ca_file[NJ_TEMP_PATH_MAX];
    struct nj_ask ask;
    nj_redis_server_restart_with_tls(&f->server, "IP:127.0.0.1", ca_file);
    f->options.ca_file = ca_file;
    snprintf(f->url, sizeof f->url, "rediss://127.0.0.1:%d", f->server.tls_port);
    assert_int_equal(nj_redis_open(f), 0);
    nj_redis_await(f, NJ_REDIS_READY);
    nj_redis_server_kill(&f->server);
    nj_redis_await(f, NJ_REDIS_AWAY);
    nj_redis_server_restart(&f->server);
    nj_redis_await(f, NJ_REDIS_READY);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("SET", "k", "v")), 0);
    nj_ask_finish(&ask);
}

static void redis_tls_refuses_a_server_whose_certificate_is_not_valid(void **state)
{
    NEED_TLS;
    static const struct {
        const char *host, *ca_file, *reason; // NULL: the server's own certificate
        bool plain;
    } cases[] = {
        {"localhost", "", "self-signed certificate", false},
        {"127.0.0.1", NULL, "IP address mismatch", false},
        {"localhost", "/nowhere/ca.pem", "authorities' certificates cannot be read", false},
        {"localhost", NULL, "", true}, // not TLS what answers there
    };
    struct nj_redis_fixture *f = *state;
    char own[NJ_TEMP_PATH_MAX];
    nj_redis_server_restart_with_tls(&f->server, "DNS:localhost", own);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const char *reason = "";
        f->options.ca_file = cases[i].ca_file != NULL ? cases[i].ca_file : own;
        snprintf(f->url, sizeof f->url, "rediss://%s:%d", cases[i].host,
                 cases[i].plain ? f->server.port : f->server.tls_port);
        assert_int_equal(nj_redis_open(f), 0);
        nj_redis_await(f, NJ_REDIS_AWAY);
        nj_redis_state(f->redis, &reason);
        if (strstr(reason, cases[i].reason) == NULL)
            fail_msg("case %zu: \"%s\"", i, reason);
        nj_redis_destroy(f->redis);
        f->redis = NULL;
    }
}

int redis_tls_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_redis_fixture_setup, nj_redis_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(redis_tls_carries_bytes_as_they_are_both_ways),
        CASE(redis_tls_comes_back_after_the_server_did),
        CASE(redis_tls_refuses_a_server_whose_certificate_is_not_valid),
    };
    return cmocka_run_group_tests_name("redis_tls", tests, NULL, NULL);
}
