// SPDX-License-Identifier: Apache-2.0
// The channels over real sockets: numbering, replay, subscriptions, heartbeat, time-outs, limits.
#include "realtime/realtime.h"

#include "tests/unit/realtime/realtime_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int realtime_test(void);

static const nj_us second = NJ_US_PER_S;

static void connected_names_the_connection_and_where_it_starts(void **state)
{
    struct nj_loop_client events = {0}, system = {0};
    realtime_publish(*state, "events", "x", "{\"type\":\"x\"}");
    realtime_open(*state, &events, "/ws/events");
    char message[512];
    nj_ws_next(&events, message, sizeof message);
    char id[9];
    assert_int_equal(sscanf(message,
                            "{\"type\":\"connected\",\"message\":\"Connected to the event "
                            "stream\",\"connection_id\":\"ws-events-%8[0-9a-f]\",",
                            id),
                     1);
    assert_int_equal(strlen(id), 8);
    assert_non_null(strstr(message, "\"sequence\":1}"));
    realtime_open(*state, &system, "/ws/system");
    realtime_expect_part(&system, "\"connection_id\":\"ws-system-");
    nj_loop_client_close(&events);
    nj_loop_client_close(&system);
}

static void messages_are_numbered_per_channel_and_high_risk_wants_an_ack(void **state)
{
    static const struct {
        const char *tag, *json, *want;
    } cases[] = {
        {"event", "{\"type\":\"event\",\"data\":{\"risk_score\":79,\"risk_level\":\"high\"}}",
         ",\"sequence\":1,\"requires_ack\":false}"},
        {"event", "{\"type\":\"event\",\"data\":{\"risk_score\":80,\"risk_level\":\"high\"}}",
         ",\"sequence\":2,\"requires_ack\":true}"},
        {"event", "{\"type\":\"event\",\"data\":{\"risk_score\":1,\"risk_level\":\"critical\"}}",
         ",\"sequence\":3,\"requires_ack\":true}"},
        {"event.updated", "{\"type\":\"event.updated\",\"data\":{\"risk_score\":99}}",
         ",\"sequence\":4,\"requires_ack\":false}"},
        {"event", "{\"type\":\"event\"}", ",\"sequence\":5,\"requires_ack\":false}"},
        {"detection.new", "{\"type\":\"detection.new\"} \n",
         ",\"sequence\":6,\"requires_ack\":false}"},
    };
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        realtime_publish(*state, "events", cases[i].tag, cases[i].json);
        char want[256];
        snprintf(want, sizeof want, "%.*s%s", (int)(strrchr(cases[i].json, '}') - cases[i].json),
                 cases[i].json, cases[i].want);
        realtime_expect(&client, want);
    }
    nj_loop_client_close(&client);
}

static void what_is_no_object_is_dropped_and_takes_no_number(void **state)
{
    static const char *const bad[] = {"", "{}", "[1]", "x", "{\"a\":1"};
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++)
        realtime_publish(*state, "events", "event", bad[i]);
    realtime_publish(*state, "events", "a", "{\"type\":\"a\"}");
    realtime_expect(&client, "{\"type\":\"a\",\"sequence\":1,\"requires_ack\":false}");
    nj_loop_client_close(&client);
}

static void camera_status_goes_to_both_channels_and_topics_stay_apart(void **state)
{
    struct nj_loop_client events = {0}, system = {0};
    realtime_open(*state, &events, "/ws/events");
    realtime_open(*state, &system, "/ws/system");
    realtime_expect_part(&events, "connected");
    realtime_expect_part(&system, "connected");
    realtime_expect_part(&system, "system_status");
    realtime_publish(*state, "events", "camera_status", "{\"type\":\"camera_status\"}");
    realtime_publish(*state, "system", "service_status", "{\"type\":\"service_status\"}");
    realtime_publish(*state, "events", "event", "{\"type\":\"event\"}");
    realtime_expect_part(&events, "\"camera_status\",\"sequence\":1");
    realtime_expect_part(&events, "\"event\",\"sequence\":2");
    realtime_expect_part(&system, "\"camera_status\",\"sequence\":1");
    realtime_expect_part(&system, "\"service_status\",\"sequence\":2");
    realtime_expect_nothing(&events);
    realtime_expect_nothing(&system);
    nj_loop_client_close(&events);
    nj_loop_client_close(&system);
}

static void publish_numbered(void *state, int count)
{
    for (int i = 1; i <= count; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"type\":\"t%d\",\"n\":%d}", i % 2, i);
        realtime_publish(state, "events", i % 2 ? "t1" : "t0", json);
    }
}

static void resync_repeats_what_came_after_and_says_whether_it_was_all(void **state)
{
    struct nj_loop_client client = {0};
    publish_numbered(*state, 6); // the ring keeps 3..6
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "\"sequence\":6");
    nj_ws_send(&client, "{\"type\":\"resync\",\"data\":{\"channel\":\"events\","
                        "\"last_sequence\":4}}");
    realtime_expect(&client, "{\"type\":\"t1\",\"n\":5,\"sequence\":5,\"requires_ack\":false,"
                             "\"replay\":true}");
    realtime_expect(&client, "{\"type\":\"t0\",\"n\":6,\"sequence\":6,\"requires_ack\":false,"
                             "\"replay\":true}");
    realtime_expect(&client, "{\"type\":\"resync_ack\",\"channel\":\"events\",\"last_sequence\":4,"
                             "\"sequence\":6,\"replayed\":2,\"complete\":true}");
    nj_ws_send(&client, "{\"type\":\"resync\",\"data\":{\"last_sequence\":1}}");
    for (int i = 3; i <= 6; i++)
        realtime_expect_part(&client, "\"replay\":true}");
    realtime_expect_part(&client, "\"replayed\":4,\"complete\":false}");
    nj_ws_send(&client, "{\"type\":\"resync\",\"data\":{\"last_sequence\":2}}");
    for (int i = 3; i <= 6; i++)
        realtime_expect_part(&client, "\"replay\":true}");
    realtime_expect_part(&client, "\"replayed\":4,\"complete\":true}");
    nj_loop_client_close(&client);
}

static void resync_from_before_a_restart_repeats_all_and_is_not_complete(void **state)
{
    struct nj_loop_client client = {0};
    publish_numbered(*state, 2);
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    nj_ws_send(&client, "{\"type\":\"resync\",\"data\":{\"last_sequence\":900}}");
    realtime_expect_part(&client, "\"sequence\":1,");
    realtime_expect_part(&client, "\"sequence\":2,");
    realtime_expect_part(&client, "\"last_sequence\":900,\"sequence\":2,\"replayed\":2,"
                                  "\"complete\":false}");
    nj_loop_client_close(&client);
}

static void replay_keeps_to_the_subscription(void **state)
{
    struct nj_loop_client client = {0};
    publish_numbered(*state, 4);
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    nj_ws_send(&client, "{\"type\":\"subscribe\",\"data\":{\"events\":[\"t0\"]}}");
    realtime_expect_part(&client, "subscribed");
    nj_ws_send(&client, "{\"type\":\"resync\",\"data\":{\"last_sequence\":0}}");
    realtime_expect_part(&client, "\"n\":2,");
    realtime_expect_part(&client, "\"n\":4,");
    realtime_expect_part(&client, "\"replayed\":2,\"complete\":true}");
    nj_loop_client_close(&client);
}

static void subscriptions_decide_what_arrives(void **state)
{
    static const struct {
        const char *send, *answer;
        bool event, detection;
    } steps[] = {
        {"{\"type\":\"subscribe\",\"data\":{\"events\":[\"Detection.*\"]}}",
         "{\"type\":\"subscribed\",\"action\":\"subscribed\",\"events\":[\"Detection.*\"]}", false,
         true},
        {"{\"type\":\"subscribe\",\"data\":{\"events\":[\"event\"]}}", "\"subscribed\"", true,
         true},
        {"{\"type\":\"unsubscribe\",\"data\":{\"events\":[\"detection.*\"]}}",
         "\"action\":\"unsubscribed\"", true, false},
        {"{\"type\":\"subscribe\",\"data\":{\"events\":[\"*\"]}}", "\"subscribed\"", true, true},
        {"{\"type\":\"unsubscribe\",\"data\":{\"events\":[\"*\"]}}", "\"unsubscribed\"", false,
         false},
        {"{\"type\":\"subscribe\",\"data\":{\"events\":[\"even?\"]}}", "\"subscribed\"", true,
         false},
    };
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    for (size_t i = 0; i < NJ_COUNT_OF(steps); i++) {
        nj_ws_send(&client, steps[i].send);
        realtime_expect_part(&client, steps[i].answer);
        realtime_publish(*state, "events", "event", "{\"type\":\"event\"}");
        realtime_publish(*state, "events", "detection.new", "{\"type\":\"detection.new\"}");
        if (steps[i].event)
            realtime_expect_part(&client, "\"event\"");
        if (steps[i].detection)
            realtime_expect_part(&client, "\"detection.new\"");
        realtime_expect_nothing(&client);
    }
    nj_loop_client_close(&client);
}

static void empty_subscription_is_silent_but_hears_the_heartbeat(void **state)
{
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    nj_ws_send(&client, "{\"type\":\"subscribe\",\"data\":{\"events\":[]}}");
    realtime_expect_part(&client, "\"events\":[]");
    realtime_publish(*state, "events", "event", "{\"type\":\"event\"}");
    realtime_expect_nothing(&client);
    realtime_advance(*state, 30 * second);
    realtime_expect(&client, "{\"type\":\"ping\",\"lastSeq\":1}");
    nj_loop_client_close(&client);
}

static void mistakes_are_answered_and_never_close(void **state)
{
    static const struct {
        const char *send, *answer;
    } cases[] = {
        {"nonsense", "{\"type\":\"error\",\"error\":\"invalid_json\""},
        {"nonsense", "\"raw_data_preview\":\"nonsense\"}}"},
        {"{\"type\":\"a\",\"type\":\"b\"}", "\"invalid_json\""},
        {"[]", "\"error\":\"invalid_message_format\""},
        {"{}", "\"field\":\"type\""},
        {"{\"type\":7}", "\"field\":\"type\""},
        {"{\"type\":\"dance\"}", "\"error\":\"unknown_message_type\""},
        {"{\"type\":\"dance\"}", "\"supported_types\":[\"ack\",\"ping\",\"pong\",\"resync\","
                                 "\"subscribe\",\"unsubscribe\"]"},
        {"{\"type\":\"subscribe\"}", "\"field\":\"data.events\""},
        {"{\"type\":\"subscribe\",\"data\":{\"events\":[1]}}", "must hold texts only"},
        {"{\"type\":\"subscribe\",\"data\":{\"events\":[\"\"]}}", "patterns of 1 to 63 bytes"},
        {"{\"type\":\"unsubscribe\",\"data\":{\"events\":\"x\"}}", "\"field\":\"data.events\""},
        {"{\"type\":\"resync\"}", "\"field\":\"data.last_sequence\""},
        {"{\"type\":\"resync\",\"data\":{\"last_sequence\":-1}}", "data.last_sequence"},
        {"{\"type\":\"resync\",\"data\":{\"channel\":\"system\",\"last_sequence\":1}}",
         "\"field\":\"data.channel\""},
        {"{\"type\":\"ack\",\"data\":{\"seq\":\"1\"}}", "\"field\":\"data.seq\""},
        {"{\"type\":\"ack\"}", "\"field\":\"data.seq\""},
    };
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        nj_ws_send(&client, cases[i].send);
        realtime_expect_part(&client, cases[i].answer);
    }
    nj_ws_send(&client, "{\"type\":\"ping\"}");
    realtime_expect(&client, "{\"type\":\"pong\"}");
    nj_loop_client_close(&client);
}

static void preview_of_bad_json_ends_at_a_character(void **state)
{
    char text[160];
    memset(text, 'x', sizeof text);
    memcpy(text + 99, "\xc3\xa4", 2); // two bytes across the limit of 100
    text[150] = '\0';
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    nj_ws_send(&client, text);
    text[99] = '\0';
    char want[200];
    snprintf(want, sizeof want, "\"raw_data_preview\":\"%s\"", text);
    realtime_expect_part(&client, want);
    nj_loop_client_close(&client);
}

static void too_many_patterns_change_nothing(void **state)
{
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    char text[1024] = "{\"type\":\"subscribe\",\"data\":{\"events\":[\"p0\"";
    for (int i = 1; i <= 32; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",\"p%d\"", i);
    strcat(text, "]}}");
    nj_ws_send(&client, text);
    realtime_expect_part(&client, "at most 32 patterns");
    realtime_publish(*state, "events", "event", "{\"type\":\"event\"}");
    realtime_expect_part(&client, "\"event\""); // still everything
    nj_loop_client_close(&client);
}

static void plain_text_ping_and_acks_are_understood(void **state)
{
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    nj_ws_send(&client, "ping");
    realtime_expect(&client, "{\"type\":\"pong\"}");
    nj_ws_send(&client, "pong");
    nj_ws_send(&client, "{\"type\":\"pong\"}");
    nj_ws_send(&client, "{\"type\":\"ack\",\"data\":{\"seq\":3}}");
    nj_ws_send(&client, "{\"type\":\"ack\",\"data\":{\"sequence\":4}}");
    realtime_expect_nothing(&client);
    nj_loop_client_close(&client);
}

static void idle_client_is_closed_and_any_message_keeps_it(void **state)
{
    struct nj_loop_client busy = {0}, idle = {0};
    realtime_open(*state, &busy, "/ws/events");
    realtime_open(*state, &idle, "/ws/events");
    realtime_expect_part(&busy, "connected");
    realtime_expect_part(&idle, "connected");
    realtime_advance(*state, 299 * second);
    realtime_expect_part(&idle, "ping");
    realtime_expect_nothing(&idle);
    realtime_expect_part(&busy, "ping");
    nj_ws_send(&busy, "pong");
    realtime_expect_nothing(&busy);
    realtime_advance(*state, 1 * second);
    realtime_expect(&idle, "close 1000");
    realtime_expect_part(&busy, "ping"); // the beat of 300 s, for who is still there
    nj_ws_send(&busy, "ping");
    realtime_expect_part(&busy, "pong");
    nj_loop_client_close(&busy);
    nj_loop_client_close(&idle);
}

static void status_is_told_at_once_and_then_while_somebody_listens(void **state)
{
    struct realtime_fixture *fixture = *state;
    struct nj_loop_client client = {0};
    realtime_advance(fixture, 60 * second);
    assert_int_equal(fixture->statuses, 0); // nobody listens: nothing is collected
    realtime_open(fixture, &client, "/ws/system");
    realtime_expect_part(&client, "connected");
    realtime_expect(&client, "{\"type\":\"system_status\",\"data\":{\"n\":1},"
                             "\"timestamp\":\"2026-01-24T10:31:00.000000Z\"}");
    realtime_advance(fixture, 5 * second);
    realtime_expect_part(&client, "{\"type\":\"system_status\",\"data\":{\"n\":2}");
    realtime_expect_part(&client, "{\"type\":\"performance_update\",\"data\":{\"gpu\":null}");
    nj_loop_client_close(&client);
    int before = fixture->statuses;
    realtime_advance(fixture, 5 * second);
    assert_int_equal(fixture->statuses, before);
}

static void statuses_take_no_place_in_the_replay(void **state)
{
    struct nj_loop_client client = {0};
    realtime_open(*state, &client, "/ws/system");
    realtime_expect_part(&client, "connected");
    realtime_expect_part(&client, "system_status");
    realtime_publish(*state, "system", "service_status", "{\"type\":\"service_status\"}");
    realtime_expect_part(&client, "service_status");
    for (int i = 0; i < 3; i++) {
        realtime_advance(*state, 5 * second);
        realtime_expect_part(&client, "system_status");
        realtime_expect_part(&client, "performance_update");
    }
    nj_ws_send(&client, "{\"type\":\"resync\",\"data\":{\"last_sequence\":0}}");
    realtime_expect_part(&client, "service_status");
    realtime_expect_part(&client, "\"replayed\":1,\"complete\":true}");
    nj_loop_client_close(&client);
}

static void clients_beyond_the_limit_are_told_503(void **state)
{
    struct realtime_fixture *fixture = *state;
    struct nj_loop_client clients[3] = {0}, further = {0};
    for (int i = 0; i < 3; i++)
        realtime_open(fixture, &clients[i], i ? "/ws/events" : "/ws/system");
    struct nj_answer answer;
    nj_loop_client_open(&further, fixture->loop, nj_http_server_port(fixture->server));
    nj_loop_client_ask(&further, "GET /ws/events HTTP/1.1\r\nHost: localhost\r\n\r\n", &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.head, "Retry-After: 5"));
    nj_answer_finish(&answer);
    nj_loop_client_close(&clients[1]);
    nj_loop_client_ask(&further, "GET /ws/events HTTP/1.1\r\nHost: localhost\r\n\r\n", &answer);
    assert_int_equal(answer.status, 400); // room again, but this is no handshake
    nj_answer_finish(&answer);
    struct nj_realtime_stats stats;
    nj_realtime_get_stats(fixture->realtime, &stats);
    assert_int_equal(stats.clients[NJ_CHANNEL_EVENTS], 1);
    assert_int_equal(stats.clients[NJ_CHANNEL_SYSTEM], 1);
    nj_loop_client_close(&clients[0]);
    nj_loop_client_close(&clients[2]);
    nj_loop_client_close(&further);
}

static void oversized_message_closes_with_1009(void **state)
{
    struct nj_loop_client client = {0};
    static unsigned char frame[14] = {0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1}; // 65537 bytes
    realtime_open(*state, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    nj_loop_client_send(&client, frame, sizeof frame);
    realtime_expect(&client, "close 1009");
    nj_loop_client_close(&client);
}

static void stop_closes_clients_with_1001_after_what_was_published(void **state)
{
    struct realtime_fixture *fixture = *state;
    struct nj_loop_client client = {0}, late = {0};
    realtime_open(fixture, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    realtime_publish(fixture, "events", "event", "{\"type\":\"event\"}");
    nj_realtime_stop(fixture->realtime);
    realtime_expect_part(&client, "\"event\"");
    realtime_expect(&client, "close 1001");
    struct nj_answer answer;
    nj_loop_client_open(&late, fixture->loop, nj_http_server_port(fixture->server));
    nj_loop_client_ask(&late, "GET /ws/events HTTP/1.1\r\nHost: localhost\r\n\r\n", &answer);
    assert_int_equal(answer.status, 503);
    nj_answer_finish(&answer);
    nj_loop_client_close(&client);
    nj_loop_client_close(&late);
}

static void destroy_before_the_sockets_are_gone_is_safe(void **state)
{
    struct realtime_fixture *fixture = *state;
    struct nj_loop_client client = {0};
    realtime_open(fixture, &client, "/ws/events");
    realtime_expect_part(&client, "connected");
    nj_realtime_destroy(fixture->realtime);
    fixture->realtime = NULL;
    nj_ws_send(&client, "ping");
    realtime_expect(&client, "close 1001");
    realtime_expect_nothing(&client);
    nj_loop_client_close(&client);
}

int realtime_test(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, realtime_setup, realtime_teardown)
    const struct CMUnitTest tests[] = {
        CASE(connected_names_the_connection_and_where_it_starts),
        CASE(messages_are_numbered_per_channel_and_high_risk_wants_an_ack),
        CASE(what_is_no_object_is_dropped_and_takes_no_number),
        CASE(camera_status_goes_to_both_channels_and_topics_stay_apart),
        CASE(resync_repeats_what_came_after_and_says_whether_it_was_all),
        CASE(resync_from_before_a_restart_repeats_all_and_is_not_complete),
        CASE(replay_keeps_to_the_subscription),
        CASE(subscriptions_decide_what_arrives),
        CASE(empty_subscription_is_silent_but_hears_the_heartbeat),
        CASE(mistakes_are_answered_and_never_close),
        CASE(preview_of_bad_json_ends_at_a_character),
        CASE(too_many_patterns_change_nothing),
        CASE(plain_text_ping_and_acks_are_understood),
        CASE(idle_client_is_closed_and_any_message_keeps_it),
        CASE(status_is_told_at_once_and_then_while_somebody_listens),
        CASE(statuses_take_no_place_in_the_replay),
        CASE(clients_beyond_the_limit_are_told_503),
        CASE(oversized_message_closes_with_1009),
        CASE(stop_closes_clients_with_1001_after_what_was_published),
        CASE(destroy_before_the_sockets_are_gone_is_safe),
    };
    return cmocka_run_group_tests_name("realtime", tests, NULL, NULL);
}
