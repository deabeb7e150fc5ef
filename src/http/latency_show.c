// SPDX-License-Identifier: Apache-2.0
// GET /api/system/pipeline-latency: percentiles of each stage.
#include "http/http_priv.h"
#include "http/routes_priv.h"

static void write_stage(struct nj_latency *latency, enum nj_stage stage,
                        struct nj_json_writer *writer)
{
    struct nj_latency_summary summary;
    nj_latency_get(latency, stage, &summary);
    nj_json_object_begin(writer, nj_stage_name(stage));
    nj_json_int(writer, "sample_count", (int64_t)summary.count);
    nj_json_fixed(writer, "avg_ms", summary.avg_ms, 3);
    nj_json_fixed(writer, "min_ms", summary.min_ms, 3);
    nj_json_fixed(writer, "max_ms", summary.max_ms, 3);
    nj_json_fixed(writer, "p50_ms", summary.p50_ms, 3);
    nj_json_fixed(writer, "p95_ms", summary.p95_ms, 3);
    nj_json_fixed(writer, "p99_ms", summary.p99_ms, 3);
    nj_json_object_end(writer);
}

void nj_route_latency_show(struct nj_exchange *exchange)
{
    struct nj_latency *latency = exchange->api->context->latency;
    if (latency == NULL) {
        nj_exchange_missing(exchange, "the latency of stages");
        return;
    }
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    for (int stage = 0; stage < NJ_STAGE_COUNT; stage++)
        write_stage(latency, (enum nj_stage)stage, &answer.writer);
    nj_json_time(&answer.writer, "timestamp", nj_api_wall_us(exchange->api));
    nj_json_answer_send(&answer, exchange, NULL);
}
