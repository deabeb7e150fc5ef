// SPDX-License-Identifier: Apache-2.0
// The worked trace against a real PostgreSQL and a real Redis, and what is left when one of them is
// away.
#include "pipeline/executor.h"

#include "tests/fake/postgres_server.h"
#include "tests/fake/redis_server.h"
#include "tests/unit/pipeline/trace_helper.h"
#include "tests/fake/world/world.h"

#include <hiredis/hiredis.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

int trace_servers_test(void);

#define NEED_SERVERS                                                                               \
    if (!nj_postgres_installed() || !nj_redis_server_installed())                                  \
    skip()
#define CARS "gas_station_1.car_frontal_info"

static const char database[] = "trace";

struct servers {
    struct world *world;
    struct nj_postgres_server *postgres;
    struct nj_redis_server redis;
    char redis_url[NJ_REDIS_SERVER_URL_MAX];
};

static int set_up(void **state)
{
    struct servers *servers = calloc(1, sizeof *servers);
    assert_non_null(servers);
    void *world = NULL;
    assert_int_equal(world_setup(&world), 0);
    servers->world = world;
    *state = servers;
    return 0;
}

static int tear_down(void **state)
{
    struct servers *servers = *state;
    void *world = servers->world;
    const int rc = world_teardown(&world);
    nj_redis_server_stop(&servers->redis);
    free(servers);
    return rc;
}

static void start_servers(struct servers *servers)
{
    servers->postgres = nj_postgres_shared();
    nj_postgres_fresh(servers->postgres, database);
    nj_redis_server_start(&servers->redis, "key/word:1");
    nj_redis_server_url(&servers->redis, servers->redis_url);
}

// The site's servers; a PostgreSQL that is away is not waited for.
static void use_as_site(struct servers *servers)
{
    char url[NJ_POSTGRES_URL_MAX];
    struct world *world = servers->world;
    world_set(world, "redis.url=%s", servers->redis_url);
    world_set(world, "redis.password=key/word:1");
    world_set(world, "postgresql.url=%s", nj_postgres_url(servers->postgres, database, url));
    world_set(world, "postgresql.password=%s", NJ_POSTGRES_PASSWORD);
    world_set(world, "postgresql.tries=0");
    world_set(world, "actions.tries=1");
    world_start(world);
    world_load(world, TRACE, WORLD_SCRIPT);
}

static bool are_ready(struct world *world)
{
    struct nj_action_stats stats;
    nj_action_runner_get_stats(world->actions, &stats);
    assert_true(stats.redis_configured && stats.foreign_configured);
    return stats.redis_ready;
}

static const char *column(struct servers *servers, const char *name, char out[256])
{
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT %s FROM " CARS " WHERE session_id = '%s'", name,
             servers->world->result.session_id);
    return nj_postgres_text(servers->postgres, database, sql, out);
}

static void expect_row(struct servers *servers, const char *brand, const char *body)
{
    char text[256];
    assert_string_equal(column(servers, "display_id", text), "d1");
    assert_string_equal(column(servers, "license_type", text), "No model available");
    assert_string_equal(column(servers, "coalesce(car_brand, '')", text), brand);
    assert_string_equal(column(servers, "coalesce(car_body_type, '')", text), body);
}

static redisReply *command(redisContext *client, const char *format, const char *word)
{
    redisReply *reply = redisCommand(client, format, word);
    assert_non_null(reply);
    return reply;
}

// The key of the one image; its bytes are a JPEG and it ends within ten minutes.
static void expect_image(struct servers *servers, char key[512])
{
    redisContext *client = nj_redis_server_client(&servers->redis);
    redisReply *keys = command(client, "KEYS %s", "inference:d1:*");
    assert_int_equal(keys->elements, 1);
    snprintf(key, 512, "%s", keys->element[0]->str);
    assert_non_null(strstr(key, servers->world->result.session_id));
    redisReply *ttl = command(client, "TTL %s", key);
    assert_true(ttl->integer > 500 && ttl->integer <= 600);
    redisReply *bytes = command(client, "GET %s", key);
    assert_true(bytes->len > 100);
    assert_memory_equal(bytes->str, "\xff\xd8\xff", 3);
    freeReplyObject(keys);
    freeReplyObject(ttl);
    freeReplyObject(bytes);
    redisFree(client);
}

static void expect_published(redisContext *listener, const char *key)
{
    void *got = NULL;
    assert_int_equal(redisGetReply(listener, &got), REDIS_OK);
    redisReply *reply = got;
    assert_int_equal(reply->elements, 3);
    json_t *message = world_json(reply->element[2]->str);
    assert_string_equal(world_text(message, "event"), "frontal_detected");
    assert_string_equal(world_text(message, "image_key"), key);
    json_decref(message);
    freeReplyObject(reply);
}

static void postgres_and_redis_take_the_trace(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    char key[512];
    start_servers(servers);
    use_as_site(servers);
    world_until(servers->world, are_ready);
    redisContext *listener = nj_redis_server_client(&servers->redis);
    freeReplyObject(command(listener, "SUBSCRIBE %s", "car_detections"));
    world_run(servers->world);
    assert_true(servers->world->result.found);
    expect_row(servers, "Honda", "Sedan");
    expect_image(servers, key);
    expect_published(listener, key);
    assert_int_equal(servers->world->message_count, 0); // not besides on the bus
    assert_null(
        world_record(servers->world, "car_frontal_info", servers->world->result.session_id));
    redisFree(listener);
}

// The archive names its servers itself, with a reference to one password.
static void load_archive_with_servers(struct servers *servers)
{
    char pipeline[8192];
    const char *body = strchr(TRACE, '{') + 1;
    snprintf(pipeline, sizeof pipeline,
             "{\"redis\":{\"host\":\"127.0.0.1\",\"port\":%d,\"password\":\"key/word:1\",\"db\":0},"
             "\"postgresql\":{\"host\":\"127.0.0.1\",\"port\":%d,\"database\":\"%s\","
             "\"username\":\"postgres\",\"password\":\"env:NJ_TEST_PASSWORD\"},%s",
             servers->redis.port, servers->postgres->port, database, body);
    world_load(servers->world, pipeline, WORLD_SCRIPT);
}

static void postgres_and_redis_of_the_archive_are_used(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    char key[512];
    start_servers(servers);
    servers->world->secret = "env:NJ_TEST_PASSWORD";
    assert_int_equal(setenv("NJ_TEST_PASSWORD", NJ_POSTGRES_PASSWORD, 1), 0);
    world_set(servers->world, "actions.allow_loopback=true");
    world_start(servers->world);
    load_archive_with_servers(servers);
    world_run(servers->world);
    expect_row(servers, "Honda", "Sedan");
    expect_image(servers, key);
    // A second one finds the connections made.
    world_run(servers->world);
    expect_row(servers, "Honda", "Sedan");
    // One set of connections, some of which may not have been needed.
    assert_in_range(nj_postgres_int(servers->postgres, database,
                                    "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                    "'trace' AND pid <> pg_backend_pid()"),
                    1, 2);
    assert_int_equal(unsetenv("NJ_TEST_PASSWORD"), 0);
}

static void postgres_secret_that_is_not_listed_is_a_letter(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    start_servers(servers);
    assert_int_equal(setenv("NJ_TEST_PASSWORD", NJ_POSTGRES_PASSWORD, 1), 0);
    world_set(servers->world, "actions.allow_loopback=true");
    world_start(servers->world);
    load_archive_with_servers(servers);
    world_run(servers->world);
    assert_true(servers->world->result.found);
    struct nj_letter_page page = world_letters(servers->world);
    assert_int_equal(page.count, 2); // the record and its update; Redis had its own
    assert_string_equal(page.rows[0].error_type, "denied");
    for (size_t i = 0; i < page.count; i++) {
        assert_non_null(strstr(page.rows[i].payload, "env:NJ_TEST_PASSWORD"));
        assert_null(strstr(page.rows[i].payload, NJ_POSTGRES_PASSWORD));
    }
    nj_letter_page_finish(&page);
    assert_int_equal(unsetenv("NJ_TEST_PASSWORD"), 0);
}

// Nothing is set: what an archive names must not reach what listens on this machine.
static void postgres_and_redis_of_the_archive_on_this_machine_are_denied(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    start_servers(servers);
    servers->world->secret = "env:NJ_TEST_PASSWORD";
    assert_int_equal(setenv("NJ_TEST_PASSWORD", NJ_POSTGRES_PASSWORD, 1), 0);
    world_start(servers->world);
    load_archive_with_servers(servers);
    world_run(servers->world);
    struct nj_letter_page page = world_letters(servers->world);
    assert_true(page.count >= 3); // the image, the record, its update
    bool told = false;
    for (size_t i = 0; i < page.count; i++) {
        const bool follows = strstr(page.rows[i].error, "was not saved") != NULL;
        assert_true(follows || strstr(page.rows[i].error, "(actions.allow_loopback") != NULL);
        told = told || !follows;
        assert_string_equal(page.rows[i].error_type, follows ? "unavailable" : "denied");
    }
    assert_true(told);
    nj_letter_page_finish(&page);
    assert_int_equal(nj_postgres_int(servers->postgres, database,
                                     "SELECT count(*) FROM pg_stat_activity WHERE "
                                     "application_name LIKE 'nightjar-%'"),
                     0);
    assert_int_equal(unsetenv("NJ_TEST_PASSWORD"), 0);
}

// Fake time goes on, so that reconnects and retries have their turn.
static void until_quiet_in_fake_time(struct world *world)
{
    for (int i = 0; i < 4000 && !world_is_quiet(world); i++) {
        world_advance(world, 250 * NJ_US_PER_MS);
        world_turn(world);
    }
    assert_true(world_is_quiet(world));
}

static void until_letters(struct world *world, size_t count)
{
    for (int i = 0; i < 4000 && (world_count_letters(world) != count || !world_is_quiet(world));
         i++) {
        world_advance(world, 250 * NJ_US_PER_MS);
        world_turn(world);
    }
    assert_int_equal(world_count_letters(world), count);
}

// The oldest letter is requeued, and done.
static void requeue_until_done(struct world *world)
{
    struct nj_work_queue_stats stats;
    nj_work_queue_get_stats(world->queue, &stats);
    const uint64_t before = stats.completed;
    world_requeue(world);
    for (int i = 0; i < 4000 && stats.completed == before; i++) {
        world_advance(world, 250 * NJ_US_PER_MS);
        world_turn(world);
        nj_work_queue_get_stats(world->queue, &stats);
    }
    assert_int_equal(stats.completed, before + 1);
}

static void redis_away_keeps_its_actions_for_later(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    struct world *world = servers->world;
    char key[512];
    start_servers(servers);
    use_as_site(servers);
    world_until(world, are_ready);
    nj_redis_server_kill(&servers->redis);
    world_begin_run(world);
    for (int i = 0; i < 4000 && world->results == 0; i++)
        world_turn(world); // no time passes: the result does not wait for Redis
    assert_int_equal(world->results, 1);
    assert_true(world->result.found);
    until_quiet_in_fake_time(world);
    expect_row(servers, "Honda", "Sedan");
    until_letters(world, 2);
    nj_redis_server_restart(&servers->redis);
    for (int i = 0; i < 4000 && !are_ready(world); i++) {
        world_advance(world, NJ_US_PER_S);
        world_turn(world);
    }
    redisContext *listener = nj_redis_server_client(&servers->redis);
    freeReplyObject(command(listener, "SUBSCRIBE %s", "car_detections"));
    requeue_until_done(world);
    requeue_until_done(world);
    until_letters(world, 0);
    expect_image(servers, key);
    expect_published(listener, key);
    redisFree(listener);
}

static size_t image_count(struct servers *servers)
{
    redisContext *client = nj_redis_server_client(&servers->redis);
    redisReply *keys = command(client, "KEYS %s", "inference:d1:*");
    const size_t count = keys->elements;
    freeReplyObject(keys);
    redisFree(client);
    return count;
}

static void requeue_once(struct world *world)
{
    struct nj_work_queue_stats stats = {.waiting = 1};
    world_requeue(world);
    for (int turn = 0; turn < 400 && stats.waiting + stats.in_flight > 0; turn++) {
        world_advance(world, NJ_US_PER_S);
        world_turn(world);
        nj_work_queue_get_stats(world->queue, &stats);
    }
}

// A letter has no password; the archive's own connection goes on to do it, and nobody else's.
static void redis_letter_of_a_plain_password_goes_by_the_archives_connection(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    struct world *world = servers->world;
    char key[512];
    start_servers(servers);
    world_set(world, "actions.allow_loopback=true");
    world_set(world, "actions.tries=0");
    world_start(world);
    load_archive_with_servers(servers); // without leave for PostgreSQL's password
    nj_redis_server_kill(&servers->redis);
    world_begin_run(world);
    until_quiet_in_fake_time(world);
    until_letters(world, 4);
    struct nj_letter_page page = world_letters(world);
    for (size_t i = 0; i < page.count; i++)
        assert_null(strstr(page.rows[i].payload, "key/word"));
    nj_letter_page_finish(&page);
    nj_redis_server_restart(&servers->redis);
    // Those of PostgreSQL fail anew each time, those of Redis as long as it is not connected to.
    for (int round = 0; round < 100 && image_count(servers) == 0; round++)
        requeue_once(world);
    expect_image(servers, key);
}

static void redis_letter_of_a_plain_password_says_after_a_restart_what_to_do(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    struct world *world = servers->world;
    start_servers(servers);
    world_set(world, "actions.allow_loopback=true");
    world_set(world, "actions.tries=0");
    world_start(world);
    load_archive_with_servers(servers);
    nj_redis_server_kill(&servers->redis);
    world_begin_run(world);
    until_quiet_in_fake_time(world);
    until_letters(world, 4);
    world_stop(world, NJ_US_PER_S);
    nj_redis_server_restart(&servers->redis);
    world_start(world);
    int told = 0;
    for (int round = 0; round < 40 && told == 0; round++) {
        requeue_once(world);
        struct nj_letter_page page = world_letters(world);
        for (size_t i = 0; i < page.count; i++)
            told += strstr(page.rows[i].error, "in plain text") != NULL &&
                    strstr(page.rows[i].error, "env:NAME") != NULL &&
                    strstr(page.rows[i].error, "NOAUTH") != NULL;
        nj_letter_page_finish(&page);
    }
    assert_true(told > 0);
    assert_int_equal(image_count(servers), 0);
}

// As an update leaves it that was done while the first record of its session still waited.
static void make_row_of_an_update(struct servers *servers)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "CREATE SCHEMA gas_station_1; CREATE TABLE gas_station_1.car_frontal_info (session_id"
             " varchar(255) PRIMARY KEY, display_id varchar(255), license_type varchar(255) DEFAULT"
             " 'No model available', car_brand varchar(255)); INSERT INTO"
             " gas_station_1.car_frontal_info (session_id, car_brand) VALUES ('%s', 'Honda')",
             servers->world->result.session_id);
    nj_postgres_sql(servers->postgres, database, sql);
}

static void postgres_away_leaves_the_session_to_us(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    struct world *world = servers->world;
    char key[512];
    start_servers(servers);
    use_as_site(servers);
    world_until(world, are_ready);
    nj_postgres_kill(servers->postgres);
    world_begin_run(world);
    for (int i = 0; i < 4000 && world->results == 0; i++)
        world_turn(world);
    assert_true(world->result.found);
    assert_int_equal(strlen(world->result.session_id), 36);
    until_quiet_in_fake_time(world);
    expect_image(servers, key); // named by the session, although there is no record
    until_letters(world, 2);
    nj_postgres_restart(servers->postgres);
    make_row_of_an_update(servers);
    requeue_until_done(world);
    requeue_until_done(world);
    until_letters(world, 0);
    expect_row(servers, "Honda", "Sedan");
}

static void postgres_row_stays_as_it_is_when_a_branch_is_late_under_all(void **state)
{
    NEED_SERVERS;
    struct servers *servers = *state;
    struct world *world = servers->world;
    char key[512];
    start_servers(servers);
    use_as_site(servers);
    world_load(world, TRACE_WITH("\"partial_branches\":\"all\","),
               "{" WORLD_CAR_AND_FRONT ",\"brand\":\"no such weights\"," WORLD_SEDAN "}");
    world_until(world, are_ready);
    world_run(world);
    expect_row(servers, "", "");
    expect_image(servers, key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int trace_servers_test(void)
{
    const struct CMUnitTest tests[] = {
        TEST(postgres_and_redis_take_the_trace),
        TEST(postgres_and_redis_of_the_archive_are_used),
        TEST(postgres_and_redis_of_the_archive_on_this_machine_are_denied),
        TEST(postgres_secret_that_is_not_listed_is_a_letter),
        TEST(redis_away_keeps_its_actions_for_later),
        TEST(redis_letter_of_a_plain_password_goes_by_the_archives_connection),
        TEST(redis_letter_of_a_plain_password_says_after_a_restart_what_to_do),
        TEST(postgres_away_leaves_the_session_to_us),
        TEST(postgres_row_stays_as_it_is_when_a_branch_is_late_under_all),
    };
    return cmocka_run_group_tests_name("trace_servers", tests, NULL, NULL);
}
