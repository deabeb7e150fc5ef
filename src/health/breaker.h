// SPDX-License-Identifier: Apache-2.0
// Circuit breaker: closed -> open after N failures in a row -> half open after a time, or when it
// is told that they are back -> closed after M successes; any failure while half open opens again.
// Explicitly thread-safe.
#ifndef NJ_HEALTH_BREAKER_H
#define NJ_HEALTH_BREAKER_H

#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stdint.h>

enum nj_breaker_state { NJ_BREAKER_CLOSED, NJ_BREAKER_OPEN, NJ_BREAKER_HALF_OPEN };

struct nj_breaker_options {
    const char *name; // "detector_yolo26", "llm"; static
    unsigned failure_threshold;
    nj_us recovery_us;
    unsigned half_open_max; // calls let through at once while half open
    unsigned success_threshold;
};
// Enough calls to tell a recovery from luck, and too few to be a burden on who has just come back.
enum { NJ_BREAKER_HALF_OPEN_MAX = 3, NJ_BREAKER_SUCCESS_THRESHOLD = 2 };

struct nj_breaker_status {
    enum nj_breaker_state state;
    unsigned failures; // in a row
    uint64_t calls, rejected, failed, opened;
    nj_us retry_in_us; // until half open; 0 when not open
};

struct nj_breaker;

int nj_breaker_create(const struct nj_breaker_options *options, const struct nj_clock *clock,
                      struct nj_breaker **out);
void nj_breaker_destroy(struct nj_breaker *breaker);

// Asks to make a call. 0: make it and report with exactly one of success, failure or cancelled and
// the round that came out; NJ_E_UNAVAILABLE: do not. Each change of the state begins a round, and a
// report of an older one moves nothing: it tells of what the state knows already.
int nj_breaker_enter(struct nj_breaker *breaker, uint64_t *out_round, struct nj_error *err);
void nj_breaker_success(struct nj_breaker *breaker, uint64_t round);
void nj_breaker_failure(struct nj_breaker *breaker, uint64_t round);
// Neither; frees the half-open place.
void nj_breaker_cancelled(struct nj_breaker *breaker, uint64_t round);
void nj_breaker_reset(struct nj_breaker *breaker);
// Who could not be reached answers again: open is half open now, and not after its time. Closed and
// half open stay as they are. Accepts NULL.
void nj_breaker_wake(struct nj_breaker *breaker);

const char *nj_breaker_name(const struct nj_breaker *breaker);
void nj_breaker_get(struct nj_breaker *breaker, struct nj_breaker_status *out);
const char *nj_breaker_state_name(enum nj_breaker_state state); // "closed" "open" "half_open"

#endif
