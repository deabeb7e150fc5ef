// SPDX-License-Identifier: Apache-2.0
// GET /api/metrics: Prometheus text.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_metrics_show(struct nj_exchange *exchange)
{
    struct nj_metrics *metrics = exchange->api->context->metrics;
    if (metrics == NULL) {
        nj_exchange_missing(exchange, "the metrics");
        return;
    }
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_JSON_ANSWER_MAX);
    nj_metrics_write(metrics, &buf);
    nj_exchange_json(
        exchange, &buf,
        &(struct nj_answer_options){.type = "text/plain; version=0.0.4; charset=utf-8"});
}
