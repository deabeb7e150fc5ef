// SPDX-License-Identifier: Apache-2.0
// Answers of the API: security headers, problems, counting, and the end of an exchange.
#include "http/http_priv.h"
#include "net/problem.h"
#include "util/build_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS_MAX = 12 };

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
static const char data_policy[] = "default-src 'none'; frame-ancestors 'none'";

struct headers {
    struct nj_http_field pairs[HEADERS_MAX];
    size_t count;
};

static void add(struct headers *headers, const char *name, const char *value)
{
    if (name != NULL && value != NULL && headers->count < HEADERS_MAX)
        headers->pairs[headers->count++] = (struct nj_http_field){name, value};
}

static bool is_page(const char *type)
{
    return type != NULL && strncmp(type, "text/html", 9) == 0;
}

static void add_security(struct headers *headers, const char *type)
{
    add(headers, "X-Content-Type-Options", "nosniff");
    add(headers, "Referrer-Policy", "no-referrer");
    add(headers, "X-Frame-Options", "DENY");
    add(headers, "Cross-Origin-Resource-Policy", "same-origin");
    add(headers, "Content-Security-Policy", is_page(type) ? page_policy : data_policy);
}

static const struct nj_metric_spec responses_spec = {
    .type = NJ_COUNTER,
    .name = "http_responses_total",
    .help = "HTTP answers by status.",
    .label = "status",
};

// Counts the answer and frees the exchange; the request must not be touched through it any more.
static struct nj_http_request *end(struct nj_exchange *exchange, int status)
{
    struct nj_api *api = exchange->api;
    struct nj_http_request *request = exchange->request;
    size_t index = exchange->route != NULL ? (size_t)(exchange->route - nj_routes) : NJ_ROUTES_MAX;
    nj_us took = nj_mono_us(nj_loop_clock(api->context->loop)) - exchange->started_us;
    if (api->context->metrics != NULL) {
        char text[8];
        snprintf(text, sizeof text, "%d", status % 1000);
        nj_metric_add(api->route_requests[index], 1);
        nj_metric_observe(api->route_seconds[index], (double)took / NJ_US_PER_S);
        nj_metric_add(nj_metrics_get(api->context->metrics, &responses_spec, text), 1);
    }
    free(exchange);
    api->in_flight--;
    nj_api_end_if_idle(api);
    return request;
}

void nj_exchange_bytes(struct nj_exchange *exchange, void *bytes, size_t length,
                       const struct nj_answer_options *options)
{
    struct headers headers = {.count = 0};
    add_security(&headers, options->type);
    add(&headers, "Cache-Control", options->cache != NULL ? options->cache : "no-store");
    add(&headers, "ETag", options->etag);
    for (size_t i = 0; i < NJ_COUNT_OF(options->more); i++)
        add(&headers, options->more[i].name, options->more[i].value);
    int status = options->status != 0 ? options->status : 200;
    nj_http_reply(end(exchange, status), &(struct nj_http_reply){
                                             .status = status,
                                             .content_type = options->type,
                                             .body = bytes,
                                             .body_length = length,
                                             .take_body = true,
                                             .headers = headers.pairs,
                                             .header_count = headers.count,
                                         });
}

void nj_exchange_json(struct nj_exchange *exchange, struct nj_buf *body,
                      const struct nj_answer_options *options)
{
    struct nj_answer_options used = options != NULL ? *options : (struct nj_answer_options){0};
    size_t length = 0;
    char *bytes = nj_buf_take(body, &length);
    nj_buf_finish(body);
    if (bytes == NULL) {
        nj_exchange_problem(exchange, 500, NULL);
        return;
    }
    if (used.type == NULL)
        used.type = "application/json";
    nj_exchange_bytes(exchange, bytes, length, &used);
}

void nj_exchange_file(struct nj_exchange *exchange, const char *path,
                      const struct nj_answer_options *options)
{
    struct headers headers = {.count = 0};
    add_security(&headers, options->type);
    add(&headers, "Cache-Control", options->cache);
    for (size_t i = 0; i < NJ_COUNT_OF(options->more); i++)
        add(&headers, options->more[i].name, options->more[i].value);
    nj_http_reply_file(end(exchange, 200), path, options->type, headers.pairs, headers.count);
}

void nj_exchange_problem_with(struct nj_exchange *exchange, int status, const char *detail,
                              struct nj_http_field header)
{
    struct headers headers = {.count = 0};
    add_security(&headers, NULL);
    add(&headers, "Cache-Control", "no-store");
    add(&headers, header.name, header.value);
    nj_problem_reply_full(end(exchange, status), &(struct nj_problem){
                                                     .status = status,
                                                     .detail = detail,
                                                     .headers = headers.pairs,
                                                     .header_count = headers.count,
                                                 });
}

void nj_exchange_problem(struct nj_exchange *exchange, int status, const char *detail)
{
    struct nj_http_field header = {NULL, NULL};
    if (status == 401)
        header = (struct nj_http_field){"WWW-Authenticate", "Bearer realm=\"nightjar\""};
    else if (status == 503)
        header = (struct nj_http_field){"Retry-After", "5"};
    nj_exchange_problem_with(exchange, status, detail, header);
}

static int status_of(int rc)
{
    static const struct {
        int rc, status;
    } rows[] = {
        {NJ_E_INVALID, 400},     {NJ_E_NOT_FOUND, 404}, {NJ_E_EXISTS, 409},
        {NJ_E_CONFLICT, 409},    {NJ_E_FULL, 503},      {NJ_E_TIMEOUT, 503},
        {NJ_E_CANCELLED, 503},   {NJ_E_NOMEM, 503},     {NJ_E_UNAVAILABLE, 503},
        {NJ_E_UNSUPPORTED, 415}, {NJ_E_CORRUPT, 422},   {NJ_E_TOO_BIG, 413},
        {NJ_E_DENIED, 403},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        if (rows[i].rc == rc)
            return rows[i].status;
    }
    return 500;
}

// What lies behind a 5xx is for the log: it may name files of this machine.
static void log_failure(const struct nj_exchange *exchange, int rc, const struct nj_error *err)
{
    nj_log_at(
        exchange->api->context->log, NJ_LOG_WARNING, "Request failed",
        NJ_TEXT("path", nj_http_path(exchange->request)),
        NJ_TEXT("error", err != NULL && err->text[0] != '\0' ? err->text : nj_error_name(rc)));
}

void nj_exchange_unserved(struct nj_exchange *exchange, const char *detail, int rc,
                          const struct nj_error *err)
{
    log_failure(exchange, rc, err);
    nj_exchange_problem(exchange, 503, detail);
}

void nj_exchange_store_error(struct nj_exchange *exchange, int rc, const struct nj_error *err)
{
    struct nj_store *store = exchange->api->context->store;
    struct nj_store_stats stats = {.read_only = false};
    if (store != NULL)
        nj_store_get_stats(store, &stats);
    if (stats.read_only && (rc == NJ_E_FULL || rc == NJ_E_DENIED || rc == NJ_E_IO))
        nj_exchange_unserved(exchange,
                             "The disk of the database is full or cannot be written. Make room "
                             "there; writing goes on by itself.",
                             rc, err);
    else if (rc == NJ_E_FULL)
        nj_exchange_unserved(exchange,
                             "As many operations wait for the database as store.max_queued allows. "
                             "Ask again in a moment.",
                             rc, err);
    else
        nj_exchange_error(exchange, rc, err);
}

void nj_exchange_error(struct nj_exchange *exchange, int rc, const struct nj_error *err)
{
    int status = status_of(rc);
    if (status >= 500)
        log_failure(exchange, rc, err);
    nj_exchange_problem(exchange, status,
                        status < 500 && err != NULL && err->text[0] != '\0' ? err->text : NULL);
}

void nj_exchange_missing(struct nj_exchange *exchange, const char *part)
{
    char detail[128];
    snprintf(detail, sizeof detail, "%s is not running here", part);
    nj_exchange_problem(exchange, 503, detail);
}

struct nj_http_request *nj_exchange_take(struct nj_exchange *exchange)
{
    return end(exchange, 101);
}

void nj_exchange_upgrade(struct nj_exchange *exchange, enum nj_channel channel)
{
    struct nj_realtime *realtime = exchange->api->context->realtime;
    char subprotocol[NJ_ROUTE_PARAM_SIZE];
    if (realtime == NULL) {
        nj_exchange_missing(exchange, "the WebSocket side");
        return;
    }
    nj_auth_subprotocol(exchange->request, subprotocol, sizeof subprotocol);
    nj_realtime_accept(realtime, channel, nj_exchange_take(exchange),
                       subprotocol[0] != '\0' ? subprotocol : NULL);
}

void nj_json_answer_begin(struct nj_json_answer *answer)
{
    nj_buf_init(&answer->buf, NJ_JSON_ANSWER_MAX);
    nj_json_init(&answer->writer, &answer->buf);
    nj_json_object_begin(&answer->writer, NULL);
}

void nj_json_answer_send(struct nj_json_answer *answer, struct nj_exchange *exchange,
                         const struct nj_answer_options *options)
{
    nj_json_object_end(&answer->writer);
    nj_exchange_json(exchange, &answer->buf, options);
}
