// SPDX-License-Identifier: Apache-2.0
// Silent cameras go offline after their time and not before, and are told once.
#include "bus/bus.h"
#include "sources/camera_watch.h"
#include "storage/store_cameras.h"
#include "tests/fake/fake_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int camera_watch_test(void);

static const nj_us offline_after_us = 100 * (nj_us)NJ_US_PER_S;

struct bench {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_bus *bus;
    struct nj_camera_watch *watch;
    struct nj_bus_subscriber subscriber;
    int told;
    char newest[1024];
};

static void hear(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    struct bench *bench = (struct bench *)((char *)subscriber - offsetof(struct bench, subscriber));
    assert_string_equal(message->tag, "camera_status");
    bench->told++;
    assert_true(message->length < sizeof bench->newest);
    memcpy(bench->newest, message->json, message->length + 1);
}

static int setup(void **state)
{
    static struct bench bench;
    static const struct nj_store_options options = {
        .path = ":memory:", .readers = 1, .max_queued = 100, .group_max = 16};
    bench = (struct bench){.subscriber = {.fn = hear}};
    nj_fake_clock_init(&bench.clock, 1769250600 * (nj_us)NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&bench.clock.clock, &bench.loop, NULL), 0);
    assert_int_equal(nj_store_open(&options, &bench.clock.clock, &bench.store, NULL), 0);
    assert_int_equal(nj_bus_create(bench.loop, NULL, 100, &bench.bus, NULL), 0);
    nj_bus_subscribe(bench.bus, &bench.subscriber, "events");
    const struct nj_camera_watch_config config = {.loop = bench.loop,
                                                  .store = bench.store,
                                                  .bus = bench.bus,
                                                  .offline_after_us = offline_after_us};
    assert_int_equal(nj_camera_watch_create(&config, &bench.watch, NULL), 0);
    assert_int_equal(nj_camera_watch_start(bench.watch, NULL), 0);
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    nj_camera_watch_destroy(bench->watch);
    nj_store_close(bench->store);
    while (nj_loop_turn(bench->loop) > 0) {
    }
    nj_bus_unsubscribe(&bench->subscriber);
    nj_bus_destroy(bench->bus);
    nj_loop_destroy(bench->loop);
    return 0;
}

static int apply_seen(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    static const struct nj_camera_identity door = {"door", "Door", "folder"};
    (void)op;
    int rc = nj_cameras_ensure(db, &door, NULL, err);
    return rc == 0 ? nj_cameras_touch(db, "door", nj_db_now_us(db), NULL, err) : rc;
}

static void see_camera(struct bench *bench)
{
    struct nj_store_op op = {.apply = apply_seen};
    assert_int_equal(nj_store_write_wait(bench->store, &op, NULL), 0);
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    (void)db;
    (void)err;
    return 0;
}

// Time goes on in steps of a look; what the looks asked of the store is done after.
static void pass(struct bench *bench, nj_us us)
{
    for (nj_us left_us = us; left_us > 0; left_us -= offline_after_us / 10) {
        nj_fake_clock_advance(&bench->clock, offline_after_us / 10);
        (void)nj_loop_turn(bench->loop);
        struct nj_store_op barrier = {.apply = apply_nothing};
        assert_int_equal(nj_store_write_wait(bench->store, &barrier, NULL), 0);
        while (nj_loop_turn(bench->loop) > 0) {
        }
    }
}

static void camera_goes_offline_after_its_time_and_not_before(void **state)
{
    struct bench *bench = *state;
    see_camera(bench);
    pass(bench, offline_after_us);
    assert_int_equal(bench->told, 0);
    pass(bench, offline_after_us / 10);
    assert_int_equal(bench->told, 1);
    assert_non_null(strstr(bench->newest, "\"status\":\"offline\""));
    assert_non_null(strstr(bench->newest, "\"previous_status\":\"online\""));
    assert_non_null(strstr(bench->newest, "\"camera_id\":\"door\""));
    assert_non_null(strstr(bench->newest, "no picture for 110 s"));
    pass(bench, 2 * offline_after_us);
    assert_int_equal(bench->told, 1);
}

static void camera_that_comes_back_is_told_once(void **state)
{
    struct bench *bench = *state;
    see_camera(bench);
    pass(bench, 2 * offline_after_us);
    assert_int_equal(bench->told, 1);
    see_camera(bench);
    pass(bench, offline_after_us / 2);
    assert_int_equal(bench->told, 2);
    assert_non_null(strstr(bench->newest, "\"status\":\"online\""));
    assert_non_null(strstr(bench->newest, "\"previous_status\":\"offline\""));
}

static void a_clock_that_was_set_back_hides_no_silence(void **state)
{
    struct bench *bench = *state;
    see_camera(bench);
    nj_fake_clock_jump_wall(&bench->clock, -3600LL * NJ_US_PER_S);
    pass(bench, offline_after_us);
    assert_int_equal(bench->told, 0);
    pass(bench, offline_after_us / 5);
    assert_int_equal(bench->told, 1);
    assert_non_null(strstr(bench->newest, "\"status\":\"offline\""));
}

static void stopped_watch_looks_no_more(void **state)
{
    struct bench *bench = *state;
    see_camera(bench);
    nj_camera_watch_stop(bench->watch);
    pass(bench, 3 * offline_after_us);
    assert_int_equal(bench->told, 0);
}

int camera_watch_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(camera_goes_offline_after_its_time_and_not_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(camera_that_comes_back_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_was_set_back_hides_no_silence, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(stopped_watch_looks_no_more, setup, teardown),
    };
    return cmocka_run_group_tests_name("camera_watch", tests, NULL, NULL);
}
