// SPDX-License-Identifier: Apache-2.0
// Too many NAL units are seen, in both forms, and no packet is misread.
#include "frames/nal_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

int nal_count_test(void);

static void write_codes(uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        memcpy(out + 4 * i, "\0\0\1\x09", 4);
}

static void nals_are_counted_by_their_start_codes(void **state)
{
    static uint8_t bytes[4 * NJ_NALS_MAX + 8];
    const size_t size = sizeof bytes;
    (void)state;
    assert_true(nj_nals_fit(bytes, size));
    assert_true(nj_nals_fit(NULL, 0));
    for (size_t lead = 0; lead < 4; lead++) {
        memset(bytes, 0xff, size);
        write_codes(bytes + lead, NJ_NALS_MAX);
        assert_true(nj_nals_fit(bytes, size));
        memcpy(bytes + size - 3, "\0\0\1", 3);
        assert_false(nj_nals_fit(bytes, size));
        memcpy(bytes + size - 3, "\0\2\1", 3);
        assert_true(nj_nals_fit(bytes, size));
    }
}

static void nals_are_counted_by_their_lengths(void **state)
{
    static uint8_t bytes[(4 + 1) * (NJ_NALS_MAX + 1)];
    (void)state;
    for (unsigned length = 1; length <= 4; length++) {
        const size_t each = length + 1u;
        memset(bytes, 0, sizeof bytes);
        for (size_t i = 0; i <= NJ_NALS_MAX; i++)
            bytes[i * each + length - 1] = 1;
        assert_int_equal(nj_nals_count_lengths(bytes, NJ_NALS_MAX * each, length), NJ_NALS_MAX);
        assert_int_equal(nj_nals_count_lengths(bytes, sizeof bytes, length), NJ_NALS_MAX + 1);
    }
    memset(bytes, 0xff,
           sizeof bytes); // longer than all there is: one, and nothing behind it is read
    assert_int_equal(nj_nals_count_lengths(bytes, sizeof bytes, 4), 1);
    memset(bytes, 0, sizeof bytes); // empty ones count too
    assert_int_equal(nj_nals_count_lengths(bytes, sizeof bytes, 2), NJ_NALS_MAX + 1);
    assert_int_equal(nj_nals_count_lengths(bytes, 3, 4), 0);
    assert_int_equal(nj_nals_count_lengths(NULL, 0, 4), 0);
}

int nal_count_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nals_are_counted_by_their_start_codes),
        cmocka_unit_test(nals_are_counted_by_their_lengths),
    };
    return cmocka_run_group_tests_name("nal_count", tests, NULL, NULL);
}
