// SPDX-License-Identifier: Apache-2.0
// The foreign writer over a bad network: cut, reset and silent at places of its first exchange,
// from logging in to the commit. A write ends once and in time, what was written is there, and the
// next write is well.
#include "tests/fake/tcp_proxy.h"
#include "tests/unit/storage/foreign_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

int foreign_network_test(void);

#define CARS "gas_station_1.car_frontal_info"

enum {
    TIME_US = 150 * NJ_US_PER_MS,
    SLACK_US = 3 * NJ_US_PER_S, // a second for the server to end a statement, and a busy machine
    POINTS = 6,
};

struct line {
    struct nj_foreign_fixture *fixture;
    struct nj_tcp_proxy *proxy;
    int trials;
};

static void close_writer(struct nj_foreign_fixture *f)
{
    nj_foreign_destroy(f->foreign, 0);
    f->foreign = NULL;
    nj_loop_turn(f->loop);
}

static int64_t count_rows(struct nj_foreign_fixture *f, int trial)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM " CARS " WHERE session_id = 's%d'",
                   trial);
    return nj_foreign_int(f, sql);
}

static void try_insert(void *arg, const struct nj_proxy_rule *rule)
{
    struct line *line = arg;
    struct nj_foreign_fixture *f = line->fixture;
    struct nj_put broken, put;
    char session[16], text[NJ_PROXY_TEXT_MAX];
    (void)snprintf(session, sizeof session, "s%d", ++line->trials);
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    nj_foreign_open(f);
    nj_put_init(&broken, f, NJ_FOREIGN_INSERT, session);
    const int rc = nj_put(&broken);
    const nj_us took_us = nj_mono_us(nj_clock_real()) - begun_us;
    nj_tcp_proxy_heal(line->proxy);
    const bool lost = rc == 0 && count_rows(f, line->trials) != 1;
    close_writer(f);
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, session);
    const int again = nj_put(&put);
    if ((rc != 0 && rc != NJ_E_UNAVAILABLE && rc != NJ_E_TIMEOUT) || lost || again != 0 ||
        count_rows(f, line->trials) != 1 || took_us > 2 * TIME_US + SLACK_US)
        fail_msg("%s: rc %d \"%s\" after %lld us, lost %d, then %d \"%s\"",
                 nj_proxy_rule_text(rule, text), rc, broken.write.error.text, (long long)took_us,
                 lost, again, put.write.error.text);
    assert_int_equal(broken.ended, 1);
    close_writer(f);
}

static void postgres_write_ends_in_time_and_is_not_lost_however_the_network_breaks(void **state)
{
    if (!nj_postgres_installed())
        skip();
    struct nj_foreign_fixture *f = *state;
    struct line line = {.fixture = f, .proxy = nj_tcp_proxy_create(f->server->port)};
    f->options.connections = 1;
    f->options.tries = 0;
    f->options.connect_us = f->options.statement_us = TIME_US;
    (void)snprintf(f->url, sizeof f->url, "postgresql://postgres@127.0.0.1:%d/foreign",
                   nj_tcp_proxy_port(line.proxy));
    const struct nj_proxy_sweep sweep = {
        .proxy = line.proxy, .trial = try_insert, .arg = &line, .points = POINTS};
    nj_proxy_sweep(&sweep);
    nj_tcp_proxy_destroy(line.proxy);
}

// What the network held back of a connection that was given up is not carried out over what was
// written since.
static void postgres_write_that_the_network_held_does_not_come_late(void **state)
{
    if (!nj_postgres_installed())
        skip();
    static const struct nj_proxy_rule held = {NJ_PROXY_STALL, NJ_PROXY_TO_SERVER, 0, 0};
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    char text[256];
    struct nj_tcp_proxy *proxy = nj_tcp_proxy_create(f->server->port);
    f->options.connections = 1;
    f->options.tries = 0;
    (void)snprintf(f->url, sizeof f->url, "postgresql://postgres@127.0.0.1:%d/foreign",
                   nj_tcp_proxy_port(proxy));
    f->options.statement_us = TIME_US;
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s");
    nj_put_cell(&put, NJ_CELL("car_brand", "first"));
    assert_int_equal(nj_put(&put), 0);
    nj_tcp_proxy_strike(proxy, &held);
    put.cells[1].text = "held";
    assert_int_equal(nj_put(&put), NJ_E_TIMEOUT);
    put.cells[1].text = "newest";
    assert_int_equal(nj_put(&put), 0); // over another connection
    nj_tcp_proxy_heal(proxy);          // the held one arrives, and its end with it
    nj_tcp_proxy_await_exactly(proxy, NJ_PROXY_OPEN, 1);
    assert_string_equal(
        nj_foreign_text(f, "SELECT car_brand FROM " CARS " WHERE session_id = 's'", text),
        "newest");
    close_writer(f);
    nj_tcp_proxy_destroy(proxy);
}

int foreign_network_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            postgres_write_ends_in_time_and_is_not_lost_however_the_network_breaks,
            nj_foreign_fixture_setup, nj_foreign_fixture_teardown),
        cmocka_unit_test_setup_teardown(postgres_write_that_the_network_held_does_not_come_late,
                                        nj_foreign_fixture_setup, nj_foreign_fixture_teardown),
    };
    return cmocka_run_group_tests_name("foreign_network", tests, NULL, NULL);
}
