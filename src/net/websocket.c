// SPDX-License-Identifier: Apache-2.0
// One WebSocket: messages and control frames over a stream, and the closing handshake.
#include "net/websocket_priv.h"
#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

static int send_frame(struct nj_websocket *socket, enum nj_websocket_opcode opcode,
                      const char *bytes, size_t length)
{
    uint8_t header[NJ_WEBSOCKET_HEADER_MAX_BYTES];
    size_t header_length = nj_websocket_frame_header(header, opcode, length);
    uv_buf_t buffers[2] = {
        {.base = (char *)header, .len = header_length},
        {.base = (char *)(uintptr_t)bytes, .len = length},
    };
    long written = nj_stream_try(socket->stream, buffers, length > 0 ? 2 : 1);
    if (written < 0)
        return NJ_E_IO;
    size_t total = header_length + length, done = (size_t)written;
    if (done == total)
        return 0;
    char *rest = malloc(total - done);
    if (!rest) {
        nj_stream_close(socket->stream);
        return NJ_E_NOMEM;
    }
    size_t from_header = done < header_length ? header_length - done : 0;
    size_t from_body = done > header_length ? done - header_length : 0;
    if (from_header > 0)
        memcpy(rest, header + done, from_header);
    if (length > from_body)
        memcpy(rest + from_header, bytes + from_body, length - from_body);
    return nj_stream_queue(socket->stream, rest, total - done, rest, free);
}

static void wait_for_end(struct nj_websocket *socket, nj_us wait_us)
{
    if (nj_timer_start(&socket->timer, wait_us, 0) != 0)
        nj_stream_close(socket->stream);
}

static void send_close(struct nj_websocket *socket, int code, const char *reason)
{
    char body[NJ_WEBSOCKET_CONTROL_MAX_BYTES];
    size_t length = 0;
    if (nj_websocket_code_valid(code)) {
        size_t room = sizeof(body) - 2, reason_length = reason ? strlen(reason) : 0;
        if (reason_length > room) {
            reason_length = room;
            while (reason_length > 0 && ((unsigned char)reason[reason_length] & 0xc0) == 0x80)
                reason_length--;
        }
        body[0] = (char)(code >> 8);
        body[1] = (char)(code & 0xff);
        if (reason_length > 0)
            memcpy(body + 2, reason, reason_length);
        length = 2 + reason_length;
    }
    nj_fanout_leave(socket);
    send_frame(socket, NJ_WEBSOCKET_CLOSE, body, length);
}

static void close_with(struct nj_websocket *socket, int code, const char *reason, nj_us wait_us)
{
    if (socket->state != NJ_WEBSOCKET_OPEN)
        return;
    socket->state = NJ_WEBSOCKET_CLOSING;
    socket->close_code = code;
    send_close(socket, code, reason);
    wait_for_end(socket, wait_us);
}

void nj_websocket_close(struct nj_websocket *socket, int code, const char *reason)
{
    if (socket->state == NJ_WEBSOCKET_OPEN)
        nj_fanout_flush_socket(socket); // what was published before comes before
    close_with(socket, code, reason, NJ_WEBSOCKET_CLOSE_WAIT_US);
}

void nj_websocket_drop(struct nj_websocket *socket, int code, const char *reason)
{
    if (socket->state != NJ_WEBSOCKET_OPEN) {
        nj_stream_close(socket->stream);
        return;
    }
    nj_stream_drop(socket->stream);
    close_with(socket, code, reason, NJ_WEBSOCKET_CLOSE_WAIT_US);
}

static void end_when_drained(struct nj_websocket *socket)
{
    if (socket->state == NJ_WEBSOCKET_CLOSED && nj_stream_idle(socket->stream))
        nj_stream_close(socket->stream);
}

static void on_message(void *arg, const char *text, size_t length)
{
    struct nj_websocket *socket = arg;
    if (socket->state == NJ_WEBSOCKET_OPEN)
        socket->handlers.message(socket, text, length, socket->handlers.arg);
}

static void on_pong_gone(void *owned)
{
    ((struct nj_websocket *)owned)->pong_queued = false;
}

// Behind what is queued and not when that is out: a client that is always a little behind would
// never be answered.
static void queue_pong(struct nj_websocket *socket)
{
    size_t length = nj_websocket_frame_header(socket->pong, NJ_WEBSOCKET_PONG, socket->ping_length);
    memcpy(socket->pong + length, socket->ping, socket->ping_length);
    length += socket->ping_length;
    socket->ping_waits = false;
    socket->pong_queued = true;
    (void)nj_stream_queue(socket->stream, (const char *)socket->pong, length, socket, on_pong_gone);
}

static void on_control(void *arg, enum nj_websocket_opcode opcode, const char *bytes, size_t length)
{
    struct nj_websocket *socket = arg;
    if (socket->state != NJ_WEBSOCKET_OPEN || opcode != NJ_WEBSOCKET_PING)
        return;
    if (nj_stream_idle(socket->stream)) {
        send_frame(socket, NJ_WEBSOCKET_PONG, bytes, length);
        return;
    }
    socket->ping_length = (unsigned char)length;
    memcpy(socket->ping, bytes, length);
    // As RFC 6455 section 5.5.3 allows, so that pings of a client that does not read cost nothing.
    socket->ping_waits = socket->pong_queued;
    if (!socket->pong_queued)
        queue_pong(socket);
}

static void on_close_frame(void *arg, int code)
{
    struct nj_websocket *socket = arg;
    if (socket->state == NJ_WEBSOCKET_OPEN) {
        send_close(socket, code, NULL); // the answer repeats the code, RFC 6455 section 5.5.1
        wait_for_end(socket, NJ_WEBSOCKET_CLOSE_WAIT_US);
    }
    socket->close_code = code;
    socket->state = NJ_WEBSOCKET_CLOSED;
    end_when_drained(socket);
}

static void on_data(void *owner, const char *bytes, size_t length)
{
    struct nj_websocket *socket = owner;
    const struct nj_websocket_codec_calls calls = {on_message, on_control, on_close_frame, socket};
    socket->received_us = nj_mono_us(nj_loop_clock(socket->loop));
    int code = nj_websocket_codec_feed(&socket->codec, bytes, length, &calls);
    if (code && socket->state == NJ_WEBSOCKET_CLOSING)
        nj_stream_close(socket->stream);
    else if (code)
        close_with(socket, code, NULL, NJ_WEBSOCKET_FAIL_WAIT_US);
}

static void on_ended(void *owner, bool broken)
{
    struct nj_websocket *socket = owner;
    (void)broken; // without a close frame both are 1006
    nj_stream_close(socket->stream);
}

static void on_drained(void *owner)
{
    struct nj_websocket *socket = owner;
    if (socket->state == NJ_WEBSOCKET_OPEN) {
        if (socket->ping_waits)
            queue_pong(socket);
        nj_fanout_flush_socket(socket);
    } else {
        end_when_drained(socket);
    }
}

static void on_stop(void *owner)
{
    nj_websocket_close(owner, NJ_WEBSOCKET_GOING_AWAY, "server is stopping");
}

static void on_closed(void *owner)
{
    struct nj_websocket *socket = owner;
    nj_timer_stop(&socket->timer);
    nj_fanout_leave(socket);
    socket->state = NJ_WEBSOCKET_CLOSED;
    socket->handlers.closed(socket, socket->close_code, socket->handlers.arg);
    nj_websocket_codec_finish(&socket->codec);
    free(socket);
}

static void on_timer(struct nj_timer *timer)
{
    nj_stream_close(NJ_CONTAINER_OF(timer, struct nj_websocket, timer)->stream);
}

const struct nj_stream_owner nj_websocket_stream_calls = {
    .data = on_data,
    .ended = on_ended,
    .drained = on_drained,
    .stop = on_stop,
    .closed = on_closed,
};

struct nj_websocket *nj_websocket_create(struct nj_loop *loop,
                                         const struct nj_websocket_options *options,
                                         const struct nj_websocket_handlers *handlers)
{
    struct nj_websocket *socket = calloc(1, sizeof(*socket));
    if (!socket)
        return NULL;
    socket->loop = loop;
    socket->handlers = *handlers;
    socket->max_queued_bytes = options->max_queued_bytes;
    socket->close_code = NJ_WEBSOCKET_ABNORMAL;
    socket->received_us = nj_mono_us(nj_loop_clock(loop));
    nj_websocket_codec_init(&socket->codec, options->max_message_bytes);
    socket->codec.binary_as_text = options->binary_as_text;
    nj_timer_init(&socket->timer, loop, on_timer);
    nj_list_init(&socket->member.node);
    return socket;
}

// 0: the socket may be sent so much.
static int check_room(struct nj_websocket *socket, size_t length)
{
    if (socket->state != NJ_WEBSOCKET_OPEN || socket->stream->closing)
        return NJ_E_CANCELLED;
    size_t queued = nj_stream_held_bytes(socket->stream);
    bool full = length > socket->max_queued_bytes || queued > socket->max_queued_bytes - length;
    if (!full || nj_stream_idle(socket->stream))
        return 0;
    nj_websocket_close(socket, NJ_WEBSOCKET_POLICY, "too slow");
    return NJ_E_FULL;
}

int nj_websocket_send(struct nj_websocket *socket, const char *text, size_t length)
{
    int rc = check_room(socket, length);
    return rc != 0 ? rc : send_frame(socket, NJ_WEBSOCKET_TEXT, text, length);
}

int nj_websocket_ping(struct nj_websocket *socket)
{
    int rc = check_room(socket, 0);
    return rc != 0 ? rc : send_frame(socket, NJ_WEBSOCKET_PING, NULL, 0);
}

size_t nj_websocket_queued_bytes(const struct nj_websocket *socket)
{
    return socket->stream->closing ? 0 : nj_stream_held_bytes(socket->stream);
}

struct nj_websocket_message *nj_websocket_message_create(const char *text, size_t length)
{
    uint8_t header[NJ_WEBSOCKET_HEADER_MAX_BYTES];
    size_t header_length = nj_websocket_frame_header(header, NJ_WEBSOCKET_TEXT, length);
    struct nj_websocket_message *message = malloc(sizeof(*message) + header_length + length);
    if (!message)
        return NULL;
    message->references = 1;
    message->length = header_length + length;
    memcpy(message->bytes, header, header_length);
    memcpy(message->bytes + header_length, text, length);
    return message;
}

void nj_websocket_message_unref(struct nj_websocket_message *message)
{
    if (message && --message->references == 0)
        free(message);
}

size_t nj_websocket_message_bytes(const struct nj_websocket_message *message)
{
    return message->length;
}

static void release_message(void *owned)
{
    nj_websocket_message_unref(owned);
}

int nj_websocket_queue_rest(struct nj_websocket *socket, struct nj_websocket_message *message,
                            size_t done)
{
    message->references++;
    return nj_stream_queue(socket->stream, message->bytes + done, message->length - done, message,
                           release_message);
}

int nj_websocket_send_message(struct nj_websocket *socket, struct nj_websocket_message *message)
{
    int rc = check_room(socket, message->length);
    if (rc != 0)
        return rc;
    uv_buf_t buffer = {.base = message->bytes, .len = message->length};
    long written = nj_stream_try(socket->stream, &buffer, 1);
    if (written < 0)
        return NJ_E_IO;
    if ((size_t)written == message->length)
        return 0;
    return nj_websocket_queue_rest(socket, message, (size_t)written);
}

nj_us nj_websocket_last_received_us(const struct nj_websocket *socket)
{
    return socket->received_us;
}

void *nj_websocket_user(const struct nj_websocket *socket)
{
    return socket->user;
}

void nj_websocket_set_user(struct nj_websocket *socket, void *user)
{
    socket->user = user;
}
