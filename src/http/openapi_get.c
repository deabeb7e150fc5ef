// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_openapi_get(struct nj_exchange *exchange)
{
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_JSON_ANSWER_MAX);
    nj_openapi_write(&buf);
    nj_exchange_json(exchange, &buf, NULL);
}
