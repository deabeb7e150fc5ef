// SPDX-License-Identifier: Apache-2.0
// Waiting in tests, never for ever: for what a loop brings, and for what another thread says.
#ifndef NJ_FAKE_AWAIT_H
#define NJ_FAKE_AWAIT_H

#include "loop/loop.h"

#include <pthread.h>

enum { NJ_PATIENCE_US = 20 * NJ_US_PER_S }; // of real time: sanitizers, on a busy machine

// Turns the loop once; when nothing ran, waits a moment for what another thread or a socket brings.
void nj_loop_moment(struct nj_loop *loop);

// May do what lets time pass in the test: a step of a fake clock.
typedef bool (*nj_loop_condition)(void *arg);
// One moment after the other until the condition holds, which is asked first, for at most
// `patience_us` of real time. False: it did not come to hold.
bool nj_loop_until(struct nj_loop *loop, nj_loop_condition condition, void *arg, nj_us patience_us);
// The same; the test fails with `what` when it does not come to hold.
void nj_loop_await(struct nj_loop *loop, nj_loop_condition condition, void *arg, nj_us patience_us,
                   const char *what);
bool nj_is_set(void *flag); // a condition: *(bool *)flag

// Until another thread has set *flag, at most so long; `mutex` is held, and `changed` was made by
// nj_cond_init. False: it did not.
bool nj_flag_await(const bool *flag, pthread_cond_t *changed, pthread_mutex_t *mutex,
                   nj_us patience_us);

#endif
