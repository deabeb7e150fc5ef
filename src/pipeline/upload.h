// SPDX-License-Identifier: Apache-2.0
// The way of an uploaded file: consumer of detection_queue, decode, detect, rows, all leaving the
// queue in the transaction that stores them. Loop thread only.
#ifndef NJ_PIPELINE_UPLOAD_H
#define NJ_PIPELINE_UPLOAD_H

#include "bus/bus.h"
#include "config/options.h"
#include "detect/scheduler.h"
#include "health/latency.h"
#include "health/metrics.h"
#include "jobs/work_queue.h"
#include "pipeline/sink.h"
#include "sources/upload_item.h"

struct nj_upload_options {
    nj_us video_interval_us;  // VIDEO_FRAME_INTERVAL_SECONDS 2.0
    int64_t video_max_frames; // VIDEO_MAX_FRAMES 30
    int64_t in_flight;        // items with this stage at once; 0: sixteen an inference thread
};
extern const struct nj_option_group nj_upload_option_group; // group "upload"

struct nj_upload_config {
    struct nj_upload_options options;
    struct nj_picture_limits picture_limits;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_work_queue *queue; // detection_queue
    struct nj_scheduler *scheduler;
    struct nj_detector *detector;
    struct nj_detection_sink sink;
    struct nj_bus *bus;
    struct nj_metrics *metrics;
    struct nj_latency *latency;
    struct nj_log *log;
};

struct nj_upload_pipeline;

int nj_upload_pipeline_create(const struct nj_upload_config *config,
                              struct nj_upload_pipeline **out, struct nj_error *err);
int nj_upload_pipeline_start(struct nj_upload_pipeline *pipeline, struct nj_error *err);
// Stops claiming; items under way end. `idle` below tells when.
void nj_upload_pipeline_stop(struct nj_upload_pipeline *pipeline);
bool nj_upload_pipeline_idle(const struct nj_upload_pipeline *pipeline);
void nj_upload_pipeline_destroy(struct nj_upload_pipeline *pipeline);

#endif
