// SPDX-License-Identifier: Apache-2.0
// The opening handshake (RFC 6455 section 4.2) and the hand-over of the connection.
#include "net/http_server_priv.h"
#include "net/problem.h"
#include "net/websocket_priv.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { NJ_ACCEPT_KEY_SIZE = 29 }; // base64 of a SHA-1 with its NUL

static int accept_key(const char *key, char out[NJ_ACCEPT_KEY_SIZE])
{
    char text[64 + 1]; // a key has 24 characters, the fixed part 36
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    size_t key_length = strlen(key);
    memcpy(text, key, key_length);
    memcpy(text + key_length, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    if (EVP_Digest(text, key_length + 36, digest, &length, EVP_sha1(), NULL) != 1)
        return NJ_E_INTERNAL;
    EVP_EncodeBlock((unsigned char *)out, digest, (int)length);
    return 0;
}

static void refuse_upgrade(struct nj_http_request *request)
{
    static const struct nj_http_field version = {"Sec-WebSocket-Version", "13"};
    bool other_version =
        nj_http_head_get(&request->head, "Sec-WebSocket-Version") && !nj_http_is_websocket(request);
    nj_problem_reply_full(request, &(struct nj_problem){
                                       .status = other_version ? 426 : 400,
                                       .detail = "this is not a WebSocket handshake of version 13",
                                       .headers = &version,
                                       .header_count = 1,
                                   });
}

// The 101 answer in the server's scratch buffer.
static int build_answer(struct nj_http_request *request, const char *subprotocol)
{
    struct nj_buf *buf = &request->conn->server->scratch;
    char key[NJ_ACCEPT_KEY_SIZE];
    int code = accept_key(nj_http_head_get(&request->head, "Sec-WebSocket-Key"), key);
    if (code)
        return code;
    nj_buf_reset(buf);
    nj_buf_append_text(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    nj_buf_append_text(buf, key);
    if (subprotocol) {
        for (const char *at = subprotocol; *at; at++) {
            if (*at <= ' ' || *at == 0x7f)
                return NJ_E_INVALID;
        }
        nj_buf_append_text(buf, "\r\nSec-WebSocket-Protocol: ");
        nj_buf_append_text(buf, subprotocol);
    }
    nj_buf_append_text(buf, "\r\n\r\n");
    return nj_buf_failed(buf);
}

// The connection becomes the socket's.
static void take_over(struct nj_http_conn *conn, struct nj_websocket *socket)
{
    const struct nj_buf *answer = &conn->server->scratch;
    socket->stream = nj_http_conn_hand_over(conn);
    nj_stream_set_owner(socket->stream, &nj_websocket_stream_calls, socket);
    nj_stream_send(socket->stream, answer->data, answer->length);
    if (!socket->stream->closing && nj_stream_read_start(socket->stream) != 0)
        nj_stream_close(socket->stream);
}

int nj_websocket_accept(struct nj_http_request *request, const struct nj_websocket_options *options,
                        const struct nj_websocket_handlers *handlers, struct nj_websocket **out,
                        struct nj_error *err)
{
    struct nj_http_conn *conn = request->conn;
    if (!conn || conn->stream->closing) {
        nj_http_reply(request, &(struct nj_http_reply){.status = 500}); // dropped quietly
        return nj_error_set(err, NJ_E_CANCELLED, "the client left before the handshake");
    }
    // Frames sent before the answer are only kept while the handler runs.
    bool too_early = !conn->processing && conn->in.length > 0;
    if (!nj_http_is_websocket(request) || too_early) {
        refuse_upgrade(request);
        return nj_error_set(err, NJ_E_INVALID, "not a WebSocket handshake");
    }
    if (conn->server->stopping) {
        nj_problem_reply(request, 503, NULL, NULL, NULL);
        return nj_error_set(err, NJ_E_CANCELLED, "the server is stopping");
    }
    struct nj_websocket *socket = nj_websocket_create(conn->server->loop, options, handlers);
    int code = socket ? build_answer(request, options->subprotocol) : NJ_E_NOMEM;
    if (code) {
        free(socket); // its codec holds nothing yet
        nj_problem_reply(request, 500, NULL, NULL, NULL);
        return nj_error_set(err, code, "the handshake failed");
    }
    take_over(conn, socket);
    *out = socket;
    return 0;
}
