// SPDX-License-Identifier: Apache-2.0
// GET /api/dlq/stats.
#include "http/http_priv.h"
#include "http/routes_priv.h"

static struct nj_work_queue_stats stats_of(struct nj_work_queue *queue)
{
    struct nj_work_queue_stats stats = {.max_size = 0};
    if (queue != NULL)
        nj_work_queue_get_stats(queue, &stats);
    return stats;
}

void nj_route_dlq_stats(struct nj_exchange *exchange)
{
    const struct nj_api_context *context = exchange->api->context;
    if (context->detection_queue == NULL && context->analysis_queue == NULL) {
        nj_exchange_missing(exchange, "the queues");
        return;
    }
    struct nj_work_queue_stats detection = stats_of(context->detection_queue);
    struct nj_work_queue_stats analysis = stats_of(context->analysis_queue);
    struct nj_work_queue_stats action = stats_of(context->action_queue);
    int64_t overflow = detection.dead_overflow + analysis.dead_overflow + action.dead_overflow;
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_int(&answer.writer, "detection_queue_count", detection.dead_failed);
    nj_json_int(&answer.writer, "analysis_queue_count", analysis.dead_failed);
    nj_json_int(&answer.writer, "action_queue_count", action.dead_failed);
    nj_json_int(&answer.writer, "detection_overflow_count", detection.dead_overflow);
    nj_json_int(&answer.writer, "analysis_overflow_count", analysis.dead_overflow);
    nj_json_int(&answer.writer, "action_overflow_count", action.dead_overflow);
    nj_json_int(&answer.writer, "total_count",
                detection.dead_failed + analysis.dead_failed + action.dead_failed + overflow);
    nj_json_answer_send(&answer, exchange, NULL);
}
