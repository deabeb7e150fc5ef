// SPDX-License-Identifier: Apache-2.0
// Allocation helpers, the intrusive list and counted references.
#include "util/mem.h"

#include "util/error.h"
#include "util/list.h"
#include "util/ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

int mem_test(void);

static void reserve_doubles_and_refuses_overflow(void **state)
{
    (void)state;
    int *array = NULL;
    size_t capacity = 0;
    assert_int_equal(nj_array_reserve((void **)&array, &capacity, 1, sizeof(int)), 0);
    assert_in_range(capacity, 1, 64);
    size_t before = capacity;
    array[0] = 7;
    assert_int_equal(nj_array_reserve((void **)&array, &capacity, before, sizeof(int)), 0);
    assert_int_equal(capacity, before);
    assert_int_equal(nj_array_reserve((void **)&array, &capacity, before + 1, sizeof(int)), 0);
    assert_int_equal(capacity, before * 2);
    assert_int_equal(array[0], 7);
    int *kept = array;
    assert_int_equal(nj_array_reserve((void **)&array, &capacity, SIZE_MAX / 2, sizeof(int)),
                     NJ_E_NOMEM);
    assert_ptr_equal(array, kept);
    assert_int_equal(capacity, before * 2);
    free(array);
}

static void malloc_array_refuses_overflow(void **state)
{
    (void)state;
    assert_null(nj_malloc_array(SIZE_MAX / 2, 4));
    void *empty = nj_malloc_array(0, 8);
    assert_non_null(empty);
    free(empty);
}

static void copies_end_at_the_first_nul(void **state)
{
    (void)state;
    assert_null(nj_strdup(NULL));
    char *copy = nj_strndup("abcdef", 3);
    assert_string_equal(copy, "abc");
    free(copy);
    copy = nj_strndup("ab", 10);
    assert_string_equal(copy, "ab");
    free(copy);
}

static void list_keeps_order_and_tolerates_double_removal(void **state)
{
    (void)state;
    struct nj_list head, nodes[3];
    nj_list_init(&head);
    assert_true(nj_list_empty(&head));
    for (int i = 0; i < 3; i++)
        nj_list_append(&head, &nodes[i]);
    nj_list_remove(&nodes[1]);
    nj_list_remove(&nodes[1]);
    assert_ptr_equal(nj_list_pop(&head), &nodes[0]);
    assert_ptr_equal(nj_list_pop(&head), &nodes[2]);
    assert_null(nj_list_pop(&head));
}

static void last_reference_and_only_it_frees(void **state)
{
    (void)state;
    struct nj_ref ref;
    nj_ref_init(&ref);
    nj_ref_take(&ref);
    assert_false(nj_ref_drop(&ref));
    assert_true(nj_ref_drop(&ref));
}

int mem_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserve_doubles_and_refuses_overflow),
        cmocka_unit_test(malloc_array_refuses_overflow),
        cmocka_unit_test(copies_end_at_the_first_nul),
        cmocka_unit_test(list_keeps_order_and_tolerates_double_removal),
        cmocka_unit_test(last_reference_and_only_it_frees),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
