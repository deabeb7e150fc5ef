// SPDX-License-Identifier: Apache-2.0
// Operations on the store that belong to an exchange: submitted from a handler, answered when they
// are done.
#include "http/http_priv.h"

#include <stdlib.h>

static void release(struct nj_store_call *call)
{
    if (call->finish != NULL)
        call->finish(call);
    free(call);
}

static void submit(struct nj_store_call *call)
{
    struct nj_store *store = call->exchange->api->context->store;
    call->again = false;
    int rc = call->write ? nj_store_write(store, &call->op) : nj_store_read(store, &call->op);
    if (rc == 0)
        return;
    nj_exchange_store_error(call->exchange, rc, NULL);
    release(call);
}

static void on_done(struct nj_store_op *op)
{
    struct nj_store_call *call = NJ_CONTAINER_OF(op, struct nj_store_call, op);
    if (op->rc == 0)
        call->reply(call);
    else if (call->failed != NULL)
        call->failed(call);
    else
        nj_exchange_store_error(call->exchange, op->rc, &op->error);
    if (call->again)
        submit(call);
    else
        release(call);
}

void nj_store_call_start(struct nj_exchange *exchange, struct nj_store_call *call)
{
    if (call == NULL) {
        nj_exchange_error(exchange, NJ_E_NOMEM, NULL);
        return;
    }
    call->exchange = exchange;
    call->op.loop = exchange->api->context->loop;
    call->op.done = on_done;
    if (exchange->api->context->store == NULL) {
        nj_exchange_missing(exchange, "the store");
        release(call);
        return;
    }
    submit(call);
}
