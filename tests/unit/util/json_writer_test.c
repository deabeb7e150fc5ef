// SPDX-License-Identifier: Apache-2.0
// The append-only JSON writer; jansson reads back what it wrote.
#include "util/json_writer.h"

#include "util/error.h"
#include "util/mem.h"
#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int json_writer_test(void);

struct fixture {
    struct nj_buf buf;
    struct nj_json_writer writer;
};

static void start(struct fixture *f)
{
    nj_buf_init(&f->buf, 1 << 20);
    nj_json_init(&f->writer, &f->buf);
}

static void nesting_keeps_its_own_commas(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    nj_json_object_begin(&f.writer, NULL);
    nj_json_int(&f.writer, "a", 1);
    nj_json_array_begin(&f.writer, "b");
    nj_json_bool(&f.writer, NULL, true);
    nj_json_object_begin(&f.writer, NULL);
    nj_json_object_end(&f.writer);
    nj_json_null(&f.writer, NULL);
    nj_json_array_end(&f.writer);
    nj_json_text(&f.writer, "c", NULL);
    nj_json_text_n(&f.writer, "d", "xyz", 2);
    nj_json_raw(&f.writer, "e", "[1]", 3);
    nj_json_bool(&f.writer, "f", false);
    nj_json_object_end(&f.writer);
    assert_string_equal(f.buf.data, "{\"a\":1,\"b\":[true,{},null],\"c\":null,\"d\":\"xy\","
                                    "\"e\":[1],\"f\":false}");
    nj_buf_finish(&f.buf);
}

static void texts_are_escaped_and_broken_bytes_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c/", "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"\xc3\xa9\xf0\x9f\x98\x80z", "\"\xc3\xa9\xf0\x9f\x98\x80z\""},
        {"a\xff\xc3", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct fixture f;
        start(&f);
        nj_json_text(&f.writer, NULL, cases[i].text);
        assert_string_equal(f.buf.data, cases[i].json);
        nj_buf_finish(&f.buf);
    }
    struct fixture f;
    start(&f);
    nj_json_object_begin(&f.writer, NULL);
    nj_json_text_n(&f.writer, "k\"", "\0", 1);
    nj_json_object_end(&f.writer);
    assert_string_equal(f.buf.data, "{\"k\\\"\":\"\\u0000\"}");
    nj_buf_finish(&f.buf);
}

static void integers_have_their_extremes(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    nj_json_array_begin(&f.writer, NULL);
    nj_json_int(&f.writer, NULL, 0);
    nj_json_int(&f.writer, NULL, INT64_MAX);
    nj_json_int(&f.writer, NULL, INT64_MIN);
    nj_json_array_end(&f.writer);
    assert_string_equal(f.buf.data, "[0,9223372036854775807,-9223372036854775808]");
    nj_buf_finish(&f.buf);
}

static void numbers_are_short(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *json;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0.0"},
        {1, "1"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {0.000001, "0.000001"},
        {-0.05, "-0.05"},
        {123456.789, "123456.789"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e22, "1e+22"},
        {5e-324, "4.94065645841247e-324"},
        {1e-7, "1e-07"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {NAN, "null"},
        {INFINITY, "null"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct fixture f;
        start(&f);
        nj_json_number(&f.writer, NULL, cases[i].value);
        assert_string_equal(f.buf.data, cases[i].json);
        nj_buf_finish(&f.buf);
    }
}

static double random_double(struct nj_rng *rng, int kind)
{
    uint64_t bits = nj_rng_next(rng);
    double value;
    if (kind == 0)
        return (double)(int64_t)(bits >> 20) / 1000.0;
    if (kind == 1)
        return (double)(bits >> 40) / 1e6;
    memcpy(&value, &bits, sizeof(value));
    return isfinite(value) ? value : 0.5;
}

static void numbers_read_back_bit_for_bit(void **state)
{
    (void)state;
    struct nj_rng rng;
    struct fixture f;
    nj_rng_seed(&rng, 11);
    start(&f);
    for (int i = 0; i < 30000; i++) {
        double value = random_double(&rng, i % 3);
        nj_buf_reset(&f.buf);
        nj_json_number(&f.writer, NULL, value);
        double back = strtod(f.buf.data, NULL);
        assert_memory_equal(&back, &value, sizeof(value));
    }
    nj_buf_finish(&f.buf);
}

static void fixed_rounds_and_drops_zeros(void **state)
{
    (void)state;
    static const struct {
        double value;
        int digits;
        const char *json;
    } cases[] = {
        {0.87654, 3, "0.877"}, {0.5, 3, "0.5"},          {-0.0004, 3, "0"},
        {2, 2, "2"},           {-1.25, 1, "-1.3"},       {99.9996, 3, "100"},
        {0.05, 2, "0.05"},     {NAN, 2, "null"},         {1e17, 2, "1e+17"},
        {1.5, 0, "2"},         {(double)0.9f, 4, "0.9"}, {0.123456789, 99, "0.123456789"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct fixture f;
        start(&f);
        nj_json_fixed(&f.writer, NULL, cases[i].value, cases[i].digits);
        assert_string_equal(f.buf.data, cases[i].json);
        nj_buf_finish(&f.buf);
    }
}

static void time_before_the_epoch_is_null(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    nj_json_array_begin(&f.writer, NULL);
    nj_json_time(&f.writer, NULL, 0);
    nj_json_time(&f.writer, NULL, 1769250600123456);
    nj_json_array_end(&f.writer);
    assert_string_equal(f.buf.data, "[null,\"2026-01-24T10:30:00.123456Z\"]");
    nj_buf_finish(&f.buf);
}

static void depth_beyond_the_maximum_fails_the_buffer(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    for (int i = 0; i < NJ_JSON_WRITER_DEPTH_MAX; i++)
        nj_json_array_begin(&f.writer, NULL);
    assert_int_equal(nj_buf_failed(&f.buf), 0);
    nj_json_array_begin(&f.writer, NULL);
    assert_int_equal(nj_buf_failed(&f.buf), NJ_E_TOO_BIG);
    for (int i = 0; i < NJ_JSON_WRITER_DEPTH_MAX + 2; i++)
        nj_json_array_end(&f.writer);
    nj_buf_finish(&f.buf);
}

// Random bytes as texts: jansson accepts every line, and clean texts come back unchanged.
static void any_bytes_become_json_that_a_strict_reader_takes(void **state)
{
    (void)state;
    struct nj_rng rng;
    struct fixture f;
    nj_rng_seed(&rng, 5);
    start(&f);
    for (int i = 0; i < 3000; i++) {
        char text[24];
        size_t length = nj_rng_below(&rng, sizeof(text));
        for (size_t k = 0; k < length; k++)
            text[k] = (char)(1 + nj_rng_below(&rng, i % 2 ? 127 : 255));
        nj_buf_reset(&f.buf);
        nj_json_init(&f.writer, &f.buf);
        nj_json_text_n(&f.writer, NULL, text, length);
        json_t *back = json_loadb(f.buf.data, f.buf.length, JSON_DECODE_ANY, NULL);
        assert_non_null(back);
        if (i % 2) {
            assert_int_equal(json_string_length(back), length);
            assert_memory_equal(json_string_value(back), text, length);
        }
        json_decref(back);
    }
    nj_buf_finish(&f.buf);
}

int json_writer_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_keeps_its_own_commas),
        cmocka_unit_test(texts_are_escaped_and_broken_bytes_replaced),
        cmocka_unit_test(integers_have_their_extremes),
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(numbers_read_back_bit_for_bit),
        cmocka_unit_test(fixed_rounds_and_drops_zeros),
        cmocka_unit_test(time_before_the_epoch_is_null),
        cmocka_unit_test(depth_beyond_the_maximum_fails_the_buffer),
        cmocka_unit_test(any_bytes_become_json_that_a_strict_reader_takes),
    };
    return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
