// SPDX-License-Identifier: Apache-2.0
// Latency: percentiles by nearest rank, over the newest samples only.
#include "health/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

int latency_test(void);

static void empty_stage_is_all_zero(void **state)
{
    (void)state;
    struct nj_latency *latency = nj_latency_create();
    assert_non_null(latency);
    struct nj_latency_summary summary = {.count = 7};
    nj_latency_get(latency, NJ_STAGE_DETECT, &summary);
    assert_int_equal(summary.count, 0);
    assert_true(summary.p99_ms == 0);
    nj_latency_destroy(latency);
    nj_latency_destroy(NULL);
}

static void one_to_hundred_ms_gives_its_ranks(void **state)
{
    (void)state;
    struct nj_latency *latency = nj_latency_create();
    assert_non_null(latency);
    // In an order that is not sorted: 37 and 101 have no common divisor.
    for (int i = 1; i <= 100; i++)
        nj_latency_add(latency, NJ_STAGE_ANALYZE, (i * 37 % 101) * (nj_us)NJ_US_PER_MS);
    struct nj_latency_summary summary;
    nj_latency_get(latency, NJ_STAGE_ANALYZE, &summary);
    // By hand: nearest rank of n = 100 is the percentile's own number; mean (1 + 100) / 2.
    assert_int_equal(summary.count, 100);
    assert_true(summary.min_ms == 1);
    assert_true(summary.max_ms == 100);
    assert_true(summary.avg_ms == 50.5);
    assert_true(summary.p50_ms == 50);
    assert_true(summary.p95_ms == 95);
    assert_true(summary.p99_ms == 99);
    nj_latency_destroy(latency);
}

static void one_sample_is_every_percentile(void **state)
{
    (void)state;
    struct nj_latency *latency = nj_latency_create();
    assert_non_null(latency);
    nj_latency_add(latency, NJ_STAGE_DETECT, 1500);
    struct nj_latency_summary summary;
    nj_latency_get(latency, NJ_STAGE_DETECT, &summary);
    assert_true(summary.p50_ms == 1.5);
    assert_true(summary.p99_ms == 1.5);
    nj_latency_destroy(latency);
}

static void window_forgets_the_oldest_beyond_a_thousand(void **state)
{
    (void)state;
    struct nj_latency *latency = nj_latency_create();
    assert_non_null(latency);
    nj_latency_add(latency, NJ_STAGE_DETECT, 3600 * (nj_us)NJ_US_PER_S);
    for (int i = 0; i < 1000; i++)
        nj_latency_add(latency, NJ_STAGE_DETECT, 2 * NJ_US_PER_MS);
    struct nj_latency_summary summary;
    nj_latency_get(latency, NJ_STAGE_DETECT, &summary);
    assert_int_equal(summary.count, 1000);
    assert_true(summary.max_ms == 2);
    nj_latency_destroy(latency);
}

static void stages_do_not_mix_and_foreign_samples_are_dropped(void **state)
{
    (void)state;
    struct nj_latency *latency = nj_latency_create();
    assert_non_null(latency);
    nj_latency_add(latency, NJ_STAGE_DETECT, 1000);
    nj_latency_add(latency, NJ_STAGE_ANALYZE, -1);
    nj_latency_add(latency, NJ_STAGE_COUNT, 1000);
    struct nj_latency_summary summary;
    nj_latency_get(latency, NJ_STAGE_ANALYZE, &summary);
    assert_int_equal(summary.count, 0);
    nj_latency_get(latency, NJ_STAGE_COUNT, &summary);
    assert_int_equal(summary.count, 0);
    assert_string_equal(nj_stage_name(NJ_STAGE_BATCH_TO_ANALYZE), "batch_to_analyze");
    assert_string_equal(nj_stage_name(NJ_STAGE_COUNT), "unknown");
    nj_latency_destroy(latency);
}

int latency_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_stage_is_all_zero),
        cmocka_unit_test(one_to_hundred_ms_gives_its_ranks),
        cmocka_unit_test(one_sample_is_every_percentile),
        cmocka_unit_test(window_forgets_the_oldest_beyond_a_thousand),
        cmocka_unit_test(stages_do_not_mix_and_foreign_samples_are_dropped),
    };
    return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
