// SPDX-License-Identifier: Apache-2.0
// The channels on a server at a loopback port.
#include "tests/unit/realtime/realtime_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 8, TEXT_SIZE = 128 << 10 };

static void handle(struct nj_http_request *request, void *arg)
{
    struct realtime_fixture *fixture = arg;
    bool events = strcmp(nj_http_path(request), "/ws/events") == 0;
    nj_realtime_accept(fixture->realtime, events ? NJ_CHANNEL_EVENTS : NJ_CHANNEL_SYSTEM, request,
                       NULL);
}

static void write_status(void *context, struct nj_json_writer *writer)
{
    struct realtime_fixture *fixture = context;
    nj_json_int(writer, "n", ++fixture->statuses);
}

static void write_performance(void *context, struct nj_json_writer *writer)
{
    (void)context;
    nj_json_null(writer, "gpu");
}

int realtime_setup(void **state)
{
    struct realtime_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    static const struct nj_http_server_options server = {
        .host = "127.0.0.1",
        .max_connections = 16,
        .max_head_bytes = 8192,
        .max_body_bytes = 65536,
        .head_timeout_us = 10 * NJ_US_PER_S,
        .body_timeout_us = 20 * NJ_US_PER_S,
        .idle_timeout_us = 60 * NJ_US_PER_S,
    };
    nj_fake_clock_init(&fixture->clock, 1769250600 * (nj_us)NJ_US_PER_S);
    assert_int_equal(nj_loop_create(&fixture->clock.clock, &fixture->loop, NULL), 0);
    fixture->metrics = nj_metrics_create();
    assert_non_null(fixture->metrics);
    assert_int_equal(nj_bus_create(fixture->loop, fixture->metrics, 64, &fixture->bus, NULL), 0);
    struct nj_realtime_config config = {
        .options = {.idle_timeout_us = 300 * (nj_us)NJ_US_PER_S,
                    .ping_interval_us = 30 * (nj_us)NJ_US_PER_S,
                    .max_message_bytes = 65536,
                    .max_clients = 3,
                    .replay_messages = 4,
                    .status_interval_us = 5 * (nj_us)NJ_US_PER_S},
        .loop = fixture->loop,
        .bus = fixture->bus,
        .metrics = fixture->metrics,
        .write_status = write_status,
        .write_performance = write_performance,
        .context = fixture,
    };
    assert_int_equal(nj_realtime_create(&config, &fixture->realtime, NULL), 0);
    assert_int_equal(nj_realtime_start(fixture->realtime, NULL), 0);
    assert_int_equal(
        nj_http_server_create(fixture->loop, &server, handle, fixture, &fixture->server), 0);
    assert_int_equal(nj_http_server_start(fixture->server, NULL), 0);
    *state = fixture;
    return 0;
}

static void turn(struct realtime_fixture *fixture)
{
    for (int i = 0; i < TURNS; i++)
        nj_loop_turn(fixture->loop);
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

int realtime_teardown(void **state)
{
    struct realtime_fixture *fixture = *state;
    bool stopped = false;
    nj_realtime_stop(fixture->realtime);
    nj_http_server_stop(fixture->server, 0, on_stopped, &stopped);
    turn(fixture);
    assert_true(stopped);
    nj_realtime_destroy(fixture->realtime);
    nj_http_server_destroy(fixture->server);
    nj_bus_destroy(fixture->bus);
    turn(fixture);
    nj_loop_destroy(fixture->loop);
    nj_metrics_destroy(fixture->metrics);
    free(fixture);
    return 0;
}

void realtime_open(struct realtime_fixture *fixture, struct nj_loop_client *client,
                   const char *path)
{
    nj_loop_client_open(client, fixture->loop, nj_http_server_port(fixture->server));
    nj_ws_open(client, path, "");
}

void realtime_publish(struct realtime_fixture *fixture, const char *topic, const char *tag,
                      const char *json)
{
    assert_int_equal(nj_bus_publish(fixture->bus, topic, tag, json, strlen(json)), 0);
    turn(fixture);
}

void realtime_advance(struct realtime_fixture *fixture, nj_us us)
{
    nj_fake_clock_advance(&fixture->clock, us);
    turn(fixture);
}

void realtime_expect(struct nj_loop_client *client, const char *text)
{
    char *message = malloc(TEXT_SIZE);
    assert_non_null(message);
    assert_string_equal(nj_ws_next(client, message, TEXT_SIZE), text);
    free(message);
}

void realtime_expect_part(struct nj_loop_client *client, const char *part)
{
    char *message = malloc(TEXT_SIZE);
    assert_non_null(message);
    nj_ws_next(client, message, TEXT_SIZE);
    if (strstr(message, part) == NULL)
        fail_msg("no \"%s\" in \"%.300s\"", part, message);
    free(message);
}

void realtime_expect_nothing(struct nj_loop_client *client)
{
    realtime_expect(client, "");
}
