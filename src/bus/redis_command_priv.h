// SPDX-License-Identifier: Apache-2.0
// Commands that wait for their answers, answers as callers see them, and what is counted.
#ifndef NJ_BUS_REDIS_COMMAND_PRIV_H
#define NJ_BUS_REDIS_COMMAND_PRIV_H

#include "bus/redis.h"
#include "util/list.h"

#include <stddef.h>

struct redisReply;

struct nj_redis_pending {
    struct nj_list node;
    struct nj_redis_command *command; // NULL: the connection's own
    char *text;                       // as it goes to the server; NULL once handed over
    size_t length;
    nj_us started_us, deadline_us; // monotonic
    uint64_t round;                // of the breaker
};
// NULL without memory. `lengths` NULL: the words are texts.
struct nj_redis_pending *nj_redis_pending_create(const char *const *words, const size_t *lengths,
                                                 size_t count);
void nj_redis_pending_drop_text(struct nj_redis_pending *pending);
void nj_redis_pending_free(struct nj_redis_pending *pending); // in no list

// First word of an error ("WRONGTYPE").
enum { NJ_REDIS_KIND_SIZE = 32 };
void nj_redis_error_kind(const char *text, char out[NJ_REDIS_KIND_SIZE]);
// `shown` is the server's place, for messages. The bytes are borrowed from `reply`.
void nj_redis_reply_read(const struct redisReply *reply, const char *shown,
                         struct nj_redis_reply *out);

// How a call that entered the breaker (may be NULL) in that round ended.
void nj_redis_report(struct nj_breaker *breaker, uint64_t round, int rc);

struct nj_redis_meters { // all NULL without metrics
    struct nj_metrics *metrics;
    struct nj_metric *connected, *reconnects, *waiting, *duration;
};
void nj_redis_meters_init(struct nj_redis_meters *meters, struct nj_metrics *metrics,
                          const char *name);
void nj_redis_meters_connected(struct nj_redis_meters *meters, bool connected);
void nj_redis_meters_reconnect(struct nj_redis_meters *meters);
void nj_redis_meters_waiting(struct nj_redis_meters *meters, int64_t waiting);
// A command that ended, or (duration -1) was not taken.
void nj_redis_meters_done(struct nj_redis_meters *meters, int rc, nj_us duration_us);

#endif
