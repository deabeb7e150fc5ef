// SPDX-License-Identifier: Apache-2.0
// ISO 8601 times in UTC.
#include "util/text.h"

#include "util/calendar_priv.h"

#include <string.h>

// What four digits of the year can say: 0000-01-01 to 9999-12-31.
static const nj_us first_us = -62167219200 * NJ_US_PER_S;
static const nj_us last_us = 253402300800 * NJ_US_PER_S - 1;

static char *put_digits(char *out, int64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + width;
}

void nj_time_format_iso(nj_us wall_us, char out[NJ_ISO_TIME_SIZE])
{
    if (wall_us < first_us)
        wall_us = first_us;
    if (wall_us > last_us)
        wall_us = last_us;
    int64_t seconds = nj_floor_div(wall_us, NJ_US_PER_S);
    int64_t days = nj_floor_div(seconds, NJ_CALENDAR_DAY_S);
    int64_t of_day = seconds - days * NJ_CALENDAR_DAY_S;
    struct nj_date date = nj_date_from_days(days);
    char *at = put_digits(out, date.year, 4);
    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, of_day / 3600, 2);
    *at++ = ':';
    at = put_digits(at, of_day / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, of_day % 60, 2);
    *at++ = '.';
    at = put_digits(at, wall_us - seconds * NJ_US_PER_S, 6);
    *at++ = 'Z';
    *at = '\0';
}

// `width` digits at *at, in [low, high].
static bool take_number(const char **at, int width, int low, int high, int *out)
{
    int value = 0;
    for (int i = 0; i < width; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    if (value < low || value > high)
        return false;
    *at += width;
    *out = value;
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool take_date(const char **at, int64_t *days)
{
    int year, month, day;
    if (!take_number(at, 4, 0, 9999, &year) || !take_char(at, '-') ||
        !take_number(at, 2, 1, 12, &month) || !take_char(at, '-') ||
        !take_number(at, 2, 1, nj_month_days(year, month), &day))
        return false;
    *days = nj_days_from_date((struct nj_date){year, month, day});
    return true;
}

// ".5" to ".123456789"; what is finer than a microsecond is dropped.
static bool take_fraction(const char **at, nj_us *out)
{
    nj_us value = 0;
    int count = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++, count++) {
        if (count < 6)
            value = value * 10 + (**at - '0');
    }
    if (count < 1 || count > 9)
        return false;
    for (; count < 6; count++)
        value *= 10;
    *out = value;
    return true;
}

static bool take_time(const char **at, nj_us *of_day)
{
    int hour, minute, second = 0;
    nj_us fraction = 0;
    if (!take_number(at, 2, 0, 23, &hour) || !take_char(at, ':') ||
        !take_number(at, 2, 0, 59, &minute))
        return false;
    if (take_char(at, ':')) {
        // 60 is a leap second, which the epoch count does not have: it is the next minute's 0.
        if (!take_number(at, 2, 0, 60, &second))
            return false;
        if (take_char(at, '.') && !take_fraction(at, &fraction))
            return false;
    }
    *of_day = (((nj_us)hour * 60 + minute) * 60 + second) * NJ_US_PER_S + fraction;
    return true;
}

static bool take_zone(const char **at, nj_us *offset)
{
    int hour, minute;
    *offset = 0;
    if (take_char(at, 'Z') || take_char(at, 'z') || !**at)
        return true;
    bool west = **at == '-';
    if (!take_char(at, '-') && !take_char(at, '+'))
        return false;
    if (!take_number(at, 2, 0, 23, &hour) || !take_char(at, ':') ||
        !take_number(at, 2, 0, 59, &minute))
        return false;
    *offset = ((nj_us)hour * 60 + minute) * 60 * NJ_US_PER_S;
    if (west)
        *offset = -*offset;
    return true;
}

int nj_time_parse_iso(const char *text, nj_us *out)
{
    int64_t days;
    nj_us of_day = 0;
    nj_us offset = 0;
    if (!take_date(&text, &days))
        return NJ_E_INVALID;
    if (take_char(&text, 'T') || take_char(&text, 't') || take_char(&text, ' ')) {
        if (!take_time(&text, &of_day) || !take_zone(&text, &offset))
            return NJ_E_INVALID;
    }
    if (*text)
        return NJ_E_INVALID;
    *out = days * NJ_CALENDAR_DAY_S * NJ_US_PER_S + of_day - offset;
    return 0;
}
