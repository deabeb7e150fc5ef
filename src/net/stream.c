// SPDX-License-Identifier: Apache-2.0
// A connected TCP socket on the loop: bounded output queue in front of uv_try_write.
//
// At most one uv_write runs at a time and carries one chunk; its end means that the socket has room
// again. Whoever fills the stream therefore always finds it between two chunks.
#include "net/stream_priv.h"

#include "util/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CHUNK_COST_BYTES = 128 }; // the chunk, and what malloc adds to it and to its copy

static void write_next(struct nj_stream *stream);

static void free_chunk(struct nj_stream_chunk *chunk)
{
    if (!chunk)
        return;
    if (chunk->release)
        chunk->release(chunk->owned);
    free(chunk);
}

static void on_closed(uv_handle_t *handle)
{
    struct nj_stream *stream = handle->data;
    struct nj_stream_pool *pool = stream->pool;
    free_chunk(stream->writing);
    struct nj_list *node;
    while ((node = nj_list_pop(&stream->chunks)))
        free_chunk(NJ_CONTAINER_OF(node, struct nj_stream_chunk, node));
    nj_list_remove(&stream->node);
    pool->count--;
    if (stream->calls)
        stream->calls->closed(stream->owner);
    free(stream);
    if (pool->gone)
        pool->gone(pool);
}

void nj_stream_close(struct nj_stream *stream)
{
    if (stream->closing)
        return;
    stream->closing = true;
    uv_close((uv_handle_t *)&stream->tcp, on_closed);
}

struct nj_stream *nj_stream_create(struct nj_stream_pool *pool)
{
    struct nj_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return NULL;
    if (uv_tcp_init(nj_loop_uv(pool->loop), &stream->tcp) != 0) {
        free(stream);
        return NULL;
    }
    stream->tcp.data = stream;
    stream->pool = pool;
    nj_list_init(&stream->chunks);
    nj_list_append(&pool->streams, &stream->node);
    pool->count++;
    return stream;
}

void nj_stream_set_owner(struct nj_stream *stream, const struct nj_stream_owner *calls, void *owner)
{
    stream->calls = calls;
    stream->owner = owner;
}

// libuv reads a socket that floods up to 32 times before it looks at another: after a buffer that
// was filled it gets none, which ends that, and the rest comes with the next turn of the loop.
static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct nj_stream *stream = handle->data;
    const size_t room = stream->filled ? 0 : stream->pool->read_buffer_bytes;
    stream->filled = false;
    *buffer = uv_buf_init(stream->pool->read_buffer, (unsigned)room);
}

static void on_read(uv_stream_t *handle, ssize_t count, const uv_buf_t *buffer)
{
    struct nj_stream *stream = handle->data;
    if (stream->closing || count == 0 || count == UV_ENOBUFS)
        return;
    stream->filled = count > 0 && (size_t)count == stream->pool->read_buffer_bytes;
    if (count > 0) {
        stream->calls->data(stream->owner, buffer->base, (size_t)count);
        return;
    }
    nj_stream_read_stop(stream);
    stream->calls->ended(stream->owner, count != UV_EOF);
}

int nj_stream_read_start(struct nj_stream *stream)
{
    if (stream->reading)
        return 0;
    stream->reading = true;
    return uv_read_start((uv_stream_t *)&stream->tcp, give_buffer, on_read) ? NJ_E_IO : 0;
}

void nj_stream_read_stop(struct nj_stream *stream)
{
    stream->reading = false;
    uv_read_stop((uv_stream_t *)&stream->tcp);
}

bool nj_stream_idle(const struct nj_stream *stream)
{
    return !stream->writing && nj_list_empty(&stream->chunks);
}

size_t nj_stream_unwritten(const struct nj_stream *stream)
{
    size_t handed_over = stream->writing ? stream->writing->length : 0;
    return stream->queued_bytes - handed_over + stream->tcp.write_queue_size;
}

size_t nj_stream_held_bytes(const struct nj_stream *stream)
{
    return stream->queued_bytes + stream->queued_chunks * CHUNK_COST_BYTES;
}

long nj_stream_try(struct nj_stream *stream, const uv_buf_t *buffers, unsigned count)
{
    if (stream->closing)
        return NJ_E_CANCELLED;
    if (!nj_stream_idle(stream))
        return 0;
    long written = uv_try_write((uv_stream_t *)&stream->tcp, buffers, count);
    if (written >= 0)
        return written;
    if (written == UV_EAGAIN)
        return 0;
    nj_stream_close(stream);
    return NJ_E_IO;
}

static void forget_chunk(struct nj_stream *stream, struct nj_stream_chunk *chunk)
{
    stream->queued_bytes -= chunk->length;
    stream->queued_chunks--;
    free_chunk(chunk);
}

static void on_written(uv_write_t *request, int status)
{
    struct nj_stream *stream = request->data;
    struct nj_stream_chunk *chunk = stream->writing;
    stream->writing = NULL;
    forget_chunk(stream, chunk);
    if (stream->closing)
        return;
    if (status < 0) {
        nj_stream_close(stream);
        return;
    }
    write_next(stream);
}

static void write_next(struct nj_stream *stream)
{
    struct nj_list *node = nj_list_pop(&stream->chunks);
    if (!node) {
        stream->calls->drained(stream->owner);
        return;
    }
    struct nj_stream_chunk *chunk = NJ_CONTAINER_OF(node, struct nj_stream_chunk, node);
    stream->writing = chunk;
    stream->write.data = stream;
    uv_buf_t buffer = {.base = (char *)(uintptr_t)chunk->bytes, .len = chunk->length};
    if (uv_write(&stream->write, (uv_stream_t *)&stream->tcp, &buffer, 1, on_written) != 0)
        nj_stream_close(stream);
}

int nj_stream_queue(struct nj_stream *stream, const char *bytes, size_t length, void *owned,
                    void (*release)(void *owned))
{
    int code = stream->closing ? NJ_E_CANCELLED : NJ_E_NOMEM;
    struct nj_stream_chunk *chunk = stream->closing ? NULL : malloc(sizeof(*chunk));
    if (!chunk) {
        if (release)
            release(owned);
        nj_stream_close(stream); // a hole in the output would be worse than its end
        return code;
    }
    *chunk = (struct nj_stream_chunk){
        .bytes = bytes, .length = length, .owned = owned, .release = release};
    nj_list_append(&stream->chunks, &chunk->node);
    stream->queued_bytes += length;
    stream->queued_chunks++;
    if (!stream->writing)
        write_next(stream);
    return 0;
}

void nj_stream_drop(struct nj_stream *stream)
{
    struct nj_list *node;
    while ((node = nj_list_pop(&stream->chunks))) {
        struct nj_stream_chunk *chunk = NJ_CONTAINER_OF(node, struct nj_stream_chunk, node);
        forget_chunk(stream, chunk);
    }
}

int nj_stream_send(struct nj_stream *stream, const char *bytes, size_t length)
{
    uv_buf_t buffer = {.base = (char *)(uintptr_t)bytes, .len = length};
    long written = nj_stream_try(stream, &buffer, 1);
    if (written < 0)
        return (int)written;
    if ((size_t)written == length)
        return 0;
    size_t rest = length - (size_t)written;
    char *copy = malloc(rest);
    if (!copy) {
        nj_stream_close(stream);
        return NJ_E_NOMEM;
    }
    memcpy(copy, bytes + written, rest);
    return nj_stream_queue(stream, copy, rest, copy, free);
}

void nj_stream_shutdown(struct nj_stream *stream)
{
    uv_os_fd_t fd;
    if (!stream->closing && uv_fileno((uv_handle_t *)&stream->tcp, &fd) == 0)
        shutdown(fd, SHUT_WR); // the queue is empty: libuv's own request would add nothing
}
