// SPDX-License-Identifier: Apache-2.0
// Batches: detections of one source that are near in time become one event. The store's rows are
// the only state: a batch grows in the transaction that stores its detections.
#ifndef NJ_BATCH_BATCH_H
#define NJ_BATCH_BATCH_H

#include "bus/bus.h"
#include "config/options.h"
#include "health/latency.h"
#include "health/metrics.h"
#include "jobs/work_queue.h"
#include "pipeline/sink.h"
#include "storage/store_batches.h"

struct nj_batch_options {
    nj_us window_us;            // BATCH_WINDOW_SECONDS 90
    nj_us idle_us;              // BATCH_IDLE_TIMEOUT_SECONDS 30
    nj_us check_us;             // BATCH_CHECK_INTERVAL_SECONDS 5
    int64_t max_detections;     // BATCH_MAX_DETECTIONS 50
    double fast_path_threshold; // FAST_PATH_CONFIDENCE_THRESHOLD; negative: the model's own
    struct nj_text_list fast_path_types; // FAST_PATH_OBJECT_TYPES: person
    nj_us fast_path_pause_us; // a live camera takes the fast path at most once in this time
};
extern const struct nj_option_group nj_batch_option_group; // group "batch"

struct nj_batcher_config {
    struct nj_batch_options options; // lists stay borrowed from the configuration snapshot
    double model_fast_path_threshold;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_work_queue *analysis_queue;
    struct nj_bus *bus;
    struct nj_metrics *metrics;
    struct nj_latency *latency;
    struct nj_log *log;
};

struct nj_batcher;

int nj_batcher_create(const struct nj_batcher_config *config, struct nj_batcher **out,
                      struct nj_error *err);
void nj_batcher_destroy(struct nj_batcher *batcher);

// For the pipelines.
struct nj_detection_sink nj_batcher_sink(struct nj_batcher *batcher);

int nj_batcher_start(struct nj_batcher *batcher, struct nj_error *err); // the sweep
void nj_batcher_stop(struct nj_batcher *batcher);                       // accepts NULL
// Closes every open batch with reason "shutdown"; `done` on the loop thread once it is durable.
void nj_batcher_close_all(struct nj_batcher *batcher, void (*done)(void *arg, int rc), void *arg);

// Reload: new limits from the next detection and sweep on. Loop thread.
void nj_batcher_set_options(struct nj_batcher *batcher, const struct nj_batch_options *options);

#endif
