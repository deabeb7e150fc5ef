// SPDX-License-Identifier: Apache-2.0
// For those who write a bus driver: what carries messages to other instances of one site.
#ifndef NJ_BUS_BUS_DRIVER_H
#define NJ_BUS_BUS_DRIVER_H

#include "bus/bus.h"

struct nj_bus_driver {
    const char *name;
    // *out is the driver's own and may stay NULL. Messages from elsewhere go to nj_bus_deliver.
    int (*create)(struct nj_bus *bus, void **out, struct nj_error *err);
    void (*destroy)(void *state); // loop thread; no nj_bus_deliver after it
    // Carries a message outwards, after the subscribers of this process have it queued. Must not
    // wait. The message is borrowed. Called from: any thread.
    int (*carry)(void *state, const struct nj_bus_message *message);
};

extern const struct nj_bus_driver nj_bus_local; // this process only: carries nothing

// As nj_bus_create, which takes nj_bus_local.
struct nj_bus_config {
    const struct nj_bus_driver *driver;
    struct nj_loop *loop;
    struct nj_metrics *metrics; // may be NULL
    size_t max_waiting;
};
int nj_bus_create_driven(const struct nj_bus_config *config, struct nj_bus **out,
                         struct nj_error *err);

// Queues a copy for the subscribers of this process only. Explicitly thread-safe. Errors as
// nj_bus_publish.
int nj_bus_deliver(struct nj_bus *bus, const struct nj_bus_message *message);

#endif
