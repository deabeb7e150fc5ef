// SPDX-License-Identifier: Apache-2.0
// The POSIX TZ rule in the footer of a TZif file ("CET-1CEST,M3.5.0,M10.5.0/3").
#ifndef NJ_UTIL_POSIX_TZ_PRIV_H
#define NJ_UTIL_POSIX_TZ_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct nj_posix_tz_date {
    enum {
        NJ_TZ_MONTH_WEEK_DAY, // Mm.w.d
        NJ_TZ_JULIAN,         // Jn: 1..365, February 29 is never counted
        NJ_TZ_DAY_OF_YEAR     // n: 0..365
    } kind;
    int month, week, day;
    int time_s; // local, may be negative or beyond a day
};

struct nj_posix_tz {
    int standard_s; // local minus UTC
    bool has_dst;
    int dst_s;
    struct nj_posix_tz_date begin, end; // of daylight saving time
};

// False when the text is not a rule.
bool nj_posix_tz_parse(const char *text, struct nj_posix_tz *out);
// Local minus UTC at a time in seconds since the epoch.
int nj_posix_tz_offset(const struct nj_posix_tz *rule, int64_t utc_s);

#endif
