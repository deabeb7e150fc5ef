// SPDX-License-Identifier: Apache-2.0
// Live cameras while they are added, changed, paused and removed: what plays, what is kept, and
// what is refused.
#include "tests/fake/await.h"
#include "tests/flow/flow_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int live_change_flow_test(void);

enum { FRAME_US = 50 * NJ_US_PER_MS, MANY = 70 };

#define GATE(more) "{\"id\":\"gate\",\"kind\":\"rtsp\",\"url\":\"rtsp://127.0.0.1:1/\"" more "}"

struct change {
    struct nj_live_change change;
    struct flow *flow;
    bool done;
};

static void handle_done(struct nj_live_change *change)
{
    NJ_CONTAINER_OF(change, struct change, change)->done = true;
}

static void begin(struct flow *flow, struct change *change, enum nj_live_change_kind kind,
                  const char *id, const char *json)
{
    *change = (struct change){.flow = flow,
                              .change = {.kind = kind,
                                         .id = id,
                                         .json = json,
                                         .length = json != NULL ? strlen(json) : 0,
                                         .done = handle_done}};
    nj_live_set_change(flow->app->live, &change->change);
}

static bool is_done(void *arg)
{
    struct change *change = arg;
    nj_fake_clock_advance(&change->flow->clock,
                          FRAME_US); // a camera is at rest after a look or two
    return change->done;
}

static int end(struct change *change)
{
    nj_loop_await(change->flow->loop, is_done, change, NJ_PATIENCE_US, "the end of a change");
    return change->change.rc;
}

static int change(struct flow *flow, enum nj_live_change_kind kind, const char *id,
                  const char *json)
{
    struct change one;
    begin(flow, &one, kind, id, json);
    return end(&one);
}

static struct nj_live_camera camera(struct flow *flow, const char *id)
{
    struct nj_live_camera camera;
    assert_true(nj_live_set_get(flow->app->live, id, &camera));
    return camera;
}

static void set_yard(struct flow *flow)
{
    flow_set(flow, "detect.null_script=" FLOW_CAR);
    flow_set(flow, "sources.list=[{\"id\":\"yard\",\"kind\":\"null\",\"path\":\"128x96x1000\","
                   "\"fps\":200,\"loop\":false}]");
    flow_set(flow, "motion.enabled=false");
    flow_set(flow, "stability.min_age_seconds=0");
}

static bool is_true(struct flow *flow, const char *sql)
{
    nj_fake_clock_advance(&flow->clock, FRAME_US);
    return flow_sql_int(flow, sql) > 0;
}

static void added_camera_is_kept_changed_paused_and_removed(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    assert_int_equal(change(flow, NJ_LIVE_ADD, NULL, GATE("")), 0);
    assert_int_equal(camera(flow, "gate").version, 1);
    assert_non_null(camera(flow, "gate").pipeline);
    assert_int_equal(change(flow, NJ_LIVE_REPLACE, "gate", GATE(",\"name\":\"The gate\"")), 0);
    assert_string_equal(camera(flow, "gate").entry->name, "The gate");
    assert_int_equal(camera(flow, "gate").version, 2);
    assert_int_equal(change(flow, NJ_LIVE_PAUSE, "gate", NULL), 0);
    assert_true(camera(flow, "gate").paused);
    assert_null(camera(flow, "gate").pipeline);
    flow_stop(flow); // and the next start knows it
    flow_start(flow);
    assert_true(camera(flow, "gate").paused);
    assert_string_equal(camera(flow, "gate").entry->name, "The gate");
    assert_int_equal(change(flow, NJ_LIVE_RESUME, "gate", NULL), 0);
    assert_non_null(camera(flow, "gate").pipeline);
    assert_int_equal(change(flow, NJ_LIVE_REMOVE, "gate", NULL), 0);
    assert_null(nj_live_set_find(flow->app->live, "gate"));
    assert_int_equal(nj_live_set_count(flow->app->live), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM sources"), 0);
    assert_int_equal(
        flow_sql_int(flow, "SELECT count(*) FROM cameras WHERE id = 'gate' AND status = 'offline'"),
        1);
}

static void changes_that_cannot_be_are_refused_by_their_reason(void **state)
{
    struct flow *flow = *state;
    char long_id[NJ_CAMERA_ID_SIZE + 8];
    memset(long_id, 'x', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    const struct {
        const char *why;
        enum nj_live_change_kind kind;
        const char *id, *json;
        int rc;
    } cases[] = {
        {"is there already", NJ_LIVE_ADD, NULL, GATE(""), NJ_E_EXISTS},
        {"no JSON", NJ_LIVE_ADD, NULL, "{\"id\":", NJ_E_INVALID},
        {"mask no source can have", NJ_LIVE_ADD, NULL,
         "{\"id\":\"b\",\"kind\":\"rtsp\",\"url\":\"rtsp://127.0.0.1:1/\",\"masks\":[\"1\"]}",
         NJ_E_INVALID},
        {"another id", NJ_LIVE_REPLACE, "gate",
         "{\"id\":\"b\",\"kind\":\"rtsp\",\"url\":\"rtsp://127.0.0.1:1/\"}", NJ_E_INVALID},
        {"unknown, whatever its entry says", NJ_LIVE_REPLACE, "b", GATE(""), NJ_E_NOT_FOUND},
        {"unknown, whatever its entry lacks", NJ_LIVE_REPLACE, "b", "{}", NJ_E_NOT_FOUND},
        {"not of its kind", NJ_LIVE_ADD, NULL,
         "{\"id\":\"b\",\"kind\":\"snapshot\",\"url\":\"rtsp://127.0.0.1:1/\"}", NJ_E_INVALID},
        {"unknown", NJ_LIVE_PAUSE, "b", NULL, NJ_E_NOT_FOUND},
        {"no id is so long", NJ_LIVE_PAUSE, long_id, NULL, NJ_E_NOT_FOUND},
        {"configured", NJ_LIVE_REMOVE, "yard", NULL, NJ_E_DENIED},
        {"configured", NJ_LIVE_REPLACE, "yard",
         "{\"id\":\"yard\",\"kind\":\"rtsp\",\"url\":\"rtsp://127.0.0.1:1/\"}", NJ_E_DENIED},
    };
    set_yard(flow);
    flow_start(flow);
    assert_int_equal(change(flow, NJ_LIVE_ADD, NULL, GATE("")), 0);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct change one;
        begin(flow, &one, cases[i].kind, cases[i].id, cases[i].json);
        if (end(&one) != cases[i].rc || one.change.error.text[0] == '\0')
            fail_msg("%s: %d \"%s\"", cases[i].why, one.change.rc, one.change.error.text);
    }
    assert_int_equal(camera(flow, "gate").version, 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM sources"), 1);
}

static void change_keeps_the_password_of_the_change_before_it(void **state)
{
    struct flow *flow = *state;
    struct change first, second;
    flow_start(flow);
    assert_int_equal(change(flow, NJ_LIVE_ADD, NULL, GATE(",\"password\":\"one\"")), 0);
    begin(flow, &first, NJ_LIVE_REPLACE, "gate", GATE(",\"password\":\"two\""));
    begin(flow, &second, NJ_LIVE_REPLACE, "gate", GATE(",\"name\":\"The gate\""));
    assert_int_equal(end(&first), 0);
    assert_int_equal(end(&second), 0);
    assert_string_equal(camera(flow, "gate").entry->name, "The gate");
    assert_string_equal(camera(flow, "gate").entry->password, "two");
}

static void a_pause_ends_the_rows_of_what_is_seen(void **state)
{
    struct flow *flow = *state;
    set_yard(flow);
    flow_start(flow);
    flow_until(flow, is_true, "SELECT count(*) FROM detections");
    nj_fake_clock_advance(&flow->clock, NJ_US_PER_S);
    assert_int_equal(change(flow, NJ_LIVE_PAUSE, "yard", NULL), 0);
    assert_null(camera(flow, "yard").pipeline);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM detections WHERE ended_us IS NULL"),
                     0);
    assert_int_equal(change(flow, NJ_LIVE_RESUME, "yard", NULL), 0);
    flow_until(flow, is_true, "SELECT count(*) > 1 FROM detections"); // another track
    assert_int_equal(flow_sql_int(flow, "SELECT count(DISTINCT track_id) FROM detections"),
                     flow_sql_int(flow, "SELECT count(*) FROM detections"));
}

static void what_the_store_refuses_leaves_the_camera_playing(void **state)
{
    struct flow *flow = *state;
    set_yard(flow);
    flow_start(flow);
    flow_sql_run(flow, "CREATE TRIGGER refused BEFORE INSERT ON sources BEGIN "
                       "SELECT RAISE(ABORT, 'not now'); END");
    assert_true(change(flow, NJ_LIVE_PAUSE, "yard", NULL) < 0);
    assert_false(camera(flow, "yard").paused);
    assert_non_null(camera(flow, "yard").pipeline);
    assert_true(change(flow, NJ_LIVE_ADD, NULL, GATE("")) < 0);
    assert_int_equal(nj_live_set_count(flow->app->live), 1);
    flow_sql_run(flow, "DROP TRIGGER refused");
    assert_int_equal(change(flow, NJ_LIVE_PAUSE, "yard", NULL), 0);
}

static void changes_wait_for_each_other_and_too_many_are_refused(void **state)
{
    struct flow *flow = *state;
    static struct change changes[MANY];
    flow_start(flow);
    begin(flow, &changes[0], NJ_LIVE_ADD, NULL, GATE(""));
    for (int i = 1; i < MANY; i++)
        begin(flow, &changes[i], i % 2 ? NJ_LIVE_PAUSE : NJ_LIVE_RESUME, "gate", NULL);
    assert_true(changes[MANY - 1].done);
    assert_int_equal(changes[MANY - 1].change.rc, NJ_E_FULL);
    assert_false(changes[0].done);
    int taken = 0;
    for (int i = 0; i < MANY; i++) {
        const int rc = end(&changes[i]);
        assert_true(rc == 0 || rc == NJ_E_FULL);
        taken += rc == 0;
    }
    assert_in_range(taken, 64, MANY - 1);
    assert_int_equal(camera(flow, "gate").paused, taken % 2 == 0); // the last one that was taken
}

static void changes_that_wait_end_with_the_program(void **state)
{
    struct flow *flow = *state;
    struct change first, second, late;
    set_yard(flow);
    flow_start(flow);
    flow_until(flow, is_true, "SELECT count(*) FROM detections");
    begin(flow, &first, NJ_LIVE_PAUSE, "yard", NULL);
    begin(flow, &second, NJ_LIVE_ADD, NULL, GATE(""));
    (void)nj_loop_turn(flow->loop); // the first one waits for the camera to rest
    nj_live_set_stop(flow->app->live);
    begin(flow, &late, NJ_LIVE_RESUME, "yard", NULL);
    assert_int_equal(end(&late), NJ_E_CANCELLED);
    (void)end(&first); // or it was at rest already
    assert_int_equal(end(&second), NJ_E_CANCELLED);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM sources WHERE id = 'gate'"), 0);
    flow_stop(flow);
}

int live_change_flow_test(void)
{
#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, flow_setup, flow_teardown)
    const struct CMUnitTest tests[] = {
        FLOW_TEST(added_camera_is_kept_changed_paused_and_removed),
        FLOW_TEST(changes_that_cannot_be_are_refused_by_their_reason),
        FLOW_TEST(change_keeps_the_password_of_the_change_before_it),
        FLOW_TEST(a_pause_ends_the_rows_of_what_is_seen),
        FLOW_TEST(what_the_store_refuses_leaves_the_camera_playing),
        FLOW_TEST(changes_wait_for_each_other_and_too_many_are_refused),
        FLOW_TEST(changes_that_wait_end_with_the_program),
    };
    return cmocka_run_group_tests_name("live change", tests, NULL, NULL);
}
