// SPDX-License-Identifier: Apache-2.0
// Strict reading of foreign JSON.
#include "util/json_reader.h"

#include "tests/fake/temp_dir.h"
#include "util/file.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int json_reader_test(void);

static int parse(const char *text, json_t **out, struct nj_error *err)
{
    return nj_json_parse(text, strlen(text), 1 << 20, out, err);
}

static void refusals_say_where(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } cases[] = {
        {"", "line 1"},
        {"{\"a\":1,\"a\":2}", "duplicate object key"},
        {"{\"a\":1} x", "column 9"},
        {"{\n  \"a\": 1,\n}", "line 3, column 1"},
        {"\"\xff\"", "column"},
        {"\"\xed\xa0\x80\"", "column"},
        {"\"\\u0000\"", "column"},
        {"\"\\ud800\"", "column"},
        {"01", "column"},
        {"[1 2]", "column"},
        {"'a'", "column"},
        {"NaN", "column"},
        {"1e999", "column"},
        {"9223372036854775808", "column"},
        {"[1]//", "column"},
        {"\"a\nb\"", "line 1"},
        {"{\"s\":[{\"x\":1},{\"y\":[0,[1]],\"x\":9223372036854775808}]}", "s[1].x: bad JSON at"},
        {"{\"s\":{\"a\":\"],\\\"{\",\"b\":1e999}}", "s.b: bad JSON at"},
        {"{\"s\":[\"\",\"\\u0000\"]}", "s[1]: bad JSON at"},
        {"[[],[{},{\"k\":\"\xff\"}]]", "[1][1].k: bad JSON at"},
        {"{\"a\":{\"b\":1},\"a\":{}}", "a: bad JSON at"},
        {"{\"\n\":1}", "bad JSON at line 1"},
        {"{\"0123456789012345678901234567890123456789and more\":x}", "56789: bad JSON at"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        json_t *out = NULL;
        struct nj_error err = {0};
        assert_int_equal(parse(cases[i].text, &out, &err), NJ_E_INVALID);
        assert_null(out);
        assert_int_equal(err.code, NJ_E_INVALID);
        if (!strstr(err.text, cases[i].where))
            fail_msg("%s lacks %s", err.text, cases[i].where);
    }
}

static void embedded_nul_is_no_end_of_text(void **state)
{
    (void)state;
    json_t *out = NULL;
    assert_int_equal(nj_json_parse("[1]\0[2]", 7, 100, &out, NULL), NJ_E_INVALID);
    assert_int_equal(nj_json_parse("\"a\0b\"", 5, 100, &out, NULL), NJ_E_INVALID);
    assert_null(out);
}

static void whatever_rfc_8259_allows_at_the_top_is_taken(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "null", "true", " -0.5e1 ", "\"\\u00e9\\ud83d\\ude00\"", "[]", "{\"\":{}}",
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        json_t *out = NULL;
        assert_int_equal(parse(cases[i], &out, NULL), 0);
        json_decref(out);
    }
}

static void size_limit_counts_every_byte(void **state)
{
    (void)state;
    json_t *out = NULL;
    assert_int_equal(nj_json_parse("[1]", 3, 2, &out, NULL), NJ_E_TOO_BIG);
    assert_null(out);
    assert_int_equal(nj_json_parse("[1]", 3, 3, &out, NULL), 0);
    json_decref(out);
}

static void depth_limit_is_exact_and_blind_to_texts(void **state)
{
    (void)state;
    char text[400];
    struct nj_error err;
    json_t *out = NULL;
    for (int depth = NJ_JSON_DEPTH_MAX; depth <= NJ_JSON_DEPTH_MAX + 1; depth++) {
        text[0] = '\n'; // the brackets stand in line 2
        memset(text + 1, '[', (size_t)depth);
        memset(text + depth + 1, ']', (size_t)depth);
        text[2 * depth + 1] = '\0';
        int rc = parse(text, &out, &err);
        assert_int_equal(rc, depth > NJ_JSON_DEPTH_MAX ? NJ_E_TOO_BIG : 0);
        if (!rc)
            json_decref(out);
    }
    assert_non_null(strstr(err.text, "line 2, column 65"));
    text[0] = '"';
    memset(text + 1, '{', 200);
    memcpy(text + 201, "\\\"[\"", 5);
    assert_int_equal(parse(text, &out, &err), 0);
    json_decref(out);
}

static void members_are_typed_and_null_is_missing(void **state)
{
    (void)state;
    json_t *o = NULL;
    const char *text = "keep";
    int64_t integer = 5;
    double number = 5;
    bool flag = true;
    assert_int_equal(parse("{\"t\":\"x\",\"i\":-3,\"n\":2.5,\"f\":false,\"z\":null}", &o, NULL), 0);
    assert_int_equal(nj_json_get_text(o, "t", true, &text, NULL), 0);
    assert_string_equal(text, "x");
    assert_int_equal(nj_json_get_int(o, "i", true, &integer, NULL), 0);
    assert_int_equal(integer, -3);
    assert_int_equal(nj_json_get_number(o, "n", true, &number, NULL), 0);
    assert_true(number == 2.5);
    assert_int_equal(nj_json_get_number(o, "i", true, &number, NULL), 0);
    assert_true(number == -3);
    assert_int_equal(nj_json_get_bool(o, "f", true, &flag, NULL), 0);
    assert_false(flag);
    assert_int_equal(nj_json_get_text(o, "z", false, &text, NULL), 0);
    assert_int_equal(nj_json_get_text(o, "none", false, &text, NULL), 0);
    assert_string_equal(text, "x");
    json_decref(o);
}

static void wrong_members_are_named(void **state)
{
    (void)state;
    json_t *o = NULL;
    const char *text = "keep";
    int64_t integer = 5;
    double number = 5;
    bool flag = true;
    struct nj_error err;
    assert_int_equal(parse("{\"t\":1,\"i\":1.0,\"n\":\"1\",\"f\":0,\"z\":null}", &o, NULL), 0);
    assert_int_equal(nj_json_get_text(o, "t", false, &text, &err), NJ_E_INVALID);
    assert_non_null(strstr(err.text, "\"t\""));
    assert_int_equal(nj_json_get_int(o, "i", false, &integer, &err), NJ_E_INVALID);
    assert_int_equal(nj_json_get_number(o, "n", false, &number, &err), NJ_E_INVALID);
    assert_int_equal(nj_json_get_bool(o, "f", false, &flag, &err), NJ_E_INVALID);
    assert_int_equal(nj_json_get_text(o, "z", true, &text, &err), NJ_E_INVALID);
    assert_non_null(strstr(err.text, "\"z\" is missing"));
    assert_int_equal(nj_json_get_int(json_object_get(o, "t"), "a", false, &integer, &err),
                     NJ_E_INVALID);
    assert_string_equal(text, "keep");
    assert_int_equal(integer, 5);
    assert_true(number == 5 && flag);
    json_decref(o);
}

static void file_errors_name_the_file(void **state)
{
    (void)state;
    struct nj_temp_dir dir = {0};
    char path[NJ_TEMP_PATH_MAX];
    struct nj_error err;
    json_t *out = NULL;
    nj_temp_dir_init(&dir);
    nj_temp_dir_path(&dir, "a.json", path);
    assert_int_equal(nj_json_parse_file(path, 100, &out, &err), NJ_E_NOT_FOUND);
    assert_int_equal(nj_file_write_atomic(path, "[1,", 3, NULL), 0);
    assert_int_equal(nj_json_parse_file(path, 100, &out, &err), NJ_E_INVALID);
    assert_memory_equal(err.text, path, strlen(path));
    assert_int_equal(nj_json_parse_file(path, 2, &out, &err), NJ_E_TOO_BIG);
    assert_int_equal(nj_file_write_atomic(path, "[1]", 3, NULL), 0);
    assert_int_equal(nj_json_parse_file(path, 100, &out, &err), 0);
    assert_int_equal(json_array_size(out), 1);
    json_decref(out);
    nj_temp_dir_finish(&dir);
}

static int left; // allocations until one fails

static void *take_memory(size_t bytes)
{
    return left-- == 0 ? NULL : malloc(bytes);
}

// Who takes it for bad JSON throws away what was good.
static void end_of_memory_is_not_bad_json(void **state)
{
    (void)state;
    json_t *value = NULL;
    int failed = 0, rc = NJ_E_NOMEM;
    json_set_alloc_funcs(take_memory, free);
    while (rc == NJ_E_NOMEM) {
        left = failed;
        rc = parse("[1,2.5,{},[null,[7]]]", &value, NULL);
        failed += rc != 0;
    }
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(rc, 0);
    assert_true(failed > 5);
    json_decref(value);
}

int json_reader_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_say_where),
        cmocka_unit_test(embedded_nul_is_no_end_of_text),
        cmocka_unit_test(whatever_rfc_8259_allows_at_the_top_is_taken),
        cmocka_unit_test(size_limit_counts_every_byte),
        cmocka_unit_test(depth_limit_is_exact_and_blind_to_texts),
        cmocka_unit_test(members_are_typed_and_null_is_missing),
        cmocka_unit_test(wrong_members_are_named),
        cmocka_unit_test(end_of_memory_is_not_bad_json),
        cmocka_unit_test(file_errors_name_the_file),
    };
    return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
