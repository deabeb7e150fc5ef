// SPDX-License-Identifier: Apache-2.0
// One connection to a Redis server on the loop: bounded pipelining, time-outs of our own,
// reconnects with backoff, and a breaker. Loop thread only.
#ifndef NJ_BUS_REDIS_H
#define NJ_BUS_REDIS_H

#include "config/options.h"
#include "health/breaker.h"
#include "health/metrics.h"
#include "loop/loop.h"
#include "net/address_rules.h"
#include "util/log.h"

struct nj_redis_options {
    const char
        *url; // "redis://user:pass@host:6379/0"; "" none. "rediss://" needs a library with TLS
    const char *password; // secret; overrides the URL's
    const char *ca_file;  // of "rediss://"; "": the system's authorities
    nj_us connect_us, command_us;
    nj_us reconnect_us, reconnect_cap_us;
    nj_us beat_us;       // an idle connection is asked whether it lives
    int64_t max_waiting; // commands not answered; more: NJ_E_FULL
    int64_t max_waiting_bytes;
};
extern const struct nj_option_group nj_redis_option_group; // group "redis"

struct nj_redis_config {
    const struct nj_redis_options *options; // outlives the connection
    const char *name;                       // "site", "archive us-lpr": for logs and metrics
    struct nj_loop *loop;
    struct nj_breaker *breaker; // may be NULL
    struct nj_metrics *metrics; // may be NULL
    struct nj_log *log;         // may be NULL
    // Each address of the server's host is held against these before one is connected to. Outlives
    // the connection.
    const struct nj_address_rules *rules;
};

struct nj_redis;

// Begins to connect; a server that is away is no error here. NJ_E_INVALID: URL (also an empty one);
// NJ_E_UNSUPPORTED: TLS that the library lacks.
int nj_redis_create(const struct nj_redis_config *config, struct nj_redis **out,
                    struct nj_error *err);
// Commands that wait end with NJ_E_CANCELLED within the call. Not from inside a `done`. Accepts
// NULL.
void nj_redis_destroy(struct nj_redis *redis);

struct nj_redis_reply { // borrowed during `done`
    // 0, NJ_E_UNAVAILABLE (also what a server says that cannot serve now), NJ_E_TIMEOUT,
    // NJ_E_CANCELLED, NJ_E_INVALID (server said no), NJ_E_DENIED (by the address rules)
    int rc;
    struct nj_error error;
    bool nil;
    int64_t integer;
    const char *bytes; // of a string or a status ("OK"); NULL for others
    size_t length;
};
struct nj_redis_command { // caller-owned and intrusive; valid until `done` has begun
    const char *const *words;
    const size_t *lengths;
    size_t count; // the words are copied during the call
    // Called from: loop thread, never inside nj_redis_send. It may send further commands.
    void (*done)(struct nj_redis_command *command, const struct nj_redis_reply *reply);
};
// NJ_E_FULL, NJ_E_UNAVAILABLE (not connected, breaker open), NJ_E_DENIED (by the address rules),
// NJ_E_NOMEM: `done` is not called then.
// Not connected yet but connecting: waits its turn within its time-out. A command whose answer does
// not come in time takes its connection along: what was sent behind it ends NJ_E_UNAVAILABLE, and
// whether the server carried it out is not known.
int nj_redis_send(struct nj_redis *redis, struct nj_redis_command *command, struct nj_error *err);

enum nj_redis_state { NJ_REDIS_OFF, NJ_REDIS_CONNECTING, NJ_REDIS_READY, NJ_REDIS_AWAY };
// Off for NULL. *out_reason (may be NULL) gets one sentence, "" when all is well; valid until the
// loop's next turn.
enum nj_redis_state nj_redis_state(const struct nj_redis *redis, const char **out_reason);

#endif
