// SPDX-License-Identifier: Apache-2.0
// Servers and embedded store behind the detector worker, and what they hold.
#include "tests/flow/worker_site_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARS "gas_station_1.car_frontal_info"

static const char database[] = "worker_trace";
static const char secret[] = "key/word:1";

const struct site_kind site_servers = {.redis = true, .postgres = true};
const struct site_kind site_embedded = {.redis = false};
const struct site_kind site_redis_alone = {.redis = true};
const struct site_kind site_postgres_alone = {.postgres = true};

int site_setup(void **state)
{
    struct site *site = calloc(1, sizeof *site);
    assert_non_null(site);
    site->kind = *state;
    *state = site;
    return 0;
}

int site_teardown(void **state)
{
    struct site *site = *state;
    if (site->worker.flow != NULL)
        worker_finish(&site->worker);
    redisFree(site->listener);
    nj_redis_server_stop(&site->redis);
    free(site);
    return 0;
}

static void start_redis(struct site *site, struct flow *flow)
{
    char url[NJ_REDIS_SERVER_URL_MAX];
    nj_redis_server_start(&site->redis, secret);
    site_listen(site);
    flow_set(flow, "redis.url=%s", nj_redis_server_url(&site->redis, url));
    flow_set(flow, "redis.password=%s", secret);
    flow_set(flow, "redis.reconnect_max=1");
}

// The threads of PostgreSQL's writer live in real time: they are not waited for long.
static void start_postgres(struct site *site, struct flow *flow)
{
    char url[NJ_POSTGRES_URL_MAX];
    site->postgres = nj_postgres_shared();
    nj_postgres_fresh(site->postgres, database);
    flow_set(flow, "postgresql.url=%s", nj_postgres_url(site->postgres, database, url));
    flow_set(flow, "postgresql.password=%s", NJ_POSTGRES_PASSWORD);
    flow_set(flow, "postgresql.retry_delay=0.01");
}

void site_prepare(struct site *site, const char *seen)
{
    void *flow = NULL;
    if ((site->kind->redis && !nj_redis_server_installed()) ||
        (site->kind->postgres && !nj_postgres_installed()))
        skip();
    assert_int_equal(flow_setup(&flow), 0);
    worker_init(&site->worker, flow, seen);
    flow_set(flow, "actions.breaker_failures=1000"); // it would refuse what is requeued soon
    if (site->kind->redis)
        start_redis(site, flow);
    if (site->kind->postgres)
        start_postgres(site, flow);
}

static void read_stats(struct site *site, struct nj_action_stats *out)
{
    nj_action_runner_get_stats(site->worker.flow->app->actions, out);
}

bool site_redis_is_ready(struct site *site)
{
    struct nj_action_stats stats;
    read_stats(site, &stats);
    return stats.redis_ready;
}

static bool postgres_is_ready(struct site *site)
{
    struct nj_action_stats stats;
    read_stats(site, &stats);
    return stats.foreign_ready;
}

bool site_postgres_is_away(struct site *site)
{
    return !postgres_is_ready(site);
}

void site_until(struct site *site, site_condition condition)
{
    for (int i = 0; i < WORKER_STEPS_MAX && !condition(site); i++)
        (void)worker_next(&site->worker);
    assert_true(condition(site));
}

void site_start(struct site *site, const char *document)
{
    worker_start(&site->worker, document);
    worker_come(&site->worker);
    if (site->kind->redis)
        site_until(site, site_redis_is_ready);
    if (site->kind->postgres)
        site_until(site, postgres_is_ready);
}

void site_ask(struct site *site)
{
    static const char *const one[] = {"d1;c1"};
    worker_ask_for(&site->worker, one, 1);
}

void site_listen(struct site *site)
{
    redisFree(site->listener);
    site->listener = nj_redis_server_client(&site->redis);
    freeReplyObject(redisCommand(site->listener, "SUBSCRIBE car_detections"));
}

void site_requeue(struct site *site, uint64_t count)
{
    struct flow *flow = site->worker.flow;
    struct nj_loop_client client = {.loop = NULL};
    struct nj_answer answer;
    struct nj_work_queue_stats stats = {.completed = 0};
    nj_loop_client_open(&client, flow->loop, nj_app_port(flow->app));
    nj_loop_client_ask(&client,
                       "POST /api/dlq/requeue-all/dlq:action_queue HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       "Content-Length: 0\r\n\r\n",
                       &answer);
    assert_int_equal(answer.status, 200);
    nj_answer_finish(&answer);
    nj_loop_client_close(&client);
    for (int i = 0; i < WORKER_STEPS_MAX && stats.completed < count; i++) {
        (void)worker_next(&site->worker);
        nj_work_queue_get_stats(flow->app->action_queue, &stats);
    }
    char why[1024];
    flow_sql_text(flow, "SELECT group_concat(error_type || ': ' || error, '; ') FROM dead_letters",
                  why, sizeof why);
    if (stats.completed != count)
        fail_msg("%d of %d were done; %s", (int)stats.completed, (int)count, why);
    assert_int_equal(site_count_letters(site), 0);
}

int64_t site_count_rows(struct site *site)
{
    char there[SITE_TEXT_SIZE];
    if (!site->kind->postgres)
        return flow_sql_int(site->worker.flow, "SELECT count(*) FROM pipeline_records");
    nj_postgres_text(site->postgres, database, "SELECT to_regclass('" CARS "')", there);
    return there[0] != '\0'
               ? nj_postgres_int(site->postgres, database, "SELECT count(*) FROM " CARS)
               : 0;
}

static const char *column(struct site *site, const char *name, char out[SITE_TEXT_SIZE])
{
    char sql[512];
    if (site->kind->postgres) {
        snprintf(sql, sizeof sql,
                 "SELECT coalesce(%s, '') FROM " CARS " ORDER BY captured_timestamp DESC", name);
        return nj_postgres_text(site->postgres, database, sql, out);
    }
    snprintf(sql, sizeof sql,
             "SELECT coalesce(json_extract(json, '$.%s'), '') FROM pipeline_records ORDER BY id "
             "DESC",
             name);
    flow_sql_text(site->worker.flow, sql, out, SITE_TEXT_SIZE);
    return out;
}

void site_expect_row(struct site *site, const char *brand, const char *body,
                     char session[SITE_TEXT_SIZE])
{
    char text[SITE_TEXT_SIZE];
    assert_true(site_count_rows(site) > 0);
    assert_string_equal(column(site, "display_id", text), "d1");
    assert_string_equal(column(site, "license_type", text), "No model available");
    assert_string_equal(column(site, "car_brand", text), brand);
    assert_string_equal(column(site, "car_body_type", text), body);
    assert_int_equal(strlen(column(site, "session_id", session)), 36);
}

int64_t site_count_images(struct site *site)
{
    return site->kind->redis ? nj_redis_server_int(&site->redis, "DBSIZE")
                             : flow_sql_int(site->worker.flow, "SELECT count(*) FROM saved_images");
}

static void expect_message(struct site *site, const char *key)
{
    void *got = NULL;
    assert_int_equal(redisGetReply(site->listener, &got), REDIS_OK);
    redisReply *message = got;
    assert_non_null(strstr(message->element[2]->str, "\"event\":\"frontal_detected\""));
    assert_non_null(strstr(message->element[2]->str, key));
    freeReplyObject(message);
}

static void expect_redis_image(struct site *site, const char *session)
{
    redisContext *client = nj_redis_server_client(&site->redis);
    redisReply *keys = redisCommand(client, "KEYS inference:d1:*:%s:*", session);
    assert_int_equal(keys->elements, 1);
    const char *key = keys->element[0]->str;
    redisReply *ttl = redisCommand(client, "TTL %s", key);
    assert_in_range(ttl->integer, 500, 600);
    redisReply *bytes = redisCommand(client, "GET %s", key);
    assert_true(bytes->len > 100);
    assert_memory_equal(bytes->str, "\xff\xd8\xff", 3);
    expect_message(site, key);
    freeReplyObject(keys);
    freeReplyObject(ttl);
    freeReplyObject(bytes);
    redisFree(client);
}

void site_expect_image(struct site *site, const char *session)
{
    char sql[512];
    if (site->kind->redis) {
        expect_redis_image(site, session);
        return;
    }
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM saved_images WHERE bytes > 100 AND type = 'image/jpeg' AND "
             "expires_us = created_us + 600000000 AND key LIKE 'inference:d1:%%:%s:%%'",
             session);
    assert_int_equal(flow_sql_int(site->worker.flow, sql), 1);
}

int64_t site_count_letters(struct site *site)
{
    return flow_sql_int(site->worker.flow, "SELECT count(*) FROM dead_letters");
}
