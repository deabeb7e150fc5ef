// SPDX-License-Identifier: Apache-2.0
// The cleanup service: runs retention once a day on a thread of its own.
#ifndef NJ_APP_CLEANUP_PRIV_H
#define NJ_APP_CLEANUP_PRIV_H

#include "loop/loop.h"
#include "storage/retention.h"
#include "util/log.h"

struct nj_cleanup_config {
    struct nj_loop *loop;
    struct nj_store *store;
    const struct nj_retention_options *options; // borrowed
    const char *pictures_folder;                // borrowed
    struct nj_log *log;
};

struct nj_cleanup; // loop thread only

int nj_cleanup_create(const struct nj_cleanup_config *config, struct nj_cleanup **out,
                      struct nj_error *err);
int nj_cleanup_start(struct nj_cleanup *cleanup, struct nj_error *err);
void nj_cleanup_stop(struct nj_cleanup *cleanup); // cancels and joins a run under way
void nj_cleanup_destroy(struct nj_cleanup *cleanup);

#endif
