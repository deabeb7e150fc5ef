// SPDX-License-Identifier: Apache-2.0
// What runs by the calendar: daily at a local time. Loop thread only.
#ifndef NJ_JOBS_SCHEDULE_H
#define NJ_JOBS_SCHEDULE_H

#include "loop/loop.h"
#include "util/timezone.h"

#include <stdbool.h>

// Caller-owned, in place. A zeroed one may be stopped.
struct nj_schedule {
    void (*fn)(struct nj_schedule *schedule); // called from: loop thread; may start or stop it
    // As `fn`, when the clock went ahead by more than a day at once; may be NULL, set after init.
    void (*leapt)(struct nj_schedule *schedule, nj_us ahead_us);
    struct nj_loop *loop;
    struct nj_timer timer;
    const struct nj_timezone *zone; // the schedule's from here on
    int hour, minute;
    nj_us due_us;    // wall
    nj_us offset_us; // of the wall clock over the monotonic one at the last look
};

void nj_schedule_init(struct nj_schedule *schedule, struct nj_loop *loop,
                      void (*fn)(struct nj_schedule *schedule));

// Once every day when the clocks of `zone` (outlives it; NULL: UTC) show hour:minute; where they
// skip that time, at the instant of the jump; where they show it twice, the first time. A day that
// passes while the program does not run, or that a correction of the clock skips, is not made up
// for more than once; one that a correction repeats does not run twice. A clock that goes more than
// a day ahead at once is believed after a day: the next run is the first one due from then on.
// NJ_E_INVALID, NJ_E_NOMEM.
int nj_schedule_start_daily(struct nj_schedule *schedule, const struct nj_timezone *zone, int hour,
                            int minute);

void nj_schedule_stop(struct nj_schedule *schedule);

// "03:00", "3:00", "23:59". NJ_E_INVALID says what is wrong with it.
int nj_schedule_parse_time(const char *text, int *out_hour, int *out_minute, struct nj_error *err);

#endif
