// SPDX-License-Identifier: Apache-2.0
// What the HTTP server counts of its connections, as metrics.
#include "http/http_priv.h"

static const struct figure {
    struct nj_metric_spec spec;
    size_t offset; // in struct nj_http_server_stats
} figures[] = {
    {{.type = NJ_COUNTER, .name = "http_connections_total", .help = "Connections accepted."},
     offsetof(struct nj_http_server_stats, connections)},
    {{.type = NJ_COUNTER,
      .name = "http_refused_connections_total",
      .help = "Connections turned away because too many were open."},
     offsetof(struct nj_http_server_stats, refused_connections)},
    {{.type = NJ_COUNTER,
      .name = "http_bad_requests_total",
      .help = "Requests refused before a route saw them: malformed, or beyond a limit."},
     offsetof(struct nj_http_server_stats, bad_requests)},
    {{.type = NJ_COUNTER,
      .name = "http_timeouts_total",
      .help = "Connections ended because nothing, or not enough, came in time."},
     offsetof(struct nj_http_server_stats, timeouts)},
};

static const struct nj_metric_spec open_spec = {
    .type = NJ_GAUGE, .name = "http_connections_open", .help = "Connections open now."};

// Called from: loop thread, which writes the metrics' text.
static void refresh(void *arg)
{
    const struct nj_api *api = arg;
    struct nj_http_server_stats stats;
    nj_http_server_get_stats(api->server, &stats);
    for (size_t i = 0; i < NJ_COUNT_OF(figures); i++) {
        struct nj_metric *metric = nj_metrics_get(api->context->metrics, &figures[i].spec, NULL);
        uint64_t counted = *(const uint64_t *)((const char *)&stats + figures[i].offset);
        nj_metric_add(metric, (double)counted - nj_metric_value(metric));
    }
    nj_metric_set(nj_metrics_get(api->context->metrics, &open_spec, NULL), (double)stats.open);
}

int nj_server_metrics_start(struct nj_api *api)
{
    if (api->context->metrics == NULL)
        return 0;
    return nj_metrics_add_collector(api->context->metrics, refresh, api);
}
