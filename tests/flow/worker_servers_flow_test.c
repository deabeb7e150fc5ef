// SPDX-License-Identifier: Apache-2.0
// The worked trace from a real camera over a real WebSocket into a real PostgreSQL and a real
// Redis, and what these two hold when a part of the car is not seen, or known too late.
#include "tests/fake/postgres_server.h"
#include "tests/fake/redis_server.h"
#include "tests/flow/worker_helper.h"
#include "tests/unit/pipeline/trace_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int worker_servers_flow_test(void);

#define NEED_SERVERS                                                                               \
    if (!nj_postgres_installed() || !nj_redis_server_installed())                                  \
    skip()
#define CARS "gas_station_1.car_frontal_info"

static const char database[] = "worker_trace";
static const char secret[] = "key/word:1";

#define DOCUMENT(more)                                                                             \
    "{\"pipeline\":{" NODE("car_frontal_v1", "frontal") ",\"crop\":false,\"triggerClasses\":["     \
                                                        "\"Car\",\"Frontal\"],"                    \
                                                        "\"minConfidence\":0.8,"                   \
                                                        "\"multiClass\":true,"                     \
                                                        "\"expectedClasses\":[\"Car\","            \
                                                        "\"Frontal\"],\"tracking\":{"              \
                                                        "\"enabled\":true,\"method\":\"botsort\"," \
                                                        "\"stabilityThreshold\":4}," more          \
                                                        "," SAVE_AND_PUBLISH                       \
                                                        ",\"branches\":[" BRAND_BRANCH             \
                                                        "," BODY_BRANCH                            \
                                                        "]," UPDATE_COMBINED(BOTH) "}}"

struct servers {
    struct worker worker;
    struct nj_postgres_server *postgres;
    struct nj_redis_server redis;
    redisContext *listener; // of channel "car_detections"
};

static int setup(void **state)
{
    struct servers *servers = calloc(1, sizeof *servers);
    assert_non_null(servers);
    *state = servers;
    return 0;
}

static int teardown(void **state)
{
    struct servers *servers = *state;
    if (servers->worker.flow != NULL)
        worker_finish(&servers->worker);
    redisFree(servers->listener);
    nj_redis_server_stop(&servers->redis);
    free(servers);
    return 0;
}

static void start(struct servers *servers, const char *document, const char *seen)
{
    static const char *const one[] = {"d1;c1"};
    char redis[NJ_REDIS_SERVER_URL_MAX], postgres[NJ_POSTGRES_URL_MAX];
    void *flow = NULL;
    servers->postgres = nj_postgres_shared();
    nj_postgres_fresh(servers->postgres, database);
    nj_redis_server_start(&servers->redis, secret);
    servers->listener = nj_redis_server_client(&servers->redis);
    freeReplyObject(redisCommand(servers->listener, "SUBSCRIBE car_detections"));
    assert_int_equal(flow_setup(&flow), 0);
    worker_init(&servers->worker, flow, seen);
    flow_set(flow, "redis.url=%s", nj_redis_server_url(&servers->redis, redis));
    flow_set(flow, "redis.password=%s", secret);
    flow_set(flow, "postgresql.url=%s", nj_postgres_url(servers->postgres, database, postgres));
    flow_set(flow, "postgresql.password=%s", NJ_POSTGRES_PASSWORD);
    worker_start(&servers->worker, document);
    worker_come(&servers->worker);
    worker_ask_for(&servers->worker, one, 1);
}

static const char *column(const struct servers *servers, const char *name, char out[256])
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT %s FROM " CARS, name);
    return nj_postgres_text(servers->postgres, database, sql, out);
}

// One row of one session, with these two.
static void expect_row(const struct servers *servers, const char *brand, const char *body,
                       char session[256])
{
    char text[256];
    assert_int_equal(nj_postgres_int(servers->postgres, database, "SELECT count(*) FROM " CARS), 1);
    assert_string_equal(column(servers, "display_id", text), "d1");
    assert_string_equal(column(servers, "license_type", text), "No model available");
    assert_string_equal(column(servers, "coalesce(car_brand, '')", text), brand);
    assert_string_equal(column(servers, "coalesce(car_body_type, '')", text), body);
    assert_int_equal(strlen(column(servers, "session_id", session)), 36);
}

// The one picture, named by the session and told by its key.
static void expect_image(struct servers *servers, const char *session)
{
    void *got = NULL;
    redisContext *client = nj_redis_server_client(&servers->redis);
    redisReply *keys = redisCommand(client, "KEYS inference:d1:*");
    assert_int_equal(keys->elements, 1);
    const char *key = keys->element[0]->str;
    assert_non_null(strstr(key, session));
    redisReply *ttl = redisCommand(client, "TTL %s", key);
    assert_in_range(ttl->integer, 500, 600);
    redisReply *bytes = redisCommand(client, "GET %s", key);
    assert_true(bytes->len > 100);
    assert_memory_equal(bytes->str, "\xff\xd8\xff", 3);
    assert_int_equal(redisGetReply(servers->listener, &got), REDIS_OK);
    redisReply *message = got;
    assert_non_null(strstr(message->element[2]->str, "\"event\":\"frontal_detected\""));
    assert_non_null(strstr(message->element[2]->str, key));
    freeReplyObject(message);
    freeReplyObject(keys);
    freeReplyObject(ttl);
    freeReplyObject(bytes);
    redisFree(client);
}

static void postgres_and_redis_take_the_car_of_a_camera(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    char session[256];
    start(servers, DOCUMENT("\"partial_branches\":\"any\""), WORKER_SEEN);
    const char *text = worker_wait_for(&servers->worker, "imageDetection", "d1;c1", "Honda");
    assert_non_null(strstr(text, "\"bodyType\":\"Sedan\""));
    worker_until_written(&servers->worker);
    expect_row(servers, "Honda", "Sedan", session);
    expect_image(servers, session);
    // Nothing of it besides in the embedded store.
    assert_int_equal(flow_sql_int(servers->worker.flow, "SELECT count(*) FROM pipeline_records"),
                     0);
    assert_int_equal(flow_sql_int(servers->worker.flow, "SELECT count(*) FROM saved_images"), 0);
    assert_int_equal(flow_sql_int(servers->worker.flow, "SELECT count(*) FROM dead_letters"), 0);
}

// A branch would not run, which is known before anything is done.
static void postgres_and_redis_get_nothing_of_a_car_without_its_front(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    start(servers, DOCUMENT("\"partial_branches\":\"all\""), "[[" WORKER_CAR "]]");
    worker_until_run_is_over(&servers->worker);
    assert_int_equal(nj_postgres_int(servers->postgres, database,
                                     "SELECT count(*) FROM information_schema.schemata WHERE "
                                     "schema_name = 'gas_station_1'"),
                     0);
    assert_int_equal(nj_redis_server_int(&servers->redis, "DBSIZE"), 0);
    assert_int_equal(flow_sql_int(servers->worker.flow, "SELECT count(*) FROM dead_letters"), 0);
}

static void postgres_row_stays_as_it_is_when_branches_are_late_under_all(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    struct worker_gate gates[2];
    char session[256];
    start(servers, DOCUMENT("\"partial_branches\":\"all\""), WORKER_SEEN);
    struct worker_gate *gate = worker_until_run_is_held(&servers->worker, gates);
    worker_until_written(&servers->worker); // the first record, the image, the message
    expect_row(servers, "", "", session);
    flow_advance(servers->worker.flow, 31 * (nj_us)NJ_US_PER_S);
    worker_gate_open(gate);
    const char *text = worker_wait_for(&servers->worker, "imageDetection", "d1;c1", "Car");
    assert_null(strstr(text, "Honda"));
    worker_until_written(&servers->worker);
    expect_row(servers, "", "", session);
    expect_image(servers, session); // it was saved before the branches began, as the trace has it
}

int worker_servers_flow_test(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(postgres_and_redis_take_the_car_of_a_camera),
        CASE(postgres_and_redis_get_nothing_of_a_car_without_its_front),
        CASE(postgres_row_stays_as_it_is_when_branches_are_late_under_all),
    };
    return cmocka_run_group_tests_name("detector worker and servers", tests, NULL, NULL);
}
