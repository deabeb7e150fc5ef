// SPDX-License-Identifier: Apache-2.0
// Whose turn it is: the order in which waiting jobs of many sources are served. Not thread-safe.
//
// Perishable jobs (with a deadline) are asked first, because they spoil; sources take turns among
// them, and each has at most one waiting, the newest, besides those it asked to keep, which go
// before it in their order. Durable jobs take turns by source as well. When both kinds wait, at
// most NJ_TURNS_PERISHABLE_RUN perishable ones go before a durable one, so that live pictures never
// starve accepted uploads.
#ifndef NJ_DETECT_TURNS_PRIV_H
#define NJ_DETECT_TURNS_PRIV_H

#include "detect/scheduler.h"

enum { NJ_TURNS_PERISHABLE_RUN = 3 };

struct nj_turns;

struct nj_turns *nj_turns_create(void);        // NULL without memory
void nj_turns_destroy(struct nj_turns *turns); // accepts NULL; jobs are the caller's

// A perishable job replaces the one of its source that waits, which then is an ended one and keeps
// its source's place for the newer. NJ_E_NOMEM.
int nj_turns_add(struct nj_turns *turns, struct nj_detect_job *job);
struct nj_detect_job *nj_turns_take(struct nj_turns *turns); // NULL: nothing waits
// The one that nj_turns_take would give.
struct nj_detect_job *nj_turns_peek(const struct nj_turns *turns);

// Jobs that end unrun, in order.
void nj_turns_end(struct nj_turns *turns, struct nj_detect_job *job);
struct nj_detect_job *nj_turns_take_ended(struct nj_turns *turns);

size_t nj_turns_waiting(const struct nj_turns *turns); // to be taken
size_t nj_turns_held(const struct nj_turns *turns);    // and ended ones

#endif
