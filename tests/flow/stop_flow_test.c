// SPDX-License-Identifier: Apache-2.0
// Stopping: what was accepted is finished first, a second wish hurries, and a start that fails
// leaves nothing behind.
#include "tests/flow/flow_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int stop_flow_test(void);

static const nj_us second_us = NJ_US_PER_S;

static void put_some(struct flow *flow, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "cam%u/%u.jpg", i % 2, i);
        flow_put_picture(flow, name, i);
    }
}

// Without a turn of the loop nothing is claimed.
static void wait_for_acceptance(struct flow *flow, uint64_t count)
{
    nj_us until_us = nj_mono_us(nj_clock_real()) + 20 * second_us;
    struct nj_folder_stats stats = {0};
    while (stats.accepted < count || stats.pending > 0) {
        assert_true(nj_mono_us(nj_clock_real()) < until_us);
        (void)flow_sql_int(flow, "SELECT 1");
        nj_folder_source_get_stats(flow->app->folder, &stats);
    }
}

static void stop_closes_open_batches_and_waits_for_their_events(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    put_some(flow, 4);
    flow_until_sql(flow, 4, "SELECT count(*) FROM detections");
    flow_stop(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state = 'analysed' AND "
                                        "close_reason = 'shutdown'"),
                     2);
    assert_int_equal(flow_sql_int(flow, "SELECT sum(detection_count) FROM events"), 4);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
    assert_int_equal(flow_count_logged(flow, "\"Stopped\""), 1);
}

static void stop_finishes_what_waits_in_the_queue(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    put_some(flow, 16);
    wait_for_acceptance(flow, 16);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 16);
    flow_stop(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 16);
    assert_int_equal(flow_sql_int(flow, "SELECT sum(detection_count) FROM events"), 16);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
}

static void note_stopped(void *arg)
{
    struct flow *flow = arg;
    flow->stopped = true;
}

// A language model that takes every call and answers none; the stop's own batch goes to it.
static int start_with_silent_model(struct flow *flow)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(fd, 8), 0);
    flow_set(flow, "analysis.analyser=llm");
    flow_set(flow, "analysis.llm_url=http://127.0.0.1:%d", ntohs(address.sin_port));
    flow_start(flow);
    put_some(flow, 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    return fd;
}

static void advance_a_little(struct flow *flow)
{
    for (int i = 0; i < 20; i++) {
        nj_fake_clock_advance(&flow->clock, 10 * NJ_US_PER_MS);
        flow_turn(flow);
    }
}

static bool is_stopped(struct flow *flow, const char *arg)
{
    (void)arg;
    nj_fake_clock_advance(&flow->clock, NJ_US_PER_MS);
    return flow->stopped;
}

static bool is_asked(struct flow *flow, const char *arg)
{
    (void)arg;
    nj_fake_clock_advance(&flow->clock, NJ_US_PER_MS);
    return nj_work_queue_in_flight(flow->app->analysis_queue) == 1;
}

static void second_stop_hurries(void **state)
{
    struct flow *flow = *state;
    const int model = start_with_silent_model(flow);
    nj_app_stop(flow->app, note_stopped, flow);
    flow_until(flow, is_asked, "the model is asked about the batch that the stop closed");
    advance_a_little(flow);
    assert_false(flow->stopped); // it waits for the model
    nj_app_stop(flow->app, note_stopped, flow);
    nj_us before_us = nj_mono_us(&flow->clock.clock);
    flow_until(flow, is_stopped, "the second stop ends the wait");
    assert_true(nj_mono_us(&flow->clock.clock) - before_us < 20 * second_us);
    flow_kill(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 1); // it is kept
    assert_int_equal(close(model), 0);
}

static void drain_ends_after_its_time_and_keeps_what_is_left(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "app.drain_seconds=5");
    const int model = start_with_silent_model(flow);
    nj_app_stop(flow->app, note_stopped, flow);
    nj_us before_us = nj_mono_us(&flow->clock.clock);
    flow_until(flow, is_asked, "the model is asked about the batch that the stop closed");
    flow_advance(flow, before_us + 4 * second_us - nj_mono_us(&flow->clock.clock));
    assert_false(flow->stopped);
    flow_advance(flow, 2 * second_us);
    flow_until(flow, is_stopped, "the drain is over");
    flow_kill(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 1);
    assert_int_equal(close(model), 0);
}

static void drain_calls_no_part_sick_that_the_stop_has_stopped(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "app.service_check_seconds=1");
    const int model = start_with_silent_model(flow);
    flow_advance(flow, 2 * second_us); // all are known to be well
    nj_app_stop(flow->app, note_stopped, flow);
    flow_advance(flow, 5 * second_us);
    assert_false(flow->stopped);
    assert_int_equal(flow_count_logged(flow, "The upload folder is not watched."), 0);
    nj_app_stop(flow->app, note_stopped, flow);
    flow_until(flow, is_stopped, "the second stop ends the wait");
    flow_kill(flow);
    assert_int_equal(close(model), 0);
}

// What keeps an item from being claimed until then.
static const char *const laters[] = {
    "lease_until_us", // of a process that died with it
    "not_before_us",  // it failed, and waits for its next try
};

static void check_later(struct flow *flow, const char *later, unsigned number)
{
    char name[64], sql[256];
    const nj_us due_us = nj_wall_us(&flow->clock.clock) + 20 * second_us;
    flow_start(flow);
    (void)snprintf(name, sizeof name, "gate/%u.jpg", number);
    flow_put_picture(flow, name, number);
    wait_for_acceptance(flow, 1);
    flow_kill(flow);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE work_items SET fence = 1, attempts = 1, due_us = %lld, %s = %lld",
                   (long long)due_us, later, (long long)due_us);
    flow_sql_run(flow, sql);
    flow_start(flow);
    nj_us before_us = nj_mono_us(&flow->clock.clock);
    flow_stop(flow);
    assert_true(nj_mono_us(&flow->clock.clock) - before_us < second_us);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 1);
    flow_start(flow);
    flow_advance(flow, 21 * second_us);
    flow_until_sql(flow, number, "SELECT count(*) FROM detections");
    flow_stop(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), number);
    assert_int_equal(flow_sql_int(flow, "SELECT sum(detection_count) FROM events"), number);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
}

static void stop_does_not_wait_for_what_nobody_can_claim_yet(void **state)
{
    for (unsigned i = 0; i < NJ_COUNT_OF(laters); i++)
        check_later(*state, laters[i], i + 1);
}

static void daemon_without_work_stops_at_once(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    nj_us before_us = nj_mono_us(&flow->clock.clock);
    flow_stop(flow);
    assert_true(nj_mono_us(&flow->clock.clock) - before_us < 10 * second_us);
    flow_start(flow); // and nothing is in the way of the next
    flow_stop(flow);
}

static void destroy_without_a_stop_leaves_the_work_for_later(void **state)
{
    struct flow *flow = *state;
    for (int round = 0; round < 5; round++) {
        flow_start(flow);
        if (round == 0)
            put_some(flow, 30);
        for (int i = 0; i < round * 3; i++) // at another place in its work each time
            flow_turn(flow);
        flow_kill(flow);
    }
    flow_start(flow);
    flow_until_sql(flow, 30, "SELECT count(DISTINCT file_path) FROM detections");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 30);
}

struct wrong_start {
    const char *service; // named in the error
    const char *set;     // with %s for the folder of the test
    const char *clue;    // in the error
};

static const struct wrong_start wrong_starts[] = {
    {"store", "store.path=%s/a_file/below.db", "a_file"},
    {"store", "app.media_folder=%s/a_file", "a_file"},
    {"api", "http.host=0.0.0.0", "0.0.0.0"}, // open to everybody, without keys
    {"api", "http.host=192.0.2.1", "192.0.2.1"},
    {"analysis", "analysis.timezone=Nowhere/Land", "Nowhere/Land"},
    {"detector", "detect.model=%s/none.json", "none.json"},
    {"detector", "detect.classes=[\"unicorn\"]", "unicorn"},
    {"cleanup_service", "retention.cleanup_time=25:99", "25:99"},
    {"live_cameras",
     "sources.list=[{\"id\":\"good\",\"kind\":\"null\",\"path\":\"64x64x100\",\"fps\":200},"
     "{\"id\":\"bad\",\"kind\":\"null\",\"path\":\"wide\"}]",
     "bad"},
    {"live_cameras",
     "sources.list=[{\"id\":\"good\",\"kind\":\"null\",\"path\":\"64x64x100\",\"fps\":200},"
     "{\"id\":\"masked\",\"kind\":\"null\",\"path\":\"64x64x9\",\"masks\":[\"0,0 7\"]}]",
     "masked"},
    {"file_watcher", "folder.root=%s/a_file", "a_file"},
};

static void check_wrong_start(struct flow *flow, const struct wrong_start *wrong)
{
    struct nj_error err = {0};
    size_t before = flow->set_count;
    char set[FLOW_SET_SIZE];
    const char *hole = strstr(wrong->set, "%s");
    (void)snprintf(set, sizeof set, "%.*s%s%s",
                   hole != NULL ? (int)(hole - wrong->set) : (int)strlen(wrong->set), wrong->set,
                   hole != NULL ? flow->dir.path : "", hole != NULL ? hole + 2 : "");
    flow_set(flow, "%s", set);
    int rc = flow_try_start(flow, &err);
    if (rc == 0 || strstr(err.text, wrong->service) == NULL ||
        strstr(err.text, wrong->clue) == NULL)
        fail_msg("%s: %d \"%s\"", wrong->set, rc, err.text);
    flow->set_count = before;
}

// With work left by an earlier run, so that claims are under way while the start fails.
static void failed_start_undoes_what_was_started(void **state)
{
    struct flow *flow = *state;
    flow_put_bytes(flow, "../a_file", "x", 1);
    flow_start(flow);
    put_some(flow, 20);
    wait_for_acceptance(flow, 20);
    flow_kill(flow);
    flow_sql_run(flow, "INSERT INTO work_items (queue, priority, due_us, not_before_us, "
                       "lease_until_us, fence, attempts, created_us, first_failed_us, payload) "
                       "VALUES ('analysis_queue', 0, 0, 0, 0, 1, 0, 1767614400000000, 0, "
                       "'{\"batch_id\":\"gone\"}')");
    for (size_t i = 0; i < NJ_COUNT_OF(wrong_starts); i++)
        check_wrong_start(flow, &wrong_starts[i]);
    flow_start(flow);
    nj_fake_clock_advance(&flow->clock, 31 * second_us); // leases of the failed starts are over
    flow_until_sql(flow, 20, "SELECT count(*) FROM detections");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
}

static bool is_cleaned_twice(struct flow *flow, const char *arg)
{
    (void)arg;
    return flow_count_logged(flow, "\"Cleanup done\"") == 2;
}

static void old_rows_go_and_the_users_files_stay(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    put_some(flow, 2);
    flow_until_sql(flow, 2, "SELECT count(*) FROM detections");
    flow_advance(flow, 36 * second_us);
    flow_until_sql(flow, 2, "SELECT count(*) FROM events");
    nj_fake_clock_advance(&flow->clock, (nj_us)29 * 86400 * second_us);
    flow_turn(flow);
    flow_until(flow, is_cleaned_twice, "cleanup at the start, and on this day");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 2);
    nj_fake_clock_advance(&flow->clock, (nj_us)2 * 86400 * second_us);
    flow_turn(flow);
    flow_until_logged(flow, "\"events_deleted\":2");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections"), 0);
    assert_int_equal(flow_count_files(flow, "cameras"), 2);
}

int stop_flow_test(void)
{
#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, flow_setup, flow_teardown)
    const struct CMUnitTest tests[] = {
        FLOW_TEST(stop_closes_open_batches_and_waits_for_their_events),
        FLOW_TEST(stop_finishes_what_waits_in_the_queue),
        FLOW_TEST(second_stop_hurries),
        FLOW_TEST(drain_ends_after_its_time_and_keeps_what_is_left),
        FLOW_TEST(drain_calls_no_part_sick_that_the_stop_has_stopped),
        FLOW_TEST(stop_does_not_wait_for_what_nobody_can_claim_yet),
        FLOW_TEST(daemon_without_work_stops_at_once),
        FLOW_TEST(destroy_without_a_stop_leaves_the_work_for_later),
        FLOW_TEST(failed_start_undoes_what_was_started),
        FLOW_TEST(old_rows_go_and_the_users_files_stay),
    };
    return cmocka_run_group_tests_name("stop flow", tests, NULL, NULL);
}
