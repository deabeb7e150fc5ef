// SPDX-License-Identifier: Apache-2.0
// Slow work of exchanges on libuv's threads: few at once, few waiting, told when there are more.
#include "http/http_priv.h"

#include <stdlib.h>

static void start_next(struct nj_api *api);

static void release(struct nj_api_work *work)
{
    if (work->finish != NULL)
        work->finish(work);
    free(work);
}

static void on_run(uv_work_t *uv)
{
    struct nj_api_work *work = NJ_CONTAINER_OF(uv, struct nj_api_work, uv);
    work->run(work);
}

static void on_after(uv_work_t *uv, int status)
{
    struct nj_api_work *work = NJ_CONTAINER_OF(uv, struct nj_api_work, uv);
    struct nj_api *api = work->exchange->api;
    api->works_running--;
    if (status != 0)
        nj_exchange_error(work->exchange, NJ_E_CANCELLED, NULL);
    else if (work->rc != 0)
        nj_exchange_error(work->exchange, work->rc, &work->error);
    else
        work->reply(work);
    release(work);
    start_next(api);
}

static void start_next(struct nj_api *api)
{
    while (api->works_running < NJ_WORKS_RUNNING) {
        struct nj_list *node = nj_list_pop(&api->works);
        if (node == NULL)
            return;
        struct nj_api_work *work = NJ_CONTAINER_OF(node, struct nj_api_work, node);
        api->works_waiting--;
        if (uv_queue_work(nj_loop_uv(api->context->loop), &work->uv, on_run, on_after) == 0) {
            api->works_running++;
            continue;
        }
        nj_exchange_error(work->exchange, NJ_E_NOMEM, NULL);
        release(work);
    }
}

void nj_api_work_start(struct nj_exchange *exchange, struct nj_api_work *work)
{
    struct nj_api *api = exchange->api;
    if (work == NULL) {
        nj_exchange_error(exchange, NJ_E_NOMEM, NULL);
        return;
    }
    work->exchange = exchange;
    if (api->works_waiting >= NJ_WORKS_WAITING) {
        nj_exchange_problem(exchange, 503, "too many pictures are being made at once");
        release(work);
        return;
    }
    nj_list_append(&api->works, &work->node);
    api->works_waiting++;
    start_next(api);
}
