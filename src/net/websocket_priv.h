// SPDX-License-Identifier: Apache-2.0
// What the files of the WebSocket side share: the socket and its place in a fan-out ring.
#ifndef NJ_NET_WEBSOCKET_PRIV_H
#define NJ_NET_WEBSOCKET_PRIV_H

#include "net/stream_priv.h"
#include "net/websocket.h"
#include "net/websocket_codec_priv.h"

enum {
    NJ_WEBSOCKET_CLOSE_WAIT_US = 5 * NJ_US_PER_S, // for the peer's close frame and the last bytes
    NJ_WEBSOCKET_FAIL_WAIT_US = 2 * NJ_US_PER_S,  // after a failure there is no answer to wait for
};

enum nj_websocket_state {
    NJ_WEBSOCKET_OPEN,
    NJ_WEBSOCKET_CLOSING, // our close frame is out, the peer's is awaited
    NJ_WEBSOCKET_CLOSED   // both are; the rest of the output goes out
};

struct nj_websocket_message { // loop thread only
    unsigned references;
    size_t length;
    char bytes[]; // header and payload
};

struct nj_fanout_member {
    struct nj_fanout *fanout; // NULL: in none
    struct nj_list node;
    uint64_t cursor; // number of the next message
    bool (*wants)(struct nj_websocket *socket, const char *tag);
};

struct nj_websocket {
    struct nj_stream *stream;
    struct nj_loop *loop;
    struct nj_websocket_handlers handlers;
    size_t max_queued_bytes;
    struct nj_websocket_codec codec;
    enum nj_websocket_state state;
    int close_code;
    struct nj_timer timer;
    nj_us received_us;
    bool pong_queued; // one at most: `pong`, behind what was queued before it
    bool ping_waits;  // the newest that came since: `ping`
    unsigned char ping_length;
    char ping[NJ_WEBSOCKET_CONTROL_MAX_BYTES];
    uint8_t pong[NJ_WEBSOCKET_HEADER_MAX_BYTES + NJ_WEBSOCKET_CONTROL_MAX_BYTES];
    void *user;
    struct nj_fanout_member member;
};

// websocket.c: a socket without a stream yet; NULL without memory.
struct nj_websocket *nj_websocket_create(struct nj_loop *loop,
                                         const struct nj_websocket_options *options,
                                         const struct nj_websocket_handlers *handlers);
extern const struct nj_stream_owner nj_websocket_stream_calls;
// What the socket did not take of a message, from its byte `done`, to the stream's queue.
int nj_websocket_queue_rest(struct nj_websocket *socket, struct nj_websocket_message *message,
                            size_t done);

// fanout.c
void nj_fanout_leave(struct nj_websocket *socket); // harmless when in none
void nj_fanout_flush_socket(struct nj_websocket *socket);

#endif
