// SPDX-License-Identifier: Apache-2.0
// The server over loopback sockets: keep-alive, pipelining, bodies, refusals, deadlines.
#include "net/http_server.h"

#include "net/problem.h"
#include "tests/unit/net/loopback_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int http_server_test(void);

struct handler_state {
    struct nj_http_request *held; // by /hold, to be answered later
    int calls;
};

static void reply_text(struct nj_http_request *request, const char *text)
{
    nj_http_reply(request, &(struct nj_http_reply){.status = 200,
                                                   .content_type = "text/plain",
                                                   .body = text,
                                                   .body_length = strlen(text)});
}

static void reply_echo(struct nj_http_request *request)
{
    char text[512];
    size_t length;
    const char *body = nj_http_body(request, &length);
    const char *a = nj_http_query(request, "a");
    snprintf(text, sizeof(text), "[%s %s a=%s host=%s peer=%s body=%.*s]", nj_http_method(request),
             nj_http_path(request), a ? a : "(none)", nj_http_header(request, "host"),
             nj_http_peer(request), length < 100 ? (int)length : 100, body);
    reply_text(request, text);
}

static void handle(struct nj_http_request *request, void *arg)
{
    struct handler_state *state = arg;
    const char *path = nj_http_path(request);
    state->calls++;
    if (strcmp(path, "/hold") == 0) {
        state->held = request;
    } else if (strcmp(path, "/big") == 0) {
        size_t length = 3 << 20;
        char *body = malloc(length);
        memset(body, 'b', length);
        nj_http_reply(request, &(struct nj_http_reply){.status = 200,
                                                       .content_type = "text/plain",
                                                       .body = body,
                                                       .body_length = length,
                                                       .take_body = true});
    } else if (strcmp(path, "/tag") == 0) {
        const struct nj_http_field tag = {"ETag", "\"v1\""};
        nj_http_reply(request, &(struct nj_http_reply){.status = 200,
                                                       .content_type = "text/plain",
                                                       .body = "tagged",
                                                       .body_length = 6,
                                                       .headers = &tag,
                                                       .header_count = 1});
    } else if (strcmp(path, "/inject") == 0) {
        const struct nj_http_field bad = {"X", "a\r\nY: b"};
        nj_http_reply(request,
                      &(struct nj_http_reply){.status = 200, .headers = &bad, .header_count = 1});
    } else if (strcmp(path, "/gone") == 0) {
        nj_http_reply(request, &(struct nj_http_reply){.status = 204});
    } else if (strcmp(path, "/problem") == 0) {
        nj_problem_reply(request, 409, NULL, NULL, "it is \"taken\"");
    } else {
        reply_echo(request);
    }
}

struct fixture {
    struct loopback loopback;
    struct handler_state state;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    loopback_start(&fixture->loopback, &loopback_options, handle, &fixture->state);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    loopback_stop(&fixture->loopback);
    if (fixture->state.held) // its client is long gone
        reply_text(fixture->state.held, "late");
    free(fixture);
    return 0;
}

static void expect(const char *answer, const char *part)
{
    assert_non_null(answer);
    if (!strstr(answer, part))
        fail_msg("no \"%s\" in \"%.600s\"", part, answer);
}

static void answers_have_date_and_length(void **state)
{
    struct fixture *fixture = *state;
    bool closed;
    char *answer = loopback_ask(&fixture->loopback,
                                "GET /x/%41?a=b+c%21&d HTTP/1.1\r\nHost: h:1\r\n\r\n", &closed);
    expect(answer, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                   "Content-Type: text/plain\r\nContent-Length: ");
    expect(answer, "\r\n\r\n[GET /x/A a=b c! host=h:1 peer=127.0.0.1 body=]");
    assert_null(strstr(answer, "Connection:"));
    assert_false(closed);
    free(answer);
}

static void connection_header_and_version_decide_keep_alive(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *request;
        bool closed;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x, CLOSE\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", false},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        bool closed;
        char *answer = loopback_ask(&fixture->loopback, cases[i].request, &closed);
        expect(answer, "HTTP/1.1 200 OK");
        assert_int_equal(closed, cases[i].closed);
        assert_int_equal(strstr(answer, "Connection: close") != NULL, cases[i].closed);
        free(answer);
    }
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    char *answer = loopback_ask(&fixture->loopback,
                                "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
                                "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                                "\r\nGET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                                "GET /4 HTTP/1.1\r\nHost: h\r\n\r\n",
                                NULL);
    char *first = strstr(answer, "[GET /1"), *second = strstr(answer, "[POST /2");
    char *third = strstr(answer, "[GET /3");
    assert_true(first && second && third && first < second && second < third);
    expect(answer, "body=abc]");
    assert_null(strstr(answer, "/4")); // it came behind "close"
    free(answer);
}

static void request_behind_a_held_one_waits_for_it(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    int fd = loopback_connect(&fixture->loopback);
    const char *requests =
        "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
    loopback_send(fd, requests, strlen(requests));
    assert_false(loopback_receive(&fixture->loopback, fd, NULL, &in));
    assert_int_equal(in.length, 0);
    assert_int_equal(fixture->state.calls, 1);
    reply_text(fixture->state.held, "held");
    fixture->state.held = NULL;
    loopback_receive(&fixture->loopback, fd, "[GET /2", &in);
    assert_true(strstr(in.data, "held") < strstr(in.data, "[GET /2"));
    close(fd);
    nj_buf_finish(&in);
}

static void reply_to_a_client_that_left_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct nj_http_server_stats stats;
    int fd = loopback_connect(&fixture->loopback);
    const char *request = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
    loopback_send(fd, request, strlen(request));
    loopback_turn(&fixture->loopback);
    assert_non_null(fixture->state.held);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    loopback_turn(&fixture->loopback);
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.open, 0);
    assert_string_equal(nj_http_path(fixture->state.held), "/hold"); // still to be read
    reply_text(fixture->state.held, "nobody");
    fixture->state.held = NULL;
}

static void count_left(void *arg)
{
    size_t *count = arg;
    *count += 1;
}

static void handler_hears_once_that_its_client_left(void **state)
{
    struct fixture *fixture = *state;
    static const char request[] = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int reset = 0; reset < 2; reset++) {
        const struct linger how = {.l_onoff = reset, .l_linger = 0};
        size_t left = 0;
        int fd = loopback_connect(&fixture->loopback);
        loopback_send(fd, request, strlen(request));
        loopback_turn(&fixture->loopback);
        assert_non_null(fixture->state.held);
        nj_http_on_left(fixture->state.held, count_left, &left);
        loopback_turn(&fixture->loopback);
        assert_int_equal(left, 0);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &how, sizeof(how));
        close(fd);
        loopback_turn(&fixture->loopback);
        assert_int_equal(left, 1);
        reply_text(fixture->state.held, "nobody");
        fixture->state.held = NULL;
        loopback_turn(&fixture->loopback);
        assert_int_equal(left, 1);
    }
}

static void half_closed_client_gets_its_answer(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    int fd = loopback_connect(&fixture->loopback);
    const char *request = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
    loopback_send(fd, request, strlen(request));
    shutdown(fd, SHUT_WR);
    loopback_turn(&fixture->loopback);
    reply_text(fixture->state.held, "held");
    fixture->state.held = NULL;
    assert_true(loopback_receive(&fixture->loopback, fd, NULL, &in));
    expect(in.data, "held");
    close(fd);
    nj_buf_finish(&in);
}

static void bodies_arrive_whole(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *headers_and_body, *body;
    } cases[] = {
        {"Content-Length: 5\r\n\r\nhello", "body=hello]"},
        {"Content-Length: 0\r\n\r\n", "body=]"},
        {"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "body=hello]"},
        {"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n4;x=y\r\nello\r\n0\r\nT: v\r\n\r\n",
         "body=hello]"},
        {"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "body=]"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char request[512];
        snprintf(request, sizeof(request), "POST / HTTP/1.1\r\nHost: h\r\n%s",
                 cases[i].headers_and_body);
        bool closed;
        char *answer = loopback_ask(&fixture->loopback, request, &closed);
        expect(answer, cases[i].body);
        assert_false(closed);
        free(answer);
    }
}

static void requests_may_arrive_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    int fd = loopback_connect(&fixture->loopback);
    const char *request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "5\r\nhello\r\n0\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n";
    for (const char *at = request; *at; at++) {
        loopback_send(fd, at, 1);
        loopback_turn(&fixture->loopback);
    }
    loopback_receive(&fixture->loopback, fd, "[GET /next", &in);
    expect(in.data, "body=hello]");
    expect(in.data, "[GET /next");
    close(fd);
    nj_buf_finish(&in);
}

static void expect_100_continue_is_answered(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    int fd = loopback_connect(&fixture->loopback);
    const char *head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
                       "Expect: 100-continue\r\n\r\n";
    loopback_send(fd, head, strlen(head));
    loopback_receive(&fixture->loopback, fd, "\r\n\r\n", &in);
    assert_string_equal(in.data, "HTTP/1.1 100 Continue\r\n\r\n");
    loopback_send(fd, "hi", 2);
    loopback_receive(&fixture->loopback, fd, "body=", &in);
    expect(in.data, "body=hi]");
    close(fd);
    nj_buf_finish(&in);
}

static void refusals_are_problems_and_end_the_connection(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *request, *status, *code;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "BAD_REQUEST"},
        {"GET / HTTP/1.1\nHost: h\n\n", "400 Bad Request", "BAD_REQUEST"},
        {"\x16\x03\x01", "400 Bad Request", "BAD_REQUEST"},
        {"GET / HTTP/3.0\r\n\r\n", "505 HTTP Version Not Supported", "VERSION_NOT_SUPPORTED"},
        {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "501 Not Implemented", "NOT_IMPLEMENTED"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n", "413 Content Too Large",
         "CONTENT_TOO_LARGE"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         "400 Bad Request", "BAD_REQUEST"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
         "fffffffffffffffff\r\n",
         "400 Bad Request", "BAD_REQUEST"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nExpect: cake\r\n\r\n",
         "417 Expectation Failed", "EXPECTATION_FAILED"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        bool closed;
        char *answer = loopback_ask(&fixture->loopback, cases[i].request, &closed);
        char line[128];
        snprintf(line, sizeof(line), "HTTP/1.1 %s\r\n", cases[i].status);
        expect(answer, line);
        expect(answer, "Content-Type: application/problem+json\r\n");
        expect(answer, cases[i].code);
        expect(answer, "Connection: close\r\n");
        assert_true(closed);
        free(answer);
    }
    struct nj_http_server_stats stats;
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.bad_requests, NJ_COUNT_OF(cases));
    assert_int_equal(fixture->state.calls, 0);
}

static void chunked_body_beyond_the_limit_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static char request[80000] = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "10001\r\n";
    memset(request + strlen(request), 'x', 0x10001);
    char *answer = loopback_ask(&fixture->loopback, request, NULL);
    expect(answer, "HTTP/1.1 413 ");
    free(answer);
}

// Ten megabytes of header: the answer must arrive although the client never stops sending.
static void endless_header_is_refused_and_the_answer_arrives(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    int fd = loopback_connect(&fixture->loopback);
    static char block[65536];
    memset(block, 'x', sizeof(block));
    const char *start = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    loopback_send(fd, start, strlen(start));
    for (int i = 0; i < 160; i++) {
        loopback_send(fd, block, sizeof(block));
        loopback_turn(&fixture->loopback);
    }
    loopback_receive(&fixture->loopback, fd, "\r\n\r\n", &in);
    expect(in.data, "HTTP/1.1 431 ");
    close(fd);
    nj_buf_finish(&in);
}

static void slow_head_is_ended_by_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    int fd = loopback_connect(&fixture->loopback);
    const char *part = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    loopback_send(fd, part, strlen(part));
    loopback_turn(&fixture->loopback);
    for (int second = 0; second < 9; second++) { // a byte now and then does not help
        nj_fake_clock_advance(&fixture->loopback.clock, NJ_US_PER_S);
        loopback_send(fd, "x", 1);
        loopback_turn(&fixture->loopback);
    }
    struct nj_http_server_stats stats;
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.timeouts, 0);
    nj_fake_clock_advance(&fixture->loopback.clock, NJ_US_PER_S);
    loopback_receive(&fixture->loopback, fd, "\r\n\r\n", &in);
    expect(in.data, "HTTP/1.1 408 ");
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.timeouts, 1);
    nj_fake_clock_advance(&fixture->loopback.clock, 3 * NJ_US_PER_S); // lingering ends too
    loopback_turn(&fixture->loopback);
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.open, 0);
    close(fd);
    nj_buf_finish(&in);
}

static void silent_connection_and_idle_one_are_closed(void **state)
{
    struct fixture *fixture = *state;
    struct nj_http_server_stats stats;
    int silent = loopback_connect(&fixture->loopback), idle = loopback_connect(&fixture->loopback);
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    const char *request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    loopback_send(idle, request, strlen(request));
    loopback_receive(&fixture->loopback, idle, "body=]", &in);
    nj_fake_clock_advance(&fixture->loopback.clock, 10 * NJ_US_PER_S);
    loopback_turn(&fixture->loopback);
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.open, 1);
    nj_fake_clock_advance(&fixture->loopback.clock, 49 * NJ_US_PER_S);
    loopback_turn(&fixture->loopback);
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.open, 1);
    nj_fake_clock_advance(&fixture->loopback.clock, NJ_US_PER_S);
    loopback_turn(&fixture->loopback);
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.open, 0);
    close(silent);
    close(idle);
    nj_buf_finish(&in);
}

static void slow_body_is_ended_by_its_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    int fd = loopback_connect(&fixture->loopback);
    const char *head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc";
    loopback_send(fd, head, strlen(head));
    loopback_turn(&fixture->loopback);
    nj_fake_clock_advance(&fixture->loopback.clock, 20 * NJ_US_PER_S);
    loopback_receive(&fixture->loopback, fd, "\r\n\r\n", &in);
    expect(in.data, "HTTP/1.1 408 ");
    close(fd);
    nj_buf_finish(&in);
}

static void client_that_never_reads_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct nj_http_server_stats stats;
    int fd = loopback_connect(&fixture->loopback);
    const char *request = "GET /big HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int i = 0; i < 4; i++)
        loopback_send(fd, request, strlen(request));
    loopback_turn(&fixture->loopback);
    nj_fake_clock_advance(&fixture->loopback.clock, 20 * NJ_US_PER_S);
    loopback_turn(&fixture->loopback);
    nj_fake_clock_advance(&fixture->loopback.clock, 20 * NJ_US_PER_S);
    loopback_turn(&fixture->loopback);
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.open, 0);
    close(fd);
}

static void big_reply_arrives_whole(void **state)
{
    struct fixture *fixture = *state;
    char *answer = loopback_ask(&fixture->loopback,
                                "GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", NULL);
    char *body = strstr(answer, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), 3 << 20);
    assert_int_equal(strspn(body + 4, "b"), 3 << 20);
    free(answer);
}

static void head_and_204_and_304_have_no_body(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *request, *status;
        bool length;
    } cases[] = {
        {"HEAD /tag HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n", true},
        {"GET /gone HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 204 No Content\r\n", false},
        {"GET /tag HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"v1\"\r\n\r\n", "HTTP/1.1 304 ", false},
        {"GET /tag HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"v0\", W/\"v1\"\r\n\r\n", "HTTP/1.1 304 ",
         false},
        {"HEAD /tag HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n", "HTTP/1.1 304 ", false},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char *answer = loopback_ask(&fixture->loopback, cases[i].request, NULL);
        expect(answer, cases[i].status);
        assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
        assert_int_equal(strstr(answer, "Content-Length: 6") != NULL, cases[i].length);
        free(answer);
    }
    static const char *const others[] = {
        "GET /tag HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"v2\"\r\n\r\n",
        "GET /tag HTTP/1.1\r\nHost: h\r\nIf-None-Match: v1\r\n\r\n",
        "POST /tag HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"v1\"\r\n\r\n",
    };
    for (size_t i = 0; i < NJ_COUNT_OF(others); i++) {
        char *answer = loopback_ask(&fixture->loopback, others[i], NULL);
        expect(answer, "tagged");
        free(answer);
    }
}

static void reply_header_cannot_break_out_of_its_line(void **state)
{
    struct fixture *fixture = *state;
    char *answer =
        loopback_ask(&fixture->loopback, "GET /inject HTTP/1.1\r\nHost: h\r\n\r\n", NULL);
    expect(answer, "HTTP/1.1 500 ");
    assert_null(strstr(answer, "Y: b"));
    free(answer);
}

static void problem_has_the_form_of_rfc_9457(void **state)
{
    struct fixture *fixture = *state;
    char *answer =
        loopback_ask(&fixture->loopback, "GET /problem HTTP/1.1\r\nHost: h\r\n\r\n", NULL);
    expect(answer, "HTTP/1.1 409 Conflict\r\n");
    expect(answer, "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
                   "\"detail\":\"it is \\\"taken\\\"\",\"code\":\"CONFLICT\"}");
    free(answer);
}

static void connections_beyond_the_limit_are_told_so(void **state)
{
    struct fixture *fixture = *state;
    int fds[64];
    for (size_t i = 0; i < NJ_COUNT_OF(fds); i++) {
        fds[i] = loopback_connect(&fixture->loopback);
        loopback_turn(&fixture->loopback);
    }
    bool closed;
    char *answer = loopback_ask(&fixture->loopback, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", &closed);
    expect(answer, "HTTP/1.1 503 ");
    assert_true(closed);
    free(answer);
    struct nj_http_server_stats stats;
    nj_http_server_get_stats(fixture->loopback.server, &stats);
    assert_int_equal(stats.refused_connections, 1);
    assert_int_equal(stats.connections, 64);
    for (size_t i = 0; i < NJ_COUNT_OF(fds); i++)
        close(fds[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int http_server_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_have_date_and_length),
        CASE(connection_header_and_version_decide_keep_alive),
        CASE(pipelined_requests_are_answered_in_order),
        CASE(request_behind_a_held_one_waits_for_it),
        CASE(reply_to_a_client_that_left_is_dropped),
        CASE(handler_hears_once_that_its_client_left),
        CASE(half_closed_client_gets_its_answer),
        CASE(bodies_arrive_whole),
        CASE(requests_may_arrive_byte_by_byte),
        CASE(expect_100_continue_is_answered),
        CASE(refusals_are_problems_and_end_the_connection),
        CASE(chunked_body_beyond_the_limit_is_refused),
        CASE(endless_header_is_refused_and_the_answer_arrives),
        CASE(slow_head_is_ended_by_its_deadline),
        CASE(silent_connection_and_idle_one_are_closed),
        CASE(slow_body_is_ended_by_its_deadline),
        CASE(client_that_never_reads_is_dropped),
        CASE(big_reply_arrives_whole),
        CASE(head_and_204_and_304_have_no_body),
        CASE(reply_header_cannot_break_out_of_its_line),
        CASE(problem_has_the_form_of_rfc_9457),
        CASE(connections_beyond_the_limit_are_told_so),
    };
    return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
