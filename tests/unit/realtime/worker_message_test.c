// SPDX-License-Identifier: Apache-2.0
// Messages of a backend: what each must be, what is answered, and what reaches the subscriptions.
#include "realtime/worker_priv.h"
#include "tests/fake/feeds/feeds.h"
#include "util/file.h"
#include "util/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int worker_message_test(void);

enum { OWNER = 7, LIMIT = 65536 };

struct world {
    struct feeds *feeds;
    struct nj_worker_options options;
    struct nj_worker *worker;
    struct nj_metrics *metrics;
    char answer[LIMIT]; // newest
    int answers;
};

#define SUBSCRIPTION                                                                               \
    "\"subscriptionIdentifier\":\"d1;c1\",\"rtspUrl\":\"rtsp://cameras/c1\","                      \
    "\"modelUrl\":\"file:///a.mpta\",\"modelName\":\"cars\",\"modelId\":52"

static struct nj_subscriptions *subscriptions_of(void *context)
{
    const struct world *world = context;
    return world->feeds->subscriptions;
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    void *feeds = NULL;
    assert_non_null(world);
    assert_int_equal(feeds_setup(&feeds), 0);
    world->feeds = feeds;
    world->metrics = nj_metrics_create();
    assert_non_null(world->metrics);
    world->options = (struct nj_worker_options){.report_us = 2 * NJ_US_PER_S,
                                                .max_connections = 4,
                                                .max_message_bytes = LIMIT,
                                                .max_queued_bytes = 1 << 20,
                                                .messages_per_second = 10,
                                                .patch_session = true};
    const struct nj_worker_config config = {
        .options = &world->options,
        .loop = world->feeds->loop,
        .subscriptions = subscriptions_of,
        .context = world,
        .metrics = world->metrics,
    };
    assert_int_equal(nj_worker_create(&config, &world->worker, NULL), 0);
    feeds_start(world->feeds);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    void *feeds = world->feeds;
    nj_worker_destroy(world->worker);
    assert_int_equal(feeds_teardown(&feeds), 0);
    nj_metrics_destroy(world->metrics);
    free(world);
    return 0;
}

static void on_answer(void *arg, const char *text, size_t length)
{
    struct world *world = arg;
    assert_true(length < sizeof world->answer);
    memcpy(world->answer, text, length);
    world->answer[length] = '\0';
    world->answers++;
}

static void on_report(void *arg)
{
    struct world *world = arg;
    struct nj_buf report;
    nj_buf_init(&report, LIMIT);
    nj_worker_write_report(world->worker, &report);
    assert_int_equal(nj_buf_failed(&report), 0);
    on_answer(world, report.data, report.length);
    nj_buf_finish(&report);
}

static const char *say_bytes(struct world *world, const char *text, size_t length)
{
    world->answer[0] = '\0';
    world->answers = 0;
    nj_worker_handle(world->worker, OWNER, text, length,
                     (struct nj_worker_answer){on_answer, on_report, world});
    feeds_settle(world->feeds);
    return world->answer;
}

static const char *say(struct world *world, const char *text)
{
    return say_bytes(world, text, strlen(text));
}

static void expect_part(const char *answer, const char *part, const char *sent)
{
    assert_non_null(answer);
    if (strstr(answer, part) == NULL)
        fail_msg("no \"%s\" in \"%.300s\" to %.200s", part, answer, sent);
}

static size_t subscription_count(struct world *world)
{
    struct nj_subscription_stats stats;
    nj_subscriptions_get_stats(world->feeds->subscriptions, &stats);
    return stats.subscriptions;
}

static void every_mistake_has_its_code_and_names_the_member(void **state)
{
    static const struct {
        const char *text, *code, *part;
    } cases[] = {
        {"", "invalid_json", "bad JSON"},
        {"{", "invalid_json", "bad JSON"},
        {"{\"type\":NaN}", "invalid_json", "bad JSON"},
        {"{\"type\":\"subscribe\",\"type\":\"subscribe\"}", "invalid_json", "bad JSON"},
        {"{\"type\":\"setSubscriptionList\",\"subscriptions\":[{" SUBSCRIPTION
         "},{\"cropX1\":1e999}]}",
         "invalid_json", "subscriptions[1].cropX1: "},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION ",\"rtspUrl2\":\"\\u0000\"}", "invalid_json",
         "rtspUrl2: "},
        {"[]", "invalid_message", "object"},
        {"7", "invalid_message", "object"},
        {"{}", "invalid_message", "type"},
        {"{\"type\":7}", "invalid_message", "type"},
        {"{\"type\":\"reboot\"}", "unknown_type", "reboot"},
        {"{\"type\":\"subscribe\",\"payload\":[]}", "invalid_member", "payload"},
        {"{\"type\":\"subscribe\"}", "missing_member", "subscriptionIdentifier"},
        {"{\"type\":\"subscribe\",\"subscriptionIdentifier\":7}", "invalid_member",
         "subscriptionIdentifier"},
        {"{\"type\":\"subscribe\",\"subscriptionIdentifier\":\"\"}", "invalid_member",
         "subscriptionIdentifier"},
        {"{\"type\":\"subscribe\",\"subscriptionIdentifier\":\"d1\",\"rtspUrl\":\"rtsp://a\","
         "\"modelUrl\":\"a\"}",
         "invalid_member", "display;camera"},
        {"{\"type\":\"subscribe\",\"subscriptionIdentifier\":\"d1;c1\"}", "missing_member",
         "modelUrl"},
        {"{\"type\":\"subscribe\",\"subscriptionIdentifier\":\"d1;c1\",\"modelUrl\":\"a\"}",
         "invalid_member", "rtspUrl"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION ",\"modelId\":\"x\"}", "invalid_json",
         "duplicate"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION ",\"snapshotInterval\":1}", "invalid_member",
         "snapshotInterval"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION ",\"snapshotInterval\":1e300}", "invalid_member",
         "snapshotInterval"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION ",\"snapshotInterval\":500.5}", "invalid_member",
         "snapshotInterval"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION ",\"cropX1\":1}", "missing_member", "cropY1"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION
         ",\"cropX1\":-1,\"cropY1\":0,\"cropX2\":5,\"cropY2\":5}",
         "invalid_member", "cropX1"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION
         ",\"cropX1\":5,\"cropY1\":0,\"cropX2\":5,\"cropY2\":5}",
         "invalid_member", "cropX2"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION
         ",\"cropX1\":0,\"cropY1\":0,\"cropX2\":5,\"cropY2\":99999999999}",
         "invalid_member", "cropY2"},
        {"{\"type\":\"subscribe\"," SUBSCRIPTION ",\"modelSha256\":\"zz\"}", "invalid_member",
         "modelSha256"},
        {"{\"type\":\"subscribe\",\"subscriptionIdentifier\":\"d1;c1\",\"modelUrl\":\"a\","
         "\"rtspUrl\":\"file:///etc/passwd\"}",
         "invalid_member", "rtspUrl"},
        {"{\"type\":\"subscribe\",\"subscriptionIdentifier\":\"d1;c1\",\"modelUrl\":\"a\","
         "\"rtspUrl\":\"rtsp://u:geheim@169.254.169.254/\"}",
         "address_denied", "rtspUrl"},
        {"{\"type\":\"unsubscribe\"}", "missing_member", "subscriptionIdentifier"},
        {"{\"type\":\"unsubscribe\",\"subscriptionIdentifier\":\"d9;c9\"}", "not_subscribed",
         "does not hold"},
        {"{\"type\":\"setSubscriptionList\"}", "missing_member", "subscriptions"},
        {"{\"type\":\"setSubscriptionList\",\"subscriptions\":{}}", "invalid_member",
         "subscriptions: must be a list"},
        {"{\"type\":\"setSubscriptionList\",\"subscriptions\":[7]}", "invalid_member",
         "subscriptions[0]: must be an object"},
        {"{\"type\":\"setSubscriptionList\",\"subscriptions\":[{" SUBSCRIPTION "},{}]}",
         "missing_member", "subscriptions[1]: subscriptionIdentifier"},
        {"{\"type\":\"setSubscriptionList\",\"subscriptions\":[{" SUBSCRIPTION "},{" SUBSCRIPTION
         "}]}",
         "invalid_member", "subscriptions[1]: subscriptionIdentifier: stands there twice"},
        {"{\"type\":\"setSessionId\",\"displayIdentifier\":\"d1\"}", "missing_member", "sessionId"},
        {"{\"type\":\"setSessionId\",\"sessionId\":1}", "missing_member", "displayIdentifier"},
        {"{\"type\":\"setSessionId\",\"displayIdentifier\":\"d1\",\"sessionId\":true}",
         "invalid_member", "sessionId"},
        {"{\"type\":\"setSessionId\",\"displayIdentifier\":\"d1\",\"sessionId\":{}}",
         "invalid_member", "sessionId"},
        {"{\"type\":\"setSessionId\",\"displayIdentifier\":\"d1\",\"sessionId\":1}",
         "unknown_display", "display"},
        {"{\"type\":\"setProgressionStage\",\"displayIdentifier\":\"d1\"}", "missing_member",
         "progressionStage"},
        {"{\"type\":\"setProgressionStage\",\"displayIdentifier\":\"d1\",\"progressionStage\":1}",
         "invalid_member", "progressionStage"},
        {"{\"type\":\"setProgressionStage\",\"displayIdentifier\":\"d1\",\"progressionStage\":"
         "null}",
         "unknown_display", "display"},
        {"{\"type\":\"patchSession\",\"data\":{}}", "missing_member", "sessionId"},
        {"{\"type\":\"patchSession\",\"sessionId\":1}", "missing_member", "data"},
        {"{\"type\":\"patchSession\",\"sessionId\":1,\"data\":[]}", "invalid_member", "data"},
        {"{\"type\":\"patchSession\",\"sessionId\":null,\"data\":{}}", "invalid_member",
         "sessionId"},
        {"{\"type\":\"patchSessionResult\",\"sessionId\":1}", "missing_member", "success"},
        {"{\"type\":\"patchSessionResult\",\"sessionId\":1,\"success\":\"yes\"}", "invalid_member",
         "success"},
    };
    struct world *world = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char code[64];
        snprintf(code, sizeof code, "\"code\":\"%s\"", cases[i].code);
        const char *answer = say(world, cases[i].text);
        expect_part(answer, "{\"type\":\"error\",", cases[i].text);
        expect_part(answer, code, cases[i].text);
        expect_part(answer, cases[i].part, cases[i].text);
        assert_null(strstr(answer, "geheim"));
        assert_int_equal(world->answers, 1);
    }
    assert_int_equal(subscription_count(world), 0);
}

// Members at each depth that neither generation has.
static const struct {
    const char *text, *part;
} unknown_members[] = {
    {"{\"type\":\"subscribe\"," SUBSCRIPTION ",\"rtspURL\":\"rtsp://a\"}",
     "\"rtspURL: no such member is known; did you mean rtspUrl?\""},
    {"{\"type\":\"subscribe\",\"payload\":{" SUBSCRIPTION ",\"cropx1\":5}}",
     "\"payload.cropx1: no such member is known; did you mean cropX1?\""},
    {"{\"type\":\"subscribe\",\"payload\":{" SUBSCRIPTION ",\"zzz\":{}}}",
     "\"payload.zzz: no such member is known\""},
    {"{\"type\":\"subscribe\",\"paylod\":{" SUBSCRIPTION "}}",
     "\"paylod: no such member is known; did you mean payload?\""},
    {"{\"type\":\"subscribe\",\"payload\":{" SUBSCRIPTION ",\"payload\":{}}}",
     "\"payload.payload: no such"},
    {"{\"type\":\"subscribe\",\"subscriptionIdentifer\":\"d1;c1\"}",
     "did you mean subscriptionIdentifier?"},
    {"{\"type\":\"unsubscribe\"," SUBSCRIPTION "}", "\"rtspUrl: no such"},
    {"{\"type\":\"setSubscriptionList\",\"subscriptions\":[{" SUBSCRIPTION
     "},{\"subscriptionIdentifier\":\"d2;c2\",\"rtspUrl\":\"rtsp://a\",\"modelUrl\":\"a\","
     "\"modelname\":\"b\"}]}",
     "\"subscriptions[1]: modelname: no such member is known; did you mean modelName?\""},
    {"{\"type\":\"setSubscriptionList\",\"payload\":{\"subscriptions\":[{" SUBSCRIPTION
     ",\"type\":\"subscribe\"}]}}",
     "\"subscriptions[0]: type: no such"},
    {"{\"type\":\"setSubscriptionList\",\"subscriptions\":[{" SUBSCRIPTION "}],\"mode\":1}",
     "\"mode: no such"},
    {"{\"type\":\"requestState\",\"payload\":{\"full\":true}}", "\"payload.full: no such"},
    {"{\"type\":\"setSessionId\",\"displayIdentifier\":\"d1\",\"sessionID\":1}",
     "\"sessionID: no such member is known; did you mean sessionId?\""},
    {"{\"type\":\"setProgressionStage\",\"displayIdentifier\":\"d1\",\"progressionStage\":null,"
     "\"stage\":1}",
     "\"stage: no such"},
    {"{\"type\":\"patchSession\",\"sessionId\":1,\"data\":{},\"merge\":true}", "\"merge: no such"},
    {"{\"type\":\"patchSessionResult\",\"payload\":{\"sessionId\":1,\"success\":true,"
     "\"mesage\":\"x\"}}",
     "\"payload.mesage: no such member is known; did you mean message?\""},
    {"{\"type\":\"requestState\",\"a\\u0007b\":1}", "\"a?b: no such"},
};

static void unknown_members_are_refused_at_every_depth_and_nothing_is_done(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(unknown_members); i++) {
        const char *answer = say(world, unknown_members[i].text);
        expect_part(answer, "\"code\":\"invalid_message\",\"exception\":\"MessageProcessingError\"",
                    unknown_members[i].text);
        expect_part(answer, unknown_members[i].part, unknown_members[i].text);
        assert_int_equal(world->answers, 1);
        assert_int_equal(subscription_count(world), 0);
    }
    assert_null(nj_subscriptions_recall(world->feeds->subscriptions, NJ_SESSION_DATA, "1"));
    // Of a subscription that is named the name comes back.
    expect_part(say(world, unknown_members[0].text), "\"subscriptionIdentifier\":\"d1;c1\"",
                "name");
}

static void unknown_members_are_passed_over_where_the_setting_says_so(void **state)
{
    struct world *world = *state;
    world->options.unknown_fields = NJ_WORKER_UNKNOWN_IGNORE;
    for (size_t i = 0; i < NJ_COUNT_OF(unknown_members); i++)
        assert_null(strstr(say(world, unknown_members[i].text), "no such member"));
    assert_int_equal(subscription_count(world), 1);
}

#define FULL_SUBSCRIPTION                                                                          \
    SUBSCRIPTION                                                                                   \
    ",\"snapshotUrl\":\"http://cameras/c1.jpg\",\"snapshotInterval\":5000,\"modelSha256\":null,"   \
    "\"cropX1\":100,\"cropY1\":200,\"cropX2\":300,\"cropY2\":400,\"cropX\":1,\"cropY\":1,"         \
    "\"cameraIdentifier\":\"c1\",\"timestamp\":\"2025-07-14T12:34:56.789Z\""

static void every_member_of_both_generations_is_known(void **state)
{
    static const char *const messages[] = {
        "{\"type\":\"subscribe\",\"payload\":{" FULL_SUBSCRIPTION "},\"timestamp\":1752496496}",
        "{\"type\":\"subscribe\"," FULL_SUBSCRIPTION "}",
        "{\"type\":\"setSessionId\",\"payload\":{\"displayIdentifier\":\"d1\","
        "\"subscriptionIdentifier\":\"d1;c1\",\"sessionId\":12345,\"timestamp\":1},"
        "\"timestamp\":1}",
        "{\"type\":\"setProgressionStage\",\"payload\":{\"displayIdentifier\":\"d1\","
        "\"progressionStage\":\"car_fueling\"},\"timestamp\":1}",
        "{\"type\":\"patchSession\",\"sessionId\":12345,\"timestamp\":1,\"data\":{\"currentCar\":"
        "{\"carModel\":\"Civic\",\"any\":{\"depth\":[{\"is\":\"free\"}]}}}}",
        "{\"type\":\"patchSessionResult\",\"payload\":{\"sessionId\":12345,\"success\":true,"
        "\"message\":\"Session updated successfully.\"},\"timestamp\":1}",
        "{\"type\":\"requestState\",\"payload\":{},\"timestamp\":1}",
        "{\"type\":\"requestState\",\"payload\":null}",
        "{\"type\":\"setSubscriptionList\",\"subscriptions\":[{" FULL_SUBSCRIPTION
        "}],\"timestamp\":1}",
        "{\"type\":\"setSubscriptionList\",\"payload\":{\"subscriptions\":[{" FULL_SUBSCRIPTION
        "}]}}",
        "{\"type\":\"unsubscribe\",\"payload\":{\"subscriptionIdentifier\":\"d1;c1\","
        "\"cameraIdentifier\":\"c1\"},\"timestamp\":1}",
    };
    struct world *world = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(messages); i++) {
        const char *answer = say(world, messages[i]);
        if (strstr(answer, "\"type\":\"error\"") != NULL)
            fail_msg("%.300s to %s", answer, messages[i]);
    }
}

static void huge_members_are_refused_by_name(void **state)
{
    static const char *const members[] = {
        "subscriptionIdentifier", "rtspUrl", "snapshotUrl", "modelUrl", "modelName", "modelSha256"};
    struct world *world = *state;
    char *text = malloc(LIMIT);
    char *huge = malloc(8000);
    assert_non_null(text);
    assert_non_null(huge);
    memset(huge, 'x', 7999);
    huge[7999] = '\0';
    for (size_t i = 0; i < NJ_COUNT_OF(members); i++) {
        snprintf(text, LIMIT, "{\"type\":\"subscribe\",\"payload\":{\"%s\":\"%s\"},%s}", members[i],
                 huge, SUBSCRIPTION);
        const char *answer = say(world, text);
        expect_part(answer, "\"code\":\"invalid_member\"", members[i]);
        expect_part(answer, members[i], members[i]);
        expect_part(answer, "bytes", members[i]);
    }
    snprintf(text, LIMIT,
             "{\"type\":\"setSessionId\",\"displayIdentifier\":\"d1\","
             "\"sessionId\":\"%s\"}",
             huge);
    expect_part(say(world, text), "sessionId: must have at most", "sessionId");
    free(huge);
    free(text);
}

static void message_beyond_the_limit_is_refused(void **state)
{
    struct world *world = *state;
    char *text = malloc(LIMIT + 1);
    assert_non_null(text);
    memset(text, ' ', LIMIT + 1);
    expect_part(say_bytes(world, text, LIMIT + 1), "\"code\":\"message_too_big\"", "blanks");
    free(text);
}

static void subscribe_is_taken_from_payload_and_from_the_top(void **state)
{
    struct world *world = *state;
    assert_string_equal(
        say(world, "{\"type\":\"subscribe\",\"payload\":{" SUBSCRIPTION "}}"),
        "{\"type\":\"subscribeAck\",\"status\":\"success\",\"subscriptionId\":\"d1;c1\"}");
    assert_string_equal(say(world, "{\"type\":\"subscribe\"," SUBSCRIPTION "}"),
                        "{\"type\":\"subscribeAck\",\"status\":\"success\","
                        "\"subscriptionId\":\"d1;c1\"}");
    assert_int_equal(world->feeds->joins, 1);
    assert_true(nj_subscriptions_owns(world->feeds->subscriptions, OWNER, "d1;c1"));
    assert_string_equal(
        say(world, "{\"type\":\"unsubscribe\",\"payload\":{\"subscriptionIdentifier\":\"d1;c1\"}}"),
        "{\"type\":\"unsubscribeAck\",\"status\":\"success\",\"subscriptionId\":\"d1;c1\"}");
    assert_int_equal(world->feeds->leaves, 1);
}

static void numbers_may_be_texts_and_null_is_not_given(void **state)
{
    struct world *world = *state;
    const char *answer =
        say(world, "{\"type\":\"subscribe\",\"payload\":{\"subscriptionIdentifier\":\"d1;c1\","
                   "\"rtspUrl\":null,\"snapshotUrl\":\"http://cameras/c1\",\"snapshotInterval\":"
                   "\"5000\",\"modelUrl\":\"a.mpta\",\"modelId\":\"102\",\"cropX1\":\"0\","
                   "\"cropY1\":0.0,\"cropX2\":\"300\",\"cropY2\":400,\"modelName\":null}}");
    expect_part(answer, "subscribeAck", "numeric texts");
    answer = say(world, "{\"type\":\"requestState\"}");
    expect_part(answer, "\"modelId\":102,", "numeric texts");
    expect_part(answer, "\"cropX1\":0,\"cropY1\":0,\"cropX2\":300,\"cropY2\":400", "crop");
}

static void list_is_taken_from_both_places_and_answered_by_a_report(void **state)
{
    struct world *world = *state;
    const char *answer =
        say(world, "{\"type\":\"setSubscriptionList\",\"subscriptions\":[{" SUBSCRIPTION "}]}");
    expect_part(answer, "{\"type\":\"stateReport\",\"cpuUsage\":null,", "list");
    expect_part(answer,
                "\"subscriptionIdentifier\":\"d1;c1\",\"modelId\":52,\"modelName\":\"cars\","
                "\"online\":false,",
                "list");
    answer = say(world,
                 "{\"type\":\"setSubscriptionList\",\"payload\":{\"subscriptions\":[{" SUBSCRIPTION
                 "}]}}");
    expect_part(answer, "stateReport", "list in payload");
    assert_int_equal(world->feeds->joins, 1);
    answer = say(world, "{\"type\":\"setSubscriptionList\",\"subscriptions\":[]}");
    expect_part(answer, "\"cameraConnections\":[]", "empty list");
}

static void session_id_comes_back_as_it_came(void **state)
{
    static const char *const ids[] = {"12345", "\"12345\"", "\"4b3f-uuid\"", "9007199254740993",
                                      "null"};
    struct world *world = *state;
    say(world, "{\"type\":\"subscribe\"," SUBSCRIPTION "}");
    for (size_t i = 0; i < NJ_COUNT_OF(ids); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"type\":\"setSessionId\",\"payload\":{\"displayIdentifier\":\"d1\","
                 "\"sessionId\":%s}}",
                 ids[i]);
        assert_string_equal(say(world, text), ""); // no answer
        snprintf(text, sizeof text, "\"sessionId\":%s,", ids[i]);
        expect_part(say(world, "{\"type\":\"requestState\"}"), text, ids[i]);
    }
}

static void display_may_be_named_by_its_subscription(void **state)
{
    struct world *world = *state;
    say(world, "{\"type\":\"subscribe\"," SUBSCRIPTION "}");
    assert_string_equal(say(world, "{\"type\":\"setProgressionStage\",\"payload\":{"
                                   "\"subscriptionIdentifier\":\"d1;c1\","
                                   "\"progressionStage\":\"car_fueling\"}}"),
                        "");
    expect_part(say(world, "{\"type\":\"requestState\"}"), "\"progressionStage\":\"car_fueling\"",
                "stage");
    say(world, "{\"type\":\"setProgressionStage\",\"displayIdentifier\":\"d1\","
               "\"progressionStage\":null}");
    expect_part(say(world, "{\"type\":\"requestState\"}"), "\"progressionStage\":null", "stage");
}

static void patch_that_comes_in_is_merged_and_answered(void **state)
{
    struct world *world = *state;
    const char *answer = say(world, "{\"type\":\"patchSession\",\"sessionId\":12,\"data\":{"
                                    "\"currentCar\":{\"carBrand\":\"Honda\"}}}");
    expect_part(answer,
                "{\"type\":\"patchSessionResult\",\"payload\":{\"sessionId\":12,"
                "\"success\":true,",
                "patch");
    assert_string_equal(nj_subscriptions_recall(world->feeds->subscriptions, NJ_SESSION_DATA, "12"),
                        "{\"currentCar\":{\"carBrand\":\"Honda\"}}");
    assert_string_equal(say(world, "{\"type\":\"patchSessionResult\",\"payload\":{\"sessionId\":12,"
                                   "\"success\":false,\"message\":\"no such session\"}}"),
                        "");
    struct nj_buf text;
    nj_buf_init(&text, 1 << 20);
    nj_metrics_write(world->metrics, &text);
    expect_part(text.data, "worker_patch_results_total{success=\"false\"} 1", "metrics");
    expect_part(text.data, "worker_messages_total{type=\"patchSession\"} 1", "metrics");
    nj_buf_finish(&text);
}

static void errors_are_counted_by_code(void **state)
{
    struct world *world = *state;
    say(world, "{");
    say(world, "{");
    say(world, "{\"type\":\"x\"}");
    struct nj_buf text;
    nj_buf_init(&text, 1 << 20);
    nj_metrics_write(world->metrics, &text);
    expect_part(text.data, "worker_errors_total{code=\"invalid_json\"} 2", "metrics");
    expect_part(text.data, "worker_errors_total{code=\"unknown_type\"} 1", "metrics");
    expect_part(text.data, "worker_messages_total{type=\"unknown\"} 3", "metrics");
    nj_buf_finish(&text);
}

static void table_of_errors_is_the_documents(void **state)
{
    char *text = NULL;
    size_t length = 0;
    (void)state;
    assert_int_equal(
        nj_file_read(NJ_TEST_SOURCE_DIR "/docs/worker-protocol.md", 1 << 20, &text, &length, NULL),
        0);
    size_t rows = 0;
    for (const char *at = strstr(text, "\n| code |"); (at = strstr(at, "\n| `")) != NULL; at++)
        rows++;
    assert_int_equal(rows, nj_worker_error_count);
    for (size_t i = 0; i < nj_worker_error_count; i++) {
        char row[512];
        snprintf(row, sizeof row, "\n| `%s` | `%s` | %s |\n", nj_worker_errors[i].code,
                 nj_worker_errors[i].exception, nj_worker_errors[i].meaning);
        expect_part(text, row, nj_worker_errors[i].code);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(nj_worker_errors[i].code, nj_worker_errors[k].code);
    }
    free(text);
}

int worker_message_test(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_mistake_has_its_code_and_names_the_member),
        CASE(unknown_members_are_refused_at_every_depth_and_nothing_is_done),
        CASE(unknown_members_are_passed_over_where_the_setting_says_so),
        CASE(every_member_of_both_generations_is_known),
        CASE(huge_members_are_refused_by_name),
        CASE(message_beyond_the_limit_is_refused),
        CASE(subscribe_is_taken_from_payload_and_from_the_top),
        CASE(numbers_may_be_texts_and_null_is_not_given),
        CASE(list_is_taken_from_both_places_and_answered_by_a_report),
        CASE(session_id_comes_back_as_it_came),
        CASE(display_may_be_named_by_its_subscription),
        CASE(patch_that_comes_in_is_merged_and_answered),
        CASE(errors_are_counted_by_code),
        cmocka_unit_test(table_of_errors_is_the_documents),
    };
    return cmocka_run_group_tests_name("worker messages", tests, NULL, NULL);
}
