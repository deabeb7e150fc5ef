// SPDX-License-Identifier: Apache-2.0
// Changes of what services say: told once each, and nothing else.
#include "app/service_watch_priv.h"

#include "tests/fake/fake_clock.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int service_watch_test(void);

static const nj_us period_us = 5LL * NJ_US_PER_S;

struct bench {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_bus *bus;
    struct nj_registry *registry;
    struct nj_service_watch *watch;
    struct nj_bus_subscriber subscriber;
    enum nj_health_status store, camera;
    int told;
    char newest[1024];
};

static void hear(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message)
{
    struct bench *bench = NJ_CONTAINER_OF(subscriber, struct bench, subscriber);
    assert_string_equal(message->tag, "service_status");
    assert_true(message->length < sizeof bench->newest);
    memcpy(bench->newest, message->json, message->length + 1);
    bench->told++;
}

static void say(void *arg, struct nj_health_report *out)
{
    out->status = *(const enum nj_health_status *)arg;
    (void)snprintf(out->message, sizeof out->message, "%s",
                   out->status == NJ_HEALTH_HEALTHY ? "" : "look after it");
}

static int setup(void **state)
{
    static struct bench bench;
    bench = (struct bench){.subscriber = {.fn = hear}};
    nj_fake_clock_init(&bench.clock, 1769250600LL * NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&bench.clock.clock, &bench.loop, NULL), 0);
    assert_int_equal(nj_bus_create(bench.loop, NULL, 100, &bench.bus, NULL), 0);
    bench.registry = nj_registry_create();
    assert_non_null(bench.registry);
    const struct nj_service_probe probe = {"database", true, say, &bench.store};
    assert_int_equal(nj_registry_add_service(bench.registry, &probe), 0);
    nj_bus_subscribe(bench.bus, &bench.subscriber, "system");
    const struct nj_service_watch_config config = {
        .loop = bench.loop, .registry = bench.registry, .bus = bench.bus, .period_us = period_us};
    assert_int_equal(nj_service_watch_create(&config, &bench.watch, NULL), 0);
    assert_int_equal(nj_service_watch_start(bench.watch, NULL), 0);
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    nj_service_watch_destroy(bench->watch);
    nj_registry_destroy(bench->registry);
    nj_bus_destroy(bench->bus);
    nj_loop_destroy(bench->loop);
    return 0;
}

static void pass(struct bench *bench)
{
    nj_fake_clock_advance(&bench->clock, period_us);
    while (nj_loop_turn(bench->loop) > 0)
        ;
}

static void a_change_is_told_once_and_so_is_its_end(void **state)
{
    struct bench *bench = *state;
    pass(bench);
    pass(bench);
    assert_int_equal(bench->told, 0); // nothing changed
    bench->store = NJ_HEALTH_UNHEALTHY;
    pass(bench);
    pass(bench);
    assert_int_equal(bench->told, 1);
    assert_non_null(strstr(bench->newest, "\"service\":\"database\",\"status\":\"unhealthy\","
                                          "\"message\":\"look after it\""));
    bench->store = NJ_HEALTH_HEALTHY;
    pass(bench);
    assert_int_equal(bench->told, 2);
    assert_non_null(strstr(bench->newest, "\"status\":\"healthy\""));
}

static void a_service_that_comes_later_is_told_from_its_second_look_on(void **state)
{
    struct bench *bench = *state;
    pass(bench);
    bench->camera = NJ_HEALTH_DEGRADED;
    const struct nj_service_probe probe = {"live_cameras", false, say, &bench->camera};
    assert_int_equal(nj_registry_add_service(bench->registry, &probe), 0);
    pass(bench);
    assert_int_equal(bench->told, 0);
    bench->camera = NJ_HEALTH_HEALTHY;
    pass(bench);
    assert_int_equal(bench->told, 1);
    assert_non_null(strstr(bench->newest, "\"service\":\"live_cameras\""));
}

static void after_stop_nobody_looks(void **state)
{
    struct bench *bench = *state;
    pass(bench);
    nj_service_watch_stop(bench->watch);
    bench->store = NJ_HEALTH_STOPPED;
    pass(bench);
    assert_int_equal(bench->told, 0);
}

int service_watch_test(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_change_is_told_once_and_so_is_its_end),
        CASE(a_service_that_comes_later_is_told_from_its_second_look_on),
        CASE(after_stop_nobody_looks),
    };
    return cmocka_run_group_tests_name("service_watch", tests, NULL, NULL);
}
