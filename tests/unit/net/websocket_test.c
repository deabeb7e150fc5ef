// SPDX-License-Identifier: Apache-2.0
// WebSockets and the fan-out ring over loopback sockets.
#include "net/websocket.h"

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

int websocket_test(void);

enum { CLIENTS_MAX = 16 };

struct fixture {
    struct loopback loopback;
    struct nj_fanout *fanout;
    struct nj_websocket *sockets[CLIENTS_MAX];
    int socket_count, closed_count, closed_code, messages;
    char last_message[64];
    struct nj_http_request *held; // an upgrade to be answered later
    bool hold;
    bool filtered; // join with wants_even
    size_t max_queued_bytes;
};

static void on_message(struct nj_websocket *socket, const char *text, size_t length, void *arg)
{
    struct fixture *fixture = arg;
    fixture->messages++;
    snprintf(fixture->last_message, sizeof(fixture->last_message), "%.*s", (int)length, text);
    if (strcmp(fixture->last_message, "close me") == 0)
        nj_websocket_close(socket, 4001, "as asked");
    else
        assert_int_equal(nj_websocket_send(socket, text, length), 0);
}

static void on_closed(struct nj_websocket *socket, int code, void *arg)
{
    struct fixture *fixture = arg;
    for (int i = 0; i < fixture->socket_count; i++) {
        if (fixture->sockets[i] == socket)
            fixture->sockets[i] = NULL;
    }
    fixture->closed_count++;
    fixture->closed_code = code;
}

static bool wants_even(struct nj_websocket *socket, const char *tag)
{
    (void)socket;
    return strcmp(tag, "even") == 0;
}

static void accept_socket(struct fixture *fixture, struct nj_http_request *request)
{
    const struct nj_websocket_handlers handlers = {on_message, on_closed, fixture};
    const struct nj_websocket_options options = {.max_message_bytes = 1000,
                                                 .max_queued_bytes = fixture->max_queued_bytes,
                                                 .subprotocol = nj_http_query(request, "p")};
    struct nj_websocket *socket;
    if (nj_websocket_accept(request, &options, &handlers, &socket, NULL) != 0)
        return;
    fixture->sockets[fixture->socket_count++] = socket;
    assert_int_equal(nj_fanout_join(fixture->fanout, socket, fixture->filtered ? wants_even : NULL),
                     0);
    assert_int_equal(nj_fanout_join(fixture->fanout, socket, NULL), NJ_E_EXISTS);
}

static void handle(struct nj_http_request *request, void *arg)
{
    struct fixture *fixture = arg;
    if (fixture->hold)
        fixture->held = request;
    else
        accept_socket(fixture, request);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const struct nj_fanout_options options = {.ring_messages = 8, .ring_bytes = 8 << 20};
    fixture->max_queued_bytes = 100000;
    loopback_start(&fixture->loopback, &loopback_options, handle, fixture);
    assert_int_equal(nj_fanout_create(fixture->loopback.loop, &options, &fixture->fanout), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    nj_http_server_stop(fixture->loopback.server, 0, NULL, NULL);
    loopback_turn(&fixture->loopback);
    assert_int_equal(fixture->closed_count, fixture->socket_count); // each exactly once
    nj_fanout_destroy(fixture->fanout);
    loopback_turn(&fixture->loopback);
    loopback_stop(&fixture->loopback);
    free(fixture);
    return 0;
}

// Key and answer are those of RFC 6455 section 1.3.
#define UPGRADE                                                                                    \
    " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"            \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

static int open_socket(struct fixture *fixture)
{
    struct nj_buf in;
    nj_buf_init(&in, 4096);
    int fd = loopback_connect(&fixture->loopback);
    loopback_send(fd, "GET /" UPGRADE, strlen("GET /" UPGRADE));
    loopback_receive(&fixture->loopback, fd, "\r\n\r\n", &in);
    assert_non_null(strstr(in.data, "HTTP/1.1 101 Switching Protocols\r\n"));
    assert_non_null(strstr(in.data, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_null(strstr(in.data, "Sec-WebSocket-Protocol"));
    nj_buf_finish(&in);
    return fd;
}

// A frame with a zero mask, which leaves the payload as it is.
static void send_frame(int fd, int first, const char *text)
{
    char frame[256];
    size_t length = strlen(text);
    frame[0] = (char)first;
    frame[1] = (char)(0x80 | length);
    memset(frame + 2, 0, 4);
    memcpy(frame + 6, text, length);
    loopback_send(fd, frame, 6 + length);
}

// Expects exactly these bytes, and closing or not.
static void expect_bytes(struct fixture *fixture, int fd, const char *bytes, size_t length,
                         bool closed)
{
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    assert_int_equal(loopback_receive(&fixture->loopback, fd, NULL, &in), closed);
    assert_int_equal(in.length, length);
    if (length > 0)
        assert_memory_equal(in.data, bytes, length);
    nj_buf_finish(&in);
}

#define EXPECT(fixture, fd, bytes, closed)                                                         \
    expect_bytes(fixture, fd, bytes, sizeof(bytes) - 1, closed)

static void messages_go_both_ways(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    send_frame(fd, 0x81, "hello");
    EXPECT(fixture, fd, "\x81\x05hello", false);
    assert_string_equal(fixture->last_message, "hello");
    send_frame(fd, 0x89, "are you there");
    EXPECT(fixture, fd,
           "\x8a\x0d"
           "are you there",
           false);
    nj_us before = nj_websocket_last_received_us(fixture->sockets[0]);
    nj_fake_clock_advance(&fixture->loopback.clock, 5);
    send_frame(fd, 0x8a, "");
    loopback_turn(&fixture->loopback);
    assert_int_equal(nj_websocket_last_received_us(fixture->sockets[0]), before + 5);
    close(fd);
    loopback_turn(&fixture->loopback);
    assert_int_equal(fixture->closed_code, 1006);
}

static void requests_that_are_no_handshake_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *request, *status;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n",
         "HTTP/1.1 426 "},
        {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n",
         "HTTP/1.1 4"},
        {"POST / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
         "HTTP/1.1 4"},
        {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
         "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
         "HTTP/1.1 4"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char *answer = loopback_ask(&fixture->loopback, cases[i].request, NULL);
        if (strncmp(answer, cases[i].status, strlen(cases[i].status)) != 0)
            fail_msg("case %zu: %.100s", i, answer);
        assert_non_null(strstr(answer, "Sec-WebSocket-Version: 13\r\n"));
        free(answer);
    }
    assert_int_equal(fixture->socket_count, 0);
}

static void subprotocol_is_echoed_and_cannot_break_out(void **state)
{
    struct fixture *fixture = *state;
    char *answer = loopback_ask(&fixture->loopback, "GET /?p=api-key.x" UPGRADE, NULL);
    assert_non_null(strstr(answer, "Sec-WebSocket-Protocol: api-key.x\r\n"));
    free(answer);
    answer = loopback_ask(&fixture->loopback, "GET /?p=a%0d%0aX:1" UPGRADE, NULL);
    assert_int_equal(strncmp(answer, "HTTP/1.1 500 ", 13), 0);
    free(answer);
}

static void frames_behind_the_handshake_are_not_lost(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes[] = "GET /" UPGRADE "\x81\x82\0\0\0\0hi";
    struct nj_buf in;
    nj_buf_init(&in, 4096);
    int fd = loopback_connect(&fixture->loopback);
    loopback_send(fd, bytes, sizeof(bytes) - 1);
    loopback_receive(&fixture->loopback, fd, "\x81\x02hi", &in);
    assert_non_null(strstr(in.data, "\x81\x02hi"));
    close(fd);
    nj_buf_finish(&in);
}

static void handshake_may_arrive_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes[] = "GET /" UPGRADE;
    struct nj_buf in;
    nj_buf_init(&in, 4096);
    int fd = loopback_connect(&fixture->loopback);
    for (size_t i = 0; i + 1 < sizeof(bytes) - 1; i++) {
        loopback_send(fd, bytes + i, 1);
        loopback_turn(&fixture->loopback);
    }
    loopback_send(fd, "\n\x81\x82\0\0\0\0hi", 9); // a frame rides on the last byte
    loopback_receive(&fixture->loopback, fd, "\x81\x02hi", &in);
    assert_non_null(strstr(in.data, "\x81\x02hi"));
    close(fd);
    nj_buf_finish(&in);
}

static void upgrade_may_be_answered_later(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    nj_buf_init(&in, 4096);
    fixture->hold = true;
    int fd = loopback_connect(&fixture->loopback);
    loopback_send(fd, "GET /" UPGRADE, strlen("GET /" UPGRADE));
    loopback_turn(&fixture->loopback);
    accept_socket(fixture, fixture->held);
    loopback_receive(&fixture->loopback, fd, "\r\n\r\n", &in);
    send_frame(fd, 0x81, "x");
    EXPECT(fixture, fd, "\x81\x01x", false);
    close(fd);
    nj_buf_finish(&in);
}

static void upgrade_of_a_client_that_left_fails_quietly(void **state)
{
    struct fixture *fixture = *state;
    fixture->hold = true;
    int fd = loopback_connect(&fixture->loopback);
    loopback_send(fd, "GET /" UPGRADE, strlen("GET /" UPGRADE));
    loopback_turn(&fixture->loopback);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    loopback_turn(&fixture->loopback);
    accept_socket(fixture, fixture->held);
    assert_int_equal(fixture->socket_count, 0);
}

static void close_of_the_peer_is_answered_with_its_code(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    send_frame(fd, 0x88,
               "\x0f\xa1"
               "bye");
    EXPECT(fixture, fd, "\x88\x02\x0f\xa1", true);
    assert_int_equal(fixture->closed_code, 4001);
    close(fd);
    fd = open_socket(fixture);
    send_frame(fd, 0x88, "");
    EXPECT(fixture, fd, "\x88\x00", true);
    assert_int_equal(fixture->closed_code, 1005);
    close(fd);
}

static void our_close_waits_for_the_peers(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    send_frame(fd, 0x81, "close me");
    EXPECT(fixture, fd,
           "\x88\x0a\x0f\xa1"
           "as asked",
           false);
    send_frame(fd, 0x81, "unheard");
    loopback_turn(&fixture->loopback);
    assert_int_equal(fixture->messages, 1);
    send_frame(fd, 0x88, "\x0f\xa1");
    EXPECT(fixture, fd, "", true);
    assert_int_equal(fixture->closed_code, 4001);
    close(fd);
}

static void close_that_is_not_answered_has_a_deadline(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    nj_websocket_close(fixture->sockets[0], 1000, NULL);
    nj_websocket_close(fixture->sockets[0], 1001, "twice"); // changes nothing
    EXPECT(fixture, fd, "\x88\x02\x03\xe8", false);
    assert_int_equal(nj_websocket_send(fixture->sockets[0], "x", 1), NJ_E_CANCELLED);
    nj_fake_clock_advance(&fixture->loopback.clock, 5 * NJ_US_PER_S - 1);
    loopback_turn(&fixture->loopback);
    assert_int_equal(fixture->closed_count, 0);
    nj_fake_clock_advance(&fixture->loopback.clock, 1);
    EXPECT(fixture, fd, "", true);
    assert_int_equal(fixture->closed_code, 1000);
    close(fd);
}

static void mistakes_close_with_their_code(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int first;
        const char *text;
        int code;
    } cases[] = {
        {0x82, "binary", 1003},
        {0x83, "opcode", 1002},
        {0xc1, "rsv", 1002},
        {0x81, "\xff", 1007},
        {0x80, "nothing to continue", 1002},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        int fd = open_socket(fixture);
        send_frame(fd, cases[i].first, cases[i].text);
        char expected[] = {(char)0x88, 2, (char)(cases[i].code >> 8), (char)(cases[i].code & 0xff)};
        expect_bytes(fixture, fd, expected, 4, false);
        nj_fake_clock_advance(&fixture->loopback.clock, 2 * NJ_US_PER_S);
        EXPECT(fixture, fd, "", true);
        assert_int_equal(fixture->closed_code, cases[i].code);
        close(fd);
    }
    int fd = open_socket(fixture); // longer than max_message_bytes, known from its header
    loopback_send(fd, "\x81\xfe\x03\xe9", 4);
    loopback_send(fd, "\0\0\0\0", 4);
    EXPECT(fixture, fd, "\x88\x02\x03\xf1", false);
    close(fd);
}

static void stopping_server_says_going_away(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    nj_http_server_stop(fixture->loopback.server, 30 * NJ_US_PER_S, NULL, NULL);
    EXPECT(fixture, fd,
           "\x88\x14\x03\xe9"
           "server is stopping",
           false);
    send_frame(fd, 0x88, "\x03\xe9");
    EXPECT(fixture, fd, "", true);
    assert_int_equal(fixture->closed_code, 1001);
    close(fd);
}

static void published_messages_reach_all_in_order(void **state)
{
    struct fixture *fixture = *state;
    int fds[3];
    for (size_t i = 0; i < 3; i++)
        fds[i] = open_socket(fixture);
    assert_int_equal(nj_fanout_publish(fixture->fanout, "t", "one", 3), 0);
    assert_int_equal(nj_fanout_publish(fixture->fanout, "t", "two", 3), 0);
    for (size_t i = 0; i < 3; i++)
        EXPECT(fixture, fds[i], "\x81\x03one\x81\x03two", false);
    int late = open_socket(fixture); // sees only what comes after it joined
    nj_fanout_publish(fixture->fanout, "t", "three", 5);
    EXPECT(fixture, late, "\x81\x05three", false);
    struct nj_fanout_stats stats;
    nj_fanout_get_stats(fixture->fanout, &stats);
    assert_int_equal(stats.published, 3);
    assert_int_equal(stats.delivered, 10);
    assert_int_equal(stats.clients, 4);
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    close(late);
}

static void filter_decides_by_tag(void **state)
{
    struct fixture *fixture = *state;
    fixture->filtered = true;
    int fd = open_socket(fixture);
    nj_fanout_publish(fixture->fanout, "odd", "1", 1);
    nj_fanout_publish(fixture->fanout, "even", "2", 1);
    nj_fanout_publish(fixture->fanout, "odd", "3", 1);
    EXPECT(fixture, fd,
           "\x81\x01"
           "2",
           false);
    struct nj_fanout_stats stats;
    nj_fanout_get_stats(fixture->fanout, &stats);
    assert_int_equal(stats.delivered, 1);
    close(fd);
}

static void burst_beyond_the_ring_reaches_clients_that_read(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    struct nj_buf in;
    nj_buf_init(&in, 1 << 20);
    for (int i = 0; i < 100; i++) { // the ring holds 8
        char text[16];
        snprintf(text, sizeof(text), "m%02d", i);
        assert_int_equal(nj_fanout_publish(fixture->fanout, "t", text, 3), 0);
    }
    loopback_receive(&fixture->loopback, fd, NULL, &in);
    assert_int_equal(in.length, 500);
    for (int i = 0; i < 100; i++) {
        char frame[32];
        snprintf(frame, sizeof(frame), "\x81\x03m%02d", i);
        assert_memory_equal(in.data + i * 5, frame, 5);
    }
    nj_buf_finish(&in);
    close(fd);
}

static void close_comes_behind_what_was_published(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    nj_fanout_publish(fixture->fanout, "t", "last", 4);
    nj_websocket_close(fixture->sockets[0], 1000, NULL);
    EXPECT(fixture, fd, "\x81\x04last\x88\x02\x03\xe8", false);
    close(fd);
}

enum { BIG = 600000 };

// A frame as the client sees it, or the end: returns opcode, puts payload length and first byte.
static int next_frame(const struct nj_buf *in, size_t *at, size_t *length, char *first)
{
    const unsigned char *bytes = (const unsigned char *)in->data + *at;
    size_t header = 2;
    if (in->length - *at < 2)
        return -1;
    *length = bytes[1];
    if (bytes[1] >= 126) {
        size_t extended = bytes[1] == 126 ? 2 : 8;
        *length = 0;
        for (size_t i = 0; i < extended; i++)
            *length = *length << 8 | bytes[2 + i];
        header += extended;
    }
    if (in->length - *at < header + *length)
        return -1;
    *first = (char)bytes[header];
    *at += header + *length;
    return bytes[0] & 0x0f;
}

// Big ring messages fill the socket while private ones are sent: frames stay whole, and both kinds
// keep their own order.
static void private_messages_never_break_ring_frames(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    char *big = malloc(BIG);
    struct nj_buf in;
    nj_buf_init(&in, 64 << 20);
    for (int round = 0; round < 6; round++) {
        memset(big, 'A' + round, BIG);
        assert_int_equal(nj_fanout_publish(fixture->fanout, "t", big, BIG), 0);
        char digit = (char)('0' + round);
        loopback_turn(&fixture->loopback);
        assert_int_equal(nj_websocket_send(fixture->sockets[0], &digit, 1), 0);
    }
    loopback_receive(&fixture->loopback, fd, NULL, &in);
    size_t at = 0, length;
    char first, next_big = 'A', next_small = '0';
    while (next_frame(&in, &at, &length, &first) == 1) {
        assert_int_equal(first, length == BIG ? next_big : next_small);
        assert_true(length == BIG || length == 1);
        next_big = (char)(next_big + (length == BIG));
        next_small = (char)(next_small + (length == 1));
    }
    assert_int_equal(at, in.length);
    assert_int_equal(next_big, 'G');
    assert_int_equal(next_small, '6');
    free(big);
    nj_buf_finish(&in);
    close(fd);
}

static void client_behind_the_ring_is_closed_and_others_go_on(void **state)
{
    struct fixture *fixture = *state;
    int slow = open_socket(fixture), quick = open_socket(fixture);
    char *big = malloc(BIG);
    struct nj_buf in;
    nj_buf_init(&in, 64 << 20);
    memset(big, 'x', BIG);
    struct nj_fanout_stats stats = {0};
    int published = 0;
    for (; published < 40 && stats.closed_slow == 0; published++) {
        assert_int_equal(nj_fanout_publish(fixture->fanout, "t", big, BIG), 0);
        loopback_receive(&fixture->loopback, quick, NULL, &in);
        nj_fanout_get_stats(fixture->fanout, &stats);
    }
    assert_int_equal(stats.closed_slow, 1);
    assert_int_equal(stats.clients, 1);
    assert_int_equal(in.length, (size_t)published * (BIG + 10));
    nj_buf_reset(&in);
    loopback_receive(&fixture->loopback, slow, "\x88\x0a\x03\xf5too slow", &in);
    assert_memory_equal(in.data + in.length - 12, "\x88\x0a\x03\xf5too slow", 12); // a whole frame
    assert_int_equal((in.length - 12) % (BIG + 10), 0); // behind whole frames
    free(big);
    nj_buf_finish(&in);
    close(slow);
    close(quick);
}

static void private_messages_to_a_client_that_never_reads_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    char *text = calloc(1, 50000);
    memset(text, 'p', 50000);
    int code = 0, sent = 0;
    for (; sent < 1000 && code == 0; sent++)
        code = nj_websocket_send(fixture->sockets[0], text, 50000);
    assert_int_equal(code, NJ_E_FULL);
    nj_fake_clock_advance(&fixture->loopback.clock, 5 * NJ_US_PER_S);
    loopback_turn(&fixture->loopback);
    assert_int_equal(fixture->closed_count, 1);
    assert_int_equal(fixture->closed_code, 1008);
    free(text);
    close(fd);
}

static void message_larger_than_the_ring_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char *text = calloc(1, 9 << 20);
    assert_int_equal(nj_fanout_publish(fixture->fanout, "t", text, 9 << 20), NJ_E_TOO_BIG);
    free(text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int websocket_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(messages_go_both_ways),
        CASE(requests_that_are_no_handshake_are_refused),
        CASE(subprotocol_is_echoed_and_cannot_break_out),
        CASE(frames_behind_the_handshake_are_not_lost),
        CASE(handshake_may_arrive_byte_by_byte),
        CASE(upgrade_may_be_answered_later),
        CASE(upgrade_of_a_client_that_left_fails_quietly),
        CASE(close_of_the_peer_is_answered_with_its_code),
        CASE(our_close_waits_for_the_peers),
        CASE(close_that_is_not_answered_has_a_deadline),
        CASE(mistakes_close_with_their_code),
        CASE(stopping_server_says_going_away),
        CASE(published_messages_reach_all_in_order),
        CASE(filter_decides_by_tag),
        CASE(burst_beyond_the_ring_reaches_clients_that_read),
        CASE(close_comes_behind_what_was_published),
        CASE(private_messages_never_break_ring_frames),
        CASE(client_behind_the_ring_is_closed_and_others_go_on),
        CASE(private_messages_to_a_client_that_never_reads_are_bounded),
        CASE(message_larger_than_the_ring_is_refused),
    };
    return cmocka_run_group_tests_name("websocket", tests, NULL, NULL);
}
