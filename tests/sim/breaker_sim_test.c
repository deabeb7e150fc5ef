// SPDX-License-Identifier: Apache-2.0
// Circuit breaker under random histories of calls, outcomes, resets and time. A seed makes one
// history; the rules are checked after every step, against counts that the test keeps itself.
#include "health/breaker.h"

#include "tests/fake/fake_clock.h"
#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

int breaker_sim_test(void);

enum { SEEDS = 3000, STEPS = 400 };

struct sim {
    struct nj_rng rng;
    struct nj_fake_clock fake;
    struct nj_breaker *breaker;
    struct nj_breaker_options options;
    struct nj_breaker_status before;
    // What the test knows by itself.
    struct {
        uint64_t round;   // the breaker's
        unsigned changes; // the test's, when it began
    } calls_in_flight[STEPS];
    unsigned in_flight;
    unsigned trials; // of them: those of this half-open time
    enum nj_breaker_state state;
    unsigned changes; // of the state, and resets
    unsigned failures_in_row;
    uint64_t calls;
    uint64_t rejected;
    uint64_t failed;
    nj_us opened_at_us;
};

// A rule that does not hold ends the history; the seed is printed by the caller.
#define RULE(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return #condition;                                                                     \
    } while (0)

static unsigned pick(struct sim *sim, unsigned low, unsigned high)
{
    return low + (unsigned)nj_rng_below(&sim->rng, high - low + 1);
}

static const char *step_enter(struct sim *sim)
{
    int code = nj_breaker_enter(sim->breaker, &sim->calls_in_flight[sim->in_flight].round, NULL);
    struct nj_breaker_status now;
    nj_breaker_get(sim->breaker, &now);
    RULE(code == 0 || code == NJ_E_UNAVAILABLE);
    if (code != 0) {
        sim->rejected++;
        RULE(sim->before.state != NJ_BREAKER_CLOSED);
        // Trials alone fill a half-open breaker, all of its places.
        RULE(sim->before.state == NJ_BREAKER_OPEN || sim->trials == sim->options.half_open_max);
        return NULL;
    }
    sim->calls++;
    sim->calls_in_flight[sim->in_flight++].changes = sim->changes;
    RULE(sim->before.state != NJ_BREAKER_OPEN);
    if (now.state == NJ_BREAKER_HALF_OPEN)
        sim->trials++;
    RULE(now.state != NJ_BREAKER_HALF_OPEN || sim->trials <= sim->options.half_open_max);
    return NULL;
}

// Which of the calls in flight ends is chance; it counts when nothing changed since it began.
static bool take_one_back(struct sim *sim, uint64_t *out_round)
{
    const size_t at = (size_t)nj_rng_below(&sim->rng, sim->in_flight);
    const bool counts = sim->calls_in_flight[at].changes == sim->changes;
    *out_round = sim->calls_in_flight[at].round;
    sim->calls_in_flight[at] = sim->calls_in_flight[--sim->in_flight];
    if (counts && sim->state == NJ_BREAKER_HALF_OPEN)
        sim->trials--;
    return counts;
}

static const char *step_failure(struct sim *sim)
{
    uint64_t round = 0;
    const bool counts = take_one_back(sim, &round);
    nj_breaker_failure(sim->breaker, round);
    sim->failed++;
    struct nj_breaker_status now;
    nj_breaker_get(sim->breaker, &now);
    if (sim->before.state == NJ_BREAKER_HALF_OPEN)
        RULE(counts == (now.opened == sim->before.opened + 1));
    if (sim->before.state == NJ_BREAKER_OPEN)
        RULE(now.opened == sim->before.opened);
    if (sim->before.state == NJ_BREAKER_CLOSED) {
        sim->failures_in_row += counts;
        bool due = sim->failures_in_row >= sim->options.failure_threshold;
        RULE(due == (now.opened == sim->before.opened + 1));
    }
    return NULL;
}

static const char *step_success(struct sim *sim)
{
    uint64_t round = 0;
    const bool counts = take_one_back(sim, &round);
    nj_breaker_success(sim->breaker, round);
    struct nj_breaker_status now;
    nj_breaker_get(sim->breaker, &now);
    RULE(now.opened == sim->before.opened);
    RULE(sim->before.state != NJ_BREAKER_OPEN || now.state == NJ_BREAKER_OPEN);
    RULE(counts || (now.state == sim->before.state && now.failures == sim->before.failures));
    if (counts && now.state == NJ_BREAKER_CLOSED)
        sim->failures_in_row = 0;
    return NULL;
}

static const char *step_cancelled(struct sim *sim)
{
    uint64_t round = 0;
    (void)take_one_back(sim, &round);
    nj_breaker_cancelled(sim->breaker, round);
    struct nj_breaker_status now;
    nj_breaker_get(sim->breaker, &now);
    RULE(now.state == sim->before.state);
    RULE(now.failures == sim->before.failures);
    return NULL;
}

static const char *step_reset(struct sim *sim)
{
    nj_breaker_reset(sim->breaker);
    struct nj_breaker_status now;
    nj_breaker_get(sim->breaker, &now);
    sim->failures_in_row = 0;
    sim->changes++;
    sim->trials = 0;
    RULE(now.state == NJ_BREAKER_CLOSED);
    return NULL;
}

static void note_state(struct sim *sim)
{
    if (sim->before.state == sim->state)
        return;
    sim->state = sim->before.state;
    sim->changes++;
    sim->trials = 0;
}

// What holds after every step whatever it was.
static const char *check_always(struct sim *sim)
{
    struct nj_breaker_status now;
    nj_breaker_get(sim->breaker, &now);
    nj_us now_us = nj_mono_us(&sim->fake.clock);
    if (now.opened != sim->before.opened) {
        sim->opened_at_us = now_us;
        sim->failures_in_row = 0;
    }
    if (now.state == NJ_BREAKER_CLOSED && sim->before.state != NJ_BREAKER_CLOSED)
        sim->failures_in_row = 0;
    RULE(now.calls == sim->calls);
    RULE(now.rejected == sim->rejected);
    RULE(now.failed == sim->failed);
    RULE((now.retry_in_us > 0) == (now.state == NJ_BREAKER_OPEN));
    RULE(now.retry_in_us <= sim->options.recovery_us);
    if (now.state == NJ_BREAKER_OPEN)
        RULE(now.retry_in_us == sim->opened_at_us + sim->options.recovery_us - now_us);
    if (now.state == NJ_BREAKER_CLOSED)
        RULE(now.failures < sim->options.failure_threshold);
    sim->before = now;
    note_state(sim);
    return NULL;
}

static const char *step(struct sim *sim)
{
    nj_breaker_get(sim->breaker, &sim->before);
    unsigned what = pick(sim, 0, 99);
    if (what < 45)
        return step_enter(sim);
    if (what < 60) {
        nj_fake_clock_advance(&sim->fake, pick(sim, 0, 400) * (nj_us)NJ_US_PER_MS);
        return NULL;
    }
    if (what == 99)
        return step_reset(sim);
    if (sim->in_flight == 0)
        return NULL;
    if (what < 80)
        return step_failure(sim);
    return what < 94 ? step_success(sim) : step_cancelled(sim);
}

// At the end the peer is well: the breaker must close in bounded time.
static const char *check_recovers(struct sim *sim)
{
    uint64_t round = 0;
    while (sim->in_flight > 0) {
        (void)take_one_back(sim, &round);
        nj_breaker_cancelled(sim->breaker, round);
    }
    nj_fake_clock_advance(&sim->fake, sim->options.recovery_us);
    for (unsigned i = 0; i < sim->options.success_threshold; i++) {
        RULE(nj_breaker_enter(sim->breaker, &round, NULL) == 0);
        nj_breaker_success(sim->breaker, round);
    }
    nj_breaker_get(sim->breaker, &sim->before);
    RULE(sim->before.state == NJ_BREAKER_CLOSED);
    return NULL;
}

static const char *run_history(uint64_t seed)
{
    struct sim sim = {0};
    nj_rng_seed(&sim.rng, seed);
    nj_fake_clock_init(&sim.fake, 0);
    sim.options = (struct nj_breaker_options){
        .name = "sim",
        .failure_threshold = pick(&sim, 1, 6),
        .recovery_us = pick(&sim, 1, 3000) * (nj_us)NJ_US_PER_MS,
        .half_open_max = pick(&sim, 1, 4),
        .success_threshold = pick(&sim, 1, 4),
    };
    if (nj_breaker_create(&sim.options, &sim.fake.clock, &sim.breaker) != 0)
        return "create";
    nj_breaker_get(sim.breaker, &sim.before);
    const char *broken = NULL;
    for (int i = 0; i < STEPS && !broken; i++) {
        broken = step(&sim);
        if (!broken)
            broken = check_always(&sim);
    }
    if (!broken)
        broken = check_recovers(&sim);
    nj_breaker_destroy(sim.breaker);
    return broken;
}

static void every_history_keeps_the_rules(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const char *broken = run_history(seed);
        if (broken)
            fail_msg("seed %llu breaks: %s", (unsigned long long)seed, broken);
    }
}

int breaker_sim_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_history_keeps_the_rules),
    };
    return cmocka_run_group_tests_name("breaker_sim", tests, NULL, NULL);
}
