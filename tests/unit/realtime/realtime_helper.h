// SPDX-License-Identifier: Apache-2.0
// The channels on a server at a loopback port: paths /ws/events and /ws/system, a fake clock, a
// bus.
#ifndef NJ_TEST_REALTIME_HELPER_H
#define NJ_TEST_REALTIME_HELPER_H

#include "realtime/realtime.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/loop_client.h"

struct realtime_fixture {
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_http_server *server;
    struct nj_metrics *metrics;
    struct nj_bus *bus;
    struct nj_realtime *realtime;
    int statuses; // how often a status was asked for
};

// Small limits: 3 clients, a ring of 4 messages.
int realtime_setup(void **state);
int realtime_teardown(void **state);

void realtime_open(struct realtime_fixture *fixture, struct nj_loop_client *client,
                   const char *path);
// Publishes and lets it arrive.
void realtime_publish(struct realtime_fixture *fixture, const char *topic, const char *tag,
                      const char *json);
// Moves the clock and lets timers fire.
void realtime_advance(struct realtime_fixture *fixture, nj_us us);
// The next message equals `text`.
void realtime_expect(struct nj_loop_client *client, const char *text);
// The next message has `part`.
void realtime_expect_part(struct nj_loop_client *client, const char *part);
void realtime_expect_nothing(struct nj_loop_client *client);

#endif
