// SPDX-License-Identifier: Apache-2.0
// Inference threads, and the choice of what they do next.
#include "detect/scheduler.h"

#include "detect/turns_priv.h"

#include "health/pipeline_metrics.h"
#include "util/mem.h"
#include "util/text.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS_MAX = 256,
    ENGINE_TIMES = 1000, // of these the average is
};

struct worker {
    struct nj_scheduler *scheduler;
    pthread_t thread;
    bool started;
    struct nj_detector_thread *detector_thread;
    struct nj_picture_decoder *decoder;
    // One batch. Pages of what the model's max_batch does not reach are never touched.
    struct nj_detect_job *jobs[NJ_MODEL_BATCH_MAX];
    struct nj_frame *frames[NJ_MODEL_BATCH_MAX];
    struct nj_rect crops[NJ_MODEL_BATCH_MAX];
    struct nj_detections results[NJ_MODEL_BATCH_MAX];
};

struct nj_scheduler {
    struct nj_detector *detector;
    const struct nj_clock *clock;
    int niceness;
    struct worker *workers;
    int64_t thread_count;
    struct nj_cancel cancel; // ends calls of the http engine at destroy
    struct nj_metric *metric_ok, *metric_failed, *metric_expired, *metric_seconds;

    pthread_mutex_t mutex;
    pthread_cond_t cond;
    // The following fields are protected by the mutex.
    struct nj_turns *turns;
    bool stopping;
    int64_t max_jobs;
    struct nj_scheduler_stats stats;
    int32_t engine_us[ENGINE_TIMES];
    int64_t engine_us_sum;
    uint64_t engine_count;
};

static int64_t usable_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    const int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

static void count_engine_time_locked(struct nj_scheduler *scheduler, nj_us engine_us)
{
    int32_t *slot = &scheduler->engine_us[scheduler->engine_count++ % ENGINE_TIMES];
    scheduler->engine_us_sum += engine_us - *slot;
    *slot = (int32_t)(engine_us < INT32_MAX ? engine_us : INT32_MAX);
}

// Where there was no picture nothing was detected, and nothing failed.
static bool is_counted(const struct nj_detect_job *job)
{
    return job->rc != NJ_E_AGAIN;
}

static void count_end_locked(struct nj_scheduler *scheduler, const struct nj_detect_job *job)
{
    if (!is_counted(job))
        return;
    scheduler->stats.jobs++;
    if (job->rc == 0)
        count_engine_time_locked(scheduler, job->result.engine_us);
    else if (job->rc == NJ_E_TIMEOUT && job->started_us == 0)
        scheduler->stats.expired++;
    else
        scheduler->stats.failed++;
}

static void observe(struct nj_scheduler *scheduler, const struct nj_detect_job *job)
{
    if (scheduler->metric_ok == NULL || !is_counted(job))
        return;
    if (job->rc == 0) {
        nj_metric_add(scheduler->metric_ok, 1);
        nj_metric_observe(scheduler->metric_seconds, (double)job->result.engine_us / NJ_US_PER_S);
    } else if (job->rc == NJ_E_TIMEOUT && job->started_us == 0) {
        nj_metric_add(scheduler->metric_expired, 1);
    } else {
        nj_metric_add(scheduler->metric_failed, 1);
    }
}

static void end_job(struct nj_scheduler *scheduler, struct nj_detect_job *job)
{
    observe(scheduler, job);
    pthread_mutex_lock(&scheduler->mutex);
    count_end_locked(scheduler, job);
    pthread_mutex_unlock(&scheduler->mutex);
    job->done(job); // the job may be gone after this
}

static void end_unrun(struct nj_scheduler *scheduler, struct nj_detect_job *job, int rc,
                      const char *reason)
{
    job->started_us = 0;
    job->finished_us = nj_mono_us(scheduler->clock);
    job->result.count = 0;
    job->rc = nj_error_set(&job->error, rc, "%s", reason);
    end_job(scheduler, job);
}

static struct nj_detector *detector_of(const struct nj_scheduler *scheduler,
                                       const struct nj_detect_job *job)
{
    return job->detector != NULL ? job->detector : scheduler->detector;
}

static int load_job(struct worker *worker, struct nj_detect_job *job)
{
    struct nj_job_tools tools = {.decoder = worker->decoder};
    if (job->frame != NULL)
        return 0;
    if (job->load == NULL)
        return nj_error_set(&job->error, NJ_E_INVALID, "a job without a picture");
    // A part of a picture may need all of its pixels.
    if (!(job->crop.w > 0))
        nj_detector_least_size(detector_of(worker->scheduler, job), &tools.least_width,
                               &tools.least_height);
    return job->load(job, &tools, &job->frame, &job->error);
}

// Loads the pictures of a batch; jobs whose picture fails end here. Returns how many are left.
static size_t load_batch(struct worker *worker, size_t count)
{
    struct nj_scheduler *scheduler = worker->scheduler;
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        struct nj_detect_job *job = worker->jobs[i];
        job->error.text[0] = '\0';
        job->result.count = 0;
        job->result.text[0] = '\0';
        job->started_us = nj_mono_us(scheduler->clock);
        job->rc = load_job(worker, job);
        if (job->rc == 0) {
            worker->frames[left] = job->frame;
            worker->jobs[left++] = job;
        } else {
            job->finished_us = nj_mono_us(scheduler->clock);
            end_job(scheduler, job);
        }
    }
    return left;
}

// True when one run can serve both.
static bool may_share_run(const struct nj_scheduler *scheduler, const struct nj_detect_job *a,
                          const struct nj_detect_job *b)
{
    return detector_of(scheduler, a) == detector_of(scheduler, b) && a->threshold == b->threshold &&
           a->wanted == b->wanted;
}

// NULL when all jobs want the whole picture.
static const struct nj_rect *gather_crops(struct worker *worker, size_t first, size_t count)
{
    bool any = false;
    for (size_t i = first; i < first + count; i++) {
        const struct nj_rect *crop = &worker->jobs[i]->crop;
        const struct nj_frame *frame = worker->frames[i];
        any = any || crop->w > 0;
        worker->crops[i] = crop->w > 0 ? *crop
                                       : (struct nj_rect){.w = (float)frame->full_width,
                                                          .h = (float)frame->full_height};
    }
    return any ? &worker->crops[first] : NULL;
}

static int run_detector(struct worker *worker, size_t first, size_t count, struct nj_error *err)
{
    struct nj_scheduler *scheduler = worker->scheduler;
    const struct nj_detect_job *job = worker->jobs[first];
    struct nj_detector *detector = detector_of(scheduler, job);
    const bool own = detector == scheduler->detector;
    struct nj_detector_thread *thread = worker->detector_thread;
    const struct nj_detect_request request = {.frames = worker->frames + first,
                                              .crops = gather_crops(worker, first, count),
                                              .count = count,
                                              .threshold = job->threshold,
                                              .wanted = job->wanted,
                                              .cancel = &scheduler->cancel};
    int rc = own ? 0 : nj_detector_thread_borrow(detector, &thread, err);
    if (rc != 0)
        return rc;
    // What a single picture gives is large: it is written where it stays.
    struct nj_detections *results = count == 1 ? &worker->jobs[first]->result : worker->results;
    rc = nj_detector_run(thread, &request, results, err);
    if (!own)
        nj_detector_thread_give_back(thread);
    for (size_t i = 0; rc == 0 && count > 1 && i < count; i++)
        worker->jobs[first + i]->result = worker->results[i];
    return rc;
}

static void run_some(struct worker *worker, size_t first, size_t count)
{
    struct nj_scheduler *scheduler = worker->scheduler;
    struct nj_error error = {0};
    const int rc = run_detector(worker, first, count, &error);
    if (rc != 0 && count > 1) {
        // One bad picture must not fail its neighbours.
        for (size_t i = 0; i < count; i++)
            run_some(worker, first + i, 1);
        return;
    }
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->stats.batches++;
    pthread_mutex_unlock(&scheduler->mutex);
    const nj_us now = nj_mono_us(scheduler->clock);
    for (size_t i = 0; i < count; i++) {
        struct nj_detect_job *job = worker->jobs[first + i];
        job->rc = rc;
        job->error = error;
        job->finished_us = now;
        if (rc != 0)
            job->result.count = 0;
        end_job(scheduler, job);
    }
}

// True when `job` may join the `count` jobs that the worker has taken.
static bool fits_batch(const struct worker *worker, const struct nj_detect_job *job, size_t count,
                       size_t share)
{
    const struct nj_scheduler *scheduler = worker->scheduler;
    const size_t most = (size_t)nj_detector_model(detector_of(scheduler, job))->max_batch;
    return count < share && count < most && may_share_run(scheduler, worker->jobs[0], job);
}

// Takes up to a batch of jobs. What has to end unrun is given one at a time, in *out_ended.
static size_t take_locked(struct worker *worker, struct nj_detect_job **out_ended)
{
    struct nj_scheduler *scheduler = worker->scheduler;
    *out_ended = nj_turns_take_ended(scheduler->turns);
    if (*out_ended == NULL && scheduler->stopping)
        *out_ended = nj_turns_take(scheduler->turns);
    if (*out_ended != NULL)
        return 0;
    // Work is spread over the threads before it is gathered in batches.
    const size_t threads = (size_t)scheduler->thread_count;
    const size_t share = (nj_turns_waiting(scheduler->turns) + threads - 1) / threads;
    const nj_us now = nj_mono_us(scheduler->clock);
    size_t count = 0;
    for (;;) {
        struct nj_detect_job *job = nj_turns_peek(scheduler->turns);
        if (job == NULL)
            break;
        const bool late = job->deadline_us != 0 && job->deadline_us < now;
        if (!late && count > 0 && !fits_batch(worker, job, count, share))
            break;
        nj_turns_take(scheduler->turns);
        if (late)
            nj_turns_end(scheduler->turns, job);
        else
            worker->jobs[count++] = job;
    }
    if (count == 0)
        *out_ended = nj_turns_take_ended(scheduler->turns);
    return count;
}

static void run_batch(struct worker *worker, size_t count)
{
    struct nj_scheduler *scheduler = worker->scheduler;
    const size_t loaded = load_batch(worker, count);
    if (loaded > 0)
        run_some(worker, 0, loaded);
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->stats.running -= (int64_t)count;
    pthread_mutex_unlock(&scheduler->mutex);
}

static void worker_main(void *arg)
{
    struct worker *worker = arg;
    struct nj_scheduler *scheduler = worker->scheduler;
    nj_thread_set_niceness(scheduler->niceness);
    for (;;) {
        struct nj_detect_job *ended = NULL;
        pthread_mutex_lock(&scheduler->mutex);
        size_t count = take_locked(worker, &ended);
        while (count == 0 && ended == NULL && !scheduler->stopping) {
            nj_cond_wait(&scheduler->cond, &scheduler->mutex, -1);
            count = take_locked(worker, &ended);
        }
        const bool stopping = scheduler->stopping;
        scheduler->stats.running += (int64_t)count;
        pthread_mutex_unlock(&scheduler->mutex);
        if (count > 0)
            run_batch(worker, count);
        else if (ended != NULL && stopping)
            end_unrun(scheduler, ended, NJ_E_CANCELLED, "detection is stopping");
        else if (ended != NULL)
            end_unrun(scheduler, ended, NJ_E_TIMEOUT, "a newer picture came, or its time was over");
        else
            return;
    }
}

static void finish_worker(struct worker *worker)
{
    if (worker->started)
        nj_thread_join(worker->thread);
    nj_detector_thread_destroy(worker->detector_thread);
    nj_picture_decoder_destroy(worker->decoder);
}

static int init_worker(struct nj_scheduler *scheduler, struct worker *worker, struct nj_error *err)
{
    worker->scheduler = scheduler;
    if (nj_picture_decoder_create(&worker->decoder) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an inference thread");
    return nj_detector_thread_create(scheduler->detector, &worker->detector_thread, err);
}

static int start_worker(struct worker *worker, int64_t number, struct nj_error *err)
{
    char name[16];
    snprintf(name, sizeof name, "nj-infer-%d", (int)(number % 1000));
    int rc = nj_thread_start(&worker->thread, name, worker_main, worker, err);
    worker->started = rc == 0;
    return rc;
}

static void find_metrics(struct nj_scheduler *scheduler, struct nj_metrics *metrics)
{
    static const double bounds_s[] = {.002, .005, .01, .02, .05, .1, .2, .5, 1, 5, 30};
    static const struct nj_metric_spec seconds = {.type = NJ_HISTOGRAM,
                                                  .name = "inference_seconds",
                                                  .help = "Time in the inference engine a picture",
                                                  .bounds = bounds_s,
                                                  .bound_count = NJ_COUNT_OF(bounds_s)};
    if (metrics == NULL)
        return;
    scheduler->metric_ok = nj_pipeline_jobs(metrics, "ok");
    scheduler->metric_failed = nj_pipeline_jobs(metrics, "failed");
    scheduler->metric_expired = nj_pipeline_jobs(metrics, "expired");
    scheduler->metric_seconds = nj_metrics_get(metrics, &seconds, NULL);
}

static int init_scheduler(struct nj_scheduler *scheduler, const struct nj_scheduler_config *config,
                          struct nj_error *err)
{
    scheduler->detector = config->detector;
    scheduler->clock = config->clock;
    scheduler->niceness = (int)config->niceness;
    scheduler->max_jobs = config->max_jobs;
    nj_cancel_init(&scheduler->cancel, NULL);
    find_metrics(scheduler, config->metrics);
    scheduler->thread_count = config->threads > 0 ? config->threads : usable_cores();
    if (scheduler->thread_count > THREADS_MAX)
        scheduler->thread_count = THREADS_MAX;
    scheduler->turns = nj_turns_create();
    scheduler->workers = calloc((size_t)scheduler->thread_count, sizeof *scheduler->workers);
    if (scheduler->turns == NULL || scheduler->workers == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the detection scheduler");
    return 0;
}

int nj_scheduler_create(const struct nj_scheduler_config *config, struct nj_scheduler **out,
                        struct nj_error *err)
{
    struct nj_scheduler *scheduler = calloc(1, sizeof *scheduler);
    if (scheduler == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the detection scheduler");
    pthread_mutex_init(&scheduler->mutex, NULL);
    int rc = nj_cond_init(&scheduler->cond);
    rc = rc != 0 ? rc : init_scheduler(scheduler, config, err);
    for (int64_t i = 0; rc == 0 && i < scheduler->thread_count; i++)
        rc = init_worker(scheduler, &scheduler->workers[i], err);
    for (int64_t i = 0; rc == 0 && i < scheduler->thread_count; i++)
        rc = start_worker(&scheduler->workers[i], i, err);
    if (rc != 0)
        nj_scheduler_destroy(scheduler);
    else
        *out = scheduler;
    return rc;
}

void nj_scheduler_destroy(struct nj_scheduler *scheduler)
{
    if (scheduler == NULL)
        return;
    nj_cancel_fire(&scheduler->cancel);
    pthread_mutex_lock(&scheduler->mutex);
    scheduler->stopping = true;
    pthread_cond_broadcast(&scheduler->cond);
    pthread_mutex_unlock(&scheduler->mutex);
    for (int64_t i = 0; scheduler->workers != NULL && i < scheduler->thread_count; i++)
        finish_worker(&scheduler->workers[i]);
    free(scheduler->workers);
    nj_turns_destroy(scheduler->turns);
    pthread_cond_destroy(&scheduler->cond);
    pthread_mutex_destroy(&scheduler->mutex);
    free(scheduler);
}

int nj_scheduler_submit(struct nj_scheduler *scheduler, struct nj_detect_job *job)
{
    pthread_mutex_lock(&scheduler->mutex);
    int rc = 0;
    if (scheduler->stopping)
        rc = NJ_E_CANCELLED;
    else if ((int64_t)nj_turns_held(scheduler->turns) >= scheduler->max_jobs)
        rc = NJ_E_FULL;
    else
        rc = nj_turns_add(scheduler->turns, job);
    pthread_mutex_unlock(&scheduler->mutex);
    if (rc == 0) // not under the lock, or it would wake only to wait for that
        pthread_cond_signal(&scheduler->cond);
    return rc;
}

void nj_scheduler_get_stats(struct nj_scheduler *scheduler, struct nj_scheduler_stats *out)
{
    pthread_mutex_lock(&scheduler->mutex);
    *out = scheduler->stats;
    out->waiting = (int64_t)nj_turns_waiting(scheduler->turns);
    out->threads = scheduler->thread_count;
    const uint64_t times =
        scheduler->engine_count < ENGINE_TIMES ? scheduler->engine_count : ENGINE_TIMES;
    out->engine_ms_avg =
        times > 0 ? (double)scheduler->engine_us_sum / (double)times / NJ_US_PER_MS : 0;
    pthread_mutex_unlock(&scheduler->mutex);
}
