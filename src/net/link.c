// SPDX-License-Identifier: Apache-2.0
// Connections through libcurl's "connect only": it connects and speaks TLS; waiting is done here.
#include "net/link.h"

#include "net/curl_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    URL_MAX = NJ_URL_HOST_SIZE + 32, // "https://[" host "]:" port
    LOOK_AROUND = 100,               // ms between two looks at the cancel token while nothing comes
};

struct nj_link {
    struct nj_curl curl;
    curl_socket_t fd;
    const struct nj_cancel *cancel;
    const struct nj_clock *clock;
    bool tls;
    bool drained; // nothing more is there before the socket says so
};

static int connect_now(struct nj_link *link, const struct nj_link_target *target, const char *url,
                       struct nj_error *err)
{
    const struct nj_curl_request request = {
        .url = url,
        .rules = target->rules,
        .connect_us = target->timeout_us,
        .deadline_us = nj_mono_us(nj_clock_real()) + target->timeout_us,
        .total_us = target->timeout_us,
        .cancel = target->cancel,
    };
    CURL *handle = link->curl.handle;
    long trust = 0;
    int rc = nj_curl_begin(&link->curl, &request, err);
    if (rc != 0)
        return rc;
    curl_easy_setopt(handle, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, target->tls_verify ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, target->tls_verify ? 2L : 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_ENABLE_ALPN, 0L); // it is not HTTP that will be spoken
    rc = nj_curl_perform(&link->curl, err);
    if (rc == 0 && curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &link->fd) == CURLE_OK)
        return 0;
    (void)curl_easy_getinfo(handle, CURLINFO_SSL_VERIFYRESULT, &trust);
    if (target->tls && target->tls_verify && trust != 0)
        return nj_error_set(err, NJ_E_DENIED,
                            "the certificate of %s is not trusted (tls_verify: false accepts any)",
                            target->host);
    return rc != 0 ? rc : nj_error_set(err, NJ_E_UNAVAILABLE, "the connection broke");
}

int nj_link_open(const struct nj_link_target *target, struct nj_link **out, struct nj_error *err)
{
    char url[URL_MAX];
    const bool six = strchr(target->host, ':') != NULL;
    const int length = snprintf(url, sizeof url, "%s://%s%s%s:%d", target->tls ? "https" : "http",
                                six ? "[" : "", target->host, six ? "]" : "", target->port);
    if (length >= (int)sizeof url)
        return nj_error_set(err, NJ_E_INVALID, "the host's name is too long");
    struct nj_link *link = calloc(1, sizeof *link);
    if (!link)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a connection");
    link->cancel = target->cancel;
    link->clock = target->clock;
    link->tls = target->tls;
    int rc = nj_curl_init(&link->curl, target->resolver, err);
    if (rc == 0)
        rc = connect_now(link, target, url, err);
    if (rc != 0) {
        nj_link_close(link);
        return rc;
    }
    *out = link;
    return 0;
}

void nj_link_close(struct nj_link *link)
{
    if (!link)
        return;
    if (link->curl.handle)
        nj_curl_end(&link->curl);
    nj_curl_finish(&link->curl);
    free(link);
}

static int look_around(const struct nj_link *link, struct nj_error *err)
{
    const bool cancelled = link->cancel && nj_cancel_fired(link->cancel);
    return cancelled ? nj_error_set(err, NJ_E_CANCELLED, "cancelled") : 0;
}

// Until the socket is ready, or an error.
static int wait_for(const struct nj_link *link, short events, nj_us deadline_us,
                    struct nj_error *err)
{
    for (;;) {
        if (look_around(link, err) != 0)
            return NJ_E_CANCELLED;
        nj_us left_us = deadline_us - nj_mono_us(link->clock);
        if (left_us <= 0)
            return nj_error_set(err, NJ_E_TIMEOUT, "the other side is silent");
        nj_us left_ms = (left_us + NJ_US_PER_MS - 1) / NJ_US_PER_MS;
        struct pollfd ready = {.fd = link->fd, .events = events};
        int count = poll(&ready, 1, left_ms < LOOK_AROUND ? (int)left_ms : LOOK_AROUND);
        if (count > 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return nj_error_errno(err, errno, "waiting");
    }
}

int nj_link_send(struct nj_link *link, const void *bytes, size_t length, nj_us deadline_us,
                 struct nj_error *err)
{
    const char *at = bytes;
    while (length > 0) {
        size_t sent = 0;
        CURLcode result = curl_easy_send(link->curl.handle, at, length, &sent);
        if (result != CURLE_OK && result != CURLE_AGAIN)
            return nj_error_set(err, NJ_E_UNAVAILABLE, "the connection broke while sending");
        at += sent;
        length -= sent;
        int rc = length > 0 ? wait_for(link, POLLOUT, deadline_us, err) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

int nj_link_receive(struct nj_link *link, void *out, size_t *size, nj_us deadline_us,
                    struct nj_error *err)
{
    for (;;) {
        size_t count = 0;
        int rc = link->drained ? wait_for(link, POLLIN, deadline_us, err) : look_around(link, err);
        if (rc != 0)
            return rc;
        CURLcode result = curl_easy_recv(link->curl.handle, out, *size, &count);
        link->drained = result == CURLE_AGAIN || (!link->tls && count < *size);
        if (result == CURLE_AGAIN)
            continue;
        if (result != CURLE_OK)
            return nj_error_set(err, NJ_E_UNAVAILABLE, "the connection broke");
        *size = count;
        return 0;
    }
}
