// SPDX-License-Identifier: Apache-2.0
// Inference threads and the queue in front of them: fair shares between sources, deadlines for
// perishable frames, batches where a model allows them.
#ifndef NJ_DETECT_SCHEDULER_H
#define NJ_DETECT_SCHEDULER_H

#include "detect/detect.h"
#include "frames/picture.h"
#include "health/metrics.h"

struct nj_scheduler; // submit is explicitly thread-safe

// Tools of the inference thread for a job's `load`.
struct nj_job_tools {
    struct nj_picture_decoder *decoder;
    int32_t least_width, least_height;
};

// One piece of work, caller-owned and intrusive; valid until `done` has begun.
struct nj_detect_job {
    const char *source; // key of fair sharing; outlives the job
    nj_us deadline_us;  // monotonic; later the job ends with NJ_E_TIMEOUT unrun; 0: durable work
    struct nj_frame *frame; // owned by the job; or NULL and `load` makes it
    // Another model than the scheduler's, kept alive until `done`; NULL: the scheduler's.
    struct nj_detector *detector;
    struct nj_rect crop; // original pixels; w 0: the whole picture
    float threshold;     // as in nj_detect_request
    const bool *wanted;  // as in nj_detect_request; valid until `done`
    bool keep;           // perishable, but not replaced by a newer job of its source
    // Called from: inference thread. Decodes the picture of durable work. NJ_E_AGAIN: there is none
    // (any more); the job ends with it and is counted nowhere.
    int (*load)(struct nj_detect_job *job, const struct nj_job_tools *tools, struct nj_frame **out,
                struct nj_error *err);
    // Called from: inference thread, exactly once. `job->frame` is still there; done may take it.
    void (*done)(struct nj_detect_job *job);
    int rc;
    struct nj_error error;
    struct nj_detections result;
    nj_us started_us, finished_us; // monotonic
    // The scheduler's:
    struct nj_detect_job *next;
};

struct nj_scheduler_config {
    struct nj_detector *detector;
    const struct nj_clock *clock;
    struct nj_metrics *metrics; // may be NULL
    int64_t threads;            // 0: one a core
    int64_t niceness;           // of the threads, 0 to 19
    int64_t max_jobs;           // waiting; more: NJ_E_FULL
};

int nj_scheduler_create(const struct nj_scheduler_config *config, struct nj_scheduler **out,
                        struct nj_error *err);
// Ends waiting jobs with NJ_E_CANCELLED, joins the threads.
void nj_scheduler_destroy(struct nj_scheduler *scheduler);

// NJ_E_FULL: too many wait (done is not called). A source that has a perishable job waiting gets it
// replaced by the newer one (the old ends with NJ_E_TIMEOUT).
int nj_scheduler_submit(struct nj_scheduler *scheduler, struct nj_detect_job *job);

struct nj_scheduler_stats {
    int64_t waiting, running, threads;
    uint64_t jobs, failed, expired, batches;
    double engine_ms_avg; // newest 1000
};
void nj_scheduler_get_stats(struct nj_scheduler *scheduler, struct nj_scheduler_stats *out);

#endif
