// SPDX-License-Identifier: Apache-2.0
// The error record.
#include "util/error.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

int error_test(void);

static void set_returns_the_code_and_replaces_controls(void **state)
{
    (void)state;
    struct nj_error err;
    assert_int_equal(nj_error_set(&err, NJ_E_INVALID, "bad \"%s\"", "a\nb\x1b\xff\xc3\xa9"),
                     NJ_E_INVALID);
    assert_int_equal(err.code, NJ_E_INVALID);
    assert_string_equal(err.text, "bad \"a?b??\xc3\xa9\"");
    assert_int_equal(nj_error_set(NULL, NJ_E_FULL, "x"), NJ_E_FULL);
}

static void set_cuts_at_a_character(void **state)
{
    (void)state;
    struct nj_error err;
    char lengthy[NJ_ERROR_TEXT_MAX * 2];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(lengthy, 'a', shift);
        for (size_t i = shift; i + 3 < sizeof(lengthy); i += 3)
            memcpy(lengthy + i, "\xe2\x82\xac", 4); // U+20AC
        nj_error_set(&err, NJ_E_IO, "%s", lengthy);
        size_t length = strlen(err.text);
        assert_int_equal((length - shift) % 3, 0);
        assert_in_range(length, NJ_ERROR_TEXT_MAX - 4, NJ_ERROR_TEXT_MAX - 1);
        assert_null(strchr(err.text, '?'));
    }
}

static void set_may_quote_its_own_record(void **state)
{
    (void)state;
    struct nj_error err;
    nj_error_set(&err, NJ_E_IO, "inner");
    nj_error_set(&err, NJ_E_CORRUPT, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
}

static void prefix_keeps_code_and_text(void **state)
{
    (void)state;
    struct nj_error err;
    nj_error_set(&err, NJ_E_DENIED, "no");
    assert_int_equal(nj_error_prefix(&err, "file %d", 7), NJ_E_DENIED);
    assert_string_equal(err.text, "file 7: no");
    assert_int_equal(nj_error_prefix(NULL, "x"), NJ_E_INTERNAL);
}

static void errno_maps_to_the_code_a_caller_acts_on(void **state)
{
    (void)state;
    static const struct {
        int errno_value, code;
    } cases[] = {
        {ENOENT, NJ_E_NOT_FOUND}, {ENOSPC, NJ_E_FULL},  {EDQUOT, NJ_E_FULL}, {EACCES, NJ_E_DENIED},
        {EPERM, NJ_E_DENIED},     {EROFS, NJ_E_DENIED}, {EIO, NJ_E_IO},      {EBADF, NJ_E_IO},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_error err;
        assert_int_equal(nj_error_errno(&err, cases[i].errno_value, "open %s", "x"), cases[i].code);
        assert_int_equal(err.code, cases[i].code);
        assert_memory_equal(err.text, "open x: ", 8);
        assert_string_equal(err.text + 8, strerror(cases[i].errno_value));
        assert_int_equal(nj_error_errno(NULL, cases[i].errno_value, "x"), cases[i].code);
    }
}

static void every_code_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(nj_error_name(NJ_OK), "ok");
    assert_string_equal(nj_error_name(NJ_E_INVALID), "invalid");
    assert_string_equal(nj_error_name(NJ_E_FULL), "full");
    assert_string_equal(nj_error_name(NJ_E_CONFLICT), "conflict");
    assert_string_equal(nj_error_name(NJ_E_TOO_BIG), "too_big");
    assert_string_equal(nj_error_name(NJ_E_INTERNAL), "internal");
    assert_string_equal(nj_error_name(1), "unknown");
    assert_string_equal(nj_error_name(NJ_E_INTERNAL - 1), "unknown");
}

int error_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_returns_the_code_and_replaces_controls),
        cmocka_unit_test(set_cuts_at_a_character),
        cmocka_unit_test(set_may_quote_its_own_record),
        cmocka_unit_test(prefix_keeps_code_and_text),
        cmocka_unit_test(errno_maps_to_the_code_a_caller_acts_on),
        cmocka_unit_test(every_code_has_its_name),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
