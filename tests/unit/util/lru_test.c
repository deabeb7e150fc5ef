// SPDX-License-Identifier: Apache-2.0
// The bounded cache.
#include "util/lru.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

int lru_test(void);

static void put(struct nj_lru *lru, const char *key, const char *text, nj_us now_us)
{
    nj_lru_put(lru, key, text, strlen(text), now_us);
}

static bool holds(struct nj_lru *lru, const char *key, nj_us now_us)
{
    size_t length;
    return nj_lru_get(lru, key, now_us, &length) != NULL;
}

// How much one entry with a key of one character and a text of 100 costs.
static size_t cost_of_one(void)
{
    char text[101];
    struct nj_lru_stats stats;
    memset(text, 'x', 100);
    text[100] = '\0';
    struct nj_lru *lru = nj_lru_create(4096, 0);
    assert_non_null(lru);
    put(lru, "a", text, 0);
    nj_lru_get_stats(lru, &stats);
    nj_lru_destroy(lru);
    return stats.bytes;
}

static void forgets_the_longest_unused_when_bytes_run_out(void **state)
{
    (void)state;
    char text[101];
    memset(text, 'x', 100);
    text[100] = '\0';
    struct nj_lru *lru = nj_lru_create(2 * cost_of_one(), 0);
    assert_non_null(lru);
    put(lru, "a", text, 0);
    put(lru, "b", text, 0);
    assert_true(holds(lru, "a", 0));
    put(lru, "c", text, 0); // no room for three: b was not used since
    assert_false(holds(lru, "b", 0));
    assert_true(holds(lru, "a", 0));
    assert_true(holds(lru, "c", 0));
    nj_lru_destroy(lru);
}

static void gives_back_the_newest_bytes_with_a_nul(void **state)
{
    (void)state;
    struct nj_lru *lru = nj_lru_create(4096, 0);
    assert_non_null(lru);
    size_t length = 0;
    put(lru, "a", "first", 0);
    put(lru, "a", "2nd", 0);
    assert_string_equal(nj_lru_get(lru, "a", 0, &length), "2nd");
    assert_int_equal(length, 3);
    nj_lru_remove(lru, "a");
    assert_false(holds(lru, "a", 0));
    nj_lru_remove(lru, "a");
    nj_lru_destroy(lru);
}

static void what_is_bigger_than_the_cache_evicts_nothing(void **state)
{
    (void)state;
    char text[601];
    memset(text, 'x', 600);
    text[600] = '\0';
    struct nj_lru *lru = nj_lru_create(600, 0);
    assert_non_null(lru);
    put(lru, "a", "small", 0);
    put(lru, "b", text, 0);
    assert_false(holds(lru, "b", 0));
    assert_true(holds(lru, "a", 0));
    nj_lru_destroy(lru);
}

static void age_counts_from_the_put_and_not_from_use(void **state)
{
    (void)state;
    struct nj_lru *lru = nj_lru_create(4096, 100);
    assert_non_null(lru);
    put(lru, "a", "x", 0);
    assert_true(holds(lru, "a", 60));
    assert_true(holds(lru, "a", 100));
    assert_false(holds(lru, "a", 101));
    put(lru, "a", "x", 200);
    assert_true(holds(lru, "a", 300));
    nj_lru_destroy(lru);
}

static void statistics_count_what_happened(void **state)
{
    (void)state;
    struct nj_lru_stats stats;
    char text[101];
    memset(text, 'x', 100);
    text[100] = '\0';
    struct nj_lru *lru = nj_lru_create(cost_of_one(), 10);
    assert_non_null(lru);
    put(lru, "a", text, 0);
    put(lru, "b", text, 0);
    (void)holds(lru, "a", 0);
    (void)holds(lru, "b", 0);
    (void)holds(lru, "b", 11);
    nj_lru_get_stats(lru, &stats);
    assert_int_equal(stats.entries, 0);
    assert_int_equal(stats.bytes, 0);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 2);
    assert_int_equal(stats.evictions, 1);
    assert_int_equal(stats.expired, 1);
    nj_lru_destroy(lru);
}

int lru_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forgets_the_longest_unused_when_bytes_run_out),
        cmocka_unit_test(gives_back_the_newest_bytes_with_a_nul),
        cmocka_unit_test(what_is_bigger_than_the_cache_evicts_nothing),
        cmocka_unit_test(age_counts_from_the_put_and_not_from_use),
        cmocka_unit_test(statistics_count_what_happened),
    };
    return cmocka_run_group_tests_name("lru", tests, NULL, NULL);
}
