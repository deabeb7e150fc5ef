// SPDX-License-Identifier: Apache-2.0
// Templates: what is filled in, in which form, and what is refused with which words.
#include "archives/template.h"

#include "util/json_reader.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int template_test(void);

static struct nj_value lookup(const void *context, const char *name)
{
    static const struct {
        const char *name;
        struct nj_value value;
    } known[] = {
        {"session_id", {.kind = NJ_VALUE_TEXT, .text = "s-1"}},
        {"quoted", {.kind = NJ_VALUE_TEXT, .text = "a\"b\\c\nd{e}"}},
        {"empty", {.kind = NJ_VALUE_TEXT, .text = ""}},
        {"nothing", {.kind = NJ_VALUE_TEXT, .text = NULL}},
        {"confidence", {.kind = NJ_VALUE_NUMBER, .number = 0.875}},
        {"timestamp_ms", {.kind = NJ_VALUE_NUMBER, .number = 1757715366000}},
        {"yes", {.kind = NJ_VALUE_BOOL, .truth = true}},
        {"car_brand_cls_v1.brand", {.kind = NJ_VALUE_TEXT, .text = "Honda"}},
    };
    (void)context;
    for (size_t i = 0; i < NJ_COUNT_OF(known); i++) {
        if (strcmp(known[i].name, name) == 0)
            return known[i].value;
    }
    return (struct nj_value){.kind = NJ_VALUE_NONE};
}
static const struct nj_values values = {lookup, NULL};

static const struct {
    const char *text;
    enum nj_template_form form;
    const char *filled;
} fills[] = {
    {"", NJ_TEMPLATE_PLAIN, ""},
    {"no name", NJ_TEMPLATE_PLAIN, "no name"},
    {"inference:{session_id}:{car_brand_cls_v1.brand}", NJ_TEMPLATE_PLAIN, "inference:s-1:Honda"},
    {"{{{session_id}}}", NJ_TEMPLATE_PLAIN, "{s-1}"},
    {"}}{{", NJ_TEMPLATE_PLAIN, "}{"},
    {"{{session_id}}", NJ_TEMPLATE_PLAIN, "{session_id}"},
    {"{quoted}", NJ_TEMPLATE_PLAIN, "a\"b\\c\nd{e}"}, // a value is no template
    {"{confidence}/{timestamp_ms}/{yes}/{empty}{nothing}", NJ_TEMPLATE_PLAIN,
     "0.875/1757715366000/true/"},
    // The upstream sample: JSON's own braces stand once, names inside of quotes.
    {"{\"event\":\"seen\",\"session_id\":\"{session_id}\",\"x\":{\"y\":{\"z\":1}}}",
     NJ_TEMPLATE_JSON, "{\"event\":\"seen\",\"session_id\":\"s-1\",\"x\":{\"y\":{\"z\":1}}}"},
    {"{\"a\":\"{quoted}\"}", NJ_TEMPLATE_JSON, "{\"a\":\"a\\\"b\\\\c\\nd{e}\"}"},
    {"{\"a\":{quoted}}", NJ_TEMPLATE_JSON, "{\"a\":\"a\\\"b\\\\c\\nd{e}\"}"},
    {"{\"a\":{confidence},\"b\":{yes},\"c\":{nothing},\"d\":\"{confidence} {yes}{nothing}\"}",
     NJ_TEMPLATE_JSON, "{\"a\":0.875,\"b\":true,\"c\":null,\"d\":\"0.875 true\"}"},
    {"[{\"ms\":{timestamp_ms}}]", NJ_TEMPLATE_JSON, "[{\"ms\":1757715366000}]"},
    {"{}", NJ_TEMPLATE_JSON, "{}"},
    {"[]", NJ_TEMPLATE_JSON, "[]"},
    // Braces written twice everywhere: the same JSON.
    {"{{\"a\":\"{session_id}\",\"b\":{confidence}}}", NJ_TEMPLATE_JSON,
     "{\"a\":\"s-1\",\"b\":0.875}"},
    // A quote behind a backslash ends no text.
    {"{\"a\\\"{session_id}\":\"{{\"}", NJ_TEMPLATE_JSON, "{\"a\\\"s-1\":\"{\"}"},
    {"{\"{session_id}\":1,\"{empty}\":2}", NJ_TEMPLATE_JSON, "{\"s-1\":1,\"\":2}"},
};

static void names_are_filled_in_by_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(fills); i++) {
        struct nj_template *template_ = NULL;
        struct nj_error err = {0};
        struct nj_buf out;
        nj_buf_init(&out, 4096);
        nj_buf_append_text(&out, "> ");
        if (nj_template_parse(fills[i].text, &template_, &err) != 0)
            fail_msg("'%s': %s", fills[i].text, err.text);
        assert_int_equal(nj_template_is_json(template_), fills[i].form == NJ_TEMPLATE_JSON);
        assert_int_equal(nj_template_fill(template_, &values, fills[i].form, &out, &err), 0);
        assert_string_equal(out.data + 2, fills[i].filled);
        nj_template_destroy(template_);
        nj_buf_finish(&out);
    }
}

static const struct {
    const char *text, *says;
} mistakes[] = {
    {"{", "byte 1: '{' is not closed"},
    {"abc {session_id", "byte 5: '{' is not closed"},
    {"}", "byte 1: '}' closes nothing"},
    {"a}b", "byte 2: '}' closes nothing"},
    {"{}x", "byte 1: '{}' has no name"},
    {"{a{b}}", "byte 3: '{' inside a name"},
    {"{{a}", "byte 4: '}' closes nothing"},
    {"{a b}", "byte 2: this is no name"},
    {"{a.b.c}", "byte 2: this is no name"},
    {"{.a}", "byte 2: this is no name"},
    {"{a.}", "byte 2: this is no name"},
    {"{a;DROP TABLE x}", "byte 2: this is no name"},
    {"{\xc3\xa4}", "byte 2: this is no name"},
    {"{\"a\":{session_id}", "with numbers for its names: a: bad JSON at line 1"},
    {"{\"a\":\"{b c}\"}", "byte 8: this is no name"},
    {"{\"a\":1}}", "bad JSON"},
    {"{\"a\":01}", "bad JSON"},
    {"{\"a\":1,\"a\":2}", "bad JSON"},
    {"{{\"a\":}}", "bad JSON"},
    {"{\"a\":{confidence}1}", "with texts for its names: a: bad JSON"}, // beside a digit
    {"{\"a\":-{confidence}}", "with texts for its names: a: bad JSON"},
    {"{{session_id}:1,\"a\":2}", "at byte 13"}, // a member's name stands in quotes
    {"{\"b\":1,{session_id}:2}", "with numbers for its names: b: bad JSON"},
};

static void each_mistake_names_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(mistakes); i++) {
        struct nj_template *template_ = NULL;
        struct nj_error err = {0};
        const int rc = nj_template_parse(mistakes[i].text, &template_, &err);
        if (rc != NJ_E_INVALID || strstr(err.text, mistakes[i].says) == NULL)
            fail_msg("'%s' gives %d: %s", mistakes[i].text, rc, err.text);
        assert_null(template_);
    }
}

static void limits_are_refused_and_what_just_fits_is_not(void **state)
{
    (void)state;
    static char text[NJ_TEMPLATE_MAX + 2];
    struct nj_template *template_ = NULL;
    struct nj_error err = {0};
    memset(text, 'a', NJ_TEMPLATE_MAX + 1);
    assert_int_equal(nj_template_parse(text, &template_, &err), NJ_E_TOO_BIG);
    text[NJ_TEMPLATE_MAX] = '\0';
    assert_int_equal(nj_template_parse(text, &template_, &err), 0);
    nj_template_destroy(template_);

    text[0] = '{'; // a name of the longest kind, and one longer
    text[NJ_TEMPLATE_NAME_SIZE] = '}';
    text[NJ_TEMPLATE_NAME_SIZE + 1] = '\0';
    assert_int_equal(nj_template_parse(text, &template_, &err), 0);
    nj_template_destroy(template_);
    text[NJ_TEMPLATE_NAME_SIZE] = 'a';
    text[NJ_TEMPLATE_NAME_SIZE + 1] = '}';
    text[NJ_TEMPLATE_NAME_SIZE + 2] = '\0';
    assert_int_equal(nj_template_parse(text, &template_, &err), NJ_E_TOO_BIG);

    text[0] = '\0';
    for (size_t i = 0; i < NJ_TEMPLATE_NAMES_MAX; i++)
        memcpy(text + 3 * i, "{n}", 4);
    assert_int_equal(nj_template_parse(text, &template_, &err), 0);
    assert_int_equal(nj_template_name_count(template_), NJ_TEMPLATE_NAMES_MAX);
    nj_template_destroy(template_);
    memcpy(text + (size_t)3 * NJ_TEMPLATE_NAMES_MAX, "{n}", 4);
    assert_int_equal(nj_template_parse(text, &template_, &err), NJ_E_TOO_BIG);
    assert_non_null(strstr(err.text, "more than 64 names"));
}

static void a_name_without_value_leaves_nothing_behind(void **state)
{
    (void)state;
    struct nj_template *template_ = NULL;
    struct nj_error err = {0};
    struct nj_buf out;
    nj_buf_init(&out, 4096);
    nj_buf_append_text(&out, "before");
    assert_int_equal(nj_template_parse("x{session_id}y{absent}{also}", &template_, NULL), 0);
    assert_int_equal(nj_template_fill(template_, &values, NJ_TEMPLATE_PLAIN, &out, &err),
                     NJ_E_NOT_FOUND);
    assert_string_equal(err.text, "no value for 'absent'");
    assert_string_equal(out.data, "before");
    assert_int_equal(out.length, 6);
    nj_template_destroy(template_);
    nj_buf_finish(&out);
}

static void a_full_buffer_is_told_and_left_as_it_was(void **state)
{
    (void)state;
    struct nj_template *template_ = NULL;
    struct nj_error err = {0};
    struct nj_buf out;
    nj_buf_init(&out, 6);
    nj_buf_append_text(&out, "abc");
    assert_int_equal(nj_template_parse("{\"a\":\"{quoted}\"}", &template_, NULL), 0);
    assert_int_equal(nj_template_fill(template_, &values, NJ_TEMPLATE_JSON, &out, &err),
                     NJ_E_TOO_BIG);
    assert_string_equal(out.data, "abc");
    nj_template_destroy(template_);
    nj_buf_finish(&out);
}

static void one_name_alone_keeps_its_type(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum nj_value_kind kind;
        const char *as_text;
    } cases[] = {
        {"{confidence}", NJ_VALUE_NUMBER, NULL},
        {"{yes}", NJ_VALUE_BOOL, NULL},
        {"{session_id}", NJ_VALUE_TEXT, "s-1"},
        {"{confidence}!", NJ_VALUE_TEXT, "0.875!"},
        {"{session_id}{empty}", NJ_VALUE_TEXT, "s-1"},
        {"fixed", NJ_VALUE_TEXT, "fixed"},
        {"", NJ_VALUE_TEXT, ""},
    };
    struct nj_buf scratch;
    nj_buf_init(&scratch, 4096);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_template *template_ = NULL;
        struct nj_value value = {.number = -1};
        assert_int_equal(nj_template_parse(cases[i].text, &template_, NULL), 0);
        assert_int_equal(nj_template_value(template_, &values, &scratch, &value, NULL), 0);
        assert_int_equal(value.kind, cases[i].kind);
        if (cases[i].as_text != NULL)
            assert_string_equal(value.text, cases[i].as_text);
        if (value.kind == NJ_VALUE_NUMBER)
            assert_float_equal(value.number, 0.875, 0);
        nj_template_destroy(template_);
    }
    nj_buf_finish(&scratch);
}

static void only_the_whole_text_is_now(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_now;
    } cases[] = {{"NOW()", true},
                 {"now()", false},
                 {" NOW()", false},
                 {"{session_id}", false},
                 {"NOW() {a}", false}};
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_template *template_ = NULL;
        assert_int_equal(nj_template_parse(cases[i].text, &template_, NULL), 0);
        assert_int_equal(nj_template_is_now(template_), cases[i].is_now);
        nj_template_destroy(template_);
    }
}

int template_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_filled_in_by_form),
        cmocka_unit_test(each_mistake_names_its_place),
        cmocka_unit_test(limits_are_refused_and_what_just_fits_is_not),
        cmocka_unit_test(a_name_without_value_leaves_nothing_behind),
        cmocka_unit_test(a_full_buffer_is_told_and_left_as_it_was),
        cmocka_unit_test(one_name_alone_keeps_its_type),
        cmocka_unit_test(only_the_whole_text_is_now),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
