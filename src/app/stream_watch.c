// SPDX-License-Identifier: Apache-2.0
// Compares the streams' states with those of the last look.
#include "app/stream_watch_priv.h"

#include "bus/messages.h"
#include "util/strmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVICE_SIZE = 256 };

struct nj_stream_watch {
    struct nj_stream_watch_config config;
    struct nj_timer timer;
    struct nj_strmap *known; // address -> status, a static text; healthy ones are not kept
};

struct look {
    struct nj_stream_watch *watch;
    struct nj_strmap *now;
};

// NULL: nothing is wrong, or nothing is known yet.
static const char *trouble_of(const struct nj_source_stats *stats)
{
    switch (stats->state) {
    case NJ_SOURCE_ERROR:
        return "degraded";
    case NJ_SOURCE_FAILED:
        return "unhealthy";
    default:
        return NULL;
    }
}

static void tell(struct nj_stream_watch *watch, const struct nj_stream_view *view,
                 const char *status)
{
    const struct nj_stream_watch_config *config = &watch->config;
    char service[SERVICE_SIZE];
    struct nj_outbox outbox;
    snprintf(service, sizeof service, "stream %.200s", view->address);
    nj_outbox_init(&outbox);
    // Without memory nobody is told; the list of streams still says it.
    (void)nj_message_service_status(&outbox, service, status, view->stats.reason,
                                    nj_wall_us(nj_loop_clock(config->loop)));
    nj_outbox_publish(&outbox, config->bus);
}

static void see(const struct nj_stream_view *view, void *arg)
{
    const struct look *look = arg;
    const char *before = nj_strmap_get(look->watch->known, view->address);
    const char *now = trouble_of(&view->stats);
    const bool unsure = now == NULL && view->stats.state != NJ_SOURCE_ACTIVE;
    if (unsure)
        now = before; // it tries again: that is neither better nor worse
    if (now != NULL && (before == NULL || strcmp(before, now) != 0))
        tell(look->watch, view, now);
    else if (now == NULL && before != NULL)
        tell(look->watch, view, "healthy");
    if (now != NULL)
        (void)nj_strmap_set(look->now, view->address, (void *)(uintptr_t)now);
}

void nj_stream_watch_look(struct nj_stream_watch *watch)
{
    if (watch == NULL)
        return;
    struct look look = {watch, nj_strmap_create(NULL)};
    if (look.now == NULL)
        return; // the next look tells it
    nj_streams_each(watch->config.streams, see, &look);
    nj_strmap_destroy(watch->known);
    watch->known = look.now;
}

static void handle_timer(struct nj_timer *timer)
{
    nj_stream_watch_look(NJ_CONTAINER_OF(timer, struct nj_stream_watch, timer));
}

int nj_stream_watch_create(const struct nj_stream_watch_config *config,
                           struct nj_stream_watch **out, struct nj_error *err)
{
    struct nj_stream_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    watch->config = *config;
    nj_timer_init(&watch->timer, config->loop, handle_timer);
    watch->known = nj_strmap_create(NULL);
    if (watch->known == NULL || nj_timer_start(&watch->timer, 0, config->period_us) != 0) {
        nj_stream_watch_destroy(watch);
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    }
    *out = watch;
    return 0;
}

void nj_stream_watch_destroy(struct nj_stream_watch *watch)
{
    if (watch == NULL)
        return;
    nj_timer_stop(&watch->timer);
    nj_strmap_destroy(watch->known);
    free(watch);
}
