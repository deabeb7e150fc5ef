// SPDX-License-Identifier: Apache-2.0
// A job whose loading waits.
#include "tests/fake/world/job_gate.h"

#include "loop/thread.h"
#include "tests/fake/await.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

// Longer than whoever should open it has patience.
static const nj_us held_max_us = 3 * (nj_us)NJ_PATIENCE_US;

static void set(struct nj_job_gate *gate, bool *flag)
{
    pthread_mutex_lock(&gate->lock);
    *flag = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static bool await(struct nj_job_gate *gate, const bool *flag, nj_us patience_us)
{
    pthread_mutex_lock(&gate->lock);
    const bool is_set = nj_flag_await(flag, &gate->changed, &gate->lock, patience_us);
    pthread_mutex_unlock(&gate->lock);
    return is_set;
}

static int load_held(struct nj_detect_job *job, const struct nj_job_tools *tools,
                     struct nj_frame **out, struct nj_error *err)
{
    struct nj_job_gate *gate = NJ_CONTAINER_OF(job, struct nj_job_gate, job);
    (void)tools;
    *out = NULL;
    set(gate, &gate->entered);
    (void)await(gate, &gate->open, held_max_us);
    return nj_error_set(err, NJ_E_CANCELLED, "opened");
}

static void note_done(struct nj_detect_job *job)
{
    struct nj_job_gate *gate = NJ_CONTAINER_OF(job, struct nj_job_gate, job);
    set(gate, &gate->done);
}

void nj_job_gate_close(struct nj_job_gate *gate, struct nj_scheduler *scheduler)
{
    *gate = (struct nj_job_gate){.job = {.source = "gate", .load = load_held, .done = note_done}};
    pthread_mutex_init(&gate->lock, NULL);
    assert_int_equal(nj_cond_init(&gate->changed), 0);
    assert_int_equal(nj_scheduler_submit(scheduler, &gate->job), 0);
}

void nj_job_gate_await_entered(struct nj_job_gate *gate)
{
    assert_true(await(gate, &gate->entered, NJ_PATIENCE_US));
}

void nj_job_gate_open(struct nj_job_gate *gate)
{
    set(gate, &gate->open);
    assert_true(await(gate, &gate->done, NJ_PATIENCE_US));
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->lock);
}
