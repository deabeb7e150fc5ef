// SPDX-License-Identifier: Apache-2.0
// Shared live streams: one connection per distinct stream however many users, each user with a
// latest-frame slot of its own. The first user starts a stream, the last one ends it
// after a grace period, so that a client that reconnects restarts nothing.
//
// Streams are the same when kind, address with credentials and TLS check are; those of files also
// when they are played alike. Snapshots are polled at the smallest interval of the users, each of
// whom gets them at his own, also while others come and go. How patiently a stream reconnects is
// what its first user said. Where it may connect to is what any of its users allows. Who allows
// less gets a stream of his own, unless the address names its host in digits, which are judged when
// he joins.
#ifndef NJ_SOURCES_STREAMS_H
#define NJ_SOURCES_STREAMS_H

#include "sources/sources.h"

struct nj_streams_options {
    nj_us grace_us;      // a stream without users goes on for this long
    int64_t max_streams; // distinct ones; more: NJ_E_FULL. Who may have users bounds these himself
};
extern const struct nj_option_group nj_streams_option_group; // group "streams"

struct nj_streams_config {
    const struct nj_streams_options *options;
    struct nj_loop *loop;
    struct nj_metrics *metrics; // stream_* by stream; may be NULL
    struct nj_log *log;
};

struct nj_streams;     // loop thread only, but for what says otherwise
struct nj_stream_user; // one user of one stream

int nj_streams_create(const struct nj_streams_config *config, struct nj_streams **out,
                      struct nj_error *err);
// Ends streams whose grace period runs; every user has left. Joins capture threads: the only call
// here that waits for them. Accepts NULL.
void nj_streams_destroy(struct nj_streams *streams);

struct nj_stream_sink {
    // Called from: capture thread, with every frame that is due at the user's fps. The frame is
    // borrowed; take a reference to keep it. May be NULL: the slot alone is wanted. While it runs
    // nj_streams_leave waits: it must not wait for the loop thread, nor for other users' frames.
    void (*frame)(void *context, struct nj_frame *frame);
    // Called from: capture thread; the picture starts anew. May be NULL.
    void (*reset)(void *context);
    // Called from: loop thread, when state or reason changed. A stream that is NJ_SOURCE_FAILED
    // gave up after max_retries; joining it once more revives it. Leaving and joining from here is
    // fine. May be NULL.
    void (*state)(void *context, const struct nj_source_stats *stats);
    void *context;
};

struct nj_stream_request {
    const struct nj_source_entry *entry;  // copied
    const struct nj_address_rules *rules; // copied; of each connection and redirect, and of digits
                                          // here already
    double fps;                           // frames a second wanted by this user at most; 0: all
    struct nj_stream_sink sink;
};

// Starts the stream when this is its first user, revives one that gave up. Errors as
// nj_source_create, NJ_E_FULL, NJ_E_DENIED. The user is the caller's until nj_streams_leave.
int nj_streams_join(struct nj_streams *streams, const struct nj_stream_request *request,
                    struct nj_stream_user **out, struct nj_error *err);
// No callback of this user runs any more once it has returned. Accepts NULL.
void nj_streams_leave(struct nj_stream_user *user);

// The newest frame (the caller's reference), NULL before the first one. Explicitly thread-safe. It
// stays there for others: this is a look, not a take.
struct nj_frame *nj_stream_newest(struct nj_stream_user *user);
void nj_stream_get_stats(const struct nj_stream_user *user,
                         struct nj_source_stats *out); // any thread
// Between two snapshots for this user from now on; nothing for another kind. Loop thread.
void nj_stream_set_interval(struct nj_stream_user *user, nj_us interval_us);
// What this user needs while nothing moves: true lets the source decode keyframes only when every
// user of the stream says so and each one's entry allows it. Any thread, also from `frame`.
void nj_stream_set_still(struct nj_stream_user *user, bool still);

// One line a stream, for API and metrics. Loop thread.
struct nj_stream_view {
    const char *address; // without credentials; borrowed during the call
    size_t users;
    struct nj_source_stats stats;
};
void nj_streams_each(struct nj_streams *streams,
                     void (*see)(const struct nj_stream_view *view, void *arg), void *arg);

#endif
