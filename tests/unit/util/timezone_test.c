// SPDX-License-Identifier: Apache-2.0
// Local times of known zones; expected values from glibc's date(1).
#include "util/timezone.h"

#include "util/mem.h"
#include "util/posix_tz_priv.h"
#include "util/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int timezone_test(void);

static nj_us at(const char *text)
{
    nj_us out = 0;
    assert_int_equal(nj_time_parse_iso(text, &out), 0);
    return out;
}

static struct nj_timezone *open_zone(const char *name)
{
    struct nj_timezone *zone = NULL;
    struct nj_error err;
    if (nj_timezone_create(name, &zone, &err) == NJ_E_NOT_FOUND)
        skip(); // no zone database on this machine
    assert_non_null(zone);
    return zone;
}

static void offsets_change_at_the_known_instants(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *utc;
        int offset_s;
    } cases[] = {
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200},
        {"Europe/Berlin", "2026-10-25T00:59:59Z", 7200},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 3600},
        {"Europe/Berlin", "2090-07-01T00:00:00Z", 7200}, // by the footer's rule
        {"Europe/Berlin", "2090-03-26T00:59:59Z", 3600},
        {"Europe/Berlin", "2090-03-26T01:00:00Z", 7200},
        {"Europe/Berlin", "1947-06-01T00:00:00Z", 10800}, // double summer time
        {"America/New_York", "2026-03-08T06:59:59Z", -18000},
        {"America/New_York", "2026-03-08T07:00:00Z", -14400},
        {"America/New_York", "2026-11-01T05:59:59Z", -14400},
        {"America/New_York", "2026-11-01T06:00:00Z", -18000},
        {"America/New_York", "2006-03-12T07:00:00Z", -18000}, // before the law of 2007
        {"Asia/Kolkata", "2026-07-01T00:00:00Z", 19800},
        {"Asia/Kolkata", "2026-12-01T00:00:00Z", 19800},
        {"Australia/Sydney", "2090-01-01T00:00:00Z", 39600}, // summer around the new year
        {"Australia/Sydney", "2090-07-01T00:00:00Z", 36000},
        {"UTC", "2026-07-01T00:00:00Z", 0},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_local_time local;
        struct nj_timezone *zone = open_zone(cases[i].zone);
        nj_timezone_local(zone, at(cases[i].utc), &local);
        assert_int_equal(local.offset_s, cases[i].offset_s);
        nj_timezone_destroy(zone);
    }
}

static void local_time_is_whole(void **state)
{
    (void)state;
    struct nj_local_time local;
    struct nj_timezone *zone = open_zone("Asia/Kolkata");
    nj_timezone_local(zone, at("2026-01-31T20:00:05.9Z"), &local); // Sunday 01:30 there
    assert_int_equal(local.year, 2026);
    assert_int_equal(local.month, 2);
    assert_int_equal(local.day, 1);
    assert_int_equal(local.hour, 1);
    assert_int_equal(local.minute, 30);
    assert_int_equal(local.second, 5);
    assert_int_equal(local.weekday, 6);
    nj_timezone_destroy(zone);
    nj_timezone_local(NULL, -1, &local); // UTC, a microsecond before 1970, a Wednesday
    assert_int_equal(local.year, 1969);
    assert_int_equal(local.second, 59);
    assert_int_equal(local.weekday, 2);
}

static void daily_instant_follows_the_clock_on_the_wall(void **state)
{
    (void)state;
    static const struct {
        const char *after;
        int hour, minute;
        const char *expected;
    } cases[] = {
        {"2026-01-10T00:00:00Z", 3, 0, "2026-01-10T02:00:00Z"},
        {"2026-01-10T02:00:00Z", 3, 0, "2026-01-11T02:00:00Z"}, // after means after
        {"2026-01-10T01:59:59.999999Z", 3, 0, "2026-01-10T02:00:00Z"},
        {"2026-07-10T00:00:00Z", 3, 0, "2026-07-10T01:00:00Z"},
        {"2026-03-28T12:00:00Z", 2, 30, "2026-03-29T01:00:00Z"}, // skipped: when it jumped
        {"2026-03-29T01:00:00Z", 2, 30, "2026-03-30T00:30:00Z"},
        {"2026-10-24T12:00:00Z", 2, 30, "2026-10-25T00:30:00Z"}, // twice: the first
        {"2026-10-25T00:30:00Z", 2, 30, "2026-10-26T01:30:00Z"},
    };
    struct nj_timezone *zone = open_zone("Europe/Berlin");
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        nj_us next =
            nj_timezone_next_daily(zone, at(cases[i].after), cases[i].hour, cases[i].minute);
        assert_int_equal(next, at(cases[i].expected));
    }
    nj_timezone_destroy(zone);
    assert_int_equal(nj_timezone_next_daily(NULL, at("2026-01-10T00:00:00Z"), 0, 0),
                     at("2026-01-11T00:00:00Z"));
}

static void names_cannot_leave_the_database(void **state)
{
    (void)state;
    static const char *const cases[] = {"../../../etc/passwd", "/etc/localtime", "Europe/../UTC",
                                        "No/Such_Zone"};
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_timezone *zone = NULL;
        struct nj_error err;
        assert_int_equal(nj_timezone_create(cases[i], &zone, &err), NJ_E_NOT_FOUND);
        assert_null(zone);
    }
    struct nj_timezone *own = NULL;
    assert_int_equal(nj_timezone_create("", &own, NULL), 0);
    nj_timezone_destroy(own);
    nj_timezone_destroy(NULL);
}

static void rules_are_parsed_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", true},
        {"<+0330>-3:30", true},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true},
        {"EST5EDT,0/0,J365/25", true},
        {"", false},
        {"CE-1", false},
        {"CET", false},
        {"CET-1CEST", false},
        {"CET-1CEST,M3.5.0", false},
        {"CET-1CEST,M13.5.0,M10.5.0", false},
        {"CET-1CEST,M3.6.0,M10.5.0", false},
        {"CET-1CEST,M3.5.7,M10.5.0", false},
        {"CET-1CEST,M3.5.0,M10.5.0x", false},
        {"CET-200", false},
        {"<+03-3", false},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_posix_tz rule;
        assert_int_equal(nj_posix_tz_parse(cases[i].text, &rule), cases[i].valid);
    }
    struct nj_posix_tz all_year;
    assert_true(nj_posix_tz_parse("EST5EDT,0/0,J365/25", &all_year));
    assert_int_equal(nj_posix_tz_offset(&all_year, at("2026-12-31T23:59:59Z") / NJ_US_PER_S),
                     -14400);
    assert_int_equal(nj_posix_tz_offset(&all_year, at("2027-01-01T04:30:00Z") / NJ_US_PER_S),
                     -14400);
}

int timezone_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_change_at_the_known_instants),
        cmocka_unit_test(local_time_is_whole),
        cmocka_unit_test(daily_instant_follows_the_clock_on_the_wall),
        cmocka_unit_test(names_cannot_leave_the_database),
        cmocka_unit_test(rules_are_parsed_strictly),
    };
    return cmocka_run_group_tests_name("timezone", tests, NULL, NULL);
}
