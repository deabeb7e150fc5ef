// SPDX-License-Identifier: Apache-2.0
// One car, two displays on one camera: the whole program with a real RTSP camera, a backend on a
// real WebSocket, an archive with branches, and records and images on the embedded store.
#include "tests/flow/worker_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int worker_flow_test(void);

static int setup(void **state)
{
    struct worker *worker = calloc(1, sizeof *worker);
    void *flow = NULL;
    assert_non_null(worker);
    assert_int_equal(flow_setup(&flow), 0);
    worker->flow = flow;
    *state = worker;
    return 0;
}

static void start(struct worker *worker, const char *document, const char *seen)
{
    worker_init(worker, worker->flow, seen);
    worker_start(worker, document);
    worker_come(worker);
}

static int teardown(void **state)
{
    worker_finish(*state);
    free(*state);
    return 0;
}

// The model is told ready and each display hears of its car once; nothing says what comes first.
static void wait_for_both(struct worker *worker, const char *found)
{
    bool ready = false, first = false, second = false;
    for (int i = 0; i < WORKER_STEPS_MAX && !(ready && first && second); i++) {
        const char *text = worker_next(worker);
        if (strstr(text, "\"type\":\"stateReport\"") != NULL)
            ready = ready || (strstr(text, "\"modelState\":\"ready\"") && strstr(text, "d2;c1"));
        if (strstr(text, "\"type\":\"imageDetection\"") == NULL || strstr(text, found) == NULL)
            continue;
        assert_non_null(strstr(text, "\"bodyType\":\"Sedan\""));
        assert_non_null(strstr(text, "\"modelId\":52"));
        first = first || strstr(text, "\"subscriptionIdentifier\":\"d1;c1\"") != NULL;
        second = second || strstr(text, "\"subscriptionIdentifier\":\"d2;c1\"") != NULL;
    }
    if (!ready || !first || !second)
        fail_msg("ready %d, first display %d, second %d", ready, first, second);
}

static void one_car_before_two_displays(void **state)
{
    struct worker *worker = *state;
    static const char *const both[] = {"d1;c1", "d2;c1"};
    static const char found[] = "\"carBrand\":\"Honda\"";
    char value[256];
    start(worker, WORKER_DOCUMENT(""), WORKER_SEEN);
    worker_ask_for(worker, both, 2);
    wait_for_both(worker, found);
    struct nj_subscription_stats stats;
    nj_subscriptions_get_stats(worker->flow->app->subscriptions, &stats);
    assert_int_equal(stats.runs, 2);
    assert_int_equal(stats.models_ready, 1); // one archive, loaded once

    worker_tell(worker, "setSessionId", "\"sessionId\":4711");
    worker_wait_for(worker, "patchSession", "\"sessionId\":4711", found);
    worker_let_pass(worker, 3 * (nj_us)NJ_US_PER_S);
    worker_tell(worker, "setSessionId", "\"sessionId\":null");
    worker_wait_for(worker, "stateReport", "\"sessionState\":\"hold\"", "d1;c1");
    worker_let_pass(worker, 3 * (nj_us)NJ_US_PER_S); // the same car is still there
    nj_subscriptions_get_stats(worker->flow->app->subscriptions, &stats);
    assert_int_equal(stats.runs, 2);

    flow_until_sql(worker->flow, 2, "SELECT count(*) FROM saved_images");
    flow_sql_text(worker->flow, "SELECT group_concat(json) FROM pipeline_records", value,
                  sizeof value);
    assert_non_null(strstr(value, "Honda"));
    worker_ask_for(worker, &both[1], 1);
    const char *report = worker_wait_for(worker, "stateReport", "d2;c1", "\"online\":true");
    for (int i = 0; i < 5 && strstr(report, "d1;c1") != NULL; i++) // made before the list was read
        report = worker_wait_for(worker, "stateReport", "d2;c1", "\"online\":true");
    assert_null(strstr(report, "d1;c1"));
    nj_subscriptions_get_stats(worker->flow->app->subscriptions, &stats);
    assert_int_equal(stats.subscriptions, 1);
}

// A backend's reconnect of a second restarts neither stream nor archive.
static void backend_that_comes_back_finds_everything_running(void **state)
{
    struct worker *worker = *state;
    static const char *const one[] = {"d1;c1"};
    start(worker, WORKER_DOCUMENT(""), WORKER_SEEN);
    worker_ask_for(worker, one, 1);
    worker_wait_for(worker, "imageDetection", "d1;c1", "Honda");
    nj_loop_client_close(&worker->backend);
    nj_fake_clock_advance(&worker->flow->clock, NJ_US_PER_S);
    worker_come(worker);
    worker_ask_for(worker, one, 1);
    worker_wait_for(worker, "stateReport", "\"modelState\":\"ready\"", "\"online\":true");
    worker_let_pass(worker, 2 * (nj_us)NJ_US_PER_S);
    struct nj_subscription_stats stats;
    nj_subscriptions_get_stats(worker->flow->app->subscriptions, &stats);
    assert_int_equal(stats.restarts, 0);
    assert_int_equal(stats.runs, 1);
}

int worker_flow_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_car_before_two_displays, setup, teardown),
        cmocka_unit_test_setup_teardown(backend_that_comes_back_finds_everything_running, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("detector worker", tests, NULL, NULL);
}
