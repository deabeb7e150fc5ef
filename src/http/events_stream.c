// SPDX-License-Identifier: Apache-2.0
// GET /ws/events.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_events_stream(struct nj_exchange *exchange)
{
    nj_exchange_upgrade(exchange, NJ_CHANNEL_EVENTS);
}
