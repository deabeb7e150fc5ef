// SPDX-License-Identifier: Apache-2.0
// Threads that fetch archives.
#include "loop/queue.h"
#include "loop/thread.h"
#include "pipeline/subscriptions_priv.h"

#include <stdlib.h>

struct nj_feed_jobs {
    struct nj_loop *loop;
    struct nj_queue *queue;
    pthread_t threads[NJ_FEED_FETCHES];
    size_t count;
};

static void tell_done(struct nj_call *call)
{
    struct nj_feed_job *job = NJ_CONTAINER_OF(call, struct nj_feed_job, call);
    job->done(job);
}

static void work(void *arg)
{
    struct nj_feed_jobs *jobs = arg;
    void *item;
    while (nj_queue_pop(jobs->queue, -1, &item) == 0) {
        struct nj_feed_job *job = item;
        job->run(job);
        nj_loop_post(jobs->loop, &job->call);
    }
}

int nj_feed_jobs_create(struct nj_loop *loop, struct nj_feed_jobs **out, struct nj_error *err)
{
    const struct nj_queue_options options = {.max_items = NJ_FEED_JOBS_MAX,
                                             .policy = NJ_QUEUE_REJECT};
    struct nj_feed_jobs *jobs = calloc(1, sizeof *jobs);
    if (jobs == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for threads");
    jobs->loop = loop;
    int rc = nj_queue_create(&options, &jobs->queue);
    if (rc != 0)
        nj_error_set(err, rc, "no memory for threads");
    while (rc == 0 && jobs->count < NJ_FEED_FETCHES) {
        rc = nj_thread_start(&jobs->threads[jobs->count], "nj-archive", work, jobs, err);
        jobs->count += rc == 0;
    }
    if (rc != 0)
        nj_feed_jobs_destroy(jobs);
    else
        *out = jobs;
    return rc;
}

void nj_feed_jobs_destroy(struct nj_feed_jobs *jobs)
{
    if (jobs == NULL)
        return;
    if (jobs->queue != NULL)
        nj_queue_close(jobs->queue);
    for (size_t i = 0; i < jobs->count; i++)
        nj_thread_join(jobs->threads[i]);
    nj_queue_destroy(jobs->queue);
    free(jobs);
}

int nj_feed_jobs_add(struct nj_feed_jobs *jobs, struct nj_feed_job *job)
{
    job->jobs = jobs;
    job->call.fn = tell_done;
    return nj_queue_push(jobs->queue, job, 0);
}
