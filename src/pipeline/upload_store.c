// SPDX-License-Identifier: Apache-2.0
// The end of an upload's way: rows, batch, camera and queue entry in one transaction.
#include "health/latency.h"
#include "health/pipeline_metrics.h"
#include "pipeline/upload_priv.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

// How soon an upload is offered again while the detector service or the store is away; the breaker
// keeps such tries cheap.
static const nj_us outage_wait_us = 5 * (nj_us)NJ_US_PER_S;

const char nj_upload_vanished[] = "vanished";

static int write_refusal(const struct nj_upload_task *task, struct nj_db *db, struct nj_error *err)
{
    struct nj_refused_row *row = calloc(1, sizeof *row);
    if (row == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    row->refused_us = nj_db_now_us(db);
    struct stat info;
    if (stat(task->item.file_path, &info) == 0)
        row->size = info.st_size;
    nj_text_copy(row->camera_id, sizeof row->camera_id, task->item.camera_id);
    snprintf(row->path, sizeof row->path, "%s", task->item.file_path);
    nj_text_copy(row->reason, sizeof row->reason, task->refused);
    nj_text_copy(row->detail, sizeof row->detail, task->error.text);
    int rc = nj_refused_insert(db, row, err);
    free(row);
    return rc;
}

// A file that was moved while it waited is a doubled one under its new name: that one is looked at.
static int replace(struct nj_upload_task *task, struct nj_db *db, struct nj_error *err)
{
    struct nj_work_queue *queue = task->pipeline->config.queue;
    char *copy = NULL;
    int rc = nj_dedupe_take_copy(db, task->item.file_hash, &copy, err);
    if (rc == 0 && copy != NULL) {
        const struct nj_work_put put = {.payload = copy};
        task->replaced = true;
        rc = nj_work_queue_put(queue, db, &put, err);
    }
    free(copy);
    return rc;
}

static int refuse(struct nj_upload_task *task, struct nj_db *db, struct nj_error *err)
{
    int rc = task->refused == nj_upload_vanished ? replace(task, db, err) : 0;
    return rc == 0 && !task->replaced ? write_refusal(task, db, err) : rc;
}

static int write_rows(struct nj_upload_task *task, struct nj_db *db, struct nj_error *err)
{
    const struct nj_detection_sink *sink = &task->pipeline->config.sink;
    struct nj_new_detections found = {.rows = task->rows,
                                      .count = task->row_count,
                                      .pipeline_start_us = task->item.pipeline_start_us};
    return found.count == 0 ? 0 : sink->store(sink->context, db, &found, &task->outbox, err);
}

static int touch_camera(const struct nj_upload_task *task, struct nj_db *db, struct nj_error *err)
{
    const struct nj_upload_item *item = &task->item;
    const struct nj_camera_picture picture = {item->file_path, item->taken_us};
    // A clip is shown by what was seen in it.
    bool is_picture = task->refused == NULL && !task->is_video;
    return nj_cameras_touch(db, item->camera_id, nj_db_now_us(db), is_picture ? &picture : NULL,
                            err);
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_upload_task *task = NJ_CONTAINER_OF(op, struct nj_upload_task, op);
    nj_outbox_reset(&task->outbox);
    task->replaced = false;
    int rc = touch_camera(task, db, err);
    if (rc == 0 && task->refused != NULL)
        rc = refuse(task, db, err);
    if (rc == 0)
        rc = write_rows(task, db, err);
    if (rc == 0)
        rc = nj_work_queue_complete(task->pipeline->config.queue, db, task->work, err);
    return rc;
}

// Loop thread; the work item was settled before.
static void task_free(struct nj_upload_task *task)
{
    task->pipeline->under_way -= 1;
    nj_frame_unref(task->job.frame);
    nj_video_close(task->video);
    nj_outbox_reset(&task->outbox);
    free(task->times);
    free(task->rows);
    free(task);
}

static void note_joined(const struct nj_upload_task *task)
{
    const struct nj_upload_config *config = &task->pipeline->config;
    if (task->row_count > 0)
        nj_latency_add(config->latency, NJ_STAGE_DETECT_TO_BATCH,
                       nj_mono_us(nj_loop_clock(config->loop)) - task->job.finished_us);
}

static void handle_stored(struct nj_store_op *op)
{
    struct nj_upload_task *task = NJ_CONTAINER_OF(op, struct nj_upload_task, op);
    struct nj_upload_pipeline *pipeline = task->pipeline;
    if (op->rc == NJ_E_CONFLICT) {
        // The lease went to another delivery, which stores the same; this one changed nothing.
        nj_work_queue_finish(pipeline->config.queue, task->work);
        task_free(task);
        return;
    }
    if (op->rc != 0) {
        task->error = op->error;
        task->refused = NULL;
        nj_upload_task_fail(task);
        return;
    }
    if (task->replaced) {
        nj_log_at(pipeline->config.log, NJ_LOG_INFO, "Upload moved; its copy takes its place",
                  NJ_TEXT("camera_id", task->item.camera_id),
                  NJ_TEXT("path", task->item.file_path));
    } else if (task->refused != NULL) {
        nj_pipeline_error(pipeline->config.metrics, "detection_validation_error");
        nj_pipeline_refuse(pipeline->config.metrics, task->refused);
        nj_log_at(pipeline->config.log, NJ_LOG_WARNING, "Upload refused",
                  NJ_TEXT("camera_id", task->item.camera_id), NJ_TEXT("path", task->item.file_path),
                  NJ_TEXT("reason", task->refused), NJ_TEXT("error", task->error.text));
    }
    note_joined(task);
    nj_outbox_publish(&task->outbox, pipeline->config.bus);
    nj_work_queue_finish(pipeline->config.queue, task->work);
    task_free(task);
}

// Counts the task out of those under detection. True when it was the last of them.
static bool leave_detector(struct nj_upload_task *task)
{
    bool was_there = task->is_detecting;
    task->is_detecting = false;
    return was_there && atomic_fetch_sub(&task->pipeline->detecting, 1) == 1;
}

void nj_upload_task_store(struct nj_upload_task *task)
{
    // Behind the last one nobody comes whom it could wait for, and the inference threads are idle
    // until it makes room.
    bool last = leave_detector(task);
    task->op = (struct nj_store_op){.apply = apply,
                                    .done = handle_stored,
                                    .loop = task->pipeline->config.loop,
                                    .patient = !last};
    int rc = nj_store_write(task->pipeline->config.store, &task->op);
    if (rc == 0)
        return;
    nj_error_set(&task->error, rc, "the store takes no more operations now");
    task->refused = NULL;
    nj_upload_task_fail(task);
}

// An outage is not the file's fault: it waits, whatever the outage lasts, and health tells of it.
static bool is_outage(int code)
{
    return code == NJ_E_UNAVAILABLE || code == NJ_E_FULL;
}

static void fail_attempt(struct nj_upload_task *task)
{
    struct nj_upload_pipeline *pipeline = task->pipeline;
    nj_pipeline_error(pipeline->config.metrics, task->error.code == NJ_E_TIMEOUT
                                                    ? "detection_timeout_error"
                                                    : "detection_processing_error");
    nj_log_at(pipeline->config.log, NJ_LOG_WARNING, "Upload failed; it will be tried again",
              NJ_TEXT("camera_id", task->item.camera_id), NJ_TEXT("path", task->item.file_path),
              NJ_TEXT("error", task->error.text));
    nj_work_queue_fail(pipeline->config.queue, task->work, false, &task->error);
}

static void handle_failed(struct nj_call *call)
{
    struct nj_upload_task *task = NJ_CONTAINER_OF(call, struct nj_upload_task, call);
    struct nj_upload_pipeline *pipeline = task->pipeline;
    if (task->error.code == NJ_E_CANCELLED) {
        nj_work_queue_release(pipeline->config.queue, task->work); // we are stopping
    } else if (is_outage(task->error.code)) {
        nj_pipeline_error(pipeline->config.metrics, "detection_connection_error");
        nj_work_queue_postpone(pipeline->config.queue, task->work, outage_wait_us);
    } else {
        fail_attempt(task);
    }
    task_free(task);
}

void nj_upload_task_fail(struct nj_upload_task *task)
{
    (void)leave_detector(task);
    task->call.fn = handle_failed;
    nj_loop_post(task->pipeline->config.loop, &task->call);
}
