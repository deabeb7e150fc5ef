// SPDX-License-Identifier: Apache-2.0
// A connection to a real Redis server and commands as plain steps of a test.
#include "tests/unit/bus/redis_helper.h"
#include "tests/fake/await.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { HUNDREDTH_US = 10 * NJ_US_PER_MS };

int nj_redis_fixture_setup(void **state)
{
    struct nj_redis_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    signal(SIGPIPE, SIG_IGN); // as the program does
    if (nj_redis_server_installed())
        nj_redis_server_start(&f->server, NULL);
    f->options = (struct nj_redis_options){
        .url = nj_redis_server_url(&f->server, f->url),
        .connect_us = 5 * NJ_US_PER_S,
        .command_us = 5 * NJ_US_PER_S,
        .reconnect_us = HUNDREDTH_US,
        .reconnect_cap_us = 4 * HUNDREDTH_US,
        .beat_us = 60 * NJ_US_PER_S,
        .max_waiting = 10000,
        .max_waiting_bytes = 64 << 20,
    };
    f->metrics = nj_metrics_create();
    assert_non_null(f->metrics);
    assert_int_equal(nj_loop_create(nj_clock_real(), &f->loop, NULL), 0);
    *state = f;
    return 0;
}

int nj_redis_fixture_teardown(void **state)
{
    struct nj_redis_fixture *f = *state;
    nj_redis_destroy(f->redis);
    nj_loop_destroy(f->loop);
    nj_breaker_destroy(f->breaker);
    nj_metrics_destroy(f->metrics);
    if (f->server.process.pid != 0 || f->server.folder.path[0] != '\0')
        nj_redis_server_stop(&f->server);
    free(f);
    return 0;
}

int nj_redis_open(struct nj_redis_fixture *f)
{
    const struct nj_redis_config config = {.options = &f->options,
                                           .name = "test",
                                           .loop = f->loop,
                                           .breaker = f->breaker,
                                           .metrics = f->metrics,
                                           .rules = f->ruled ? &f->rules : &nj_address_trusted};
    return nj_redis_create(&config, &f->redis, &f->err);
}

struct wish {
    struct nj_redis_fixture *fixture;
    enum nj_redis_state state;
    const char *reason;
    const int *flag;
    int at_least;
};

static bool has_state(void *arg)
{
    struct wish *wish = arg;
    return nj_redis_state(wish->fixture->redis, &wish->reason) == wish->state;
}

void nj_redis_await(struct nj_redis_fixture *f, enum nj_redis_state state)
{
    struct wish wish = {.fixture = f, .state = state, .reason = ""};
    if (!nj_loop_until(f->loop, has_state, &wish, NJ_PATIENCE_US))
        fail_msg("state %d did not come, \"%s\"", (int)state, wish.reason);
}

static bool has_risen(void *arg)
{
    const struct wish *wish = arg;
    return *wish->flag >= wish->at_least;
}

void nj_redis_turn_until(struct nj_redis_fixture *f, const int *flag, int at_least)
{
    struct wish wish = {.flag = flag, .at_least = at_least};
    nj_loop_await(f->loop, has_risen, &wish, NJ_PATIENCE_US, "a callback");
}

static void on_done(struct nj_redis_command *command, const struct nj_redis_reply *reply)
{
    struct nj_ask *ask = NJ_CONTAINER_OF(command, struct nj_ask, command);
    ask->ended++;
    ask->rc = reply->rc;
    ask->error = reply->error;
    ask->nil = reply->nil;
    ask->integer = reply->integer;
    ask->length = reply->length;
    ask->bytes = NULL;
    if (reply->bytes != NULL) {
        ask->bytes = calloc(1, reply->length + 1);
        assert_non_null(ask->bytes);
        memcpy(ask->bytes, reply->bytes, reply->length);
    }
    ask->ended_us = nj_mono_us(nj_clock_real());
}

int nj_ask_send(struct nj_redis_fixture *f, struct nj_ask *ask, const char *const *words)
{
    size_t count = 0;
    memset(ask, 0, sizeof *ask);
    for (; words[count] != NULL; count++) {
        assert_true(count < NJ_ASK_WORDS);
        ask->words[count] = words[count];
        ask->lengths[count] = strlen(words[count]);
    }
    ask->fixture = f;
    ask->command = (struct nj_redis_command){
        .words = ask->words, .lengths = ask->lengths, .count = count, .done = on_done};
    return nj_redis_send(f->redis, &ask->command, &ask->error);
}

int nj_ask(struct nj_redis_fixture *f, struct nj_ask *ask, const char *const *words)
{
    int rc = nj_ask_send(f, ask, words);
    if (rc != 0)
        return rc;
    nj_redis_turn_until(f, &ask->ended, 1);
    return ask->rc;
}

void nj_ask_finish(struct nj_ask *ask)
{
    free(ask->bytes);
    ask->bytes = NULL;
}
