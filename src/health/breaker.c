// SPDX-License-Identifier: Apache-2.0
// Circuit breaker: a small state machine under one mutex.
#include "health/breaker.h"

#include <pthread.h>
#include <stdlib.h>

struct nj_breaker {
    struct nj_breaker_options options;
    const struct nj_clock *clock;
    pthread_mutex_t lock;
    // The following fields are protected by lock.
    enum nj_breaker_state state;
    unsigned failures;  // in a row while closed
    unsigned successes; // in a row while half open
    uint64_t round;     // changes of the state so far
    uint64_t in_flight; // of this round
    nj_us opened_at_us; // monotonic
    uint64_t calls;
    uint64_t rejected;
    uint64_t failed;
    uint64_t opened;
};

int nj_breaker_create(const struct nj_breaker_options *options, const struct nj_clock *clock,
                      struct nj_breaker **out)
{
    if (!options->name || options->failure_threshold == 0 || options->recovery_us < 0 ||
        options->half_open_max == 0 || options->success_threshold == 0)
        return NJ_E_INVALID;
    struct nj_breaker *breaker = calloc(1, sizeof(*breaker));
    if (!breaker)
        return NJ_E_NOMEM;
    if (pthread_mutex_init(&breaker->lock, NULL) != 0) {
        free(breaker);
        return NJ_E_NOMEM;
    }
    breaker->options = *options;
    breaker->clock = clock;
    breaker->state = NJ_BREAKER_CLOSED;
    *out = breaker;
    return 0;
}

void nj_breaker_destroy(struct nj_breaker *breaker)
{
    if (!breaker)
        return;
    pthread_mutex_destroy(&breaker->lock);
    free(breaker);
}

static nj_us retry_in_locked(const struct nj_breaker *breaker)
{
    if (breaker->state != NJ_BREAKER_OPEN)
        return 0;
    nj_us since_us = nj_mono_us(breaker->clock) - breaker->opened_at_us;
    nj_us left_us = breaker->options.recovery_us - since_us;
    return left_us > 0 ? left_us : 0;
}

static void change_locked(struct nj_breaker *breaker, enum nj_breaker_state state)
{
    breaker->state = state;
    breaker->successes = 0;
    breaker->in_flight = 0;
    breaker->round++;
}

// Time alone moves open to half open; whoever looks next notices it.
static void refresh_locked(struct nj_breaker *breaker)
{
    if (breaker->state != NJ_BREAKER_OPEN || retry_in_locked(breaker) > 0)
        return;
    change_locked(breaker, NJ_BREAKER_HALF_OPEN);
}

static void open_locked(struct nj_breaker *breaker)
{
    change_locked(breaker, NJ_BREAKER_OPEN);
    breaker->opened_at_us = nj_mono_us(breaker->clock);
    breaker->opened++;
}

static void close_locked(struct nj_breaker *breaker)
{
    change_locked(breaker, NJ_BREAKER_CLOSED);
    breaker->failures = 0;
}

static bool may_enter_locked(const struct nj_breaker *breaker)
{
    if (breaker->state == NJ_BREAKER_OPEN)
        return false;
    if (breaker->state == NJ_BREAKER_CLOSED)
        return true;
    return breaker->in_flight < breaker->options.half_open_max;
}

int nj_breaker_enter(struct nj_breaker *breaker, uint64_t *out_round, struct nj_error *err)
{
    pthread_mutex_lock(&breaker->lock);
    refresh_locked(breaker);
    bool allowed = may_enter_locked(breaker);
    if (allowed) {
        breaker->calls++;
        breaker->in_flight++;
        *out_round = breaker->round;
    } else {
        breaker->rejected++;
    }
    enum nj_breaker_state state = breaker->state;
    nj_us retry_us = retry_in_locked(breaker);
    pthread_mutex_unlock(&breaker->lock);
    if (allowed)
        return 0;
    if (state == NJ_BREAKER_OPEN)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "circuit breaker %s is open; next try in %.1f s",
                            breaker->options.name, (double)retry_us / NJ_US_PER_S);
    return nj_error_set(err, NJ_E_UNAVAILABLE,
                        "circuit breaker %s is half open and its trial calls are under way",
                        breaker->options.name);
}

// False: the call is of an older round.
static bool leave_locked(struct nj_breaker *breaker, uint64_t round)
{
    if (round != breaker->round)
        return false;
    breaker->in_flight--;
    return true;
}

void nj_breaker_success(struct nj_breaker *breaker, uint64_t round)
{
    pthread_mutex_lock(&breaker->lock);
    const bool counts = leave_locked(breaker, round);
    if (counts && breaker->state == NJ_BREAKER_CLOSED)
        breaker->failures = 0;
    else if (counts && ++breaker->successes >= breaker->options.success_threshold)
        close_locked(breaker);
    pthread_mutex_unlock(&breaker->lock);
}

void nj_breaker_failure(struct nj_breaker *breaker, uint64_t round)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->failed++;
    if (leave_locked(breaker, round)) {
        breaker->failures++;
        if (breaker->state == NJ_BREAKER_HALF_OPEN ||
            breaker->failures >= breaker->options.failure_threshold)
            open_locked(breaker);
    }
    pthread_mutex_unlock(&breaker->lock);
}

void nj_breaker_cancelled(struct nj_breaker *breaker, uint64_t round)
{
    pthread_mutex_lock(&breaker->lock);
    (void)leave_locked(breaker, round);
    pthread_mutex_unlock(&breaker->lock);
}

void nj_breaker_reset(struct nj_breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    close_locked(breaker);
    pthread_mutex_unlock(&breaker->lock);
}

void nj_breaker_wake(struct nj_breaker *breaker)
{
    if (!breaker)
        return;
    pthread_mutex_lock(&breaker->lock);
    if (breaker->state == NJ_BREAKER_OPEN)
        change_locked(breaker, NJ_BREAKER_HALF_OPEN);
    pthread_mutex_unlock(&breaker->lock);
}

const char *nj_breaker_name(const struct nj_breaker *breaker)
{
    return breaker->options.name;
}

void nj_breaker_get(struct nj_breaker *breaker, struct nj_breaker_status *out)
{
    pthread_mutex_lock(&breaker->lock);
    refresh_locked(breaker);
    *out = (struct nj_breaker_status){
        .state = breaker->state,
        .failures = breaker->failures,
        .calls = breaker->calls,
        .rejected = breaker->rejected,
        .failed = breaker->failed,
        .opened = breaker->opened,
        .retry_in_us = retry_in_locked(breaker),
    };
    pthread_mutex_unlock(&breaker->lock);
}

const char *nj_breaker_state_name(enum nj_breaker_state state)
{
    static const char *const names[] = {
        [NJ_BREAKER_CLOSED] = "closed",
        [NJ_BREAKER_OPEN] = "open",
        [NJ_BREAKER_HALF_OPEN] = "half_open",
    };
    return names[state];
}
