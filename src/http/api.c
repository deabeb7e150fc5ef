// SPDX-License-Identifier: Apache-2.0
// The API's life, and the way of a request to its handler: host, route, key, origin, body.
#include "http/http_priv.h"
#include "net/problem.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PICTURE_CACHE_BYTES = 16 << 20 }; // some thousand thumbnails

static const double seconds_bounds[] = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1,
                                        0.25,  0.5,   1,    2.5,   5,    10};

static const struct nj_metric_spec requests_spec = {
    .type = NJ_COUNTER,
    .name = "http_requests_total",
    .help = "HTTP requests by route.",
    .label = "route",
};

static const struct nj_metric_spec request_seconds_spec = {
    .type = NJ_HISTOGRAM,
    .name = "http_request_duration_seconds",
    .help = "Time from a whole request to its answer, by route.",
    .label = "route",
    .bounds = seconds_bounds,
    .bound_count = NJ_COUNT_OF(seconds_bounds),
};

static bool is_reading(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

// Bodies are JSON, and say so: a form of a foreign page cannot.
static bool body_is_json(const struct nj_http_request *request)
{
    size_t length;
    nj_http_body(request, &length);
    const char *type = nj_http_header(request, "Content-Type");
    size_t name = type != NULL ? strcspn(type, "; \t") : 0;
    return length == 0 ||
           (name == strlen("application/json") && strncasecmp(type, "application/json", name) == 0);
}

// Only what is described can be read.
static void hand_over(struct nj_exchange *exchange)
{
    exchange->body = "";
    if (exchange->route->body != NULL)
        exchange->body = nj_http_body(exchange->request, &exchange->body_length);
    exchange->route->handle(exchange);
}

static void dispatch(struct nj_exchange *exchange, bool too_long)
{
    const struct nj_api *api = exchange->api;
    struct nj_http_request *request = exchange->request;
    const struct nj_route *route = exchange->route;
    bool websocket = nj_auth_is_websocket(request);
    bool allowed = (route->open && !websocket) || nj_auth_allows(api, request);
    if ((websocket || !is_reading(nj_http_method(request))) && !nj_origin_allowed(api, request))
        nj_exchange_problem(exchange, 403,
                            "this page's origin may not call here; "
                            "api.allowed_hosts names those that may");
    else if (!allowed)
        nj_exchange_problem(exchange, 401, "give an API key, as X-API-Key for example");
    else if (too_long)
        nj_exchange_problem(exchange, 404, "there is nothing of so long a name");
    else if (!body_is_json(request))
        nj_exchange_problem(exchange, 415, "the body must be application/json");
    else
        hand_over(exchange);
}

static void dispatch_unknown(struct nj_exchange *exchange)
{
    const char *path = nj_http_path(exchange->request);
    bool ours = nj_route_is_beneath(path) || strcmp(path, "*") == 0;
    if (ours && !nj_auth_allows(exchange->api, exchange->request))
        nj_exchange_problem(exchange, 401, "give an API key, as X-API-Key for example");
    else if (ours)
        nj_exchange_problem(exchange, 404, "there is no such address; /openapi.json lists them");
    else if (!is_reading(nj_http_method(exchange->request)))
        nj_exchange_problem_with(exchange, 405, NULL, (struct nj_http_field){"Allow", "GET, HEAD"});
    else
        nj_page_reply(exchange);
}

static void handle(struct nj_http_request *request, void *arg)
{
    struct nj_api *api = arg;
    struct nj_exchange *exchange = calloc(1, sizeof *exchange);
    struct nj_route_hit hit;
    if (exchange == NULL) {
        nj_problem_reply(request, 503, NULL, NULL, NULL);
        return;
    }
    api->in_flight++;
    exchange->api = api;
    exchange->request = request;
    exchange->started_us = nj_mono_us(nj_loop_clock(api->context->loop));
    if (!nj_host_allowed(api, request)) {
        nj_exchange_problem(exchange, 421,
                            "this server does not answer to that name; "
                            "api.allowed_hosts names further ones");
        return;
    }
    enum nj_route_match match = nj_route_find(nj_http_method(request), nj_http_path(request), &hit);
    exchange->route = hit.route;
    memcpy(exchange->params, hit.params, sizeof exchange->params);
    if (match == NJ_ROUTE_FOUND)
        dispatch(exchange, hit.too_long);
    else if (match == NJ_ROUTE_OTHER_METHOD)
        nj_exchange_problem_with(exchange, 405, NULL, (struct nj_http_field){"Allow", hit.allow});
    else
        dispatch_unknown(exchange);
}

static void make_metrics(struct nj_api *api)
{
    if (api->context->metrics == NULL)
        return;
    for (size_t i = 0; i <= NJ_ROUTES_MAX; i++) {
        char name[128] = "none";
        if (i >= nj_route_count && i < NJ_ROUTES_MAX)
            continue;
        if (i < nj_route_count)
            snprintf(name, sizeof name, "%s %s", nj_routes[i].method, nj_routes[i].pattern);
        api->route_requests[i] = nj_metrics_get(api->context->metrics, &requests_spec, name);
        api->route_seconds[i] = nj_metrics_get(api->context->metrics, &request_seconds_spec, name);
    }
}

int nj_api_check_address(const struct nj_api_options *options,
                         const struct nj_http_server_options *server, struct nj_error *err)
{
    if (nj_host_is_loopback(server->host) || options->allow_open || options->api_key_enabled)
        return 0;
    return nj_error_set(err, NJ_E_DENIED,
                        "http.host %s can be reached by others and no API key is asked for: set "
                        "api.key_enabled and api.keys, or api.allow_open if this is meant",
                        server->host);
}

static int init(struct nj_api *api, const struct nj_api_options *options,
                const struct nj_http_server_options *server, struct nj_error *err)
{
    int rc = nj_api_check_address(options, server, err);
    if (rc == 0)
        rc = nj_auth_init(api, options, err);
    if (rc == 0)
        rc = nj_hosts_init(api, options, server->host, err);
    if (rc != 0)
        return rc;
    api->pictures = nj_lru_create(PICTURE_CACHE_BYTES, 0);
    rc = nj_http_server_create(api->context->loop, server, handle, api, &api->server);
    if (api->pictures == NULL || rc != 0)
        return nj_error_set(err, rc != 0 ? rc : NJ_E_NOMEM, "no memory for the API");
    make_metrics(api);
    nj_page_find(api, options->web_root);
    api->source_test_us = options->source_test_us;
    rc = nj_server_metrics_start(api);
    return rc == 0 ? 0 : nj_error_set(err, rc, "no memory for the API");
}

int nj_api_create(const struct nj_api_context *context, const struct nj_api_options *options,
                  const struct nj_http_server_options *server, struct nj_api **out,
                  struct nj_error *err)
{
    struct nj_api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the API");
    api->context = context;
    nj_list_init(&api->works);
    nj_list_init(&api->source_tests);
    int rc = init(api, options, server, err);
    if (rc != 0) {
        nj_api_destroy(api);
        return rc;
    }
    *out = api;
    return 0;
}

int nj_api_start(struct nj_api *api, struct nj_error *err)
{
    int rc = nj_vitals_start(api, err);
    if (rc == 0)
        rc = nj_http_server_start(api->server, err);
    if (rc != 0)
        nj_vitals_stop(api);
    return rc;
}

int nj_api_port(const struct nj_api *api)
{
    return nj_http_server_port(api->server);
}

static void on_server_stopped(void *arg)
{
    struct nj_api *api = arg;
    api->server_stopped = true;
    nj_api_end_if_idle(api);
}

static void on_ended(struct nj_call *call)
{
    struct nj_api *api = NJ_CONTAINER_OF(call, struct nj_api, ended);
    if (api->stopped != NULL)
        api->stopped(api->stopped_arg);
}

void nj_api_end_if_idle(struct nj_api *api)
{
    if (!api->stopping || !api->server_stopped || api->in_flight > 0)
        return;
    api->server_stopped = false; // once
    api->ended.fn = on_ended;
    nj_loop_post(api->context->loop, &api->ended);
}

void nj_api_stop(struct nj_api *api, nj_us deadline_us, void (*done)(void *arg), void *arg)
{
    if (api->stopping)
        return;
    api->stopping = true;
    api->stopped = done;
    api->stopped_arg = arg;
    nj_vitals_stop(api);
    nj_api_cleanup_cancel(api);
    nj_source_tests_cancel(api);
    nj_http_server_stop(api->server, deadline_us, on_server_stopped, api);
}

void nj_api_destroy(struct nj_api *api)
{
    if (api == NULL)
        return;
    nj_api_cleanup_finish(api);
    nj_vitals_destroy(api);
    nj_http_server_destroy(api->server);
    nj_lru_destroy(api->pictures);
    nj_hosts_finish(api);
    free(api);
}
