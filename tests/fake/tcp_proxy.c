// SPDX-License-Identifier: Apache-2.0
// A bad network between a client and a server on loopback.
#include "tests/fake/tcp_proxy.h"

#include "loop/thread.h"
#include "util/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64,
    CHUNK_BYTES = 16384,
    BACKLOG = 64,
    ENOUGH_US = 20 * NJ_US_PER_S,
    NOBODY = -1,
};

// Bytes of one way; they come from the socket of the way's number and go to the other one.
struct pipe {
    uint8_t bytes[CHUNK_BYTES];
    size_t begin, end;
    nj_us due_us;    // when they may go
    uint64_t passed; // since the rule holds
    bool ended;      // the sender did
    bool told;       // and the receiver knows
};

enum mode { PASSING, DRAINING, SWALLOWING };

struct connection {
    int fds[NJ_PROXY_WAYS]; // the client's, the server's
    struct pipe pipes[NJ_PROXY_WAYS];
    struct nj_proxy_rule rule;
    enum mode mode;
    bool hit; // the rule's fault came
};

struct nj_tcp_proxy {
    int listener, wake, port;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    // Below: under the mutex.
    int server_port;
    struct nj_proxy_rule plan;
    int planned; // connections that the plan is for; -1: all
    struct connection *connections[CONNECTIONS_MAX];
    size_t open;
    int64_t counts[NJ_PROXY_COUNTS];
    bool ending;
};

static nj_us now_us(void)
{
    return nj_mono_us(nj_clock_real());
}

static void drop(int *fd, bool reset)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (*fd < 0)
        return;
    if (reset)
        (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(*fd);
    *fd = NOBODY;
}

static void end_both(struct connection *connection, bool reset)
{
    drop(&connection->fds[0], reset);
    drop(&connection->fds[1], reset);
}

// Nothing passes any more.
static void turn_to(struct connection *connection, enum mode mode)
{
    connection->mode = mode;
    for (int way = 0; way < NJ_PROXY_WAYS; way++)
        connection->pipes[way].begin = connection->pipes[way].end;
}

static void strike(struct nj_tcp_proxy *proxy, struct connection *connection)
{
    connection->hit = true;
    proxy->counts[NJ_PROXY_HITS]++;
    switch (connection->rule.fault) {
    case NJ_PROXY_CUT: // closing would reset what has sent something that was not read
        (void)shutdown(connection->fds[0], SHUT_WR);
        (void)shutdown(connection->fds[1], SHUT_WR);
        turn_to(connection, DRAINING);
        break;
    case NJ_PROXY_RESET:
        end_both(connection, true);
        break;
    case NJ_PROXY_HALF_OPEN:
        drop(&connection->fds[1], false);
        proxy->counts[NJ_PROXY_BYTES_SWALLOWED] +=
            (int64_t)(connection->pipes[0].end - connection->pipes[0].begin);
        turn_to(connection, SWALLOWING);
        break;
    case NJ_PROXY_STALL:
    case NJ_PROXY_WELL:
        break;
    }
}

static bool is_faulty(const struct connection *connection, int way)
{
    return connection->rule.fault != NJ_PROXY_WELL && (int)connection->rule.way == way;
}

static uint64_t allowance(const struct connection *connection, int way)
{
    if (!is_faulty(connection, way))
        return UINT64_MAX;
    const uint64_t passed = connection->pipes[way].passed;
    return passed < connection->rule.after ? connection->rule.after - passed : 0;
}

static bool is_waiting(const struct connection *connection, int way)
{
    return connection->pipes[way].begin < connection->pipes[way].end;
}

static bool wants_in(const struct connection *connection, int way)
{
    if (connection->fds[way] < 0 || connection->pipes[way].ended)
        return false;
    return connection->mode != PASSING ||
           (!is_waiting(connection, way) && !(connection->hit && is_faulty(connection, way)));
}

static bool wants_out(const struct connection *connection, int way)
{
    return connection->mode == PASSING && is_waiting(connection, way) &&
           !(connection->hit && is_faulty(connection, way));
}

static void take_in(struct nj_tcp_proxy *proxy, struct connection *connection, int way)
{
    struct pipe *pipe = &connection->pipes[way];
    const ssize_t got = recv(connection->fds[way], pipe->bytes, sizeof pipe->bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < 0) {
        end_both(connection, true);
    } else if (got == 0) {
        pipe->ended = true;
    } else if (connection->mode == PASSING) {
        pipe->begin = 0;
        pipe->end = (size_t)got;
        pipe->due_us = now_us() + connection->rule.delay_ms * (nj_us)NJ_US_PER_MS;
    } else if (connection->mode == SWALLOWING) {
        proxy->counts[NJ_PROXY_BYTES_SWALLOWED] += got;
    }
}

static void give_out(struct nj_tcp_proxy *proxy, struct connection *connection, int way)
{
    struct pipe *pipe = &connection->pipes[way];
    const uint64_t allowed = allowance(connection, way);
    size_t length = pipe->end - pipe->begin;
    length = length < allowed ? length : (size_t)allowed;
    ssize_t sent = 0;
    if (length > 0)
        sent = send(connection->fds[!way], pipe->bytes + pipe->begin, length, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent < 0) {
        end_both(connection, true);
        return;
    }
    pipe->begin += (size_t)sent;
    pipe->passed += (uint64_t)sent;
    proxy->counts[NJ_PROXY_BYTES_TO_SERVER + way] += sent;
    if (is_faulty(connection, way) && (uint64_t)sent == allowed)
        strike(proxy, connection);
}

// The sender's end goes the way of its bytes, and waits with them.
static void pass_end(struct connection *connection, int way)
{
    struct pipe *pipe = &connection->pipes[way];
    if (!pipe->ended || pipe->told || is_waiting(connection, way) ||
        (connection->mode == PASSING && connection->hit && is_faulty(connection, way)))
        return;
    pipe->told = true;
    if (connection->mode == PASSING)
        (void)shutdown(connection->fds[!way], SHUT_WR);
}

static void move_on(struct nj_tcp_proxy *proxy, struct connection *connection)
{
    for (int way = 0; way < NJ_PROXY_WAYS; way++) {
        if (wants_in(connection, way))
            take_in(proxy, connection, way);
        if (wants_out(connection, way) && connection->pipes[way].due_us <= now_us())
            give_out(proxy, connection, way);
        pass_end(connection, way);
    }
    const bool server_over =
        connection->mode == SWALLOWING || connection->pipes[NJ_PROXY_TO_CLIENT].told;
    if (connection->pipes[NJ_PROXY_TO_SERVER].told && server_over)
        end_both(connection, false);
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0 &&
        errno != EINPROGRESS)
        drop(&fd, false);
    return fd;
}

static void set_quick(int fd)
{
    const int on = 1; // what was cut in two must not wait for an acknowledgement
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void welcome(struct nj_tcp_proxy *proxy, int fd)
{
    struct connection *connection =
        proxy->open < CONNECTIONS_MAX ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL) {
        drop(&fd, true);
        return;
    }
    connection->fds[0] = fd;
    connection->fds[1] = NOBODY;
    if (proxy->planned != 0)
        connection->rule = proxy->plan;
    proxy->planned -= proxy->planned > 0;
    proxy->connections[proxy->open++] = connection;
    proxy->counts[NJ_PROXY_CONNECTIONS]++;
    if (connection->rule.fault == NJ_PROXY_HALF_OPEN && connection->rule.after == 0) {
        strike(proxy, connection);
        return;
    }
    connection->fds[1] = connect_to(proxy->server_port);
    if (connection->fds[1] < 0) {
        end_both(connection, true);
        return;
    }
    set_quick(connection->fds[0]);
    set_quick(connection->fds[1]);
}

static void welcome_all(struct nj_tcp_proxy *proxy)
{
    int fd;
    while ((fd = accept4(proxy->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        welcome(proxy, fd);
}

// Those whose client is gone are over, in every mode.
static void forget_ended(struct nj_tcp_proxy *proxy)
{
    size_t kept = 0;
    for (size_t i = 0; i < proxy->open; i++) {
        struct connection *connection = proxy->connections[i];
        if (connection->fds[0] >= 0)
            proxy->connections[kept++] = connection;
        else
            free(connection);
    }
    proxy->open = kept;
    proxy->counts[NJ_PROXY_OPEN] = (int64_t)kept;
}

static struct pollfd interest(const struct connection *connection, int side)
{
    struct pollfd interest = {.fd = connection->fds[side]};
    if (wants_in(connection, side))
        interest.events |= POLLIN;
    if (wants_out(connection, !side) && connection->pipes[!side].due_us <= now_us())
        interest.events |= POLLOUT;
    if (interest.events == 0)
        interest.fd = NOBODY; // a hang-up that nobody reads would be told again and again
    return interest;
}

static int time_left_ms(const struct connection *connection)
{
    int left_ms = INT_MAX;
    for (int way = 0; way < NJ_PROXY_WAYS; way++) {
        const nj_us left_us = connection->pipes[way].due_us - now_us();
        if (wants_out(connection, way) && left_us > 0 && left_us / NJ_US_PER_MS < left_ms)
            left_ms = (int)(left_us / NJ_US_PER_MS) + 1;
    }
    return left_ms;
}

static void await_something(struct nj_tcp_proxy *proxy)
{
    struct pollfd fds[2 + NJ_PROXY_WAYS * CONNECTIONS_MAX] = {
        {.fd = proxy->wake, .events = POLLIN}, {.fd = proxy->listener, .events = POLLIN}};
    nfds_t count = 2;
    int timeout_ms = INT_MAX;
    for (size_t i = 0; i < proxy->open; i++) {
        const int left_ms = time_left_ms(proxy->connections[i]);
        timeout_ms = left_ms < timeout_ms ? left_ms : timeout_ms;
        for (int side = 0; side < NJ_PROXY_WAYS; side++)
            fds[count++] = interest(proxy->connections[i], side);
    }
    pthread_mutex_unlock(&proxy->mutex);
    (void)poll(fds, count, timeout_ms == INT_MAX ? -1 : timeout_ms);
    pthread_mutex_lock(&proxy->mutex);
}

static void run(void *arg)
{
    struct nj_tcp_proxy *proxy = arg;
    eventfd_t woken;
    pthread_mutex_lock(&proxy->mutex);
    while (!proxy->ending) {
        await_something(proxy);
        (void)eventfd_read(proxy->wake, &woken);
        welcome_all(proxy);
        for (size_t i = 0; i < proxy->open; i++)
            move_on(proxy, proxy->connections[i]);
        forget_ended(proxy);
        pthread_cond_broadcast(&proxy->changed);
    }
    pthread_mutex_unlock(&proxy->mutex);
}

static void listen_at(struct nj_tcp_proxy *proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(proxy->listener >= 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(proxy->listener, BACKLOG), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &size), 0);
    proxy->port = ntohs(address.sin_port);
}

struct nj_tcp_proxy *nj_tcp_proxy_create(int server_port)
{
    struct nj_tcp_proxy *proxy = calloc(1, sizeof *proxy);
    assert_non_null(proxy);
    proxy->server_port = server_port;
    pthread_mutex_init(&proxy->mutex, NULL);
    assert_int_equal(nj_cond_init(&proxy->changed), 0);
    listen_at(proxy);
    proxy->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_true(proxy->wake >= 0);
    assert_int_equal(nj_thread_start(&proxy->thread, "tcp-proxy", run, proxy, NULL), 0);
    return proxy;
}

// Unlocks, and has the thread look at what is different now.
static void unlock_and_wake(struct nj_tcp_proxy *proxy)
{
    pthread_mutex_unlock(&proxy->mutex);
    assert_int_equal(eventfd_write(proxy->wake, 1), 0);
}

void nj_tcp_proxy_destroy(struct nj_tcp_proxy *proxy)
{
    if (proxy == NULL)
        return;
    pthread_mutex_lock(&proxy->mutex);
    proxy->ending = true;
    unlock_and_wake(proxy);
    nj_thread_join(proxy->thread);
    for (size_t i = 0; i < proxy->open; i++)
        end_both(proxy->connections[i], true);
    forget_ended(proxy);
    (void)close(proxy->listener);
    (void)close(proxy->wake);
    pthread_cond_destroy(&proxy->changed);
    pthread_mutex_destroy(&proxy->mutex);
    free(proxy);
}

int nj_tcp_proxy_port(const struct nj_tcp_proxy *proxy)
{
    return proxy->port;
}

void nj_tcp_proxy_aim(struct nj_tcp_proxy *proxy, int server_port)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->server_port = server_port;
    pthread_mutex_unlock(&proxy->mutex);
}

void nj_tcp_proxy_plan(struct nj_tcp_proxy *proxy, const struct nj_proxy_rule *rule,
                       int connections)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->plan = *rule;
    proxy->planned = connections;
    pthread_mutex_unlock(&proxy->mutex);
}

static void set_rule(struct connection *connection, const struct nj_proxy_rule *rule)
{
    connection->rule = *rule;
    connection->hit = false;
    for (int way = 0; way < NJ_PROXY_WAYS; way++)
        connection->pipes[way].passed = 0;
}

void nj_tcp_proxy_strike(struct nj_tcp_proxy *proxy, const struct nj_proxy_rule *rule)
{
    pthread_mutex_lock(&proxy->mutex);
    for (size_t i = 0; i < proxy->open; i++)
        if (proxy->connections[i]->mode == PASSING)
            set_rule(proxy->connections[i], rule);
    unlock_and_wake(proxy);
}

void nj_tcp_proxy_heal(struct nj_tcp_proxy *proxy)
{
    static const struct nj_proxy_rule well = {.fault = NJ_PROXY_WELL};
    nj_tcp_proxy_plan(proxy, &well, -1);
    nj_tcp_proxy_strike(proxy, &well);
}

int64_t nj_tcp_proxy_count(struct nj_tcp_proxy *proxy, enum nj_proxy_count count)
{
    pthread_mutex_lock(&proxy->mutex);
    const int64_t value = proxy->counts[count];
    pthread_mutex_unlock(&proxy->mutex);
    return value;
}

static void await_between(struct nj_tcp_proxy *proxy, enum nj_proxy_count count, int64_t least,
                          int64_t most)
{
    const nj_us deadline_us = now_us() + ENOUGH_US;
    pthread_mutex_lock(&proxy->mutex);
    nj_us left_us = ENOUGH_US;
    while (left_us > 0 && (proxy->counts[count] < least || proxy->counts[count] > most)) {
        (void)nj_cond_wait(&proxy->changed, &proxy->mutex, left_us);
        left_us = deadline_us - now_us();
    }
    const int64_t value = proxy->counts[count];
    pthread_mutex_unlock(&proxy->mutex);
    if (value < least || value > most)
        fail_msg("count %d of the proxy is %lld", (int)count, (long long)value);
}

void nj_tcp_proxy_await(struct nj_tcp_proxy *proxy, enum nj_proxy_count count, int64_t at_least)
{
    await_between(proxy, count, at_least, INT64_MAX);
}

void nj_tcp_proxy_await_exactly(struct nj_tcp_proxy *proxy, enum nj_proxy_count count,
                                int64_t value)
{
    await_between(proxy, count, value, value);
}
