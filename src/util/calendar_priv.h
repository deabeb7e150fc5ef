// SPDX-License-Identifier: Apache-2.0
// Days and dates of the Gregorian calendar, shared by text_time.c and timezone.c.
#ifndef NJ_UTIL_CALENDAR_PRIV_H
#define NJ_UTIL_CALENDAR_PRIV_H

#include <stdbool.h>
#include <stdint.h>

enum {
    NJ_CALENDAR_DAY_S = 86400,
    NJ_CALENDAR_ERA_DAYS = 146097,  // 400 years
    NJ_CALENDAR_EPOCH_DAYS = 719468 // from 0000-03-01 to 1970-01-01
};

struct nj_date {
    int64_t year;
    int month, day; // 1..12, 1..31
};

static inline bool nj_year_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int nj_month_days(int64_t year, int month)
{
    if (month == 2)
        return nj_year_is_leap(year) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static inline int64_t nj_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

// Days since 1970-01-01. The year is counted from March, so that the leap day comes last.
static inline int64_t nj_days_from_date(struct nj_date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = nj_floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * NJ_CALENDAR_ERA_DAYS + day_of_era - NJ_CALENDAR_EPOCH_DAYS;
}

static inline struct nj_date nj_date_from_days(int64_t days)
{
    days += NJ_CALENDAR_EPOCH_DAYS;
    int64_t era = nj_floor_div(days, NJ_CALENDAR_ERA_DAYS);
    int64_t day_of_era = days - era * NJ_CALENDAR_ERA_DAYS;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / (NJ_CALENDAR_ERA_DAYS - 1)) /
                          365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    return (struct nj_date){
        .year = year_of_era + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1),
    };
}

#endif
