// SPDX-License-Identifier: Apache-2.0
// The Redis connection against a real server: what goes in comes out, to whom it is published, who
// may log in.
#include "bus/redis_priv.h"
#include "tests/unit/bus/redis_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int redis_test(void);

#define NEED_SERVER                                                                                \
    if (!nj_redis_server_installed())                                                              \
    skip()

enum { BYTES = 300000, MANY = 3000 };

static void every_url_is_understood_or_refused_with_its_reason(void **state)
{
    static const struct {
        const char *url, *host, *user, *password, *reason;
        int port;
        int64_t database;
    } cases[] = {
        {"redis://localhost", "localhost", "", "", NULL, 6379, 0},
        {"redis://10.0.0.1:7000/12", "10.0.0.1", "", "", NULL, 7000, 12},
        {"redis://[::1]:7000/", "::1", "", "", NULL, 7000, 0},
        {"redis://[fd00::5]", "fd00::5", "", "", NULL, 6379, 0},
        {"redis://bob:p%40ss%3aw@h/1", "h", "bob", "p@ss:w", NULL, 6379, 1},
        {"redis://:SECRET@h", "h", "", "SECRET", NULL, 6379, 0},
        {"", NULL, NULL, NULL, "begin", 0, 0},
        {"http://SECRET@h", NULL, NULL, NULL, "begin", 0, 0},
        {"redis://", NULL, NULL, NULL, "host", 0, 0},
        {"redis://SECRET@:7000", NULL, NULL, NULL, "host", 0, 0},
        {"redis://h:SECRET", NULL, NULL, NULL, "port", 0, 0},
        {"redis://h:0", NULL, NULL, NULL, "port", 0, 0},
        {"redis://h:65536", NULL, NULL, NULL, "port", 0, 0},
        {"redis://[::1:7000", NULL, NULL, NULL, "host", 0, 0},
        {"redis://u:SECRET%4@h", NULL, NULL, NULL, "broken", 0, 0},
        {"redis://u:SECRET%00@h", NULL, NULL, NULL, "broken", 0, 0},
        {"redis://h/SECRET", NULL, NULL, NULL, "database", 0, 0},
        {"redis://h/1?SECRET", NULL, NULL, NULL, "database", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const struct nj_redis_options options = {.url = cases[i].url, .password = ""};
        struct nj_redis_target target;
        struct nj_error err = {.text = ""};
        int rc = nj_redis_target_parse(&options, &target, &err);
        assert_int_equal(rc, cases[i].reason != NULL ? NJ_E_INVALID : 0);
        assert_null(strstr(err.text, "SECRET"));
        if (cases[i].reason != NULL) {
            assert_non_null(strstr(err.text, cases[i].reason));
            continue;
        }
        assert_string_equal(target.host, cases[i].host);
        assert_string_equal(target.user, cases[i].user);
        assert_string_equal(target.password, cases[i].password);
        assert_int_equal(target.port, cases[i].port);
        assert_int_equal(target.database, cases[i].database);
        assert_null(strstr(target.shown, "SECRET"));
    }
}

static void password_of_the_options_overrides_that_of_the_url(void **state)
{
    const struct nj_redis_options options = {.url = "redis://u:a@h", .password = "b"};
    struct nj_redis_target target;
    (void)state;
    assert_int_equal(nj_redis_target_parse(&options, &target, NULL), 0);
    assert_string_equal(target.password, "b");
    assert_string_equal(target.user, "u");
}

static void tls_is_refused_where_the_library_has_none(void **state)
{
    const struct nj_redis_options options = {.url = "rediss://u:SECRET@h", .password = ""};
    struct nj_redis_target target;
    struct nj_error err = {.text = ""};
    (void)state;
    int rc = nj_redis_target_parse(&options, &target, &err);
    assert_int_equal(rc, nj_redis_tls_offered() ? 0 : NJ_E_UNSUPPORTED);
    assert_null(strstr(err.text, "SECRET"));
    if (rc != 0)
        assert_non_null(strstr(err.text, "hiredis"));
}

static void redis_keeps_bytes_as_they_are_until_their_time_is_over(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    char *bytes = malloc(BYTES);
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (char)(i * 7);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask_send(f, &ask, NJ_WORDS("SETEX", "a b\r\nc", "600", "x")), 0);
    nj_redis_turn_until(f, &ask.ended, 1);
    assert_string_equal(ask.bytes, "OK");
    nj_ask_finish(&ask);
    assert_int_equal(nj_redis_server_int(&f->server, "DBSIZE"), 1);

    const char *words[] = {"SETEX", "a b\r\nc", "600", bytes};
    const size_t lengths[] = {5, 6, 3, BYTES};
    ask.ended = 0;
    ask.command.words = words;
    ask.command.lengths = lengths;
    assert_int_equal(nj_redis_send(f->redis, &ask.command, &ask.error), 0);
    memset(words, 0, sizeof words); // what was given is copied during the call
    nj_redis_turn_until(f, &ask.ended, 1);
    nj_ask_finish(&ask);

    redisContext *other = nj_redis_server_client(&f->server);
    redisReply *reply = redisCommand(other, "GET %b", "a b\r\nc", (size_t)6);
    assert_int_equal(reply->len, BYTES);
    assert_memory_equal(reply->str, bytes, BYTES);
    freeReplyObject(reply);
    reply = redisCommand(other, "TTL %b", "a b\r\nc", (size_t)6);
    assert_in_range(reply->integer, 598, 600);
    freeReplyObject(reply);
    redisFree(other);

    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("GET", "a b\r\nc")), 0);
    assert_int_equal(ask.length, BYTES);
    assert_memory_equal(ask.bytes, bytes, BYTES);
    nj_ask_finish(&ask);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("DEL", "a b\r\nc")), 0);
    assert_int_equal(ask.integer, 1);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("GET", "a b\r\nc")), 0);
    assert_true(ask.nil);
    assert_null(ask.bytes);
    free(bytes);
}

static void redis_brings_what_is_published_to_another_client(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    redisContext *other = nj_redis_server_client(&f->server);
    redisReply *reply = redisCommand(other, "SUBSCRIBE car_detections");
    freeReplyObject(reply);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("PUBLISH", "car_detections", "{\"a\":1}")), 0);
    assert_int_equal(ask.integer, 1);
    void *heard = NULL;
    assert_int_equal(redisGetReply(other, &heard), REDIS_OK);
    reply = heard;
    assert_string_equal(reply->element[1]->str, "car_detections");
    assert_string_equal(reply->element[2]->str, "{\"a\":1}");
    freeReplyObject(reply);
    redisFree(other);
    // Nobody listening is no error.
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("PUBLISH", "empty", "x")), 0);
    assert_int_equal(ask.integer, 0);
}

static void redis_answers_come_in_the_order_of_their_commands(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask *asks = calloc(MANY, sizeof *asks);
    assert_int_equal(nj_redis_open(f), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(nj_ask_send(f, &asks[i], NJ_WORDS("INCR", "n")), 0);
    nj_redis_turn_until(f, &asks[MANY - 1].ended, 1);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(asks[i].ended, 1);
        assert_int_equal(asks[i].integer, i + 1);
    }
    free(asks);
}

static void send_next(struct nj_redis_command *command, const struct nj_redis_reply *reply)
{
    struct nj_ask *ask = NJ_CONTAINER_OF(command, struct nj_ask, command);
    assert_int_equal(reply->rc, 0);
    if (++ask->ended < 3)
        assert_int_equal(nj_redis_send(ask->fixture->redis, command, NULL), 0);
}

static void redis_command_may_be_sent_again_from_its_answer(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask_send(f, &ask, NJ_WORDS("INCR", "n")), 0);
    ask.command.done = send_next;
    nj_redis_turn_until(f, &ask.ended, 3);
    assert_int_equal(nj_redis_server_int(&f->server, "INCR n"), 4);
}

static void redis_refusal_is_invalid_and_quotes_nothing_that_was_sent(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("NONSENSE", "SECRET")), NJ_E_INVALID);
    assert_non_null(strstr(ask.error.text, "unknown command"));
    assert_null(strstr(ask.error.text, "SECRET"));
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("SETEX", "k", "-1", "v")), NJ_E_INVALID);
    assert_int_equal(nj_redis_state(f->redis, NULL), NJ_REDIS_READY);
}

static void redis_server_that_cannot_serve_now_is_unavailable(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    redisContext *other = nj_redis_server_client(&f->server);
    freeReplyObject(redisCommand(other, "CONFIG SET maxmemory 1"));
    redisFree(other);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("SET", "k", "v")), NJ_E_UNAVAILABLE);
    assert_non_null(strstr(ask.error.text, "OOM"));
}

static void redis_flushed_by_somebody_goes_on(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("SET", "k", "v")), 0);
    nj_ask_finish(&ask);
    redisContext *other = nj_redis_server_client(&f->server);
    freeReplyObject(redisCommand(other, "FLUSHALL"));
    redisFree(other);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("GET", "k")), 0);
    assert_true(ask.nil);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("SET", "k", "w")), 0);
    nj_ask_finish(&ask);
}

static void redis_database_of_the_url_is_used(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    struct nj_ask ask;
    snprintf(f->url, sizeof f->url, "redis://localhost:%d/3", f->server.port);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("SET", "k", "v")), 0);
    nj_ask_finish(&ask);
    assert_int_equal(nj_redis_server_int(&f->server, "DBSIZE"), 0);
    redisContext *other = nj_redis_server_client(&f->server);
    freeReplyObject(redisCommand(other, "SELECT 3"));
    redisReply *reply = redisCommand(other, "EXISTS k");
    assert_int_equal(reply->integer, 1);
    freeReplyObject(reply);
    redisFree(other);
}

static void redis_host_that_the_rules_forbid_is_not_connected_to(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct nj_ask early, late;
        const char *reason = "";
        f->ruled = true;
        f->rules = (struct nj_address_rules){.private_networks = true, .public_networks = true};
        snprintf(f->url, sizeof f->url, "redis://%s:%d/0", hosts[i], f->server.port);
        assert_int_equal(nj_redis_open(f), 0);
        assert_int_equal(nj_ask(f, &early, NJ_WORDS("PING")), NJ_E_DENIED);
        assert_int_equal(nj_redis_state(f->redis, &reason), NJ_REDIS_AWAY);
        assert_non_null(strstr(reason, "allow_loopback"));
        assert_int_equal(nj_ask_send(f, &late, NJ_WORDS("PING")), NJ_E_DENIED);
        assert_non_null(strstr(late.error.text, "allow_loopback"));
        nj_redis_destroy(f->redis);
        f->redis = NULL;
    }
}

static void redis_host_that_the_rules_list_is_connected_to(void **state)
{
    NEED_SERVER;
    struct nj_redis_fixture *f = *state;
    static const char *const listed[] = {"localhost"};
    struct nj_ask ask;
    f->ruled = true;
    f->rules.allowed = (struct nj_text_list){.items = listed, .count = 1};
    snprintf(f->url, sizeof f->url, "redis://localhost:%d/0", f->server.port);
    assert_int_equal(nj_redis_open(f), 0);
    assert_int_equal(nj_ask(f, &ask, NJ_WORDS("PING")), 0);
    nj_ask_finish(&ask);
}

static void redis_lets_in_by_password_and_user_only(void **state)
{
    NEED_SERVER;
    static const struct {
        const char *user, *password;
        bool enters;
    } cases[] = {
        {"", "pass/word:1@x", true},     {"bob:", "hunter two", true},
        {"", "wrong-SECRET", false},     {"", "", false},
        {"bob:", "wrong-SECRET", false},
    };
    struct nj_redis_fixture *f = *state;
    nj_redis_server_stop(&f->server);
    nj_redis_server_start(&f->server, "pass/word:1@x");
    redisContext *other = nj_redis_server_client(&f->server);
    redisReply *reply =
        redisCommand(other, "ACL SETUSER bob on %s allcommands allkeys", ">hunter two");
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(other);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const char *reason;
        snprintf(f->url, sizeof f->url, "redis://%s%s127.0.0.1:%d", cases[i].user,
                 cases[i].user[0] != '\0' ? "@" : "", f->server.port);
        f->options.password = cases[i].password;
        assert_int_equal(nj_redis_open(f), 0);
        nj_redis_await(f, cases[i].enters ? NJ_REDIS_READY : NJ_REDIS_AWAY);
        nj_redis_state(f->redis, &reason);
        assert_null(strstr(reason, "SECRET"));
        if (!cases[i].enters)
            assert_non_null(strstr(reason, "password is refused"));
        nj_redis_destroy(f->redis);
        f->redis = NULL;
    }
}

int redis_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_redis_fixture_setup, nj_redis_fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_url_is_understood_or_refused_with_its_reason),
        cmocka_unit_test(password_of_the_options_overrides_that_of_the_url),
        cmocka_unit_test(tls_is_refused_where_the_library_has_none),
        CASE(redis_keeps_bytes_as_they_are_until_their_time_is_over),
        CASE(redis_brings_what_is_published_to_another_client),
        CASE(redis_answers_come_in_the_order_of_their_commands),
        CASE(redis_command_may_be_sent_again_from_its_answer),
        CASE(redis_refusal_is_invalid_and_quotes_nothing_that_was_sent),
        CASE(redis_server_that_cannot_serve_now_is_unavailable),
        CASE(redis_flushed_by_somebody_goes_on),
        CASE(redis_database_of_the_url_is_used),
        CASE(redis_host_that_the_rules_forbid_is_not_connected_to),
        CASE(redis_host_that_the_rules_list_is_connected_to),
        CASE(redis_lets_in_by_password_and_user_only),
    };
    return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
