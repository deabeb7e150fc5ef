// SPDX-License-Identifier: Apache-2.0
// The detector worker's side of the API: upgrades, newest pictures, lists, and one answer for
// health.
#include "frames/picture.h"
#include "http/http.h"
#include "tests/fake/feeds/feeds.h"
#include "tests/fake/loop_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int http_worker_test(void);

enum { TEXT_SIZE = 64 << 10 };
struct site {
    struct feeds *feeds;
    struct nj_worker_options worker_options;
    struct nj_worker *worker;
    struct nj_streams *streams;
    struct nj_model_cache *models;
    struct nj_metrics *metrics;
    struct nj_api_context context;
    struct nj_api *api;
    struct nj_loop_client client;
    struct nj_answer answer;
};

static struct nj_subscriptions *subscriptions_of(void *context)
{
    const struct site *site = context;
    return site->feeds->subscriptions;
}

static void make_parts(struct site *site)
{
    static const struct nj_streams_options streams = {.grace_us = 1, .max_streams = 4};
    static const struct nj_model_cache_options models = {.budget_bytes = 1 << 20};
    static const struct nj_detect_options detect = {.engine = 2};
    const struct nj_streams_config streams_config = {.options = &streams,
                                                     .loop = site->feeds->loop};
    const struct nj_model_cache_config models_config = {
        .options = &models, .detect = &detect, .clock = &site->feeds->clock.clock};
    site->worker_options = (struct nj_worker_options){.report_us = 2 * NJ_US_PER_S,
                                                      .max_connections = 4,
                                                      .max_message_bytes = 65536,
                                                      .max_queued_bytes = 1 << 20,
                                                      .messages_per_second = 100};
    const struct nj_worker_config worker = {.options = &site->worker_options,
                                            .loop = site->feeds->loop,
                                            .subscriptions = subscriptions_of,
                                            .context = site};
    assert_int_equal(nj_streams_create(&streams_config, &site->streams, NULL), 0);
    assert_int_equal(nj_model_cache_create(&models_config, &site->models, NULL), 0);
    assert_int_equal(nj_worker_create(&worker, &site->worker, NULL), 0);
    site->feeds->sink = nj_worker_sink(site->worker);
    site->feeds->load_rc = NJ_E_INVALID; // pictures need no archive
    feeds_start(site->feeds);
}

static int setup_with(void **state, const struct nj_api_options *options)
{
    static const struct nj_http_server_options server = {
        .host = "127.0.0.1",
        .max_connections = 16,
        .max_head_bytes = 8192,
        .max_body_bytes = 65536,
        .head_timeout_us = 10 * NJ_US_PER_S,
        .body_timeout_us = 20 * NJ_US_PER_S,
        .idle_timeout_us = 3600 * (nj_us)NJ_US_PER_S,
    };
    struct site *site = calloc(1, sizeof *site);
    void *feeds = NULL;
    struct nj_error err = {0};
    assert_non_null(site);
    assert_int_equal(feeds_setup(&feeds), 0);
    site->feeds = feeds;
    make_parts(site);
    site->metrics = nj_metrics_create();
    assert_non_null(site->metrics);
    site->context = (struct nj_api_context){
        .loop = site->feeds->loop,
        .metrics = site->metrics,
        .subscriptions = site->feeds->subscriptions,
        .worker = site->worker,
        .streams = site->streams,
        .models = site->models,
    };
    if (nj_api_create(&site->context, options, &server, &site->api, &err) != 0 ||
        nj_api_start(site->api, &err) != 0)
        fail_msg("%s", err.text);
    *state = site;
    return 0;
}

static int setup(void **state)
{
    static const struct nj_api_options options = {.websocket_token = "", .web_root = ""};
    return setup_with(state, &options);
}

static int setup_with_key(void **state)
{
    static const char *const keys[] = {"topsecret"};
    static const struct nj_api_options options = {
        .api_key_enabled = true, .api_keys = {keys, 1}, .websocket_token = "", .web_root = ""};
    return setup_with(state, &options);
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static int teardown(void **state)
{
    struct site *site = *state;
    void *feeds = site->feeds;
    bool stopped = false;
    nj_loop_client_close(&site->client);
    nj_answer_finish(&site->answer);
    nj_worker_stop(site->worker);
    nj_api_stop(site->api, 0, on_stopped, &stopped);
    for (int i = 0; i < 100 && !stopped; i++)
        feeds_settle(site->feeds);
    assert_true(stopped);
    nj_api_destroy(site->api);
    nj_worker_destroy(site->worker);
    nj_streams_destroy(site->streams);
    nj_model_cache_destroy(site->models);
    assert_int_equal(feeds_teardown(&feeds), 0);
    nj_metrics_destroy(site->metrics);
    free(site);
    return 0;
}

static const struct nj_answer *get(struct site *site, const char *path)
{
    char request[512];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", path,
             nj_api_port(site->api));
    nj_answer_finish(&site->answer);
    if (site->client.loop == NULL || site->client.ended) {
        nj_loop_client_close(&site->client);
        nj_loop_client_open(&site->client, site->feeds->loop, nj_api_port(site->api));
    }
    nj_loop_client_ask(&site->client, request, &site->answer);
    return &site->answer;
}

static void expect(const struct nj_answer *answer, int status, const char *part)
{
    if (answer->status != status || strstr(answer->body, part) == NULL)
        fail_msg("%d instead of %d, or no \"%s\" in \"%.400s\"", answer->status, status, part,
                 answer->body);
}

static void subscribe(struct site *site, const char *id, const int32_t crop[4])
{
    struct nj_subscription_spec spec = feeds_spec(id);
    struct nj_error err = {0};
    spec.has_crop = crop != NULL;
    if (crop != NULL)
        memcpy(spec.crop, crop, sizeof spec.crop);
    snprintf(spec.model_url, sizeof spec.model_url, "http://user:geheim@models/a.mpta");
    if (nj_subscriptions_add(site->feeds->subscriptions, 1, &spec, &err) != 0)
        fail_msg("%s", err.text);
    feeds_settle(site->feeds);
}

static void expect_size(const struct nj_answer *answer, int32_t width, int32_t height)
{
    static const struct nj_picture_limits limits = {1 << 24, 100};
    struct nj_picture_info info;
    char type[64];
    if (answer->status != 200)
        fail_msg("%d %.200s", answer->status, answer->body);
    nj_answer_header(answer, "Content-Type", type, sizeof type);
    assert_string_equal(type, "image/jpeg");
    assert_int_equal(nj_picture_probe(answer->body, answer->length, &limits, &info, NULL), 0);
    assert_int_equal(info.width, width);
    assert_int_equal(info.height, height);
}

static void upgrade_of_the_root_speaks_the_protocol(void **state)
{
    static const char *const paths[] = {"/", "/ws/worker"};
    struct site *site = *state;
    char *text = malloc(TEXT_SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < NJ_COUNT_OF(paths); i++) {
        struct nj_loop_client client = {0};
        char host[64];
        snprintf(host, sizeof host, "X-Test: 1\r\n");
        nj_loop_client_open(&client, site->feeds->loop, nj_api_port(site->api));
        nj_ws_open(&client, paths[i], host);
        assert_non_null(strstr(nj_ws_next(&client, text, TEXT_SIZE), "\"type\":\"stateReport\""));
        nj_loop_client_close(&client);
        feeds_advance(site->feeds, NJ_US_PER_S); // a report of its own for the next one
    }
    free(text);
    expect(get(site, "/"), 200, "\"status\":\"alive\"");
}

static void upgrade_asks_for_the_key_where_keys_are_on(void **state)
{
    struct site *site = *state;
    char request[512];
    static const struct {
        const char *path, *headers;
        int status;
    } cases[] = {
        {"/", "", 401},
        {"/ws/worker", "", 401},
        {"/", "X-API-Key: wrong\r\n", 401},
        {"/", "X-API-Key: topsecret\r\n", 101},
        {"/", "Sec-WebSocket-Protocol: api-key.topsecret\r\n", 101},
        {"/?api_key=topsecret", "", 101},
        {"/", "X-API-Key: topsecret\r\nOrigin: http://elsewhere\r\n", 403},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_loop_client client = {0};
        struct nj_answer answer;
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: "
                 "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                 "dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                 cases[i].path, nj_api_port(site->api), cases[i].headers);
        nj_loop_client_open(&client, site->feeds->loop, nj_api_port(site->api));
        nj_loop_client_ask(&client, request, &answer);
        if (answer.status != cases[i].status)
            fail_msg("case %zu: %d", i, answer.status);
        nj_answer_finish(&answer);
        nj_loop_client_close(&client);
        feeds_settle(site->feeds);
    }
    expect(get(site, "/"), 200, "alive"); // plain answers stay open
}

static void newest_picture_is_cut_and_sized(void **state)
{
    static const int32_t crop[] = {100, 50, 300, 150};
    struct site *site = *state;
    expect(get(site, "/camera/d1%3Bc1/image"), 404, "no subscription and no camera");
    subscribe(site, "d1;c1", NULL);
    subscribe(site, "d2;c2", crop);
    expect(get(site, "/camera/d1%3Bc1/image"), 404, "no picture yet");
    feeds_frame(site->feeds, "c1");
    feeds_frame(site->feeds, "c2");
    expect_size(get(site, "/camera/d1%3Bc1/image"), 640, 640);
    expect_size(get(site, "/camera/c1/image"), 640, 640);
    expect_size(get(site, "/camera/d2;c2/image"), 200, 100);
    expect_size(get(site, "/camera/d1%3Bc1/image?width=160"), 160, 160);
    expect_size(get(site, "/camera/d1%3Bc1/image?height=80"), 80, 80);
    const size_t good = get(site, "/camera/d1%3Bc1/image?quality=95")->length;
    assert_true(get(site, "/camera/d1%3Bc1/image?quality=5")->length < good);
    expect(get(site, "/camera/d1%3Bc1/image?quality=0"), 400, "quality");
    expect(get(site, "/camera/d1%3Bc1/image?quality=101"), 400, "quality");
    expect(get(site, "/camera/d1%3Bc1/image?width=x"), 400, "width");
}

static void picture_is_the_same_until_another_comes(void **state)
{
    struct site *site = *state;
    char etag[128], second[128];
    subscribe(site, "d1;c1", NULL);
    feeds_frame(site->feeds, "c1");
    nj_answer_header(get(site, "/camera/c1/image"), "ETag", etag, sizeof etag);
    nj_answer_header(get(site, "/camera/c1/image"), "ETag", second, sizeof second);
    assert_string_equal(etag, second);
    feeds_frame(site->feeds, "c1");
    nj_answer_header(get(site, "/camera/c1/image"), "ETag", second, sizeof second);
    assert_string_not_equal(etag, second);
}

static void lists_tell_what_is_there_without_secrets(void **state)
{
    static const int32_t crop[] = {100, 50, 300, 150};
    struct site *site = *state;
    subscribe(site, "d 1;c1", crop);
    const struct nj_answer *answer = get(site, "/api/subscriptions");
    expect(answer, 200, "\"id\":\"d 1;c1\",\"display_id\":\"d 1\",\"camera_id\":\"c1\"");
    expect(answer, 200, "\"crop\":[100,50,300,150]");
    expect(answer, 200, "\"image_url\":\"/camera/d%201%3Bc1/image\"");
    expect(answer, 200, "\"state\":\"error\",\"error\":\"the archive is not there\"");
    assert_null(strstr(answer->body, "geheim"));
    expect(get(site, "/api/streams"), 200, "{\"items\":[]}");
    expect(get(site, "/api/models"), 200, "{\"cache\":{\"models\":0,\"in_use\":0,");
}

static void health_is_one_answer_for_all(void **state)
{
    struct site *site = *state;
    const struct nj_answer *answer = get(site, "/health");
    expect(answer, 200, "\"status\":\"alive\"");
    expect(answer, 200, "\"uptime_seconds\":");
    expect(answer, 200, "\"streams\":{\"active\":0,\"failed\":0,\"total\":0}");
    expect(answer, 200, "\"models\":0,\"clients\":0,\"database\":false,\"redis\":null");
}

int http_worker_test(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(upgrade_of_the_root_speaks_the_protocol),
        cmocka_unit_test_setup_teardown(upgrade_asks_for_the_key_where_keys_are_on, setup_with_key,
                                        teardown),
        CASE(newest_picture_is_cut_and_sized),
        CASE(picture_is_the_same_until_another_comes),
        CASE(lists_tell_what_is_there_without_secrets),
        CASE(health_is_one_answer_for_all),
    };
    return cmocka_run_group_tests_name("worker over http", tests, NULL, NULL);
}
