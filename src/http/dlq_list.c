// SPDX-License-Identifier: Apache-2.0
// GET /api/dlq/jobs/{queue}: letters of a queue, oldest first.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "jobs/dead_letter.h"

#include <stdlib.h>

enum { DEFAULT_LIMIT = 100, LIMIT_MAX = 1000 };

struct list_call {
    struct nj_store_call call;
    struct nj_letters_of of;
    size_t start_limit[2];
    struct nj_letter_page pages[2];
};

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct list_call *self = NJ_CONTAINER_OF(op, struct list_call, call.op);
    return nj_letters_page(db, &self->of, self->start_limit, self->pages, err);
}

static void write_pagination(const struct list_call *self, struct nj_json_writer *writer)
{
    int64_t total = self->pages[0].total + self->pages[1].total;
    int64_t end = (int64_t)(self->start_limit[0] + self->pages[0].count + self->pages[1].count);
    nj_json_object_begin(writer, "pagination");
    nj_json_int(writer, "total", total);
    nj_json_int(writer, "limit", (int64_t)self->start_limit[1]);
    nj_json_int(writer, "offset", (int64_t)self->start_limit[0]);
    nj_json_bool(writer, "has_more", end < total);
    nj_json_object_end(writer);
}

static void reply(struct nj_store_call *call)
{
    const struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    struct nj_json_answer answer;
    nj_json_answer_begin(&answer);
    nj_json_text(&answer.writer, "queue_name", call->exchange->params[0]);
    nj_json_array_begin(&answer.writer, "items");
    for (size_t page = 0; page < 2; page++) {
        for (size_t i = 0; i < self->pages[page].count; i++)
            nj_letter_write(&self->pages[page].rows[i], &answer.writer, NULL);
    }
    nj_json_array_end(&answer.writer);
    write_pagination(self, &answer.writer);
    nj_json_answer_send(&answer, call->exchange, NULL);
}

static void finish(struct nj_store_call *call)
{
    struct list_call *self = NJ_CONTAINER_OF(call, struct list_call, call);
    nj_letter_page_finish(&self->pages[0]);
    nj_letter_page_finish(&self->pages[1]);
}

void nj_route_dlq_list(struct nj_exchange *exchange)
{
    struct nj_letters_of of;
    int64_t start = 0, limit = DEFAULT_LIMIT;
    if (!nj_letters_param(exchange, &of) ||
        !nj_query_int(exchange, "start", (const int64_t[]){0, INT32_MAX}, &start) ||
        !nj_query_int(exchange, "limit", (const int64_t[]){1, LIMIT_MAX}, &limit))
        return;
    struct list_call *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->call.op.apply = apply;
        self->call.reply = reply;
        self->call.finish = finish;
        self->of = of;
        self->start_limit[0] = (size_t)start;
        self->start_limit[1] = (size_t)limit;
    }
    nj_store_call_start(exchange, self != NULL ? &self->call : NULL);
}
