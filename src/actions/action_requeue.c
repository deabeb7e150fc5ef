// SPDX-License-Identifier: Apache-2.0
// Actions that come from the queue: requeued dead letters, and what was left by a stop.
#include "actions/action_priv.h"

#include "util/text.h"

#include <string.h>

static int apply_complete(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    job->replaced[0] = '\0';
    if (job->kept_key[0] != '\0') {
        const int rc = nj_images_delete(db, job->kept_key, job->replaced, err);
        if (rc != 0 && rc != NJ_E_NOT_FOUND)
            return rc;
    }
    return nj_work_queue_complete(job->runner->config.queue, db, job->work, err);
}

static void run_delete_file(uv_work_t *uv)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(uv, struct nj_action_job, uv);
    nj_media_delete(job->runner->config.media, job->replaced);
}

static void handle_file_deleted(struct nj_action_job *job)
{
    nj_action_job_end(job, 0, NULL);
}

static void handle_completed(struct nj_store_op *op)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    struct nj_work_item *work = job->work;
    job->work = NULL;
    if (op->rc != 0 && op->rc != NJ_E_CONFLICT) {
        // It was done and cannot be taken out: it comes again, which the same key makes harmless.
        const struct nj_error why = op->error;
        nj_work_queue_fail(job->runner->config.queue, work, false, &why);
        nj_action_job_end(job, op->rc, &why);
        return;
    }
    nj_work_queue_finish(job->runner->config.queue, work);
    if (op->rc != 0 || job->replaced[0] == '\0' ||
        nj_action_pool(job, run_delete_file, handle_file_deleted) != 0)
        nj_action_job_end(job, 0, NULL);
}

void nj_action_complete(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    job->state = NJ_ACTION_KEEPING;
    job->op = (struct nj_store_op){
        .apply = apply_complete, .done = handle_completed, .loop = runner->config.loop};
    const int rc = nj_store_write(runner->config.store, &job->op);
    if (rc != 0) {
        job->op.rc = nj_error_set(&job->op.error, rc, "the store takes no more operations now");
        handle_completed(&job->op);
    }
}

static int apply_look(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    const struct nj_work_order order = {.queue = nj_work_queue_name(job->runner->config.queue),
                                        .key = job->order_key,
                                        .id = job->work->id};
    return nj_work_earlier_due(db, &order, &job->earlier_due_us, err);
}

static void put_back(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    struct nj_work_item *work = job->work;
    const nj_us wait_us = job->earlier_due_us - nj_wall_us(runner->clock);
    const nj_us least_us = runner->config.options->retry_us;
    job->work = NULL;
    job->put_back = true;
    nj_work_queue_postpone(runner->config.queue, work, wait_us > least_us ? wait_us : least_us);
    nj_action_job_end(job, NJ_E_CANCELLED, NULL);
}

static void handle_looked(struct nj_store_op *op)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    const struct nj_error none = {0};
    job->in_order = op->rc == NJ_E_NOT_FOUND;
    if (job->in_order)
        nj_action_job_made(job, 0, &none);
    else
        put_back(job); // also when it is not known
}

static void handle_look_refused(struct nj_call *call)
{
    put_back(NJ_CONTAINER_OF(call, struct nj_action_job, posted));
}

void nj_action_check_order(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    job->state = NJ_ACTION_MAKING;
    // On the store's writing side, behind what was told of earlier items just now.
    job->op = (struct nj_store_op){
        .apply = apply_look, .done = handle_looked, .loop = runner->config.loop, .relaxed = true};
    if (nj_store_write(runner->config.store, &job->op) == 0)
        return;
    job->posted.fn = handle_look_refused;
    nj_loop_post(runner->config.loop, &job->posted);
}

void nj_action_requeued(struct nj_work_item *item, void *arg)
{
    struct nj_action_runner *runner = arg;
    struct nj_action_job *job = NULL;
    struct nj_error why = {0};
    int rc = nj_action_job_read(runner, item->payload, &job, &why);
    if (job == NULL) {
        nj_work_queue_fail(runner->config.queue, item, rc != NJ_E_NOMEM, &why);
        return;
    }
    job->work = item;
    if (rc == 0 && job->site.edge == NJ_EDGE_HTTP)
        nj_action_target_http(runner, job->channel, &job->target);
    else if (rc == 0)
        rc = nj_action_target_get(runner, &job->site, &job->target, &why);
    if (job->target != NULL)
        job->target->users++;
    if (rc != 0)
        nj_action_keep(job, false, rc, &why);
    else
        nj_action_job_start(job);
}
