// SPDX-License-Identifier: Apache-2.0
// GET /api/logs: the newest lines of the log.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_log_list(struct nj_exchange *exchange)
{
    struct nj_log *log = exchange->api->context->log;
    size_t limit;
    if (!nj_query_limit(exchange, &limit))
        return;
    if (log == NULL) {
        nj_exchange_missing(exchange, "the log");
        return;
    }
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_JSON_ANSWER_MAX);
    nj_buf_append_text(&buf, "{\"items\":[");
    nj_log_tail(log, limit, &buf);
    nj_buf_append_text(&buf, "]}");
    nj_exchange_json(exchange, &buf, NULL);
}
