// SPDX-License-Identifier: Apache-2.0
// The WebSocket channels: who is connected, heartbeat, idle time-out, what comes from the bus.
#include "net/problem.h"
#include "realtime/backlog_priv.h"
#include "realtime/realtime_priv.h"
#include "util/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const channel_names[NJ_CHANNEL_COUNT] = {
    [NJ_CHANNEL_EVENTS] = "events",
    [NJ_CHANNEL_SYSTEM] = "system",
};

static const struct nj_metric_spec clients_spec = {
    .type = NJ_GAUGE,
    .name = "websocket_clients",
    .help = "WebSocket clients by channel.",
    .label = "channel",
};

static const struct nj_metric_spec messages_spec = {
    .type = NJ_COUNTER,
    .name = "websocket_messages_total",
    .help = "Messages published by channel.",
    .label = "channel",
};

static bool wants(struct nj_websocket *socket, const char *tag)
{
    const struct nj_realtime_client *client = nj_websocket_user(socket);
    return strcmp(tag, "ping") == 0 || nj_subscription_wants(&client->subscription, tag);
}

static void count_client(struct nj_realtime_channel *channel, bool joined)
{
    if (joined)
        channel->client_count++;
    else
        channel->client_count--;
    nj_metric_set(channel->clients_metric, (double)channel->client_count);
}

static struct nj_websocket *socket_of(struct nj_list *node)
{
    return NJ_CONTAINER_OF(node, struct nj_realtime_client, node)->socket;
}

static void on_message(struct nj_websocket *socket, const char *text, size_t length, void *arg)
{
    struct nj_realtime_client *client = arg;
    if (client->realtime == NULL)
        return;
    nj_client_message(client, text, length);
    // Many clients that ask and do not read hold less together than each may alone.
    if (nj_websocket_queued_bytes(socket) > NJ_CLIENT_FREE_BYTES)
        nj_backlog_bound(&client->realtime->clients, socket_of, NJ_ALL_CLIENTS_QUEUE_BYTES);
}

static void on_closed(struct nj_websocket *socket, int code, void *arg)
{
    (void)socket;
    struct nj_realtime_client *client = arg;
    struct nj_realtime *realtime = client->realtime;
    nj_timer_stop(&client->idle);
    if (realtime != NULL) {
        nj_list_remove(&client->node);
        count_client(client->channel, false);
        if (realtime->channels[NJ_CHANNEL_SYSTEM].client_count == 0)
            nj_timer_stop(&realtime->status);
        nj_log_at(realtime->config.log, NJ_LOG_DEBUG, "WebSocket closed",
                  NJ_TEXT("connection_id", client->id), NJ_INT("code", code));
    }
    free(client);
}

static void arm_idle(struct nj_realtime_client *client)
{
    const struct nj_realtime_config *config = &client->realtime->config;
    nj_us quiet =
        nj_mono_us(nj_loop_clock(config->loop)) - nj_websocket_last_received_us(client->socket);
    nj_us left = config->options.idle_timeout_us - quiet;
    // Without memory for the timer the client is let go rather than kept for ever.
    if (left <= 0 || nj_timer_start(&client->idle, left, 0) != 0)
        nj_websocket_close(client->socket, NJ_WEBSOCKET_NORMAL, "Idle timeout");
}

static void on_idle(struct nj_timer *timer)
{
    struct nj_realtime_client *client = NJ_CONTAINER_OF(timer, struct nj_realtime_client, idle);
    if (client->realtime != NULL)
        arm_idle(client);
}

static void on_ping(struct nj_timer *timer)
{
    struct nj_realtime *realtime = NJ_CONTAINER_OF(timer, struct nj_realtime, ping);
    for (size_t i = 0; i < NJ_CHANNEL_COUNT; i++) {
        struct nj_realtime_channel *channel = &realtime->channels[i];
        char text[64];
        int length = snprintf(text, sizeof text, "{\"type\":\"ping\",\"lastSeq\":%" PRIu64 "}",
                              channel->sequence);
        if (channel->client_count > 0)
            nj_fanout_publish(channel->fanout, "ping", text, (size_t)length);
    }
}

static void on_status(struct nj_timer *timer)
{
    nj_channel_publish_status(NJ_CONTAINER_OF(timer, struct nj_realtime, status));
}

static void on_events(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    struct nj_realtime *realtime = NJ_CONTAINER_OF(subscriber, struct nj_realtime, events);
    nj_channel_publish(&realtime->channels[NJ_CHANNEL_EVENTS], message, true);
    if (strcmp(message->tag, "camera_status") == 0)
        nj_channel_publish(&realtime->channels[NJ_CHANNEL_SYSTEM], message, true);
}

static void on_system(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    struct nj_realtime *realtime = NJ_CONTAINER_OF(subscriber, struct nj_realtime, system);
    nj_channel_publish(&realtime->channels[NJ_CHANNEL_SYSTEM], message, true);
}

static int channel_init(struct nj_realtime *realtime, enum nj_channel kind)
{
    static const struct nj_fanout_options ring = {
        .ring_messages = NJ_FANOUT_RING_MESSAGES,
        .ring_bytes = NJ_FANOUT_RING_BYTES,
    };
    struct nj_realtime_channel *channel = &realtime->channels[kind];
    const struct nj_realtime_config *config = &realtime->config;
    channel->realtime = realtime;
    channel->kind = kind;
    channel->name = channel_names[kind];
    channel->clients_metric = nj_metrics_get(config->metrics, &clients_spec, channel->name);
    channel->messages_metric = nj_metrics_get(config->metrics, &messages_spec, channel->name);
    int rc = nj_replay_init(&channel->replay, (size_t)config->options.replay_messages);
    return rc != 0 ? rc : nj_fanout_create(config->loop, &ring, &channel->fanout);
}

int nj_realtime_create(const struct nj_realtime_config *config, struct nj_realtime **out,
                       struct nj_error *err)
{
    struct nj_realtime *realtime = calloc(1, sizeof *realtime);
    if (realtime == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the WebSocket channels");
    realtime->config = *config;
    nj_list_init(&realtime->clients);
    nj_timer_init(&realtime->ping, config->loop, on_ping);
    nj_timer_init(&realtime->status, config->loop, on_status);
    realtime->events.fn = on_events;
    realtime->system.fn = on_system;
    for (int kind = 0; kind < NJ_CHANNEL_COUNT; kind++) {
        int rc = channel_init(realtime, (enum nj_channel)kind);
        if (rc != 0) {
            nj_realtime_destroy(realtime);
            return nj_error_set(err, rc, "no memory for the WebSocket channels");
        }
    }
    *out = realtime;
    return 0;
}

int nj_realtime_start(struct nj_realtime *realtime, struct nj_error *err)
{
    if (realtime->started)
        return 0;
    nj_us beat = realtime->config.options.ping_interval_us;
    if (nj_timer_start(&realtime->ping, beat, beat) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the WebSocket heartbeat");
    nj_bus_subscribe(realtime->config.bus, &realtime->events, "events");
    nj_bus_subscribe(realtime->config.bus, &realtime->system, "system");
    realtime->started = true;
    return 0;
}

void nj_realtime_stop(struct nj_realtime *realtime)
{
    if (realtime == NULL || !realtime->started)
        return;
    realtime->started = false;
    nj_timer_stop(&realtime->ping);
    nj_timer_stop(&realtime->status);
    nj_bus_unsubscribe(&realtime->events);
    nj_bus_unsubscribe(&realtime->system);
    struct nj_list *node = realtime->clients.next;
    while (node != &realtime->clients) { // closing is never done within the call
        struct nj_realtime_client *client = NJ_CONTAINER_OF(node, struct nj_realtime_client, node);
        node = node->next;
        nj_websocket_close(client->socket, NJ_WEBSOCKET_GOING_AWAY, "server is stopping");
    }
}

// Sockets that are still closing forget us; each frees its client when it is gone.
static void orphan_clients(struct nj_realtime *realtime)
{
    struct nj_list *node;
    while ((node = nj_list_pop(&realtime->clients)) != NULL) {
        struct nj_realtime_client *client = NJ_CONTAINER_OF(node, struct nj_realtime_client, node);
        nj_websocket_close(client->socket, NJ_WEBSOCKET_GOING_AWAY, "server is stopping");
        nj_timer_stop(&client->idle);
        client->realtime = NULL;
        client->channel = NULL;
    }
}

void nj_realtime_destroy(struct nj_realtime *realtime)
{
    if (realtime == NULL)
        return;
    nj_realtime_stop(realtime);
    orphan_clients(realtime);
    for (size_t i = 0; i < NJ_CHANNEL_COUNT; i++) {
        nj_fanout_destroy(realtime->channels[i].fanout);
        nj_replay_finish(&realtime->channels[i].replay);
    }
    free(realtime);
}

static void send_connected(struct nj_realtime_client *client)
{
    const struct nj_realtime_channel *channel = client->channel;
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, NJ_MESSAGE_MAX_BYTES);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", "connected");
    nj_json_text(&writer, "message",
                 channel->kind == NJ_CHANNEL_EVENTS ? "Connected to the event stream"
                                                    : "Connected to the system status stream");
    nj_json_text(&writer, "connection_id", client->id);
    nj_json_int(&writer, "sequence", (int64_t)channel->sequence);
    nj_json_object_end(&writer);
    if (nj_buf_failed(&buf) == 0)
        nj_websocket_send(client->socket, buf.data, buf.length);
    nj_buf_finish(&buf);
}

// A new client of the system channel sees the state at once instead of after the next interval.
static void send_status(struct nj_realtime_client *client)
{
    struct nj_realtime *realtime = client->realtime;
    if (client->channel->kind != NJ_CHANNEL_SYSTEM || realtime->config.write_status == NULL)
        return;
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_MESSAGE_MAX_BYTES);
    nj_channel_write_status(realtime, false, &buf);
    if (nj_buf_failed(&buf) == 0)
        nj_websocket_send(client->socket, buf.data, buf.length);
    nj_buf_finish(&buf);
    nj_us interval = realtime->config.options.status_interval_us;
    if (!nj_timer_active(&realtime->status))
        nj_timer_start(&realtime->status, interval, interval);
}

static size_t client_total(const struct nj_realtime *realtime)
{
    size_t total = 0;
    for (size_t i = 0; i < NJ_CHANNEL_COUNT; i++)
        total += realtime->channels[i].client_count;
    return total;
}

static struct nj_realtime_client *client_create(struct nj_realtime *realtime,
                                                enum nj_channel channel)
{
    struct nj_realtime_client *client = calloc(1, sizeof *client);
    char number[9];
    if (client == NULL || nj_random_hex(number, 4) != 0) {
        free(client);
        return NULL;
    }
    client->realtime = realtime;
    client->channel = &realtime->channels[channel];
    nj_list_init(&client->node);
    nj_timer_init(&client->idle, realtime->config.loop, on_idle);
    snprintf(client->id, sizeof client->id, "ws-%s-%s", client->channel->name, number);
    return client;
}

// Refuses what cannot be served; true when the request was answered.
static bool refuse_unserved(struct nj_realtime *realtime, struct nj_http_request *request)
{
    static const struct nj_http_field retry = {"Retry-After", "5"};
    bool full = client_total(realtime) >= (size_t)realtime->config.options.max_clients;
    if (realtime->started && !full)
        return false;
    nj_problem_reply_full(request, &(struct nj_problem){
                                       .status = 503,
                                       .detail = full ? "too many WebSocket clients"
                                                      : "the WebSocket channels are stopped",
                                       .headers = &retry,
                                       .header_count = 1,
                                   });
    return true;
}

void nj_realtime_accept(struct nj_realtime *realtime, enum nj_channel channel,
                        struct nj_http_request *request, const char *subprotocol)
{
    if (refuse_unserved(realtime, request))
        return;
    struct nj_realtime_client *client = client_create(realtime, channel);
    if (client == NULL) {
        nj_problem_reply(request, 500, NULL, NULL, NULL);
        return;
    }
    struct nj_websocket_options options = {
        .max_message_bytes = (size_t)realtime->config.options.max_message_bytes,
        .max_queued_bytes = NJ_CLIENT_QUEUE_BYTES,
        .subprotocol = subprotocol,
    };
    struct nj_websocket_handlers handlers = {on_message, on_closed, client};
    if (nj_websocket_accept(request, &options, &handlers, &client->socket, NULL) != 0) {
        free(client);
        return;
    }
    nj_websocket_set_user(client->socket, client);
    nj_list_append(&realtime->clients, &client->node);
    count_client(client->channel, true);
    send_connected(client);
    nj_fanout_join(client->channel->fanout, client->socket, wants);
    send_status(client);
    arm_idle(client);
}

void nj_realtime_get_stats(const struct nj_realtime *realtime, struct nj_realtime_stats *out)
{
    struct nj_realtime_stats stats = {.published = 0};
    for (size_t i = 0; i < NJ_CHANNEL_COUNT; i++) {
        struct nj_fanout_stats fanout;
        nj_fanout_get_stats(realtime->channels[i].fanout, &fanout);
        stats.clients[i] = realtime->channels[i].client_count;
        stats.published += realtime->channels[i].sequence;
        stats.delivered += fanout.delivered;
        stats.closed_slow += fanout.closed_slow;
    }
    stats.sequence = realtime->channels[NJ_CHANNEL_EVENTS].sequence;
    *out = stats;
}
