// SPDX-License-Identifier: Apache-2.0
// Hexadecimal, base64url and ISO 8601 times.
#include "util/text.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int text_codec_test(void);

static void hex_is_lower_case(void **state)
{
    (void)state;
    char out[9];
    nj_hex_encode("\x00\x7f\xab\xff", 4, out);
    assert_string_equal(out, "007fabff");
    nj_hex_encode(NULL, 0, out);
    assert_string_equal(out, "");
}

static void hex_digits_have_their_value_in_both_cases(void **state)
{
    (void)state;
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    for (int c = 0; c < 256; c++) {
        const char *at = memchr(lower, c, 16), *other = memchr(upper, c, 16);
        int expected = at ? (int)(at - lower) : other ? (int)(other - upper) : -1;
        assert_int_equal(nj_hex_value((char)c), expected);
    }
}

// RFC 4648 section 10 without padding, and the two characters that differ from base64.
static void base64url_has_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char text[16], bytes[16];
        size_t length = strlen(cases[i].bytes);
        size_t decoded = 99;
        nj_base64url_encode(cases[i].bytes, length, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(nj_base64url_decode(text, bytes, length, &decoded), 0);
        assert_int_equal(decoded, length);
        assert_memory_equal(bytes, cases[i].bytes, length);
    }
}

static void base64url_refuses_what_is_not_canonical(void **state)
{
    (void)state;
    static const char *const cases[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm9v ", "Zm\n9"};
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char out[8] = "keep";
        size_t length = 99;
        assert_int_equal(nj_base64url_decode(cases[i], out, sizeof(out), &length), NJ_E_INVALID);
        assert_int_equal(length, 99);
        assert_string_equal(out, "keep");
    }
    char small[2];
    size_t length;
    assert_int_equal(nj_base64url_decode("Zm9v", small, sizeof(small), &length), NJ_E_INVALID);
}

// Seconds from `date -u -d <time> +%s`.
static void iso_time_formats_and_parses_back(void **state)
{
    (void)state;
    static const struct {
        nj_us wall_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1769250600123456, "2026-01-24T10:30:00.123456Z"},
        {951782400000000, "2000-02-29T00:00:00.000000Z"},
        {4107542399999999, "2100-02-28T23:59:59.999999Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char out[NJ_ISO_TIME_SIZE];
        nj_us back = 99;
        nj_time_format_iso(cases[i].wall_us, out);
        assert_string_equal(out, cases[i].text);
        assert_int_equal(nj_time_parse_iso(out, &back), 0);
        assert_int_equal(back, cases[i].wall_us);
    }
    char out[NJ_ISO_TIME_SIZE];
    nj_time_format_iso(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999999Z");
    nj_time_format_iso(INT64_MIN, out);
    assert_string_equal(out, "0000-01-01T00:00:00.000000Z");
}

static void iso_time_accepts_its_variants(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        nj_us wall_us;
    } cases[] = {
        {"2026-01-24", 1769212800000000},
        {"2026-01-24T10:30", 1769250600000000},
        {"2026-01-24 10:30:00", 1769250600000000},
        {"2026-01-24T10:30:00.5Z", 1769250600500000},
        {"2026-01-24T10:30:00.123456789Z", 1769250600123456},
        {"2026-01-24T10:30:00+01:00", 1769247000000000},
        {"2026-01-24T10:30:00-05:30", 1769270400000000},
        {"2026-01-24T10:29:60Z", 1769250600000000},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        nj_us out = 99;
        assert_int_equal(nj_time_parse_iso(cases[i].text, &out), 0);
        assert_int_equal(out, cases[i].wall_us);
    }
}

static void iso_time_refuses_what_is_no_time(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-13-01",
        "2026-00-10",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-01-24T",
        "2026-01-24T24:00:00",
        "2026-01-24T10:60",
        "2026-01-24T10:30:61",
        "2026-01-24T10:30:00.",
        "2026-01-24T10:30:00 Z",
        "2026-01-24T10:30:00.1234567890Z",
        "2026-01-24T10:30:00Zx",
        "2026-01-24T10:30:00+0100",
        "2026-01-24x",
        "26-01-24",
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        nj_us out = 99;
        assert_int_equal(nj_time_parse_iso(cases[i], &out), NJ_E_INVALID);
        assert_int_equal(out, 99);
    }
}

int text_codec_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_is_lower_case),
        cmocka_unit_test(hex_digits_have_their_value_in_both_cases),
        cmocka_unit_test(base64url_has_the_vectors_of_rfc_4648),
        cmocka_unit_test(base64url_refuses_what_is_not_canonical),
        cmocka_unit_test(iso_time_formats_and_parses_back),
        cmocka_unit_test(iso_time_accepts_its_variants),
        cmocka_unit_test(iso_time_refuses_what_is_no_time),
    };
    return cmocka_run_group_tests_name("text_codec", tests, NULL, NULL);
}
