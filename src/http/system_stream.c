// SPDX-License-Identifier: Apache-2.0
// GET /ws/system.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_system_stream(struct nj_exchange *exchange)
{
    nj_exchange_upgrade(exchange, NJ_CHANNEL_SYSTEM);
}
