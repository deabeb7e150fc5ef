// SPDX-License-Identifier: Apache-2.0
// Names of dead letter queues in paths, and which letters each name holds.
#include "http/http_priv.h"

#include <string.h>

static const char failed_prefix[] = "dlq:";
static const char overflow_prefix[] = "dlq:overflow:";

static bool strip(const char **name, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncmp(*name, prefix, length) != 0)
        return false;
    *name += length;
    return true;
}

bool nj_letters_param(struct nj_exchange *exchange, struct nj_letters_of *out)
{
    const struct nj_api_context *context = exchange->api->context;
    const char *name = exchange->params[0];
    bool overflow = strip(&name, overflow_prefix);
    if (!overflow)
        strip(&name, failed_prefix);
    const struct {
        const char *name;
        struct nj_work_queue *queue;
    } queues[] = {
        {"detection_queue", context->detection_queue},
        {"analysis_queue", context->analysis_queue},
        {"action_queue", context->action_queue},
    };
    size_t at = 0;
    while (at < NJ_COUNT_OF(queues) && strcmp(queues[at].name, name) != 0)
        at++;
    if (at == NJ_COUNT_OF(queues)) {
        nj_exchange_problem(exchange, 404,
                            "no such queue: dlq: or dlq:overflow:, then detection_queue, "
                            "analysis_queue or action_queue");
        return false;
    }
    if (queues[at].queue == NULL) {
        nj_exchange_missing(exchange, "this queue");
        return false;
    }
    *out = (struct nj_letters_of){queues[at].queue, overflow};
    return true;
}

// "failed" comes before "invalid"; a page may reach over both.
int nj_letters_page(struct nj_db *db, const struct nj_letters_of *of, const size_t start_limit[2],
                    struct nj_letter_page out[2], struct nj_error *err)
{
    struct nj_letter_filter filter = {
        .queue = nj_work_queue_name(of->queue),
        .reason = of->overflow ? "overflow" : "failed",
        .start = start_limit[0],
        .limit = start_limit[1],
    };
    memset(out, 0, 2 * sizeof *out);
    int rc = nj_letters_list(db, &filter, &out[0], err);
    if (rc != 0 || of->overflow)
        return rc;
    filter.reason = "invalid";
    filter.limit = start_limit[1] - out[0].count;
    bool only_count = filter.limit == 0;
    size_t before = (size_t)out[0].total;
    filter.start = filter.start > before ? filter.start - before : 0;
    filter.limit = only_count ? 1 : filter.limit;
    rc = nj_letters_list(db, &filter, &out[1], err);
    if (rc != 0) {
        nj_letter_page_finish(&out[0]);
    } else if (only_count) {
        int64_t total = out[1].total;
        nj_letter_page_finish(&out[1]);
        out[1] = (struct nj_letter_page){.total = total};
    }
    return rc;
}
