// SPDX-License-Identifier: Apache-2.0
// Which name a slip is told with, and when none is.
#include "util/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

int nearest_test(void);

static void nearest_name_is_told_and_none_that_is_another_word(void **state)
{
    static const char *const names[] = {"rtspUrl", "snapshotUrl", "cropX1", "cropX2", "modelId"};
    static const struct {
        const char *word, *best;
    } cases[] = {
        {"rtspUlr", "rtspUrl"},
        {"RTSPURL", "rtspUrl"}, // case alone is no distance
        {"snapshotUri", "snapshotUrl"},
        {"cropX", "cropX1"}, // the first of those that are as near
        {"model", "modelId"},
        {"mode", ""}, // half of it is wrong
        {"modleId", "modelId"},
        {"cropXY", "cropX1"}, // a letter of six, as the next
        {"corpX3", "cropX1"}, // neighbours that changed places are one slip
        {"crpY3", ""},        // three of six
        {"zzz", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nj_nearest nearest;
        nj_nearest_begin(&nearest, cases[i].word);
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            nj_nearest_consider(&nearest, names[k], names[k]);
        assert_string_equal(nearest.best, cases[i].best);
    }
}

int nearest_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_name_is_told_and_none_that_is_another_word)};
    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
