// SPDX-License-Identifier: Apache-2.0
// What the files of the upload pipeline share.
#ifndef NJ_PIPELINE_UPLOAD_PRIV_H
#define NJ_PIPELINE_UPLOAD_PRIV_H

#include "frames/video.h"
#include "pipeline/upload.h"
#include "storage/store_uploads.h"

#include <stdatomic.h>

extern const char nj_upload_vanished[]; // the reason of a file that is there no longer

struct nj_upload_pipeline {
    struct nj_upload_config config;
    struct nj_metric *detect_stage;
    struct nj_cancel cancel; // fires when the pipeline is destroyed; ends reads of clips
    size_t under_way;        // tasks alive; loop thread
    atomic_size_t detecting; // tasks that wait for an inference thread or are on one
};

// One claimed upload from claim to commit. Owned by one thread at a time: loop, inference, store,
// loop.
struct nj_upload_task {
    struct nj_upload_pipeline *pipeline;
    struct nj_work_item *work;
    struct nj_upload_item item;
    bool is_video;
    bool is_detecting; // counted in the pipeline's
    struct nj_detect_job job;

    struct nj_video *video; // open while a clip is sampled
    nj_us *times;           // malloc'd: places of the clip that are looked at
    size_t time_count, time_index;
    nj_us shown_us;        // place of the frame under inspection
    size_t pictures_taken; // of the clip, detected

    struct nj_detection_row *rows; // malloc'd
    size_t row_count, row_capacity;

    const char *refused; // reason of a file that cannot be used; NULL else
    bool replaced;       // the file vanished, but a copy of it is to be looked at instead
    struct nj_error error;
    struct nj_store_op op;
    struct nj_outbox outbox;
    struct nj_call call;
};

// Called from: loop thread. Begins with a claimed item; settles it in every case.
void nj_upload_task_begin(struct nj_upload_pipeline *pipeline, struct nj_work_item *work);

// Called from: inference thread. All pictures of the task were looked at (or it was refused):
// stores rows, camera and the end of the queue entry in one transaction.
void nj_upload_task_store(struct nj_upload_task *task);

// Called from: any thread. The attempt failed with task->error; settled on the loop thread.
void nj_upload_task_fail(struct nj_upload_task *task);

#endif
