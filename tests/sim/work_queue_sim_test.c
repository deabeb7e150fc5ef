// SPDX-License-Identifier: Apache-2.0
// Histories of puts, claims, completions, failures, lost consumers, stalled and full stores and
// jumping clocks, made from seeds; what a queue promises is checked whenever it comes to rest.
//
// NJ_SIM_SEEDS=100000 runs more; NJ_SIM_FIRST=<seed> NJ_SIM_SEEDS=1 replays one.
#include "tests/fake/progress.h"
#include "tests/sim/work_queue_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

int work_queue_sim_test(void);

enum {
    STEPS = 60,
    SEEDS = 600,     // some seconds
    FILE_EVERY = 100 // seeds whose store is a file, and whose deaths lose what was not durable
};

struct action {
    void (*run)(struct nj_world *world);
    unsigned weight;
};

static const struct action actions[] = {
    {nj_world_put, 30},    {nj_world_complete, 25},   {nj_world_fail, 12}, {nj_world_release, 4},
    {nj_world_forget, 4},  {nj_world_late_result, 5}, {nj_world_pass, 20}, {nj_world_jump, 3},
    {nj_world_pause, 2},   {nj_world_resume, 6},      {nj_world_die, 4},   {nj_world_stall, 3},
    {nj_world_requeue, 4},
};

static void step(struct nj_world *world)
{
    unsigned sum = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(actions); i++)
        sum += actions[i].weight;
    uint64_t pick = nj_rng_below(&world->rng, sum);
    size_t i = 0;
    for (; pick >= actions[i].weight; i++)
        pick -= actions[i].weight;
    actions[i].run(world);
}

static uint64_t from_environment(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static void whatever_happens_nothing_is_lost_doubled_or_held_twice(void **state)
{
    (void)state;
    uint64_t first = from_environment("NJ_SIM_FIRST", 1);
    uint64_t count = from_environment("NJ_SIM_SEEDS", SEEDS);
    struct nj_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    uint64_t accepted = 0, deaths = 0;
    struct nj_progress progress;
    nj_progress_begin(&progress, "histories of the queue", count);
    for (uint64_t seed = first; seed < first + count; seed++) {
        nj_world_init(world, seed, seed % FILE_EVERY == 0);
        for (world->step = 0; world->step < STEPS; world->step++) {
            step(world);
            // Sometimes the next thing happens before the last one has come to rest.
            if (nj_rng_below(&world->rng, 3)) {
                nj_world_rest(world);
                nj_world_check(world);
            }
        }
        nj_world_drain(world);
        accepted += world->accepted;
        deaths += world->deaths;
        nj_world_finish(world);
        nj_progress_tell(&progress, seed - first + 1);
    }
    free(world);
    print_message("%llu histories, %llu items, %llu deaths: 0 lost, 0 doubled\n",
                  (unsigned long long)count, (unsigned long long)accepted,
                  (unsigned long long)deaths);
}

int work_queue_sim_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_nothing_is_lost_doubled_or_held_twice),
    };
    return cmocka_run_group_tests_name("work_queue_sim", tests, NULL, NULL);
}
