// SPDX-License-Identifier: Apache-2.0
// Watches what the services say of their health: a change is logged once, and told.
#ifndef NJ_APP_SERVICE_WATCH_PRIV_H
#define NJ_APP_SERVICE_WATCH_PRIV_H

#include "bus/bus.h"
#include "health/registry.h"
#include "loop/loop.h"
#include "util/log.h"

struct nj_service_watch_config {
    struct nj_loop *loop;
    struct nj_registry *registry; // services may be added later
    struct nj_bus *bus;
    struct nj_log *log;
    nj_us period_us; // > 0; between two looks
};

struct nj_service_watch; // loop thread only

// The caller owns *out. All of the configuration is borrowed and outlives the watch. NJ_E_NOMEM.
int nj_service_watch_create(const struct nj_service_watch_config *config,
                            struct nj_service_watch **out, struct nj_error *err);

// Looks every period. The first look at a service is what later ones are compared with; another
// status becomes a log line and a "service_status" message.
int nj_service_watch_start(struct nj_service_watch *watch, struct nj_error *err);
void nj_service_watch_stop(struct nj_service_watch *watch);    // accepts NULL
void nj_service_watch_destroy(struct nj_service_watch *watch); // accepts NULL

#endif
