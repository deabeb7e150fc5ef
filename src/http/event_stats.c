// SPDX-License-Identifier: Apache-2.0
// GET /api/events/stats: counts by level and the highest risk of each of the last 24 hours.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "storage/store_events.h"

#include <stdlib.h>

enum { HOURS = 24 };

static const char *const levels[] = {"low", "medium", "high", "critical"};

struct stats_call {
    struct nj_store_call call;
    struct nj_event_filter filter;
    char camera_id[256];
    nj_us now_us;
    int hourly[HOURS];
    int64_t by_level[NJ_COUNT_OF(levels)], unreviewed;
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct stats_call *self = NJ_CONTAINER_OF(op, struct stats_call, call.op);
    struct nj_event_filter filter = self->filter;
    int rc = nj_events_hourly_risk(db, self->now_us, HOURS, self->hourly, err);
    for (size_t i = 0; i < NJ_COUNT_OF(levels) && rc == 0; i++) {
        filter.risk_level = levels[i];
        rc = nj_events_count(db, &filter, &self->by_level[i], err);
    }
    filter.risk_level = NULL;
    filter.reviewed = 0;
    return rc != 0 ? rc : nj_events_count(db, &filter, &self->unreviewed, err);
}

static void write_hours(const struct stats_call *self, struct nj_json_writer *writer)
{
    nj_json_array_begin(writer, "hourly_risk");
    for (size_t i = 0; i < HOURS; i++) {
        if (self->hourly[i] >= 0)
            nj_json_int(writer, NULL, self->hourly[i]);
        else
            nj_json_null(writer, NULL); // nothing happened, which is not a risk of 0
    }
    nj_json_array_end(writer);
}

static void reply(struct nj_store_call *call)
{
    const struct stats_call *self = NJ_CONTAINER_OF(call, struct stats_call, call);
    int64_t total = 0;
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_object_begin(&answer.writer, "events_by_risk_level");
    for (size_t i = 0; i < NJ_COUNT_OF(levels); i++) {
        nj_json_int(&answer.writer, levels[i], self->by_level[i]);
        total += self->by_level[i];
    }
    nj_json_object_end(&answer.writer);
    nj_json_int(&answer.writer, "total_events", total);
    nj_json_int(&answer.writer, "unreviewed_events", self->unreviewed);
    write_hours(self, &answer.writer);
    nj_json_time(&answer.writer, "timestamp", self->now_us);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

void nj_route_event_stats(struct nj_exchange *exchange)
{
    struct stats_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->now_us = nj_api_wall_us(exchange->api);
        self->filter.reviewed = -1;
        self->filter.limit = 1;
        if (!nj_query_text(exchange, "camera_id", self->camera_id, &self->filter.camera_id) ||
            !nj_query_time(exchange, "start_date", false, &self->filter.from_us) ||
            !nj_query_time(exchange, "end_date", true, &self->filter.to_us)) {
            free(self);
            return;
        }
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
