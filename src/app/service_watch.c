// SPDX-License-Identifier: Apache-2.0
// Compares what the services say with what they said at the last look.
#include "app/service_watch_priv.h"

#include "bus/messages.h"

#include <stdlib.h>

struct nj_service_watch {
    struct nj_service_watch_config config;
    struct nj_timer timer;
    enum nj_health_status *known; // of the registry's services, in its order
    size_t count;
};

static bool make_room(struct nj_service_watch *watch, size_t count)
{
    if (count <= watch->count)
        return true;
    enum nj_health_status *known = realloc(watch->known, count * sizeof *known);
    if (known == NULL)
        return false;
    watch->known = known;
    return true;
}

static void tell(struct nj_service_watch *watch, const char *name,
                 const struct nj_health_report *report)
{
    const struct nj_service_watch_config *config = &watch->config;
    const char *status = nj_health_status_name(report->status);
    nj_log_at(config->log, report->status == NJ_HEALTH_HEALTHY ? NJ_LOG_INFO : NJ_LOG_WARNING,
              "A service changed its status", NJ_TEXT("service", name), NJ_TEXT("status", status),
              NJ_TEXT("reason", report->message[0] != '\0' ? report->message : NULL));
    struct nj_outbox outbox;
    nj_outbox_init(&outbox);
    // Without memory nobody is told; the health page still says it.
    (void)nj_message_service_status(&outbox, name, status, report->message,
                                    nj_wall_us(nj_loop_clock(config->loop)));
    nj_outbox_publish(&outbox, config->bus);
}

static void handle_timer(struct nj_timer *timer)
{
    struct nj_service_watch *watch = NJ_CONTAINER_OF(timer, struct nj_service_watch, timer);
    size_t count = nj_registry_service_count(watch->config.registry);
    if (!make_room(watch, count))
        return; // the next look tries again
    for (size_t i = 0; i < count; i++) {
        struct nj_health_report report;
        const char *name = nj_registry_probe(watch->config.registry, i, &report, NULL);
        if (i < watch->count && watch->known[i] != report.status)
            tell(watch, name, &report);
        watch->known[i] = report.status;
    }
    watch->count = count;
}

int nj_service_watch_create(const struct nj_service_watch_config *config,
                            struct nj_service_watch **out, struct nj_error *err)
{
    struct nj_service_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    watch->config = *config;
    nj_timer_init(&watch->timer, config->loop, handle_timer);
    *out = watch;
    return 0;
}

int nj_service_watch_start(struct nj_service_watch *watch, struct nj_error *err)
{
    int rc = nj_timer_start(&watch->timer, 0, watch->config.period_us);
    return rc == 0 ? 0 : nj_error_set(err, rc, "its timer could not be started");
}

void nj_service_watch_stop(struct nj_service_watch *watch)
{
    if (watch != NULL)
        nj_timer_stop(&watch->timer);
}

void nj_service_watch_destroy(struct nj_service_watch *watch)
{
    if (watch == NULL)
        return;
    nj_service_watch_stop(watch);
    free(watch->known);
    free(watch);
}
