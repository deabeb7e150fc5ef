// SPDX-License-Identifier: Apache-2.0
// A link to a Redis server on the event loop: hiredis formats and parses without ever waiting, a
// uv_poll says when it may read and write.
#include "bus/redis_priv.h"
#include "util/mem.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

enum {
    READS_MAX = 64,        // of 16 KiB each at one event; others want their turn
    REPLY_MAX = 128 << 20, // bytes of an answer that is not whole; what is saved is far smaller
};

// uv_close needs the handle for longer than the link may live.
struct watcher {
    uv_poll_t poll;
    struct nj_redis_link *link;
};

struct nj_redis_link {
    struct nj_redis_link_config config;
    struct nj_resolve_watch name;
    bool resolving;
    unsigned next_address;
    redisContext *context;
    struct watcher *watcher;
    struct ssl_st *tls; // the context's; NULL: none
    bool unsent;        // the context holds bytes for the server
    bool up, closed, down_told;
    unsigned depth;        // of callbacks, inside which the link stays
    struct nj_error error; // of the newest address that did not answer
};

static void on_watcher_closed(uv_handle_t *handle)
{
    free(NJ_CONTAINER_OF(handle, struct watcher, poll));
}

static void close_socket(struct nj_redis_link *link)
{
    if (link->watcher != NULL) {
        link->watcher->link = NULL;
        uv_close((uv_handle_t *)&link->watcher->poll, on_watcher_closed);
        link->watcher = NULL;
    }
    link->tls = NULL;
    if (link->context != NULL)
        redisFree(link->context); // closes the descriptor, which nobody watches any more
    link->context = NULL;
}

// A closed link goes as soon as nothing of it is under way.
static void release(struct nj_redis_link *link)
{
    if (!link->closed || link->depth > 0)
        return;
    close_socket(link);
    if (link->resolving && !nj_resolver_unwatch(link->config.resolver, &link->name))
        return; // the answer is on its way
    free(link);
}

void nj_redis_link_close(struct nj_redis_link *link)
{
    if (link == NULL)
        return;
    link->closed = true;
    release(link);
}

static void go_down(struct nj_redis_link *link, const struct nj_error *error)
{
    if (link->closed || link->down_told)
        return;
    link->down_told = true;
    link->config.down(link->config.arg, error);
}

static void fail(struct nj_redis_link *link, const char *what)
{
    struct nj_error error;
    nj_error_set(&error, NJ_E_UNAVAILABLE, "Redis %s: %s", link->config.target->shown, what);
    go_down(link, &error);
}

// hiredis says what failed; under TLS it may only know that something did.
static void fail_context(struct nj_redis_link *link)
{
    const char *trouble = nj_redis_tls_trouble(link->tls);
    bool quiet = link->context->errstr[0] == '\0';
    if (trouble == NULL)
        trouble = quiet ? "the connection broke" : link->context->errstr;
    fail(link, trouble);
}

static int socket_error(const struct nj_redis_link *link)
{
    int failure = 0;
    socklen_t size = sizeof failure;
    if (getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
        failure = errno;
    return failure;
}

static void on_event(uv_poll_t *poll, int status, int events);

static void watch(struct nj_redis_link *link, int events)
{
    if (uv_poll_start(&link->watcher->poll, events, on_event) != 0)
        fail(link, "its socket cannot be watched");
}

// False: the answer is not RESP, too large, or the link has ended meanwhile.
static bool give_replies(struct nj_redis_link *link)
{
    for (;;) {
        void *reply = NULL;
        if (redisGetReply(link->context, &reply) != REDIS_OK) {
            fail_context(link);
            return false;
        }
        if (reply == NULL)
            break;
        link->config.reply(link->config.arg, reply);
        freeReplyObject(reply);
        if (link->closed)
            return false;
    }
    if (link->context->reader->len <= REPLY_MAX)
        return true;
    fail(link, "an answer is too large");
    return false;
}

static void receive(struct nj_redis_link *link)
{
    for (int i = 0; i < READS_MAX; i++) {
        size_t before = link->context->reader->len;
        if (redisBufferRead(link->context) != REDIS_OK) {
            fail_context(link);
            return;
        }
        bool more = link->context->reader->len > before;
        if (!more || !give_replies(link))
            return;
    }
}

static void flush(struct nj_redis_link *link)
{
    int done = 0;
    if (redisBufferWrite(link->context, &done) != REDIS_OK)
        fail_context(link);
    else
        watch(link,
              done || nj_redis_tls_wants_read(link->tls) ? UV_READABLE : UV_READABLE | UV_WRITABLE);
    link->unsent = !done;
}

static const char *socket_broken(const struct nj_redis_link *link)
{
    int failure = socket_error(link);
    return failure != 0 ? uv_strerror(uv_translate_sys_error(failure)) : "the connection broke";
}

static void try_next(struct nj_redis_link *link);

static void finish_connecting(struct nj_redis_link *link)
{
    int failure = socket_error(link);
    if (failure != 0) {
        nj_error_errno(&link->error, failure, "Redis %s", link->config.target->shown);
        link->error.code = NJ_E_UNAVAILABLE;
        close_socket(link);
        try_next(link);
        return;
    }
    (void)redisEnableKeepAlive(link->context); // a peer that vanished is found without it too
    link->context->err = 0;
    if (link->config.target->tls &&
        nj_redis_tls_begin(link->context, link->config.target, link->config.ca_file, &link->tls,
                           &link->error) != 0) {
        go_down(link, &link->error);
        return;
    }
    link->up = true;
    watch(link, UV_READABLE);
    if (!link->down_told)
        link->config.up(link->config.arg);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct nj_redis_link *link = NJ_CONTAINER_OF(poll, struct watcher, poll)->link;
    if (link == NULL || link->closed)
        return;
    link->depth++;
    if (!link->up)
        finish_connecting(link);
    else if (status < 0) // libuv's own number tells nothing of the socket
        fail(link, socket_broken(link));
    else if ((events & UV_READABLE) != 0)
        receive(link);
    // Under TLS what is to be written may have waited for what is read.
    bool writes = (events & UV_WRITABLE) != 0 || (link->tls != NULL && link->unsent);
    if (link->up && !link->closed && !link->down_told && writes)
        flush(link);
    link->depth--;
    release(link);
}

// Watches a socket that connects. False: this address is none, the next may be.
static bool watch_connecting(struct nj_redis_link *link)
{
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (watcher == NULL || uv_poll_init_socket(nj_loop_uv(link->config.loop), &watcher->poll,
                                               link->context->fd) != 0) {
        free(watcher);
        nj_error_set(&link->error, NJ_E_NOMEM, "Redis %s: no memory for its socket",
                     link->config.target->shown);
        return false;
    }
    watcher->link = link;
    link->watcher = watcher;
    watch(link, UV_WRITABLE);
    return true;
}

static bool try_address(struct nj_redis_link *link, unsigned index)
{
    char host[NJ_ADDRESS_TEXT_SIZE];
    nj_addresses_text(&link->name.addresses, index, host);
    link->context = redisConnectNonBlock(host, link->config.target->port);
    if (link->context != NULL && link->context->err == 0 && watch_connecting(link))
        return true;
    if (link->context != NULL && link->context->err != 0)
        nj_error_set(&link->error, NJ_E_UNAVAILABLE, "Redis %s: %s", link->config.target->shown,
                     link->context->errstr);
    close_socket(link);
    return false;
}

static void try_next(struct nj_redis_link *link)
{
    while (link->next_address < link->name.addresses.count) {
        if (try_address(link, link->next_address++))
            return;
    }
    go_down(link, &link->error);
}

static void on_resolved(struct nj_resolve_watch *name)
{
    struct nj_redis_link *link = NJ_CONTAINER_OF(name, struct nj_redis_link, name);
    link->resolving = false;
    link->depth++;
    if (!link->closed && name->rc != 0) {
        nj_error_set(&link->error, name->rc, "Redis %s: %s", link->config.target->shown,
                     name->error.text);
        go_down(link, &link->error);
    } else if (!link->closed) {
        try_next(link);
    }
    link->depth--;
    release(link);
}

int nj_redis_link_open(const struct nj_redis_link_config *config, struct nj_redis_link **out,
                       struct nj_error *err)
{
    struct nj_redis_link *link = calloc(1, sizeof *link);
    struct nj_error why;
    if (link == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "Redis %s: no memory", config->target->shown);
    link->config = *config;
    nj_error_set(&link->error, NJ_E_UNAVAILABLE, "Redis %s: no address answers",
                 config->target->shown);
    link->name = (struct nj_resolve_watch){.done = on_resolved,
                                           .loop = config->loop,
                                           .host = config->target->host,
                                           .rules = config->rules};
    int rc = nj_resolver_watch(config->resolver, &link->name, &why);
    if (rc != 0) {
        free(link);
        return nj_error_set(err, rc, "Redis %s: %s", config->target->shown, why.text);
    }
    link->resolving = true;
    *out = link;
    return 0;
}

void nj_redis_link_write(struct nj_redis_link *link, const char *bytes, size_t length)
{
    // Without memory the context remembers it, and the link goes down at the event.
    (void)redisAppendFormattedCommand(link->context, bytes, length);
    link->unsent = true;
    // Sent at the next turn, so that commands of one turn go out together.
    (void)uv_poll_start(&link->watcher->poll, UV_READABLE | UV_WRITABLE, on_event);
}
