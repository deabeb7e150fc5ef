// SPDX-License-Identifier: Apache-2.0
// The worked trace from a real camera over a real WebSocket, into servers and into the embedded
// store: one car after another, and what is written of a car of which a part is not seen or known
// too late.
#include "tests/flow/worker_site_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int worker_trace_flow_test(void);

#define ANY "\"partial_branches\":\"any\","
#define ALL "\"partial_branches\":\"all\","
#define SLOW_BRAND(partial)                                                                        \
    WORKER_DOCUMENT_WITH(partial, BRAND_BRANCH_WITH("\"timeout_seconds\":5,"))

static const char only_body[] = "\"detection\":{\"bodyType\":\"Sedan\"}";

// Nothing of what is in a server is besides in the embedded store.
static void expect_nothing_besides(struct site *site)
{
    struct flow *flow = site->worker.flow;
    if (site->kind->postgres)
        assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM pipeline_records"), 0);
    if (site->kind->redis)
        assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM saved_images"), 0);
    assert_int_equal(site_count_letters(site), 0);
}

static void start_with_car(struct site *site, char session[SITE_TEXT_SIZE])
{
    site->worker.wide = true;
    site_prepare(site, WORKER_SEEN_FAR);
    site_start(site, WORKER_DOCUMENT(ANY));
    site_ask(site);
    const char *text = worker_wait_for(&site->worker, "imageDetection", "d1;c1", "Honda");
    assert_non_null(strstr(text, "\"bodyType\":\"Sedan\""));
    worker_until_written(&site->worker);
    assert_int_equal(site_count_rows(site), 1);
    site_expect_row(site, "Honda", "Sedan", session);
    site_expect_image(site, session);
}

static void begin_fueling(struct worker *worker)
{
    worker_tell(worker, "setSessionId", "\"sessionId\":4711");
    worker_tell(worker, "setProgressionStage", "\"progressionStage\":\"car_fueling\"");
    worker_wait_for(worker, "stateReport", "\"sessionState\":\"active\",\"sessionId\":4711",
                    "\"progressionStage\":\"car_fueling\"");
}

static void next_car_is_a_new_run_and_the_same_car_is_none(void **state)
{
    struct site *site = *state;
    struct worker *worker = &site->worker;
    char first[SITE_TEXT_SIZE], second[SITE_TEXT_SIZE];
    start_with_car(site, first);
    begin_fueling(worker);
    worker_let_pass(worker, 3 * (nj_us)NJ_US_PER_S);
    worker_tell(worker, "setSessionId", "\"sessionId\":null");
    worker_wait_for(worker, "stateReport", "\"sessionState\":\"hold\"", "\"sessionId\":null");
    worker_let_pass(worker, 3 * (nj_us)NJ_US_PER_S);
    assert_int_equal(worker_runs(worker), 1);

    worker_car_leaves(worker);
    worker_wait_for(worker, "stateReport", "\"sessionState\":\"idle\"",
                    "\"progressionStage\":null");
    worker_let_pass(worker, NJ_US_PER_S);
    assert_int_equal(worker_runs(worker), 1);
    worker_car_comes(worker);
    const char *text = worker_wait_for(worker, "imageDetection", "d1;c1", "Honda");
    assert_null(strstr(text, "4711"));
    worker_until_written(worker);
    assert_int_equal(worker_runs(worker), 2);
    assert_int_equal(site_count_rows(site), 2);
    site_expect_row(site, "Honda", "Sedan", second);
    assert_string_not_equal(second, first);
    site_expect_image(site, second);
    assert_int_equal(site_count_images(site), 2);
    expect_nothing_besides(site);
}

static void car_that_is_gone_is_abandoned_but_not_while_it_fuels(void **state)
{
    struct site *site = *state;
    struct worker *worker = &site->worker;
    char session[SITE_TEXT_SIZE];
    start_with_car(site, session);
    begin_fueling(worker);
    worker_car_leaves(worker);
    worker_let_pass(worker, 6 * (nj_us)NJ_US_PER_S); // it was lost after two
    worker_wait_for(worker, "stateReport", "\"sessionState\":\"active\",\"sessionId\":4711",
                    "\"progressionStage\":\"car_fueling\"");
    worker_tell(worker, "setProgressionStage", "\"progressionStage\":null");
    const char *text =
        worker_wait_for(worker, "imageDetection", "\"detection\":null", "\"sessionId\":4711");
    assert_non_null(strstr(text, "d1;c1"));
    worker_wait_for(worker, "stateReport", "\"sessionState\":\"idle\"",
                    "\"progressionStage\":null");
    assert_int_equal(worker_runs(worker), 1);
    assert_int_equal(site_count_rows(site), 1);
    expect_nothing_besides(site);
}

// A branch would not run, which is known before anything is done.
static void car_without_its_front_leaves_nothing(void **state)
{
    struct site *site = *state;
    site_prepare(site, "[[" WORKER_CAR "]]");
    site_start(site, WORKER_DOCUMENT(ANY));
    site_ask(site);
    worker_until_run_is_over(&site->worker);
    assert_int_equal(site_count_rows(site), 0);
    assert_int_equal(site_count_images(site), 0);
    expect_nothing_besides(site);
}

// Both branches wait for so long; then the thread is theirs, and what is late is not taken.
static void run_with_late_branches(struct site *site, const char *document, nj_us late_us,
                                   const char *told)
{
    char session[SITE_TEXT_SIZE];
    site_prepare(site, WORKER_SEEN);
    site_start(site, document);
    site_ask(site);
    struct nj_job_gate *gate = worker_until_run_is_held(&site->worker);
    worker_until_written(&site->worker); // the first record, the image, the message
    site_expect_row(site, "", "", session);
    flow_advance(site->worker.flow, late_us);
    nj_job_gate_open(gate);
    const char *text = worker_wait_for(&site->worker, "imageDetection", "d1;c1", told);
    assert_null(strstr(text, "Honda"));
    worker_until_written(&site->worker);
    assert_int_equal(site_count_rows(site), 1);
    site_expect_image(site, session); // it was saved before the branches began, as the trace has it
    expect_nothing_besides(site);
}

static void one_late_branch_leaves_its_column_under_any(void **state)
{
    struct site *site = *state;
    char session[SITE_TEXT_SIZE];
    run_with_late_branches(site, SLOW_BRAND(ANY), 6 * (nj_us)NJ_US_PER_S, only_body);
    site_expect_row(site, "", "Sedan", session);
}

static void one_late_branch_stops_the_update_under_all(void **state)
{
    struct site *site = *state;
    char session[SITE_TEXT_SIZE];
    run_with_late_branches(site, SLOW_BRAND(ALL), 6 * (nj_us)NJ_US_PER_S, only_body);
    site_expect_row(site, "", "", session);
}

static void late_branches_write_nothing_under_any(void **state)
{
    struct site *site = *state;
    char session[SITE_TEXT_SIZE];
    run_with_late_branches(site, WORKER_DOCUMENT(ANY), 31 * (nj_us)NJ_US_PER_S,
                           "\"class\":\"Car\"");
    site_expect_row(site, "", "", session);
}

int worker_trace_flow_test(void)
{
#define BOTH_KINDS(test)                                                                           \
    SITE_TEST(#test, test, site_embedded),                                                         \
        SITE_TEST("postgres_and_redis_" #test, test, site_servers)
    const struct CMUnitTest tests[] = {
        BOTH_KINDS(next_car_is_a_new_run_and_the_same_car_is_none),
        BOTH_KINDS(car_that_is_gone_is_abandoned_but_not_while_it_fuels),
        BOTH_KINDS(car_without_its_front_leaves_nothing),
        BOTH_KINDS(one_late_branch_leaves_its_column_under_any),
        BOTH_KINDS(one_late_branch_stops_the_update_under_all),
        BOTH_KINDS(late_branches_write_nothing_under_any),
    };
    return cmocka_run_group_tests_name("detector worker, worked trace", tests, NULL, NULL);
}
