// SPDX-License-Identifier: Apache-2.0
// What the files of the WebSocket channels share: channel, replay ring, client, subscriptions.
#ifndef NJ_REALTIME_REALTIME_PRIV_H
#define NJ_REALTIME_REALTIME_PRIV_H

#include "realtime/realtime.h"
#include "util/list.h"

#include <stdbool.h>

enum {
    NJ_PATTERN_SIZE = 64,                  // of a subscription, with its NUL
    NJ_PATTERNS_MAX = 32,                  // a client; the filter runs for each message and client
    NJ_CONNECTION_ID_SIZE = 24,            // "ws-events-1a2b3c4d"
    NJ_REPLAY_MAX_BYTES = 4 << 20,         // of a channel's ring, beside its count
    NJ_CLIENT_QUEUE_BYTES = 8 << 20,       // private messages: room for one whole replay
    NJ_CLIENT_FREE_BYTES = 64 << 10,       // so little of a client that the sum is not looked at
    NJ_ALL_CLIENTS_QUEUE_BYTES = 64 << 20, // together; beyond it the slowest is closed
    NJ_FANOUT_RING_MESSAGES = 4096,        // a client that is further behind is closed
    NJ_FANOUT_RING_BYTES = 16 << 20,
    NJ_MESSAGE_MAX_BYTES = 512 << 10, // of what we send
};

// Which message types a client wants. Without a subscribe call: everything. Later rules win.
struct nj_subscription_rule {
    char pattern[NJ_PATTERN_SIZE]; // lower case, '*' and '?'
    bool include;
};
struct nj_subscription {
    bool chosen; // a subscribe call came: nothing but what the rules include
    size_t count;
    struct nj_subscription_rule rules[NJ_PATTERNS_MAX];
};
bool nj_subscription_wants(const struct nj_subscription *subscription, const char *type);
// NJ_E_TOO_BIG: no room for a further rule, or the pattern is too long or empty.
int nj_subscription_add(struct nj_subscription *subscription, const char *pattern);
int nj_subscription_remove(struct nj_subscription *subscription, const char *pattern);

struct nj_replay_message {
    uint64_t sequence;
    size_t length;
    char *json; // whole, with its sequence
    char tag[NJ_BUS_TAG_SIZE];
};

// The newest messages of a channel, for clients that missed some.
struct nj_replay {
    struct nj_replay_message *messages; // ring of `capacity`
    size_t capacity, first, count, bytes;
    uint64_t forgotten; // highest sequence that was dropped; 0: none
};
int nj_replay_init(struct nj_replay *replay, size_t capacity);
void nj_replay_finish(struct nj_replay *replay);
// Takes `json`, also when it is dropped at once for being too long.
void nj_replay_add(struct nj_replay *replay, const struct nj_replay_message *message);
const struct nj_replay_message *nj_replay_at(const struct nj_replay *replay, size_t index);

struct nj_realtime_channel {
    struct nj_realtime *realtime;
    enum nj_channel kind;
    const char *name; // "events", "system"
    struct nj_fanout *fanout;
    struct nj_replay replay;
    uint64_t sequence; // of the newest message
    size_t client_count;
    struct nj_metric *clients_metric, *messages_metric;
};

struct nj_realtime {
    struct nj_realtime_config config;
    struct nj_realtime_channel channels[NJ_CHANNEL_COUNT];
    struct nj_list clients;
    struct nj_bus_subscriber events, system;
    struct nj_timer ping, status;
    bool started;
};

struct nj_realtime_client {
    struct nj_realtime *realtime; // NULL: it was destroyed before the socket closed
    struct nj_realtime_channel *channel;
    struct nj_websocket *socket;
    struct nj_list node;
    struct nj_timer idle;
    struct nj_subscription subscription;
    uint64_t acked; // highest sequence the client has confirmed
    char id[NJ_CONNECTION_ID_SIZE];
};

// channel.c: numbers a message, keeps it for replay (when `keep`), gives it to all who want it.
// `json` is one object; a message that is none, or too long, is dropped and logged.
void nj_channel_publish(struct nj_realtime_channel *channel, const struct nj_bus_message *message,
                        bool keep);
// "system_status" or "performance_update" into `buf`, through the composition root's writers.
void nj_channel_write_status(struct nj_realtime *realtime, bool performance, struct nj_buf *buf);
void nj_channel_publish_status(struct nj_realtime *realtime);

// client_message.c: what a client sent. The socket may be closing afterwards, never freed.
void nj_client_message(struct nj_realtime_client *client, const char *text, size_t length);

#endif
