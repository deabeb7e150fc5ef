// SPDX-License-Identifier: Apache-2.0
// Listening, going deaf and hearing again on the same port.
#include "tests/fake/rtsp_camera_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static int bound_socket(const char *host, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool six = inet_pton(AF_INET, host, &v4.sin_addr) != 1;
    if (six && inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
        return -1;
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr *address = six ? (const void *)&v6 : (const void *)&v4;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
        bind(fd, address, six ? sizeof(v6) : sizeof(v4))) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in6 address; // the port lies in the same place for both families
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)(void *)&address, &size))
        return 0;
    return ntohs(address.sin6_port);
}

bool camera_listener_hear(const struct nj_test_camera *camera, struct camera_listener *listener)
{
    listener->fd = bound_socket(camera->host, listener->port);
    if (listener->fd >= 0 && listen(listener->fd, BACKLOG)) {
        close(listener->fd);
        listener->fd = -1;
    }
    return listener->fd >= 0;
}

int camera_listener_open(struct nj_test_camera *camera, struct camera_listener *listener, int port,
                         struct nj_error *err)
{
    listener->reserve = bound_socket(camera->host, port);
    if (listener->reserve >= 0)
        listener->port = port_of(listener->reserve);
    if (listener->reserve < 0 || !camera_listener_hear(camera, listener))
        return nj_error_errno(err, errno, "the test camera cannot listen on %s port %d",
                              camera->host, port);
    return 0;
}

void camera_listener_deafen(struct camera_listener *listener)
{
    if (listener->fd >= 0)
        shutdown(listener->fd, SHUT_RDWR); // on Linux it stops listening; the thread closes it
}

void camera_listener_end(struct camera_listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

void camera_listener_close(struct camera_listener *listener)
{
    camera_listener_end(listener);
    if (listener->reserve >= 0)
        close(listener->reserve);
    listener->reserve = -1;
}
