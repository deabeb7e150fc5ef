// SPDX-License-Identifier: Apache-2.0
// The Redis connection while its server is away, silent, or not what it seems: bounded in time and
// memory, back by itself, and never in the way of the loop.
#include "tests/fake/await.h"
#include "tests/fake/loop_pulse.h"
#include "tests/fake/names.h"
#include "tests/unit/bus/redis_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int redis_faults_test(void);

#define NEED_SERVER                                                                                \
    if (!nj_redis_server_installed())                                                              \
    skip()

enum {
    SHORT_US = 150 * NJ_US_PER_MS,
    SILENT_US = 800 * NJ_US_PER_MS,
    GAP_MAX_US = 400 * NJ_US_PER_MS, // below the time-out, above the turns of a busy machine
    FLOOD = 200,
    ALLOWED = 20,
    THRESHOLD = 3,
};

static void redis_that_is_silent_ends_in_a_timeout_and_never_stops_the_loop(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask first, second;
    struct nj_loop_pulse pulse;
    f->options.command_us = SILENT_US;
    assert_int_equal(nj_redis_open(f), 0);
    nj_redis_await(f, NJ_REDIS_READY);
    nj_redis_server_pause(&f->server);
    nj_loop_pulse_start(&pulse, f->loop);
    nj_us begun = nj_mono_us(nj_clock_real());
    assert_int_equal(nj_ask(f, &first, NJ_WORDS("SET", "k", "v")), NJ_E_TIMEOUT);
    assert_in_range(first.ended_us - begun, SILENT_US, SILENT_US + GAP_MAX_US);
    assert_int_equal(nj_redis_state(f->redis, NULL), NJ_REDIS_AWAY);
    assert_int_equal(nj_ask_send(f, &second, NJ_WORDS("GET", "k")), NJ_E_UNAVAILABLE);
    assert_true(pulse.longest_us < GAP_MAX_US);
    nj_timer_stop(&pulse.timer);
    nj_redis_server_resume(&f->server);
    nj_redis_await(f, NJ_REDIS_READY);
    assert_int_equal(nj_ask(f, &second, NJ_WORDS("GET", "k")), 0);
    nj_ask_finish(&second);
}

static void redis_silent_from_the_start_is_away_when_the_time_for_connecting_is_over(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    const char *reason;
    f->options.connect_us = SHORT_US;
    nj_redis_server_pause(&f->server);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask_send(f, &ask, NJ_WORDS("PING")), 0);
    nj_redis_await(f, NJ_REDIS_AWAY);
    nj_redis_state(f->redis, &reason);
    assert_non_null(strstr(reason, "does not answer within 0.1 s"));
    assert_int_equal(ask.rc, NJ_E_UNAVAILABLE);
    nj_redis_server_resume(&f->server);
    nj_redis_await(f, NJ_REDIS_READY);
}

static void redis_that_falls_silent_while_idle_is_noticed_by_the_beat(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    f->options.command_us = SHORT_US;
    f->options.beat_us = SHORT_US;
    assert_int_equal(nj_redis_open(f), 0);
    nj_redis_await(f, NJ_REDIS_READY);
    nj_redis_server_pause(&f->server);
    nj_redis_await(f, NJ_REDIS_AWAY);
    nj_redis_server_resume(&f->server);
    nj_redis_await(f, NJ_REDIS_READY);
}

static void redis_that_is_killed_ends_what_waits_and_comes_back_by_itself(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask asks[ALLOWED];
    assert_int_equal(nj_redis_open(f), 0);
    nj_redis_await(f, NJ_REDIS_READY);
    nj_redis_server_pause(&f->server);
    for (int i = 0; i < ALLOWED; i++)
        assert_int_equal(nj_ask_send(f, &asks[i], NJ_WORDS("INCR", "n")), 0);
    nj_redis_server_kill(&f->server);
    nj_redis_turn_until(f, &asks[ALLOWED - 1].ended, 1);
    for (int i = 0; i < ALLOWED; i++) {
        assert_int_equal(asks[i].ended, 1);
        assert_true(asks[i].rc == NJ_E_UNAVAILABLE || asks[i].rc == 0);
    }
    nj_redis_server_restart(&f->server);
    nj_redis_await(f, NJ_REDIS_READY);
    assert_int_equal(nj_ask(f, &asks[0], NJ_WORDS("INCR", "n")), 0);
    assert_int_equal(asks[0].integer, 1);
}

static void redis_command_waits_while_the_connection_is_being_made(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_redis_state(f->redis, NULL), NJ_REDIS_CONNECTING);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("INCR", "n")), 0);
    assert_int_equal(ask.integer, 1);
}

static void redis_flood_is_bounded_in_commands_and_bytes(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask asks[FLOOD];
    char *large = calloc(1, 200001);
    memset(large, 'x', 200000);
    f->options.max_waiting = ALLOWED;
    f->options.max_waiting_bytes = 1 << 20;
    assert_int_equal(nj_redis_open(f), 0);
    nj_redis_await(f, NJ_REDIS_READY);
    nj_redis_server_pause(&f->server);
    for (int i = 0; i < FLOOD; i++) {
        int rc = nj_ask_send(f, &asks[i], NJ_WORDS("INCR", "n"));
        assert_int_equal(rc, i < ALLOWED ? 0 : NJ_E_FULL);
    }
    nj_redis_server_resume(&f->server);
    nj_redis_turn_until(f, &asks[ALLOWED - 1].ended, 1);
    assert_int_equal(nj_redis_server_int(&f->server, "INCR n"), ALLOWED + 1);
    nj_redis_server_pause(&f->server);
    for (int i = 0; i < ALLOWED; i++) // five of 200 kB fit into 1 MiB
        assert_int_equal(nj_ask_send(f, &asks[i], NJ_WORDS("SET", "k", large)),
                         i < 5 ? 0 : NJ_E_FULL);
    nj_redis_server_resume(&f->server);
    nj_redis_turn_until(f, &asks[4].ended, 1);
    for (int i = 0; i < 5; i++)
        nj_ask_finish(&asks[i]);
    free(large);
}

static void make_breaker(struct nj_redis_fixture *f)
{
    const struct nj_breaker_options options = {.name = "redis",
                                               .failure_threshold = THRESHOLD,
                                               .recovery_us = 3600 * (nj_us)NJ_US_PER_S,
                                               .half_open_max = 1,
                                               .success_threshold = 1};
    assert_int_equal(nj_breaker_create(&options, nj_clock_real(), &f->breaker), 0);
}

static enum nj_breaker_state breaker_state(struct nj_redis_fixture *f)
{
    struct nj_breaker_status status;
    nj_breaker_get(f->breaker, &status);
    return status.state;
}

static void redis_breaker_opens_while_it_is_away_and_closes_when_it_is_back(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    make_breaker(f);
    assert_int_equal(nj_redis_open(f), 0);
    nj_redis_await(f, NJ_REDIS_READY);
    for (int i = 0; i < 2 * THRESHOLD; i++) // what a server refuses is no outage
        assert_int_equal(nj_ask(f, &ask, NJ_WORDS("NONSENSE")), NJ_E_INVALID);
    assert_int_equal(breaker_state(f), NJ_BREAKER_CLOSED);
    nj_redis_server_kill(&f->server);
    nj_redis_await(f, NJ_REDIS_AWAY);
    for (int i = 0; i < THRESHOLD; i++) {
        nj_redis_await(f, NJ_REDIS_AWAY);
        assert_int_equal(nj_ask_send(f, &ask, NJ_WORDS("INCR", "n")), NJ_E_UNAVAILABLE);
    }
    assert_int_equal(breaker_state(f), NJ_BREAKER_OPEN);
    nj_redis_server_restart(&f->server);
    nj_redis_await(f, NJ_REDIS_READY);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("INCR", "n")), 0);
    assert_int_equal(breaker_state(f), NJ_BREAKER_CLOSED);
}

static void redis_commands_that_wait_are_cancelled_by_the_end(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask sent, waiting;
    make_breaker(f);
    assert_int_equal(nj_redis_open(f), 0);
    nj_redis_await(f, NJ_REDIS_READY);
    nj_redis_server_pause(&f->server);
    assert_int_equal(nj_ask_send(f, &sent, NJ_WORDS("INCR", "n")), 0);
    nj_redis_destroy(f->redis);
    assert_int_equal(sent.rc, NJ_E_CANCELLED);
    nj_redis_server_resume(&f->server);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask_send(f, &waiting, NJ_WORDS("INCR", "n")), 0);
    nj_redis_destroy(f->redis);
    f->redis = NULL;
    assert_int_equal(waiting.ended, 1);
    assert_int_equal(waiting.rc, NJ_E_CANCELLED);
    assert_int_equal(nj_redis_state(NULL, NULL), NJ_REDIS_OFF);
}

static void nobody_at_the_port_is_told_by_name_and_port(void **state)
{
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    const char *reason;
    char place[64];
    int port = nj_server_free_port();
    snprintf(f->url, sizeof f->url, "redis://:SECRET@localhost:%d", port);
    snprintf(place, sizeof place, "Redis localhost:%d: ", port);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("PING")), NJ_E_UNAVAILABLE);
    nj_redis_state(f->redis, &reason);
    assert_non_null(strstr(reason, place));
    assert_non_null(strstr(reason, "refused"));
    assert_null(strstr(reason, "SECRET"));
}

struct door {
    int fd, client;
};

static bool is_entered(void *arg)
{
    struct door *door = arg;
    door->client = accept(door->fd, NULL, NULL);
    return door->client >= 0;
}

// A server that answers its first client with `text`.
static void answer_as(struct nj_redis_fixture *f, const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(f->url, sizeof f->url, "redis://127.0.0.1:%d", ntohs(address.sin_port));
    f->options.reconnect_us = 60 * (nj_us)NJ_US_PER_S;
    f->options.reconnect_cap_us = f->options.reconnect_us;
    assert_int_equal(nj_redis_open(f), 0);
    struct door door = {.fd = fd};
    nj_loop_await(f->loop, is_entered, &door, NJ_PATIENCE_US, "a client");
    assert_int_equal(send(door.client, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    nj_redis_await(f, NJ_REDIS_AWAY);
    close(door.client);
    close(fd);
}

static void stranger_that_speaks_no_resp_is_left_alone(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "+PONG\r\n+PONG\r\n", // an answer that nobody asked for
        "*-7\r\n",
        "$999999999999999999999\r\n",
        "-LOADING it is loading\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    };
    struct nj_redis_fixture *f = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        const char *reason;
        answer_as(f, texts[i]);
        nj_redis_state(f->redis, &reason);
        assert_true(strlen(reason) > 0);
        nj_redis_destroy(f->redis);
        f->redis = NULL;
    }
}

static void name_that_hangs_is_asked_once_and_holds_nobody(void **state)
{
    struct nj_redis_fixture *f = *state;
    const char *reason;
    nj_fake_names_set("slow.test", NULL);
    f->options.url = "redis://slow.test";
    f->options.connect_us = SHORT_US;
    assert_int_equal(nj_redis_open(f), 0);
    for (int i = 0; i < 3; i++) { // each try waits for the same lookup
        nj_redis_await(f, NJ_REDIS_AWAY);
        nj_redis_state(f->redis, &reason);
        assert_non_null(strstr(reason, "does not answer within 0.1 s"));
        nj_redis_await(f, NJ_REDIS_CONNECTING);
    }
    assert_int_equal(nj_fake_names_asked("slow.test"), 1);
    nj_redis_destroy(f->redis);
    f->redis = NULL;
    nj_fake_names_finish();
}

int redis_faults_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_redis_fixture_setup, nj_redis_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(redis_that_is_silent_ends_in_a_timeout_and_never_stops_the_loop),
        CASE(redis_silent_from_the_start_is_away_when_the_time_for_connecting_is_over),
        CASE(redis_that_falls_silent_while_idle_is_noticed_by_the_beat),
        CASE(redis_that_is_killed_ends_what_waits_and_comes_back_by_itself),
        CASE(redis_command_waits_while_the_connection_is_being_made),
        CASE(redis_flood_is_bounded_in_commands_and_bytes),
        CASE(redis_breaker_opens_while_it_is_away_and_closes_when_it_is_back),
        CASE(redis_commands_that_wait_are_cancelled_by_the_end),
        CASE(nobody_at_the_port_is_told_by_name_and_port),
        CASE(stranger_that_speaks_no_resp_is_left_alone),
        CASE(name_that_hangs_is_asked_once_and_holds_nobody),
    };
    return cmocka_run_group_tests_name("redis_faults", tests, NULL, NULL);
}
