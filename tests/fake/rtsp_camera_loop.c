// SPDX-License-Identifier: Apache-2.0
// The test camera's connections and its thread.
#include "tests/fake/rtsp_camera_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNS_MAX = 256,
    FIRST_CONN = 3, // before it: the wake-up and two listeners
    IN_MAX_BYTES = 64 * 1024,
    READ_BYTES = 16 * 1024,
    NOISE_BYTES = 64 * 1024,
};

nj_us camera_now_us(void)
{
    return nj_mono_us(nj_clock_real());
}

void camera_wake(struct nj_test_camera *camera)
{
    (void)eventfd_write(camera->wake_fd, 1);
}

void camera_conn_kill(struct camera_conn *conn)
{
    if (conn->dead)
        return;
    camera_play_stop(conn);
    camera_count(conn, connections_now, -1);
    conn->mount = NULL;
    conn->dead = true;
    shutdown(conn->fd, SHUT_RDWR);
}

static void conn_reap(struct camera_conn *conn)
{
    nj_list_remove(&conn->node);
    SSL_free(conn->ssl);
    close(conn->fd);
    nj_buf_finish(&conn->in);
    nj_buf_finish(&conn->out);
    free(conn);
}

static void conn_accept(struct nj_test_camera *camera, const struct camera_listener *listener)
{
    int fd =
        listener->fd >= 0 ? accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
    if (fd < 0)
        return;
    struct camera_conn *conn = calloc(1, sizeof(*conn));
    SSL *ssl = listener == &camera->secure ? SSL_new(camera->tls) : NULL;
    bool fine = conn && camera->stats.connections_now < CONNS_MAX;
    if (listener == &camera->secure)
        fine = fine && ssl && SSL_set_fd(ssl, fd) > 0;
    if (!fine) {
        SSL_free(ssl);
        free(conn);
        close(fd);
        return;
    }
    if (ssl)
        SSL_set_accept_state(ssl);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    *conn = (struct camera_conn){.camera = camera, .fd = fd, .ssl = ssl};
    nj_buf_init(&conn->in, IN_MAX_BYTES);
    nj_buf_init(&conn->out, CAMERA_OUT_MAX_BYTES);
    nj_list_append(&camera->conns, &conn->node);
    camera_count(conn, connections_now, 1);
    camera_count(conn, connections_ever, 1);
}

// More than 0: bytes; 0: not now; less: the end.
static ssize_t conn_io_result(struct camera_conn *conn, ssize_t n)
{
    if (n > 0)
        return n;
    if (!conn->ssl)
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    int error = SSL_get_error(conn->ssl, (int)n);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void conn_read(struct camera_conn *conn)
{
    ssize_t n = 1;
    while (n > 0 && !conn->dead) {
        char *room = nj_buf_room(&conn->in, READ_BYTES);
        if (!room) { // somebody talks and does not listen
            camera_conn_kill(conn);
            return;
        }
        ERR_clear_error(); // of another connection
        n = conn->ssl ? SSL_read(conn->ssl, room, READ_BYTES) : recv(conn->fd, room, READ_BYTES, 0);
        n = conn_io_result(conn, n);
        if (n > 0) {
            nj_buf_commit(&conn->in, (size_t)n);
            camera_answer_all(conn);
        }
    }
    if (n < 0)
        camera_conn_kill(conn);
}

void camera_conn_flush(struct camera_conn *conn)
{
    size_t sent = 0;
    ssize_t n = 1;
    while (n > 0 && sent < conn->out.length) {
        const char *from = conn->out.data + sent;
        size_t left = conn->out.length - sent;
        int part = left < NOISE_BYTES ? (int)left : NOISE_BYTES;
        ERR_clear_error();
        n = conn->ssl ? SSL_write(conn->ssl, from, part)
                      : send(conn->fd, from, (size_t)part, MSG_NOSIGNAL);
        n = conn_io_result(conn, n);
        sent += n > 0 ? (size_t)n : 0;
    }
    if (sent) {
        nj_buf_consume(&conn->out, sent);
        camera_count(conn, bytes, (int64_t)sent);
    }
    if (n < 0 || nj_buf_failed(&conn->out) || (conn->closing && !conn->out.length))
        camera_conn_kill(conn);
}

static void make_noise(struct camera_conn *conn)
{
    static const char line[] = "no picture ends like this; ";
    while (conn->endless && conn->out.length < NOISE_BYTES)
        nj_buf_append_text(&conn->out, line);
}

static void conn_tend(struct camera_conn *conn, short events)
{
    if (!conn->dead && (events & (POLLIN | POLLHUP | POLLERR)))
        conn_read(conn);
    if (!conn->dead)
        camera_answer_all(conn);
    if (!conn->dead) {
        make_noise(conn);
        camera_play_tend(conn);
        camera_conn_flush(conn);
    }
    if (conn->dead)
        conn_reap(conn);
}

static nj_us min_us(nj_us a, nj_us b)
{
    return a < b ? a : b;
}

static void tend_listeners(struct nj_test_camera *camera, const struct pollfd *polled)
{
    if (!camera->down_until) {
        if (polled[0].revents)
            conn_accept(camera, &camera->plain);
        if (polled[1].revents)
            conn_accept(camera, &camera->secure);
        return;
    }
    camera_listener_end(&camera->plain);
    camera_listener_end(&camera->secure);
    if (camera_now_us() < camera->down_until || !camera_listener_hear(camera, &camera->plain))
        return; // a port that is not free yet is tried again
    if (camera->tls && !camera_listener_hear(camera, &camera->secure)) {
        camera_listener_end(&camera->plain);
        return;
    }
    camera->down_until = 0;
}

// Fills `polled` and returns how many; *timeout_ms for poll.
static size_t prepare(struct nj_test_camera *camera, struct pollfd *polled, int *timeout_ms)
{
    enum { RETRY_US = 10000, LONGEST_US = 10000000 };
    nj_us now = camera_now_us();
    nj_us due = now + LONGEST_US;
    polled[0] = (struct pollfd){.fd = camera->wake_fd, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = camera->plain.fd, .events = POLLIN};
    polled[2] = (struct pollfd){.fd = camera->secure.fd, .events = POLLIN};
    if (camera->down_until)
        due = min_us(due, camera->down_until > now ? camera->down_until : now + RETRY_US);
    size_t count = FIRST_CONN;
    for (struct nj_list *node = camera->conns.next; node != &camera->conns; node = node->next) {
        struct camera_conn *conn = NJ_CONTAINER_OF(node, struct camera_conn, node);
        bool writes = conn->out.length || conn->endless;
        polled[count++] =
            (struct pollfd){.fd = conn->fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
        due = min_us(due, camera_play_due(conn));
        if (conn->held_until)
            due = min_us(due, conn->held_until);
    }
    *timeout_ms = due > now ? (int)((due - now + 999) / 1000) : 0;
    return count;
}

void camera_run(void *arg)
{
    struct nj_test_camera *camera = arg;
    struct pollfd polled[FIRST_CONN + CONNS_MAX];
    pthread_mutex_lock(&camera->mutex);
    while (!camera->stopping) {
        int timeout_ms;
        size_t count = prepare(camera, polled, &timeout_ms);
        pthread_mutex_unlock(&camera->mutex);
        (void)poll(polled, count, timeout_ms);
        pthread_mutex_lock(&camera->mutex);
        if (polled[0].revents)
            (void)eventfd_read(camera->wake_fd, &(eventfd_t){0});
        size_t at = FIRST_CONN; // the thread alone adds and removes connections
        for (struct nj_list *node = camera->conns.next; node != &camera->conns; at++) {
            struct camera_conn *conn = NJ_CONTAINER_OF(node, struct camera_conn, node);
            node = node->next;
            conn_tend(conn, polled[at].revents);
        }
        tend_listeners(camera, polled + 1);
    }
    while (!nj_list_empty(&camera->conns)) {
        struct camera_conn *conn = NJ_CONTAINER_OF(camera->conns.next, struct camera_conn, node);
        camera_conn_kill(conn);
        conn_reap(conn);
    }
    pthread_mutex_unlock(&camera->mutex);
}
