// SPDX-License-Identifier: Apache-2.0
// A foreign writer on a database of its own, and writes as plain steps of a test.
#include "tests/unit/storage/foreign_helper.h"
#include "tests/fake/await.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { ENOUGH_US = 60 * NJ_US_PER_S }; // longer than a write is tried
static const char database[] = "foreign";

int nj_foreign_fixture_setup(void **state)
{
    struct nj_foreign_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    if (nj_postgres_installed()) {
        f->server = nj_postgres_shared();
        nj_postgres_fresh(f->server, database);
        nj_postgres_url(f->server, database, f->url);
    }
    f->options = (struct nj_foreign_options){
        .url = f->url,
        .password = NJ_POSTGRES_PASSWORD,
        .connections = 2,
        .connect_us = 5 * NJ_US_PER_S,
        .statement_us = 5 * NJ_US_PER_S,
        .beat_us = 60 * (nj_us)NJ_US_PER_S,
        .tries = 3,
        .retry_us = 20 * NJ_US_PER_MS,
        .max_waiting = 10000,
    };
    f->metrics = nj_metrics_create();
    assert_non_null(f->metrics);
    assert_int_equal(nj_loop_create(nj_clock_real(), &f->loop, NULL), 0);
    *state = f;
    return 0;
}

int nj_foreign_fixture_teardown(void **state)
{
    struct nj_foreign_fixture *f = *state;
    if (f->server != NULL)
        f->server = nj_postgres_shared(); // it runs again
    nj_foreign_destroy(f->foreign, 0);
    nj_loop_destroy(f->loop);
    nj_breaker_destroy(f->breaker);
    nj_metrics_destroy(f->metrics);
    free(f);
    return 0;
}

void nj_foreign_open(struct nj_foreign_fixture *f)
{
    const struct nj_foreign_config config = {.options = &f->options,
                                             .name = "test",
                                             .loop = f->loop,
                                             .breaker = f->breaker,
                                             .metrics = f->metrics,
                                             .rules =
                                                 f->rules != NULL ? f->rules : &nj_address_trusted};
    if (nj_foreign_create(&config, &f->foreign, &f->err) != 0)
        fail_msg("%s", f->err.text);
}

void nj_foreign_sql(struct nj_foreign_fixture *f, const char *sql)
{
    nj_postgres_sql(f->server, database, sql);
}

int64_t nj_foreign_int(struct nj_foreign_fixture *f, const char *sql)
{
    return nj_postgres_int(f->server, database, sql);
}

const char *nj_foreign_text(struct nj_foreign_fixture *f, const char *sql, char out[256])
{
    return nj_postgres_text(f->server, database, sql, out);
}

static void on_done(struct nj_foreign_write *write)
{
    NJ_CONTAINER_OF(write, struct nj_put, write)->ended++;
}

void nj_put_init(struct nj_put *put, struct nj_foreign_fixture *f, enum nj_foreign_kind kind,
                 const char *session)
{
    memset(put, 0, sizeof *put);
    put->fixture = f;
    put->write = (struct nj_foreign_write){.kind = kind,
                                           .table = "car_frontal_info",
                                           .key_column = "session_id",
                                           .cells = put->cells,
                                           .order_key = session,
                                           .done = on_done};
    nj_put_cell(put, NJ_CELL("session_id", session));
}

void nj_put_cell(struct nj_put *put, struct nj_foreign_cell cell)
{
    assert_true(put->write.cell_count < NJ_PUT_CELLS);
    put->cells[put->write.cell_count++] = cell;
}

int nj_put_send(struct nj_put *put)
{
    put->ended = 0;
    return nj_foreign_submit(put->fixture->foreign, &put->write, &put->write.error);
}

static bool has_ended(void *arg)
{
    const struct nj_put *put = arg;
    return put->ended > 0;
}

void nj_put_wait(struct nj_put *put)
{
    nj_loop_await(put->fixture->loop, has_ended, put, ENOUGH_US, "the end of a write");
}

int nj_put(struct nj_put *put)
{
    int rc = nj_put_send(put);
    if (rc != 0)
        return rc;
    nj_put_wait(put);
    return put->write.rc;
}
