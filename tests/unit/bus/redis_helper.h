// SPDX-License-Identifier: Apache-2.0
// A connection to a real Redis server and commands as plain steps of a test.
#ifndef NJ_BUS_REDIS_HELPER_H
#define NJ_BUS_REDIS_HELPER_H

#include "bus/redis.h"
#include "tests/fake/redis_server.h"

enum { NJ_ASK_WORDS = 6, NJ_ASK_ERROR = 512 };

struct nj_redis_fixture {
    struct nj_redis_server server;
    char url[NJ_REDIS_SERVER_URL_MAX];
    struct nj_redis_options options; // quick ones; url and password of `server`
    struct nj_loop *loop;
    struct nj_metrics *metrics;
    struct nj_breaker *breaker; // NULL: none
    struct nj_address_rules rules;
    bool ruled; // `rules` are held against the server
    struct nj_redis *redis;
    struct nj_error err;
};

int nj_redis_fixture_setup(void **state); // a server, if there is one; no connection yet
int nj_redis_fixture_teardown(void **state);
// Makes the connection; 0 or the error.
int nj_redis_open(struct nj_redis_fixture *f);
// Turns the loop until the state is reached; the test fails when it is not in time.
void nj_redis_await(struct nj_redis_fixture *f, enum nj_redis_state state);
// Turns the loop until `*flag`.
void nj_redis_turn_until(struct nj_redis_fixture *f, const int *flag, int at_least);

struct nj_ask {
    struct nj_redis_command command;
    const char *words[NJ_ASK_WORDS];
    size_t lengths[NJ_ASK_WORDS];
    int ended; // how often `done` came
    int rc;
    struct nj_error error;
    bool nil;
    int64_t integer;
    char *bytes; // malloc'd copy with a NUL; NULL: none
    size_t length;
    nj_us ended_us;
    struct nj_redis_fixture *fixture;
};
// Words until NULL.
int nj_ask_send(struct nj_redis_fixture *f, struct nj_ask *ask, const char *const *words);
// Sends and waits for the end; its rc.
int nj_ask(struct nj_redis_fixture *f, struct nj_ask *ask, const char *const *words);
void nj_ask_finish(struct nj_ask *ask);

#define NJ_WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
