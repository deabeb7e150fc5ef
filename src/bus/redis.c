// SPDX-License-Identifier: Apache-2.0
// One connection to a Redis server: when it is made and given up, and which command waits for what.
// Answers come in the order of commands, so that the oldest one's time-out speaks for all.
#include "bus/redis.h"

#include "bus/redis_command_priv.h"
#include "bus/redis_priv.h"
#include "util/backoff.h"
#include "util/mem.h"
#include "util/text.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

enum { DATABASE_DIGITS = 24 };
static const double jitter = 0.25;

struct nj_redis {
    struct nj_redis_config config;
    struct nj_redis_target target;
    char name[64];
    enum nj_redis_state state;
    char reason[NJ_ERROR_TEXT_MAX]; // "" when ready
    bool denied;                    // away: the rules forbid its address
    bool silent; // it was left because it answers no command, though it can be connected to
    struct nj_resolver *resolver;
    struct nj_redis_link *link;
    unsigned handshake_left; // answers to what logs in
    unsigned attempts;       // that failed in a row
    struct nj_rng rng;
    struct nj_timer attempt; // connecting: its deadline; away: the next try
    struct nj_timer expiry;  // of the oldest command
    struct nj_timer beat;
    struct nj_list sent, unsent;
    int64_t waiting, waiting_bytes;
    struct nj_redis_meters meters;
};

static nj_us now_us(const struct nj_redis *redis)
{
    return nj_mono_us(nj_loop_clock(redis->config.loop));
}

// The pending command is over: counted, forgotten, told.
static void settle(struct nj_redis *redis, struct nj_redis_pending *pending,
                   const struct nj_redis_reply *reply)
{
    struct nj_redis_command *command = pending->command;
    nj_list_remove(&pending->node);
    if (command != NULL) {
        redis->waiting -= 1;
        redis->waiting_bytes -= (int64_t)pending->length;
        nj_redis_report(redis->config.breaker, pending->round, reply->rc);
        nj_redis_meters_done(&redis->meters, reply->rc, now_us(redis) - pending->started_us);
        nj_redis_meters_waiting(&redis->meters, redis->waiting);
    }
    nj_redis_pending_free(pending);
    if (command != NULL)
        command->done(command, reply); // the last: it may send again
}

static void settle_error(struct nj_redis *redis, struct nj_redis_pending *pending,
                         const struct nj_error *error)
{
    struct nj_redis_reply reply = {.rc = error->code, .error = *error};
    settle(redis, pending, &reply);
}

static void move_all(struct nj_list *from, struct nj_list *to)
{
    struct nj_list *node;
    while ((node = nj_list_pop(from)) != NULL)
        nj_list_append(to, node);
}

// Ends what is in `list`; what is sent meanwhile is not in it.
static void end_all(struct nj_redis *redis, struct nj_list *list, const struct nj_error *error)
{
    struct nj_error late;
    nj_us now = now_us(redis);
    nj_error_set(&late, NJ_E_TIMEOUT, "Redis %s did not answer within %.1f s", redis->target.shown,
                 (double)redis->config.options->command_us / NJ_US_PER_S);
    while (!nj_list_empty(list)) {
        struct nj_redis_pending *pending =
            NJ_CONTAINER_OF(list->next, struct nj_redis_pending, node);
        bool expired = error->code != NJ_E_CANCELLED && pending->deadline_us <= now;
        settle_error(redis, pending, expired ? &late : error);
    }
}

static void tell_away(struct nj_redis *redis, const struct nj_error *error)
{
    if (strcmp(redis->reason, error->text) == 0)
        return; // the same trouble as at the try before
    nj_text_copy(redis->reason, sizeof redis->reason, error->text);
    nj_log_at(redis->config.log, NJ_LOG_WARNING, "Redis is away",
              NJ_TEXT("connection", redis->name), NJ_TEXT("reason", redis->reason));
}

static void go_away(struct nj_redis *redis, const struct nj_error *error)
{
    const struct nj_backoff backoff = {.base_us = redis->config.options->reconnect_us,
                                       .cap_us = redis->config.options->reconnect_cap_us,
                                       .jitter = jitter};
    struct nj_list ended;
    nj_list_init(&ended);
    nj_redis_link_close(redis->link);
    redis->link = NULL;
    redis->state = NJ_REDIS_AWAY;
    redis->denied = error->code == NJ_E_DENIED;
    redis->silent = false;
    redis->attempts += 1;
    nj_timer_stop(&redis->beat);
    nj_timer_stop(&redis->expiry);
    (void)nj_timer_start(&redis->attempt, nj_backoff_delay(&backoff, redis->attempts, &redis->rng),
                         0);
    nj_redis_meters_connected(&redis->meters, false);
    tell_away(redis, error);
    move_all(&redis->sent, &ended);
    move_all(&redis->unsent, &ended);
    end_all(redis, &ended, error);
}

static void on_down(void *arg, const struct nj_error *error)
{
    go_away(arg, error);
}

static struct nj_redis_pending *oldest(struct nj_redis *redis)
{
    struct nj_list *list = nj_list_empty(&redis->sent) ? &redis->unsent : &redis->sent;
    return nj_list_empty(list) ? NULL : NJ_CONTAINER_OF(list->next, struct nj_redis_pending, node);
}

static void arm_expiry(struct nj_redis *redis)
{
    const struct nj_redis_pending *first = oldest(redis);
    if (first != NULL && !nj_timer_active(&redis->expiry))
        (void)nj_timer_start(&redis->expiry, first->deadline_us - now_us(redis), 0);
}

static void on_expiry(struct nj_timer *timer)
{
    struct nj_redis *redis = NJ_CONTAINER_OF(timer, struct nj_redis, expiry);
    struct nj_redis_pending *first = oldest(redis);
    struct nj_error error;
    if (first == NULL)
        return;
    if (first->deadline_us > now_us(redis)) {
        arm_expiry(redis);
        return;
    }
    if (redis->state == NJ_REDIS_READY) {
        // Its answer may come yet, and would be taken for the next one's.
        nj_error_set(&error, NJ_E_UNAVAILABLE,
                     "Redis %s does not answer; the connection is given up", redis->target.shown);
        go_away(redis, &error);
        redis->silent = true;
        return;
    }
    nj_error_set(&error, NJ_E_TIMEOUT, "Redis %s could not be reached within %.1f s",
                 redis->target.shown, (double)redis->config.options->command_us / NJ_US_PER_S);
    settle_error(redis, first, &error);
    arm_expiry(redis);
}

static void flush_unsent(struct nj_redis *redis)
{
    struct nj_list *node;
    while (redis->state == NJ_REDIS_READY && (node = nj_list_pop(&redis->unsent)) != NULL) {
        struct nj_redis_pending *pending = NJ_CONTAINER_OF(node, struct nj_redis_pending, node);
        nj_redis_link_write(redis->link, pending->text, pending->length);
        nj_redis_pending_drop_text(pending);
        nj_list_append(&redis->sent, node);
    }
    arm_expiry(redis);
}

static void become_ready(struct nj_redis *redis)
{
    redis->state = NJ_REDIS_READY;
    redis->attempts = 0;
    redis->reason[0] = '\0';
    nj_timer_stop(&redis->attempt);
    (void)nj_timer_start(&redis->beat, redis->config.options->beat_us,
                         redis->config.options->beat_us);
    nj_redis_meters_connected(&redis->meters, true);
    nj_log_at(redis->config.log, NJ_LOG_INFO, "Redis is connected",
              NJ_TEXT("connection", redis->name), NJ_TEXT("server", redis->target.shown));
    if (!redis->silent)
        nj_breaker_wake(redis->config.breaker);
    flush_unsent(redis);
}

// Only the kind of refusal is told: the text of a server may quote what it was sent.
static void refuse_handshake(struct nj_redis *redis, const redisReply *reply)
{
    struct nj_error error;
    char kind[NJ_REDIS_KIND_SIZE];
    nj_redis_error_kind(reply->str, kind);
    bool login = strcmp(kind, "NOAUTH") == 0 || strcmp(kind, "WRONGPASS") == 0 ||
                 strcmp(kind, "NOPERM") == 0;
    nj_error_set(&error, NJ_E_UNAVAILABLE,
                 login ? "Redis %s: the user or password is refused (%s)"
                       : "Redis %s: logging in, choosing the database or asking is refused (%s)",
                 redis->target.shown, kind);
    go_away(redis, &error);
}

static void on_reply(void *arg, const struct redisReply *reply)
{
    struct nj_redis *redis = arg;
    struct nj_redis_reply answer;
    if (redis->state == NJ_REDIS_CONNECTING) {
        if (reply->type == REDIS_REPLY_ERROR)
            refuse_handshake(redis, reply);
        else if (--redis->handshake_left == 0)
            become_ready(redis);
        return;
    }
    struct nj_list *node = redis->sent.next;
    if (nj_list_empty(&redis->sent)) {
        nj_error_set(&answer.error, NJ_E_UNAVAILABLE, "Redis %s answers what nobody asked",
                     redis->target.shown);
        go_away(redis, &answer.error);
        return;
    }
    nj_redis_reply_read(reply, redis->target.shown, &answer);
    settle(redis, NJ_CONTAINER_OF(node, struct nj_redis_pending, node), &answer);
}

static int say(struct nj_redis *redis, const char *const *words, int count)
{
    char *text = NULL;
    long long length = redisFormatCommandArgv(&text, count, (const char **)(uintptr_t)words, NULL);
    if (length < 0)
        return NJ_E_NOMEM;
    nj_redis_link_write(redis->link, text, (size_t)length);
    redisFreeCommand(text);
    redis->handshake_left += 1;
    return 0;
}

static int say_handshake(struct nj_redis *redis)
{
    const struct nj_redis_target *target = &redis->target;
    char database[DATABASE_DIGITS];
    int rc = 0;
    redis->handshake_left = 0;
    snprintf(database, sizeof database, "%lld", (long long)target->database);
    if (target->user[0] != '\0')
        rc = say(redis, (const char *const[]){"AUTH", target->user, target->password}, 3);
    else if (target->password[0] != '\0')
        rc = say(redis, (const char *const[]){"AUTH", target->password}, 2);
    if (rc == 0 && target->database > 0)
        rc = say(redis, (const char *const[]){"SELECT", database}, 2);
    return rc == 0 ? say(redis, (const char *const[]){"PING"}, 1) : rc;
}

static void on_up(void *arg)
{
    struct nj_redis *redis = arg;
    struct nj_error error;
    if (say_handshake(redis) != 0) {
        nj_error_set(&error, NJ_E_NOMEM, "Redis %s: no memory", redis->target.shown);
        go_away(redis, &error);
    }
}

static void begin_attempt(struct nj_redis *redis)
{
    struct nj_error error;
    const struct nj_redis_link_config link = {.target = &redis->target,
                                              .ca_file = redis->config.options->ca_file,
                                              .rules = redis->config.rules,
                                              .resolver = redis->resolver,
                                              .loop = redis->config.loop,
                                              .up = on_up,
                                              .reply = on_reply,
                                              .down = on_down,
                                              .arg = redis};
    redis->state = NJ_REDIS_CONNECTING;
    (void)nj_timer_start(&redis->attempt, redis->config.options->connect_us, 0);
    if (nj_redis_link_open(&link, &redis->link, &error) != 0)
        go_away(redis, &error);
}

static void on_attempt(struct nj_timer *timer)
{
    struct nj_redis *redis = NJ_CONTAINER_OF(timer, struct nj_redis, attempt);
    struct nj_error error;
    if (redis->state == NJ_REDIS_AWAY) {
        nj_redis_meters_reconnect(&redis->meters);
        begin_attempt(redis);
        return;
    }
    nj_error_set(&error, NJ_E_UNAVAILABLE, "Redis %s does not answer within %.1f s",
                 redis->target.shown, (double)redis->config.options->connect_us / NJ_US_PER_S);
    go_away(redis, &error);
}

static void on_beat(struct nj_timer *timer)
{
    static const char *const ping[] = {"PING"};
    struct nj_redis *redis = NJ_CONTAINER_OF(timer, struct nj_redis, beat);
    if (!nj_list_empty(&redis->sent))
        return; // its time-out tells as well
    struct nj_redis_pending *pending = nj_redis_pending_create(ping, NULL, 1);
    if (pending == NULL)
        return;
    pending->deadline_us = now_us(redis) + redis->config.options->command_us;
    nj_list_append(&redis->unsent, &pending->node);
    flush_unsent(redis);
}

int nj_redis_create(const struct nj_redis_config *config, struct nj_redis **out,
                    struct nj_error *err)
{
    struct nj_redis_target target;
    int rc = nj_redis_target_parse(config->options, &target, err);
    if (rc != 0)
        return rc;
    struct nj_redis *redis = calloc(1, sizeof *redis);
    if (redis == NULL || nj_resolver_create(&redis->resolver, NULL) != 0) {
        free(redis);
        return nj_error_set(err, NJ_E_NOMEM, "Redis %s: no memory", target.shown);
    }
    redis->config = *config;
    redis->target = target;
    nj_text_copy(redis->name, sizeof redis->name, config->name);
    redis->config.name = redis->name;
    nj_list_init(&redis->sent);
    nj_list_init(&redis->unsent);
    nj_timer_init(&redis->attempt, config->loop, on_attempt);
    nj_timer_init(&redis->expiry, config->loop, on_expiry);
    nj_timer_init(&redis->beat, config->loop, on_beat);
    nj_rng_seed(&redis->rng, (uint64_t)now_us(redis) ^ (uint64_t)(uintptr_t)redis);
    nj_redis_meters_init(&redis->meters, config->metrics, redis->name);
    begin_attempt(redis);
    *out = redis;
    return 0;
}

void nj_redis_destroy(struct nj_redis *redis)
{
    struct nj_error error;
    if (redis == NULL)
        return;
    nj_redis_link_close(redis->link);
    redis->link = NULL;
    redis->state = NJ_REDIS_OFF; // nothing more is taken
    nj_timer_stop(&redis->attempt);
    nj_timer_stop(&redis->expiry);
    nj_timer_stop(&redis->beat);
    nj_redis_meters_connected(&redis->meters, false);
    nj_error_set(&error, NJ_E_CANCELLED, "Redis %s: the connection is closed by its owner",
                 redis->target.shown);
    end_all(redis, &redis->sent, &error);
    end_all(redis, &redis->unsent, &error);
    nj_resolver_destroy(redis->resolver);
    free(redis);
}

// Whether a command may enter; the breaker was asked when it may.
static int admit(struct nj_redis *redis, struct nj_redis_pending *pending, struct nj_error *err)
{
    const struct nj_redis_options *options = redis->config.options;
    if (redis->state == NJ_REDIS_OFF)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "Redis %s: the connection is closed",
                            redis->target.shown);
    if (redis->waiting >= options->max_waiting ||
        (int64_t)pending->length > options->max_waiting_bytes - redis->waiting_bytes)
        return nj_error_set(err, NJ_E_FULL, "Redis %s: %lld commands of %lld bytes wait already",
                            redis->target.shown, (long long)redis->waiting,
                            (long long)redis->waiting_bytes);
    int rc = redis->config.breaker != NULL
                 ? nj_breaker_enter(redis->config.breaker, &pending->round, err)
                 : 0;
    if (rc != 0 || redis->state != NJ_REDIS_AWAY)
        return rc;
    rc = redis->denied ? NJ_E_DENIED : NJ_E_UNAVAILABLE;
    nj_redis_report(redis->config.breaker, pending->round, rc);
    return nj_error_set(err, rc, "%s", redis->reason);
}

int nj_redis_send(struct nj_redis *redis, struct nj_redis_command *command, struct nj_error *err)
{
    struct nj_redis_pending *pending =
        nj_redis_pending_create(command->words, command->lengths, command->count);
    if (pending == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "Redis %s: no memory", redis->target.shown);
    int rc = admit(redis, pending, err);
    if (rc != 0) {
        nj_redis_meters_done(&redis->meters, rc, -1);
        nj_redis_pending_free(pending);
        return rc;
    }
    pending->command = command;
    pending->started_us = now_us(redis);
    pending->deadline_us = pending->started_us + redis->config.options->command_us;
    redis->waiting += 1;
    redis->waiting_bytes += (int64_t)pending->length;
    nj_redis_meters_waiting(&redis->meters, redis->waiting);
    nj_list_append(&redis->unsent, &pending->node);
    if (redis->state == NJ_REDIS_READY)
        flush_unsent(redis);
    else
        arm_expiry(redis);
    return 0;
}

enum nj_redis_state nj_redis_state(const struct nj_redis *redis, const char **out_reason)
{
    static const char connecting[] = "Redis is being connected.";
    if (out_reason != NULL) {
        bool quiet = redis == NULL || redis->state != NJ_REDIS_CONNECTING || redis->reason[0];
        *out_reason = redis == NULL ? "" : quiet ? redis->reason : connecting;
    }
    return redis != NULL ? redis->state : NJ_REDIS_OFF;
}
