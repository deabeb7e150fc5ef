// SPDX-License-Identifier: Apache-2.0
// Retention once a day at its local time, on a thread that ends with the run.
#include "app/cleanup.h"

#include "loop/thread.h"
#include "util/timezone.h"

#include <stdio.h>
#include <stdlib.h>

struct nj_cleanup {
    struct nj_cleanup_config config;
    struct nj_timezone *zone;
    struct nj_timer timer;
    int hour, minute;
    bool running; // a thread is to be joined; loop thread
    pthread_t thread;
    struct nj_cancel cancel;
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
    cleanup->rc = nj_retention_run(cleanup->config.store, cleanup->config.options,
                                   cleanup->config.pictures_folder, false, is_cancelled, cleanup,
                                   &cleanup->report, &cleanup->error);
    nj_loop_post(cleanup->config.loop, &cleanup->finished);
}
