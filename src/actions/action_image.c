// SPDX-License-Identifier: Apache-2.0
// Saved images: cut out and encoded on libuv's pool, then kept in Redis, or as a file with a row.
#include "actions/action_priv.h"

#include "frames/picture.h"
#include "frames/straighten.h"
#include "util/file.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int nj_action_resolve_image(struct nj_action_job *job, const struct nj_action_call *call,
                            const struct nj_values *values, struct nj_error *err)
{
    const struct nj_spec_action *action = call->action;
    struct nj_buf key;
    if (action->key == NULL || call->frame == NULL)
        return nj_error_set(err, NJ_E_INVALID, "%s: no key, or no picture", action->path);
    nj_buf_init(&key, sizeof job->key - 1);
    int rc = nj_template_fill(action->key, values, NJ_TEMPLATE_PLAIN, &key, err);
    if (rc == 0 && key.length == 0)
        rc = nj_error_set(err, NJ_E_INVALID, "%s: the key is empty", action->path);
    if (rc == 0)
        nj_text_copy(job->key, sizeof job->key, key.data);
    nj_buf_finish(&key);
    if (rc != 0)
        return rc;
    struct nj_action_image *image = calloc(1, sizeof *image);
    if (image == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "%s: no memory", action->path);
    job->image = image;
    image->frame = nj_frame_ref(call->frame);
    image->region = call->region;
    image->png = action->png;
    image->quality = action->quality;
    image->expire_seconds = action->expire_seconds == NJ_SPEC_EXPIRE_DEFAULT
                                ? job->runner->config.options->default_expire_seconds
                                : action->expire_seconds;
    return 0;
}

void nj_action_image_free(struct nj_action_image *image)
{
    if (image == NULL)
        return;
    nj_frame_unref(image->frame);
    free(image->bytes);
    free(image);
}

static int encode(const struct nj_action_image *image, const struct nj_frame *frame, void **bytes,
                  size_t *length, struct nj_error *err)
{
    const struct nj_picture_encode wish = {.quality = image->quality};
    return image->png ? nj_picture_encode_png(frame, bytes, length, err)
                      : nj_picture_encode_jpeg(frame, &wish, bytes, length, err);
}

static int cut_and_encode(struct nj_action_image *image, struct nj_error *err)
{
    const struct nj_frame *frame = image->frame;
    const bool whole = !(image->region.w > 0);
    const struct nj_rect all = {.w = (float)frame->full_width, .h = (float)frame->full_height};
    struct nj_frame *cut = NULL;
    int rc = 0;
    if (!whole || image->png)
        rc = nj_frame_crop(frame, whole ? &all : &image->region, 0, 0, &cut, err);
    if (rc == 0)
        rc = encode(image, cut != NULL ? cut : frame, &image->bytes, &image->length, err);
    nj_frame_unref(cut);
    return rc;
}

static void run_encode(uv_work_t *uv)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(uv, struct nj_action_job, uv);
    job->rc = cut_and_encode(job->image, &job->error);
}

static void run_read(uv_work_t *uv)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(uv, struct nj_action_job, uv);
    struct nj_action_image *image = job->image;
    char *bytes = NULL;
    job->rc = nj_file_read(image->path, (size_t)job->runner->config.options->max_image_bytes,
                           &bytes, &image->length, &job->error);
    image->bytes = bytes;
    image->path[0] = '\0'; // a kept file goes with its row; what is saved has a file of its own
}

static void handle_made(struct nj_action_job *job)
{
    struct nj_action_image *image = job->image;
    struct nj_error why = job->error;
    int rc = job->rc;
    nj_frame_unref(image->frame);
    image->frame = NULL;
    if (rc == 0 && (int64_t)image->length > job->runner->config.options->max_image_bytes)
        rc = nj_error_set(&why, NJ_E_TOO_BIG, "the image has %zu bytes, actions.max_image_bytes",
                          image->length);
    nj_action_job_made(job, rc, &why);
}

void nj_action_make_image(struct nj_action_job *job)
{
    struct nj_error why;
    const bool encodes = job->image->frame != NULL;
    const int rc = nj_action_pool(job, encodes ? run_encode : run_read, handle_made);
    if (rc != 0) {
        nj_error_set(&why, rc, "no memory to encode an image");
        nj_action_job_made(job, rc, &why);
    }
}

static void save_redis(struct nj_action_job *job)
{
    const struct nj_action_image *image = job->image;
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%" PRId64, image->expire_seconds);
    const char *const words[] = {"SET", job->key, image->bytes, "EX", seconds};
    const size_t lengths[] = {3, strlen(job->key), image->length, 2, strlen(seconds)};
    nj_action_ask_redis(job, words, lengths, image->expire_seconds > 0 ? 5 : 3);
}

static int apply_row(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    const struct nj_action_image *image = job->image;
    struct nj_image_row row = {.bytes = (int64_t)image->length};
    const nj_us now_us = nj_db_now_us(db);
    nj_text_copy(row.key, sizeof row.key, job->key);
    nj_text_copy(row.path, sizeof row.path, image->path);
    nj_text_copy(row.type, sizeof row.type, image->png ? "image/png" : "image/jpeg");
    row.created_us = now_us;
    row.expires_us =
        image->expire_seconds > 0 ? now_us + image->expire_seconds * (nj_us)NJ_US_PER_S : 0;
    return nj_images_put(db, &row, job->replaced, err);
}

static void run_delete_replaced(uv_work_t *uv)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(uv, struct nj_action_job, uv);
    nj_media_delete(job->runner->config.media, job->replaced);
}

static void handle_replaced_deleted(struct nj_action_job *job)
{
    nj_action_tried(job, 0, NULL);
}

static void handle_row_stored(struct nj_store_op *op)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(op, struct nj_action_job, op);
    const struct nj_error why = op->error;
    const bool other = job->replaced[0] != '\0' && strcmp(job->replaced, job->image->path) != 0;
    if (op->rc == 0 && other &&
        nj_action_pool(job, run_delete_replaced, handle_replaced_deleted) == 0)
        return; // one that cannot be deleted now is an orphan, which retention finds
    nj_action_tried(job, op->rc, &why);
}

static void store_row(struct nj_action_job *job)
{
    struct nj_action_runner *runner = job->runner;
    struct nj_error why;
    job->replaced[0] = '\0';
    job->op = (struct nj_store_op){
        .apply = apply_row, .done = handle_row_stored, .loop = runner->config.loop};
    const int rc = nj_store_write(runner->config.store, &job->op);
    if (rc != 0) {
        nj_error_set(&why, rc, "the store takes no more operations now");
        nj_action_tried(job, rc, &why);
    }
}

static void run_write(uv_work_t *uv)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(uv, struct nj_action_job, uv);
    struct nj_action_image *image = job->image;
    const struct nj_media_picture picture = {.camera_id = "saved",
                                             .wall_us = nj_wall_us(job->runner->clock),
                                             .bytes = image->bytes,
                                             .length = image->length,
                                             .png = image->png};
    job->rc = nj_media_write(job->runner->config.media, &picture, image->path, sizeof image->path,
                             &job->error);
}

static void handle_file_written(struct nj_action_job *job)
{
    const struct nj_error why = job->error;
    if (job->rc == 0)
        store_row(job);
    else
        nj_action_tried(job, job->rc, &why);
}

static void run_encode_and_write(uv_work_t *uv)
{
    struct nj_action_job *job = NJ_CONTAINER_OF(uv, struct nj_action_job, uv);
    if (job->image->bytes == NULL && job->image->frame != NULL)
        job->rc = cut_and_encode(job->image, &job->error);
    if (job->rc == 0)
        run_write(uv);
}

int nj_action_image_to_file(struct nj_action_job *job, void (*made)(struct nj_action_job *job))
{
    return nj_action_pool(job, run_encode_and_write, made);
}

void nj_action_try_image(struct nj_action_job *job)
{
    struct nj_error why;
    if (job->target != NULL) {
        save_redis(job);
    } else if (job->image->path[0] != '\0') {
        store_row(job); // written by an earlier try
    } else if (nj_action_pool(job, run_write, handle_file_written) != 0) {
        nj_error_set(&why, NJ_E_NOMEM, "no memory to write an image");
        nj_action_tried(job, NJ_E_NOMEM, &why);
    }
}
