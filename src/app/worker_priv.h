// SPDX-License-Identifier: Apache-2.0
// The detector worker's parts: archives, models, actions, runs, subscriptions, protocol.
#ifndef NJ_APP_WORKER_PRIV_H
#define NJ_APP_WORKER_PRIV_H

#include "app/app_priv.h"

int nj_app_worker_start(struct nj_app *app, struct nj_error *err);
// Backends and streams are let go; runs and actions go on.
void nj_app_worker_stop(struct nj_app *app);
bool nj_app_worker_idle(const struct nj_app *app); // no run and no action is under way
// What actions are under way gets a moment more; then it is kept for the next start.
void nj_app_worker_end(struct nj_app *app, nj_us deadline_us);
bool nj_app_worker_ended(const struct nj_app *app);
void nj_app_worker_destroy(struct nj_app *app);

#endif
