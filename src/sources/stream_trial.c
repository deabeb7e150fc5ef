// SPDX-License-Identifier: Apache-2.0
// A user of a shared stream that leaves after its first picture.
#include "sources/stream_trial.h"

#include "util/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

struct trial_work {
    struct nj_stream_trial *trial;
    struct nj_stream_user *user;
    struct nj_timer deadline;
    struct nj_call arrived;
    atomic_bool posted;
    bool over; // told already; freed once the posted call has run
    nj_us began_us;
};

static void finish(struct trial_work *work, struct nj_stream_trial_result *result)
{
    struct nj_stream_trial *trial = work->trial;
    nj_timer_stop(&work->deadline);
    result->took_us = nj_mono_us(nj_loop_clock(work->trial->loop)) - work->began_us;
    nj_streams_leave(work->user);
    work->over = true;
    trial->private = NULL;
    trial->done(trial, result);
    if (!atomic_load(&work->posted))
        free(work);
}

static void handle_arrived(struct nj_call *call)
{
    struct trial_work *work = NJ_CONTAINER_OF(call, struct trial_work, arrived);
    atomic_store(&work->posted, false);
    if (work->over) {
        free(work);
        return;
    }
    struct nj_frame *frame = nj_stream_newest(work->user);
    struct nj_stream_trial_result result = {.frame = frame};
    if (frame != NULL) {
        result.width = frame->full_width;
        result.height = frame->full_height;
    }
    finish(work, &result);
    nj_frame_unref(frame);
}

static void handle_frame(void *context, struct nj_frame *frame)
{
    struct trial_work *work = context;
    (void)frame; // the newest one is looked at from the loop thread
    if (!atomic_exchange(&work->posted, true))
        nj_loop_post(work->trial->loop, &work->arrived);
}

static void handle_state(void *context, const struct nj_source_stats *stats)
{
    struct trial_work *work = context;
    if (work->over || (stats->state != NJ_SOURCE_ERROR && stats->state != NJ_SOURCE_FAILED))
        return;
    struct nj_stream_trial_result result = {.rc = NJ_E_UNAVAILABLE};
    (void)nj_error_set(&result.error, NJ_E_UNAVAILABLE, "%s", stats->reason);
    finish(work, &result);
}

static void handle_deadline(struct nj_timer *timer)
{
    struct trial_work *work = NJ_CONTAINER_OF(timer, struct trial_work, deadline);
    struct nj_stream_trial_result result = {.rc = NJ_E_TIMEOUT};
    struct nj_source_stats stats;
    nj_stream_get_stats(work->user, &stats); // others may wait for this stream to come back
    if (stats.reason[0] != '\0')
        (void)nj_error_set(&result.error, NJ_E_TIMEOUT, "no picture came in time: %s",
                           stats.reason);
    else
        (void)nj_error_set(&result.error, NJ_E_TIMEOUT,
                           "no picture came in time; is the address right, does the camera play?");
    finish(work, &result);
}

int nj_stream_trial_start(struct nj_stream_trial *trial, struct nj_streams *streams,
                          const struct nj_source_entry *entry, nj_us timeout_us,
                          struct nj_error *err)
{
    struct trial_work *work = calloc(1, sizeof *work);
    if (work == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to try a stream");
    work->trial = trial;
    work->began_us = nj_mono_us(nj_loop_clock(work->trial->loop));
    work->arrived.fn = handle_arrived;
    nj_timer_init(&work->deadline, trial->loop, handle_deadline);
    const struct nj_stream_request request = {
        .entry = entry,
        .rules = trial->rules,
        .sink = {.frame = handle_frame, .state = handle_state, .context = work}};
    int rc = nj_timer_start(&work->deadline, timeout_us, 0);
    if (rc == 0)
        rc = nj_streams_join(streams, &request, &work->user, err);
    if (rc != 0) {
        nj_timer_stop(&work->deadline);
        free(work);
        return rc;
    }
    trial->private = work;
    return 0;
}

void nj_stream_trial_cancel(struct nj_stream_trial *trial)
{
    struct trial_work *work = trial->private;
    if (work == NULL)
        return;
    struct nj_stream_trial_result result = {.rc = NJ_E_CANCELLED};
    (void)nj_error_set(&result.error, NJ_E_CANCELLED, "the trial was cancelled");
    finish(work, &result);
}
