// SPDX-License-Identifier: Apache-2.0
// Replies: the head is built in one shared buffer, the body goes beside it into one writev.
#include "net/http_server_priv.h"
#include "net/problem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *server_date(struct nj_http_server *server)
{
    time_t seconds = (time_t)(nj_wall_us(nj_loop_clock(server->loop)) / NJ_US_PER_S);
    if (seconds != server->date_seconds || !server->date[0]) {
        server->date_seconds = seconds;
        nj_http_date_format(seconds, server->date);
    }
    return server->date;
}

bool nj_http_etag_matches(const char *if_none_match, const char *etag)
{
    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    size_t length = strlen(etag);
    const char *at = if_none_match + strspn(if_none_match, ", \t");
    while (*at) {
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t item = 1;
        if (*at == '"')
            item += strcspn(at + 1, "\"") + (strchr(at + 1, '"') != NULL);
        if (item == length && strncmp(at, etag, length) == 0)
            return true;
        at += item;
        at += strspn(at, ", \t");
    }
    return false;
}

// A header that holds a line end would be two headers.
static bool is_line_safe(const char *text)
{
    for (; *text; text++) {
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return false;
    }
    return true;
}

static int append_header(struct nj_buf *buf, const char *name, const char *value)
{
    if (!is_line_safe(name) || !is_line_safe(value))
        return NJ_E_INVALID;
    nj_buf_append_text(buf, name);
    nj_buf_append(buf, ": ", 2);
    nj_buf_append_text(buf, value);
    nj_buf_append(buf, "\r\n", 2);
    return 0;
}

// Decimal without the cost of printf, which would be a third of a small reply.
static void append_number(struct nj_buf *buf, int64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    nj_buf_append(buf, digits + at, sizeof(digits) - at);
}

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

static void append_connection(struct nj_buf *buf, const struct nj_http_request *request)
{
    const struct nj_http_conn *conn = request->conn;
    bool ends = !request->keep_alive || conn->close_after || conn->server->stopping;
    if (ends)
        nj_buf_append_text(buf, "Connection: close\r\n");
    else if (request->head.minor == 0)
        nj_buf_append_text(buf, "Connection: keep-alive\r\n");
}

int nj_http_reply_head(struct nj_http_request *request, const struct nj_http_reply *reply,
                       int64_t length)
{
    struct nj_http_server *server = request->conn->server;
    struct nj_buf *buf = &server->scratch;
    nj_buf_reset(buf);
    nj_buf_append_text(buf, "HTTP/1.1 ");
    append_number(buf, reply->status);
    nj_buf_append_char(buf, ' ');
    nj_buf_append_text(buf, nj_http_status_text(reply->status));
    nj_buf_append_text(buf, "\r\nDate: ");
    nj_buf_append_text(buf, server_date(server));
    nj_buf_append(buf, "\r\n", 2);
    int code = 0;
    if (!has_no_body(reply->status)) {
        if (reply->content_type)
            code = append_header(buf, "Content-Type", reply->content_type);
        nj_buf_append_text(buf, "Content-Length: ");
        append_number(buf, length);
        nj_buf_append(buf, "\r\n", 2);
    }
    for (size_t i = 0; i < reply->header_count && !code; i++)
        code = append_header(buf, reply->headers[i].name, reply->headers[i].value);
    append_connection(buf, request);
    nj_buf_append(buf, "\r\n", 2);
    return code ? code : nj_buf_failed(buf);
}

static bool is_not_modified(const struct nj_http_request *request,
                            const struct nj_http_reply *reply)
{
    bool reads =
        strcmp(request->head.method, "GET") == 0 || strcmp(request->head.method, "HEAD") == 0;
    const char *wanted = nj_http_head_get(&request->head, "If-None-Match");
    if (reply->status != 200 || !reads || !wanted)
        return false;
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcasecmp(reply->headers[i].name, "ETag") == 0)
            return nj_http_etag_matches(wanted, reply->headers[i].value);
    }
    return false;
}

static void send_with_body(struct nj_http_conn *conn, const struct nj_http_reply *reply,
                           size_t body_length)
{
    struct nj_buf *head = &conn->server->scratch;
    uv_buf_t buffers[2] = {
        {.base = head->data, .len = head->length},
        {.base = (char *)(uintptr_t)reply->body, .len = body_length},
    };
    char *owned = reply->take_body ? buffers[1].base : NULL;
    long written = nj_stream_try(conn->stream, buffers, body_length > 0 ? 2 : 1);
    if (written < 0 || (size_t)written == head->length + body_length) {
        free(owned);
        return;
    }
    size_t head_left = 0, body_done = 0;
    if ((size_t)written < head->length) {
        head_left = head->length - (size_t)written;
        nj_stream_send(conn->stream, head->data + written, head_left);
    } else {
        body_done = (size_t)written - head->length;
    }
    const char *rest = (const char *)reply->body + body_done;
    if (owned && body_length > 0) {
        nj_stream_queue(conn->stream, rest, body_length - body_done, owned, free);
        return;
    }
    free(owned);
    if (body_length > 0)
        nj_stream_send(conn->stream, rest, body_length - body_done);
}

// Sends a reply whose body is settled; `reply->body` is taken or not as it says.
static void send_reply(struct nj_http_request *request, const struct nj_http_reply *reply)
{
    struct nj_http_conn *conn = request->conn;
    bool bare = strcmp(request->head.method, "HEAD") == 0 || has_no_body(reply->status);
    int code = nj_http_reply_head(request, reply, (int64_t)reply->body_length);
    if (code) { // a bug of the handler, or no memory: the client gets an honest 500
        struct nj_http_reply plain = {.status = 500};
        if (reply->take_body)
            free((void *)(uintptr_t)reply->body);
        if (nj_http_reply_head(request, &plain, 0) != 0)
            nj_stream_close(conn->stream);
        else
            send_with_body(conn, &plain, 0);
        return;
    }
    send_with_body(conn, reply, bare ? 0 : reply->body_length);
}

void nj_http_reply(struct nj_http_request *request, const struct nj_http_reply *reply)
{
    struct nj_http_conn *conn = request->conn;
    if (!conn || conn->stream->closing) {
        if (reply->take_body)
            free((void *)(uintptr_t)reply->body);
        if (conn)
            conn->request = NULL;
        nj_http_request_free(request);
        return;
    }
    conn->close_after |= reply->close;
    struct nj_http_reply sent = *reply;
    if (is_not_modified(request, reply))
        sent.status = 304;
    send_reply(request, &sent);
    nj_http_conn_replied(conn);
}
