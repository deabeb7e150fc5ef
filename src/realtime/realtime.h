// SPDX-License-Identifier: Apache-2.0
// WebSocket channels /ws/events and /ws/system: subscriptions, sequence numbers, replay, acks,
// heartbeat. Loop thread only.
#ifndef NJ_REALTIME_REALTIME_H
#define NJ_REALTIME_REALTIME_H

#include "bus/bus.h"
#include "config/options.h"
#include "health/metrics.h"
#include "net/websocket.h"
#include "util/json_writer.h"

struct nj_realtime_options {
    nj_us idle_timeout_us;     // WEBSOCKET_IDLE_TIMEOUT_SECONDS 300
    nj_us ping_interval_us;    // WEBSOCKET_PING_INTERVAL_SECONDS 30
    int64_t max_message_bytes; // WEBSOCKET_MAX_MESSAGE_SIZE 65536
    int64_t max_clients;
    int64_t replay_messages;  // newest kept for resync: 100
    nj_us status_interval_us; // system_status every 5 s, only with clients
};
extern const struct nj_option_group nj_realtime_option_group; // group "realtime"

struct nj_realtime_config {
    struct nj_realtime_options options;
    struct nj_loop *loop;
    struct nj_bus *bus;
    struct nj_metrics *metrics;
    struct nj_log *log;
    // Writes the members of system_status `data` and performance_update `data`.
    void (*write_status)(void *context, struct nj_json_writer *writer);
    void (*write_performance)(void *context, struct nj_json_writer *writer);
    void *context;
};

enum nj_channel { NJ_CHANNEL_EVENTS, NJ_CHANNEL_SYSTEM, NJ_CHANNEL_COUNT };

struct nj_realtime;

int nj_realtime_create(const struct nj_realtime_config *config, struct nj_realtime **out,
                       struct nj_error *err);
int nj_realtime_start(struct nj_realtime *realtime, struct nj_error *err);
void nj_realtime_stop(struct nj_realtime *realtime); // closes clients with 1001
void nj_realtime_destroy(struct nj_realtime *realtime);

// Takes over a checked and authorised upgrade request; answers it in every case.
void nj_realtime_accept(struct nj_realtime *realtime, enum nj_channel channel,
                        struct nj_http_request *request, const char *subprotocol);

struct nj_realtime_stats {
    size_t clients[NJ_CHANNEL_COUNT];
    uint64_t published, delivered, closed_slow;
    uint64_t sequence; // newest of the events channel
};
void nj_realtime_get_stats(const struct nj_realtime *realtime, struct nj_realtime_stats *out);

#endif
