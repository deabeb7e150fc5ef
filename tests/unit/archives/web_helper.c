// SPDX-License-Identifier: Apache-2.0
// A small web server that gives one file, also badly.
#include "tests/unit/archives/web_helper.h"

#include "loop/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, WAIT_US = 10 * NJ_US_PER_S, ENDLESS_BYTES = 64 * 1024 };

struct connection {
    struct web *web;
    int fd;
    pthread_t thread;
};

static bool send_all(int fd, const void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        const ssize_t count = send(fd, (const char *)bytes + done, length - done, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        done += (size_t)count;
    }
    return true;
}

static bool send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

// The mutex is held.
static const char *header(const char *head, const char *name)
{
    const char *at = strstr(head, name);
    return at != NULL ? at + strlen(name) : NULL;
}

static void send_file(struct web *web, int fd, const char *head, bool may_cut)
{
    char lines[512];
    pthread_mutex_lock(&web->mutex);
    const char *bytes = web->bytes, *etag = web->etag;
    const char *range = header(head, "Range: bytes="), *condition = header(head, "If-Range: ");
    const char *none = header(head, "If-None-Match: ");
    size_t start = range != NULL && !web->no_ranges ? strtoul(range, NULL, 10) : 0;
    const size_t length = web->length;
    size_t cut = may_cut ? web->cut : 0;
    if (may_cut)
        web->cut = 0;
    if (condition != NULL && (etag == NULL || strncmp(condition, etag, strlen(etag)) != 0))
        start = 0;
    const bool unchanged = none != NULL && etag != NULL && strncmp(none, etag, strlen(etag)) == 0;
    pthread_mutex_unlock(&web->mutex);
    if (unchanged) {
        send_text(fd, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
        return;
    }
    int used =
        snprintf(lines, sizeof lines, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
                 start > 0 ? "206 Partial Content" : "200 OK", length - start);
    if (etag != NULL)
        used += snprintf(lines + used, sizeof lines - (size_t)used, "ETag: %s\r\n", etag);
    if (start > 0)
        used += snprintf(lines + used, sizeof lines - (size_t)used,
                         "Content-Range: bytes %zu-%zu/%zu\r\n", start, length - 1, length);
    snprintf(lines + used, sizeof lines - (size_t)used, "\r\n");
    if (cut == 0 || cut > length - start)
        cut = length - start;
    if (send_text(fd, lines))
        send_all(fd, bytes + start, cut);
}

// Waits until the server may go on, or ends.
static void wait_held(struct web *web)
{
    pthread_mutex_lock(&web->mutex);
    while (web->held && !web->ending)
        pthread_cond_wait(&web->changed, &web->mutex);
    pthread_mutex_unlock(&web->mutex);
}

static void send_silence(struct web *web, int fd)
{
    struct pollfd gone = {.fd = fd, .events = POLLIN};
    (void)web;
    send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nx");
    poll(&gone, 1, WAIT_US / NJ_US_PER_MS); // the client gives up first
}

static void send_endless(int fd)
{
    static char zeros[ENDLESS_BYTES];
    bool alive = send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while (alive)
        alive = send_all(fd, zeros, sizeof zeros);
}

static void send_redirect(struct web *web, int fd, const char *host, const char *path)
{
    char text[256];
    snprintf(text, sizeof text,
             "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: http://%s:%d%s\r\n"
             "Content-Length: 0\r\n\r\n",
             host, web->port, path);
    send_text(fd, text);
}

static bool asks(const char *head, const char *path)
{
    const size_t length = strlen(path);
    return strncmp(head, "GET ", 4) == 0 && strncmp(head + 4, path, length) == 0 &&
           head[4 + length] == ' ';
}

static bool takes_refusal(struct web *web)
{
    pthread_mutex_lock(&web->mutex);
    const bool refused = web->cut == 0 && web->refusals > 0;
    web->refusals -= refused;
    pthread_mutex_unlock(&web->mutex);
    return refused;
}

static void answer(struct web *web, int fd, const char *head)
{
    if (asks(head, "/hold"))
        wait_held(web);
    const bool refused = asks(head, "/cut") && takes_refusal(web);
    if (!refused && (asks(head, "/a") || asks(head, "/hold") || asks(head, "/cut")))
        send_file(web, fd, head, asks(head, "/cut"));
    else if (asks(head, "/moved"))
        send_redirect(web, fd, "127.0.0.1", "/a");
    else if (asks(head, "/loop"))
        send_redirect(web, fd, "127.0.0.1", "/loop");
    else if (asks(head, "/elsewhere"))
        send_redirect(web, fd, "127.0.0.2", "/a");
    else if (asks(head, "/huge"))
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\nPK");
    else if (asks(head, "/endless"))
        send_endless(fd);
    else if (asks(head, "/silent"))
        send_silence(web, fd);
    else if (refused || asks(head, "/broken"))
        send_text(fd, "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    else
        send_text(fd, "HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
}

static void serve(void *arg)
{
    struct connection *connection = arg;
    struct web *web = connection->web;
    char head[WEB_LAST_MAX] = "";
    size_t length = 0;
    while (strstr(head, "\r\n\r\n") == NULL && length < sizeof head - 1) {
        const ssize_t count = recv(connection->fd, head + length, sizeof head - 1 - length, 0);
        if (count <= 0)
            break;
        length += (size_t)count;
        head[length] = '\0';
    }
    if (strstr(head, "\r\n\r\n") != NULL) {
        pthread_mutex_lock(&web->mutex);
        memcpy(web->last, head, sizeof head);
        web->requests++;
        pthread_cond_broadcast(&web->changed);
        pthread_mutex_unlock(&web->mutex);
        answer(web, connection->fd, head);
    }
    shutdown(connection->fd, SHUT_RDWR);
}

static void run(void *arg)
{
    struct web *web = arg;
    struct connection connections[CONNECTIONS_MAX];
    int count = 0;
    while (count < CONNECTIONS_MAX) {
        const int fd = accept(web->fd, NULL, NULL);
        if (fd < 0)
            break; // it was shut down
        connections[count] = (struct connection){.web = web, .fd = fd};
        if (nj_thread_start(&connections[count].thread, "web", serve, &connections[count], NULL) ==
            0)
            count++;
        else
            close(fd);
    }
    for (int i = 0; i < count; i++) {
        shutdown(connections[i].fd, SHUT_RDWR);
        nj_thread_join(connections[i].thread);
        close(connections[i].fd);
    }
}

void web_start(struct web *web, const void *bytes, size_t length)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
    socklen_t size = sizeof address;
    *web = (struct web){.bytes = bytes, .length = length, .etag = "\"one\""};
    pthread_mutex_init(&web->mutex, NULL);
    assert_int_equal(nj_cond_init(&web->changed), 0);
    web->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(web->fd >= 0);
    assert_int_equal(bind(web->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(web->fd, 16), 0);
    assert_int_equal(getsockname(web->fd, (struct sockaddr *)&address, &size), 0);
    web->port = ntohs(address.sin_port);
    assert_int_equal(nj_thread_start(&web->thread, "web", run, web, NULL), 0);
}

void web_stop(struct web *web)
{
    pthread_mutex_lock(&web->mutex);
    web->ending = true;
    pthread_cond_broadcast(&web->changed);
    pthread_mutex_unlock(&web->mutex);
    shutdown(web->fd, SHUT_RDWR);
    nj_thread_join(web->thread);
    close(web->fd);
    pthread_cond_destroy(&web->changed);
    pthread_mutex_destroy(&web->mutex);
}

void web_url(const struct web *web, const char *path, char *out, size_t size)
{
    snprintf(out, size, "http://127.0.0.1:%d%s", web->port, path);
}

void web_set(struct web *web, const void *bytes, size_t length, const char *etag)
{
    pthread_mutex_lock(&web->mutex);
    web->bytes = bytes;
    web->length = length;
    web->etag = etag;
    pthread_mutex_unlock(&web->mutex);
}

void web_fail(struct web *web, size_t cut, int refusals)
{
    pthread_mutex_lock(&web->mutex);
    web->cut = cut;
    web->refusals = refusals;
    pthread_mutex_unlock(&web->mutex);
}

void web_ranges(struct web *web, bool served)
{
    pthread_mutex_lock(&web->mutex);
    web->no_ranges = !served;
    pthread_mutex_unlock(&web->mutex);
}

void web_hold(struct web *web, bool held)
{
    pthread_mutex_lock(&web->mutex);
    web->held = held;
    pthread_cond_broadcast(&web->changed);
    pthread_mutex_unlock(&web->mutex);
}

int web_requests(struct web *web)
{
    pthread_mutex_lock(&web->mutex);
    const int requests = web->requests;
    pthread_mutex_unlock(&web->mutex);
    return requests;
}

void web_wait(struct web *web, int requests)
{
    int rc = 0;
    pthread_mutex_lock(&web->mutex);
    while (web->requests < requests && rc == 0)
        rc = nj_cond_wait(&web->changed, &web->mutex, WAIT_US);
    pthread_mutex_unlock(&web->mutex);
    assert_int_equal(rc, 0);
}

bool web_saw(struct web *web, const char *line)
{
    pthread_mutex_lock(&web->mutex);
    const char *at = strstr(web->last, line);
    const bool found = at != NULL && strncmp(at + strlen(line), "\r\n", 2) == 0;
    pthread_mutex_unlock(&web->mutex);
    return found;
}
