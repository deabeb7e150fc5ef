// SPDX-License-Identifier: Apache-2.0
// GET /: the worker's protocol for a WebSocket, the page for a browser, liveness for everybody
// else.
#include "http/http_priv.h"
#include "http/routes_priv.h"

#include <string.h>

void nj_route_page_get(struct nj_exchange *exchange)
{
    const char *accept = nj_http_header(exchange->request, "Accept");
    if (nj_auth_is_websocket(exchange->request))
        nj_route_worker_stream(exchange);
    else if (accept != NULL && strstr(accept, "text/html") != NULL)
        nj_page_reply(exchange);
    else
        nj_route_health_live(exchange);
}
