// SPDX-License-Identifier: Apache-2.0
// The server's ends: stopping with a request under way, clients that leave, and addresses at which
// it cannot start.
#include "net/http_server.h"

#include "tests/unit/net/loopback_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int http_server_stop_test(void);

static void reply_text(struct nj_http_request *request, const char *text)
{
    nj_http_reply(request, &(struct nj_http_reply){.status = 200,
                                                   .content_type = "text/plain",
                                                   .body = text,
                                                   .body_length = strlen(text)});
}

// Leaves every request to the test.
static void hold(struct nj_http_request *request, void *arg)
{
    struct nj_http_request **held = arg;
    *held = request;
}

static void expect(const char *answer, const char *part)
{
    if (!strstr(answer, part))
        fail_msg("no \"%s\" in \"%.600s\"", part, answer);
}

static void mark(void *arg)
{
    *(bool *)arg = true;
}

static void stop_waits_for_the_running_reply(void **state)
{
    (void)state;
    struct loopback loopback;
    struct nj_http_request *held = NULL;
    loopback_start(&loopback, &loopback_options, hold, &held);
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    int busy = loopback_connect(&loopback), idle = loopback_connect(&loopback);
    const char *request = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
    loopback_send(busy, request, strlen(request));
    loopback_turn(&loopback);
    bool done = false;
    nj_http_server_stop(loopback.server, 30 * NJ_US_PER_S, mark, &done);
    assert_true(loopback_receive(&loopback, idle, NULL, &in)); // ended at once
    assert_int_equal(in.length, 0);
    assert_false(done);
    reply_text(held, "last words");
    assert_true(loopback_receive(&loopback, busy, NULL, &in));
    expect(in.data, "last words");
    expect(in.data, "Connection: close\r\n");
    loopback_turn(&loopback);
    assert_true(done);
    close(busy);
    close(idle);
    nj_buf_finish(&in);
    nj_http_server_destroy(loopback.server);
    nj_loop_destroy(loopback.loop);
}

static void stop_ends_at_its_deadline(void **state)
{
    (void)state;
    struct loopback loopback;
    struct nj_http_request *held = NULL;
    loopback_start(&loopback, &loopback_options, hold, &held);
    int busy = loopback_connect(&loopback);
    const char *request = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
    loopback_send(busy, request, strlen(request));
    loopback_turn(&loopback);
    bool done = false;
    nj_http_server_stop(loopback.server, 30 * NJ_US_PER_S, mark, &done);
    nj_fake_clock_advance(&loopback.clock, 30 * NJ_US_PER_S - 1);
    loopback_turn(&loopback);
    assert_false(done);
    nj_fake_clock_advance(&loopback.clock, 1);
    loopback_turn(&loopback);
    assert_true(done);
    reply_text(held, "too late"); // dropped quietly, and freed
    close(busy);
    nj_http_server_destroy(loopback.server);
    nj_loop_destroy(loopback.loop);
}

// Whoever waits for the rest of a body is no handler; LeakSanitizer sees what is not freed.
static void a_body_that_does_not_come_whole_is_freed(void **state)
{
    static const char part[] = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nbody";
    enum { CLOSED, RESET, STOPPED, ENDS };
    (void)state;
    for (int end = 0; end < ENDS; end++) {
        const struct linger how = {.l_onoff = end == RESET, .l_linger = 0};
        struct nj_http_server_stats stats;
        struct loopback loopback;
        struct nj_http_request *held = NULL;
        loopback_start(&loopback, &loopback_options, hold, &held);
        int fd = loopback_connect(&loopback);
        loopback_send(fd, part, strlen(part));
        loopback_turn(&loopback);
        nj_http_server_get_stats(loopback.server, &stats);
        assert_int_equal(stats.open, 1);
        if (end == STOPPED)
            loopback_stop(&loopback);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &how, sizeof(how));
        close(fd);
        assert_null(held);
        if (end == STOPPED)
            continue;
        loopback_turn(&loopback);
        nj_http_server_get_stats(loopback.server, &stats);
        assert_int_equal(stats.open, 0);
        loopback_stop(&loopback);
    }
}

static void start_says_what_is_wrong_with_the_address(void **state)
{
    (void)state;
    struct loopback loopback;
    struct nj_http_request *held = NULL;
    loopback_start(&loopback, &loopback_options, hold, &held);
    static const struct {
        const char *host;
        bool same_port;
        int code;
    } cases[] = {
        {"127.0.0.1", true, NJ_E_EXISTS},
        {"not an address", false, NJ_E_INVALID},
        {"192.0.2.1", false, NJ_E_INVALID},
        {"localhost", false, 0},
        {"::1", false, 0},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_http_server_options options = loopback_options;
        struct nj_http_server *server;
        struct nj_error err = {0};
        options.host = cases[i].host;
        options.port = cases[i].same_port ? nj_http_server_port(loopback.server) : 0;
        assert_int_equal(nj_http_server_create(loopback.loop, &options, hold, NULL, &server), 0);
        int code = nj_http_server_start(server, &err);
        if (code != cases[i].code && strcmp(cases[i].host, "::1") != 0) // IPv6 may be off
            fail_msg("%s: %d %s", cases[i].host, code, err.text);
        if (code)
            expect(err.text, cases[i].host);
        nj_http_server_stop(server, 0, NULL, NULL);
        loopback_turn(&loopback);
        nj_http_server_destroy(server);
    }
    loopback_stop(&loopback);
}

int http_server_stop_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_waits_for_the_running_reply),
        cmocka_unit_test(stop_ends_at_its_deadline),
        cmocka_unit_test(a_body_that_does_not_come_whole_is_freed),
        cmocka_unit_test(start_says_what_is_wrong_with_the_address),
    };
    return cmocka_run_group_tests_name("http_server_stop", tests, NULL, NULL);
}
