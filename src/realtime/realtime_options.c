// SPDX-License-Identifier: Apache-2.0
// Options of the WebSocket channels.
#include "realtime/realtime.h"

#include <stddef.h>

#define MEMBER(field) offsetof(struct nj_realtime_options, field)

static const struct nj_option options[] = {
    {.name = "idle_timeout_seconds",
     .env = "WEBSOCKET_IDLE_TIMEOUT_SECONDS",
     .type = NJ_OPTION_SECONDS,
     .offset = MEMBER(idle_timeout_us),
     .min = 1,
     .max = 86400,
     .unit = "s",
     .fallback = "300",
     .help = "A WebSocket client that sends nothing for this long is closed."},
    {.name = "ping_interval_seconds",
     .env = "WEBSOCKET_PING_INTERVAL_SECONDS",
     .type = NJ_OPTION_SECONDS,
     .offset = MEMBER(ping_interval_us),
     .min = 1,
     .max = 3600,
     .unit = "s",
     .fallback = "30",
     .help = "How often clients are sent a ping that carries the newest sequence number."},
    {.name = "max_message_bytes",
     .env = "WEBSOCKET_MAX_MESSAGE_SIZE",
     .type = NJ_OPTION_INT,
     .offset = MEMBER(max_message_bytes),
     .min = 1024,
     .max = 16777216,
     .unit = "bytes",
     .fallback = "65536",
     .help = "Longest message of a client; a longer one closes the WebSocket with 1009."},
    {.name = "max_clients",
     .type = NJ_OPTION_INT,
     .offset = MEMBER(max_clients),
     .min = 1,
     .max = 1000000,
     .unit = "clients",
     .fallback = "2048",
     .help = "WebSocket clients of all channels together; further ones are answered with 503."},
    {.name = "replay_messages",
     .type = NJ_OPTION_INT,
     .offset = MEMBER(replay_messages),
     .min = 1,
     .max = 10000,
     .unit = "messages",
     .fallback = "100",
     .help = "Newest messages of a channel that are kept for clients which come back."},
    {.name = "status_interval_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = MEMBER(status_interval_us),
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .fallback = "5",
     .help = "How often the system channel tells system_status, while anybody listens."},
};

const struct nj_option_group nj_realtime_option_group = {
    .name = "realtime",
    .title = "WebSocket channels",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .struct_size = sizeof(struct nj_realtime_options),
};
