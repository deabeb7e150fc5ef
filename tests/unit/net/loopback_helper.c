// SPDX-License-Identifier: Apache-2.0
// A server on a loopback port with a fake clock, turned by the test itself, and raw clients.
#include "tests/unit/net/loopback_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TURNS = 8,         // enough for accept, read, reply and close to follow each other
    SILENT_ROUNDS = 4, // of waiting before an answer counts as not coming
    WAIT_MS = 5,
    IN_MAX_BYTES = 64 << 20,
};

const struct nj_http_server_options loopback_options = {
    .host = "127.0.0.1",
    .max_connections = 64,
    .max_head_bytes = 8192,
    .max_body_bytes = 65536,
    .head_timeout_us = 10 * NJ_US_PER_S,
    .body_timeout_us = 20 * NJ_US_PER_S,
    .idle_timeout_us = 60 * NJ_US_PER_S,
};

void loopback_start(struct loopback *loopback, const struct nj_http_server_options *options,
                    nj_http_handler handler, void *arg)
{
    struct nj_error err;
    nj_fake_clock_init(&loopback->clock, 784111777 * (nj_us)NJ_US_PER_S);
    loopback->stopped = false;
    assert_int_equal(nj_loop_create(&loopback->clock.clock, &loopback->loop, &err), 0);
    assert_int_equal(
        nj_http_server_create(loopback->loop, options, handler, arg, &loopback->server), 0);
    assert_int_equal(nj_http_server_start(loopback->server, &err), 0);
}

void loopback_turn(struct loopback *loopback)
{
    for (int i = 0; i < TURNS; i++)
        nj_loop_turn(loopback->loop);
}

static void on_stopped(void *arg)
{
    struct loopback *loopback = arg;
    loopback->stopped = true;
}

void loopback_stop(struct loopback *loopback)
{
    nj_http_server_stop(loopback->server, 0, on_stopped, loopback);
    loopback_turn(loopback);
    assert_true(loopback->stopped);
    nj_http_server_destroy(loopback->server);
    nj_loop_destroy(loopback->loop);
}

int loopback_connect(const struct loopback *loopback)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)nj_http_server_port(loopback->server));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    int on = 1; // bytes sent one by one must not wait for each other's ACK
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    return fd;
}

void loopback_send(int fd, const char *bytes, size_t length)
{
    assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

bool loopback_receive(struct loopback *loopback, int fd, const char *text, struct nj_buf *in)
{
    char bytes[65536];
    int silent = 0;
    while (silent < SILENT_ROUNDS) {
        loopback_turn(loopback);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, WAIT_MS) == 0) {
            silent++;
            continue;
        }
        ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (count <= 0)
            return true;
        nj_buf_append(in, bytes, (size_t)count);
        assert_int_equal(nj_buf_failed(in), 0);
        silent = 0;
        if (text && strstr(in->data, text))
            return false;
    }
    return false;
}

char *loopback_ask(struct loopback *loopback, const char *request, bool *closed)
{
    struct nj_buf in;
    nj_buf_init(&in, IN_MAX_BYTES);
    int fd = loopback_connect(loopback);
    loopback_send(fd, request, strlen(request));
    bool ended = loopback_receive(loopback, fd, NULL, &in);
    if (closed)
        *closed = ended;
    close(fd);
    loopback_turn(loopback);
    nj_buf_append_text(&in, "");
    char *answer = nj_buf_take(&in, NULL);
    return answer ? answer : calloc(1, 1);
}
