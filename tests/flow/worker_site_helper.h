// SPDX-License-Identifier: Apache-2.0
// Where the actions of the detector worker go in a flow test: to a real PostgreSQL and a real
// Redis, to the embedded store, or to one of each. A test is written once and run on each kind.
#ifndef NJ_TESTS_FLOW_WORKER_SITE_HELPER_H
#define NJ_TESTS_FLOW_WORKER_SITE_HELPER_H

#include "tests/fake/postgres_server.h"
#include "tests/fake/redis_server.h"
#include "tests/flow/worker_helper.h"

enum { SITE_TEXT_SIZE = 256 };

struct site_kind { // false: embedded
    bool redis, postgres;
};
extern const struct site_kind site_servers, site_embedded, site_redis_alone, site_postgres_alone;

struct site {
    struct worker worker;
    const struct site_kind *kind;
    struct nj_postgres_server *postgres;
    struct nj_redis_server redis;
    struct redisContext *listener; // of channel "car_detections"; NULL without Redis
};

int site_setup(void **state); // of a cmocka test whose initial state is its kind; nothing runs yet
int site_teardown(void **state);
// One line of a table of tests.
#define SITE_TEST(name, test, kind)                                                                \
    {                                                                                              \
        name, test, site_setup, site_teardown, (void *)(uintptr_t) & (kind)                        \
    }

// Camera and servers run and the settings are made, to which the test may add. Skips the test when
// a server is not installed.
void site_prepare(struct site *site, const char *seen);
// The program and its backend. Nothing is asked for yet, and all servers are connected to.
void site_start(struct site *site, const char *document);
void site_ask(struct site *site); // for d1;c1

typedef bool (*site_condition)(struct site *site);
void site_until(struct site *site, site_condition condition); // in fake time
bool site_redis_is_ready(struct site *site);
bool site_postgres_is_away(struct site *site);

void site_listen(struct site *site); // anew, after the server was restarted
// What is told to be dead is put back over HTTP, and all of `count` is done then.
void site_requeue(struct site *site, uint64_t count);

// Of the car's table; 0 when there is none.
int64_t site_count_rows(struct site *site);
// The newest row has these two, "" for nothing; its session.
void site_expect_row(struct site *site, const char *brand, const char *body,
                     char session[SITE_TEXT_SIZE]);
int64_t site_count_images(struct site *site);
// The one picture of this session, and of Redis the message that names it, which is read.
void site_expect_image(struct site *site, const char *session);
int64_t site_count_letters(struct site *site);

#endif
