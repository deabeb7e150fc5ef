// SPDX-License-Identifier: Apache-2.0
// The event loop on libuv: posted calls through one uv_async, timers in a heap on nj_clock.
//
// Timers run in a uv_prepare, once in each turn of the loop, whatever woke it; with the machine's
// clock one uv_timer is armed there for the earliest of them, so that the wait ends in time.
#include "loop/loop.h"

#include "loop/timer_heap_priv.h"

#include <assert.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

enum {
    NJ_LOOP_TURN_ROUNDS = 64,    // a test whose calls post each other for ever still ends
    NJ_LOOP_CLOSE_ROUNDS = 50,   // times
    NJ_LOOP_CLOSE_WAIT_MS = 100, // for requests in flight when the loop is destroyed
};

struct nj_loop {
    uv_loop_t uv;
    uv_async_t async;
    uv_prepare_t prepare;
    uv_timer_t wake;
    int open_handles; // of the three above
    const struct nj_clock *clock;
    struct nj_timer_heap timers;
    uint64_t next_order; // stamps the starting of timers
    size_t ran;          // callbacks so far, for nj_loop_turn

    _Atomic(struct nj_call *) posted; // newest first
    atomic_bool stopping;
};

static void run_posted(struct nj_loop *loop)
{
    struct nj_call *newest = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    struct nj_call *oldest = NULL;
    while (newest) {
        struct nj_call *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct nj_call *call = oldest;
        oldest = call->next; // fn may post or free its call
        loop->ran++;
        call->fn(call);
    }
}

// Later by whole periods and after `now`: missed firings are skipped, the beat is kept.
static nj_us next_beat(nj_us due_us, nj_us period_us, nj_us now_us)
{
    nj_us missed = (now_us - due_us) / period_us;
    return due_us + (missed + 1) * period_us;
}

// Runs the timers due now. Those started meanwhile wait for the next turn, even with no delay.
static void run_timers(struct nj_loop *loop)
{
    struct nj_timer *timer = nj_timer_heap_first(&loop->timers);
    if (!timer)
        return;
    nj_us now = nj_mono_us(loop->clock);
    uint64_t limit = loop->next_order;
    while (timer && timer->due_us <= now && timer->order < limit) {
        if (timer->period_us > 0) {
            timer->due_us = next_beat(timer->due_us, timer->period_us, now);
            timer->order = loop->next_order++;
            nj_timer_heap_moved(&loop->timers, timer);
        } else {
            nj_timer_heap_remove(&loop->timers, timer);
        }
        loop->ran++;
        timer->fn(timer);
        timer = nj_timer_heap_first(&loop->timers);
    }
}

static void on_wake(uv_timer_t *wake)
{
    (void)wake; // its only task is to end the wait
}

static void arm_wake(struct nj_loop *loop)
{
    struct nj_timer *first = nj_timer_heap_first(&loop->timers);
    if (loop->clock != nj_clock_real() || !first) {
        uv_timer_stop(&loop->wake);
        return;
    }
    nj_us delay = first->due_us - nj_mono_us(loop->clock);
    uint64_t delay_ms = delay > 0 ? ((uint64_t)delay + NJ_US_PER_MS - 1) / NJ_US_PER_MS : 0;
    uv_update_time(&loop->uv);
    uv_timer_start(&loop->wake, on_wake, delay_ms, 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct nj_loop *loop = prepare->data;
    run_timers(loop);
    arm_wake(loop);
}

static void on_async(uv_async_t *async)
{
    struct nj_loop *loop = async->data;
    run_posted(loop);
    if (atomic_load(&loop->stopping))
        uv_stop(&loop->uv);
}

static void on_closed(uv_handle_t *handle)
{
    struct nj_loop *loop = handle->data;
    loop->open_handles--;
}

static void open_handles(struct nj_loop *loop)
{
    uv_prepare_init(&loop->uv, &loop->prepare); // these three cannot fail
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_timer_init(&loop->uv, &loop->wake);
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->wake);
    loop->async.data = loop;
    loop->prepare.data = loop;
    loop->wake.data = loop;
    loop->open_handles = 3;
}

int nj_loop_create(const struct nj_clock *clock, struct nj_loop **out, struct nj_error *err)
{
    struct nj_loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an event loop");
    loop->clock = clock;
    atomic_init(&loop->posted, NULL);
    atomic_init(&loop->stopping, false);
    int failure = uv_loop_init(&loop->uv);
    if (failure)
        goto no_loop;
    failure = uv_async_init(&loop->uv, &loop->async, on_async);
    if (failure)
        goto no_async;
    open_handles(loop);
    *out = loop;
    return 0;
no_async:
    uv_loop_close(&loop->uv);
no_loop:
    free(loop);
    return nj_error_errno(err, -failure, "cannot create an event loop");
}

// Handles that their owners closed, and requests in flight, need turns of the loop to end.
static bool close_uv(struct nj_loop *loop)
{
    uv_close((uv_handle_t *)&loop->async, on_closed);
    uv_close((uv_handle_t *)&loop->prepare, on_closed);
    uv_close((uv_handle_t *)&loop->wake, on_closed);
    while (loop->open_handles > 0)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    for (int i = 0; i < NJ_LOOP_CLOSE_ROUNDS; i++) {
        if (uv_loop_close(&loop->uv) == 0)
            return true;
        struct pollfd ready = {.fd = uv_backend_fd(&loop->uv), .events = POLLIN};
        poll(&ready, 1, NJ_LOOP_CLOSE_WAIT_MS);
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
    return false;
}

void nj_loop_destroy(struct nj_loop *loop)
{
    if (!loop)
        return;
    run_posted(loop);
    bool closed = close_uv(loop);
    assert(closed); // somebody's handle is still open
    nj_timer_heap_finish(&loop->timers);
    if (closed) // else its memory is still linked into that handle
        free(loop);
}

const struct nj_clock *nj_loop_clock(const struct nj_loop *loop)
{
    return loop->clock;
}

struct uv_loop_s *nj_loop_uv(struct nj_loop *loop)
{
    return &loop->uv;
}

void nj_loop_run(struct nj_loop *loop)
{
    while (!atomic_exchange(&loop->stopping, false))
        uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void nj_loop_stop(struct nj_loop *loop)
{
    atomic_store(&loop->stopping, true);
    uv_async_send(&loop->async);
}

size_t nj_loop_turn(struct nj_loop *loop)
{
    size_t before = loop->ran;
    for (int i = 0; i < NJ_LOOP_TURN_ROUNDS; i++) {
        size_t start = loop->ran;
        run_posted(loop);
        uv_run(&loop->uv, UV_RUN_NOWAIT);
        if (loop->ran == start)
            break;
    }
    return loop->ran - before;
}

void nj_loop_post_linked(struct nj_loop *loop, struct nj_call *newest, struct nj_call *oldest)
{
    struct nj_call *before = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do {
        oldest->next = before;
    } while (!atomic_compare_exchange_weak_explicit(&loop->posted, &before, newest,
                                                    memory_order_release, memory_order_relaxed));
    // Who finds calls there already knows that the first of them woke the loop.
    if (!before)
        uv_async_send(&loop->async);
}

void nj_loop_post(struct nj_loop *loop, struct nj_call *call)
{
    nj_loop_post_linked(loop, call, call);
}

void nj_timer_init(struct nj_timer *timer, struct nj_loop *loop, void (*fn)(struct nj_timer *timer))
{
    *timer = (struct nj_timer){.fn = fn, .loop = loop};
}

int nj_timer_start(struct nj_timer *timer, nj_us delay_us, nj_us period_us)
{
    struct nj_loop *loop = timer->loop;
    nj_us now = nj_mono_us(loop->clock);
    struct nj_timer before = *timer;
    if (delay_us < 0)
        delay_us = 0;
    timer->due_us = delay_us < INT64_MAX - now ? now + delay_us : INT64_MAX;
    timer->period_us = period_us;
    timer->order = loop->next_order++;
    if (timer->heap_index) {
        nj_timer_heap_moved(&loop->timers, timer);
        return 0;
    }
    int rc = nj_timer_heap_insert(&loop->timers, timer);
    if (rc)
        *timer = before;
    return rc;
}

void nj_timer_stop(struct nj_timer *timer)
{
    if (timer->heap_index)
        nj_timer_heap_remove(&timer->loop->timers, timer);
}

bool nj_timer_active(const struct nj_timer *timer)
{
    return timer->heap_index != 0;
}
