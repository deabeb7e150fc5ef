// SPDX-License-Identifier: Apache-2.0
// What a handler may ask of its request.
#include "net/http_server_priv.h"
#include "net/http_target_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { NJ_HTTP_QUERIES_MAX = 100 }; // pairs that are looked at

struct nj_http_request *nj_http_request_create(const char *head, size_t length, size_t lines)
{
    if (lines > NJ_HTTP_HEADERS_MAX)
        lines = NJ_HTTP_HEADERS_MAX;
    size_t fields_bytes = lines * sizeof(struct nj_http_field);
    struct nj_http_request *request = malloc(sizeof(*request) + fields_bytes + length + 1);
    if (!request)
        return NULL;
    memset(request, 0, sizeof(*request));
    request->head.method = "GET";
    request->head.path = "/";
    request->head.query = "";
    request->head.fields = request->fields;
    request->head.field_capacity = lines;
    char *text = (char *)request->fields + fields_bytes;
    memcpy(text, head, length);
    text[length] = '\0';
    return request;
}

void nj_http_request_free(struct nj_http_request *request)
{
    if (!request)
        return;
    nj_buf_finish(&request->body);
    free(request->queries);
    free(request);
}

void nj_http_on_left(struct nj_http_request *request, void (*left)(void *arg), void *arg)
{
    request->left = left;
    request->left_arg = arg;
}

void nj_http_request_left(struct nj_http_request *request)
{
    void (*left)(void *arg) = request->left;
    request->left = NULL;
    if (left)
        left(request->left_arg);
}

const char *nj_http_method(const struct nj_http_request *request)
{
    return request->head.method;
}

const char *nj_http_path(const struct nj_http_request *request)
{
    return request->head.path;
}

static size_t count_pairs(const char *query)
{
    size_t count = 1;
    for (; *query; query++)
        count += *query == '&';
    return count < NJ_HTTP_QUERIES_MAX ? count : NJ_HTTP_QUERIES_MAX;
}

// Pairs and their texts in one allocation.
static void decode_queries(struct nj_http_request *request)
{
    const char *query = request->head.query;
    size_t count = count_pairs(query), length = strlen(query);
    struct nj_http_field *pairs = malloc(count * sizeof(*pairs) + length + 2);
    if (!pairs)
        return;
    char *at = (char *)(pairs + count);
    memcpy(at, query, length + 1);
    at[length + 1] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t pair = strcspn(at, "&"), name = strcspn(at, "&=");
        char *next = at + pair + (at[pair] == '&');
        char *value = name < pair ? at + name + 1 : at + pair;
        size_t value_length = (size_t)(at + pair - value);
        nj_http_query_decode(value, value_length);
        nj_http_query_decode(at, name);
        pairs[i] = (struct nj_http_field){at, name < pair ? value : ""};
        at = next;
    }
    request->queries = pairs;
    request->query_count = count;
}

const char *nj_http_query(struct nj_http_request *request, const char *name)
{
    if (!request->head.query[0])
        return NULL;
    if (!request->queries)
        decode_queries(request);
    if (!request->queries)
        return NULL; // no memory: as if it were not asked for
    for (size_t i = 0; i < request->query_count; i++) {
        if (strcmp(request->queries[i].name, name) == 0)
            return request->queries[i].value;
    }
    return NULL;
}

const char *nj_http_header(const struct nj_http_request *request, const char *name)
{
    if (request->head.host && nj_text_equal_nocase(name, "Host"))
        return request->head.host;
    return nj_http_head_get(&request->head, name);
}

const void *nj_http_body(const struct nj_http_request *request, size_t *length)
{
    *length = request->body.length;
    return request->body.data ? request->body.data : "";
}

const char *nj_http_peer(const struct nj_http_request *request)
{
    return request->peer;
}

static bool is_base64(const char *text, size_t length)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") ==
           length;
}

bool nj_http_is_websocket(const struct nj_http_request *request)
{
    const struct nj_http_head *head = &request->head;
    const char *version = nj_http_head_get(head, "Sec-WebSocket-Version");
    const char *key = nj_http_head_get(head, "Sec-WebSocket-Key");
    return strcmp(head->method, "GET") == 0 && head->minor == 1 &&
           nj_http_head_has_token(head, "Upgrade", "websocket") &&
           nj_http_head_has_token(head, "Connection", "Upgrade") && version &&
           strcmp(version, "13") == 0 && key && strlen(key) == 24 && is_base64(key, 22) &&
           strcmp(key + 22, "==") == 0;
}
