// SPDX-License-Identifier: Apache-2.0
// The life of one action: resolved, waits for its turn in its session, is tried and tried again,
// ends or is kept for later.
#include "actions/action_priv.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static void handle_pause_over(struct nj_timer *timer);
static void pump(struct nj_action_lane *lane);

struct nj_action_job *nj_action_job_create(struct nj_action_runner *runner,
                                           enum nj_action_kind kind)
{
    struct nj_action_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->runner = runner;
    job->driver = nj_action_drivers[kind];
    job->state = NJ_ACTION_READY;
    nj_list_init(&job->node);
    nj_list_append(&runner->jobs, &job->all);
    nj_timer_init(&job->pause, runner->config.loop, handle_pause_over);
    runner->job_count++;
    return job;
}

void nj_action_job_free(struct nj_action_job *job)
{
    nj_list_remove(&job->all);
    nj_action_record_free(job->record);
    nj_action_image_free(job->image);
    free(job->text);
    free(job->letter);
    free(job);
}

static void drop_lane(struct nj_action_runner *runner, const char *key)
{
    nj_strmap_remove(runner->lanes, key); // frees it
}

static void leave_lane(struct nj_action_job *job)
{
    struct nj_action_lane *lane = job->lane;
    nj_list_remove(&job->node);
    if (lane == NULL)
        return;
    if (job->driver->kind == NJ_ACTION_REDIS_SAVE_IMAGE && !job->put_back)
        lane->image_failed = job->rc != 0;
    if (nj_list_empty(&lane->jobs) && !lane->pumping)
        drop_lane(job->runner, job->order_key);
}

static void tell_end(struct nj_action_job *job)
{
    struct nj_action_call *call = job->call;
    job->call = NULL;
    if (call == NULL)
        return;
    call->rc = job->rc;
    call->error = job->error;
    call->done(call);
}

static void count_skipped(struct nj_action_runner *runner)
{
    runner->stats.skipped++;
    if (runner->metric_skipped != NULL)
        nj_metric_add(runner->metric_skipped, 1);
}

static void count_end(struct nj_action_runner *runner, int rc)
{
    struct nj_metric *metric = rc == 0 ? runner->metric_done : runner->metric_failed;
    if (rc == 0)
        runner->stats.done++;
    else
        runner->stats.failed++;
    if (metric != NULL)
        nj_metric_add(metric, 1);
}

static void note_end(const struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    if (job->put_back)
        return;
    if (job->skipped)
        count_skipped(runner);
    else
        count_end(runner, job->rc);
    if (job->rc != 0)
        nj_log_at(runner->config.log, job->skipped ? NJ_LOG_INFO : NJ_LOG_WARNING,
                  job->skipped ? "Action skipped" : "Action failed",
                  NJ_TEXT("action", nj_action_kind_names[job->driver->kind]),
                  NJ_TEXT("path", job->path), NJ_TEXT("session_id", job->order_key),
                  NJ_TEXT("error", job->error.text));
}

// The job is under way no more: counted, told, out of its lane.
static void leave(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    note_end(job);
    leave_lane(job);
    tell_end(job);
    nj_timer_stop(&job->pause);
    nj_list_remove(&job->all);
    runner->job_count--;
    if (job->target != NULL)
        job->target->users--;
    job->target = NULL;
    job->lane = NULL;
}

static void go_on_with(struct nj_action_runner *runner, const char *key)
{
    struct nj_action_lane *lane = nj_strmap_get(runner->lanes, key); // it may have ended meanwhile
    if (lane != NULL)
        pump(lane);
}

void nj_action_job_end(struct nj_action_job *job, int rc, const struct nj_error *why)
{
    struct nj_action_runner *runner = job->runner;
    char key[NJ_ACTION_ORDER_SIZE];
    memcpy(key, job->order_key, sizeof key);
    job->rc = rc;
    job->error = why != NULL ? *why : (struct nj_error){0};
    leave(job);
    nj_action_job_free(job);
    go_on_with(runner, key);
    nj_action_check_stopped(runner);
}

void nj_action_job_set_aside(struct nj_action_job *job, struct nj_list *aside)
{
    job->rc = job->error.code;
    leave(job);
    nj_list_append(aside, &job->all);
    go_on_with(job->runner, job->order_key);
}

static int join_lane(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    if (job->order_key[0] == '\0')
        return 0;
    struct nj_action_lane *lane = nj_strmap_get(runner->lanes, job->order_key);
    if (lane == NULL) {
        lane = calloc(1, sizeof *lane);
        if (lane == NULL)
            return NJ_E_NOMEM;
        nj_list_init(&lane->jobs);
        if (nj_strmap_set(runner->lanes, job->order_key, lane) != 0) {
            free(lane);
            return NJ_E_NOMEM;
        }
    }
    job->lane = lane;
    nj_list_append(&lane->jobs, &job->node);
    return 0;
}

static void attempt(struct nj_action_job *job)
{
    struct nj_error why;
    if (job->runner->parking) {
        nj_error_set(&why, NJ_E_CANCELLED, "stopping");
        nj_action_keep(job, true, NJ_E_CANCELLED, &why);
        return;
    }
    if (job->names_image && job->lane != NULL && job->lane->image_failed) {
        nj_error_set(&why, NJ_E_UNAVAILABLE, "the image it names was not saved");
        nj_action_keep(job, false, NJ_E_UNAVAILABLE, &why);
        return;
    }
    if (job->work != NULL && job->lane != NULL && !job->in_order) {
        nj_action_check_order(job);
        return;
    }
    job->state = NJ_ACTION_TRYING;
    job->attempts++;
    job->driver->attempt(job);
}

// The first of the lane, while that ends at once.
static void pump(struct nj_action_lane *lane)
{
    if (lane->pumping)
        return;
    struct nj_action_runner *runner = NULL;
    char key[NJ_ACTION_ORDER_SIZE] = "";
    lane->pumping = true;
    while (!nj_list_empty(&lane->jobs)) {
        struct nj_action_job *job = NJ_CONTAINER_OF(lane->jobs.next, struct nj_action_job, node);
        runner = job->runner;
        memcpy(key, job->order_key, sizeof key);
        if (job->state != NJ_ACTION_READY)
            break;
        attempt(job);
    }
    lane->pumping = false;
    if (nj_list_empty(&lane->jobs) && runner != NULL)
        drop_lane(runner, key);
}

static void go_on(struct nj_action_job *job)
{
    if (job->lane != NULL)
        pump(job->lane);
    else
        attempt(job);
}

void nj_action_job_start(struct nj_action_job *job)
{
    struct nj_error why;
    if (join_lane(job) != 0) {
        nj_error_set(&why, NJ_E_NOMEM, "no memory for an action");
        nj_action_keep(job, false, NJ_E_NOMEM, &why);
    } else if (job->image != NULL) {
        job->state = NJ_ACTION_MAKING;
        nj_action_make_image(job);
    } else {
        go_on(job);
    }
}

void nj_action_job_made(struct nj_action_job *job, int rc, const struct nj_error *why)
{
    job->state = NJ_ACTION_READY;
    if (rc == 0)
        go_on(job);
    else if (job->work != NULL)
        nj_action_keep(job, false, rc, why);
    else
        nj_action_job_end(job, rc, why); // the picture itself is wrong: no later try helps
}

static void handle_pause_over(struct nj_timer *timer)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(timer, struct nj_action_job, pause);
    job->state = NJ_ACTION_READY;
    go_on(job);
}

static void pause_before_retry(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    job->state = NJ_ACTION_PAUSING;
    if (nj_timer_start(&job->pause, nj_action_retry_us(runner, job->attempts), 0) != 0)
        nj_action_keep(job, false, NJ_E_NOMEM, &job->error);
}

// A letter of an archive with a password in plain text outlived the connection that had it.
static bool lacks_password(const struct nj_action_job *job)
{
    const char *wanted = job->site.connection;
    return wanted[0] != '\0' && job->target != NULL && strcmp(job->target->id, wanted) != 0;
}

static void note_failure(struct nj_action_job *job, const struct nj_error *why)
{
    if (job->first_failed_us == 0)
        job->first_failed_us = nj_wall_us(job->runner->clock);
    job->error = *why;
    if (lacks_password(job))
        (void)nj_error_prefix(&job->error,
                              "tried without a password, because the archive has it in plain text "
                              "and letters keep no passwords (give it there as env:NAME or "
                              "file:PATH for what is to come, do this one by hand and delete it)");
}

void nj_action_tried(struct nj_action_job *job, int rc, const struct nj_error *why)
{
    struct nj_action_runner *runner = job->runner;
    if (rc == 0) {
        if (job->work != NULL)
            nj_action_complete(job);
        else
            nj_action_job_end(job, 0, NULL);
        return;
    }
    note_failure(job, why);
    const bool tried_there = job->driver->tries_itself && job->target != NULL;
    const bool more = (int64_t)job->attempts <= runner->config.options->tries && !tried_there &&
                      job->work == NULL;
    if (rc == NJ_E_CANCELLED || (runner->parking && nj_action_may_pass(rc)))
        nj_action_keep(job, true, rc, &job->error);
    else if (nj_action_may_pass(rc) && more)
        pause_before_retry(job);
    else
        nj_action_keep(job, false, rc, &job->error);
}

static void handle_pool_done(uv_work_t *uv, int status)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(uv, struct nj_action_job, uv);
    if (status != 0)
        job->rc = nj_error_set(&job->error, NJ_E_CANCELLED, "stopping");
    job->made(job);
}

int nj_action_pool(struct nj_action_job *job, void (*run)(uv_work_t *uv),
                   void (*made)(struct nj_action_job *job))
{
    job->made = made;
    job->rc = 0;
    const int rc =
        uv_queue_work(nj_loop_uv(job->runner->config.loop), &job->uv, run, handle_pool_done);
    return rc == 0 ? 0 : NJ_E_NOMEM;
}

// A call that cannot even begin.
static void refuse(struct nj_action_runner *runner, struct nj_action_call *call, int rc,
                   const struct nj_error *why)
{
    count_end(runner, rc);
    const struct nj_action_lost lost = {.kind = call->action->kind,
                                        .path = call->action->path,
                                        .session_id =
                                            call->order_key != NULL ? call->order_key : "",
                                        .why = why->text};
    nj_action_lose(runner, &lost);
    call->rc = rc;
    call->error = *why;
    call->done(call);
}

static int check_room(const struct nj_action_runner *runner, struct nj_error *err)
{
    // Twice as many: what is beyond the limit is on its way to the dead letters, and even that has
    // an end.
    const size_t most = 2 * (size_t)runner->config.options->max_waiting;
    if (runner->stopping)
        return nj_error_set(err, NJ_E_CANCELLED, "actions are stopping");
    if (runner->job_count >= most)
        return nj_error_set(err, NJ_E_FULL, "%zu actions are under way, actions.max_waiting",
                            runner->job_count);
    return 0;
}

static bool is_crowded(const struct nj_action_job *job)
{
    const struct nj_action_runner *runner = job->runner;
    return runner->job_count > (size_t)runner->config.options->max_waiting;
}

// Where it goes; a place among those under way.
static int find_way(struct nj_action_job *job, const struct nj_archive *archive,
                    struct nj_error *err)
{
    struct nj_action_runner *runner = job->runner;
    int rc = 0;
    nj_action_site_of(runner, job->driver->edge, archive, &job->site);
    if (job->site.edge == NJ_EDGE_HTTP)
        nj_action_target_http(runner, job->channel, &job->target);
    else
        rc = nj_action_target_get(runner, &job->site, &job->target, err);
    if (job->target != NULL)
        job->target->users++;
    if (rc == 0 && job->site.archive && job->site.password[0] != '\0' &&
        !nj_action_secret_is_reference(job->site.password))
        nj_text_copy(job->site.connection, sizeof job->site.connection, job->target->id);
    if (rc == 0 && is_crowded(job))
        rc = nj_error_set(err, NJ_E_FULL, "more than actions.max_waiting (%lld) are under way",
                          (long long)runner->config.options->max_waiting);
    return rc;
}

static struct nj_action_job *take_call(struct nj_action_runner *runner, struct nj_action_call *call,
                                       struct nj_error *err)
{
    struct nj_action_job *job =
        check_room(runner, err) == 0 ? nj_action_job_create(runner, call->action->kind) : NULL;
    if (job == NULL) {
        if (err->code == 0)
            nj_error_set(err, NJ_E_NOMEM, "no memory for an action");
        return NULL;
    }
    job->call = call;
    nj_text_copy(job->path, sizeof job->path, call->action->path);
    if (call->order_key != NULL)
        nj_text_copy(job->order_key, sizeof job->order_key, call->order_key);
    return job;
}

void nj_action_run(struct nj_action_runner *runner, struct nj_action_call *call)
{
    struct nj_error why = {0};
    call->image_key[0] = '\0';
    struct nj_action_job *job = take_call(runner, call, &why);
    if (job == NULL) {
        refuse(runner, call, why.code, &why);
        return;
    }
    int rc = nj_action_resolve(job, call, &why);
    if (rc != 0) {
        job->skipped = rc == NJ_E_NOT_FOUND; // a branch saw nothing, or was not sure
        nj_action_job_end(job, rc, &why);
        return;
    }
    nj_text_copy(call->image_key, sizeof call->image_key, job->image != NULL ? job->key : "");
    rc = find_way(job, call->archive, &why);
    if (rc != 0)
        nj_action_keep(job, false, rc, &why);
    else
        nj_action_job_start(job);
}
