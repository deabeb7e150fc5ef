// SPDX-License-Identifier: Apache-2.0
// What the files of the HTTP server share: server, connection and request.
#ifndef NJ_NET_HTTP_SERVER_PRIV_H
#define NJ_NET_HTTP_SERVER_PRIV_H

#include "net/http_date_priv.h"
#include "net/http_head_priv.h"
#include "net/http_parser_priv.h"
#include "net/http_server.h"
#include "net/stream_priv.h"
#include "util/buf.h"

enum {
    NJ_HTTP_PEER_SIZE = 46,               // INET6_ADDRSTRLEN
    NJ_HTTP_LINGER_US = 2 * NJ_US_PER_S,  // a refused client may read its answer that long
    NJ_HTTP_LINGER_MAX_BYTES = 16 << 20,  // and send that much into the void
    NJ_HTTP_REFUSAL_RESERVE = 64,         // connections beyond the limit that are told so
    NJ_HTTP_READ_BUFFER_BYTES = 64 << 10, // shared by all connections
    NJ_HTTP_FILE_PIECE_BYTES = 256 << 10, // of a file in memory per connection
    NJ_HTTP_REPLY_HEAD_MAX_BYTES = 64 << 10,
};

struct nj_http_server {
    struct nj_loop *loop;
    struct nj_http_server_options options;
    char host[NJ_HTTP_PEER_SIZE];
    nj_http_handler handler;
    void *arg;
    struct nj_stream_pool pool;
    uv_tcp_t *listener; // valid while listening; frees itself when closed
    bool listening;
    bool stopping;
    int port;
    struct nj_timer stop_timer;
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct nj_http_server_stats stats;
    struct nj_buf scratch; // head of the reply being built
    char date[NJ_HTTP_DATE_SIZE];
    time_t date_seconds; // what `date` says
};

enum nj_http_state {
    NJ_HTTP_READ_HEAD,
    NJ_HTTP_READ_BODY,
    NJ_HTTP_HANDLE, // the handler has the request
    NJ_HTTP_WRITE,  // the reply waits for the socket
    NJ_HTTP_LINGER  // the last reply is out; input is discarded until the client ends
};

struct nj_http_file { // being sent
    int fd;           // -1: none
    int64_t offset, left;
};

struct nj_http_conn {
    struct nj_http_server *server;
    struct nj_stream *stream; // NULL after it was handed to a WebSocket
    struct nj_timer timer;
    nj_us deadline_us; // 0: none; the timer may be armed for an earlier moment and looks again
    struct nj_buf in;  // bytes that arrived and belong to no finished request
    struct nj_http_head_scan scan;
    struct nj_http_framing framing;
    struct nj_http_request *request; // being read or answered
    struct nj_http_file file;
    size_t unwritten; // at the last look of the write deadline
    size_t discarded;
    enum nj_http_state state;
    bool peer_ended, close_after, linger, processing;
    char peer[NJ_HTTP_PEER_SIZE];
};

struct nj_http_request {
    struct nj_http_conn *conn; // NULL when the client left
    struct nj_http_head head;
    struct nj_buf body;
    struct nj_http_field *queries; // decoded pairs, made at the first question; or NULL
    size_t query_count;
    bool keep_alive;
    void (*left)(void *arg); // NULL: nobody asks, or it was told
    void *left_arg;
    char peer[NJ_HTTP_PEER_SIZE];
    struct nj_http_field fields[];
};

// http_conn.c
void nj_http_conn_open(struct nj_http_server *server, struct nj_stream *stream, bool over_limit);
// The reply of `conn->request` is in the stream or, with a file, begun. Frees the request.
void nj_http_conn_replied(struct nj_http_conn *conn);
// Gives the stream away, whose owner must be set before the handler returns, and frees connection
// and request. Bytes that arrived behind the request reach the new owner after the handler, when
// the handler is still running; an answer given later may only come while `in` is empty.
struct nj_stream *nj_http_conn_hand_over(struct nj_http_conn *conn);

// http_request.c: a request whose texts lie behind its fields; NULL without memory.
struct nj_http_request *nj_http_request_create(const char *head, size_t length, size_t lines);
void nj_http_request_free(struct nj_http_request *request);
void nj_http_request_left(struct nj_http_request *request); // tells who asked; it may be answered

// http_reply.c
// Head of a reply in server->scratch with the length of the body to come. Returns 0, the buffer's
// failure, or NJ_E_INVALID when a header would break out of its line.
int nj_http_reply_head(struct nj_http_request *request, const struct nj_http_reply *reply,
                       int64_t length);
// True when If-None-Match (a list, weak comparison) has the tag.
bool nj_http_etag_matches(const char *if_none_match, const char *etag);

// http_file.c
void nj_http_file_send_next(struct nj_http_conn *conn);
void nj_http_file_close(struct nj_http_file *file);

#endif
