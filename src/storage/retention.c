// SPDX-License-Identifier: Apache-2.0
// Retention: settings and the order of a run.
#include "storage/retention_priv.h"
#include "util/mem.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct nj_option retention_options[] = {
    {.name = "retention_days",
     .env = "RETENTION_DAYS",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_retention_options, retention_days),
     .min = 1,
     .max = 36500,
     .unit = "days",
     .fallback = "30",
     .help = "Events, detections and our own pictures older than this are deleted."},
    {.name = "log_retention_days",
     .env = "LOG_RETENTION_DAYS",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_retention_options, log_retention_days),
     .min = 1,
     .max = 36500,
     .unit = "days",
     .fallback = "7",
     .help = "Dead letters and the list of refused files are kept this long."},
    {.name = "cleanup_time",
     .type = NJ_OPTION_TEXT,
     .offset = offsetof(struct nj_retention_options, cleanup_time),
     .min = 5,
     .max = 5,
     .fallback = "03:00",
     .help = "Local time of the daily run, hh:mm; choose a quiet hour."},
    {.name = "delete_images",
     .type = NJ_OPTION_BOOL,
     .offset = offsetof(struct nj_retention_options, delete_images),
     .fallback = "false",
     .help = "Also delete uploaded files whose detections were deleted; without it they are never "
             "touched."},
    {.name = "disk_min_free",
     .type = NJ_OPTION_NUMBER,
     .offset = offsetof(struct nj_retention_options, disk_min_free),
     .min = 0,
     .max = 1,
     .fallback = "0.05",
     .help = "Part of the disk (0 to 1) that our own pictures leave free; below it they stop."},
};

const struct nj_option_group nj_retention_option_group = {
    .name = "retention",
    .title = "Retention",
    .options = retention_options,
    .count = NJ_COUNT_OF(retention_options),
    .struct_size = sizeof(struct nj_retention_options),
};

int nj_retention_check(const struct nj_retention_run *run, struct nj_error *err)
{
    const struct nj_retention_task *task = run->task;
    if (task->cancelled != NULL && task->cancelled(task->arg))
        return nj_error_set(err, NJ_E_CANCELLED, "retention: cancelled");
    return 0;
}

// The store's own time, which the rows carry.
struct clock_op {
    struct nj_store_op op;
    nj_us now_us;
};

static int read_clock(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)err;
    NJ_CONTAINER_OF(op, struct clock_op, op)->now_us = nj_db_now_us(db);
    return 0;
}

static int start(struct nj_retention_run *run, const struct nj_retention_task *task,
                 struct nj_error *err)
{
    static const nj_us day_us = 86400 * (nj_us)NJ_US_PER_S;
    struct clock_op clock = {.op = {.apply = read_clock}};
    *run = (struct nj_retention_run){.task = task, .report = {.dry_run = task->dry_run}};
    int rc = nj_store_read_wait(task->store, &clock.op, err);
    if (rc != 0)
        return rc;
    run->cutoff_us = clock.now_us - task->options->retention_days * day_us;
    run->log_cutoff_us = clock.now_us - task->options->log_retention_days * day_us;
    // Without a folder there are no pictures; that is no error.
    run->folder = realpath(task->pictures_folder, NULL);
    return 0;
}

int nj_retention_run(const struct nj_retention_task *task, struct nj_retention_report *out,
                     struct nj_error *err)
{
    struct nj_retention_run run;
    int rc = start(&run, task, err);
    if (rc == 0 && task->dry_run)
        rc = nj_retention_count_rows(&run, err);
    else if (rc == 0) {
        rc = nj_retention_delete_rows(&run, err);
        if (rc == 0)
            rc = nj_retention_delete_files(&run, err);
    }
    *out = run.report;
    free(run.folder);
    return rc;
}

int nj_retention_recover(const struct nj_retention_task *task, struct nj_retention_report *out,
                         struct nj_error *err)
{
    struct nj_retention_run run;
    int rc = start(&run, task, err);
    if (rc == 0 && !task->dry_run)
        rc = nj_retention_delete_files(&run, err);
    if (rc == 0)
        rc = nj_retention_delete_orphans(&run, err);
    *out = run.report;
    free(run.folder);
    return rc;
}
