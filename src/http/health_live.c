// SPDX-License-Identifier: Apache-2.0
// GET /health and /api/system/health/live: the process answers, with what it has at hand.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "util/build_info.h"

void nj_route_health_live(struct nj_exchange *exchange)
{
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_text(&answer.writer, "status", "alive");
    nj_json_text(&answer.writer, "name", "nightjar");
    nj_json_text(&answer.writer, "version", nj_build_version());
    nj_json_text(&answer.writer, "build", nj_build_stamp());
    nj_api_write_uptime(exchange->api, &answer.writer);
    nj_api_write_parts(exchange->api->context, &answer.writer);
    // "/" gives a browser something else.
    nj_json_answer_send(&answer, exchange,
                        &(struct nj_answer_options){.more = {{"Vary", "Accept"}}});
}
