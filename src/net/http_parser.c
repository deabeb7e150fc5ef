// SPDX-License-Identifier: Apache-2.0
// The http-parser library for framing.
#include "net/http_parser_priv.h"

static int on_body(struct http_parser *parser, const char *at, size_t length)
{
    struct nj_http_framing *framing = parser->data;
    nj_buf_append(framing->body, at, length);
    return nj_buf_failed(framing->body) ? -1 : 0;
}

static int on_complete(struct http_parser *parser)
{
    struct nj_http_framing *framing = parser->data;
    framing->complete = true;
    framing->keep_alive = http_should_keep_alive(parser) != 0;
    http_parser_pause(parser, 1); // what follows is the next request's
    return 0;
}

static const struct http_parser_settings settings = {
    .on_body = on_body,
    .on_message_complete = on_complete,
};

static bool is_failed(const struct nj_http_framing *framing)
{
    enum http_errno error = HTTP_PARSER_ERRNO(&framing->parser);
    return error != HPE_OK && !(error == HPE_PAUSED && framing->complete);
}

bool nj_http_framing_begin(struct nj_http_framing *framing, const char *head, size_t length,
                           struct nj_buf *body)
{
    http_parser_init(&framing->parser, HTTP_REQUEST);
    framing->parser.data = framing;
    framing->chunks = (struct nj_http_chunks){0};
    framing->body = body;
    framing->complete = false;
    framing->keep_alive = false;
    size_t used = http_parser_execute(&framing->parser, &settings, head, length);
    return !is_failed(framing) && used == length;
}

long nj_http_framing_feed(struct nj_http_framing *framing, const char *bytes, size_t length)
{
    bool chunked = (framing->parser.flags & F_CHUNKED) != 0;
    if (chunked && !nj_http_chunks_check(&framing->chunks, bytes, length))
        return -1;
    size_t used = http_parser_execute(&framing->parser, &settings, bytes, length);
    return is_failed(framing) ? -1 : (long)used;
}
