// SPDX-License-Identifier: Apache-2.0
// The foreign writer while its server is killed, frozen or away: each write is carried out or told
// to have failed, order is kept, the loop goes on, and waiting has an end.
#include "tests/unit/storage/foreign_helper.h"

#include "tests/fake/await.h"
#include "tests/fake/loop_pulse.h"
#include "tests/fake/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int foreign_faults_test(void);

#define NEED_SERVER                                                                                \
    if (!nj_postgres_installed())                                                                  \
    skip()
#define CARS "gas_station_1.car_frontal_info"

enum {
    SHORT_US = 200 * NJ_US_PER_MS,
    GAP_MAX_US = 500 * NJ_US_PER_MS, // below the time-outs, above the turns of a busy machine
    MANY = 400,
    ALLOWED = 30,
    THRESHOLD = 3,
};

// Upserts that each have a session of their own, or share a few.
static struct nj_put *send_many(struct nj_foreign_fixture *f, int sessions)
{
    struct nj_put *puts = calloc(MANY, sizeof *puts);
    assert_non_null(puts);
    for (int i = 0; i < MANY; i++) {
        struct nj_put *put = &puts[i];
        nj_put_init(put, f, NJ_FOREIGN_UPSERT, "");
        snprintf(put->texts[0], sizeof put->texts[0], "s%d", i % sessions);
        snprintf(put->texts[1], sizeof put->texts[1], "%d", i);
        put->cells[0].text = put->texts[0];
        put->write.order_key = put->texts[0];
        nj_put_cell(put, NJ_CELL("car_brand", put->texts[1]));
        assert_int_equal(nj_put_send(put), 0);
    }
    return puts;
}

static void postgres_killed_in_the_middle_loses_and_doubles_nothing(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    char sql[128], text[256];
    f->options.tries = 30;
    f->options.retry_us = 50 * NJ_US_PER_MS;
    nj_foreign_open(f);
    struct nj_put *puts = send_many(f, MANY);
    nj_put_wait(&puts[MANY / 10]);
    nj_postgres_restart(f->server);
    int written = 0;
    for (int i = 0; i < MANY; i++) {
        nj_put_wait(&puts[i]);
        assert_int_equal(puts[i].ended, 1);
        written += puts[i].write.rc == 0;
        assert_true(puts[i].write.rc == 0 || puts[i].write.rc == NJ_E_UNAVAILABLE);
        if (puts[i].write.rc != 0)
            continue;
        snprintf(sql, sizeof sql, "SELECT car_brand FROM " CARS " WHERE session_id = 's%d'", i);
        if (i % 20 == 0)
            assert_string_equal(nj_foreign_text(f, sql, text), puts[i].texts[1]);
    }
    assert_int_equal(written, MANY);
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM " CARS), MANY);
    free(puts);
}

static void check_newest(struct nj_foreign_fixture *f, int sessions)
{
    char sql[128];
    for (int i = 0; i < sessions; i++) {
        snprintf(sql, sizeof sql, "SELECT car_brand::int FROM " CARS " WHERE session_id = 's%d'",
                 i);
        assert_int_equal(nj_foreign_int(f, sql), MANY - sessions + i);
    }
}

static void postgres_killed_in_the_middle_keeps_the_order_of_each_key(void **state)
{
    NEED_SERVER;
    enum { SESSIONS = 8 };
    struct nj_foreign_fixture *f = *state;
    f->options.tries = 30;
    f->options.retry_us = 50 * NJ_US_PER_MS;
    f->options.connections = 3;
    nj_foreign_open(f);
    struct nj_put *puts = send_many(f, SESSIONS);
    nj_put_wait(&puts[MANY / 10]);
    nj_postgres_restart(f->server);
    for (int i = 0; i < MANY; i++) {
        nj_put_wait(&puts[i]);
        assert_int_equal(puts[i].write.rc, 0);
    }
    check_newest(f, SESSIONS);
    free(puts);
}

static bool has_given_up(void *arg)
{
    struct nj_foreign_fixture *f = arg;
    struct nj_foreign_stats stats;
    nj_foreign_get_stats(f->foreign, &stats);
    return !stats.connected;
}

// The server's children freeze, new ones do not: what the writer sends again must not be undone by
// what the frozen one still holds.
static void postgres_frozen_session_does_not_write_late(void **state)
{
    NEED_SERVER;
    enum { SESSIONS = 4 };
    struct nj_foreign_fixture *f = *state;
    f->options.tries = 30;
    f->options.statement_us = SHORT_US;
    f->options.connections = 1;
    nj_foreign_open(f);
    struct nj_put first;
    nj_put_init(&first, f, NJ_FOREIGN_INSERT, "first");
    assert_int_equal(nj_put(&first), 0);
    nj_postgres_pause(f->server);
    struct nj_put *puts = send_many(f, SESSIONS);
    struct nj_loop_pulse pulse;
    nj_loop_pulse_start(&pulse, f->loop);
    nj_loop_await(f->loop, has_given_up, f, NJ_PATIENCE_US, "the end of the connection");
    assert_true(pulse.longest_us < GAP_MAX_US);
    nj_timer_stop(&pulse.timer);
    struct nj_foreign_stats stats;
    nj_foreign_get_stats(f->foreign, &stats);
    assert_non_null(strstr(stats.problem, "in time"));
    nj_postgres_resume(f->server);
    for (int i = 0; i < MANY; i++) {
        nj_put_wait(&puts[i]);
        assert_int_equal(puts[i].write.rc, 0);
    }
    check_newest(f, SESSIONS);
    free(puts);
}

static void postgres_frozen_ends_in_a_timeout_after_all_tries(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    f->options.statement_us = SHORT_US;
    f->options.connect_us = SHORT_US;
    f->options.tries = 1;
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
    assert_int_equal(nj_put(&put), 0);
    nj_postgres_pause(f->server);
    nj_put_cell(&put, NJ_CELL("car_brand", "Honda"));
    put.write.kind = NJ_FOREIGN_UPSERT;
    assert_int_equal(nj_put(&put), NJ_E_TIMEOUT);
    assert_int_equal(put.write.attempts, 2);
    nj_postgres_resume(f->server);
    assert_int_equal(nj_put(&put), 0);
}

static void postgres_statement_that_takes_too_long_is_ended_by_the_server(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    f->options.statement_us = SHORT_US;
    f->options.tries = 0;
    nj_foreign_sql(
        f, "CREATE SCHEMA gas_station_1; CREATE TABLE " CARS " (session_id text PRIMARY KEY);"
           "CREATE FUNCTION public.nap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
           " PERFORM pg_sleep(30); RETURN NEW; END $$;"
           "CREATE TRIGGER t BEFORE INSERT ON " CARS " FOR EACH ROW EXECUTE FUNCTION public.nap()");
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
    assert_int_equal(nj_put(&put), NJ_E_TIMEOUT);
    assert_non_null(strstr(put.write.error.text, "57014"));
}

static void postgres_sessions_sent_away_are_made_again_without_a_loss(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_foreign_stats stats;
    struct nj_put put;
    f->options.tries = 0;
    f->options.connections = 1;
    nj_foreign_open(f);
    for (int i = 0; i < 3; i++) {
        nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s");
        assert_int_equal(nj_put(&put), 0); // a connection that ended unseen is no failed try
        nj_foreign_sql(f, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE application_name LIKE 'nightjar-%'");
    }
    nj_foreign_get_stats(f->foreign, &stats);
    assert_int_equal(stats.reconnects, 2);
    assert_int_equal(stats.failed, 0);
}

static void nobody_there_is_told_after_the_tries_and_without_secrets(void **state)
{
    struct nj_foreign_fixture *f = *state;
    struct nj_foreign_stats stats;
    struct nj_put put;
    snprintf(f->url, sizeof f->url, "postgresql://u:SECRET@127.0.0.1:%d/d", nj_server_free_port());
    f->options.url = f->url;
    f->options.password = "SECRET";
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
    assert_int_equal(nj_put(&put), NJ_E_UNAVAILABLE);
    assert_int_equal(put.write.attempts, 4);
    assert_non_null(strstr(put.write.error.text, "refused"));
    assert_null(strstr(put.write.error.text, "SECRET"));
    nj_foreign_get_stats(f->foreign, &stats);
    assert_false(stats.connected);
    assert_non_null(strstr(stats.problem, "refused"));
    assert_int_equal(stats.failed, 1);
}

static void postgres_password_that_is_wrong_is_told_and_not_shown(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_foreign_stats stats;
    struct nj_put put;
    f->options.password = "wrong-SECRET";
    f->options.tries = 0;
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
    assert_int_equal(nj_put(&put), NJ_E_UNAVAILABLE);
    nj_foreign_get_stats(f->foreign, &stats);
    assert_non_null(strstr(stats.problem, "password authentication failed"));
    assert_null(strstr(stats.problem, "SECRET"));
}

static void postgres_flood_is_bounded(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put puts[2 * ALLOWED];
    f->options.max_waiting = ALLOWED;
    nj_foreign_open(f);
    nj_postgres_pause(f->server);
    for (int i = 0; i < 2 * ALLOWED; i++) {
        nj_put_init(&puts[i], f, NJ_FOREIGN_INSERT, "s");
        assert_int_equal(nj_put_send(&puts[i]), i < ALLOWED ? 0 : NJ_E_FULL);
    }
    nj_postgres_resume(f->server);
    for (int i = 0; i < ALLOWED; i++) {
        nj_put_wait(&puts[i]);
        assert_int_equal(puts[i].write.rc, 0);
    }
    assert_int_equal(puts[ALLOWED].ended, 0);
}

static enum nj_breaker_state breaker_state(struct nj_foreign_fixture *f)
{
    struct nj_breaker_status status;
    nj_breaker_get(f->breaker, &status);
    return status.state;
}

static void postgres_breaker_opens_while_it_is_away_and_closes_when_it_is_back(void **state)
{
    NEED_SERVER;
    const struct nj_breaker_options options = {.name = "postgresql",
                                               .failure_threshold = THRESHOLD,
                                               .recovery_us = 3600 * (nj_us)NJ_US_PER_S,
                                               .half_open_max = 1,
                                               .success_threshold = 1};
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    assert_int_equal(nj_breaker_create(&options, nj_clock_real(), &f->breaker), 0);
    f->options.beat_us = SHORT_US;
    f->options.tries = 0;
    f->options.connections = 1;
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s");
    for (int i = 0; i < 2 * THRESHOLD; i++) { // what the server refuses is no outage
        put.write.table = "pg_catalog.pg_class";
        assert_int_equal(nj_put(&put), NJ_E_INVALID);
    }
    assert_int_equal(breaker_state(f), NJ_BREAKER_CLOSED);
    put.write.table = "car_frontal_info";
    nj_us deadline = nj_mono_us(nj_clock_real()) + 20 * (nj_us)NJ_US_PER_S;
    nj_postgres_kill(f->server);
    while (nj_put(&put) == 0) // our session may outlive the server by a moment
        assert_true(nj_mono_us(nj_clock_real()) < deadline);
    for (int i = 0; breaker_state(f) != NJ_BREAKER_OPEN; i++) {
        assert_true(i < 2 * THRESHOLD);
        assert_int_equal(nj_put(&put), NJ_E_UNAVAILABLE);
    }
    nj_postgres_restart(f->server);
    deadline = nj_mono_us(nj_clock_real()) + 20 * (nj_us)NJ_US_PER_S;
    while (nj_put(&put) != 0)
        assert_true(nj_mono_us(nj_clock_real()) < deadline);
    assert_int_equal(breaker_state(f), NJ_BREAKER_CLOSED);
}

static void postgres_end_waits_for_what_can_be_written(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    nj_foreign_open(f);
    struct nj_put *puts = send_many(f, MANY);
    nj_foreign_destroy(f->foreign, 30 * (nj_us)NJ_US_PER_S);
    f->foreign = NULL;
    nj_loop_turn(f->loop);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(puts[i].ended, 1);
        assert_int_equal(puts[i].write.rc, 0);
    }
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM " CARS), MANY);
    free(puts);
}

static void postgres_end_cancels_what_hangs_at_its_deadline(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    nj_foreign_open(f);
    struct nj_put first;
    nj_put_init(&first, f, NJ_FOREIGN_INSERT, "first");
    assert_int_equal(nj_put(&first), 0);
    nj_postgres_pause(f->server);
    struct nj_put *puts = send_many(f, MANY);
    nj_us begun = nj_mono_us(nj_clock_real());
    nj_foreign_destroy(f->foreign, SHORT_US);
    nj_us took = nj_mono_us(nj_clock_real()) - begun;
    f->foreign = NULL;
    assert_in_range(took, SHORT_US, SHORT_US + 3 * NJ_US_PER_S);
    nj_loop_turn(f->loop);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(puts[i].ended, 1);
        assert_int_equal(puts[i].write.rc, NJ_E_CANCELLED);
    }
    free(puts);
}

static void retries_that_wait_end_with_the_writer(void **state)
{
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    snprintf(f->url, sizeof f->url, "postgresql://u@127.0.0.1:%d/d", nj_server_free_port());
    f->options.url = f->url;
    f->options.retry_us = 600 * (nj_us)NJ_US_PER_S;
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
    assert_int_equal(nj_put_send(&put), 0);
    nj_us begun = nj_mono_us(nj_clock_real());
    nj_foreign_destroy(f->foreign, SHORT_US);
    f->foreign = NULL;
    assert_true(nj_mono_us(nj_clock_real()) - begun < SHORT_US + 3 * NJ_US_PER_S);
    nj_loop_turn(f->loop);
    assert_int_equal(put.write.rc, NJ_E_CANCELLED);
}

// What libpq does by itself, and what is done for it where addresses are judged.
static void name_that_is_looked_up_holds_nobody_up(void **state)
{
    struct nj_foreign_fixture *f = *state;
    const struct nj_address_rules rules = {.private_networks = true};
    const size_t threads = nj_fake_names_threads();
    f->options.url = "postgresql://u@database.test:5432/d";
    for (int judged = 0; judged < 2; judged++) {
        f->rules = judged != 0 ? &rules : NULL;
        f->options.connections = 1;
        nj_fake_names_set("database.test", NULL);
        nj_foreign_open(f);
        nj_fake_names_await_hanging(1);
        struct nj_put *puts = send_many(f, MANY);
        nj_us begun = nj_mono_us(nj_clock_real());
        nj_foreign_destroy(f->foreign, 0);
        nj_us took = nj_mono_us(nj_clock_real()) - begun;
        f->foreign = NULL;
        nj_loop_turn(f->loop);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(puts[i].ended, 1);
            assert_int_equal(puts[i].write.rc, NJ_E_CANCELLED);
        }
        free(puts); // nobody looks at them any more
        nj_fake_names_finish();
        nj_fake_names_await_threads(threads);
        assert_true(took < NJ_US_PER_S);
    }
}

// The batch that the lane has taken, and those that came behind it, end in their order.
static void writes_of_a_lane_that_connects_end_with_it(void **state)
{
    struct nj_foreign_fixture *f = *state;
    const size_t threads = nj_fake_names_threads();
    struct nj_put puts[3];
    f->options.url = "postgresql://u@database.test:5432/d";
    f->options.connections = 1;
    f->options.retry_us = NJ_US_PER_MS;
    nj_fake_names_set("database.test", "");
    nj_foreign_open(f); // the first look ends at once
    nj_put_init(&puts[0], f, NJ_FOREIGN_INSERT, "0");
    assert_int_equal(nj_put(&puts[0]), NJ_E_UNAVAILABLE);
    nj_fake_names_set("database.test", NULL);
    for (int i = 0; i < 3; i++) {
        nj_put_init(&puts[i], f, NJ_FOREIGN_INSERT, "0");
        assert_int_equal(nj_put_send(&puts[i]), 0);
        if (i == 0)
            nj_fake_names_await_hanging(1); // it is with the lane
    }
    nj_foreign_destroy(f->foreign, 0);
    f->foreign = NULL;
    nj_loop_turn(f->loop);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(puts[i].ended, 1);
        assert_int_equal(puts[i].write.rc, NJ_E_CANCELLED);
    }
    nj_fake_names_finish();
    nj_fake_names_await_threads(threads);
}

static void host_that_the_rules_forbid_is_told_at_once_and_not_tried_again(void **state)
{
    struct nj_foreign_fixture *f = *state;
    const struct nj_address_rules rules = {.private_networks = true, .public_networks = true};
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct nj_foreign_stats stats;
        struct nj_put put;
        f->rules = &rules;
        f->options.retry_us = 600 * (nj_us)NJ_US_PER_S;
        // What the URL says of addresses besides must not get around the rules.
        snprintf(f->url, sizeof f->url, "postgresql://u@%s:%d/d?hostaddr=10.0.0.1", hosts[i],
                 nj_server_free_port());
        f->options.url = f->url;
        nj_foreign_open(f);
        nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
        assert_int_equal(nj_put(&put), NJ_E_DENIED);
        assert_non_null(strstr(put.write.error.text, "allow_loopback"));
        nj_foreign_get_stats(f->foreign, &stats);
        assert_false(stats.connected);
        assert_non_null(strstr(stats.problem, "allow_loopback"));
        nj_foreign_destroy(f->foreign, 0);
        f->foreign = NULL;
    }
}

static void postgres_address_that_was_judged_is_the_one_connected_to(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    const struct nj_address_rules rules = {.loopback = true};
    struct nj_put put;
    f->rules = &rules;
    // Nobody is at the address that the URL gives besides.
    strncat(f->url, strchr(f->url, '?') != NULL ? "&" : "?", sizeof f->url - strlen(f->url) - 1);
    strncat(f->url, "hostaddr=127.255.255.254", sizeof f->url - strlen(f->url) - 1);
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
    assert_int_equal(nj_put(&put), 0);
}

int foreign_faults_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_foreign_fixture_setup, nj_foreign_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(postgres_killed_in_the_middle_loses_and_doubles_nothing),
        CASE(postgres_killed_in_the_middle_keeps_the_order_of_each_key),
        CASE(postgres_frozen_session_does_not_write_late),
        CASE(postgres_frozen_ends_in_a_timeout_after_all_tries),
        CASE(postgres_statement_that_takes_too_long_is_ended_by_the_server),
        CASE(postgres_sessions_sent_away_are_made_again_without_a_loss),
        CASE(nobody_there_is_told_after_the_tries_and_without_secrets),
        CASE(postgres_password_that_is_wrong_is_told_and_not_shown),
        CASE(postgres_flood_is_bounded),
        CASE(postgres_breaker_opens_while_it_is_away_and_closes_when_it_is_back),
        CASE(postgres_end_waits_for_what_can_be_written),
        CASE(postgres_end_cancels_what_hangs_at_its_deadline),
        CASE(retries_that_wait_end_with_the_writer),
        CASE(name_that_is_looked_up_holds_nobody_up),
        CASE(writes_of_a_lane_that_connects_end_with_it),
        CASE(host_that_the_rules_forbid_is_told_at_once_and_not_tried_again),
        CASE(postgres_address_that_was_judged_is_the_one_connected_to),
    };
    return cmocka_run_group_tests_name("foreign_faults", tests, NULL, NULL);
}
