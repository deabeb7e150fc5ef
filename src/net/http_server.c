// SPDX-License-Identifier: Apache-2.0
// The listening side of the HTTP server: options, accepting, limits, graceful stop.
#include "net/http_server_priv.h"
#include "util/mem.h"
#include "util/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NJ_HTTP_BACKLOG = 1024 }; // a burst of reconnecting browsers

static const struct nj_option http_options[] = {
    {.name = "host",
     .env = "API_HOST",
     .type = NJ_OPTION_TEXT,
     .offset = offsetof(struct nj_http_server_options, host),
     .fallback = "127.0.0.1",
     .help = "Address to listen on; another than loopback needs API keys."},
    {.name = "port",
     .env = "API_PORT",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_http_server_options, port),
     .min = 0,
     .max = 65535,
     .fallback = "8000",
     .help = "TCP port to listen on; 0 takes any free port."},
    {.name = "max_connections",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_http_server_options, max_connections),
     .min = 1,
     .max = 1000000,
     .unit = "connections",
     .fallback = "4096",
     .help = "Open connections, WebSockets included; further ones are answered with 503."},
    {.name = "max_head_bytes",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_http_server_options, max_head_bytes),
     .min = 1024,
     .max = 65536,
     .unit = "bytes",
     .fallback = "32768",
     .help = "Request line and headers together; larger heads are answered with 431."},
    {.name = "max_body_bytes",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_http_server_options, max_body_bytes),
     .min = 0,
     .max = 1073741824,
     .unit = "bytes",
     .fallback = "1048576",
     .help = "Request body; larger ones are answered with 413."},
    {.name = "head_timeout",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_http_server_options, head_timeout_us),
     .min = 0.1,
     .max = 600,
     .unit = "s",
     .fallback = "10",
     .help = "Time for a request head to arrive whole; slow clients get 408."},
    {.name = "body_timeout",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_http_server_options, body_timeout_us),
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .fallback = "60",
     .help = "Time for a request body to arrive, and for a stalled reply to move on."},
    {.name = "idle_timeout",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_http_server_options, idle_timeout_us),
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .fallback = "75",
     .help = "Time a kept-alive connection may wait for its next request."},
};

const struct nj_option_group nj_http_server_option_group = {
    .name = "http",
    .title = "HTTP server",
    .options = http_options,
    .count = NJ_COUNT_OF(http_options),
    .struct_size = sizeof(struct nj_http_server_options),
};

static void check_stopped(struct nj_http_server *server)
{
    if (!server->stopping || server->listening || server->pool.count > 0)
        return;
    nj_timer_stop(&server->stop_timer);
    void (*stopped)(void *arg) = server->stopped;
    server->stopped = NULL;
    if (stopped)
        stopped(server->stopped_arg);
}

static void on_gone(struct nj_stream_pool *pool)
{
    check_stopped(NJ_CONTAINER_OF(pool, struct nj_http_server, pool));
}

static void close_all(struct nj_http_server *server)
{
    struct nj_list *head = &server->pool.streams;
    for (struct nj_list *node = head->next; node != head; node = node->next)
        nj_stream_close(NJ_CONTAINER_OF(node, struct nj_stream, node));
}

static void on_stop_deadline(struct nj_timer *timer)
{
    close_all(NJ_CONTAINER_OF(timer, struct nj_http_server, stop_timer));
}

int nj_http_server_create(struct nj_loop *loop, const struct nj_http_server_options *options,
                          nj_http_handler handler, void *arg, struct nj_http_server **out)
{
    struct nj_http_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NJ_E_NOMEM;
    server->pool.read_buffer = malloc(NJ_HTTP_READ_BUFFER_BYTES);
    if (!server->pool.read_buffer) {
        free(server);
        return NJ_E_NOMEM;
    }
    server->loop = loop;
    server->options = *options;
    nj_text_copy(server->host, sizeof(server->host), options->host);
    server->options.host = server->host;
    server->handler = handler;
    server->arg = arg;
    server->pool.loop = loop;
    server->pool.read_buffer_bytes = NJ_HTTP_READ_BUFFER_BYTES;
    server->pool.gone = on_gone;
    nj_list_init(&server->pool.streams);
    nj_buf_init(&server->scratch, NJ_HTTP_REPLY_HEAD_MAX_BYTES);
    nj_timer_init(&server->stop_timer, loop, on_stop_deadline);
    *out = server;
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct nj_http_server *server = handle->data;
    free(handle);
    if (!server)
        return; // it never listened
    server->listening = false;
    check_stopped(server);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct nj_http_server *server = listener->data;
    struct nj_stream *stream = status < 0 ? NULL : nj_stream_create(&server->pool);
    if (!stream)
        return;
    if (uv_accept(listener, (uv_stream_t *)&stream->tcp) != 0) {
        nj_stream_close(stream);
        return;
    }
    uv_tcp_nodelay(&stream->tcp, 1);
    size_t limit = (size_t)server->options.max_connections;
    bool over_limit = server->pool.count > limit;
    if (over_limit)
        server->stats.refused_connections++;
    else
        server->stats.connections++;
    if (server->pool.count > limit + NJ_HTTP_REFUSAL_RESERVE)
        nj_stream_close(stream);
    else
        nj_http_conn_open(server, stream, over_limit);
}

static int parse_address(const struct nj_http_server *server, struct sockaddr_storage *out)
{
    const char *host = strcmp(server->host, "localhost") == 0 ? "127.0.0.1" : server->host;
    int port = (int)server->options.port;
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0)
        return 0;
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)out);
}

static int code_of(int uv_error)
{
    if (uv_error == UV_EADDRINUSE)
        return NJ_E_EXISTS;
    if (uv_error == UV_EACCES || uv_error == UV_EPERM)
        return NJ_E_DENIED;
    return uv_error == UV_EADDRNOTAVAIL || uv_error == UV_EINVAL ? NJ_E_INVALID : NJ_E_IO;
}

static int read_port(const uv_tcp_t *listener)
{
    struct sockaddr_storage address;
    int length = sizeof(address);
    if (uv_tcp_getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static const char *advice_on(int failure)
{
    return failure == UV_EADDRINUSE ? "; --set http.port=N takes another port" : "";
}

int nj_http_server_start(struct nj_http_server *server, struct nj_error *err)
{
    struct sockaddr_storage address = {0};
    const char *host = server->host;
    int port = (int)server->options.port;
    if (server->listening)
        return 0;
    if (parse_address(server, &address) != 0)
        return nj_error_set(err, NJ_E_INVALID,
                            "http: \"%s\" (port %d) is neither an address nor localhost", host,
                            port);
    uv_tcp_t *listener = calloc(1, sizeof(*listener));
    int failure = listener ? uv_tcp_init(nj_loop_uv(server->loop), listener) : UV_ENOMEM;
    if (failure) {
        free(listener);
        return nj_error_set(err, NJ_E_IO, "http: no socket: %s", uv_strerror(failure));
    }
    failure = uv_tcp_bind(listener, (struct sockaddr *)&address, 0);
    listener->data = server;
    if (!failure)
        failure = uv_listen((uv_stream_t *)listener, NJ_HTTP_BACKLOG, on_connection);
    if (failure) {
        listener->data = NULL;
        uv_close((uv_handle_t *)listener, on_listener_closed);
        return nj_error_set(err, code_of(failure), "http: cannot listen on %s port %d: %s%s", host,
                            port, uv_strerror(failure), advice_on(failure));
    }
    server->listener = listener;
    server->listening = true;
    server->stopping = false;
    server->port = read_port(listener);
    return 0;
}

int nj_http_server_port(const struct nj_http_server *server)
{
    return server->port;
}

void nj_http_server_stop(struct nj_http_server *server, nj_us deadline_us, void (*done)(void *arg),
                         void *arg)
{
    server->stopping = true;
    server->stopped = done;
    server->stopped_arg = arg;
    if (server->listening && !uv_is_closing((uv_handle_t *)server->listener))
        uv_close((uv_handle_t *)server->listener, on_listener_closed);
    struct nj_list *head = &server->pool.streams;
    for (struct nj_list *node = head->next; node != head; node = node->next) {
        struct nj_stream *stream = NJ_CONTAINER_OF(node, struct nj_stream, node);
        if (stream->calls && !stream->closing)
            stream->calls->stop(stream->owner);
    }
    if (deadline_us <= 0 || nj_timer_start(&server->stop_timer, deadline_us, 0) != 0)
        close_all(server);
    check_stopped(server);
}

void nj_http_server_destroy(struct nj_http_server *server)
{
    if (!server)
        return;
    assert(!server->listening && server->pool.count == 0);
    nj_timer_stop(&server->stop_timer);
    nj_buf_finish(&server->scratch);
    free(server->pool.read_buffer);
    free(server);
}

void nj_http_server_get_stats(const struct nj_http_server *server, struct nj_http_server_stats *out)
{
    *out = server->stats;
    out->open = (int64_t)server->pool.count;
}
