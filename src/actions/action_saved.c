// SPDX-License-Identifier: Apache-2.0
// Saved images by key: from the embedded store, else from the Redis servers in use. And the sweep
// of those whose time is over.
#include "actions/action_priv.h"

#include "util/file.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    SWEEP_US = 60 * NJ_US_PER_S,
    SWEEP_MAX = 64, // of one operation; more go at once after it
};

// One request, from its begin to `done`.
struct saved_work {
    struct nj_action_runner *runner;
    struct nj_saved_image *image;
    bool deletes, deleted;
    struct nj_store_op op;
    uv_work_t uv;
    struct nj_image_row row;
    char path[NJ_IMAGE_PATH_SIZE];
    struct nj_redis_command command;
    struct nj_action_target *target; // asked now
    size_t asked;                    // targets so far
    struct nj_call call;
};

static void end(struct saved_work *work, int rc, const struct nj_error *why)
{
    struct nj_action_runner *runner = work->runner;
    struct nj_saved_image *image = work->image;
    image->rc = rc;
    image->error = (struct nj_error){0};
    if (rc != 0 && why != NULL)
        image->error = *why;
    image->at_redis = rc != 0 && work->target != NULL;
    free(work);
    runner->others--;
    image->done(image);
    nj_action_check_stopped(runner);
}

static void end_not_found(struct saved_work *work)
{
    struct nj_error why;
    if (work->deleted) {
        end(work, 0, NULL);
        return;
    }
    nj_error_set(&why, NJ_E_NOT_FOUND, "no image is saved under this key, or its time is over");
    end(work, NJ_E_NOT_FOUND, &why);
}

static struct nj_action_target *next_redis(struct saved_work *work)
{
    size_t index = 0;
    const struct nj_list *all = &work->runner->targets;
    for (struct nj_list *node = all->next; node != all; node = node->next) {
        struct nj_action_target *target = NJ_CONTAINER_OF(node, struct nj_action_target, node);
        if (target->redis != NULL && index++ == work->asked)
            return target;
    }
    return NULL;
}

static void ask_next(struct saved_work *work);

// A server may be shared with others, whose values are none of a client's business here.
static bool is_image(const struct nj_redis_reply *reply)
{
    static const char png[] = "\x89PNG", jpeg[] = "\xff\xd8\xff";
    return reply->rc == 0 && reply->bytes != NULL && reply->length >= 4 &&
           (memcmp(reply->bytes, png, 4) == 0 || memcmp(reply->bytes, jpeg, 3) == 0);
}

static bool take_image(struct saved_work *work, const struct nj_redis_reply *reply)
{
    struct nj_saved_image *image = work->image;
    image->bytes = malloc(reply->length);
    if (image->bytes == NULL)
        return false;
    memcpy(image->bytes, reply->bytes, reply->length);
    image->length = reply->length;
    image->type = memcmp(reply->bytes, "\x89PNG", 4) == 0 ? "image/png" : "image/jpeg";
    return true;
}

// False: ended. A value of another kind (NJ_E_INVALID) is no image either.
static bool take_reply(struct saved_work *work, const struct nj_redis_reply *reply)
{
    const struct nj_error why = reply->error;
    work->target->users--;
    if (reply->rc == 0 || reply->rc == NJ_E_INVALID)
        return true;
    end(work, reply->rc, &why);
    return false;
}

static void ask(struct saved_work *work, const char *const *words, size_t count,
                void (*done)(struct nj_redis_command *command, const struct nj_redis_reply *reply))
{
    struct nj_error why = {0};
    size_t lengths[4];
    for (size_t i = 0; i < count; i++)
        lengths[i] = strlen(words[i]);
    work->command =
        (struct nj_redis_command){.words = words, .lengths = lengths, .count = count, .done = done};
    work->target->users++;
    const int rc = nj_redis_send(work->target->redis, &work->command, &why);
    if (rc != 0) {
        work->target->users--;
        end(work, rc, &why);
    }
}

static void handle_deleted(struct nj_redis_command *command, const struct nj_redis_reply *reply)
{
    struct saved_work *work = NJ_CONTAINER_OF(command, struct saved_work, command);
    if (!take_reply(work, reply))
        return;
    work->deleted = work->deleted || reply->integer > 0;
    ask_next(work);
}

static void handle_beginning(struct nj_redis_command *command, const struct nj_redis_reply *reply)
{
    struct saved_work *work = NJ_CONTAINER_OF(command, struct saved_work, command);
    const char *const words[] = {"DEL", work->image->key};
    if (!take_reply(work, reply))
        return;
    if (is_image(reply))
        ask(work, words, 2, handle_deleted);
    else
        ask_next(work);
}

static void handle_reply(struct nj_redis_command *command, const struct nj_redis_reply *reply)
{
    struct saved_work *work = NJ_CONTAINER_OF(command, struct saved_work, command);
    struct nj_error why;
    if (!take_reply(work, reply))
        return;
    if (!is_image(reply)) {
        ask_next(work);
    } else if (take_image(work, reply)) {
        end(work, 0, NULL);
    } else {
        nj_error_set(&why, NJ_E_NOMEM, "no memory for an image");
        end(work, NJ_E_NOMEM, &why);
    }
}

static void ask_next(struct saved_work *work)
{
    const char *const get[] = {"GET", work->image->key};
    const char *const look[] = {"GETRANGE", work->image->key, "0", "3"};
    work->target = next_redis(work);
    work->asked++;
    if (work->target == NULL)
        end_not_found(work);
    else if (work->deletes)
        ask(work, look, 4, handle_beginning);
    else
        ask(work, get, 2, handle_reply);
}

static void run_file(uv_work_t *uv)
{
    struct saved_work *work = NJ_CONTAINER_OF(uv, struct saved_work, uv);
    struct nj_saved_image *image = work->image;
    char *bytes = NULL;
    if (work->deletes) {
        nj_media_delete(work->runner->config.media, work->path);
        return;
    }
    work->op.rc =
        nj_file_read(work->row.path, (size_t)work->runner->config.options->max_image_bytes, &bytes,
                     &image->length, &work->op.error);
    image->bytes = bytes;
    image->type = strcmp(work->row.type, "image/png") == 0 ? "image/png" : "image/jpeg";
}

static void handle_file(uv_work_t *uv, int status)
{
    struct saved_work *work = NJ_CONTAINER_OF(uv, struct saved_work, uv);
    const struct nj_error why = work->op.error;
    if (work->deletes)
        ask_next(work);
    else
        end(work, status != 0 ? NJ_E_CANCELLED : work->op.rc, &why);
}

static int apply_saved(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct saved_work *work = NJ_CONTAINER_OF(op, struct saved_work, op);
    return work->deletes ? nj_images_delete(db, work->image->key, work->path, err)
                         : nj_images_get(db, work->image->key, &work->row, err);
}

static void handle_row(struct nj_store_op *op)
{
    struct saved_work *work = NJ_CONTAINER_OF(op, struct saved_work, op);
    struct nj_error why = op->error;
    if (op->rc == NJ_E_NOT_FOUND) {
        ask_next(work);
        return;
    }
    int rc = op->rc;
    work->deleted = rc == 0;
    if (rc == 0 &&
        uv_queue_work(nj_loop_uv(work->runner->config.loop), &work->uv, run_file, handle_file) != 0)
        rc = nj_error_set(&why, NJ_E_NOMEM, "no memory to read an image");
    if (rc != 0)
        end(work, rc, &why);
}

static void handle_refused(struct nj_call *call)
{
    struct saved_work *work = NJ_CONTAINER_OF(call, struct saved_work, call);
    const struct nj_error why = work->op.error;
    end(work, work->op.rc, &why);
}

static void begin(struct nj_action_runner *runner, struct nj_saved_image *image, bool deletes)
{
    image->bytes = NULL;
    image->length = 0;
    struct saved_work *work = calloc(1, sizeof *work);
    if (work == NULL) {
        image->rc = nj_error_set(&image->error, NJ_E_NOMEM, "no memory");
        image->done(image);
        return;
    }
    work->runner = runner;
    work->image = image;
    work->deletes = deletes;
    work->op =
        (struct nj_store_op){.apply = apply_saved, .done = handle_row, .loop = runner->config.loop};
    runner->others++;
    const int rc = deletes ? nj_store_write(runner->config.store, &work->op)
                           : nj_store_read(runner->config.store, &work->op);
    if (rc == 0)
        return;
    work->op.rc = nj_error_set(&work->op.error, rc, "the store takes no more operations now");
    work->call.fn = handle_refused;
    nj_loop_post(runner->config.loop, &work->call);
}

void nj_saved_image_get(struct nj_action_runner *runner, struct nj_saved_image *image)
{
    begin(runner, image, false);
}

void nj_saved_image_delete(struct nj_action_runner *runner, struct nj_saved_image *image)
{
    begin(runner, image, true);
}

// Rows go in one transaction with the look for them, so that a key that is saved anew meanwhile is
// not taken; the files go after it. A crash in between leaves files that retention finds.
struct sweep {
    struct nj_action_runner *runner;
    struct nj_store_op op;
    uv_work_t uv;
    size_t count;
    char keys[SWEEP_MAX][NJ_IMAGE_KEY_SIZE];
    char paths[SWEEP_MAX][NJ_IMAGE_PATH_SIZE];
};

static int see_expired(const struct nj_image_row *row, void *arg)
{
    struct sweep *sweep = arg;
    if (sweep->count < SWEEP_MAX)
        nj_text_copy(sweep->keys[sweep->count++], NJ_IMAGE_KEY_SIZE, row->key);
    return 0;
}

static int apply_sweep(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct sweep *sweep = NJ_CONTAINER_OF(op, struct sweep, op);
    sweep->count = 0;
    const struct nj_images_query query = {.now_us = nj_db_now_us(db), .limit = SWEEP_MAX};
    int rc = nj_images_expired(db, &query, see_expired, sweep, err);
    for (size_t i = 0; rc == 0 && i < sweep->count; i++)
        rc = nj_images_delete(db, sweep->keys[i], sweep->paths[i], err);
    return rc;
}

static void run_sweep(uv_work_t *uv)
{
    struct sweep *sweep = NJ_CONTAINER_OF(uv, struct sweep, uv);
    for (size_t i = 0; i < sweep->count; i++)
        nj_media_delete(sweep->runner->config.media, sweep->paths[i]);
}

static void begin_sweep(struct nj_action_runner *runner);

static void end_sweep(struct sweep *sweep)
{
    struct nj_action_runner *runner = sweep->runner;
    const bool more = sweep->op.rc == 0 && sweep->count == SWEEP_MAX;
    free(sweep);
    runner->sweeping = false;
    runner->others--;
    if (more && !runner->stopping)
        begin_sweep(runner);
    nj_action_check_stopped(runner);
}

static void handle_files_gone(uv_work_t *uv, int status)
{
    (void)status;
    end_sweep(NJ_CONTAINER_OF(uv, struct sweep, uv));
}

static void handle_swept(struct nj_store_op *op)
{
    struct sweep *sweep = NJ_CONTAINER_OF(op, struct sweep, op);
    struct uv_loop_s *uv = nj_loop_uv(sweep->runner->config.loop);
    if (op->rc != 0 || sweep->count == 0 ||
        uv_queue_work(uv, &sweep->uv, run_sweep, handle_files_gone) != 0)
        end_sweep(sweep);
}

static void begin_sweep(struct nj_action_runner *runner)
{
    struct sweep *sweep = runner->sweeping || runner->stopping ? NULL : calloc(1, sizeof *sweep);
    if (sweep == NULL)
        return;
    sweep->runner = runner;
    sweep->op = (struct nj_store_op){
        .apply = apply_sweep, .done = handle_swept, .loop = runner->config.loop, .patient = true};
    if (nj_store_write(runner->config.store, &sweep->op) != 0) {
        free(sweep);
        return;
    }
    runner->sweeping = true;
    runner->others++;
}

static void handle_sweep_time(struct nj_timer *timer)
{
    begin_sweep(NJ_CONTAINER_OF(timer, struct nj_action_runner, sweep_timer));
}

void nj_action_sweep_start(struct nj_action_runner *runner)
{
    nj_timer_init(&runner->sweep_timer, runner->config.loop, handle_sweep_time);
    (void)nj_timer_start(&runner->sweep_timer, SWEEP_US, SWEEP_US);
}
