// SPDX-License-Identifier: Apache-2.0
// Clients of the channels that ask again and again and do not read.
#include "realtime/realtime_priv.h"
#include "tests/unit/realtime/realtime_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int backlog_test(void);

enum {
    DEAF = 15,                  // as many as the server takes
    MESSAGES = 4,               // that the replay holds
    MESSAGE_BYTES = 400 << 10,  // of each
    HELD_LEAST_BYTES = 5 << 20, // of each client, which alone is allowed
    ASKED_MAX = 16,             // the kernel takes some of the answers
};

static size_t held_by(const struct nj_list *node)
{
    return nj_websocket_queued_bytes(
        NJ_CONTAINER_OF(node, struct nj_realtime_client, node)->socket);
}

static size_t held_together(const struct nj_realtime *realtime)
{
    size_t sum = 0;
    for (struct nj_list *at = realtime->clients.next; at != &realtime->clients; at = at->next)
        sum += held_by(at);
    return sum;
}

static void publish_much(struct realtime_fixture *fixture)
{
    static const char head[] = "{\"type\":\"event\",\"text\":\"";
    char *json = malloc(MESSAGE_BYTES + sizeof head + 2);
    assert_non_null(json);
    memcpy(json, head, sizeof head - 1);
    memset(json + sizeof head - 1, 'x', MESSAGE_BYTES);
    memcpy(json + sizeof head - 1 + MESSAGE_BYTES, "\"}", 3);
    for (int i = 0; i < MESSAGES; i++)
        realtime_publish(fixture, "events", "event", json);
    free(json);
}

static void clients_that_do_not_read_hold_less_together_than_each_may_alone(void **state)
{
    struct realtime_fixture *fixture = *state;
    struct nj_realtime *realtime = fixture->realtime;
    struct nj_loop_client clients[DEAF] = {0};
    size_t most = 0;
    realtime->config.options.max_clients = DEAF;
    publish_much(fixture);
    for (size_t i = 0; i < DEAF; i++) {
        realtime_open(fixture, &clients[i], "/ws/events");
        for (int asked = 0;
             asked < ASKED_MAX && held_by(realtime->clients.previous) < HELD_LEAST_BYTES; asked++) {
            nj_ws_send(&clients[i], "{\"type\":\"resync\",\"data\":{\"last_sequence\":0}}");
            realtime_advance(fixture, 0);
            const size_t held = held_together(realtime);
            assert_true(held <= NJ_ALL_CLIENTS_QUEUE_BYTES);
            most = held > most ? held : most;
        }
    }
    assert_true(most > NJ_ALL_CLIENTS_QUEUE_BYTES / 4 * 3); // else nothing was shown
    for (size_t i = 0; i < DEAF; i++)
        nj_loop_client_close(&clients[i]);
}

int backlog_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            clients_that_do_not_read_hold_less_together_than_each_may_alone, realtime_setup,
            realtime_teardown),
    };
    return cmocka_run_group_tests_name("backlog", tests, NULL, NULL);
}
