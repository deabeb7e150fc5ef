// SPDX-License-Identifier: Apache-2.0
// A foreign writer on a database of its own, writes as plain steps of a test, and plain SQL beside
// the code under test.
#ifndef NJ_FOREIGN_HELPER_H
#define NJ_FOREIGN_HELPER_H

#include "storage/foreign.h"
#include "tests/fake/postgres_server.h"

struct nj_foreign_fixture {
    struct nj_postgres_server *server; // NULL: not installed
    char url[NJ_POSTGRES_URL_MAX];
    const struct nj_address_rules *rules; // NULL: none
    struct nj_foreign_options options;    // quick ones
    struct nj_loop *loop;
    struct nj_metrics *metrics;
    struct nj_breaker *breaker; // NULL: none
    struct nj_foreign *foreign;
    struct nj_error err;
};

int nj_foreign_fixture_setup(void **state); // an empty database; no writer yet
int nj_foreign_fixture_teardown(void **state);
void nj_foreign_open(struct nj_foreign_fixture *f);
// In the fixture's database.
void nj_foreign_sql(struct nj_foreign_fixture *f, const char *sql);
int64_t nj_foreign_int(struct nj_foreign_fixture *f, const char *sql);
const char *nj_foreign_text(struct nj_foreign_fixture *f, const char *sql, char out[256]);

enum { NJ_PUT_CELLS = 8 };
struct nj_put {
    struct nj_foreign_write write;
    struct nj_foreign_cell cells[NJ_PUT_CELLS];
    char texts[2][320]; // for cells made at run time
    int ended;
    struct nj_foreign_fixture *fixture;
};
// A write to the seed's table, keyed by session_id; cells are added by the caller.
void nj_put_init(struct nj_put *put, struct nj_foreign_fixture *f, enum nj_foreign_kind kind,
                 const char *session);
void nj_put_cell(struct nj_put *put, struct nj_foreign_cell cell);
int nj_put_send(struct nj_put *put);
void nj_put_wait(struct nj_put *put); // turns the loop until it ended; fails after a while
int nj_put(struct nj_put *put);       // both; its rc

#define NJ_CELL(name, value)                                                                       \
    ((struct nj_foreign_cell){.column = (name), .kind = NJ_CELL_TEXT, .text = (value)})

#endif
