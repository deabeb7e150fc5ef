// SPDX-License-Identifier: Apache-2.0
// The server's half of RFC 6455 framing, in memory: frames of a client in, messages out; headers
// for frames to send. No extension is understood.
#ifndef NJ_NET_WEBSOCKET_CODEC_PRIV_H
#define NJ_NET_WEBSOCKET_CODEC_PRIV_H

#include "net/websocket.h"
#include "util/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nj_websocket_opcode {
    NJ_WEBSOCKET_CONTINUATION = 0x0,
    NJ_WEBSOCKET_TEXT = 0x1,
    NJ_WEBSOCKET_BINARY = 0x2,
    NJ_WEBSOCKET_CLOSE = 0x8,
    NJ_WEBSOCKET_PING = 0x9,
    NJ_WEBSOCKET_PONG = 0xa,
};

enum {
    NJ_WEBSOCKET_HEADER_MAX_BYTES = 10,   // of a frame without a mask
    NJ_WEBSOCKET_CONTROL_MAX_BYTES = 125, // RFC 6455 section 5.5
};

// UTF-8 that arrives in pieces; zeroed at the start. `need` is 0 between two characters.
struct nj_utf8_stream {
    uint8_t need, low, high;
};

struct nj_websocket_codec_calls {
    void (*message)(void *arg, const char *text, size_t length); // whole and valid UTF-8
    void (*control)(void *arg, enum nj_websocket_opcode opcode, const char *bytes, size_t length);
    // The peer's close frame with its code, or NJ_WEBSOCKET_NO_CODE. Nothing is read after it.
    void (*close)(void *arg, int code);
    void *arg;
};

struct nj_websocket_codec {
    uint8_t header[14];
    uint8_t have, want; // bytes of the header
    uint8_t control[NJ_WEBSOCKET_CONTROL_MAX_BYTES];
    uint8_t control_length;
    bool fragmented; // a message has begun and its last frame is to come
    bool in_payload;
    bool ended;          // closed or failed
    bool binary_as_text; // set after init: a binary message is read as a text
    struct nj_utf8_stream utf8;
    uint64_t length, position; // of the payload being read
    struct nj_buf message;
};

void nj_websocket_codec_init(struct nj_websocket_codec *codec, size_t max_message_bytes);
void nj_websocket_codec_finish(struct nj_websocket_codec *codec);

// Reads bytes of the client. Returns 0, or the code to close the connection with: 1002 protocol
// error, 1003 binary message (where it is no text), 1007 text that is not UTF-8, 1009 message too
// big, 1011 no memory. After a failure or a close frame further bytes are ignored.
int nj_websocket_codec_feed(struct nj_websocket_codec *codec, const char *bytes, size_t length,
                            const struct nj_websocket_codec_calls *calls);

// Writes the header of an unmasked, final frame; returns its size.
size_t nj_websocket_frame_header(uint8_t out[NJ_WEBSOCKET_HEADER_MAX_BYTES],
                                 enum nj_websocket_opcode opcode, size_t length);

// True for codes that may stand in a close frame (RFC 6455 section 7.4 and the IANA registry).
bool nj_websocket_code_valid(int code);

#endif
