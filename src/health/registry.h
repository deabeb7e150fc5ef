// SPDX-License-Identifier: Apache-2.0
// Registry of services and breakers: others register a probe, this folder asks nobody by name.
#ifndef NJ_HEALTH_REGISTRY_H
#define NJ_HEALTH_REGISTRY_H

#include "health/breaker.h"
#include "util/buf.h"
#include "util/error.h"

enum nj_health_status {
    NJ_HEALTH_HEALTHY,
    NJ_HEALTH_DEGRADED,  // works with less; says what
    NJ_HEALTH_UNHEALTHY, // does not do its work
    NJ_HEALTH_STOPPED,
    NJ_HEALTH_UNKNOWN // the probe itself failed
};

struct nj_health_report {
    enum nj_health_status status;
    char message[256]; // one sentence for a person; "" when all is well
};

struct nj_service_probe {
    const char *name; // "file_watcher", "yolo26"; static
    bool critical;    // its failure makes the whole unhealthy instead of degraded
    // Quick, from memory. Called from: loop thread.
    void (*probe)(void *arg, struct nj_health_report *out);
    void *arg;
};

struct nj_registry; // loop thread only

struct nj_registry *nj_registry_create(void);
void nj_registry_destroy(struct nj_registry *registry);

int nj_registry_add_service(struct nj_registry *registry, const struct nj_service_probe *probe);
int nj_registry_add_breaker(struct nj_registry *registry, struct nj_breaker *breaker); // borrowed
// Before it is destroyed; harmless for one that is not there.
void nj_registry_remove_breaker(struct nj_registry *registry, const struct nj_breaker *breaker);

size_t nj_registry_service_count(const struct nj_registry *registry);
// Probes service `index`; returns its name.
const char *nj_registry_probe(struct nj_registry *registry, size_t index,
                              struct nj_health_report *out, bool *out_critical);
// Worst of all: unhealthy when a critical one is, degraded when any is not healthy.
enum nj_health_status nj_registry_overall(struct nj_registry *registry);

size_t nj_registry_breaker_count(const struct nj_registry *registry);
struct nj_breaker *nj_registry_breaker(struct nj_registry *registry, size_t index);
struct nj_breaker *nj_registry_find_breaker(struct nj_registry *registry, const char *name);

const char *nj_health_status_name(enum nj_health_status status); // "healthy" ...

#endif
