// SPDX-License-Identifier: Apache-2.0
// GET /ws/worker, and "/" with an upgrade: the detector worker's protocol.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_worker_stream(struct nj_exchange *exchange)
{
    struct nj_worker *worker = exchange->api->context->worker;
    char subprotocol[NJ_ROUTE_PARAM_SIZE];
    if (worker == NULL) {
        nj_exchange_missing(exchange, "the detector worker");
        return;
    }
    nj_auth_subprotocol(exchange->request, subprotocol, sizeof subprotocol);
    nj_worker_accept(worker, nj_exchange_take(exchange),
                     subprotocol[0] != '\0' ? subprotocol : NULL);
}
