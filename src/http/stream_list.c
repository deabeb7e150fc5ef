// SPDX-License-Identifier: Apache-2.0
// GET /api/streams: every live stream, shared by cameras and subscriptions.
#include "http/http_priv.h"
#include "http/routes_priv.h"

static void write_stream(const struct nj_stream_view *view, void *arg)
{
    struct nj_json_writer *writer = arg;
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "address", view->address);
    nj_json_int(writer, "users", (int64_t)view->users);
    nj_api_stream_write(&view->stats, writer);
    nj_json_object_end(writer);
}

void nj_route_stream_list(struct nj_exchange *exchange)
{
    struct nj_streams *streams = exchange->api->context->streams;
    struct nj_json_answer answer;
    if (streams == NULL) {
        nj_exchange_missing(exchange, "the streams' part");
        return;
    }
    nj_json_answer_begin(&answer);
    nj_json_array_begin(&answer.writer, "items");
    nj_streams_each(streams, write_stream, &answer.writer);
    nj_json_array_end(&answer.writer);
    nj_json_answer_send(&answer, exchange, NULL);
}
