// SPDX-License-Identifier: Apache-2.0
// Clients of a WebSocket that ask more than they are answered: deaf ones, and floods.
#include "net/websocket.h"

#include "tests/unit/net/loopback_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int websocket_unread_test(void);

enum {
    QUEUE_MAX = 100000,
    PIECE = 50000, // fills what the kernel takes
    PIECES_MAX = 1000,
    PINGS = 10000,
    COST_LEAST = 64, // bytes of memory that no queued message is cheaper than
    PONG_COST_MOST = 256,
    FLOOD = 28000, // messages
    READ_MAX = 64 << 10,
};

struct fixture {
    struct loopback loopback;
    struct nj_websocket *socket; // NULL: closed
    int client, messages;
};

static void count_message(struct nj_websocket *socket, const char *text, size_t length, void *arg)
{
    (void)socket;
    (void)text;
    (void)length;
    ((struct fixture *)arg)->messages++;
}

static void on_closed(struct nj_websocket *socket, int code, void *arg)
{
    (void)socket;
    (void)code;
    ((struct fixture *)arg)->socket = NULL;
}

static void handle(struct nj_http_request *request, void *arg)
{
    struct fixture *fixture = arg;
    const struct nj_websocket_handlers handlers = {count_message, on_closed, fixture};
    const struct nj_websocket_options options = {.max_message_bytes = 1000,
                                                 .max_queued_bytes = QUEUE_MAX};
    assert_int_equal(nj_websocket_accept(request, &options, &handlers, &fixture->socket, NULL), 0);
}

static int set_up(void **state)
{
    static const char upgrade[] =
        "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    loopback_start(&fixture->loopback, &loopback_options, handle, fixture);
    fixture->client = loopback_connect(&fixture->loopback);
    loopback_send(fixture->client, upgrade, sizeof upgrade - 1);
    for (int i = 0; i < 1000 && fixture->socket == NULL; i++)
        loopback_turn(&fixture->loopback);
    assert_non_null(fixture->socket);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->client);
    loopback_stop(&fixture->loopback);
    free(fixture);
    return 0;
}

// Until the socket takes no more and something of the last piece is queued.
static void fill(struct fixture *fixture)
{
    char *text = malloc(PIECE);
    assert_non_null(text);
    memset(text, 'p', PIECE);
    for (int i = 0; i < PIECES_MAX && nj_websocket_queued_bytes(fixture->socket) == 0; i++) {
        assert_int_equal(nj_websocket_send(fixture->socket, text, PIECE), 0);
        loopback_turn(&fixture->loopback);
    }
    assert_true(nj_websocket_queued_bytes(fixture->socket) > 0);
    free(text);
}

static void of_many_pings_the_first_and_the_newest_are_answered_once_there_is_room(void **state)
{
    struct fixture *fixture = *state;
    char ping[] = "\x89\x81\0\0\0\0a";
    struct nj_buf in;
    fill(fixture);
    const size_t queued = nj_websocket_queued_bytes(fixture->socket);
    for (int i = 0; i <= PINGS; i++) {
        ping[6] = i < PINGS ? 'a' : 'z';
        loopback_send(fixture->client, ping, sizeof ping - 1);
        if (i % 100 == 0)
            loopback_turn(&fixture->loopback);
    }
    loopback_turn(&fixture->loopback);
    assert_non_null(fixture->socket);
    assert_in_range(nj_websocket_queued_bytes(fixture->socket), queued, queued + PONG_COST_MOST);
    nj_buf_init(&in, 64 << 20);
    assert_false(loopback_receive(&fixture->loopback, fixture->client, NULL, &in));
    assert_true(in.length > PIECE);
    assert_memory_equal(in.data + in.length - 7, "p\x8a\1a\x8a\1z", 7);
    nj_buf_finish(&in);
}

// A client on a slow link never sees the queue empty, and would take us for dead.
static void a_ping_is_answered_before_what_is_queued_later(void **state)
{
    struct fixture *fixture = *state;
    struct nj_buf in;
    fill(fixture);
    loopback_send(fixture->client, "\x89\x81\0\0\0\0a", 7);
    loopback_turn(&fixture->loopback);
    assert_int_equal(nj_websocket_send(fixture->socket, "later", 5), 0);
    nj_buf_init(&in, 64 << 20);
    assert_false(loopback_receive(&fixture->loopback, fixture->client, NULL, &in));
    assert_true(in.length > PIECE);
    assert_memory_equal(in.data + in.length - 11, "p\x8a\1a\x81\5later", 11);
    nj_buf_finish(&in);
}

static void small_messages_count_with_what_they_cost(void **state)
{
    struct fixture *fixture = *state;
    int sent = 0, rc = 0;
    fill(fixture);
    for (; rc == 0 && sent < QUEUE_MAX; sent++)
        rc = nj_websocket_send(fixture->socket, "x", 1);
    assert_int_equal(rc, NJ_E_FULL);
    assert_true(sent <= QUEUE_MAX / COST_LEAST);
}

// Else a few clients that send and send keep all others from their turn.
static void a_flood_is_read_a_buffer_a_turn(void **state)
{
    static const char message[] = "\x81\x81\0\0\0\0a";
    enum { LENGTH = sizeof message - 1 };
    struct fixture *fixture = *state;
    const int room = FLOOD * LENGTH;
    char *flood = malloc(FLOOD * LENGTH);
    assert_non_null(flood);
    for (size_t i = 0; i < FLOOD; i++)
        memcpy(flood + i * LENGTH, message, LENGTH);
    (void)setsockopt(fixture->client, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    loopback_send(fixture->client, flood, FLOOD * LENGTH);
    free(flood);
    int before = 0, most = 0;
    for (int turns = 0; turns < 1000 && fixture->messages < FLOOD; turns++) {
        nj_loop_turn(fixture->loopback.loop);
        most = fixture->messages - before > most ? fixture->messages - before : most;
        before = fixture->messages;
    }
    assert_int_equal(fixture->messages, FLOOD);
    assert_in_range(most, 1, READ_MAX / LENGTH + 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int websocket_unread_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(of_many_pings_the_first_and_the_newest_are_answered_once_there_is_room),
        CASE(a_ping_is_answered_before_what_is_queued_later),
        CASE(small_messages_count_with_what_they_cost),
        CASE(a_flood_is_read_a_buffer_a_turn),
    };
    return cmocka_run_group_tests_name("websocket unread", tests, NULL, NULL);
}
