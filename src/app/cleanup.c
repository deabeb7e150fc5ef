// SPDX-License-Identifier: Apache-2.0
// Retention once a day at its local time, and once at the start for what a crash left, on a thread
// that ends with the run.
#include "app/cleanup_priv.h"

#include "jobs/schedule.h"
#include "loop/thread.h"
#include "util/text.h"

#include <stdlib.h>

struct nj_cleanup {
    struct nj_cleanup_config config;
    struct nj_timezone *zone;
    struct nj_schedule schedule;
    int hour, minute;
    bool running; // a thread is to be joined; loop thread
    pthread_t thread;
    struct nj_cancel cancel;

    // The following fields belong to the run under way.
    bool recover_only;
    struct nj_call finished; // posted by the thread as its last act
    struct nj_retention_report report;
    struct nj_error error;
    int rc;
};

static bool is_cancelled(void *arg)
{
    const struct nj_cleanup *cleanup = arg;
    return nj_cancel_fired(&cleanup->cancel);
}

static void run(void *arg)
{
    struct nj_cleanup *cleanup = arg;
    struct nj_retention_task task = {
        .store = cleanup->config.store,
        .options = cleanup->config.options,
        .pictures_folder = cleanup->config.pictures_folder,
        .cancelled = is_cancelled,
        .arg = cleanup,
    };
    cleanup->rc = nj_retention_recover(&task, &cleanup->report, &cleanup->error);
    if (cleanup->rc == 0 && !cleanup->recover_only)
        cleanup->rc = nj_retention_run(&task, &cleanup->report, &cleanup->error);
    nj_loop_post(cleanup->config.loop, &cleanup->finished);
}

static void handle_finished(struct nj_call *call)
{
    struct nj_cleanup *cleanup = NJ_CONTAINER_OF(call, struct nj_cleanup, finished);
    if (!cleanup->running)
        return; // stopped meanwhile, and joined there
    nj_thread_join(cleanup->thread);
    cleanup->running = false;
    const struct nj_retention_report *report = &cleanup->report;
    if (cleanup->rc != 0)
        nj_log_at(cleanup->config.log, NJ_LOG_ERROR, "Cleanup failed",
                  NJ_TEXT("error", cleanup->error.text));
    else
        nj_log_at(
            cleanup->config.log, NJ_LOG_INFO, "Cleanup done",
            NJ_INT("events_deleted", report->events),
            NJ_INT("detections_deleted", report->detections), NJ_INT("logs_deleted", report->logs),
            NJ_INT("pictures_deleted", report->pictures), NJ_INT("images_deleted", report->images),
            NJ_INT("space_reclaimed", report->bytes));
}

static void begin(struct nj_cleanup *cleanup, bool recover_only)
{
    if (cleanup->running)
        return; // yesterday's run goes on
    cleanup->recover_only = recover_only;
    cleanup->report = (struct nj_retention_report){0};
    cleanup->finished.fn = handle_finished;
    int rc = nj_thread_start(&cleanup->thread, "nj-cleanup", run, cleanup, &cleanup->error);
    cleanup->running = rc == 0;
    if (rc != 0)
        nj_log_at(cleanup->config.log, NJ_LOG_ERROR, "Cleanup could not start",
                  NJ_TEXT("error", cleanup->error.text));
}

static void handle_due(struct nj_schedule *schedule)
{
    begin(NJ_CONTAINER_OF(schedule, struct nj_cleanup, schedule), false);
}

static void handle_leap(struct nj_schedule *schedule, nj_us ahead_us)
{
    const struct nj_cleanup *cleanup = NJ_CONTAINER_OF(schedule, struct nj_cleanup, schedule);
    char due[NJ_ISO_TIME_SIZE];
    nj_time_format_iso(schedule->due_us, due);
    nj_log_at(cleanup->config.log, NJ_LOG_WARNING,
              "The clock went ahead by more than a day at once; if it is wrong, set it before the "
              "next cleanup deletes what seems old",
              NJ_INT("ahead_s", ahead_us / NJ_US_PER_S), NJ_TEXT("cleanup", due));
}

int nj_cleanup_create(const struct nj_cleanup_config *config, struct nj_cleanup **out,
                      struct nj_error *err)
{
    struct nj_cleanup *cleanup = calloc(1, sizeof *cleanup);
    if (cleanup == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    cleanup->config = *config;
    nj_cancel_init(&cleanup->cancel, NULL);
    nj_schedule_init(&cleanup->schedule, config->loop, handle_due);
    cleanup->schedule.leapt = handle_leap;
    int rc = nj_schedule_parse_time(config->options->cleanup_time, &cleanup->hour, &cleanup->minute,
                                    err);
    if (rc == 0)
        rc = nj_timezone_create(NULL, &cleanup->zone, err);
    if (rc != 0) {
        nj_cleanup_destroy(cleanup);
        return rc;
    }
    *out = cleanup;
    return 0;
}

int nj_cleanup_start(struct nj_cleanup *cleanup, struct nj_error *err)
{
    int rc =
        nj_schedule_start_daily(&cleanup->schedule, cleanup->zone, cleanup->hour, cleanup->minute);
    if (rc != 0)
        return nj_error_set(err, rc, "its schedule could not be started");
    begin(cleanup, true);
    return 0;
}

void nj_cleanup_stop(struct nj_cleanup *cleanup)
{
    if (cleanup == NULL)
        return;
    nj_schedule_stop(&cleanup->schedule);
    nj_cancel_fire(&cleanup->cancel);
    if (cleanup->running)
        nj_thread_join(cleanup->thread);
    cleanup->running = false;
}

void nj_cleanup_destroy(struct nj_cleanup *cleanup)
{
    if (cleanup == NULL)
        return;
    nj_cleanup_stop(cleanup);
    nj_timezone_destroy(cleanup->zone);
    free(cleanup);
}
