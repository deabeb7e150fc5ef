// SPDX-License-Identifier: Apache-2.0
// Texts: copying, UTF-8, numbers, likeness, ids, patterns.
#include "util/text.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int text_test(void);

static void copy_cuts_at_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *text, *copied;
        size_t size;
        bool whole;
    } cases[] = {
        {"abc", "abc", 4, true},
        {"abc", "ab", 3, false},
        {"a\xc3\xa9", "a", 3, false},
        {"a\xc3\xa9", "a\xc3\xa9", 4, true},
        {"\xf0\x9f\x98\x80", "", 4, false},
        {"abc", "", 1, false},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char out[8] = "#######";
        assert_int_equal(nj_text_copy(out, cases[i].size, cases[i].text), cases[i].whole);
        assert_string_equal(out, cases[i].copied);
    }
}

static void comparison_ignores_ascii_case_only(void **state)
{
    (void)state;
    assert_true(nj_text_equal_nocase("Content-TYPE", "content-type"));
    assert_false(nj_text_equal_nocase("abc", "ab"));
    assert_false(nj_text_equal_nocase("ab", "abc"));
    assert_false(nj_text_equal_nocase("[", "{")); // 32 apart, as a letter and its capital
    assert_true(nj_text_ends_with_nocase("photo.JPG", ".jpg"));
    assert_false(nj_text_ends_with_nocase("jpg", ".jpg"));
}

// Well-formed byte sequences of Unicode, table 3-7.
static void utf8_follows_table_3_7(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false},             // continuation first
        {"\xc0\xaf", false},         // overlong
        {"\xc1\xbf", false},         // overlong
        {"\xe0\x9f\xbf", false},     // overlong
        {"\xed\xa0\x80", false},     // surrogate
        {"\xf0\x8f\xbf\xbf", false}, // overlong
        {"\xf4\x90\x80\x80", false}, // beyond U+10FFFF
        {"\xf5\x80\x80\x80", false},
        {"\xe2\x82", false}, // cut
        {"a\xc3", false},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++)
        assert_int_equal(nj_utf8_valid(cases[i].text, strlen(cases[i].text)), cases[i].valid);
}

static void printable_shows_no_control_and_no_broken_byte(void **state)
{
    (void)state;
    char out[16];
    nj_text_printable(out, sizeof(out), "a\x01\x7f\xc2\x85\xffz\xc3\xa9");
    assert_string_equal(out, "a????z\xc3\xa9");
    nj_text_printable(out, 4, "ab\xc3\xa9");
    assert_string_equal(out, "ab");
}

static void printable_lets_no_name_turn_the_order_of_writing(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"a\u202egpj.exe", "a?gpj.exe"}, {"a\u202a\u202bz", "a??z"},
        {"a\u2066\u2069z", "a??z"},      {"a\u2028z", "a?z"},
        {"a\u2027z", "a\u2027z"},        {"a\u202fz", "a\u202fz"},
        {"a\u2065z", "a\u2065z"},        {"a\u206az", "a\u206az"},
    };
    char out[32];
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        nj_text_printable(out, sizeof(out), cases[i].text);
        assert_string_equal(out, cases[i].shown);
    }
}

static void integers_are_whole_and_in_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        int64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"-17", 0, -17},
        {"+5", 0, 5},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", NJ_E_TOO_BIG, 99},
        {"", NJ_E_INVALID, 99},
        {"-", NJ_E_INVALID, 99},
        {" 1", NJ_E_INVALID, 99},
        {"1 ", NJ_E_INVALID, 99},
        {"1.0", NJ_E_INVALID, 99},
        {"0x10", NJ_E_INVALID, 99},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        int64_t value = 99;
        assert_int_equal(nj_text_to_int(cases[i].text, &value), cases[i].rc);
        assert_int_equal(value, cases[i].rc ? 99 : cases[i].value);
    }
}

static void doubles_are_decimal_and_finite(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        double value;
    } cases[] = {
        {"0.5", 0, 0.5},          {"-1e3", 0, -1000},         {"5.", 0, 5},
        {".25", 0, 0.25},         {"1E-2", 0, 0.01},          {"1e400", NJ_E_TOO_BIG, 0},
        {"nan", NJ_E_INVALID, 0}, {"inf", NJ_E_INVALID, 0},   {"0x1p3", NJ_E_INVALID, 0},
        {"1,5", NJ_E_INVALID, 0}, {"", NJ_E_INVALID, 0},      {".", NJ_E_INVALID, 0},
        {"1e", NJ_E_INVALID, 0},  {"1e+", NJ_E_INVALID, 0},   {" 1", NJ_E_INVALID, 0},
        {"1 ", NJ_E_INVALID, 0},  {"1.2.3", NJ_E_INVALID, 0},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        double value = 99;
        assert_int_equal(nj_text_to_double(cases[i].text, &value), cases[i].rc);
        assert_true(value == (cases[i].rc ? 99 : cases[i].value));
    }
}

static void truth_has_eight_words(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "1", "Yes", "ON"};
    static const char *const no[] = {"false", "0", "No", "OFF"};
    static const char *const neither[] = {"", "2", "tru", "yes "};
    for (size_t i = 0; i < NJ_COUNT_OF(yes); i++) {
        bool value = false;
        assert_int_equal(nj_text_to_bool(yes[i], &value), 0);
        assert_true(value);
        assert_int_equal(nj_text_to_bool(no[i], &value), 0);
        assert_false(value);
        assert_int_equal(nj_text_to_bool(neither[i], &value), NJ_E_INVALID);
    }
}

static void distance_counts_edits(void **state)
{
    (void)state;
    char lengthy[101];
    memset(lengthy, 'a', 100);
    lengthy[100] = '\0';
    assert_int_equal(nj_text_distance("kitten", "sitting"), 3);
    assert_int_equal(nj_text_distance("", "abc"), 3);
    assert_int_equal(nj_text_distance("same", "same"), 0);
    assert_int_equal(nj_text_distance("flaw", "lawn"), 2);
    assert_int_equal(nj_text_distance("shwo", "show"), 1); // neighbours that changed places
    assert_int_equal(nj_text_distance("ahow", "show"), 1);
    assert_int_equal(nj_text_distance("hsow", "show"), 1);
    assert_int_equal(nj_text_distance("ba", "abc"), 2);
    assert_int_equal(nj_text_distance("abc", "cab"), 2);
    assert_int_equal(nj_text_distance(lengthy, "a"), 100);
}

static void id_keeps_letters_digits_and_single_underscores(void **state)
{
    (void)state;
    static const struct {
        const char *name, *id;
    } cases[] = {
        {"Front Door", "front_door"},
        {"  -Back--Yard_ ", "back_yard"},
        {"Caf\xc3\xa9 2", "caf_2"},
        {"a - _ b", "a_b"},
        {"!!!", ""},
        {"", ""},
        {"___", ""},
        {"x.y", "xy"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char out[32] = "#";
        assert_int_equal(nj_text_to_id(cases[i].name, out, sizeof(out)), cases[i].id[0] != 0);
        assert_string_equal(out, cases[i].id);
    }
    char narrow[4];
    assert_true(nj_text_to_id("ab cd", narrow, sizeof(narrow)));
    assert_string_equal(narrow, "ab");
}

static void match_knows_star_and_question_mark(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        {"*.jpg", "a.jpg", true},
        {"*.jpg", "a.jpg.part", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a*b*c", "axxbyybzzc", true},
        {"a*b*c", "axxbyybzz", false},
        {"**a", "bba", true},
        {"?*", "", false},
        {"ab*", "ab", true},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++)
        assert_int_equal(nj_text_match(cases[i].pattern, cases[i].name), cases[i].matches);
}

static void match_takes_no_exponential_time(void **state)
{
    (void)state;
    char name[2001];
    memset(name, 'a', 2000);
    name[2000] = '\0';
    // Would not end within this life if each star were retried.
    assert_false(nj_text_match("*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

int text_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_cuts_at_a_character),
        cmocka_unit_test(comparison_ignores_ascii_case_only),
        cmocka_unit_test(utf8_follows_table_3_7),
        cmocka_unit_test(printable_shows_no_control_and_no_broken_byte),
        cmocka_unit_test(printable_lets_no_name_turn_the_order_of_writing),
        cmocka_unit_test(integers_are_whole_and_in_range),
        cmocka_unit_test(doubles_are_decimal_and_finite),
        cmocka_unit_test(truth_has_eight_words),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(id_keeps_letters_digits_and_single_underscores),
        cmocka_unit_test(match_knows_star_and_question_mark),
        cmocka_unit_test(match_takes_no_exponential_time),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
