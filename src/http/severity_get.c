// SPDX-License-Identifier: Apache-2.0
// GET /api/system/severity: the levels and their scores.
#include "http/http_priv.h"
#include "http/routes_priv.h"

static void write_level(struct nj_json_writer *writer, const char *name, const int64_t range[2])
{
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "severity", name);
    nj_json_int(writer, "min_score", range[0]);
    nj_json_int(writer, "max_score", range[1]);
    nj_json_object_end(writer);
}

void nj_route_severity_get(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    struct nj_config *config = context->config != NULL ? context->config(context->context) : NULL;
    const struct nj_severity_options *severity =
        config != NULL ? nj_config_get(config, &nj_severity_option_group) : NULL;
    if (severity == NULL) {
        nj_config_unref(config);
        nj_exchange_missing(exchange, "the configuration");
        return;
    }
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_array_begin(&answer.writer, "definitions");
    write_level(&answer.writer, "low", (const int64_t[]){0, severity->low_max});
    write_level(&answer.writer, "medium",
                (const int64_t[]){severity->low_max + 1, severity->medium_max});
    write_level(&answer.writer, "high",
                (const int64_t[]){severity->medium_max + 1, severity->high_max});
    write_level(&answer.writer, "critical", (const int64_t[]){severity->high_max + 1, 100});
    nj_json_array_end(&answer.writer);
    nj_config_unref(config);
    nj_json_answer_send(&answer, exchange, NULL);
}
