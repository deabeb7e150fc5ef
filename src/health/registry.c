// SPDX-License-Identifier: Apache-2.0
// Registry of services and breakers, in the order in which they registered.
#include "health/registry.h"

#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

struct nj_registry {
    struct nj_service_probe *services;
    size_t service_count;
    size_t service_capacity;
    struct nj_breaker **breakers;
    size_t breaker_count;
    size_t breaker_capacity;
};

struct nj_registry *nj_registry_create(void)
{
    return calloc(1, sizeof(struct nj_registry));
}

void nj_registry_destroy(struct nj_registry *registry)
{
    if (!registry)
        return;
    free(registry->services);
    free(registry->breakers);
    free(registry);
}

int nj_registry_add_service(struct nj_registry *registry, const struct nj_service_probe *probe)
{
    for (size_t i = 0; i < registry->service_count; i++) {
        if (strcmp(registry->services[i].name, probe->name) == 0)
            return NJ_E_EXISTS;
    }
    void *services = registry->services;
    int code = nj_array_reserve(&services, &registry->service_capacity, registry->service_count + 1,
                                sizeof(registry->services[0]));
    registry->services = services;
    if (code != 0)
        return code;
    registry->services[registry->service_count++] = *probe;
    return 0;
}

int nj_registry_add_breaker(struct nj_registry *registry, struct nj_breaker *breaker)
{
    if (nj_registry_find_breaker(registry, nj_breaker_name(breaker)))
        return NJ_E_EXISTS;
    void *breakers = registry->breakers;
    int code = nj_array_reserve(&breakers, &registry->breaker_capacity, registry->breaker_count + 1,
                                sizeof(registry->breakers[0]));
    registry->breakers = breakers;
    if (code != 0)
        return code;
    registry->breakers[registry->breaker_count++] = breaker;
    return 0;
}

void nj_registry_remove_breaker(struct nj_registry *registry, const struct nj_breaker *breaker)
{
    size_t kept = 0;
    for (size_t i = 0; i < registry->breaker_count; i++) {
        if (registry->breakers[i] != breaker)
            registry->breakers[kept++] = registry->breakers[i];
    }
    registry->breaker_count = kept;
}

size_t nj_registry_service_count(const struct nj_registry *registry)
{
    return registry->service_count;
}

const char *nj_registry_probe(struct nj_registry *registry, size_t index,
                              struct nj_health_report *out, bool *out_critical)
{
    const struct nj_service_probe *service = &registry->services[index];
    // What a probe leaves alone reads as "the probe did not say".
    *out = (struct nj_health_report){.status = NJ_HEALTH_UNKNOWN};
    service->probe(service->arg, out);
    if (out_critical)
        *out_critical = service->critical;
    return service->name;
}

enum nj_health_status nj_registry_overall(struct nj_registry *registry)
{
    enum nj_health_status overall = NJ_HEALTH_HEALTHY;
    for (size_t i = 0; i < registry->service_count; i++) {
        struct nj_health_report report;
        bool critical;
        nj_registry_probe(registry, i, &report, &critical);
        // Unknown is not absent: a probe that failed never makes the whole unhealthy.
        if (critical &&
            (report.status == NJ_HEALTH_UNHEALTHY || report.status == NJ_HEALTH_STOPPED))
            return NJ_HEALTH_UNHEALTHY;
        if (report.status != NJ_HEALTH_HEALTHY)
            overall = NJ_HEALTH_DEGRADED;
    }
    return overall;
}

size_t nj_registry_breaker_count(const struct nj_registry *registry)
{
    return registry->breaker_count;
}

struct nj_breaker *nj_registry_breaker(struct nj_registry *registry, size_t index)
{
    return registry->breakers[index];
}

struct nj_breaker *nj_registry_find_breaker(struct nj_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->breaker_count; i++) {
        if (strcmp(nj_breaker_name(registry->breakers[i]), name) == 0)
            return registry->breakers[i];
    }
    return NULL;
}

const char *nj_health_status_name(enum nj_health_status status)
{
    static const char *const names[] = {
        [NJ_HEALTH_HEALTHY] = "healthy",     [NJ_HEALTH_DEGRADED] = "degraded",
        [NJ_HEALTH_UNHEALTHY] = "unhealthy", [NJ_HEALTH_STOPPED] = "stopped",
        [NJ_HEALTH_UNKNOWN] = "unknown",
    };
    return names[status];
}
