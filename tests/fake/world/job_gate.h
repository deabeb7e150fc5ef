// SPDX-License-Identifier: Apache-2.0
// An inference thread that is held until a gate is opened.
#ifndef NJ_FAKE_JOB_GATE_H
#define NJ_FAKE_JOB_GATE_H

#include "detect/scheduler.h"

#include <pthread.h>

// It outlives the test's function, which may fail while a thread stands before it.
struct nj_job_gate {
    struct nj_detect_job job;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open, entered, done;
};

// Hands over a job; the thread that takes it is held. Where nobody opens, it goes on after a
// minute.
void nj_job_gate_close(struct nj_job_gate *gate, struct nj_scheduler *scheduler);
void nj_job_gate_await_entered(struct nj_job_gate *gate); // a thread is held
void nj_job_gate_open(struct nj_job_gate *gate);          // and waits until the thread has gone on

#endif
