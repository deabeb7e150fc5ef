// SPDX-License-Identifier: Apache-2.0
// Local time of a named zone without touching the process environment (TZif, RFC 8536).
#ifndef NJ_UTIL_TIMEZONE_H
#define NJ_UTIL_TIMEZONE_H

#include "util/clock.h"
#include "util/error.h"

struct nj_timezone;

struct nj_local_time {
    int year, month, day; // 2026, 1..12, 1..31
    int hour, minute, second;
    int weekday;  // 0 = Monday
    int offset_s; // local minus UTC
};

// `name`: "Europe/Berlin", "UTC", or NULL/"" for the machine's own (/etc/localtime; UTC when there
// is none). Refuses names with ".." or a leading '/'. The caller owns *out. Errors: NJ_E_NOT_FOUND,
// NJ_E_CORRUPT, NJ_E_NOMEM.
int nj_timezone_create(const char *name, struct nj_timezone **out, struct nj_error *err);
void nj_timezone_destroy(struct nj_timezone *zone);

// Explicitly thread-safe. `zone` NULL means UTC.
void nj_timezone_local(const struct nj_timezone *zone, nj_us wall_us, struct nj_local_time *out);

// The first instant after `after_us` whose local time is hour:minute (skipped hours: the instant
// the clock jumped; repeated hours: the first time only). For daily schedules.
nj_us nj_timezone_next_daily(const struct nj_timezone *zone, nj_us after_us, int hour, int minute);

#endif
