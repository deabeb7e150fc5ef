// SPDX-License-Identifier: Apache-2.0
// Failed actions that the store cannot take now (a full disk, most often): they wait in memory,
// bounded in number and bytes, and are offered to it again until it takes them. What cannot even
// wait is named.
#include "actions/action_priv.h"

void nj_action_lose(struct nj_action_runner *runner, const struct nj_action_lost *lost)
{
    runner->stats.lost++;
    if (runner->metric_lost != NULL)
        nj_metric_add(runner->metric_lost, 1);
    nj_log_at(runner->config.log, NJ_LOG_ERROR, "A failed action could not be kept and is lost",
              NJ_TEXT("action", nj_action_kind_names[lost->kind]), NJ_TEXT("path", lost->path),
              NJ_TEXT("session_id", lost->session_id), NJ_TEXT("error", lost->why));
}

static void note_held(struct nj_action_runner *runner)
{
    if (runner->metric_held != NULL)
        nj_metric_set(runner->metric_held, (double)runner->held_count);
}

// What the job keeps beside itself. Pixels: only where there was no memory to encode them.
static size_t bytes_of(const struct nj_action_job *job)
{
    const struct nj_action_image *image = job->image;
    const struct nj_frame *frame = image != NULL ? image->frame : NULL;
    size_t bytes = job->text_length + (image != NULL && image->bytes != NULL ? image->length : 0);
    for (size_t i = 0; frame != NULL && i < NJ_COUNT_OF(frame->planes); i++)
        bytes += frame->planes[i] != NULL ? (size_t)frame->strides[i] * (size_t)frame->height : 0;
    return bytes;
}

static bool has_room(const struct nj_action_runner *runner, size_t bytes)
{
    const struct nj_action_options *options = runner->config.options;
    return (int64_t)runner->held_count < options->max_waiting &&
           (int64_t)(runner->held_bytes + bytes) <= options->max_held_bytes;
}

static void hold(struct nj_action_job *job, const char *why)
{
    struct nj_action_runner *runner = job->runner;
    if (runner->held_count == 0)
        nj_log_at(runner->config.log, NJ_LOG_ERROR,
                  "Failed actions cannot be kept now and are held in memory until they can be",
                  NJ_TEXT("path", job->path), NJ_TEXT("error", why));
    job->held = true;
    job->held_bytes = bytes_of(job);
    runner->held_count++;
    runner->held_bytes += job->held_bytes;
    note_held(runner);
    nj_action_job_set_aside(job, &runner->held);
}

// Kept, or lost: the held job ends, and its place is free.
static void end_held(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    runner->held_count--;
    runner->held_bytes -= job->held_bytes;
    runner->held_busy = false;
    note_held(runner);
    nj_action_job_free(job);
    if (runner->held_count == 0)
        nj_log_at(runner->config.log, NJ_LOG_INFO, "No failed action is held in memory any more",
                  NJ_INT("lost_so_far", (int64_t)runner->stats.lost));
}

static void end(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    const struct nj_error why = job->error;
    if (job->held)
        end_held(job);
    else
        nj_action_job_end(job, why.code, &why);
    nj_action_offer_held(runner);
    nj_action_check_stopped(runner);
}

static void wait_for_store(struct nj_action_runner *runner)
{
    if (runner->held_busy || runner->held_waiting)
        return;
    runner->held_tries++;
    runner->held_waiting =
        nj_timer_start(&runner->held_timer, nj_action_retry_us(runner, runner->held_tries), 0) == 0;
}

void nj_action_kept(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    runner->held_tries = 0;
    if (!job->park) {
        runner->stats.dead++;
        if (runner->metric_dead != NULL)
            nj_metric_add(runner->metric_dead, 1);
    }
    end(job);
}

void nj_action_not_kept(struct nj_action_job *job, const struct nj_error *why)
{
    struct nj_action_runner *runner = job->runner;
    const bool never = why->code == NJ_E_TOO_BIG || why->code == NJ_E_INVALID;
    const bool room = job->held || has_room(runner, bytes_of(job));
    const struct nj_action_lost lost = {.kind = job->driver->kind,
                                        .path = job->path,
                                        .session_id = job->order_key,
                                        .why = why->text};
    if (never || !room || runner->parking) {
        nj_action_lose(runner, &lost);
        end(job);
        return;
    }
    if (!job->held)
        hold(job, why->text);
    else
        runner->held_busy = false;
    wait_for_store(runner);
}

void nj_action_offer_held(struct nj_action_runner *runner)
{
    if (runner->held_busy || nj_list_empty(&runner->held))
        return;
    nj_timer_stop(&runner->held_timer);
    runner->held_waiting = false;
    runner->held_busy = true;
    nj_action_keep_again(NJ_CONTAINER_OF(runner->held.next, struct nj_action_job, all));
}

static void handle_held_time(struct nj_timer *timer)
{
    nj_action_offer_held(NJ_CONTAINER_OF(timer, struct nj_action_runner, held_timer));
}

void nj_action_held_init(struct nj_action_runner *runner)
{
    nj_list_init(&runner->held);
    nj_timer_init(&runner->held_timer, runner->config.loop, handle_held_time);
}

void nj_action_held_finish(struct nj_action_runner *runner)
{
    struct nj_list *node;
    nj_timer_stop(&runner->held_timer);
    while ((node = nj_list_pop(&runner->held)) != NULL)
        nj_action_job_free(NJ_CONTAINER_OF(node, struct nj_action_job, all));
}
