// SPDX-License-Identifier: Apache-2.0
// The fan-out ring: frames encoded once and counted, one cursor per client, one writev per client
// and tick.
//
// A client's stream either is idle, and then stands at the boundary of two frames, or has a chunk
// on its way and calls back when it is out. Ring frames and private messages therefore mix freely
// and never within a frame.
#include "net/websocket_priv.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { NJ_FANOUT_TAG_SIZE = 48 };

struct frame {
    struct nj_websocket_message *message; // the ring's reference
    char tag[NJ_FANOUT_TAG_SIZE];
};

struct nj_fanout {
    struct nj_loop *loop;
    struct nj_fanout_options options;
    struct frame *ring;
    uint64_t tail, head; // numbers of the oldest message and of the next
    uint64_t flushed;    // all clients were offered what is before
    size_t bytes;
    struct nj_list clients;
    struct nj_call flush;
    bool flush_posted, destroyed;
    struct nj_fanout_stats stats;
};

static struct frame *frame_at(const struct nj_fanout *fanout, uint64_t number)
{
    return &fanout->ring[number % fanout->options.ring_messages];
}

static void free_fanout(struct nj_fanout *fanout)
{
    for (; fanout->tail < fanout->head; fanout->tail++)
        nj_websocket_message_unref(frame_at(fanout, fanout->tail)->message);
    free(fanout->ring);
    free(fanout);
}

// What one writev carries.
struct batch {
    uv_buf_t buffers[NJ_STREAM_IOV_MAX];
    uint64_t numbers[NJ_STREAM_IOV_MAX];
    unsigned count;
    size_t bytes;
    uint64_t next; // cursor when all of it is written
};

static void gather(const struct nj_fanout *fanout, struct nj_websocket *socket, struct batch *batch)
{
    const struct nj_fanout_member *member = &socket->member;
    batch->count = 0;
    batch->bytes = 0;
    batch->next = member->cursor;
    while (batch->next < fanout->head && batch->count < NJ_STREAM_IOV_MAX) {
        struct frame *frame = frame_at(fanout, batch->next);
        if (!member->wants || member->wants(socket, frame->tag)) {
            struct nj_websocket_message *message = frame->message;
            batch->buffers[batch->count] = uv_buf_init(message->bytes, (unsigned)message->length);
            batch->numbers[batch->count++] = batch->next;
            batch->bytes += message->length;
        }
        batch->next++;
    }
}

// The socket took `written` bytes and no more: the frame it stopped in goes to the stream's queue.
static void queue_rest(struct nj_fanout *fanout, struct nj_websocket *socket,
                       const struct batch *batch, size_t written)
{
    unsigned i = 0;
    while (written >= batch->buffers[i].len)
        written -= batch->buffers[i++].len;
    socket->member.cursor = batch->numbers[i] + 1;
    fanout->stats.delivered += i + 1;
    nj_websocket_queue_rest(socket, frame_at(fanout, batch->numbers[i])->message, written);
}

void nj_fanout_flush_socket(struct nj_websocket *socket)
{
    struct nj_fanout_member *member = &socket->member;
    struct nj_fanout *fanout = member->fanout;
    struct batch batch;
    while (fanout && member->cursor >= fanout->tail && member->cursor < fanout->head &&
           !socket->stream->closing && nj_stream_idle(socket->stream)) {
        gather(fanout, socket, &batch);
        if (batch.count == 0) {
            member->cursor = batch.next;
            continue;
        }
        long written = nj_stream_try(socket->stream, batch.buffers, batch.count);
        if (written < 0)
            return;
        if ((size_t)written < batch.bytes) {
            queue_rest(fanout, socket, &batch, (size_t)written);
            return;
        }
        member->cursor = batch.next;
        fanout->stats.delivered += batch.count;
    }
}

static void flush_client(struct nj_fanout *fanout, struct nj_websocket *socket)
{
    if (socket->member.cursor >= fanout->tail) {
        nj_fanout_flush_socket(socket);
        return;
    }
    fanout->stats.closed_slow++;
    nj_fanout_leave(socket); // before closing, which would try to flush
    nj_websocket_close(socket, NJ_WEBSOCKET_TRY_LATER, "too slow");
}

// Each client moves to the end of the list before its turn: whoever leaves meanwhile does no harm.
static void flush_all(struct nj_fanout *fanout)
{
    fanout->flushed = fanout->head;
    for (size_t left = fanout->stats.clients; left > 0; left--) {
        struct nj_list *node = nj_list_pop(&fanout->clients);
        if (!node)
            return;
        nj_list_append(&fanout->clients, node);
        flush_client(fanout, NJ_CONTAINER_OF(node, struct nj_websocket, member.node));
    }
}

static void on_flush(struct nj_call *call)
{
    struct nj_fanout *fanout = NJ_CONTAINER_OF(call, struct nj_fanout, flush);
    fanout->flush_posted = false;
    if (fanout->destroyed)
        free_fanout(fanout);
    else
        flush_all(fanout);
}

int nj_fanout_create(struct nj_loop *loop, const struct nj_fanout_options *options,
                     struct nj_fanout **out)
{
    struct nj_fanout *fanout = calloc(1, sizeof(*fanout));
    if (!fanout)
        return NJ_E_NOMEM;
    fanout->options = *options;
    if (fanout->options.ring_messages == 0)
        fanout->options.ring_messages = 1;
    fanout->ring = nj_malloc_array(fanout->options.ring_messages, sizeof(*fanout->ring));
    if (!fanout->ring) {
        free(fanout);
        return NJ_E_NOMEM;
    }
    fanout->loop = loop;
    fanout->flush.fn = on_flush;
    nj_list_init(&fanout->clients);
    *out = fanout;
    return 0;
}

void nj_fanout_destroy(struct nj_fanout *fanout)
{
    if (!fanout)
        return;
    if (fanout->flush_posted)
        fanout->destroyed = true; // the loop still holds the call
    else
        free_fanout(fanout);
}

int nj_fanout_join(struct nj_fanout *fanout, struct nj_websocket *socket,
                   bool (*wants)(struct nj_websocket *socket, const char *tag))
{
    struct nj_fanout_member *member = &socket->member;
    if (member->fanout)
        return NJ_E_EXISTS;
    if (socket->state != NJ_WEBSOCKET_OPEN)
        return NJ_E_CANCELLED;
    member->fanout = fanout;
    member->cursor = fanout->head;
    member->wants = wants;
    nj_list_append(&fanout->clients, &member->node);
    fanout->stats.clients++;
    return 0;
}

void nj_fanout_leave(struct nj_websocket *socket)
{
    struct nj_fanout_member *member = &socket->member;
    if (!member->fanout)
        return;
    member->fanout->stats.clients--;
    member->fanout = NULL;
    nj_list_remove(&member->node);
}

static void make_room(struct nj_fanout *fanout, size_t length)
{
    while (fanout->tail < fanout->head &&
           (fanout->head - fanout->tail >= fanout->options.ring_messages ||
            fanout->bytes + length > fanout->options.ring_bytes)) {
        if (fanout->tail >= fanout->flushed)
            flush_all(fanout); // nobody is slow who was not yet offered the message
        struct nj_websocket_message *oldest = frame_at(fanout, fanout->tail++)->message;
        fanout->bytes -= oldest->length;
        nj_websocket_message_unref(oldest);
    }
}

int nj_fanout_publish(struct nj_fanout *fanout, const char *tag, const char *text, size_t length)
{
    if (length > fanout->options.ring_bytes)
        return NJ_E_TOO_BIG;
    struct nj_websocket_message *message = nj_websocket_message_create(text, length);
    if (!message)
        return NJ_E_NOMEM;
    make_room(fanout, message->length);
    struct frame *frame = frame_at(fanout, fanout->head++);
    frame->message = message;
    nj_text_copy(frame->tag, sizeof(frame->tag), tag);
    fanout->bytes += message->length;
    fanout->stats.published++;
    if (!fanout->flush_posted) {
        fanout->flush_posted = true;
        nj_loop_post(fanout->loop, &fanout->flush);
    }
    return 0;
}

void nj_fanout_get_stats(const struct nj_fanout *fanout, struct nj_fanout_stats *out)
{
    *out = fanout->stats;
}
