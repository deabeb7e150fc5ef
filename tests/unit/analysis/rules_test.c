// SPDX-License-Identifier: Apache-2.0
// The rules: scores calculated by hand from the table in docs/internals/analysis.md, and levels.
#include "analysis/rules.h"

#include "analysis/severity.h"
#include "tests/unit/analysis/analysis_helper.h"
#include "util/json_reader.h"
#include "util/mem.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int rules_test(void);

static struct nj_detection_row rows[500];

// Noon, one event in the hour before, unless said otherwise.
static const struct {
    const char *name;
    struct sight sights[6];
    size_t count;
    int hour;
    int64_t recent;
    int score;
} scenes[] = {
    // person 30
    {"a person passes", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 12, 1, 30},
    // person 30, first in the hour 5
    {"the first in an hour", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 12, 0, 35},
    // person 30, busy hour -8 (from 4 events on)
    {"a busy street", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 12, 4, 22},
    {"not busy yet", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 12, 3, 30},
    // person 30, unsure -8 (below 0.5)
    {"a shadow", {{"person", 0.49, 0, 0, 0, NULL}}, 1, 12, 1, 22},
    {"sure enough", {{"person", 0.5, 0, 0, 0, NULL}}, 1, 12, 1, 30},
    // person 30, night 22
    {"at night", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 22, 1, 52},
    {"before dawn", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 5, 1, 52},
    // person 30, early or late 8
    {"early", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 6, 1, 38},
    {"late", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 21, 1, 38},
    {"by day", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 8, 1, 30},
    {"until evening", {{"person", 0.9, 0, 0, 0, NULL}}, 1, 19, 1, 30},
    // person 30, 24 s / 5 = 4
    {"stays a little", {{"person", 0.9, 0, 24, 3, NULL}}, 1, 12, 1, 34},
    // person 30, 600 s / 5 = 120, at most 15
    {"stays long", {{"person", 0.9, 0, 600, 3, NULL}}, 1, 12, 1, 45},
    // the most of 15 (car) and 30 (person)
    {"a person and a car",
     {{"car", 0.9, 0, 0, 0, NULL}, {"person", 0.8, 0, 0, 0, NULL}},
     2,
     12,
     1,
     30},
    // person 30, two further 12
    {"three at once",
     {{"person", 0.9, 0, 0, 0, NULL},
      {"person", 0.8, 0, 0, 0, NULL},
      {"person", 0.7, 0, 0, 0, NULL}},
     3,
     12,
     1,
     42},
    // person 30, 10 s / 5 = 2; the same person on three pictures is one
    {"one on three pictures",
     {{"person", 0.9, 0, 0, 0, "a.jpg"},
      {"person", 0.8, 5, 0, 0, "b.jpg"},
      {"person", 0.7, 10, 0, 0, "c.jpg"}},
     3,
     12,
     1,
     32},
    // person 30; capture times count in seconds, pictures do not
    {"one on two pictures of one second",
     {{"person", 0.9, 0, 0, 0, "a.jpg"}, {"person", 0.8, 0, 0, 0, "b.jpg"}},
     2,
     12,
     1,
     30},
    // person 30, one further 6, 40 s / 5 = 8: the second and the third track meet
    {"tracks that meet",
     {{"person", 0.9, 0, 9, 1, NULL},
      {"person", 0.8, 10, 30, 2, NULL},
      {"person", 0.7, 20, 40, 3, NULL}},
     3,
     12,
     1,
     44},
    // cat 4, nothing for the night
    {"a cat at night", {{"cat", 0.9, 0, 0, 0, NULL}}, 1, 2, 1, 4},
    // bus 12
    {"a bus at night", {{"bus", 0.9, 0, 0, 0, NULL}}, 1, 2, 1, 12},
    // unknown class 6
    {"a kite", {{"kite", 0.9, 0, 0, 0, NULL}}, 1, 2, 1, 6},
    // bird 2, unsure -8, busy -8: never below 0
    {"an unsure bird", {{"bird", 0.3, 0, 0, 0, NULL}}, 1, 12, 9, 0},
    // person 30, five further 30 but at most 18, night 22, 15, first 5
    {"a crowd at night",
     {{"person", 0.9, 0, 90, 1, NULL},
      {"person", 0.9, 0, 90, 2, NULL},
      {"person", 0.9, 0, 90, 3, NULL},
      {"person", 0.9, 0, 90, 4, NULL},
      {"person", 0.9, 0, 90, 5, NULL},
      {"person", 0.9, 0, 90, 6, NULL}},
     6,
     23,
     0,
     90},
    // bear 45, night 22, 15, first 5
    {"a bear by night", {{"bear", 0.9, 0, 90, 1, NULL}}, 1, 23, 0, 87},
    {"whatever the case", {{"PERSON", 0.9, 0, 0, 0, NULL}}, 1, 12, 1, 30},
};

static void run(struct nj_analysis_context *context, struct nj_finding *out)
{
    assert_int_equal(nj_analyser_rules.analyse(NULL, context, NULL, out, NULL), 0);
}

static int sum_of(const struct nj_finding *finding)
{
    json_t *parts = NULL;
    int sum = 0;
    assert_int_equal(
        nj_json_parse(finding->breakdown, strlen(finding->breakdown), 4096, &parts, NULL), 0);
    for (size_t i = 0; i < json_array_size(parts); i++)
        sum += (int)json_integer_value(json_object_get(json_array_get(parts, i), "points"));
    json_decref(parts);
    return sum < 0 ? 0 : sum > 100 ? 100 : sum;
}

static void scores_are_the_sum_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(scenes); i++) {
        struct nj_analysis_context context;
        struct nj_finding finding;
        fill_context(&context, rows, scenes[i].sights, scenes[i].count);
        context.local.hour = scenes[i].hour;
        context.recent_events = scenes[i].recent;
        run(&context, &finding);
        if (finding.risk_score != scenes[i].score)
            fail_msg("%s: %d, not %d: %s", scenes[i].name, finding.risk_score, scenes[i].score,
                     finding.reasoning);
        assert_int_equal(sum_of(&finding), finding.risk_score);
    }
}

static void words_say_what_the_score_is_made_of(void **state)
{
    (void)state;
    static const struct sight scene[] = {
        {"person", 0.9, 0, 14, 1, NULL}, {"dog", 0.8, 0, 0, 2, NULL}, {"dog", 0.8, 3, 0, 3, NULL}};
    struct nj_analysis_context context;
    struct nj_finding finding;
    fill_context(&context, rows, scene, NJ_COUNT_OF(scene));
    context.local.hour = 23;
    context.local.minute = 5;
    context.recent_events = 0;
    run(&context, &finding);
    assert_string_equal(finding.summary, "Dog, person at Front Door for 14 s");
    assert_string_equal(finding.reasoning,
                        "person seen (+30); went on for 14 s (+2); at night (23:05) (+22); "
                        "nothing else here in the last hour (+5)");
    assert_string_equal(finding.analyser, "rules");
}

// The night begins by the clock on the wall there: instants beside changes of summer time.
static const struct {
    const char *zone, *at;
    int score; // person 30; night 22, early or late 8
} nights[] = {
    {"UTC", "2026-01-24T21:59:59Z", 38},
    {"UTC", "2026-01-24T22:00:00Z", 52},
    {"Europe/Berlin", "2026-01-24T21:00:00Z", 52}, // 22:00, winter
    {"Europe/Berlin", "2026-07-24T19:59:59Z", 38}, // 21:59:59, summer
    {"Europe/Berlin", "2026-07-24T20:00:00Z", 52},
    {"Europe/Berlin", "2026-03-28T04:59:59Z", 52}, // 05:59:59, the day before
    {"Europe/Berlin", "2026-03-29T04:00:00Z", 38}, // 06:00: the hour from 2 to 3 was skipped
    {"Europe/Berlin", "2026-10-25T04:59:59Z", 52}, // 05:59:59: the hour from 2 to 3 came twice
    {"America/New_York", "2026-01-24T17:00:00Z", 30},
    {"Asia/Kolkata", "2026-01-24T16:30:00Z", 52}, // 22:00, half an hour off
};

static void night_is_local(void **state)
{
    (void)state;
    static const struct sight scene[] = {{"person", 0.9, 0, 0, 0, NULL}};
    for (size_t i = 0; i < NJ_COUNT_OF(nights); i++) {
        struct nj_analysis_context context;
        struct nj_finding finding;
        struct nj_timezone *zone = NULL;
        nj_us at_us = 0;
        fill_context(&context, rows, scene, 1);
        assert_int_equal(nj_time_parse_iso(nights[i].at, &at_us), 0);
        assert_int_equal(nj_timezone_create(nights[i].zone, &zone, NULL), 0);
        nj_timezone_local(zone, at_us, &context.local);
        run(&context, &finding);
        if (finding.risk_score != nights[i].score)
            fail_msg("%s in %s: %d", nights[i].at, nights[i].zone, finding.risk_score);
        nj_timezone_destroy(zone);
    }
}

static void five_hundred_detections_of_many_classes_are_no_trouble(void **state)
{
    (void)state;
    static struct sight sights[500];
    static char names[40][16];
    struct nj_analysis_context context;
    struct nj_finding finding;
    struct nj_class_count classes[NJ_CLASS_COUNTS_MAX];
    for (size_t i = 0; i < 40; i++)
        snprintf(names[i], sizeof names[i], "class %zu", i);
    strcpy(names[0], "person");
    for (size_t i = 0; i < NJ_COUNT_OF(sights); i++) // more of the later classes
        sights[i] = (struct sight){names[i % 40], 0.9, 0, 0, 0, NULL};
    fill_context(&context, rows, sights, NJ_COUNT_OF(sights));
    run(&context, &finding);
    // person 30, 12 further ones (500 / 40 and one) at most 18
    assert_int_equal(finding.risk_score, 48);
    assert_int_equal(nj_rules_count_classes(&context, classes), NJ_CLASS_COUNTS_MAX);
    assert_string_equal(classes[0].name, "person");
    assert_int_equal(classes[0].count, 13);
}

static void an_empty_batch_is_refused(void **state)
{
    (void)state;
    struct nj_analysis_context context;
    struct nj_finding finding = {.risk_score = -7};
    fill_context(&context, rows, NULL, 0);
    assert_int_equal(nj_analyser_rules.analyse(NULL, &context, NULL, &finding, NULL), NJ_E_INVALID);
    assert_int_equal(finding.risk_score, -7);
}

static void levels_begin_where_the_settings_say(void **state)
{
    (void)state;
    static const struct {
        int score;
        const char *level, *other;
    } cases[] = {
        {0, "low", "low"},
        {10, "low", "low"},
        {11, "low", "medium"},
        {29, "low", "high"},
        {30, "medium", "critical"},
        {59, "medium", "critical"},
        {60, "high", "critical"},
        {84, "high", "critical"},
        {85, "critical", "critical"},
        {100, "critical", "critical"},
    };
    const struct nj_severity_options usual = {29, 59, 84}, other = {10, 20, 29};
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        assert_string_equal(nj_severity_level(&usual, cases[i].score), cases[i].level);
        assert_string_equal(nj_severity_level(&other, cases[i].score), cases[i].other);
    }
}

int rules_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_the_sum_of_the_table),
        cmocka_unit_test(words_say_what_the_score_is_made_of),
        cmocka_unit_test(night_is_local),
        cmocka_unit_test(five_hundred_detections_of_many_classes_are_no_trouble),
        cmocka_unit_test(an_empty_batch_is_refused),
        cmocka_unit_test(levels_begin_where_the_settings_say),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
