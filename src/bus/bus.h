// SPDX-License-Identifier: Apache-2.0
// Publish and subscribe by topic. Local delivery always works; a driver may carry messages to other
// instances besides.
#ifndef NJ_BUS_BUS_H
#define NJ_BUS_BUS_H

#include "health/metrics.h"
#include "loop/loop.h"
#include "loop/signal.h"
#include "util/error.h"

#include <stddef.h>

enum { NJ_BUS_TAG_SIZE = 48 };

struct nj_bus_message {
    const char *topic;         // "events", "system"
    char tag[NJ_BUS_TAG_SIZE]; // type of the message: "event", "detection.new"
    const char *json;          // NUL-terminated
    size_t length;
};

struct nj_bus;

// `metrics` may be NULL. At most `max_waiting` messages wait for the loop thread; more are dropped
// and counted (bus_dropped_total): what must not be lost is in the store.
int nj_bus_create(struct nj_loop *loop, struct nj_metrics *metrics, size_t max_waiting,
                  struct nj_bus **out, struct nj_error *err);
void nj_bus_destroy(struct nj_bus *bus); // loop thread; waiting messages are dropped

// Copies the message and delivers it on the loop thread in the order of publishing. Explicitly
// thread-safe. `topic` is static. NJ_E_FULL, NJ_E_NOMEM: dropped and counted.
int nj_bus_publish(struct nj_bus *bus, const char *topic, const char *tag, const char *json,
                   size_t length);

struct nj_bus_subscriber {
    // Called from: loop thread. The message is borrowed during the call.
    void (*fn)(struct nj_bus_subscriber *subscriber, const struct nj_bus_message *message);
    const char *topic;
    struct nj_listener listener; // the bus's
};

// Loop thread. Caller-owned; remove before it goes. May be called from within fn.
void nj_bus_subscribe(struct nj_bus *bus, struct nj_bus_subscriber *subscriber, const char *topic);
void nj_bus_unsubscribe(struct nj_bus_subscriber *subscriber); // harmless when not subscribed

#endif
