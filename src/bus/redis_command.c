// SPDX-License-Identifier: Apache-2.0
// Commands that wait for their answers, answers as callers see them, and what is counted.
#include "bus/redis_command_priv.h"
#include "util/text.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_BYTES = 200 }; // of what a server says

struct nj_redis_pending *nj_redis_pending_create(const char *const *words, const size_t *lengths,
                                                 size_t count)
{
    struct nj_redis_pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL || count > INT_MAX)
        goto failed;
    // An int in hiredis 0.14, wider in later ones.
    long long length = redisFormatCommandArgv(&pending->text, (int)count,
                                              (const char **)(uintptr_t)words, lengths);
    if (length < 0)
        goto failed;
    pending->length = (size_t)length;
    nj_list_init(&pending->node);
    return pending;
failed:
    free(pending);
    return NULL;
}

void nj_redis_pending_drop_text(struct nj_redis_pending *pending)
{
    if (pending->text != NULL)
        redisFreeCommand(pending->text);
    pending->text = NULL;
}

void nj_redis_pending_free(struct nj_redis_pending *pending)
{
    nj_redis_pending_drop_text(pending);
    free(pending);
}

void nj_redis_error_kind(const char *text, char out[NJ_REDIS_KIND_SIZE])
{
    size_t length = strcspn(text, " \r\n");
    if (length >= NJ_REDIS_KIND_SIZE)
        length = NJ_REDIS_KIND_SIZE - 1;
    memcpy(out, text, length);
    out[length] = '\0';
}

// Errors that a later try may not meet: the server is there, and cannot serve now.
static bool is_passing(const char *kind)
{
    static const char *const kinds[] = {"LOADING",    "BUSY",      "MASTERDOWN", "CLUSTERDOWN",
                                        "TRYAGAIN",   "OOM",       "READONLY",   "MISCONF",
                                        "NOREPLICAS", "UNBLOCKED", "NOAUTH"};
    for (size_t i = 0; i < NJ_COUNT_OF(kinds); i++) {
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    }
    return false;
}

static void read_error(const char *text, const char *shown, struct nj_redis_reply *out)
{
    char kind[NJ_REDIS_KIND_SIZE], said[SHOWN_BYTES];
    nj_redis_error_kind(text, kind);
    nj_text_copy(said, sizeof said, text);
    char *quoted = strstr(said, " with args beginning with"); // what was sent may be secret
    if (quoted != NULL)
        *quoted = '\0';
    out->rc = nj_error_set(&out->error, is_passing(kind) ? NJ_E_UNAVAILABLE : NJ_E_INVALID,
                           "Redis %s refuses: %s", shown, said);
}

void nj_redis_reply_read(const struct redisReply *reply, const char *shown,
                         struct nj_redis_reply *out)
{
    *out = (struct nj_redis_reply){.nil = reply->type == REDIS_REPLY_NIL};
    switch (reply->type) {
    case REDIS_REPLY_ERROR:
        read_error(reply->str, shown, out);
        break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        out->bytes = reply->str;
        out->length = (size_t)reply->len;
        break;
    case REDIS_REPLY_INTEGER:
        out->integer = reply->integer;
        break;
    default: // nil, and arrays, which nobody here asks for
        break;
    }
}

void nj_redis_report(struct nj_breaker *breaker, uint64_t round, int rc)
{
    if (breaker == NULL)
        return;
    if (rc == 0 || rc == NJ_E_INVALID) // a server that says no is there
        nj_breaker_success(breaker, round);
    else if (rc == NJ_E_CANCELLED || rc == NJ_E_DENIED) // nobody was asked
        nj_breaker_cancelled(breaker, round);
    else
        nj_breaker_failure(breaker, round);
}

static const double duration_bounds[] = {.0005, .001, .0025, .005, .01, .025,
                                         .05,   .1,   .25,   .5,   1,   5};

static const struct nj_metric_spec connected_spec = {
    .type = NJ_GAUGE,
    .name = "redis_connected",
    .help = "1 while the connection to Redis works.",
    .label = "connection",
};
static const struct nj_metric_spec reconnects_spec = {
    .type = NJ_COUNTER,
    .name = "redis_reconnects_total",
    .help = "Tries to connect to Redis again.",
    .label = "connection",
};
static const struct nj_metric_spec waiting_spec = {
    .type = NJ_GAUGE,
    .name = "redis_commands_waiting",
    .help = "Commands that wait for an answer of Redis.",
    .label = "connection",
};
static const struct nj_metric_spec duration_spec = {
    .type = NJ_HISTOGRAM,
    .name = "redis_command_seconds",
    .help = "Time from a command to the answer of Redis.",
    .label = "connection",
    .bounds = duration_bounds,
    .bound_count = NJ_COUNT_OF(duration_bounds),
};
static const struct nj_metric_spec result_spec = {
    .type = NJ_COUNTER,
    .name = "redis_commands_total",
    .help =
        "Commands to Redis by how they ended; full and unavailable ones may not have been sent.",
    .label = "result",
};

void nj_redis_meters_init(struct nj_redis_meters *meters, struct nj_metrics *metrics,
                          const char *name)
{
    *meters = (struct nj_redis_meters){.metrics = metrics};
    if (metrics == NULL)
        return;
    meters->connected = nj_metrics_get(metrics, &connected_spec, name);
    meters->reconnects = nj_metrics_get(metrics, &reconnects_spec, name);
    meters->waiting = nj_metrics_get(metrics, &waiting_spec, name);
    meters->duration = nj_metrics_get(metrics, &duration_spec, name);
}

void nj_redis_meters_connected(struct nj_redis_meters *meters, bool connected)
{
    if (meters->metrics != NULL)
        nj_metric_set(meters->connected, connected);
}

void nj_redis_meters_reconnect(struct nj_redis_meters *meters)
{
    if (meters->metrics != NULL)
        nj_metric_add(meters->reconnects, 1);
}

void nj_redis_meters_waiting(struct nj_redis_meters *meters, int64_t waiting)
{
    if (meters->metrics != NULL)
        nj_metric_set(meters->waiting, (double)waiting);
}

void nj_redis_meters_done(struct nj_redis_meters *meters, int rc, nj_us duration_us)
{
    if (meters->metrics == NULL)
        return;
    nj_metric_add(nj_metrics_get(meters->metrics, &result_spec, rc == 0 ? "ok" : nj_error_name(rc)),
                  1);
    if (rc == 0)
        nj_metric_observe(meters->duration, (double)duration_us / NJ_US_PER_S);
}
