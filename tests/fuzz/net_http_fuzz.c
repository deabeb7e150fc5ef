// SPDX-License-Identifier: Apache-2.0
// The server's use of the parser, in memory: strict head, framing, body in pieces. The first byte
// is the size of the pieces.
#include "net/http_head_priv.h"
#include "net/http_parser_priv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

// Feeds the body that follows a head; returns the bytes used, 0 when it is not whole or refused.
static size_t take_body(const struct nj_http_head *head, struct nj_http_framing *framing,
                        const char *bytes, size_t length, size_t step)
{
    size_t used = 0;
    long taken = 1;
    while (!framing->complete && used < length && taken > 0) {
        size_t count = length - used < step ? length - used : step;
        taken = nj_http_framing_feed(framing, bytes + used, count);
        check(taken <= (long)count);
        used += taken > 0 ? (size_t)taken : 0;
    }
    size_t expected = head->content_length >= 0 ? (size_t)head->content_length : 0;
    check(!framing->complete || head->chunked || framing->body->length == expected);
    return used;
}

// One request from the front; returns its bytes, 0 when it is not whole or refused.
static size_t take_request(const char *bytes, size_t length, size_t step)
{
    struct nj_http_head_scan scan = {0};
    struct nj_http_field fields[NJ_HTTP_HEADERS_MAX];
    struct nj_http_head head = {.fields = fields, .field_capacity = NJ_HTTP_HEADERS_MAX};
    struct nj_http_framing framing = {.complete = false};
    struct nj_buf body;
    long found = nj_http_head_find(&scan, bytes, length);
    char *text = found > 0 ? malloc((size_t)found + 1) : NULL;
    if (!text)
        return 0;
    size_t used = (size_t)found;
    memcpy(text, bytes, used);
    text[used] = '\0';
    nj_buf_init(&body, BODY_MAX);
    if (nj_http_head_parse(text, used, &head) == 0 &&
        nj_http_framing_begin(&framing, bytes, used, &body))
        used += take_body(&head, &framing, bytes + used, length - used, step);
    nj_buf_finish(&body);
    free(text);
    return framing.complete ? used : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *bytes = (const char *)data + 1;
    size_t left = size - 1, used;
    while (left > 0 && (used = take_request(bytes, left, (size_t)data[0] + 1)) > 0) {
        bytes += used;
        left -= used;
    }
    return 0;
}
