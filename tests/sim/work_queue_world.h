// SPDX-License-Identifier: Apache-2.0
// The world of the work queue's simulation: queue, store, clock, and a model of what must be true.
#ifndef NJ_WORK_QUEUE_WORLD_H
#define NJ_WORK_QUEUE_WORLD_H

#include "jobs/work_queue.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/temp_dir.h"
#include "util/rng.h"

enum { NJ_WORLD_ITEMS = 256, NJ_WORLD_HOLDS = 256, NJ_WORLD_PATH = 600 };

struct nj_world_item {
    bool accepted, done;
    int64_t id, fence; // of the newest claim seen
    nj_us earliest_us; // wall; no claim before it, unless the wall clock jumped since
    unsigned jumps;    // of the wall clock when earliest_us was set
};

struct nj_world_hold {
    struct nj_work_item *item; // NULL: forgotten or of a dead consumer
    int64_t id, fence;
    int n;
};

struct nj_world {
    uint64_t seed;
    int step;
    struct nj_rng rng;
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_work_queue *queue;
    struct nj_work_queue_options options;
    bool on_file, paused;
    unsigned generation; // of the file
    struct nj_temp_dir dir;
    unsigned jumps;
    uint64_t accepted, deaths;
    uint64_t dropped; // by queues that died
    int next;
    struct nj_world_item items[NJ_WORLD_ITEMS];
    struct nj_world_hold holds[NJ_WORLD_HOLDS];
    size_t hold_count;
};

void nj_world_init(struct nj_world *world, uint64_t seed, bool on_file);
void nj_world_finish(struct nj_world *world);

// What may happen.
void nj_world_put(struct nj_world *world);
void nj_world_complete(struct nj_world *world);
void nj_world_fail(struct nj_world *world);
void nj_world_release(struct nj_world *world);
void nj_world_forget(struct nj_world *world);
void nj_world_late_result(struct nj_world *world);
void nj_world_pass(struct nj_world *world);
void nj_world_jump(struct nj_world *world);
void nj_world_pause(struct nj_world *world);
void nj_world_resume(struct nj_world *world);
void nj_world_die(struct nj_world *world);
void nj_world_stall(struct nj_world *world);
void nj_world_requeue(struct nj_world *world);

void nj_world_rest(struct nj_world *world);  // until nothing is left to do at this moment
void nj_world_check(struct nj_world *world); // at rest
void nj_world_drain(struct nj_world *world); // completes what is left and checks every item

#endif
