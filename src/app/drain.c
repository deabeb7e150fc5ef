// SPDX-License-Identifier: Apache-2.0
// The drain: detection_queue and what is under way, then the open batches, then analysis_queue.
// What does not end in time, and what waits for a later time anyway, stays durable and goes on
// after the next start.
#include "app/app_priv.h"
#include "app/worker_priv.h"

#include <stdlib.h>

// How often the queues are looked at while draining; nobody is woken for "at rest".
enum { LOOK_EVERY_US = 10 * NJ_US_PER_MS };

// Actions that are with a server when the waiting ends get this long; what is left is kept.
static const nj_us last_actions_us = 2 * (nj_us)NJ_US_PER_S;

enum drain_phase { DRAIN_DETECTIONS, DRAIN_CLOSING, DRAIN_ANALYSIS, DRAIN_STOPPING };

struct nj_app_drain {
    struct nj_app *app;
    struct nj_timer timer;
    enum drain_phase phase;
    nj_us deadline_us;
    void (*finished)(struct nj_app *app);
};

static void handle_closed(void *arg, int rc)
{
    struct nj_app_drain *drain = arg;
    (void)rc; // told by the batcher; a batch that stayed open goes on after the next start
    drain->phase = DRAIN_ANALYSIS;
}

static void stop_claims(struct nj_app_drain *drain)
{
    drain->phase = DRAIN_STOPPING;
    nj_upload_pipeline_stop(drain->app->upload);
    nj_analysis_stop(drain->app->analysis);
    nj_app_worker_end(drain->app, last_actions_us);
}

static bool detections_idle(struct nj_app *app)
{
    return nj_upload_pipeline_idle(app->upload) && nj_live_set_idle(app->live);
}

static bool detections_done(struct nj_app *app)
{
    return nj_work_queue_rests(app->detection_queue) && detections_idle(app) &&
           nj_app_worker_idle(app);
}

static bool analysis_done(struct nj_app *app)
{
    return nj_work_queue_rests(app->analysis_queue) && nj_analysis_idle(app->analysis);
}

static void step(struct nj_app_drain *drain, bool late)
{
    struct nj_app *app = drain->app;
    switch (drain->phase) {
    case DRAIN_DETECTIONS:
        if (!late && !detections_done(app))
            return;
        drain->phase = DRAIN_CLOSING;
        nj_batcher_close_all(app->batcher, handle_closed, drain);
        return;
    case DRAIN_CLOSING:
        return;
    case DRAIN_ANALYSIS:
        if (late || analysis_done(app))
            stop_claims(drain);
        return;
    case DRAIN_STOPPING:
        if (!detections_idle(app) || !nj_analysis_idle(app->analysis) || !nj_app_worker_ended(app))
            return;
        nj_timer_stop(&drain->timer);
        drain->finished(app);
        return;
    }
}

static void handle_timer(struct nj_timer *timer)
{
    struct nj_app_drain *drain = NJ_CONTAINER_OF(timer, struct nj_app_drain, timer);
    nj_us now_us = nj_mono_us(nj_loop_clock(drain->app->loop));
    step(drain, now_us >= drain->deadline_us);
}

int nj_app_drain_start(struct nj_app *app, void (*finished)(struct nj_app *app))
{
    struct nj_app_drain *drain = calloc(1, sizeof *drain);
    if (drain == NULL)
        return NJ_E_NOMEM;
    drain->app = app;
    drain->finished = finished;
    drain->deadline_us =
        nj_mono_us(nj_loop_clock(app->loop)) + nj_app_program_settings(app->config)->drain_us;
    nj_timer_init(&drain->timer, app->loop, handle_timer);
    int rc = nj_timer_start(&drain->timer, 0, LOOK_EVERY_US);
    if (rc != 0) {
        free(drain);
        return rc;
    }
    app->drain = drain;
    return 0;
}

void nj_app_drain_hurry(struct nj_app *app)
{
    if (app->drain != NULL)
        app->drain->deadline_us = 0;
}

void nj_app_drain_destroy(struct nj_app *app)
{
    if (app->drain == NULL)
        return;
    nj_timer_stop(&app->drain->timer);
    free(app->drain);
    app->drain = NULL;
}
