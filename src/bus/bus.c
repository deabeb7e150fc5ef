// SPDX-License-Identifier: Apache-2.0
// The bus: one bounded list of messages between publishers and the loop thread, and the
// subscribers.
#include "bus/bus.h"

#include "bus/bus_driver.h"
#include "util/mem.h"
#include "util/text.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    // Beside the count: a few thousand messages of some KiB; more means that the loop is stuck.
    WAITING_BYTES_MAX = 16 * 1024 * 1024,
};

struct waiting {
    struct waiting *next;
    struct nj_bus_message message;
    char text[]; // what message.json points to
};

struct nj_bus {
    const struct nj_bus_driver *driver;
    void *state; // the driver's
    struct nj_loop *loop;
    size_t max_waiting;
    // Loop thread.
    struct nj_signal subscribers;
    struct nj_call call;
    struct nj_metric *dropped;

    pthread_mutex_t lock; // the following fields are protected by lock
    struct waiting *first, *last;
    size_t waiting, waiting_bytes;
    bool posted, destroyed;
};

static const struct nj_metric_spec dropped_spec = {
    .type = NJ_COUNTER,
    .name = "bus_dropped_total",
    .help = "Messages dropped because too many waited for the loop thread",
};

static void free_list(struct waiting *waiting)
{
    while (waiting) {
        struct waiting *next = waiting->next;
        free(waiting);
        waiting = next;
    }
}

static void bus_free(struct nj_bus *bus)
{
    free_list(bus->first);
    pthread_mutex_destroy(&bus->lock);
    free(bus);
}

static void hear(struct nj_listener *listener, const void *data)
{
    struct nj_bus_subscriber *subscriber =
        NJ_CONTAINER_OF(listener, struct nj_bus_subscriber, listener);
    const struct nj_bus_message *message = data;
    if (strcmp(subscriber->topic, message->topic) == 0)
        subscriber->fn(subscriber, message);
}

// Takes all that waits; what subscribers publish meanwhile waits for the next turn.
static void handle_call(struct nj_call *call)
{
    struct nj_bus *bus = NJ_CONTAINER_OF(call, struct nj_bus, call);
    pthread_mutex_lock(&bus->lock);
    struct waiting *list = bus->first;
    bus->first = bus->last = NULL;
    bus->waiting = bus->waiting_bytes = 0;
    bus->posted = false;
    bool destroyed = bus->destroyed;
    pthread_mutex_unlock(&bus->lock);
    if (destroyed) {
        free_list(list);
        bus_free(bus);
        return;
    }
    for (const struct waiting *waiting = list; waiting; waiting = waiting->next)
        nj_signal_fire(&bus->subscribers, &waiting->message);
    free_list(list);
}

int nj_bus_create_driven(const struct nj_bus_config *config, struct nj_bus **out,
                         struct nj_error *err)
{
    struct nj_bus *bus = calloc(1, sizeof *bus);
    if (!bus)
        return nj_error_set(err, NJ_E_NOMEM, "bus: no memory");
    bus->driver = config->driver;
    bus->loop = config->loop;
    bus->max_waiting = config->max_waiting;
    bus->call.fn = handle_call;
    nj_signal_init(&bus->subscribers);
    pthread_mutex_init(&bus->lock, NULL);
    if (config->metrics)
        bus->dropped = nj_metrics_get(config->metrics, &dropped_spec, NULL);
    int rc = bus->driver->create(bus, &bus->state, err);
    if (rc < 0) {
        bus_free(bus);
        return rc;
    }
    *out = bus;
    return 0;
}

int nj_bus_create(struct nj_loop *loop, struct nj_metrics *metrics, size_t max_waiting,
                  struct nj_bus **out, struct nj_error *err)
{
    const struct nj_bus_config config = {
        .driver = &nj_bus_local, .loop = loop, .metrics = metrics, .max_waiting = max_waiting};
    return nj_bus_create_driven(&config, out, err);
}

void nj_bus_destroy(struct nj_bus *bus)
{
    if (!bus)
        return;
    bus->driver->destroy(bus->state);
    pthread_mutex_lock(&bus->lock);
    bus->destroyed = true;
    bool posted = bus->posted;
    pthread_mutex_unlock(&bus->lock);
    if (!posted) // else the posted call frees it
        bus_free(bus);
}

// Room for one more of `length` bytes; lock held.
static bool fits(const struct nj_bus *bus, size_t length)
{
    return !bus->destroyed && bus->waiting < bus->max_waiting &&
           length <= WAITING_BYTES_MAX - bus->waiting_bytes;
}

static struct waiting *copy(const struct nj_bus_message *message)
{
    struct waiting *waiting =
        message->length <= WAITING_BYTES_MAX ? malloc(sizeof *waiting + message->length + 1) : NULL;
    if (!waiting)
        return NULL;
    waiting->next = NULL;
    waiting->message = *message;
    waiting->message.json = waiting->text;
    memcpy(waiting->text, message->json, message->length);
    waiting->text[message->length] = '\0';
    return waiting;
}

int nj_bus_deliver(struct nj_bus *bus, const struct nj_bus_message *message)
{
    struct waiting *waiting = copy(message);
    int rc = waiting ? 0 : NJ_E_NOMEM;
    pthread_mutex_lock(&bus->lock);
    if (waiting && !fits(bus, message->length))
        rc = NJ_E_FULL;
    if (rc == 0) {
        if (bus->last)
            bus->last->next = waiting;
        else
            bus->first = waiting;
        bus->last = waiting;
        bus->waiting++;
        bus->waiting_bytes += message->length;
        // Posted under the lock: destroy must not free the bus between the flag and the post.
        if (!bus->posted)
            nj_loop_post(bus->loop, &bus->call);
        bus->posted = true;
    }
    pthread_mutex_unlock(&bus->lock);
    if (rc < 0) {
        free(waiting);
        if (bus->dropped)
            nj_metric_add(bus->dropped, 1);
    }
    return rc;
}

int nj_bus_publish(struct nj_bus *bus, const char *topic, const char *tag, const char *json,
                   size_t length)
{
    struct nj_bus_message message = {.topic = topic, .json = json, .length = length};
    nj_text_copy(message.tag, sizeof message.tag, tag);
    int rc = nj_bus_deliver(bus, &message);
    // The others are told whatever happened here.
    int carried = bus->driver->carry(bus->state, &message);
    return rc < 0 ? rc : carried;
}

void nj_bus_subscribe(struct nj_bus *bus, struct nj_bus_subscriber *subscriber, const char *topic)
{
    subscriber->topic = topic;
    subscriber->listener.fn = hear;
    nj_signal_add(&bus->subscribers, &subscriber->listener);
}

void nj_bus_unsubscribe(struct nj_bus_subscriber *subscriber)
{
    nj_signal_remove(&subscriber->listener);
}
