// SPDX-License-Identifier: Apache-2.0
// The foreign writer: which lane a write goes to, what the loop is told, what is counted.
#include "storage/foreign.h"

#include "loop/thread.h"
#include "storage/foreign_priv.h"
#include "util/digest.h"
#include "util/mem.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NAME_RANDOM_BYTES = 6 };

static const struct nj_metric_spec connected_spec = {
    .type = NJ_GAUGE,
    .name = "postgresql_connected",
    .help = "1 while the PostgreSQL server answers.",
    .label = "connection",
};
static const struct nj_metric_spec reconnects_spec = {
    .type = NJ_COUNTER,
    .name = "postgresql_reconnects_total",
    .help = "Connections to PostgreSQL that were made again.",
    .label = "connection",
};
static const struct nj_metric_spec waiting_spec = {
    .type = NJ_GAUGE,
    .name = "postgresql_writes_waiting",
    .help = "Writes that wait for PostgreSQL.",
    .label = "connection",
};
static const struct nj_metric_spec result_spec = {
    .type = NJ_COUNTER,
    .name = "postgresql_writes_total",
    .help = "Writes to PostgreSQL by how they ended.",
    .label = "result",
};

static void init_meters(struct nj_foreign *foreign)
{
    struct nj_metrics *metrics = foreign->config.metrics;
    struct nj_foreign_meters *meters = &foreign->meters;
    meters->metrics = metrics;
    if (metrics == NULL)
        return;
    meters->connected = nj_metrics_get(metrics, &connected_spec, foreign->name);
    meters->reconnects = nj_metrics_get(metrics, &reconnects_spec, foreign->name);
    meters->waiting = nj_metrics_get(metrics, &waiting_spec, foreign->name);
}

static void count_result(struct nj_foreign *foreign, int rc)
{
    struct nj_metrics *metrics = foreign->meters.metrics;
    if (metrics == NULL)
        return;
    nj_metric_add(nj_metrics_get(metrics, &result_spec, rc == 0 ? "ok" : nj_error_name(rc)), 1);
    nj_metric_set(foreign->meters.waiting, (double)atomic_load(&foreign->waiting));
}

static const char *option_of(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *one = options; one->keyword != NULL; one++) {
        if (strcmp(one->keyword, keyword) == 0 && one->val != NULL)
            return one->val;
    }
    return "";
}

// Finds host, and for messages host, port and database. libpq's own words may quote the password.
static int check_url(struct nj_foreign *foreign, const char *url, struct nj_error *err)
{
    bool good = url != NULL && (strncmp(url, "postgresql://", strlen("postgresql://")) == 0 ||
                                strncmp(url, "postgres://", strlen("postgres://")) == 0);
    PQconninfoOption *options = good ? PQconninfoParse(url, NULL) : NULL;
    if (options == NULL)
        return nj_error_set(err, NJ_E_INVALID,
                            "PostgreSQL URL: it is not postgresql://user@host:5432/database");
    const char *host = option_of(options, "host"), *port = option_of(options, "port");
    if (host[0] == '\0')
        host = "localhost";
    snprintf(foreign->shown, sizeof foreign->shown, "%s:%s/%s", host,
             port[0] != '\0' ? port : "5432", option_of(options, "dbname"));
    const bool fits = nj_text_copy(foreign->host, sizeof foreign->host, host);
    PQconninfoFree(options);
    // Only what is judged has to be known as a whole.
    return fits || nj_address_is_trusted(foreign->config.rules)
               ? 0
               : nj_error_set(err, NJ_E_INVALID, "PostgreSQL URL: its host is too long");
}

static void wipe(const char *secret)
{
    if (secret != NULL)
        explicit_bzero((void *)(uintptr_t)secret, strlen(secret));
    free((void *)(uintptr_t)secret);
}

static void unref(struct nj_foreign *foreign)
{
    if (atomic_fetch_sub(&foreign->references, 1) > 1)
        return;
    for (size_t i = 0; i < foreign->lane_count; i++)
        nj_foreign_lane_finish(&foreign->lanes[i]);
    nj_foreign_tables_destroy(foreign->tables);
    wipe(foreign->options.url);
    wipe(foreign->options.password);
    nj_address_rules_finish(&foreign->rules);
    nj_resolver_destroy(foreign->resolver);
    if (foreign->stop_fd >= 0)
        close(foreign->stop_fd);
    pthread_cond_destroy(&foreign->ended);
    pthread_mutex_destroy(&foreign->lock);
    free(foreign);
}

static void stop_now(struct nj_foreign *foreign)
{
    const uint64_t one = 1;
    nj_cancel_fire(&foreign->stop);
    if (write(foreign->stop_fd, &one, sizeof one) != sizeof one)
        return; // only when it was written before: it stays readable
}

// The thread may end before anyone counts it.
static int start_lane(struct nj_foreign_lane *lane, struct nj_error *err)
{
    struct nj_foreign *foreign = lane->foreign;
    atomic_fetch_add(&foreign->references, 1);
    pthread_mutex_lock(&foreign->lock);
    foreign->running += 1;
    pthread_mutex_unlock(&foreign->lock);
    const int rc = nj_foreign_lane_start(lane, err);
    if (rc == 0) {
        foreign->lane_count += 1;
        return 0;
    }
    pthread_mutex_lock(&foreign->lock);
    foreign->running -= 1; // it has no thread
    pthread_mutex_unlock(&foreign->lock);
    atomic_fetch_sub(&foreign->references, 1);
    return rc;
}

static int start_lanes(struct nj_foreign *foreign, struct nj_error *err)
{
    char random[2 * NAME_RANDOM_BYTES + 1];
    int rc = nj_resolver_create(&foreign->resolver, err);
    if (rc != 0)
        return rc;
    rc = nj_random_hex(random, NAME_RANDOM_BYTES);
    if (rc != 0)
        return nj_error_set(err, rc, "PostgreSQL %s: no random bytes", foreign->shown);
    size_t count = (size_t)foreign->options.connections;
    for (size_t i = 0; rc == 0 && i < count && i < NJ_FOREIGN_LANES_MAX; i++) {
        struct nj_foreign_lane *lane = &foreign->lanes[i];
        lane->foreign = foreign;
        lane->index = i;
        lane->link = (struct nj_foreign_link){.options = &foreign->options,
                                              .shown = foreign->shown,
                                              .rules = foreign->config.rules,
                                              .host = foreign->host,
                                              .resolver = foreign->resolver,
                                              .stop = &foreign->stop,
                                              .stop_fd = foreign->stop_fd};
        snprintf(lane->link.name, sizeof lane->link.name, "nightjar-%s-%zu", random, i);
        rc = start_lane(lane, err);
    }
    return rc;
}

static int copy_settings(struct nj_foreign *foreign, const struct nj_foreign_config *config,
                         struct nj_error *err)
{
    const struct nj_foreign_options *from = config->options;
    foreign->options = *from;
    foreign->options.url = nj_strdup(from->url);
    foreign->options.password = nj_strdup(from->password != NULL ? from->password : "");
    int rc = foreign->options.url != NULL && foreign->options.password != NULL ? 0 : NJ_E_NOMEM;
    if (rc == 0 && config->rules != NULL) {
        rc = nj_address_rules_copy(config->rules, &foreign->rules);
        foreign->config.rules = &foreign->rules;
    }
    return rc == 0 ? 0 : nj_error_set(err, rc, "PostgreSQL: no memory");
}

int nj_foreign_create(const struct nj_foreign_config *config, struct nj_foreign **out,
                      struct nj_error *err)
{
    struct nj_foreign *foreign = calloc(1, sizeof *foreign);
    if (foreign == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "PostgreSQL: no memory");
    foreign->config = *config;
    foreign->config.options = &foreign->options;
    atomic_init(&foreign->references, 1);
    foreign->stop_fd = -1;
    nj_text_copy(foreign->name, sizeof foreign->name, config->name);
    int rc = check_url(foreign, config->options->url, err);
    if (rc != 0 || pthread_mutex_init(&foreign->lock, NULL) != 0) {
        free(foreign);
        return rc != 0 ? rc : nj_error_set(err, NJ_E_NOMEM, "PostgreSQL: no memory");
    }
    rc = nj_cond_init(&foreign->ended);
    if (rc != 0) {
        pthread_mutex_destroy(&foreign->lock);
        free(foreign);
        return nj_error_set(err, rc, "PostgreSQL: no memory");
    }
    init_meters(foreign);
    rc = copy_settings(foreign, config, err);
    nj_cancel_init(&foreign->stop, NULL);
    foreign->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (rc == 0 && foreign->stop_fd < 0)
        rc = nj_error_errno(err, errno, "PostgreSQL %s", foreign->shown);
    if (rc == 0 && (rc = nj_foreign_tables_create(&foreign->tables)) != 0)
        nj_error_set(err, rc, "PostgreSQL: no memory");
    if (rc == 0)
        rc = start_lanes(foreign, err);
    if (rc != 0) {
        nj_foreign_destroy(foreign, 0);
        return rc;
    }
    *out = foreign;
    return 0;
}

void nj_foreign_lane_ended(struct nj_foreign *foreign)
{
    pthread_mutex_lock(&foreign->lock);
    foreign->running -= 1;
    pthread_cond_signal(&foreign->ended);
    pthread_mutex_unlock(&foreign->lock);
    unref(foreign);
}

// Those of lanes that are left to themselves.
static void cancel_all(struct nj_foreign *foreign, struct nj_foreign_write *writes)
{
    struct nj_error error;
    nj_error_set(&error, NJ_E_CANCELLED, "PostgreSQL %s: the program stops", foreign->shown);
    while (writes != NULL) {
        struct nj_foreign_write *write = writes;
        writes = write->next;
        nj_foreign_settle(foreign, write, &error);
    }
}

void nj_foreign_destroy(struct nj_foreign *foreign, nj_us deadline_us)
{
    if (foreign == NULL)
        return;
    nj_us end = nj_mono_us(nj_clock_real()) + deadline_us;
    atomic_store(&foreign->closing, true);
    for (size_t i = 0; i < foreign->lane_count; i++)
        nj_foreign_lane_close(&foreign->lanes[i]);
    pthread_mutex_lock(&foreign->lock);
    nj_us left = deadline_us;
    while (foreign->running > 0 && left > 0) {
        (void)nj_cond_wait(&foreign->ended, &foreign->lock, left);
        left = end - nj_mono_us(nj_clock_real());
    }
    pthread_mutex_unlock(&foreign->lock);
    if (foreign->stop_fd >= 0)
        stop_now(foreign);
    for (size_t i = 0; i < foreign->lane_count; i++)
        cancel_all(foreign, nj_foreign_lane_stop(&foreign->lanes[i]));
    if (foreign->meters.metrics != NULL)
        nj_metric_set(foreign->meters.connected, 0);
    unref(foreign);
}

// Writes of one key go the same way; those without one take turns.
static size_t choose_lane(struct nj_foreign *foreign, const char *key)
{
    const uint32_t basis = 2166136261U, prime = 16777619U; // FNV-1a: spreading is all it is for
    if (key == NULL || key[0] == '\0')
        return atomic_fetch_add(&foreign->next_lane, 1) % foreign->lane_count;
    uint32_t hash = basis;
    for (const unsigned char *c = (const unsigned char *)key; *c != '\0'; c++)
        hash = (hash ^ *c) * prime;
    return hash % foreign->lane_count;
}

int nj_foreign_submit(struct nj_foreign *foreign, struct nj_foreign_write *write,
                      struct nj_error *err)
{
    int rc = nj_foreign_check(write, err);
    if (rc == 0 && atomic_load(&foreign->closing))
        rc = nj_error_set(err, NJ_E_CANCELLED, "PostgreSQL %s: the program stops", foreign->shown);
    if (rc == 0 && atomic_fetch_add(&foreign->waiting, 1) >= foreign->config.options->max_waiting) {
        atomic_fetch_sub(&foreign->waiting, 1);
        rc = nj_error_set(err, NJ_E_FULL, "PostgreSQL %s: %lld writes wait already", foreign->shown,
                          (long long)foreign->config.options->max_waiting);
    }
    if (rc != 0) {
        count_result(foreign, rc);
        return rc;
    }
    write->rc = 0;
    write->attempts = 0;
    nj_foreign_lane_push(&foreign->lanes[choose_lane(foreign, write->order_key)], write);
    return 0;
}

static void on_settled(struct nj_call *call)
{
    struct nj_foreign_write *write = NJ_CONTAINER_OF(call, struct nj_foreign_write, call);
    write->done(write);
}

void nj_foreign_settle(struct nj_foreign *foreign, struct nj_foreign_write *write,
                       const struct nj_error *error)
{
    write->rc = error != NULL ? error->code : 0;
    write->error = error != NULL ? *error : (struct nj_error){.code = 0};
    atomic_fetch_sub(&foreign->waiting, 1);
    pthread_mutex_lock(&foreign->lock);
    foreign->written += error == NULL;
    foreign->failed += error != NULL;
    pthread_mutex_unlock(&foreign->lock);
    count_result(foreign, write->rc);
    write->call.fn = on_settled;
    nj_loop_post(foreign->config.loop, &write->call);
}

void nj_foreign_note(struct nj_foreign *foreign, const struct nj_error *error)
{
    const char *text = error != NULL ? error->text : "";
    pthread_mutex_lock(&foreign->lock);
    bool was = foreign->connected, known = foreign->known;
    foreign->connected = error == NULL;
    foreign->known = true;
    nj_text_copy(foreign->problem, sizeof foreign->problem, text);
    pthread_mutex_unlock(&foreign->lock);
    if (foreign->meters.metrics != NULL)
        nj_metric_set(foreign->meters.connected, error == NULL);
    if (known && was == (error == NULL))
        return;
    if (error == NULL)
        nj_log_at(foreign->config.log, NJ_LOG_INFO, "PostgreSQL is connected",
                  NJ_TEXT("connection", foreign->name), NJ_TEXT("server", foreign->shown));
    else
        nj_log_at(foreign->config.log, NJ_LOG_WARNING, "PostgreSQL is away",
                  NJ_TEXT("connection", foreign->name), NJ_TEXT("reason", text));
}

void nj_foreign_note_reconnect(struct nj_foreign *foreign)
{
    pthread_mutex_lock(&foreign->lock);
    foreign->reconnects += 1;
    pthread_mutex_unlock(&foreign->lock);
    if (foreign->meters.metrics != NULL)
        nj_metric_add(foreign->meters.reconnects, 1);
}

void nj_foreign_get_stats(struct nj_foreign *foreign, struct nj_foreign_stats *out)
{
    struct nj_foreign_stats stats = {.waiting = atomic_load(&foreign->waiting),
                                     .schema_statements = nj_foreign_tables_made(foreign->tables)};
    pthread_mutex_lock(&foreign->lock);
    stats.connected = foreign->connected;
    stats.written = foreign->written;
    stats.failed = foreign->failed;
    stats.reconnects = foreign->reconnects;
    nj_text_copy(stats.problem, sizeof stats.problem, foreign->problem);
    pthread_mutex_unlock(&foreign->lock);
    *out = stats;
}
