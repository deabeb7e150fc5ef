// SPDX-License-Identifier: Apache-2.0
// A server that is away while a car is there: the rest goes on, on the other server or in the
// embedded store, and what was for it comes when it is back, by itself or from the dead letters.
#include "tests/flow/worker_site_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int worker_away_flow_test(void);

// The program is connected when the server goes; the result is there although it is away.
static void run_without(struct site *site, void (*kill)(struct site *site))
{
    site_start(site, WORKER_DOCUMENT("\"partial_branches\":\"any\","));
    kill(site);
    site_ask(site);
    const char *text = worker_wait_for(&site->worker, "imageDetection", "d1;c1", "Honda");
    assert_non_null(strstr(text, "\"bodyType\":\"Sedan\""));
}

static void kill_redis(struct site *site)
{
    nj_redis_server_kill(&site->redis);
}

static void kill_postgres(struct site *site)
{
    nj_postgres_kill(site->postgres);
}

static void bring_redis_back(struct site *site)
{
    nj_redis_server_restart(&site->redis);
    site_listen(site);
}

static void redis_away_leaves_letters_that_can_be_requeued(void **state)
{
    struct site *site = *state;
    char session[SITE_TEXT_SIZE];
    site_prepare(site, WORKER_SEEN);
    flow_set(site->worker.flow, "actions.tries=1");
    run_without(site, kill_redis);
    worker_until_failed(&site->worker, 2); // the image, and the message that names it
    site_expect_row(site, "Honda", "Sedan", session);
    assert_int_equal(site_count_letters(site), 2);
    bring_redis_back(site);
    site_until(site, site_redis_is_ready);
    assert_int_equal(site_count_images(site), 0);
    site_requeue(site, 2);
    site_expect_image(site, session);
    assert_int_equal(site_count_images(site), 1);
}

static bool has_row(struct site *site)
{
    return site_count_rows(site) > 0;
}

static void redis_back_in_time_gets_what_it_missed(void **state)
{
    struct site *site = *state;
    char session[SITE_TEXT_SIZE];
    site_prepare(site, WORKER_SEEN);
    flow_set(site->worker.flow, "actions.tries=6");
    run_without(site, kill_redis);
    site_until(site, has_row);
    site_expect_row(site, "", "", session); // actions of one session keep their order
    bring_redis_back(site);
    assert_int_equal(site_count_images(site), 0);
    worker_until_written(&site->worker);
    site_expect_row(site, "Honda", "Sedan", session);
    site_expect_image(site, session);
    assert_int_equal(site_count_letters(site), 0);
}

static void postgres_away_leaves_letters_that_can_be_requeued(void **state)
{
    struct site *site = *state;
    char session[SITE_TEXT_SIZE];
    site_prepare(site, WORKER_SEEN);
    flow_set(site->worker.flow, "postgresql.tries=1");
    run_without(site, kill_postgres);
    worker_until_failed(&site->worker, 2); // the record, and what the branches add to it
    assert_int_equal(site_count_images(site), 1);
    assert_int_equal(site_count_letters(site), 2);
    nj_postgres_restart(site->postgres);
    assert_int_equal(site_count_rows(site), 0);
    site_requeue(site, 2);
    assert_int_equal(site_count_rows(site), 1);
    site_expect_row(site, "Honda", "Sedan", session);
    site_expect_image(site, session); // named by the session that the record got only now
}

// It falls between the first record and what the branches know.
static void postgres_back_in_time_gets_the_rest_of_the_run(void **state)
{
    struct site *site = *state;
    char first[SITE_TEXT_SIZE], session[SITE_TEXT_SIZE];
    site_prepare(site, WORKER_SEEN);
    flow_set(site->worker.flow, "postgresql.tries=100");
    site_start(site, WORKER_DOCUMENT("\"partial_branches\":\"all\","));
    site_ask(site);
    struct nj_job_gate *gate = worker_until_run_is_held(&site->worker);
    worker_until_written(&site->worker);
    site_expect_row(site, "", "", first);
    kill_postgres(site);
    nj_job_gate_open(gate);
    worker_wait_for(&site->worker, "imageDetection", "d1;c1", "Honda");
    site_until(site, site_postgres_is_away);
    nj_postgres_restart(site->postgres);
    worker_until_written(&site->worker);
    assert_int_equal(site_count_rows(site), 1);
    site_expect_row(site, "Honda", "Sedan", session);
    assert_string_equal(session, first);
    site_expect_image(site, session);
    assert_int_equal(site_count_letters(site), 0);
}

int worker_away_flow_test(void)
{
#define BOTH_KINDS(test, alone)                                                                    \
    SITE_TEST(#test "_the_rest_embedded", test, alone), SITE_TEST(#test, test, site_servers)
    const struct CMUnitTest tests[] = {
        BOTH_KINDS(redis_away_leaves_letters_that_can_be_requeued, site_redis_alone),
        BOTH_KINDS(redis_back_in_time_gets_what_it_missed, site_redis_alone),
        BOTH_KINDS(postgres_away_leaves_letters_that_can_be_requeued, site_postgres_alone),
        BOTH_KINDS(postgres_back_in_time_gets_the_rest_of_the_run, site_postgres_alone),
    };
    return cmocka_run_group_tests_name("detector worker, servers away", tests, NULL, NULL);
}
