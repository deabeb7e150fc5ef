// SPDX-License-Identifier: Apache-2.0
// One HTTP connection: heads and bodies in, one request at a time to the handler, deadlines.
#include "net/http_server_priv.h"
#include "net/problem.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static nj_us now_us(const struct nj_http_conn *conn)
{
    return nj_mono_us(nj_loop_clock(conn->server->loop));
}

// The timer is left where it is when the deadline moves away, and looks again when it fires: most
// requests then cost no work on the timer heap.
static void set_deadline(struct nj_http_conn *conn, nj_us delay_us)
{
    nj_us now = now_us(conn);
    conn->deadline_us = now + delay_us;
    bool soon_enough = nj_timer_active(&conn->timer) && conn->timer.due_us <= conn->deadline_us;
    if (!soon_enough && nj_timer_start(&conn->timer, delay_us, 0) != 0)
        nj_stream_close(conn->stream);
}

static void clear_deadline(struct nj_http_conn *conn)
{
    conn->deadline_us = 0;
}

static void begin_write(struct nj_http_conn *conn)
{
    conn->state = NJ_HTTP_WRITE;
    conn->unwritten = nj_stream_unwritten(conn->stream);
    set_deadline(conn, conn->server->options.body_timeout_us);
}

static void begin_linger(struct nj_http_conn *conn)
{
    conn->state = NJ_HTTP_LINGER;
    nj_buf_finish(&conn->in);
    nj_stream_shutdown(conn->stream);
    set_deadline(conn, NJ_HTTP_LINGER_US);
    if (conn->peer_ended || nj_stream_read_start(conn->stream) != 0)
        nj_stream_close(conn->stream);
}

// The answer to a request that never became one; ends the connection. Input that is still under way
// is read and dropped: closing over it would reset the connection and the answer with it.
static void refuse(struct nj_http_conn *conn, int status, const char *title, const char *detail)
{
    struct nj_http_request *request =
        conn->request ? conn->request : nj_http_request_create("", 0, 0);
    if (!request) {
        nj_stream_close(conn->stream);
        return;
    }
    if (!request->head.method)
        request->head.method = "GET";
    request->conn = conn;
    conn->request = request;
    conn->close_after = true;
    conn->linger = true;
    conn->state = NJ_HTTP_HANDLE;
    nj_problem_reply(request, status, NULL, title, detail);
}

static void refuse_bad(struct nj_http_conn *conn, int status, const char *detail)
{
    conn->server->stats.bad_requests++;
    refuse(conn, status, NULL, detail);
}

static void time_out(struct nj_http_conn *conn)
{
    conn->server->stats.timeouts++;
    bool in_request = conn->state == NJ_HTTP_READ_BODY ||
                      (conn->state == NJ_HTTP_READ_HEAD && conn->in.length > 0);
    if (in_request)
        refuse(conn, 408, NULL, "the request did not arrive in time");
    else
        nj_stream_close(conn->stream);
}

static void on_timer(struct nj_timer *timer)
{
    struct nj_http_conn *conn = NJ_CONTAINER_OF(timer, struct nj_http_conn, timer);
    if (conn->deadline_us == 0 || conn->stream->closing)
        return;
    nj_us left = conn->deadline_us - now_us(conn);
    if (left > 0) {
        set_deadline(conn, left);
        return;
    }
    size_t unwritten = nj_stream_unwritten(conn->stream);
    if (conn->state == NJ_HTTP_WRITE && unwritten < conn->unwritten) {
        begin_write(conn); // slow, and moving
        return;
    }
    time_out(conn);
}

static void dispatch(struct nj_http_conn *conn)
{
    conn->server->stats.requests++;
    conn->state = NJ_HTTP_HANDLE;
    clear_deadline(conn);
    conn->server->handler(conn->request, conn->server->arg);
}

// Expect, body limit, framing: what is decided once the head is there.
static void begin_request(struct nj_http_conn *conn, const char *head, size_t length, bool more)
{
    struct nj_http_request *request = conn->request;
    int64_t limit = conn->server->options.max_body_bytes;
    const char *expect = nj_http_head_get(&request->head, "Expect");
    nj_buf_init(&request->body, (size_t)limit);
    if (request->head.content_length > limit) {
        refuse_bad(conn, 413, "the body is larger than this server takes");
    } else if (expect && !nj_text_equal_nocase(expect, "100-continue")) {
        refuse_bad(conn, 417, "only 100-continue can be expected");
    } else if (!nj_http_framing_begin(&conn->framing, head, length, &request->body)) {
        refuse_bad(conn, 400, "malformed request head");
    } else if (conn->framing.complete) {
        request->keep_alive = conn->framing.keep_alive;
        dispatch(conn);
    } else {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        conn->state = NJ_HTTP_READ_BODY;
        set_deadline(conn, conn->server->options.body_timeout_us);
        if (expect && !more && request->head.minor == 1)
            nj_stream_send(conn->stream, go_on, sizeof(go_on) - 1);
    }
}

// The whole head is there: a request comes of it, or a refusal.
static void take_whole_head(struct nj_http_conn *conn, const char *bytes, size_t head_length,
                            bool more)
{
    struct nj_http_request *request = nj_http_request_create(bytes, head_length, conn->scan.lines);
    conn->scan = (struct nj_http_head_scan){0};
    conn->request = request;
    if (!request) {
        nj_stream_close(conn->stream);
        return;
    }
    request->conn = conn;
    memcpy(request->peer, conn->peer, sizeof(request->peer));
    char *text = (char *)(request->fields + request->head.field_capacity);
    int status = nj_http_head_parse(text, head_length, &request->head);
    if (status)
        refuse_bad(conn, status, request->head.problem);
    else
        begin_request(conn, bytes, head_length, more);
}

// Tries to take a head from the front; returns the bytes used, 0 when it is not whole.
static size_t take_head(struct nj_http_conn *conn, const char *bytes, size_t length)
{
    // An empty line before a request is ignored, RFC 9112 section 2.2.
    if (conn->scan.offset == 0 && length >= 2 && memcmp(bytes, "\r\n", 2) == 0)
        return 2;
    size_t limit = (size_t)conn->server->options.max_head_bytes;
    size_t visible = length < limit ? length : limit;
    long found = nj_http_head_find(&conn->scan, bytes, visible);
    if (found < 0) {
        refuse_bad(conn, 400, "control characters or bare line ends in the request head");
        return length;
    }
    if (found == 0 && length < limit)
        return 0;
    if (found == 0) {
        refuse_bad(conn, 431, "the request head is too large");
        return length;
    }
    take_whole_head(conn, bytes, (size_t)found, length > (size_t)found);
    return (size_t)found;
}

static size_t take_body(struct nj_http_conn *conn, const char *bytes, size_t length)
{
    long used = nj_http_framing_feed(&conn->framing, bytes, length);
    if (used < 0) {
        if (nj_buf_failed(&conn->request->body) == NJ_E_TOO_BIG)
            refuse_bad(conn, 413, "the body is larger than this server takes");
        else if (nj_buf_failed(&conn->request->body))
            refuse(conn, 503, NULL, "out of memory for the body");
        else
            refuse_bad(conn, 400, "malformed chunked body");
        return length;
    }
    if (conn->framing.complete) {
        conn->request->keep_alive = conn->framing.keep_alive;
        dispatch(conn);
    }
    return (size_t)used;
}

// Handles what can be handled of the bytes; returns how many are done with.
static size_t consume(struct nj_http_conn *conn, const char *bytes, size_t length)
{
    size_t used = 0;
    conn->processing = true;
    while (used < length && conn->stream && !conn->stream->closing) {
        size_t step = 0;
        if (conn->state == NJ_HTTP_READ_HEAD)
            step = take_head(conn, bytes + used, length - used);
        else if (conn->state == NJ_HTTP_READ_BODY)
            step = take_body(conn, bytes + used, length - used);
        if (step == 0)
            break;
        used += step;
    }
    conn->processing = false;
    return used;
}

static void free_conn(struct nj_http_conn *conn)
{
    nj_timer_stop(&conn->timer);
    nj_http_file_close(&conn->file);
    nj_buf_finish(&conn->in);
    struct nj_http_request *request = conn->request;
    const bool has_handler = conn->state != NJ_HTTP_READ_BODY;
    free(conn);
    if (!has_handler) {
        nj_http_request_free(request);
    } else if (request) {
        request->conn = NULL; // its reply will be dropped
        nj_http_request_left(request);
    }
}

static void init_input(struct nj_http_conn *conn)
{
    // One read may come on top of what stops the reading.
    size_t limit = (size_t)conn->server->options.max_head_bytes + NJ_HTTP_READ_BUFFER_BYTES;
    nj_buf_init(&conn->in, limit);
}

// Keeps bytes that are not yet used; stops reading while a client sends ahead without end.
static void keep(struct nj_http_conn *conn, const char *bytes, size_t length)
{
    nj_buf_append(&conn->in, bytes, length);
    if (nj_buf_failed(&conn->in))
        nj_stream_close(conn->stream);
    else if (conn->in.length >= (size_t)conn->server->options.max_head_bytes)
        nj_stream_read_stop(conn->stream);
}

// A head that began to arrive gets its own deadline; an idle connection had another one.
static void watch_head(struct nj_http_conn *conn, bool was_waiting)
{
    if (was_waiting && conn->state == NJ_HTTP_READ_HEAD && conn->in.length > 0)
        set_deadline(conn, conn->server->options.head_timeout_us);
}

// The stream has a new owner since the handler ran: what came behind the request is the owner's.
static void finish_hand_over(struct nj_http_conn *conn, struct nj_stream *stream, const char *rest,
                             size_t length)
{
    if (length > 0 && !stream->closing)
        stream->calls->data(stream->owner, rest, length);
    free_conn(conn);
}

static void consume_kept(struct nj_http_conn *conn)
{
    struct nj_stream *stream = conn->stream;
    size_t used = consume(conn, conn->in.data, conn->in.length);
    if (!conn->stream) {
        finish_hand_over(conn, stream, conn->in.data + used, conn->in.length - used);
        return;
    }
    if (stream->closing || conn->state == NJ_HTTP_LINGER)
        return;
    if (used == conn->in.length) {
        nj_buf_finish(&conn->in); // an idle connection holds no memory for input
        init_input(conn);
    } else {
        nj_buf_consume(&conn->in, used);
        watch_head(conn, used > 0);
    }
    bool reads = conn->state == NJ_HTTP_READ_HEAD || conn->state == NJ_HTTP_READ_BODY;
    if (reads && !conn->peer_ended && !conn->stream->closing)
        nj_stream_read_start(conn->stream);
}

static void discard(struct nj_http_conn *conn, size_t length)
{
    conn->discarded += length;
    if (conn->discarded > NJ_HTTP_LINGER_MAX_BYTES)
        nj_stream_close(conn->stream);
}

// Handles bytes where they lie in the shared read buffer; only what is left over is copied.
static void consume_directly(struct nj_http_conn *conn, const char *bytes, size_t length)
{
    struct nj_stream *stream = conn->stream;
    bool was_waiting = conn->state == NJ_HTTP_READ_HEAD;
    size_t used = consume(conn, bytes, length);
    if (!conn->stream) {
        finish_hand_over(conn, stream, bytes + used, length - used);
        return;
    }
    if (stream->closing || conn->state == NJ_HTTP_LINGER)
        return;
    if (used < length)
        keep(conn, bytes + used, length - used);
    watch_head(conn, was_waiting || used > 0);
}

static void on_data(void *owner, const char *bytes, size_t length)
{
    struct nj_http_conn *conn = owner;
    bool reads = conn->state == NJ_HTTP_READ_HEAD || conn->state == NJ_HTTP_READ_BODY;
    if (conn->state == NJ_HTTP_LINGER) {
        discard(conn, length);
    } else if (reads && conn->in.length == 0) {
        consume_directly(conn, bytes, length);
    } else {
        keep(conn, bytes, length);
        if (reads && !conn->stream->closing)
            consume_kept(conn);
    }
}

static void on_ended(void *owner, bool broken)
{
    struct nj_http_conn *conn = owner;
    bool replying = conn->state == NJ_HTTP_HANDLE || conn->state == NJ_HTTP_WRITE;
    conn->peer_ended = true;
    conn->close_after = true;
    if (broken || !replying)
        nj_stream_close(conn->stream);
    else if (conn->request) // a half-closed client still waits for its answer
        nj_http_request_left(conn->request);
}

// The reply left the house: next request, or the end.
static void next_exchange(struct nj_http_conn *conn)
{
    nj_http_file_close(&conn->file);
    if (conn->close_after) {
        if (conn->linger || conn->in.length > 0)
            begin_linger(conn);
        else
            nj_stream_close(conn->stream);
        return;
    }
    conn->state = NJ_HTTP_READ_HEAD;
    set_deadline(conn, conn->server->options.idle_timeout_us);
    if (conn->processing)
        return; // the loop in consume() goes on
    if (conn->in.length > 0) {
        set_deadline(conn, conn->server->options.head_timeout_us);
        consume_kept(conn);
    }
}

void nj_http_conn_replied(struct nj_http_conn *conn)
{
    struct nj_http_request *request = conn->request;
    conn->request = NULL;
    conn->close_after |= !request->keep_alive || conn->server->stopping;
    nj_http_request_free(request);
    if (conn->stream->closing)
        return;
    if (conn->file.fd < 0 && nj_stream_idle(conn->stream))
        next_exchange(conn);
    else
        begin_write(conn);
}

struct nj_stream *nj_http_conn_hand_over(struct nj_http_conn *conn)
{
    struct nj_stream *stream = conn->stream;
    nj_http_request_free(conn->request);
    conn->request = NULL;
    conn->stream = NULL;
    nj_timer_stop(&conn->timer);
    if (!conn->processing)
        free_conn(conn);
    return stream;
}

static void on_drained(void *owner)
{
    struct nj_http_conn *conn = owner;
    if (conn->state != NJ_HTTP_WRITE)
        return; // 100 Continue went out
    if (conn->file.fd >= 0 && conn->file.left > 0) {
        nj_http_file_send_next(conn);
        if (!conn->stream->closing)
            begin_write(conn);
        return;
    }
    next_exchange(conn);
}

static void on_stop(void *owner)
{
    struct nj_http_conn *conn = owner;
    conn->close_after = true;
    if (conn->state == NJ_HTTP_READ_HEAD)
        nj_stream_close(conn->stream);
}

static void on_closed(void *owner)
{
    free_conn(owner);
}

static const struct nj_stream_owner conn_calls = {
    .data = on_data,
    .ended = on_ended,
    .drained = on_drained,
    .stop = on_stop,
    .closed = on_closed,
};

static void read_peer(struct nj_http_conn *conn)
{
    struct sockaddr_storage address;
    int length = sizeof(address);
    if (uv_tcp_getpeername(&conn->stream->tcp, (struct sockaddr *)&address, &length) == 0)
        uv_ip_name((struct sockaddr *)&address, conn->peer, sizeof(conn->peer));
}

void nj_http_conn_open(struct nj_http_server *server, struct nj_stream *stream, bool over_limit)
{
    struct nj_http_conn *conn = calloc(1, sizeof(*conn));
    if (!conn) {
        nj_stream_close(stream);
        return;
    }
    conn->server = server;
    conn->stream = stream;
    conn->file.fd = -1;
    init_input(conn);
    nj_timer_init(&conn->timer, server->loop, on_timer);
    nj_stream_set_owner(stream, &conn_calls, conn);
    read_peer(conn);
    set_deadline(conn, server->options.head_timeout_us);
    if (!stream->closing && nj_stream_read_start(stream) != 0)
        nj_stream_close(stream);
    if (!stream->closing && over_limit)
        refuse(conn, 503, NULL, "too many connections");
}
