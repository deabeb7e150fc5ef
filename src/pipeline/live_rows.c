// SPDX-License-Identifier: Apache-2.0
// Rows of live tracks: one a track, with its best picture; written, changed and ended by operations
// that find the row by its key, so that their order alone decides.
#include "frames/picture.h"
#include "pipeline/live_priv.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct live_write {
    struct nj_live_pipeline *pipeline;
    struct nj_detection_row row;
    char replaced[NJ_STORE_PATH_SIZE]; // picture that this one takes the place of; "" none
    bool born;
    nj_us found_us; // monotonic
    struct nj_store_op op;
    struct nj_outbox outbox;
};

static void change_writing(struct nj_live_pipeline *pipeline, int by)
{
    pthread_mutex_lock(&pipeline->lock);
    pipeline->writing += (size_t)by;
    nj_live_tell_rest_locked(pipeline);
    pthread_mutex_unlock(&pipeline->lock);
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct live_write *write = NJ_CONTAINER_OF(op, struct live_write, op);
    const struct nj_detection_sink *sink = &write->pipeline->config.sink;
    nj_outbox_reset(&write->outbox);
    struct nj_new_detections found = {
        .rows = &write->row, .count = 1, .pipeline_start_us = write->row.detected_us};
    int rc = sink->store(sink->context, db, &found, &write->outbox, err);
    write->born = found.fresh > 0;
    return rc != 0 || write->born ? rc : nj_detections_update(db, &write->row, err);
}

static void handle_written(struct nj_store_op *op)
{
    struct live_write *write = NJ_CONTAINER_OF(op, struct live_write, op);
    struct nj_live_pipeline *pipeline = write->pipeline;
    if (op->rc == 0) {
        if (write->born) {
            pipeline->row_count += 1;
            nj_latency_add(pipeline->config.latency, NJ_STAGE_DETECT_TO_BATCH,
                           nj_mono_us(nj_loop_clock(pipeline->config.loop)) - write->found_us);
        } else {
            pipeline->update_count += 1;
        }
        if (write->replaced[0] != '\0')
            nj_media_delete(pipeline->config.media, write->replaced);
        nj_outbox_publish(&write->outbox, pipeline->config.bus);
    } else {
        nj_log_at(pipeline->config.log, NJ_LOG_ERROR, "A live detection could not be stored",
                  NJ_TEXT("camera_id", write->row.camera_id), NJ_TEXT("error", op->error.text));
    }
    nj_outbox_reset(&write->outbox);
    free(write);
    change_writing(pipeline, -1);
}

static void submit(struct nj_live_pipeline *pipeline, const struct nj_detection_row *row,
                   const char *replaced)
{
    struct live_write *write = calloc(1, sizeof *write);
    if (write == NULL)
        return; // perishable: the next change writes the row
    write->pipeline = pipeline;
    write->row = *row;
    write->found_us = nj_mono_us(nj_loop_clock(pipeline->config.loop));
    nj_text_copy(write->replaced, sizeof write->replaced, replaced);
    nj_outbox_init(&write->outbox);
    write->op =
        (struct nj_store_op){.apply = apply, .done = handle_written, .loop = pipeline->config.loop};
    change_writing(pipeline, 1);
    if (nj_store_write(pipeline->config.store, &write->op) == 0)
        return;
    change_writing(pipeline, -1);
    free(write);
}

static struct nj_live_row *find_row(struct nj_live_pipeline *pipeline, int64_t track_id)
{
    struct nj_live_row *empty = NULL;
    for (size_t i = 0; i < pipeline->row_capacity; i++) {
        struct nj_live_row *row = &pipeline->rows[i];
        if (row->used && row->row.track_id == track_id)
            return row;
        if (!row->used && empty == NULL)
            empty = row;
    }
    return empty;
}

static void keep_picture(struct nj_live_pipeline *pipeline, struct nj_frame *frame,
                         struct nj_detection_row *row)
{
    struct nj_picture_encode encode = {.quality = (int)pipeline->config.options->picture_quality};
    void *bytes = NULL;
    size_t length = 0;
    char path[NJ_STORE_PATH_SIZE];
    if (nj_media_stopped(pipeline->config.media) ||
        nj_picture_encode_jpeg(frame, &encode, &bytes, &length, NULL) != 0)
        return;
    struct nj_media_picture picture = {.camera_id = row->camera_id,
                                       .wall_us = frame->captured_wall_us,
                                       .bytes = bytes,
                                       .length = length};
    if (nj_media_write(pipeline->config.media, &picture, path, sizeof path, NULL) == 0) {
        nj_text_copy(row->file_path, sizeof row->file_path, path);
        row->picture_width = frame->full_width;
        row->picture_height = frame->full_height;
    }
    free(bytes);
}

static void describe(const struct nj_live_pipeline *pipeline,
                     const struct nj_stability_action *action, const struct nj_frame *frame,
                     struct nj_detection_row *row)
{
    const struct nj_detector *detector = pipeline->config.detector;
    *row = (struct nj_detection_row){
        .track_id = action->track_id,
        .detected_us = frame->captured_wall_us - (frame->captured_mono_us - action->first_us),
        .picture_width = frame->full_width,
        .picture_height = frame->full_height,
    };
    nj_text_copy(row->camera_id, sizeof row->camera_id, pipeline->config.entry->id);
    nj_text_copy(row->media_type, sizeof row->media_type, "live");
    nj_text_copy(row->model, sizeof row->model, nj_detector_model(detector)->name);
    snprintf(row->source_key, sizeof row->source_key, "live-%.64s-%lld", row->camera_id,
             (long long)action->track_id);
}

// The box goes with the picture it was seen on.
static void set_box(struct nj_detection_row *row, const struct nj_stability_action *action)
{
    row->x = (int32_t)lroundf(action->x);
    row->y = (int32_t)lroundf(action->y);
    row->width = (int32_t)lroundf(action->w);
    row->height = (int32_t)lroundf(action->h);
}

void nj_live_apply_action(struct nj_live_pipeline *pipeline,
                          const struct nj_stability_action *action, struct nj_frame *frame)
{
    struct nj_live_row *live = find_row(pipeline, action->track_id);
    if (live == NULL || (!live->used && (frame == NULL || action->kind == NJ_STABILITY_END)))
        return;
    char replaced[NJ_STORE_PATH_SIZE] = "";
    if (!live->used) {
        describe(pipeline, action, frame, &live->row);
        live->used = true;
    }
    struct nj_detection_row *row = &live->row;
    if (frame != NULL && (action->changed & NJ_STABILITY_PICTURE) != 0) {
        nj_text_copy(replaced, sizeof replaced, row->file_path);
        keep_picture(pipeline, frame, row);
        if (strcmp(replaced, row->file_path) == 0)
            replaced[0] = '\0'; // the old picture stays: there is no new one
        set_box(row, action);
    }
    row->confidence = (double)action->score;
    row->ended_us = row->detected_us + (action->last_us - action->first_us);
    nj_text_copy(row->object_type, sizeof row->object_type,
                 nj_detector_class_name(pipeline->config.detector, action->class_id));
    submit(pipeline, row, replaced);
    if (action->kind == NJ_STABILITY_END)
        live->used = false;
}

struct touch {
    struct nj_store_op op;
    struct nj_live_pipeline *pipeline;
};

static int apply_touch(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    const struct touch *touch = NJ_CONTAINER_OF(op, struct touch, op);
    return nj_cameras_touch(db, touch->pipeline->config.entry->id, nj_db_now_us(db), NULL, err);
}

static void handle_touched(struct nj_store_op *op)
{
    struct touch *touch = NJ_CONTAINER_OF(op, struct touch, op);
    struct nj_live_pipeline *pipeline = touch->pipeline;
    free(touch);
    change_writing(pipeline, -1);
}

void nj_live_touch(struct nj_live_pipeline *pipeline)
{
    struct touch *touch = calloc(1, sizeof *touch);
    if (touch == NULL)
        return; // tried again with a later frame
    touch->pipeline = pipeline;
    touch->op = (struct nj_store_op){
        .apply = apply_touch, .done = handle_touched, .loop = pipeline->config.loop};
    change_writing(pipeline, 1);
    if (nj_store_write(pipeline->config.store, &touch->op) == 0)
        return;
    change_writing(pipeline, -1);
    free(touch);
}
