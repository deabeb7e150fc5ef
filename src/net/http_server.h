// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 server (RFC 9110, RFC 9112) on the loop: strict head check, limits, keep-alive, bodies,
// files with ranges, and the hand-over of a connection to a WebSocket. Loop thread only.
#ifndef NJ_NET_HTTP_SERVER_H
#define NJ_NET_HTTP_SERVER_H

#include "config/options.h"
#include "loop/loop.h"
#include "util/error.h"
#include "util/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_http_server_options {
    const char *host; // literal address or "localhost"
    int64_t port;     // 0: any free port
    int64_t max_connections;
    int64_t max_head_bytes; // request line and headers together -> 431
    int64_t max_body_bytes; // -> 413
    nj_us head_timeout_us;  // from accept or last response to a whole head (slow loris)
    nj_us body_timeout_us;
    nj_us idle_timeout_us; // keep-alive
};

extern const struct nj_option_group nj_http_server_option_group; // group "http"

struct nj_http_server;
struct nj_http_request; // one exchange; counted by the server until it is answered

// A request arrived whole (head and body). Called from: loop thread. The handler answers at once or
// later, exactly once, with one of the nj_http_reply functions; an unanswered request is kept
// alive until then, and replies to a client that left are dropped quietly.
typedef void (*nj_http_handler)(struct nj_http_request *request, void *arg);

int nj_http_server_create(struct nj_loop *loop, const struct nj_http_server_options *options,
                          nj_http_handler handler, void *arg, struct nj_http_server **out);
// Binds and listens. NJ_E_EXISTS (address in use), NJ_E_DENIED, NJ_E_INVALID with address and port.
int nj_http_server_start(struct nj_http_server *server, struct nj_error *err);
int nj_http_server_port(const struct nj_http_server *server); // the bound one
// Stops accepting, ends idle connections, lets running replies end until the deadline, then closes.
// WebSockets are closed with 1001. `done` (may be NULL) is called when the last connection is gone,
// at once if there is none.
void nj_http_server_stop(struct nj_http_server *server, nj_us deadline_us, void (*done)(void *arg),
                         void *arg);
// Never started, or stopped and done. Accepts NULL.
void nj_http_server_destroy(struct nj_http_server *server);

struct nj_http_server_stats {
    uint64_t connections, requests, bad_requests, refused_connections, timeouts;
    int64_t open;
};
void nj_http_server_get_stats(const struct nj_http_server *server,
                              struct nj_http_server_stats *out);

// The request, borrowed until it is answered.
const char *nj_http_method(const struct nj_http_request *request); // "GET"
const char *nj_http_path(const struct nj_http_request *request);   // decoded, normalised, no query
// Decoded query value, borrowed; NULL when absent; the first of several.
const char *nj_http_query(struct nj_http_request *request, const char *name);
// NULL when absent. "Host" is the authority of an absolute-form target where there is one.
const char *nj_http_header(const struct nj_http_request *request, const char *name);
const void *nj_http_body(const struct nj_http_request *request, size_t *length);
const char *nj_http_peer(const struct nj_http_request *request);  // address without port
bool nj_http_is_websocket(const struct nj_http_request *request); // a valid upgrade asked
// `left` is called once, from the loop thread, when the client ends its side before the answer: it
// has closed, or will send no more; nobody can tell which before something is sent to it. The
// request is still to be answered, from the call or later. After the answer it is not called.
void nj_http_on_left(struct nj_http_request *request, void (*left)(void *arg), void *arg);

struct nj_http_field {        // of a head, or a decoded pair of a query
    const char *name, *value; // NUL-terminated, value without blanks around it
};

struct nj_http_reply {
    int status;
    const char *content_type; // NULL without a body
    const void *body;         // copied before the call returns, unless `take_body`
    size_t body_length;
    bool take_body; // body is malloc'd and becomes the server's, also on failure
    const struct nj_http_field *headers; // further ones; copied
    size_t header_count;
    bool close; // end the connection after it
};

// HEAD requests get the head alone. Content-Length, Date and Connection are the server's work.
// A header that would break out of its line makes the reply a bare 500. A reply to GET that carries
// an ETag equal to If-None-Match becomes 304 by itself.
void nj_http_reply(struct nj_http_request *request, const struct nj_http_reply *reply);

// Sends a regular file with ETag, Last-Modified, single byte ranges (RFC 9110 section 14) and
// bounded memory; 404 when it is not there. `path` is trusted. `headers` as above.
void nj_http_reply_file(struct nj_http_request *request, const char *path, const char *content_type,
                        const struct nj_http_field *headers, size_t header_count);

#endif
