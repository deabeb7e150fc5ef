// SPDX-License-Identifier: Apache-2.0
// Inside of the work queue: what the loop thread owns, what transactions count.
#ifndef NJ_JOBS_WORK_QUEUE_PRIV_H
#define NJ_JOBS_WORK_QUEUE_PRIV_H

#include "jobs/work_queue.h"
#include "util/list.h"
#include "util/rng.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    NJ_WORK_BATCH_MAX = 256,                  // rows of one claim
    NJ_WORK_CAPACITY_MAX = 4096,              // items with the handler
    NJ_WORK_AHEAD_MAX = 256,                  // claimed beyond the handler's capacity
    NJ_WORK_RECOUNT_US = 30 * NJ_US_PER_S,    // memory against store
    NJ_WORK_ERROR_WAIT_US = 1 * NJ_US_PER_S,  // after the store refused
    NJ_WORK_TELL_EVERY_US = 60 * NJ_US_PER_S, // a store that goes on refusing
    NJ_WORK_DUE_MIN_US = 5 * NJ_US_PER_MS,    // a due time that does not come true must not spin
    NJ_WORK_SECONDS = 60,                     // of the completion rate
};

// What one call inside a transaction changes. It is counted when its own commit hook fires; a
// record whose hook was dropped (rolled back) is known by hook.queued being false again. Records
// stand in the order of their calls, so those rolled back are at the end when the next call comes.
struct nj_work_delta {
    struct nj_commit_hook hook;
    struct nj_list node;
    struct nj_work_queue *queue;
    int64_t live, dead_failed, dead_overflow;
    unsigned put, completed, failed, retried, dropped;
};

struct nj_work_counts {
    int64_t live, dead_failed, dead_overflow;
};

enum nj_work_end { NJ_WORK_RETRY, NJ_WORK_BURY, NJ_WORK_GIVE_BACK, NJ_WORK_POSTPONE };

// A claimed item.
struct nj_work_held {
    struct nj_work_item item; // what the consumer sees
    struct nj_work_queue *queue;
    struct nj_work_row row;
    struct nj_list node; // of ready, flying, settling or unsettled
    bool lost;           // another claim has a newer fence, or the item is gone
    // How it ends, written by `op`:
    enum nj_work_end end;
    struct nj_store_op op;
    nj_us delay_us;
    struct nj_letter_row letter; // its payload is the row's; its history is owned here
};

// What a tend operation needs to know of one held item.
struct nj_work_lease {
    int64_t id, fence;
    nj_us until_us;
    bool lost;
};

// The one operation that extends leases, claims and recounts. The loop thread fills in the wishes
// and takes the results; the store thread works on it in between.
struct nj_work_tend {
    struct nj_store_op op;
    bool busy, again;
    // Wishes:
    bool extend, recount;
    bool others; // are held already
    size_t limit;
    // Results:
    struct nj_work_row rows[NJ_WORK_BATCH_MAX];
    size_t row_count;
    struct nj_work_lease *leases; // of all held items
    size_t lease_count, lease_capacity;
    nj_us next_due_us, now_us, oldest_us;
    struct nj_work_counts drift; // store minus memory
};

struct nj_work_queue {
    struct nj_work_queue_config config;

    // Loop thread.
    size_t capacity, ahead;
    nj_work_handler handler;
    void *arg;
    bool running, dispatching, destroyed, in_pressure;
    bool extend_wanted, recount_wanted;
    size_t ready_count, flying_count, held_count; // held: in any of the four lists
    struct nj_list ready, flying, settling, unsettled;
    size_t ops; // of this queue at the store
    struct nj_rng rng;
    struct nj_timer due_timer, lease_timer, recount_timer, settle_timer;
    struct nj_work_tend tend;
    nj_us failure_told_us; // monotonic; 0: never
    nj_us oldest_us;       // wall; creation of the oldest waiting as last known, 0: none

    struct nj_call wake_call;
    atomic_bool wake_posted;
    atomic_size_t in_flight; // flying_count for other threads
    _Atomic uint64_t rejected;

    pthread_mutex_t lock;           // the following fields are protected by lock
    struct nj_work_counts counts;   // committed
    struct nj_work_counts in_doubt; // sum of `pending`
    struct nj_list pending, spare;  // nj_work_delta
    uint64_t put, completed, failed, retried, dropped;
    int64_t done_second[NJ_WORK_SECONDS]; // monotonic second that a slot counts
    unsigned done_count[NJ_WORK_SECONDS];

    // Explicitly thread-safe; NULL without metrics.
    struct nj_metric *depth_gauge, *rejected_total, *dropped_total, *retried_total, *dead_total;
};

// work_queue_count.c: explicitly thread-safe.
void nj_work_count_init(struct nj_work_queue *queue);
void nj_work_count_finish(struct nj_work_queue *queue);
struct nj_work_counts
nj_work_count_seen(struct nj_work_queue *queue); // as this transaction sees it
struct nj_work_counts nj_work_count_committed(struct nj_work_queue *queue);
// Counts `change` (its counters only) once this transaction is durable. NJ_E_NOMEM.
int nj_work_count(struct nj_work_queue *queue, struct nj_db *db, const struct nj_work_delta *change,
                  struct nj_error *err);
// The loop thread tends the queue when it has done what was posted before.
void nj_work_wake(struct nj_work_queue *queue);
void nj_work_count_correct(struct nj_work_queue *queue, const struct nj_work_counts *drift);
void nj_work_show_depth(struct nj_work_queue *queue);
unsigned nj_work_done_last_minute(struct nj_work_queue *queue);

// work_queue_tend.c: loop thread.
void nj_work_tend_init(struct nj_work_queue *queue);
void nj_work_tend_finish(struct nj_work_queue *queue);
void nj_work_tend(struct nj_work_queue *queue); // claims, extends, recounts where there is need
void nj_work_dispatch(struct nj_work_queue *queue);

// work_queue_settle.c: loop thread.
void nj_work_held_free(struct nj_work_held *held); // takes it out of its list
void nj_work_give_back(struct nj_work_held *held);
void nj_work_put_off(struct nj_work_held *held, nj_us delay_us);
void nj_work_bury(struct nj_work_held *held, const char *reason, const struct nj_error *why);
void nj_work_settle_again(struct nj_timer *timer);

// work_queue.c: loop thread.
void nj_work_free_if_unused(struct nj_work_queue *queue); // after destroy, when nothing is out

#endif
