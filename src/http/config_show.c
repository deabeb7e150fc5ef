// SPDX-License-Identifier: Apache-2.0
// GET /api/system/config: what is set, secrets masked.
#include "http/http_priv.h"
#include "http/routes_priv.h"

void nj_route_config_show(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    struct nj_config *config = context->config != NULL ? context->config(context->context) : NULL;
    if (config == NULL) {
        nj_exchange_missing(exchange, "the configuration");
        return;
    }
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_JSON_ANSWER_MAX);
    nj_config_to_json(config, &buf);
    nj_config_unref(config);
    nj_exchange_json(exchange, &buf, NULL);
}
