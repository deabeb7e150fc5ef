// SPDX-License-Identifier: Apache-2.0
// The growing buffer: limit, sticky failure, handing over.
#include "util/buf.h"

#include "util/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int buf_test(void);

static void appends_stay_terminated_while_growing(void **state)
{
    (void)state;
    struct nj_buf buf;
    nj_buf_init(&buf, 1 << 20);
    for (int i = 0; i < 5000; i++)
        nj_buf_printf(&buf, "%04d", i);
    assert_int_equal(buf.length, 20000);
    assert_int_equal(strlen(buf.data), 20000);
    assert_memory_equal(buf.data + 4 * 4999, "4999", 4);
    nj_buf_append_text(&buf, NULL);
    nj_buf_append(&buf, NULL, 0);
    assert_int_equal(buf.length, 20000);
    nj_buf_finish(&buf);
    assert_null(buf.data);
    nj_buf_finish(&buf);
    nj_buf_finish(NULL);
}

static void limit_is_met_exactly_and_failure_sticks(void **state)
{
    (void)state;
    struct nj_buf buf;
    nj_buf_init(&buf, 4);
    nj_buf_append_text(&buf, "abcd");
    assert_int_equal(nj_buf_failed(&buf), 0);
    nj_buf_append_char(&buf, 'e');
    assert_int_equal(nj_buf_failed(&buf), NJ_E_TOO_BIG);
    nj_buf_reset(&buf);
    nj_buf_printf(&buf, "%s", "abcde");
    assert_int_equal(nj_buf_failed(&buf), NJ_E_TOO_BIG);
    nj_buf_append_char(&buf, 'x');
    assert_int_equal(buf.length, 0);
    assert_null(nj_buf_take(&buf, NULL));
    nj_buf_reset(&buf);
    nj_buf_printf(&buf, "%s", "abcd");
    assert_string_equal(buf.data, "abcd");
    nj_buf_finish(&buf);
}

static void printf_that_just_does_not_fit_is_repeated_whole(void **state)
{
    (void)state;
    for (size_t first = 240; first < 270; first++) {
        struct nj_buf buf;
        nj_buf_init(&buf, 4096);
        for (size_t i = 0; i < first; i++)
            nj_buf_append_char(&buf, 'a');
        nj_buf_printf(&buf, "%s|%d", "0123456789", 42);
        assert_int_equal(buf.length, first + 13);
        assert_string_equal(buf.data + first, "0123456789|42");
        nj_buf_finish(&buf);
    }
}

static void consume_keeps_the_rest(void **state)
{
    (void)state;
    struct nj_buf buf;
    nj_buf_init(&buf, 100);
    nj_buf_consume(&buf, 3);
    nj_buf_append_text(&buf, "abcdef");
    nj_buf_consume(&buf, 2);
    assert_string_equal(buf.data, "cdef");
    nj_buf_consume(&buf, 100);
    assert_int_equal(buf.length, 0);
    assert_string_equal(buf.data, "");
    nj_buf_finish(&buf);
}

static void take_hands_over_and_leaves_an_empty_buffer(void **state)
{
    (void)state;
    struct nj_buf buf;
    size_t length = 0;
    nj_buf_init(&buf, 100);
    nj_buf_append_text(&buf, "abc");
    char *taken = nj_buf_take(&buf, &length);
    assert_string_equal(taken, "abc");
    assert_int_equal(length, 3);
    assert_null(buf.data);
    free(taken);
    taken = nj_buf_take(&buf, &length); // nothing written: an empty text, not a failure
    assert_string_equal(taken, "");
    free(taken);
}

static void room_is_written_in_place(void **state)
{
    (void)state;
    struct nj_buf buf;
    nj_buf_init(&buf, 300);
    char *room = nj_buf_room(&buf, 300);
    assert_non_null(room);
    memset(room, 'z', 300);
    nj_buf_commit(&buf, 2);
    assert_string_equal(buf.data, "zz");
    assert_null(nj_buf_room(&buf, 299));
    assert_int_equal(nj_buf_failed(&buf), NJ_E_TOO_BIG);
    nj_buf_finish(&buf);
}

int buf_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_stay_terminated_while_growing),
        cmocka_unit_test(limit_is_met_exactly_and_failure_sticks),
        cmocka_unit_test(printf_that_just_does_not_fit_is_repeated_whole),
        cmocka_unit_test(consume_keeps_the_rest),
        cmocka_unit_test(take_hands_over_and_leaves_an_empty_buffer),
        cmocka_unit_test(room_is_written_in_place),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
