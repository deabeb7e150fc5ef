// SPDX-License-Identifier: Apache-2.0
// One upload: its pictures through the detector, one after the other, into rows.
#include "frames/picture.h"
#include "health/pipeline_metrics.h"
#include "pipeline/upload_priv.h"
#include "util/file.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char cut_file[] = "truncated";

// Errors of the file itself: trying again cannot help, so it is refused, listed and left in place.
static const char *refusal_of(int rc)
{
    switch (rc) {
    case NJ_E_CORRUPT:
        return "undecodable";
    case NJ_E_INVALID:
    case NJ_E_UNSUPPORTED:
        return "wrong_type";
    case NJ_E_TOO_BIG:
        return "too_big";
    case NJ_E_NOT_FOUND:
        return nj_upload_vanished;
    default:
        return NULL;
    }
}

static int load_picture(struct nj_detect_job *job, const struct nj_job_tools *tools,
                        struct nj_frame **out, struct nj_error *err)
{
    struct nj_upload_task *task = NJ_CONTAINER_OF(job, struct nj_upload_task, job);
    const struct nj_picture_limits *limits = &task->pipeline->config.picture_limits;
    char *bytes = NULL;
    size_t length = 0;
    int rc = nj_file_read(task->item.file_path, (size_t)limits->max_bytes, &bytes, &length, err);
    struct nj_picture_request request = {
        .bytes = bytes,
        .length = length,
        .limits = limits,
        .least_width = tools->least_width,
        .least_height = tools->least_height,
        .strict = true,
    };
    if (rc == 0)
        rc = nj_picture_decode(tools->decoder, &request, out, err);
    if (rc != 0)
        task->refused =
            rc == NJ_E_CORRUPT && nj_picture_is_cut(bytes, length) ? cut_file : refusal_of(rc);
    free(bytes);
    return rc;
}

static int open_clip(struct nj_upload_task *task, struct nj_error *err)
{
    const struct nj_upload_options *options = &task->pipeline->config.options;
    struct nj_video_info info;
    int rc = nj_video_open(task->item.file_path, &task->pipeline->cancel, &task->video, &info, err);
    if (rc != 0)
        return rc;
    task->times = calloc((size_t)options->video_max_frames, sizeof *task->times);
    if (task->times == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    task->time_count = nj_video_sample_times(info.duration_us, options->video_interval_us,
                                             (size_t)options->video_max_frames, task->times);
    return 0;
}

// The next picture that is due and was not looked at yet: what a clip shows for longer than the
// interval, or after an end that its head does not know of, is one picture.
static int find_clip_frame(struct nj_upload_task *task, struct nj_frame **out, struct nj_error *err)
{
    nj_us before_us = task->time_index > 0 ? task->shown_us : -1;
    for (;;) {
        int rc = nj_video_at(task->video, task->times[task->time_index], out, &task->shown_us, err);
        if (rc != 0 || task->shown_us > before_us)
            return rc;
        nj_frame_unref(*out);
        *out = NULL;
        if (task->time_index + 1 >= task->time_count)
            return NJ_E_AGAIN;
        task->time_index += 1;
    }
}

// A clip is opened at its first picture and read on; `shown_us` says which place was found.
static int load_clip_frame(struct nj_detect_job *job, const struct nj_job_tools *tools,
                           struct nj_frame **out, struct nj_error *err)
{
    struct nj_upload_task *task = NJ_CONTAINER_OF(job, struct nj_upload_task, job);
    (void)tools;
    int rc = task->video == NULL ? open_clip(task, err) : 0;
    if (rc == 0)
        rc = find_clip_frame(task, out, err);
    // One that nobody can open began as a video does, or it would not be here: it is damaged.
    if (rc != 0)
        task->refused = refusal_of(rc == NJ_E_INVALID ? NJ_E_CORRUPT : rc);
    return rc;
}

// A clip that is cut or damaged further on keeps what was seen before, and is listed all the same.
static void judge_clip(struct nj_upload_task *task)
{
    if (!task->is_video || task->pictures_taken == 0 ||
        (task->refused == NULL && !nj_video_is_cut(task->video)))
        return;
    task->refused = cut_file;
    nj_error_set(&task->error, NJ_E_CORRUPT,
                 "the clip is cut or damaged; pictures of it that were taken: %zu, up to %.1f s",
                 task->pictures_taken, (double)task->shown_us / NJ_US_PER_S);
}

static void fill_row(const struct nj_upload_task *task, const struct nj_detection *found,
                     struct nj_detection_row *row)
{
    const struct nj_detector *detector = task->pipeline->config.detector;
    const struct nj_frame *frame = task->job.frame;
    *row = (struct nj_detection_row){
        .file_is_upload = true,
        .confidence = (double)found->confidence,
        .x = (int32_t)lroundf(found->box.x),
        .y = (int32_t)lroundf(found->box.y),
        .width = (int32_t)lroundf(found->box.w),
        .height = (int32_t)lroundf(found->box.h),
        .picture_width = frame->full_width,
        .picture_height = frame->full_height,
        .video_offset_ms = task->is_video ? task->shown_us / NJ_US_PER_MS : 0,
        .detected_us = task->item.taken_us + (task->is_video ? task->shown_us : 0),
    };
    row->ended_us = row->detected_us;
    nj_text_copy(row->camera_id, sizeof row->camera_id, task->item.camera_id);
    memcpy(row->file_path, task->item.file_path, strlen(task->item.file_path) + 1);
    nj_text_copy(row->media_type, sizeof row->media_type, task->item.media_type);
    nj_text_copy(row->object_type, sizeof row->object_type,
                 nj_detector_class_name(detector, found->class_id));
    nj_text_copy(row->model, sizeof row->model, nj_detector_model(detector)->name);
    snprintf(row->source_key, sizeof row->source_key, "%.32s-%lld-%zu", task->item.file_hash,
             (long long)task->item.pipeline_start_us, task->row_count);
}

static int add_rows(struct nj_upload_task *task)
{
    const struct nj_detections *result = &task->job.result;
    int rc = nj_array_reserve((void **)&task->rows, &task->row_capacity,
                              task->row_count + result->count, sizeof *task->rows);
    if (rc != 0)
        return nj_error_set(&task->error, rc, "out of memory");
    for (size_t i = 0; i < result->count; i++) {
        fill_row(task, &result->items[i], &task->rows[task->row_count]);
        task->row_count += 1;
    }
    return 0;
}

// True when a further picture of the clip was handed to the scheduler, or could not be: a clip that
// was looked at in part is not stored, the whole of it comes again.
static bool look_further(struct nj_upload_task *task)
{
    task->time_index += 1;
    if (!task->is_video || task->time_index >= task->time_count)
        return false;
    nj_frame_unref(task->job.frame);
    task->job.frame = NULL;
    int rc = nj_scheduler_submit(task->pipeline->config.scheduler, &task->job);
    if (rc != 0) {
        nj_error_set(&task->error, rc, "the detector takes no work now");
        nj_upload_task_fail(task);
    }
    return true;
}

static void note_time(const struct nj_upload_task *task)
{
    const nj_us spent_us = task->job.finished_us - task->job.started_us;
    nj_latency_add(task->pipeline->config.latency, NJ_STAGE_DETECT, spent_us);
    nj_pipeline_observe(task->pipeline->detect_stage, spent_us);
}

static void handle_detected(struct nj_detect_job *job)
{
    struct nj_upload_task *task = NJ_CONTAINER_OF(job, struct nj_upload_task, job);
    if (job->rc != NJ_E_AGAIN)
        note_time(task);
    if (job->rc == 0) {
        task->pictures_taken += 1;
        if (add_rows(task) != 0) {
            nj_upload_task_fail(task);
            return;
        }
        if (look_further(task))
            return;
    }
    nj_frame_unref(job->frame);
    job->frame = NULL;
    task->error = job->error;
    // NJ_E_AGAIN: the rest of the clip shows nothing more.
    if (job->rc != 0 && job->rc != NJ_E_AGAIN && task->refused == NULL) {
        nj_upload_task_fail(task);
        return;
    }
    judge_clip(task);
    nj_upload_task_store(task);
}

void nj_upload_task_begin(struct nj_upload_pipeline *pipeline, struct nj_work_item *work)
{
    struct nj_error err = {0};
    struct nj_upload_task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        nj_error_set(&err, NJ_E_NOMEM, "out of memory");
        nj_work_queue_fail(pipeline->config.queue, work, false, &err);
        return;
    }
    int rc = nj_upload_item_from_json(work->payload, &task->item, &err);
    if (rc != 0) {
        nj_pipeline_error(pipeline->config.metrics, "invalid_detection_payload");
        nj_work_queue_fail(pipeline->config.queue, work, true, &err);
        free(task);
        return;
    }
    task->pipeline = pipeline;
    task->work = work;
    task->is_video = strcmp(task->item.media_type, "video") == 0;
    nj_outbox_init(&task->outbox);
    task->job = (struct nj_detect_job){
        .source = task->item.camera_id,
        .load = task->is_video ? load_clip_frame : load_picture,
        .done = handle_detected,
    };
    pipeline->under_way += 1;
    nj_us now_us = nj_wall_us(nj_loop_clock(pipeline->config.loop));
    nj_latency_add(pipeline->config.latency, NJ_STAGE_WATCH_TO_DETECT,
                   now_us - task->item.pipeline_start_us);
    task->is_detecting = true;
    atomic_fetch_add(&pipeline->detecting, 1);
    rc = nj_scheduler_submit(pipeline->config.scheduler, &task->job);
    if (rc != 0) {
        nj_error_set(&task->error, rc, "the detector takes no work now");
        nj_upload_task_fail(task);
    }
}
