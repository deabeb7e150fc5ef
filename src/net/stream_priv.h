// SPDX-License-Identifier: Apache-2.0
// A connected TCP socket on the loop: bounded output queue in front of uv_try_write, and an owner
// that may change while it lives (HTTP connection, then WebSocket). Loop thread only.
#ifndef NJ_NET_STREAM_PRIV_H
#define NJ_NET_STREAM_PRIV_H

#include "loop/loop.h"
#include "util/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

enum { NJ_STREAM_IOV_MAX = 64 }; // buffers of one writev

struct nj_stream;

// What the stream tells its owner. None but `closed` is called after nj_stream_close.
struct nj_stream_owner {
    void (*data)(void *owner, const char *bytes, size_t length); // borrowed for the call
    void (*ended)(void *owner, bool broken); // end of input; broken: the connection is of no use
    void (*drained)(void *owner);            // all queued output went to the kernel
    void (*stop)(void *owner);               // the server is stopping: end soon
    void (*closed)(void *owner);             // last call; the stream is freed after it
};

// What several streams of one listener share.
struct nj_stream_pool {
    struct nj_loop *loop;
    struct nj_list streams; // all that are not yet closed
    size_t count;
    char *read_buffer; // filled and handled within one callback
    size_t read_buffer_bytes;
    void (*gone)(struct nj_stream_pool *pool); // after a stream was freed
};

// Bytes waiting for the socket.
struct nj_stream_chunk {
    struct nj_list node;
    const char *bytes;
    size_t length;
    void *owned;                  // given to `release` when written or dropped
    void (*release)(void *owned); // may be NULL
};

struct nj_stream {
    uv_tcp_t tcp;
    uv_write_t write;
    struct nj_stream_pool *pool;
    struct nj_list node;
    const struct nj_stream_owner *calls;
    void *owner;
    struct nj_list chunks;
    struct nj_stream_chunk *writing; // of `chunks`' kind, handed to libuv
    size_t queued_bytes, queued_chunks;
    bool closing;
    bool reading;
    bool filled; // the last read took a whole buffer
};

// A stream in the pool whose tcp handle is initialised and not yet connected; NULL without memory.
struct nj_stream *nj_stream_create(struct nj_stream_pool *pool);
void nj_stream_set_owner(struct nj_stream *stream, const struct nj_stream_owner *calls,
                         void *owner);
int nj_stream_read_start(struct nj_stream *stream);
void nj_stream_read_stop(struct nj_stream *stream);

// Writes what the socket takes now of `count` <= NJ_STREAM_IOV_MAX buffers while nothing is queued;
// the bytes taken, 0 when there is no room. Negative: the stream is of no use and closes.
long nj_stream_try(struct nj_stream *stream, const uv_buf_t *buffers, unsigned count);

// Queues bytes behind what waits. Takes `owned` in any case. NJ_E_NOMEM closes the stream.
int nj_stream_queue(struct nj_stream *stream, const char *bytes, size_t length, void *owned,
                    void (*release)(void *owned));

// A copy of `bytes`, written at once as far as the socket takes it. NJ_E_NOMEM closes the stream.
int nj_stream_send(struct nj_stream *stream, const char *bytes, size_t length);

// Gives up what is queued and not begun: what was queued at once stays whole, or goes.
void nj_stream_drop(struct nj_stream *stream);

bool nj_stream_idle(const struct nj_stream *stream);        // nothing waits to be written
size_t nj_stream_unwritten(const struct nj_stream *stream); // bytes the kernel has not taken yet

// What the queue takes of memory: a chunk of two bytes costs more than they.
size_t nj_stream_held_bytes(const struct nj_stream *stream);

void nj_stream_shutdown(struct nj_stream *stream); // no more output; input goes on
void nj_stream_close(struct nj_stream *stream);    // at once; harmless when closing

#endif
