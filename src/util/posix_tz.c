// SPDX-License-Identifier: Apache-2.0
// Parsing and evaluating POSIX TZ rules, with the extensions of RFC 8536 (hours up to 167).
#include "util/posix_tz_priv.h"

#include "util/calendar_priv.h"

enum {
    NJ_TZ_HOURS_MAX = 167,
    NJ_TZ_DEFAULT_TIME_S = 2 * 3600,
    NJ_TZ_NAME_MIN = 3,
};

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool take_name(const char **at)
{
    const char *start = *at;
    if (**at == '<') {
        while (**at && **at != '>')
            (*at)++;
        return *(*at) == '>' && (*at)++ - start > NJ_TZ_NAME_MIN;
    }
    while (is_letter(**at))
        (*at)++;
    return *at - start >= NJ_TZ_NAME_MIN;
}

static bool take_number(const char **at, int low, int high, int *out)
{
    int value = 0;
    const char *start = *at;
    for (; **at >= '0' && **at <= '9' && *at - start < 4; (*at)++)
        value = value * 10 + (**at - '0');
    *out = value;
    return *at != start && value >= low && value <= high;
}

// [+-]hh[:mm[:ss]] in seconds.
static bool take_time(const char **at, int *out)
{
    int sign = **at == '-' ? -1 : 1;
    if (**at == '-' || **at == '+')
        (*at)++;
    int hours, minutes = 0, seconds = 0;
    if (!take_number(at, 0, NJ_TZ_HOURS_MAX, &hours))
        return false;
    if (**at == ':') {
        (*at)++;
        if (!take_number(at, 0, 59, &minutes))
            return false;
        if (**at == ':') {
            (*at)++;
            if (!take_number(at, 0, 59, &seconds))
                return false;
        }
    }
    *out = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool take_dot(const char **at)
{
    return **at == '.' && (*at)++;
}

static bool take_date(const char **at, struct nj_posix_tz_date *date)
{
    if (*(*at)++ != ',')
        return false;
    bool valid;
    if (**at == 'M') {
        (*at)++;
        date->kind = NJ_TZ_MONTH_WEEK_DAY;
        valid = take_number(at, 1, 12, &date->month) && take_dot(at) &&
                take_number(at, 1, 5, &date->week) && take_dot(at) &&
                take_number(at, 0, 6, &date->day);
    } else if (**at == 'J') {
        (*at)++;
        date->kind = NJ_TZ_JULIAN;
        valid = take_number(at, 1, 365, &date->day);
    } else {
        date->kind = NJ_TZ_DAY_OF_YEAR;
        valid = take_number(at, 0, 365, &date->day);
    }
    date->time_s = NJ_TZ_DEFAULT_TIME_S;
    if (valid && **at == '/') {
        (*at)++;
        valid = take_time(at, &date->time_s);
    }
    return valid;
}

bool nj_posix_tz_parse(const char *text, struct nj_posix_tz *out)
{
    struct nj_posix_tz rule = {0};
    int west_s;
    if (!take_name(&text) || !take_time(&text, &west_s))
        return false;
    rule.standard_s = -west_s;
    if (*text) {
        rule.has_dst = true;
        rule.dst_s = rule.standard_s + 3600;
        if (!take_name(&text))
            return false;
        if (*text && *text != ',') {
            if (!take_time(&text, &west_s))
                return false;
            rule.dst_s = -west_s;
        }
        if (!take_date(&text, &rule.begin) || !take_date(&text, &rule.end) || *text)
            return false;
    }
    *out = rule;
    return true;
}

// Local time in seconds since the epoch at which the date falls in `year`.
static int64_t date_in_year(const struct nj_posix_tz_date *date, int64_t year)
{
    int64_t first = nj_days_from_date((struct nj_date){year, 1, 1});
    int64_t days = first + date->day;
    if (date->kind == NJ_TZ_JULIAN) {
        days = first + date->day - 1 + (nj_year_is_leap(year) && date->day >= 60);
    } else if (date->kind == NJ_TZ_MONTH_WEEK_DAY) {
        int64_t month = nj_days_from_date((struct nj_date){year, date->month, 1});
        int64_t weekday = ((month + 4) % 7 + 7) % 7; // 0 = Sunday; 1970-01-01 was a Thursday
        int64_t of_month = (date->day - weekday + 7) % 7 + 7 * ((int64_t)date->week - 1);
        if (of_month >= nj_month_days(year, date->month))
            of_month -= 7; // week 5 means the last one
        days = month + of_month;
    }
    return days * NJ_CALENDAR_DAY_S + date->time_s;
}

int nj_posix_tz_offset(const struct nj_posix_tz *rule, int64_t utc_s)
{
    if (!rule->has_dst)
        return rule->standard_s;
    int64_t local_days = nj_floor_div(utc_s + rule->standard_s, NJ_CALENDAR_DAY_S);
    int64_t year = nj_date_from_days(local_days).year;
    int64_t begin = date_in_year(&rule->begin, year) - rule->standard_s;
    int64_t end = date_in_year(&rule->end, year) - rule->dst_s;
    // South of the equator summer lies around the turn of the year.
    bool dst = begin < end ? utc_s >= begin && utc_s < end : utc_s >= begin || utc_s < end;
    return dst ? rule->dst_s : rule->standard_s;
}
