// SPDX-License-Identifier: Apache-2.0
// Daily schedules on the loop's timers.
#include "jobs/schedule.h"

#include "util/mem.h"

#include <ctype.h>

// The wall clock may be set while a timer waits, so a daily schedule looks at it this often.
static const nj_us look_us = 60LL * NJ_US_PER_S;
// A clock that goes further ahead than this at once may be wrong: what a schedule does at such a
// time can destroy much, and it is believed only after it has stood for as long.
static const nj_us leap_us = 24LL * 3600 * NJ_US_PER_S;
// After a leap the next run is up to two days away, which have at most 49 hours; farther away than
// this is a clock that was set back.
static const nj_us farthest_us = 50LL * 3600 * NJ_US_PER_S;

static nj_us now_us(const struct nj_schedule *schedule)
{
    return nj_wall_us(nj_loop_clock(schedule->loop));
}

static void find_due(struct nj_schedule *schedule, nj_us after_us)
{
    schedule->due_us =
        nj_timezone_next_daily(schedule->zone, after_us, schedule->hour, schedule->minute);
}

// How far the wall clock went ahead of the time that passed since the last look.
static nj_us look(struct nj_schedule *schedule, nj_us now)
{
    const nj_us offset_us = now - nj_mono_us(nj_loop_clock(schedule->loop));
    const nj_us ahead_us = offset_us - schedule->offset_us;
    schedule->offset_us = offset_us;
    return ahead_us;
}

static int arm(struct nj_schedule *schedule)
{
    nj_us delay = schedule->due_us - now_us(schedule);
    if (delay < 0)
        delay = 0;
    return nj_timer_start(&schedule->timer, delay < look_us ? delay : look_us, 0);
}

static void handle_timer(struct nj_timer *timer)
{
    struct nj_schedule *schedule = NJ_CONTAINER_OF(timer, struct nj_schedule, timer);
    nj_us now = now_us(schedule);
    const nj_us ahead_us = look(schedule, now);
    const bool leapt = ahead_us > leap_us;
    bool due = now >= schedule->due_us && !leapt;
    if (leapt)
        find_due(schedule, now + leap_us);
    else if (due || schedule->due_us - now > farthest_us)
        find_due(schedule, now);
    // The heap has had this timer: starting it again needs no memory.
    (void)arm(schedule);
    if (leapt && schedule->leapt)
        schedule->leapt(schedule, ahead_us);
    if (due)
        schedule->fn(schedule);
}

void nj_schedule_init(struct nj_schedule *schedule, struct nj_loop *loop,
                      void (*fn)(struct nj_schedule *schedule))
{
    *schedule = (struct nj_schedule){.fn = fn, .loop = loop};
    nj_timer_init(&schedule->timer, loop, handle_timer);
}

int nj_schedule_start_daily(struct nj_schedule *schedule, const struct nj_timezone *zone, int hour,
                            int minute)
{
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return NJ_E_INVALID;
    schedule->zone = zone;
    schedule->hour = hour;
    schedule->minute = minute;
    const nj_us now = now_us(schedule);
    (void)look(schedule, now);
    find_due(schedule, now);
    return arm(schedule);
}

void nj_schedule_stop(struct nj_schedule *schedule)
{
    if (schedule->loop)
        nj_timer_stop(&schedule->timer);
}

// One or two digits; NULL when there is none.
static const char *parse_number(const char *text, int *out)
{
    if (!isdigit((unsigned char)text[0]))
        return NULL;
    *out = *text++ - '0';
    if (isdigit((unsigned char)text[0]))
        *out = *out * 10 + (*text++ - '0');
    return text;
}

int nj_schedule_parse_time(const char *text, int *out_hour, int *out_minute, struct nj_error *err)
{
    int hour = 0, minute = 0;
    const char *rest = parse_number(text, &hour);
    bool valid = rest && rest[0] == ':' && isdigit((unsigned char)rest[1]) &&
                 isdigit((unsigned char)rest[2]) && rest[3] == '\0';
    if (valid)
        (void)parse_number(rest + 1, &minute);
    if (!valid || hour > 23 || minute > 59)
        return nj_error_set(err, NJ_E_INVALID, "\"%s\" is no time of day like 03:00", text);
    *out_hour = hour;
    *out_minute = minute;
    return 0;
}
