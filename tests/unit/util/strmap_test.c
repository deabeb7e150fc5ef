// SPDX-License-Identifier: Apache-2.0
// The hash map and its hash.
#include "util/strmap.h"

#include "util/mem.h"
#include "util/rng.h"
#include "util/siphash_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int strmap_test(void);

// From the authors' vectors: key 00..0f, message 00 01 02 ...
static void siphash_has_its_authors_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        uint64_t hash;
    } cases[] = {
        {0, 0x726fdb47dd0e0e31u}, {1, 0x74f839c593dc67fdu},  {7, 0xab0200f58b01d137u},
        {8, 0x93f5f5799a932462u}, {15, 0xa129ca6149be45e5u},
    };
    struct nj_siphash_key key = {{0x0706050403020100u, 0x0f0e0d0c0b0a0908u}};
    uint8_t message[16];
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++)
        assert_true(nj_siphash(key, message, cases[i].length) == cases[i].hash);
}

static void free_and_count(void *value)
{
    ++*(int *)value;
}

static void values_replaced_removed_and_left_are_freed_once(void **state)
{
    (void)state;
    int freed[3] = {0};
    struct nj_strmap *map = nj_strmap_create(free_and_count);
    assert_non_null(map);
    assert_null(nj_strmap_get(map, "a"));
    nj_strmap_remove(map, "a");
    assert_int_equal(nj_strmap_set(map, "a", &freed[0]), 0);
    assert_int_equal(nj_strmap_set(map, "a", &freed[0]), 0); // the same again is kept
    assert_int_equal(freed[0], 0);
    assert_int_equal(nj_strmap_set(map, "a", &freed[1]), 0);
    assert_int_equal(freed[0], 1);
    assert_int_equal(nj_strmap_set(map, "b", &freed[2]), 0);
    assert_int_equal(nj_strmap_count(map), 2);
    nj_strmap_remove(map, "b");
    nj_strmap_remove(map, "b");
    assert_int_equal(freed[2], 1);
    nj_strmap_destroy(map);
    assert_int_equal(freed[1], 1);
    nj_strmap_destroy(NULL);
}

static void keys_are_copied(void **state)
{
    (void)state;
    char key[] = "key";
    struct nj_strmap *map = nj_strmap_create(NULL);
    assert_non_null(map);
    assert_int_equal(nj_strmap_set(map, key, key), 0);
    key[0] = 'x';
    assert_ptr_equal(nj_strmap_get(map, "key"), key);
    assert_null(nj_strmap_get(map, "xey"));
    nj_strmap_destroy(map);
}

enum { KEYS = 300 };

static void check_against_array(const struct nj_strmap *map, const int *present)
{
    char key[16];
    size_t count = 0, iterated = 0, cursor = 0;
    const char *found;
    void *value;
    for (int k = 0; k < KEYS; k++) {
        snprintf(key, sizeof(key), "k%d", k);
        assert_ptr_equal(nj_strmap_get(map, key), present[k] ? &present[k] : NULL);
        count += present[k] != 0;
    }
    while (nj_strmap_next(map, &cursor, &found, &value)) {
        assert_ptr_equal(value, &present[atoi(found + 1)]);
        iterated++;
    }
    assert_int_equal(nj_strmap_count(map), count);
    assert_int_equal(iterated, count);
}

// Deletion moves entries: many mixed runs are compared with a plain array.
static void random_operations_agree_with_an_array(void **state)
{
    (void)state;
    int present[KEYS] = {0};
    struct nj_rng rng;
    nj_rng_seed(&rng, 3);
    struct nj_strmap *map = nj_strmap_create(NULL);
    assert_non_null(map);
    for (int step = 0; step < 20000; step++) {
        char key[16];
        int k = (int)nj_rng_below(&rng, KEYS);
        snprintf(key, sizeof(key), "k%d", k);
        if (nj_rng_below(&rng, 2)) {
            assert_int_equal(nj_strmap_set(map, key, &present[k]), 0);
            present[k] = 1;
        } else {
            nj_strmap_remove(map, key);
            present[k] = 0;
        }
        if (step % 500 == 0)
            check_against_array(map, present);
    }
    check_against_array(map, present);
    nj_strmap_destroy(map);
}

int strmap_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_has_its_authors_vectors),
        cmocka_unit_test(values_replaced_removed_and_left_are_freed_once),
        cmocka_unit_test(keys_are_copied),
        cmocka_unit_test(random_operations_agree_with_an_array),
    };
    return cmocka_run_group_tests_name("strmap", tests, NULL, NULL);
}
