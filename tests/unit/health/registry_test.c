// SPDX-License-Identifier: Apache-2.0
// Registry: what the whole is worth, from what the parts say.
#include "health/registry.h"

#include "tests/fake/fake_clock.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

int registry_test(void);

static void say(void *arg, struct nj_health_report *out)
{
    out->status = *(const enum nj_health_status *)arg;
}

static void say_nothing(void *arg, struct nj_health_report *out)
{
    (void)arg;
    (void)out;
}

static void overall_is_the_worst_weighed_by_importance(void **state)
{
    (void)state;
    static const struct {
        enum nj_health_status critical;
        enum nj_health_status other;
        enum nj_health_status overall;
    } cases[] = {
        {NJ_HEALTH_HEALTHY, NJ_HEALTH_HEALTHY, NJ_HEALTH_HEALTHY},
        {NJ_HEALTH_HEALTHY, NJ_HEALTH_DEGRADED, NJ_HEALTH_DEGRADED},
        {NJ_HEALTH_HEALTHY, NJ_HEALTH_UNHEALTHY, NJ_HEALTH_DEGRADED},
        {NJ_HEALTH_HEALTHY, NJ_HEALTH_STOPPED, NJ_HEALTH_DEGRADED},
        {NJ_HEALTH_DEGRADED, NJ_HEALTH_HEALTHY, NJ_HEALTH_DEGRADED},
        {NJ_HEALTH_UNKNOWN, NJ_HEALTH_HEALTHY, NJ_HEALTH_DEGRADED},
        {NJ_HEALTH_STOPPED, NJ_HEALTH_HEALTHY, NJ_HEALTH_UNHEALTHY},
        {NJ_HEALTH_UNHEALTHY, NJ_HEALTH_DEGRADED, NJ_HEALTH_UNHEALTHY},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_registry *registry = nj_registry_create();
        assert_non_null(registry);
        enum nj_health_status other = cases[i].other;
        enum nj_health_status critical = cases[i].critical;
        const struct nj_service_probe first = {"gpu_monitor", false, say, &other};
        const struct nj_service_probe second = {"detector", true, say, &critical};
        assert_int_equal(nj_registry_add_service(registry, &first), 0);
        assert_int_equal(nj_registry_add_service(registry, &second), 0);
        assert_int_equal(nj_registry_overall(registry), cases[i].overall);
        nj_registry_destroy(registry);
    }
}

static void probe_that_says_nothing_is_unknown(void **state)
{
    (void)state;
    struct nj_registry *registry = nj_registry_create();
    assert_non_null(registry);
    const struct nj_service_probe silent = {"silent", true, say_nothing, NULL};
    assert_int_equal(nj_registry_add_service(registry, &silent), 0);
    struct nj_health_report report;
    memset(&report, 'x', sizeof(report));
    bool critical = false;
    assert_string_equal(nj_registry_probe(registry, 0, &report, &critical), "silent");
    assert_true(critical);
    assert_int_equal(report.status, NJ_HEALTH_UNKNOWN);
    assert_string_equal(report.message, "");
    assert_string_equal(nj_health_status_name(report.status), "unknown");
    nj_registry_destroy(registry);
}

static void names_are_unique_and_order_is_kept(void **state)
{
    (void)state;
    static const char *const names[] = {"c", "a", "b", "d", "e", "f", "g", "h", "i", "j"};
    struct nj_registry *registry = nj_registry_create();
    assert_non_null(registry);
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        const struct nj_service_probe probe = {names[i], false, say_nothing, NULL};
        assert_int_equal(nj_registry_add_service(registry, &probe), 0);
        assert_int_equal(nj_registry_add_service(registry, &probe), NJ_E_EXISTS);
    }
    assert_int_equal(nj_registry_service_count(registry), NJ_COUNT_OF(names));
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        struct nj_health_report report;
        assert_string_equal(nj_registry_probe(registry, i, &report, NULL), names[i]);
    }
    nj_registry_destroy(registry);
    nj_registry_destroy(NULL);
}

static void breakers_are_found_by_name(void **state)
{
    (void)state;
    struct nj_fake_clock fake;
    nj_fake_clock_init(&fake, 0);
    const struct nj_breaker_options options = {"llm", 5, 30 * NJ_US_PER_S, 3, 2};
    struct nj_breaker *breaker = NULL;
    assert_int_equal(nj_breaker_create(&options, &fake.clock, &breaker), 0);
    struct nj_registry *registry = nj_registry_create();
    assert_non_null(registry);
    assert_null(nj_registry_find_breaker(registry, "llm"));
    assert_int_equal(nj_registry_add_breaker(registry, breaker), 0);
    assert_int_equal(nj_registry_add_breaker(registry, breaker), NJ_E_EXISTS);
    assert_int_equal(nj_registry_breaker_count(registry), 1);
    assert_ptr_equal(nj_registry_breaker(registry, 0), breaker);
    assert_ptr_equal(nj_registry_find_breaker(registry, "llm"), breaker);
    nj_registry_remove_breaker(registry, breaker);
    nj_registry_remove_breaker(registry, breaker);
    assert_int_equal(nj_registry_breaker_count(registry), 0);
    assert_null(nj_registry_find_breaker(registry, "llm"));
    nj_registry_destroy(registry);
    nj_breaker_destroy(breaker); // borrowed: still the caller's
}

int registry_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overall_is_the_worst_weighed_by_importance),
        cmocka_unit_test(probe_that_says_nothing_is_unknown),
        cmocka_unit_test(names_are_unique_and_order_is_kept),
        cmocka_unit_test(breakers_are_found_by_name),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
