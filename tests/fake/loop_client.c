// SPDX-License-Identifier: Apache-2.0
// A client on a loopback socket that turns the server's loop while it waits.
#include "tests/fake/loop_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TURNS = 4,
    WAIT_MS = 2,
    ASK_ROUNDS = 5000, // an answer may wait for another thread
    QUIET_ROUNDS = 20, // of silence before a message counts as not coming
    IN_MAX_BYTES = 64 << 20,
};

void nj_loop_client_open(struct nj_loop_client *client, struct nj_loop *loop, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    client->loop = loop;
    client->ended = false;
    nj_buf_init(&client->in, IN_MAX_BYTES);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof address), 0);
    int on = 1;
    assert_int_equal(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
}

void nj_loop_client_close(struct nj_loop_client *client)
{
    if (client->loop == NULL)
        return;
    close(client->fd);
    for (int i = 0; i < TURNS; i++)
        nj_loop_turn(client->loop);
    nj_buf_finish(&client->in);
    client->loop = NULL;
}

void nj_loop_client_send(struct nj_loop_client *client, const void *bytes, size_t length)
{
    assert_int_equal(send(client->fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static bool receive(struct nj_loop_client *client, int rounds)
{
    static char bytes[65536];
    for (int round = 0; round < rounds && !client->ended; round++) {
        for (int i = 0; i < TURNS; i++)
            nj_loop_turn(client->loop);
        struct pollfd ready = {.fd = client->fd, .events = POLLIN};
        if (poll(&ready, 1, WAIT_MS) == 0)
            continue;
        ssize_t count = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        client->ended = count <= 0;
        if (count > 0)
            nj_buf_append(&client->in, bytes, (size_t)count);
        assert_int_equal(nj_buf_failed(&client->in), 0);
        return true;
    }
    return client->ended;
}

bool nj_loop_client_more(struct nj_loop_client *client)
{
    return receive(client, QUIET_ROUNDS);
}

static const char *find_header(const char *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(head, "\r\n"); at != NULL; at = strstr(at, "\r\n")) {
        at += 2;
        if (strncasecmp(at, name, length) == 0 && at[length] == ':')
            return at + length + 1 + strspn(at + length + 1, " ");
    }
    return NULL;
}

const char *nj_answer_header(const struct nj_answer *answer, const char *name, char *out,
                             size_t size)
{
    const char *value = find_header(answer->head, name);
    snprintf(out, size, "%.*s", value != NULL ? (int)strcspn(value, "\r") : 0,
             value != NULL ? value : "");
    return out;
}

static void wait_until(struct nj_loop_client *client, size_t length)
{
    while (client->in.length < length && !client->ended)
        assert_true(receive(client, ASK_ROUNDS));
    assert_true(client->in.length >= length);
}

static size_t wait_for_head(struct nj_loop_client *client)
{
    const char *end = NULL;
    while (client->in.data == NULL || (end = strstr(client->in.data, "\r\n\r\n")) == NULL) {
        if (client->ended || !receive(client, ASK_ROUNDS))
            fail_msg("no answer, \"%s\"", client->in.data != NULL ? client->in.data : "");
    }
    return (size_t)(end - client->in.data) + 4;
}

void nj_loop_client_ask(struct nj_loop_client *client, const char *request, struct nj_answer *out)
{
    nj_loop_client_send(client, request, strlen(request));
    size_t head = wait_for_head(client);
    out->head = strndup(client->in.data, head);
    out->status = atoi(out->head + strlen("HTTP/1.1 "));
    const char *length = find_header(out->head, "Content-Length");
    bool bare = strncmp(request, "HEAD", 4) == 0 || out->status == 304 || out->status == 204;
    out->length = length != NULL && !bare ? strtoul(length, NULL, 10) : 0;
    wait_until(client, head + out->length);
    out->body = calloc(1, out->length + 1);
    assert_non_null(out->body);
    if (out->length > 0)
        memcpy(out->body, client->in.data + head, out->length);
    nj_buf_consume(&client->in, head + out->length);
}

void nj_answer_finish(struct nj_answer *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (struct nj_answer){.status = 0};
}

void nj_ws_open(struct nj_loop_client *client, const char *path, const char *headers)
{
    char request[1024];
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
             path, headers);
    nj_loop_client_send(client, request, strlen(request));
    size_t head = wait_for_head(client);
    if (strncmp(client->in.data, "HTTP/1.1 101 ", 13) != 0)
        fail_msg("no upgrade: %.300s", client->in.data);
    assert_non_null(strstr(client->in.data, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    nj_buf_consume(&client->in, head);
}

void nj_ws_send(struct nj_loop_client *client, const char *text)
{
    size_t length = strlen(text), at = 2;
    unsigned char *frame = calloc(1, length + 14);
    assert_non_null(frame);
    frame[0] = 0x81;
    if (length < 126) {
        frame[1] = (unsigned char)(0x80 | length);
    } else {
        assert_true(length < 65536);
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(length >> 8);
        frame[3] = (unsigned char)length;
        at = 4;
    }
    at += 4; // a mask of zeros leaves the payload as it is
    memcpy(frame + at, text, length);
    nj_loop_client_send(client, frame, at + length);
    free(frame);
}

// Header and payload length of the frame at the front; false while it is not whole.
static bool whole_frame(const struct nj_buf *in, size_t *header, size_t *payload)
{
    const unsigned char *bytes = (const unsigned char *)in->data;
    if (in->length < 2)
        return false;
    *header = 2;
    *payload = bytes[1];
    if (bytes[1] == 126) {
        *header = 4;
        if (in->length < *header)
            return false;
        *payload = (size_t)bytes[2] << 8 | bytes[3];
    } else if (bytes[1] == 127) {
        *header = 10;
        if (in->length < *header)
            return false;
        *payload = 0;
        for (int i = 2; i < 10; i++)
            *payload = *payload << 8 | bytes[i];
    }
    return in->length >= *header + *payload;
}

const char *nj_ws_next(struct nj_loop_client *client, char *out, size_t size)
{
    size_t header, payload;
    while (!whole_frame(&client->in, &header, &payload)) {
        if (client->ended || !nj_loop_client_more(client)) {
            snprintf(out, size, "%s", client->ended ? "ended" : "");
            return out;
        }
    }
    const unsigned char *bytes = (const unsigned char *)client->in.data;
    if ((bytes[0] & 0x0f) == 8)
        snprintf(out, size, "close %d",
                 payload >= 2 ? bytes[header] << 8 | bytes[header + 1] : 1005);
    else if ((bytes[0] & 0x0f) == 9)
        snprintf(out, size, "ping");
    else
        snprintf(out, size, "%.*s", (int)payload, (const char *)bytes + header);
    nj_buf_consume(&client->in, header + payload);
    return out;
}
