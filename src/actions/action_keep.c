// SPDX-License-Identifier: Apache-2.0
// Actions that could not be done are kept: as dead letters of the queue, or, when the program
// stops, as work that waits. Their images become files.
#include "actions/action_priv.h"

#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool nj_action_may_pass(int rc)
{
    return rc == NJ_E_UNAVAILABLE || rc == NJ_E_TIMEOUT || rc == NJ_E_FULL || rc == NJ_E_IO ||
           rc == NJ_E_NOMEM || rc == NJ_E_CONFLICT;
}

// The row by which the image's file is known, and by which it ends.
static int put_image_row(struct nj_action_job *job, struct nj_db *db, struct nj_error *err)
{
    const struct nj_action_image *image = job->image;
    struct nj_image_row row = {.bytes = (int64_t)image->length, .created_us = nj_db_now_us(db)};
    char replaced[NJ_IMAGE_PATH_SIZE];
    nj_text_copy(row.key, sizeof row.key, job->kept_key);
    nj_text_copy(row.path, sizeof row.path, image->path);
    nj_text_copy(row.type, sizeof row.type, image->png ? "image/png" : "image/jpeg");
    row.expires_us = row.created_us + job->runner->config.options->keep_us;
    return nj_images_put(db, &row, replaced, err);
}

static int apply_keep(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    struct nj_work_queue *queue = job->runner->config.queue;
    const struct nj_work_put put = {.payload = job->letter};
    const struct nj_work_failed failed = {.payload = job->letter,
                                          .why = &job->error,
                                          .attempts = job->attempts,
                                          .first_failed_us = job->first_failed_us};
    int rc = job->kept_key[0] != '\0' ? put_image_row(job, db, err) : 0;
    if (rc == 0)
        rc = job->park ? nj_work_queue_put(queue, db, &put, err)
                       : nj_work_queue_put_letter(queue, db, &failed, err);
    return rc;
}

static void handle_kept(struct nj_store_op *op)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    const struct nj_error why = op->error;
    if (op->rc == 0)
        nj_action_kept(job);
    else
        nj_action_not_kept(job, &why);
}

static void handle_refused(struct nj_call *call)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(call, struct nj_action_job, posted);
    handle_kept(&job->op);
}

// With the loop's next turn, so that many that are refused do not end inside each other.
static void refuse(struct nj_action_job *job, int rc, const char *what)
{
    job->op.rc = nj_error_set(&job->op.error, rc, "%s", what);
    job->posted.fn = handle_refused;
    nj_loop_post(job->runner->config.loop, &job->posted);
}

static void store_kept(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    struct nj_error why = {0};
    free(job->letter);
    job->letter = NULL;
    const int rc = nj_action_job_write(job, &job->letter, &why);
    job->op =
        (struct nj_store_op){.apply = apply_keep, .done = handle_kept, .loop = runner->config.loop};
    if (rc != 0)
        refuse(job, rc, why.text);
    else if (nj_store_write(runner->config.store, &job->op) != 0)
        refuse(job, NJ_E_FULL, "the store takes no more operations now");
}

static void handle_file_made(struct nj_action_job *job)
{
    // job->error is the step's.
    struct nj_action_image *image = job->image;
    const int rc = job->rc;
    struct nj_error why = job->error;
    job->error = job->cause;
    if (image->bytes != NULL) {
        nj_frame_unref(image->frame);
        image->frame = NULL;
    }
    if (rc == 0) {
        store_kept(job);
        return;
    }
    if (image->bytes == NULL && rc != NJ_E_NOMEM)
        why.code = NJ_E_INVALID; // the picture itself is wrong
    nj_action_not_kept(job, &why);
}

// Only references to secrets and no image bytes go into a letter, so the image needs a file.
static void keep_image(struct nj_action_job *job)
{
    char uuid[NJ_UUID_SIZE];
    if (job->kept_key[0] == '\0') {
        if (nj_random_uuid(uuid) != 0) {
            refuse(job, NJ_E_IO, "no random bytes for the key of an image");
            return;
        }
        snprintf(job->kept_key, sizeof job->kept_key, "kept:%s", uuid);
    }
    job->cause = job->error;
    if (job->image->path[0] != '\0')
        store_kept(job);
    else if (nj_action_image_to_file(job, handle_file_made) != 0)
        refuse(job, NJ_E_NOMEM, "no memory to write an image");
}

void nj_action_keep_again(struct nj_action_job *job)
{
    if (job->image != NULL)
        keep_image(job);
    else
        store_kept(job);
}

static void give_back(struct nj_action_job *job)
{
    struct nj_work_queue *queue = job->runner->config.queue;
    struct nj_work_item *work = job->work;
    job->work = NULL;
    if (job->park || job->error.code == NJ_E_CANCELLED)
        nj_work_queue_release(queue, work);
    else
        nj_work_queue_fail(queue, work, !nj_action_may_pass(job->error.code), &job->error);
    const struct nj_error why = job->error;
    nj_action_job_end(job, why.code, &why);
}

void nj_action_keep(struct nj_action_job *job, bool park, int rc, const struct nj_error *why)
{
    job->state = NJ_ACTION_KEEPING;
    job->park = park;
    job->error = *why;
    job->error.code = rc;
    nj_timer_stop(&job->pause);
    if (job->work != NULL)
        give_back(job);
    else
        nj_action_keep_again(job);
}
