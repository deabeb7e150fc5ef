// SPDX-License-Identifier: Apache-2.0
// Backends on real sockets: reports in time, who hears what, limits, and coming back.
#include "realtime/worker_priv.h"
#include "tests/fake/feeds/feeds.h"
#include "tests/fake/loop_client.h"
#include "tests/fake/temp_dir.h"
#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int worker_socket_test(void);

enum { MESSAGE_LIMIT = 4096, TEXT_SIZE = 256 << 10, MANY = 200, BEATS_MAX = 500, CLOSE_ROOM = 256 };

struct place {
    struct feeds *feeds;
    struct nj_worker_options options;
    struct nj_worker *worker;
    struct nj_worker_vitals vitals;
    struct nj_http_server *server;
    struct nj_loop_client clients[3];
    struct nj_temp_dir dir; // of the log
    char log_path[NJ_TEMP_PATH_MAX];
    struct nj_log *log;
    char text[TEXT_SIZE];
};

static const nj_us report_gap_us = 10 * (nj_us)NJ_US_PER_MS; // from a small report to the next
static const struct nj_rect car = {200, 200, 150, 100}, none = {0, 0, 0, 0};

#define SUBSCRIBE(id)                                                                              \
    "{\"type\":\"subscribe\",\"payload\":{\"subscriptionIdentifier\":\"" id                        \
    "\",\"rtspUrl\":\"rtsp://cameras/c1\",\"modelUrl\":\"file:///a.mpta\","                        \
    "\"modelName\":\"cars\",\"modelId\":52}}"

static struct nj_subscriptions *subscriptions_of(void *context)
{
    const struct place *place = context;
    return place->feeds->subscriptions;
}

static void vitals_of(void *context, struct nj_worker_vitals *out)
{
    const struct place *place = context;
    *out = place->vitals;
}

static void handle(struct nj_http_request *request, void *arg)
{
    struct place *place = arg;
    nj_worker_accept(place->worker, request, NULL);
}

static int setup(void **state)
{
    const nj_us *ping_us = *state; // NULL: no pings
    static const struct nj_http_server_options server = {
        .host = "127.0.0.1",
        .max_connections = 16,
        .max_head_bytes = 8192,
        .max_body_bytes = 65536,
        .head_timeout_us = 10 * NJ_US_PER_S,
        .body_timeout_us = 20 * NJ_US_PER_S,
        .idle_timeout_us = 60 * NJ_US_PER_S,
    };
    struct place *place = calloc(1, sizeof *place);
    void *feeds = NULL;
    assert_non_null(place);
    assert_int_equal(feeds_setup(&feeds), 0);
    place->feeds = feeds;
    nj_temp_dir_init(&place->dir);
    const struct nj_log_options log = {.level = NJ_LOG_INFO,
                                       .format = NJ_LOG_JSON,
                                       .file_path =
                                           nj_temp_dir_path(&place->dir, "log", place->log_path)};
    assert_int_equal(nj_log_create(&log, nj_loop_clock(place->feeds->loop), &place->log, NULL), 0);
    place->vitals = (struct nj_worker_vitals){75.54, 40, -1, -1, -1, -1, 0};
    place->options = (struct nj_worker_options){.report_us = 2 * NJ_US_PER_S,
                                                .ping_us = ping_us != NULL ? *ping_us : 0,
                                                .max_connections = 2,
                                                .max_message_bytes = MESSAGE_LIMIT,
                                                .max_queued_bytes = 32 << 20,
                                                .messages_per_second = 1,
                                                .patch_session = true};
    const struct nj_worker_config config = {
        .options = &place->options,
        .loop = place->feeds->loop,
        .subscriptions = subscriptions_of,
        .vitals = vitals_of,
        .context = place,
        .log = place->log,
    };
    assert_int_equal(nj_worker_create(&config, &place->worker, NULL), 0);
    place->feeds->sink = nj_worker_sink(place->worker);
    feeds_start(place->feeds);
    assert_int_equal(
        nj_http_server_create(place->feeds->loop, &server, handle, place, &place->server), 0);
    assert_int_equal(nj_http_server_start(place->server, NULL), 0);
    *state = place;
    return 0;
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static int teardown(void **state)
{
    struct place *place = *state;
    void *feeds = place->feeds;
    bool stopped = false;
    nj_worker_stop(place->worker);
    for (size_t i = 0; i < NJ_COUNT_OF(place->clients); i++)
        nj_loop_client_close(&place->clients[i]);
    nj_http_server_stop(place->server, 0, on_stopped, &stopped);
    feeds_settle(place->feeds);
    feeds_settle(place->feeds);
    assert_true(stopped);
    nj_worker_destroy(place->worker);
    nj_http_server_destroy(place->server);
    nj_log_destroy(place->log);
    nj_temp_dir_finish(&place->dir);
    assert_int_equal(feeds_teardown(&feeds), 0);
    free(place);
    return 0;
}

static const char *next(struct place *place, size_t client)
{
    return nj_ws_next(&place->clients[client], place->text, TEXT_SIZE);
}

static void expect(struct place *place, size_t client, const char *part)
{
    const char *text = next(place, client);
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in \"%.400s\"", part, text);
}

static void come(struct place *place, size_t client)
{
    feeds_advance(place->feeds, report_gap_us);
    nj_loop_client_open(&place->clients[client], place->feeds->loop,
                        nj_http_server_port(place->server));
    nj_ws_open(&place->clients[client], "/", "");
    expect(place, client, "{\"type\":\"stateReport\"");
}

// What came meanwhile is of no interest.
static void pass_over(struct place *place, size_t client)
{
    while (next(place, client)[0] != '\0') {
    }
}

static void report_comes_at_once_and_every_two_seconds_to_all(void **state)
{
    struct place *place = *state;
    come(place, 0);
    come(place, 1);
    feeds_advance(place->feeds, 1900 * (nj_us)NJ_US_PER_MS - 2 * report_gap_us);
    assert_string_equal(next(place, 0), "");
    feeds_advance(place->feeds, 100 * (nj_us)NJ_US_PER_MS);
    expect(place, 0, "\"cpuUsage\":75.5,\"memoryUsage\":40,\"gpuUsage\":null,");
    expect(place, 1, "{\"type\":\"stateReport\"");
    feeds_advance(place->feeds, 2 * (nj_us)NJ_US_PER_S);
    expect(place, 0, "{\"type\":\"stateReport\"");
    assert_string_equal(next(place, 0), "");
}

static void requests_of_a_moment_are_one_report_to_those_who_asked(void **state)
{
    struct place *place = *state;
    come(place, 0);
    feeds_advance(place->feeds, 500 * (nj_us)NJ_US_PER_MS);
    come(place, 1); // has made a report just now
    for (int i = 0; i < 5; i++)
        nj_ws_send(&place->clients[1], "{\"type\":\"requestState\"}");
    assert_string_equal(next(place, 1), "");
    nj_fake_clock_advance(&place->feeds->clock, report_gap_us - 1);
    assert_string_equal(next(place, 1), "");
    nj_fake_clock_advance(&place->feeds->clock, 1);
    expect(place, 1, "{\"type\":\"stateReport\"");
    assert_string_equal(next(place, 1), "");
    assert_string_equal(next(place, 0), "");
    feeds_advance(place->feeds, 500 * (nj_us)NJ_US_PER_MS);
    nj_ws_send(&place->clients[0], "{\"type\":\"requestState\"}");
    expect(place, 0, "{\"type\":\"stateReport\""); // at once, after such a pause
}

static void subscribe_many(struct place *place)
{
    for (int i = 0; i < MANY; i++) {
        char id[NJ_SUBSCRIPTION_ID_SIZE];
        snprintf(id, sizeof id, "display-%0100d;c%d", i, i);
        const struct nj_subscription_spec spec = feeds_spec(id);
        assert_int_equal(nj_subscriptions_add(place->feeds->subscriptions, 77, &spec, NULL), 0);
    }
    feeds_settle(place->feeds);
}

static size_t queued_bytes(struct place *place)
{
    assert_false(nj_list_empty(&place->worker->connections));
    return nj_websocket_queued_bytes(
        nj_worker_connection_of(place->worker->connections.next)->socket);
}

// Reports until the kernel takes no more for this client.
static int report_until_deaf(struct place *place)
{
    int beats = 0;
    for (; queued_bytes(place) == 0 && beats < BEATS_MAX; beats++)
        feeds_advance(place->feeds, place->options.report_us);
    assert_true(beats < BEATS_MAX);
    return beats;
}

static void who_does_not_read_gets_the_newest_report_and_not_each(void **state)
{
    struct place *place = *state;
    come(place, 0);
    subscribe_many(place);
    int beats = report_until_deaf(place);
    place->vitals.cpu = 33;
    feeds_advance(place->feeds, 2 * place->options.report_us); // one may wait, and its rest
    const size_t queued = queued_bytes(place);
    feeds_advance(place->feeds, 50 * place->options.report_us);
    assert_int_equal(queued_bytes(place), queued);
    place->vitals.cpu = 11;
    int reports = 0;
    while (strncmp(next(place, 0), "{\"type\":\"stateReport\"", 21) == 0)
        reports++;
    assert_in_range(reports, beats, beats + 4);
    feeds_advance(place->feeds, place->options.report_us);
    expect(place, 0, "\"cpuUsage\":11,"); // it hears again
}

static void slowest_backend_is_closed_when_too_much_waits(void **state)
{
    struct place *place = *state;
    come(place, 0);
    come(place, 1);
    subscribe_many(place);
    // The newest connection stands last in the list; only the first one is deaf.
    for (int i = 0; i < BEATS_MAX; i++) {
        struct nj_websocket *deaf =
            nj_worker_connection_of(place->worker->connections.next)->socket;
        if (nj_websocket_queued_bytes(deaf) > 0)
            break;
        feeds_advance(place->feeds, place->options.report_us);
        pass_over(place, 1);
    }
    // Room for what is begun and the close frame, and for no report more.
    place->options.max_queued_bytes = (int64_t)queued_bytes(place) + CLOSE_ROOM;
    for (int i = 0; i < 2; i++) {
        feeds_advance(place->feeds, place->options.report_us);
        expect(place, 1, "{\"type\":\"stateReport\"");
    }
    const char *text = next(place, 0);
    for (int i = 0; i < BEATS_MAX && text[0] == '{'; i++)
        text = next(place, 0);
    assert_string_equal(text, "close 1008");
    assert_string_equal(next(place, 1), "");
}

static size_t bytes_of_all(struct place *place, size_t *out_most)
{
    struct nj_list *connections = &place->worker->connections;
    size_t sum = 0;
    *out_most = 0;
    for (struct nj_list *at = connections->next; at != connections; at = at->next) {
        const size_t queued = nj_websocket_queued_bytes(nj_worker_connection_of(at)->socket);
        *out_most = queued > *out_most ? queued : *out_most;
        sum += queued;
    }
    return sum;
}

static void what_closing_backends_hold_counts_as_what_others_do(void **state)
{
    struct place *place = *state;
    size_t most = 0;
    come(place, 0);
    come(place, 1);
    subscribe_many(place);
    for (int i = 0; i < BEATS_MAX && bytes_of_all(place, &most) <= most; i++)
        feeds_advance(place->feeds, place->options.report_us);
    assert_true(bytes_of_all(place, &most) > most); // both are deaf
    place->options.max_queued_bytes = (int64_t)most;
    for (int i = 0; i < 3; i++) {
        feeds_advance(place->feeds, place->options.report_us);
        assert_in_range(bytes_of_all(place, &most), 0, place->options.max_queued_bytes);
    }
}

static void detection_reaches_those_who_hold_the_subscription(void **state)
{
    struct place *place = *state;
    come(place, 0);
    come(place, 1);
    nj_ws_send(&place->clients[0], SUBSCRIBE("d1;c1"));
    expect(place, 0, "subscribeAck");
    feeds_settle(place->feeds);
    feeds_watch(place->feeds, "c1", car, 10);
    pass_over(place, 0);
    pass_over(place, 1);
    feeds_end_run(place->feeds, true, "{\"carBrand\":\"Honda\"}");
    const char *text = next(place, 0);
    assert_non_null(strstr(text, "{\"type\":\"imageDetection\",\"subscriptionIdentifier\":"
                                 "\"d1;c1\",\"timestamp\":\"2026-01-24T10:30:0"));
    assert_non_null(strstr(text, "Z\",\"sessionId\":null,\"data\":{\"detection\":{\"carBrand\":"
                                 "\"Honda\"},\"modelId\":52,\"modelName\":\"cars\"}}"));
    assert_string_equal(next(place, 1), "");
}

static void session_that_gets_its_id_is_sent_the_car(void **state)
{
    struct place *place = *state;
    come(place, 0);
    nj_ws_send(&place->clients[0], SUBSCRIBE("d1;c1"));
    pass_over(place, 0);
    feeds_settle(place->feeds);
    feeds_watch(place->feeds, "c1", car, 10);
    feeds_end_run(place->feeds, true, "{\"carBrand\":\"Honda\"}");
    pass_over(place, 0);
    nj_ws_send(&place->clients[0], "{\"type\":\"setSessionId\",\"payload\":{\"displayIdentifier\":"
                                   "\"d1\",\"sessionId\":4711}}");
    assert_string_equal(next(place, 0), "{\"type\":\"patchSession\",\"sessionId\":4711,\"data\":{"
                                        "\"currentCar\":{\"carBrand\":\"Honda\"}}}");
    pass_over(place, 0);
    feeds_watch(place->feeds, "c1", none, 50); // it leaves while the session is young
    for (int i = 0; i < 20 && strstr(next(place, 0), "imageDetection") == NULL; i++) {
    }
    assert_non_null(strstr(place->text, "\"sessionId\":4711,\"data\":{\"detection\":null,"));
}

static void payload_form_is_the_older_one(void **state)
{
    struct place *place = *state;
    place->options.payload_form = true;
    come(place, 0);
    nj_ws_send(&place->clients[0], SUBSCRIBE("d1;c1"));
    pass_over(place, 0);
    feeds_settle(place->feeds);
    feeds_watch(place->feeds, "c1", car, 10);
    pass_over(place, 0);
    feeds_end_run(place->feeds, true, "{\"carBrand\":\"Honda\"}");
    const char *text = next(place, 0);
    assert_non_null(strstr(text, "{\"type\":\"imageDetection\",\"payload\":{\"subscriptionId\":"
                                 "\"d1;c1\",\"detections\":[{\"class\":\"car\",\"confidence\":"
                                 "0.93,\"bbox\":[200,200,350,300],\"track_id\":1}],"
                                 "\"timestamp\":\""));
    assert_non_null(strstr(text, "\"modelInfo\":{\"modelId\":52,\"modelName\":\"cars\"}"));
}

static void backend_that_comes_back_restarts_nothing(void **state)
{
    struct place *place = *state;
    static const char list[] =
        "{\"type\":\"setSubscriptionList\",\"subscriptions\":[{\"subscriptionIdentifier\":"
        "\"d1;c1\",\"rtspUrl\":\"rtsp://cameras/c1\",\"modelUrl\":\"file:///a.mpta\"}]}";
    come(place, 0);
    nj_ws_send(&place->clients[0], list);
    pass_over(place, 0);
    feeds_settle(place->feeds);
    assert_int_equal(place->feeds->joins, 1);
    nj_loop_client_close(&place->clients[0]);
    feeds_advance(place->feeds, 5 * (nj_us)NJ_US_PER_S);
    assert_int_equal(nj_worker_connections(place->worker), 0);
    come(place, 1);
    nj_ws_send(&place->clients[1], list);
    pass_over(place, 1);
    feeds_advance(place->feeds, 60 * (nj_us)NJ_US_PER_S);
    assert_int_equal(place->feeds->joins, 1);
    assert_int_equal(place->feeds->leaves, 0);
}

static void too_many_messages_are_refused_once_a_second(void **state)
{
    struct place *place = *state;
    come(place, 0);
    for (int i = 0; i < 10; i++) { // what may come in one go
        nj_ws_send(&place->clients[0], "{}");
        expect(place, 0, "invalid_message");
    }
    for (int i = 0; i < 5; i++)
        nj_ws_send(&place->clients[0], "{}");
    expect(place, 0, "\"code\":\"rate_limited\"");
    assert_string_equal(next(place, 0), "");
    feeds_advance(place->feeds, 1500 * (nj_us)NJ_US_PER_MS);
    nj_ws_send(&place->clients[0], "{}");
    expect(place, 0, "invalid_message");
}

// Lines of the log that have the part.
static size_t count_lines(const struct place *place, const char *part)
{
    char *text = NULL;
    size_t length = 0, count = 0;
    assert_int_equal(nj_file_read(place->log_path, 1 << 20, &text, &length, NULL), 0);
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    free(text);
    return count;
}

static void error_that_a_backend_was_told_is_logged_with_code_and_exception(void **state)
{
    static const char line[] =
        "\"code\":\"not_subscribed\",\"exception\":\"MessageProcessingError\",\"reason\":\"";
    struct place *place = *state;
    come(place, 0);
    nj_ws_send(&place->clients[0],
               "{\"type\":\"unsubscribe\",\"subscriptionIdentifier\":\"d9;c9\"}");
    expect(place, 0, "\"code\":\"not_subscribed\"");
    assert_int_equal(count_lines(place, line), 1);
    assert_int_equal(count_lines(place, "\"connection\":1,\"subscription\":\"d9;c9\"}"), 1);
    place->vitals.redis = 0;
    feeds_advance(place->feeds, 2 * (nj_us)NJ_US_PER_S);
    assert_int_equal(
        count_lines(place, "\"code\":\"redis_unavailable\",\"exception\":\"RedisError\""), 1);
}

static void flood_of_errors_is_no_flood_of_lines_nor_hides_another_backends(void **state)
{
    enum { AT_ONCE = 20, SENT = 50 };
    static const char line[] = "\"code\":\"unknown_type\"";
    struct place *place = *state;
    place->options.messages_per_second = 1000;
    come(place, 0);
    come(place, 1);
    for (int i = 0; i < SENT; i++) {
        nj_ws_send(&place->clients[0], "{\"type\":\"x\"}");
        expect(place, 0, "unknown_type");
    }
    assert_int_equal(count_lines(place, line), AT_ONCE);
    nj_ws_send(&place->clients[1], "{\"type\":\"x\"}");
    expect(place, 1, "unknown_type");
    assert_int_equal(count_lines(place, line), AT_ONCE + 1);
    feeds_advance(place->feeds, 10 * (nj_us)NJ_US_PER_S);
    for (int i = 0; i < 2; i++)
        nj_ws_send(&place->clients[0], "{\"type\":\"x\"}");
    feeds_settle(place->feeds);
    assert_int_equal(count_lines(place, line), AT_ONCE + 2);
    assert_int_equal(count_lines(place, "\"left_out\":30}"), 1);
}

static void long_message_is_refused_and_a_huge_one_closes(void **state)
{
    struct place *place = *state;
    char *text = malloc(4 * MESSAGE_LIMIT + 2);
    assert_non_null(text);
    memset(text, ' ', 4 * MESSAGE_LIMIT + 1);
    text[4 * MESSAGE_LIMIT + 1] = '\0';
    come(place, 0);
    nj_ws_send(&place->clients[0], text + 3 * MESSAGE_LIMIT - 1);
    expect(place, 0, "\"code\":\"message_too_big\"");
    nj_ws_send(&place->clients[0], text);
    assert_string_equal(next(place, 0), "close 1009");
    free(text);
}

static void archive_that_is_wrong_is_told_at_once(void **state)
{
    struct place *place = *state;
    place->feeds->load_rc = NJ_E_INVALID;
    come(place, 0);
    nj_ws_send(&place->clients[0], SUBSCRIBE("d1;c1"));
    expect(place, 0, "subscribeAck");
    feeds_settle(place->feeds);
    expect(place, 0,
           "{\"type\":\"error\",\"code\":\"archive_invalid\",\"exception\":"
           "\"ModelLoadError\",\"message\":\"the archive is not there\","
           "\"subscriptionIdentifier\":\"d1;c1\"}");
    feeds_advance(place->feeds, 50 * (nj_us)NJ_US_PER_MS);
    expect(place, 0, "\"modelState\":\"error\",\"modelError\":\"the archive is not there\"");
}

static void stream_that_fails_is_told_at_once(void **state)
{
    struct place *place = *state;
    come(place, 0);
    nj_ws_send(&place->clients[0], SUBSCRIBE("d1;c1"));
    feeds_settle(place->feeds);
    feeds_advance(place->feeds, NJ_US_PER_S);
    pass_over(place, 0);
    struct nj_stream_user *user = feeds_user(place->feeds, "c1");
    user->stats.state = NJ_SOURCE_FAILED;
    snprintf(user->stats.reason, sizeof user->stats.reason, "gave up");
    user->sink.state(user->sink.context, &user->stats);
    expect(place, 0, "\"code\":\"stream_failed\"");
    feeds_advance(place->feeds, 50 * (nj_us)NJ_US_PER_MS);
    expect(place, 0, "\"online\":false,\"streamState\":\"failed\",\"streamError\":\"gave up\"");
}

static void what_breaks_beside_subscriptions_is_told_when_it_begins(void **state)
{
    struct place *place = *state;
    come(place, 0);
    place->vitals.redis = 1;
    feeds_advance(place->feeds, 2 * (nj_us)NJ_US_PER_S);
    pass_over(place, 0);
    place->vitals.redis = 0;
    place->vitals.actions_failed = 3;
    feeds_advance(place->feeds, 2 * (nj_us)NJ_US_PER_S);
    expect(place, 0, "stateReport");
    expect(place, 0, "\"code\":\"redis_unavailable\",\"exception\":\"RedisError\"");
    expect(place, 0, "\"code\":\"action_error\"");
    feeds_advance(place->feeds, 2 * (nj_us)NJ_US_PER_S);
    expect(place, 0, "stateReport");
    assert_string_equal(next(place, 0), "");
}

static void backend_that_answers_no_ping_is_closed(void **state)
{
    static const char pong[] = {(char)0x8a, (char)0x80, 0, 0, 0, 0};
    struct place *place = *state;
    come(place, 0);
    come(place, 1);
    for (int i = 0; i < 2; i++) {
        feeds_advance(place->feeds, place->options.ping_us);
        while (next(place, 0)[0] == '{') {
        }
        assert_string_equal(place->text, "ping");
        nj_loop_client_send(&place->clients[0], pong, sizeof pong);
    }
    while (next(place, 1)[0] == '{' || strcmp(place->text, "ping") == 0) {
    }
    assert_string_equal(place->text, "close 1008");
}

static void text_in_a_binary_message_is_a_text(void **state)
{
    static const char frame[] = {(char)0x82, (char)0x82, 0, 0, 0, 0, '{', '}'};
    struct place *place = *state;
    come(place, 0);
    nj_loop_client_send(&place->clients[0], frame, sizeof frame);
    expect(place, 0, "\"code\":\"invalid_message\"");
}

static void further_backend_is_refused_and_stop_closes_all(void **state)
{
    struct place *place = *state;
    struct nj_answer answer;
    come(place, 0);
    come(place, 1);
    nj_loop_client_open(&place->clients[2], place->feeds->loop, nj_http_server_port(place->server));
    nj_loop_client_ask(&place->clients[2],
                       "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       &answer);
    assert_int_equal(answer.status, 503);
    nj_answer_finish(&answer);
    nj_worker_stop(place->worker);
    assert_string_equal(next(place, 0), "close 1001");
    assert_string_equal(next(place, 1), "close 1001");
}

int worker_socket_test(void)
{
    static nj_us ping_us = 5 * (nj_us)NJ_US_PER_S;
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(report_comes_at_once_and_every_two_seconds_to_all),
        CASE(requests_of_a_moment_are_one_report_to_those_who_asked),
        CASE(who_does_not_read_gets_the_newest_report_and_not_each),
        CASE(slowest_backend_is_closed_when_too_much_waits),
        CASE(what_closing_backends_hold_counts_as_what_others_do),
        CASE(detection_reaches_those_who_hold_the_subscription),
        CASE(session_that_gets_its_id_is_sent_the_car),
        CASE(payload_form_is_the_older_one),
        CASE(backend_that_comes_back_restarts_nothing),
        CASE(too_many_messages_are_refused_once_a_second),
        CASE(error_that_a_backend_was_told_is_logged_with_code_and_exception),
        CASE(flood_of_errors_is_no_flood_of_lines_nor_hides_another_backends),
        CASE(long_message_is_refused_and_a_huge_one_closes),
        CASE(archive_that_is_wrong_is_told_at_once),
        CASE(stream_that_fails_is_told_at_once),
        CASE(what_breaks_beside_subscriptions_is_told_when_it_begins),
        cmocka_unit_test_prestate_setup_teardown(backend_that_answers_no_ping_is_closed, setup,
                                                 teardown, &ping_us),
        CASE(text_in_a_binary_message_is_a_text),
        CASE(further_backend_is_refused_and_stop_closes_all),
    };
    return cmocka_run_group_tests_name("worker sockets", tests, NULL, NULL);
}
