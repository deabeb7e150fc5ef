// SPDX-License-Identifier: Apache-2.0
// Runs a model pipeline on one frame: detection, checks before any side effect, actions, branches
// on their crops in parallel, actions that wait for branches. Coordinated on the loop thread;
// models run on the inference threads, actions in their own parts.
#ifndef NJ_PIPELINE_EXECUTOR_H
#define NJ_PIPELINE_EXECUTOR_H

#include "detect/model_cache.h"
#include "detect/scheduler.h"
#include "health/metrics.h"
#include "actions/action.h"
#include "archives/archive.h"

// An archive with its models loaded; counted, shared by subscriptions.
struct nj_loaded_pipeline;

// Loads every model of the tree. Blocking: not on the loop thread. Errors name the node.
int nj_loaded_pipeline_create(struct nj_archive *archive, struct nj_model_cache *models,
                              struct nj_loaded_pipeline **out, struct nj_error *err);
struct nj_loaded_pipeline *nj_loaded_pipeline_ref(struct nj_loaded_pipeline *pipeline);
void nj_loaded_pipeline_unref(struct nj_loaded_pipeline *pipeline); // any thread, waits for nothing
const struct nj_archive *nj_loaded_pipeline_archive(const struct nj_loaded_pipeline *pipeline);
struct nj_detector *nj_loaded_pipeline_model(const struct nj_loaded_pipeline *pipeline,
                                             size_t node_index);

struct nj_node_timing { // of one node since it was loaded, for the page's tree
    uint64_t runs, skipped, failed, timeouts;
    double ms_avg, ms_last, ms_p95;
};
void nj_loaded_pipeline_timing(const struct nj_loaded_pipeline *pipeline, size_t node_index,
                               struct nj_node_timing *out); // any thread

struct nj_executor_config {
    struct nj_loop *loop;
    struct nj_scheduler *scheduler;
    struct nj_action_runner *actions;
    struct nj_metrics *metrics; // may be NULL
    struct nj_log *log;
};
struct nj_executor; // loop thread only
int nj_executor_create(const struct nj_executor_config *config, struct nj_executor **out,
                       struct nj_error *err);
void nj_executor_destroy(struct nj_executor *executor); // no run is under way

enum { NJ_RUN_DETECTIONS_MAX = 64 };
struct nj_run_detection {
    const char *label; // of the model
    struct nj_detection detection;
    int64_t track_id; // 0: not tracked
};

struct nj_run_result { // owned by the run; borrowed during `done`
    int rc;            // 0: it ran, whatever it found; NJ_E_TIMEOUT, NJ_E_CANCELLED, ...
    struct nj_error error;
    bool found; // false: nothing seen, expected classes missing, or a waited-for branch would not
                // run
    char why_not[160];
    struct nj_run_detection detections[NJ_RUN_DETECTIONS_MAX];
    size_t detection_count;
    size_t best;         // of detections
    char session_id[64]; // the record's own (UUID) when one was made, else the request's
    // JSON object: modelId -> {"class","confidence", aliases...} or {"error","type"}; nested
    // results stand flat beside their parents.
    const char *branch_results;
    // JSON object of what a person sees, keys as on the wire (carBrand, bodyType,
    // licensePlateText).
    const char *detection;
    nj_us started_us, finished_us; // monotonic
};

struct nj_run {                          // caller-owned and intrusive; valid until `done` has begun
    struct nj_loaded_pipeline *pipeline; // borrowed, with everything below, until `done`
    struct nj_frame *frame;
    struct nj_rect crop; // of the subscription; w 0: the whole picture
    const char *display_id, *camera_id, *subscription_id;
    const char *session_id; // "" none
    // Detections of the root model on this frame that are known already (from tracking); NULL: the
    // executor detects.
    const struct nj_run_detection *known;
    size_t known_count;
    void (*done)(struct nj_run *run, const struct nj_run_result *result); // loop thread, once
    void *work;                                                           // the executor's
};
int nj_executor_run(struct nj_executor *executor, struct nj_run *run, struct nj_error *err);
// `done` comes soon, with NJ_E_CANCELLED.
void nj_executor_cancel(struct nj_executor *executor, struct nj_run *run);

#endif
