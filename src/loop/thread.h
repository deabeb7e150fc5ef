// SPDX-License-Identifier: Apache-2.0
// Threads with names, waiting with deadlines, cancel tokens with parents.
#ifndef NJ_LOOP_THREAD_H
#define NJ_LOOP_THREAD_H

#include "util/clock.h"
#include "util/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

// Starts `fn(arg)`; the name (at most 15 characters) shows in ps and gdb. All signals blocked.
int nj_thread_start(pthread_t *out, const char *name, void (*fn)(void *arg), void *arg,
                    struct nj_error *err);
void nj_thread_join(pthread_t thread);
// The calling thread gives way to others of the machine: niceness 0 (as they) to 19
// (setpriority(2), which is by thread on Linux). What the kernel refuses stays as it is.
void nj_thread_set_niceness(int niceness);

// Condition variable on CLOCK_MONOTONIC, so that wall-clock jumps never lengthen a wait.
int nj_cond_init(pthread_cond_t *cond);
// Waits at most `timeout_us` of real time (negative: for ever). Returns 0 or NJ_E_TIMEOUT;
// spurious wake-ups are possible. `mutex` is held.
int nj_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, nj_us timeout_us);

// Cancel token: fires once, children fire with it. Explicitly thread-safe.
struct nj_cancel {
    atomic_bool fired;
    const struct nj_cancel *parent; // outlives the child; may be NULL
};

void nj_cancel_init(struct nj_cancel *cancel, const struct nj_cancel *parent);
void nj_cancel_fire(struct nj_cancel *cancel);
bool nj_cancel_fired(const struct nj_cancel *cancel);

#endif
