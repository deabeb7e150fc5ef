// SPDX-License-Identifier: Apache-2.0
// The proxy that tests put between clients and servers: what passes, and what does not.
#include "tests/fake/tcp_proxy.h"

#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int tcp_proxy_test(void);

enum { LATE_MS = 30, LARGE_BYTES = 4 << 20, PART_BYTES = 1 << 16 };

struct line {
    struct nj_tcp_proxy *proxy;
    int listener, client, server;
};

static struct sockaddr_in at_port(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                                .sin_port = htons((uint16_t)port)};
}

static int set_up(void **state)
{
    struct line *line = calloc(1, sizeof *line);
    struct sockaddr_in address = at_port(0);
    socklen_t size = sizeof address;
    assert_non_null(line);
    line->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    line->client = line->server = -1;
    assert_int_equal(bind(line->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(line->listener, 8), 0);
    assert_int_equal(getsockname(line->listener, (struct sockaddr *)&address, &size), 0);
    line->proxy = nj_tcp_proxy_create(ntohs(address.sin_port));
    *state = line;
    return 0;
}

static void hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int tear_down(void **state)
{
    struct line *line = *state;
    hang_up(&line->client);
    hang_up(&line->server);
    nj_tcp_proxy_destroy(line->proxy);
    hang_up(&line->listener);
    free(line);
    return 0;
}

static void dial(struct line *line)
{
    const struct timeval limit = {.tv_sec = 20};
    struct sockaddr_in address = at_port(nj_tcp_proxy_port(line->proxy));
    line->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(line->client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(line->client, (struct sockaddr *)&address, sizeof address), 0);
}

static void dial_through(struct line *line)
{
    const struct timeval limit = {.tv_sec = 20};
    dial(line);
    line->server = accept(line->listener, NULL, NULL);
    assert_true(line->server >= 0);
    assert_int_equal(setsockopt(line->server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void hears(int fd, const char *text)
{
    char heard[64] = "";
    assert_int_equal(recv(fd, heard, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
    assert_string_equal(heard, text);
}

static void hears_the_end(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void hears_a_reset(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

static bool hears_nothing(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, 0) == 0;
}

static int64_t count(const struct line *line, enum nj_proxy_count what)
{
    return nj_tcp_proxy_count(line->proxy, what);
}

static void without_a_fault_bytes_and_ends_pass(void **state)
{
    struct line *line = *state;
    dial_through(line);
    say(line->client, "question");
    hears(line->server, "question");
    say(line->server, "answer");
    assert_int_equal(shutdown(line->server, SHUT_WR), 0);
    hears(line->client, "answer");
    hears_the_end(line->client);
    say(line->client, "!"); // the other way is open still
    hears(line->server, "!");
    assert_int_equal(count(line, NJ_PROXY_BYTES_TO_SERVER), 9);
    assert_int_equal(count(line, NJ_PROXY_BYTES_TO_CLIENT), 6);
    assert_int_equal(count(line, NJ_PROXY_OPEN), 1);
    hang_up(&line->client);
    hears_the_end(line->server);
    nj_tcp_proxy_await_exactly(line->proxy, NJ_PROXY_OPEN, 0);
    assert_int_equal(count(line, NJ_PROXY_CONNECTIONS), 1);
    assert_int_equal(count(line, NJ_PROXY_HITS), 0);
}

static void what_is_large_passes_whole(void **state)
{
    struct line *line = *state;
    uint8_t *bytes = calloc(2, PART_BYTES);
    size_t sent = 0, heard = 0;
    assert_non_null(bytes);
    dial_through(line);
    while (heard < LARGE_BYTES) {
        for (size_t i = 0; i < PART_BYTES; i++)
            bytes[i] = (uint8_t)((sent + i) * 31 / 7);
        ssize_t n = sent < LARGE_BYTES ? send(line->client, bytes, PART_BYTES, MSG_DONTWAIT) : 0;
        sent += n > 0 ? (size_t)n : 0;
        n = recv(line->server, bytes + PART_BYTES, PART_BYTES, n > 0 ? MSG_DONTWAIT : 0);
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(bytes[PART_BYTES + i], (uint8_t)((heard + (size_t)i) * 31 / 7));
        heard += n > 0 ? (size_t)n : 0;
    }
    free(bytes);
}

static void cut_lets_exactly_so_many_bytes_pass(void **state)
{
    struct line *line = *state;
    for (uint64_t after = 0; after <= 3; after++) {
        const struct nj_proxy_rule rule = {NJ_PROXY_CUT, NJ_PROXY_TO_CLIENT, after, 0};
        nj_tcp_proxy_plan(line->proxy, &rule, 1);
        dial_through(line);
        say(line->client, "unlimited");
        hears(line->server, "unlimited");
        say(line->server, "abcdef");
        hears(line->client, (const char *const[]){"", "a", "ab", "abc"}[after]);
        hears_the_end(line->client);
        hears_the_end(line->server);
        say(line->client, "dropped"); // and is no reset
        hang_up(&line->client);
        hang_up(&line->server);
        nj_tcp_proxy_await_exactly(line->proxy, NJ_PROXY_OPEN, 0);
        assert_int_equal(count(line, NJ_PROXY_HITS), after + 1);
    }
}

static void cut_comes_with_the_last_byte_and_not_with_the_one_behind(void **state)
{
    struct line *line = *state;
    const struct nj_proxy_rule rule = {NJ_PROXY_CUT, NJ_PROXY_TO_SERVER, 4, 0};
    nj_tcp_proxy_plan(line->proxy, &rule, 1);
    dial_through(line);
    say(line->client, "four");
    hears(line->server, "four");
    hears_the_end(line->server);
    hears_the_end(line->client);
}

static void reset_is_one_on_both_sides(void **state)
{
    struct line *line = *state;
    const struct nj_proxy_rule rule = {NJ_PROXY_RESET, NJ_PROXY_TO_SERVER, 3, 0};
    nj_tcp_proxy_plan(line->proxy, &rule, -1);
    dial_through(line);
    say(line->client, "abcd");
    hears(line->server, "abc");
    hears_a_reset(line->server);
    hears_a_reset(line->client);
    nj_tcp_proxy_await_exactly(line->proxy, NJ_PROXY_OPEN, 0);
}

static void stalled_bytes_and_ends_come_when_the_fault_is_gone(void **state)
{
    struct line *line = *state;
    const struct nj_proxy_rule rule = {NJ_PROXY_STALL, NJ_PROXY_TO_CLIENT, 2, 0};
    nj_tcp_proxy_plan(line->proxy, &rule, -1);
    dial_through(line);
    say(line->server, "abcdef");
    assert_int_equal(shutdown(line->server, SHUT_WR), 0);
    hears(line->client, "ab");
    nj_tcp_proxy_await(line->proxy, NJ_PROXY_HITS, 1);
    say(line->client, "the other way is well");
    hears(line->server, "the other way is well");
    assert_true(hears_nothing(line->client));
    nj_tcp_proxy_heal(line->proxy);
    hears(line->client, "cdef");
    hears_the_end(line->client);
}

static void half_open_swallows_and_tells_nobody(void **state)
{
    struct line *line = *state;
    const struct nj_proxy_rule rule = {.fault = NJ_PROXY_HALF_OPEN};
    nj_tcp_proxy_plan(line->proxy, &rule, 1);
    dial(line);
    say(line->client, "is anybody there?");
    nj_tcp_proxy_await(line->proxy, NJ_PROXY_BYTES_SWALLOWED, 17);
    nj_tcp_proxy_heal(line->proxy); // what is half-open stays so
    say(line->client, "hello?");
    nj_tcp_proxy_await(line->proxy, NJ_PROXY_BYTES_SWALLOWED, 23);
    assert_true(hears_nothing(line->client));
    assert_true(hears_nothing(line->listener)); // no connection of it came
    hang_up(&line->client);
    nj_tcp_proxy_await_exactly(line->proxy, NJ_PROXY_OPEN, 0);
    dial_through(line);
    say(line->client, "again");
    hears(line->server, "again");
}

static void half_open_in_the_middle_ends_the_servers_side_alone(void **state)
{
    struct line *line = *state;
    const struct nj_proxy_rule rule = {NJ_PROXY_HALF_OPEN, NJ_PROXY_TO_SERVER, 2, 0};
    dial_through(line);
    say(line->client, "before");
    hears(line->server, "before");
    nj_tcp_proxy_strike(line->proxy, &rule);
    say(line->client, "abcdef");
    hears(line->server, "ab");
    hears_the_end(line->server);
    nj_tcp_proxy_await_exactly(line->proxy, NJ_PROXY_BYTES_SWALLOWED, 4);
    assert_true(hears_nothing(line->client));
}

static void delayed_bytes_are_late_and_whole(void **state)
{
    struct line *line = *state;
    const struct nj_proxy_rule rule = {.delay_ms = LATE_MS};
    nj_tcp_proxy_plan(line->proxy, &rule, -1);
    dial_through(line);
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    say(line->client, "question");
    hears(line->server, "question");
    say(line->server, "answer");
    hears(line->client, "answer");
    assert_true(nj_mono_us(nj_clock_real()) - begun_us >= 2 * LATE_MS * (nj_us)NJ_US_PER_MS);
}

static void server_that_is_away_is_a_reset(void **state)
{
    struct line *line = *state;
    struct sockaddr_in address = at_port(0);
    socklen_t size = sizeof address;
    const int unheard = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); // bound, not listened on
    assert_int_equal(bind(unheard, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(unheard, (struct sockaddr *)&address, &size), 0);
    nj_tcp_proxy_aim(line->proxy, ntohs(address.sin_port));
    dial(line);
    hears_a_reset(line->client);
    close(unheard);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int tcp_proxy_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_a_fault_bytes_and_ends_pass),
        CASE(what_is_large_passes_whole),
        CASE(cut_lets_exactly_so_many_bytes_pass),
        CASE(cut_comes_with_the_last_byte_and_not_with_the_one_behind),
        CASE(reset_is_one_on_both_sides),
        CASE(stalled_bytes_and_ends_come_when_the_fault_is_gone),
        CASE(half_open_swallows_and_tells_nobody),
        CASE(half_open_in_the_middle_ends_the_servers_side_alone),
        CASE(delayed_bytes_are_late_and_whole),
        CASE(server_that_is_away_is_a_reset),
    };
    return cmocka_run_group_tests_name("tcp_proxy", tests, NULL, NULL);
}
