// SPDX-License-Identifier: Apache-2.0
// What the files of the analysis service share.
#ifndef NJ_ANALYSIS_ANALYSIS_PRIV_H
#define NJ_ANALYSIS_ANALYSIS_PRIV_H

#include "analysis/analyser_driver.h"
#include "analysis/analysis.h"
#include "bus/outbox.h"
#include "loop/queue.h"

enum {
    NJ_ANALYSIS_AT_ONCE = 16,     // batches under way; the rest waits in the durable queue
    NJ_ANALYSIS_DETECTIONS = 500, // of one batch that are looked at; more change nothing
    NJ_ANALYSIS_THREADS_MAX = 16,
};

// An analysis thread of a blocking analyser.
struct nj_analysis_thread {
    struct nj_analysis *analysis;
    void *analyser;
    pthread_t thread;
    bool running;
};

struct nj_analysis {
    struct nj_analysis_config config;
    struct nj_severity_options severity; // newest; loop thread
    const struct nj_analyser_driver *driver;
    struct nj_timezone *zone;
    struct nj_cancel cancel;
    struct nj_queue *waiting; // tasks for the threads; NULL without threads
    struct nj_analysis_thread threads[NJ_ANALYSIS_THREADS_MAX];
    size_t thread_count;
    size_t under_way; // loop thread
};

// One batch from claim to event. Owned by one thread at a time.
struct nj_analysis_task {
    struct nj_analysis *analysis;
    struct nj_work_item *work;
    char batch_id[NJ_BATCH_ID_SIZE];
    struct nj_severity_options severity;
    nj_us claimed_us;   // monotonic
    bool nothing_to_do; // the batch is gone or has its event

    struct nj_analysis_context context;
    struct nj_detection_row *detections; // malloc'd
    struct nj_finding finding;
    struct nj_event_row event;

    struct nj_store_op op;
    struct nj_outbox outbox;
    struct nj_call call;
};

// Loads task->context inside an operation. A batch that needs nothing sets nothing_to_do.
int nj_analysis_load(struct nj_analysis_task *task, struct nj_db *db, struct nj_error *err);

// Fills task->event from context and finding.
void nj_analysis_make_event(struct nj_analysis_task *task);

// Called from: loop thread. Settles the claimed item in every case.
void nj_analysis_task_begin(struct nj_analysis *analysis, struct nj_work_item *work);

// Called from: an analysis thread. Asks the analyser, or the rules when it is away, and hands the
// task back to the loop thread.
void nj_analysis_task_run(struct nj_analysis_task *task, void *analyser);

#endif
