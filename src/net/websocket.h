// SPDX-License-Identifier: Apache-2.0
// WebSocket (RFC 6455) on a connection that the HTTP server hands over, and the fan-out ring: a
// message is encoded once, shared by all clients, each with a cursor; one writev a client and tick.
// Loop thread only.
#ifndef NJ_NET_WEBSOCKET_H
#define NJ_NET_WEBSOCKET_H

#include "net/http_server.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_websocket;

// Why a connection ends (RFC 6455 section 7.4.1).
enum nj_websocket_code {
    NJ_WEBSOCKET_NORMAL = 1000,
    NJ_WEBSOCKET_GOING_AWAY = 1001,
    NJ_WEBSOCKET_PROTOCOL_ERROR = 1002,
    NJ_WEBSOCKET_UNSUPPORTED = 1003,
    NJ_WEBSOCKET_NO_CODE = 1005,  // never sent
    NJ_WEBSOCKET_ABNORMAL = 1006, // never sent
    NJ_WEBSOCKET_BAD_TEXT = 1007,
    NJ_WEBSOCKET_POLICY = 1008,
    NJ_WEBSOCKET_TOO_BIG = 1009,
    NJ_WEBSOCKET_INTERNAL = 1011,
    NJ_WEBSOCKET_TRY_LATER = 1013,
};

struct nj_websocket_handlers {
    // A whole text message, UTF-8 checked. Binary messages are refused with 1003, unless they are
    // taken for texts.
    void (*message)(struct nj_websocket *socket, const char *text, size_t length, void *arg);
    // Gone for whatever reason, exactly once; the socket is freed after the call.
    void (*closed)(struct nj_websocket *socket, int code, void *arg);
    void *arg;
};

struct nj_websocket_options {
    size_t max_message_bytes; // 65536 -> close 1009
    size_t max_queued_bytes;  // of private messages to a slow client -> close 1008
    const char *subprotocol;  // to echo in the answer; NULL: none
    bool binary_as_text;      // some clients send their texts in binary messages
};

// Answers the upgrade (101). The request is consumed also on failure (a 4xx was sent).
int nj_websocket_accept(struct nj_http_request *request, const struct nj_websocket_options *options,
                        const struct nj_websocket_handlers *handlers, struct nj_websocket **out,
                        struct nj_error *err);

// A private message to one client; it may overtake ring messages of this tick. NJ_E_FULL closes it
// as too slow; NJ_E_CANCELLED: it is closing.
int nj_websocket_send(struct nj_websocket *socket, const char *text, size_t length);

// One text for many: encoded once, its bytes shared by all sockets that have not taken them yet.
struct nj_websocket_message;
// The caller's reference to a copy of `text`; NULL without memory.
struct nj_websocket_message *nj_websocket_message_create(const char *text, size_t length);
void nj_websocket_message_unref(struct nj_websocket_message *message); // accepts NULL
size_t nj_websocket_message_bytes(const struct nj_websocket_message *message);
// As nj_websocket_send. The message stays the caller's; what must wait has its own reference.
int nj_websocket_send_message(struct nj_websocket *socket, struct nj_websocket_message *message);

// A ping without a payload. Its answer shows in nj_websocket_last_received_us, as anything does
// that the client sends. Errors as of nj_websocket_send.
int nj_websocket_ping(struct nj_websocket *socket);

// Sends a close frame, waits a moment for the peer's, then closes. `closed` is still called.
void nj_websocket_close(struct nj_websocket *socket, int code, const char *reason);
// For a client that holds too much: the same, but messages that wait and are not begun are dropped.
// One that is closing already ends at once, with all it holds. `closed` is still called, later.
void nj_websocket_drop(struct nj_websocket *socket, int code, const char *reason);
// What a slow client holds so far, with what each message costs besides; 0 when it ended.
size_t nj_websocket_queued_bytes(const struct nj_websocket *socket);
nj_us nj_websocket_last_received_us(const struct nj_websocket *socket); // monotonic
void *nj_websocket_user(const struct nj_websocket *socket);
void nj_websocket_set_user(struct nj_websocket *socket, void *user);

// The ring: every subscriber sees every message from the moment it joined, in order.
struct nj_fanout;

struct nj_fanout_options {
    size_t ring_messages; // a client that falls further behind is closed with 1013
    size_t ring_bytes;
};

int nj_fanout_create(struct nj_loop *loop, const struct nj_fanout_options *options,
                     struct nj_fanout **out);
void nj_fanout_destroy(struct nj_fanout *fanout); // after its sockets are closed

// `wants` (may be NULL: everything) decides per message type tag; cheap and without
// effects: it is asked again for what a full socket did not take. A socket may join one ring.
int nj_fanout_join(struct nj_fanout *fanout, struct nj_websocket *socket,
                   bool (*wants)(struct nj_websocket *socket, const char *tag));

// Encodes once; written to all at the end of this loop turn, together with what else came.
// `tag` is static or outlives the ring's message (it is copied, at most 47 bytes).
int nj_fanout_publish(struct nj_fanout *fanout, const char *tag, const char *text, size_t length);

struct nj_fanout_stats {
    uint64_t published, delivered, closed_slow;
    size_t clients;
};
void nj_fanout_get_stats(const struct nj_fanout *fanout, struct nj_fanout_stats *out);

#endif
