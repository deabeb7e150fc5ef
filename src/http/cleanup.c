// SPDX-License-Identifier: Apache-2.0
// GET and POST /api/system/cleanup: retention by hand, one run at a time, beside the loop.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "loop/thread.h"

#include <stdlib.h>

struct nj_cleanup {
    bool running, has_report;
    struct nj_retention_report report; // of the last run
    nj_us finished_us;                 // wall
    struct nj_cancel cancel;
};

struct cleanup_work {
    struct nj_api_work work;
    struct nj_cleanup *cleanup;
    const struct nj_api_context *context;
    struct nj_retention_options options;
    bool dry_run;
    struct nj_retention_report report;
};

void nj_api_cleanup_finish(struct nj_api *api)
{
    free(api->cleanup);
    api->cleanup = NULL;
}

static void write_report(const struct nj_retention_report *report, struct nj_json_writer *writer)
{
    nj_json_bool(writer, "dry_run", report->dry_run);
    nj_json_int(writer, "events_deleted", report->events);
    nj_json_int(writer, "detections_deleted", report->detections);
    nj_json_int(writer, "batches_deleted", report->batches);
    nj_json_int(writer, "logs_deleted", report->logs);
    nj_json_int(writer, "pictures_deleted", report->pictures);
    nj_json_int(writer, "images_deleted", report->images);
    nj_json_int(writer, "space_reclaimed", report->bytes);
}

// The state lives as long as the API and is made at the first question.
static struct nj_cleanup *state_of(struct nj_api *api)
{
    if (api->cleanup == NULL)
        api->cleanup = calloc(1, sizeof *api->cleanup);
    return api->cleanup;
}

// Whether the parts that retention needs are there; else answered.
static bool is_possible(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    if (context->store == NULL || context->retention == NULL || context->media == NULL) {
        nj_exchange_missing(exchange, "retention");
        return false;
    }
    if (state_of(exchange->api) != NULL)
        return true;
    nj_exchange_error(exchange, NJ_E_NOMEM, NULL);
    return false;
}

void nj_route_cleanup_get(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    if (!is_possible(exchange))
        return;
    const struct nj_cleanup *cleanup = exchange->api->cleanup;
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_bool(&answer.writer, "running", cleanup->running);
    nj_json_int(&answer.writer, "retention_days", context->retention->retention_days);
    nj_json_text(&answer.writer, "cleanup_time", context->retention->cleanup_time);
    nj_json_bool(&answer.writer, "delete_images", context->retention->delete_images);
    nj_json_time(&answer.writer, "finished_at", cleanup->finished_us);
    if (cleanup->has_report) {
        nj_json_object_begin(&answer.writer, "last_run");
        write_report(&cleanup->report, &answer.writer);
        nj_json_object_end(&answer.writer);
    } else {
        nj_json_null(&answer.writer, "last_run");
    }
    nj_json_answer_send(&answer, exchange, NULL);
}

static bool is_cancelled(void *arg)
{
    return nj_cancel_fired(arg);
}

static void run(struct nj_api_work *work)
{
    struct cleanup_work *self = NJ_CONTAINER_OF(work, struct cleanup_work, work);
    const struct nj_retention_task task = {
        .store = self->context->store,
        .options = &self->options,
        .pictures_folder = nj_media_folder(self->context->media),
        .dry_run = self->dry_run,
        .cancelled = is_cancelled,
        .arg = &self->cleanup->cancel,
    };
    work->rc = nj_retention_run(&task, &self->report, &work->error);
}

static void reply(struct nj_api_work *work)
{
    struct cleanup_work *self = NJ_CONTAINER_OF(work, struct cleanup_work, work);
    struct nj_exchange *exchange = work->exchange;
    self->cleanup->has_report = true;
    self->cleanup->report = self->report;
    self->cleanup->finished_us = nj_api_wall_us(exchange->api);
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    write_report(&self->report, &answer.writer);
    nj_json_time(&answer.writer, "timestamp", self->cleanup->finished_us);
    nj_json_answer_send(&answer, exchange, NULL);
}

static void finish(struct nj_api_work *work)
{
    NJ_CONTAINER_OF(work, struct cleanup_work, work)->cleanup->running = false;
}

void nj_route_cleanup_run(struct nj_exchange *exchange)
{
    bool dry_run = false;
    if (!nj_query_bool(exchange, "dry_run", NULL, &dry_run) || !is_possible(exchange))
        return;
    struct nj_cleanup *cleanup = exchange->api->cleanup;
    if (cleanup->running) {
        nj_exchange_problem(exchange, 409, "a clean-up is running already");
        return;
    }
    struct cleanup_work *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->work = (struct nj_api_work){.run = run, .reply = reply, .finish = finish};
        self->cleanup = cleanup;
        self->context = exchange->api->context;
        self->options = *exchange->api->context->retention;
        self->dry_run = dry_run;
        nj_cancel_init(&cleanup->cancel, NULL);
        cleanup->running = true;
    }
    nj_api_work_start(exchange, self != NULL ? &self->work : NULL);
}

void nj_api_cleanup_cancel(struct nj_api *api)
{
    if (api->cleanup != NULL && api->cleanup->running)
        nj_cancel_fire(&api->cleanup->cancel);
}
