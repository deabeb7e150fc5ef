// SPDX-License-Identifier: Apache-2.0
// The event loop: libuv underneath for sockets and file events; timers run on nj_clock so that a
// test moves time with a fake clock and nj_loop_turn.
#ifndef NJ_LOOP_LOOP_H
#define NJ_LOOP_LOOP_H

#include "util/clock.h"
#include "util/error.h"
#include "util/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_loop;
struct uv_loop_s;

// `clock` must outlive the loop; pass nj_clock_real() outside tests.
int nj_loop_create(const struct nj_clock *clock, struct nj_loop **out, struct nj_error *err);
// Every handle must have been closed, and no other thread may post any more. Calls that were
// posted and did not run yet run here; timers do not. Accepts NULL.
void nj_loop_destroy(struct nj_loop *loop);

const struct nj_clock *nj_loop_clock(const struct nj_loop *loop); // explicitly thread-safe
struct uv_loop_s *nj_loop_uv(struct nj_loop *loop);

// Runs on the calling thread, which becomes the loop thread, until nj_loop_stop (also one that came
// before).
void nj_loop_run(struct nj_loop *loop);
void nj_loop_stop(struct nj_loop *loop); // explicitly thread-safe

// For tests: handles everything that is ready now (posted calls, due timers, sockets) without
// waiting; returns how many callbacks of posted calls and timers ran.
size_t nj_loop_turn(struct nj_loop *loop);

// Work sent to the loop thread. Caller-owned and intrusive: posting never allocates and never
// fails. A call may be posted again only after its fn has begun.
struct nj_call {
    void (*fn)(struct nj_call *call); // called from: loop thread
    struct nj_call *next;             // the loop's
};

// Explicitly thread-safe. Calls of one thread run in the order of their posting.
void nj_loop_post(struct nj_loop *loop, struct nj_call *call);
// Posts several at once, linked by `next` from the newest to the oldest; the loop wakes once for
// all of them.
void nj_loop_post_linked(struct nj_loop *loop, struct nj_call *newest, struct nj_call *oldest);

// Timer: caller-owned, in place. Loop thread only.
struct nj_timer {
    void (*fn)(struct nj_timer *timer); // called from: loop thread
    struct nj_loop *loop;
    nj_us due_us;      // monotonic; the loop's
    nj_us period_us;   // 0: once; the loop's
    uint64_t order;    // among timers of equal time; the loop's
    size_t heap_index; // 0: not running; the loop's
};

void nj_timer_init(struct nj_timer *timer, struct nj_loop *loop,
                   void (*fn)(struct nj_timer *timer));
// Fires after `delay_us` (>= 0), then every `period_us` when that is > 0; beats that a busy loop
// missed are skipped. Starting again moves it. Timers of one time fire in the order of starting.
// NJ_E_NOMEM when the heap cannot grow.
int nj_timer_start(struct nj_timer *timer, nj_us delay_us, nj_us period_us);
void nj_timer_stop(struct nj_timer *timer); // harmless when not running; also from its own fn
bool nj_timer_active(const struct nj_timer *timer);

#endif
