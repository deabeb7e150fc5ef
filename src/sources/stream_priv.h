// SPDX-License-Identifier: Apache-2.0
// What the files of the hub of shared streams know of each other: the hub (streams.c), the life of
// a stream (stream_life.c), and what its users get (stream_users.c).
//
// Two locks a stream: `users_lock` is held while users are called with a frame, so that leaving
// waits for a call that is under way and none comes after it; `frame_lock` guards the newest frames
// for whoever looks. The capture thread reaches the loop thread by one notice that is posted; it
// outlives the stream when it is still on its way.
#ifndef NJ_SOURCES_STREAM_PRIV_H
#define NJ_SOURCES_STREAM_PRIV_H

#include "net/url.h"
#include "sources/stream_entry_priv.h"
#include "sources/stream_metrics_priv.h"
#include "sources/streams.h"
#include "util/list.h"

#include <pthread.h>
#include <stdatomic.h>

struct nj_streams {
    struct nj_streams_config config;
    struct nj_timer measure;
    struct nj_list streams; // in use, or in their grace period
    struct nj_list dying;   // their threads are asked to end
    size_t count;           // of `streams`
};

struct nj_stream_notice {
    struct nj_call call;
    atomic_bool posted;
    struct nj_loop *loop;
    struct nj_stream *stream; // loop thread; NULL: gone
};

struct nj_stream {
    struct nj_streams *hub;
    struct nj_list node;
    struct nj_stream_entry entry;
    struct nj_buf key;
    char address[NJ_URL_MAX];
    unsigned number; // among those whose address is shown the same
    struct nj_source *source;
    struct nj_timer grace;
    struct nj_stream_notice *notice;
    size_t user_count;
    enum nj_source_state told_state; // what the users know
    char told_reason[sizeof((struct nj_source_stats *)0)->reason];
    struct nj_list *telling; // the next user to be told, while telling
    bool dying;
    struct nj_stream_metrics metrics;

    pthread_mutex_t users_lock;
    struct nj_list users;          // changed by the loop thread alone,
    struct nj_stream_rules *rules; // as these,
    nj_us interval_us;             // and this: between two snapshots, the smallest of the users'

    pthread_mutex_t frame_lock;
    // The following fields are protected by frame_lock.
    struct nj_frame *newest;
    // and nj_stream_user.newest.
};

struct nj_stream_user {
    struct nj_stream *stream;
    struct nj_list node;
    struct nj_stream_sink sink;
    nj_us rate_us;     // between two frames of its fps; 0: all
    nj_us interval_us; // between two snapshots; 0: it is no such stream
    nj_us step_us;     // between two frames: the longer of these
    nj_us next_due_us; // capture thread; 0: no frame yet
    bool may_skip;     // its entry allows keyframes only
    atomic_bool still;
    struct nj_frame *newest;
};

// stream_life.c. Loop thread.

// Takes `entry` and `key`, on failure too. The stream is in the hub's list, its source not started.
int nj_stream_make(struct nj_streams *hub, struct nj_stream_entry *entry, struct nj_buf *key,
                   struct nj_stream **out, struct nj_error *err);
// Ended once, or gave up: runs again. A file that was played to its end stays so.
int nj_stream_revive(struct nj_stream *stream, struct nj_error *err);
// Nobody uses the stream any more: it ends after the grace period, unless somebody joins.
void nj_stream_begin_grace(struct nj_stream *stream);
// Joins the thread. Nothing is posted from then on.
void nj_stream_destroy(struct nj_stream *stream);
struct nj_stream_view nj_stream_view_of(const struct nj_stream *stream);

// stream_users.c

// What the source hands on to users: all but `changed`. For the capture thread.
struct nj_source_sink nj_stream_users_sink(struct nj_stream *stream);
// Loop thread, as what follows. Tells a new state or reason; users may leave, and others join,
// meanwhile.
void nj_stream_tell(struct nj_stream *stream);
// NULL without memory.
struct nj_stream_user *nj_stream_user_make(struct nj_stream *stream,
                                           const struct nj_stream_request *request);
void nj_stream_user_add(struct nj_stream *stream, struct nj_stream_user *user);
// Before its first connection, and never narrower.
int nj_stream_widen(struct nj_stream *stream, const struct nj_address_rules *more,
                    struct nj_error *err);

#endif
