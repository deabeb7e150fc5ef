// SPDX-License-Identifier: Apache-2.0
// The servers that other tests stand on: they answer, stay away when told to, and come back on
// their port.
#include "tests/fake/postgres_server.h"
#include "tests/fake/redis_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <string.h>
#include <sys/time.h>

int servers_test(void);

static void redis_server_is_empty_after_a_restart_on_its_port(void **state)
{
    (void)state;
    if (!nj_redis_server_installed())
        skip();
    struct nj_redis_server server;
    nj_redis_server_start(&server, "two words");
    int port = server.port;
    assert_int_equal(nj_redis_server_int(&server, "INCR a"), 1);
    nj_redis_server_restart(&server);
    assert_int_equal(nj_redis_server_int(&server, "EXISTS a"), 0);
    assert_int_equal(server.port, port);
    nj_redis_server_stop(&server);
    assert_int_equal(server.process.pid, 0);
}

static void redis_server_that_is_paused_answers_nobody(void **state)
{
    (void)state;
    if (!nj_redis_server_installed())
        skip();
    struct nj_redis_server server;
    nj_redis_server_start(&server, NULL);
    redisContext *client = nj_redis_server_client(&server);
    redisSetTimeout(client, (struct timeval){.tv_usec = 50000});
    nj_redis_server_pause(&server);
    assert_null(redisCommand(client, "PING"));
    redisFree(client);
    nj_redis_server_resume(&server);
    assert_int_equal(nj_redis_server_int(&server, "EXISTS a"), 0);
    nj_redis_server_stop(&server);
}

static void postgres_keeps_what_was_committed_when_it_is_killed(void **state)
{
    (void)state;
    if (!nj_postgres_installed())
        skip();
    struct nj_postgres_server *server = nj_postgres_shared();
    nj_postgres_fresh(server, "servers");
    nj_postgres_sql(server, "servers", "CREATE TABLE a (b int); INSERT INTO a VALUES (7)");
    int port = server->port;
    nj_postgres_restart(server);
    assert_int_equal(server->port, port);
    assert_int_equal(nj_postgres_int(server, "servers", "SELECT b FROM a"), 7);
}

static void postgres_asks_for_a_password(void **state)
{
    (void)state;
    if (!nj_postgres_installed())
        skip();
    struct nj_postgres_server *server = nj_postgres_shared();
    char url[NJ_POSTGRES_URL_MAX];
    PGconn *conn = PQconnectdb(nj_postgres_url(server, "postgres", url));
    assert_int_equal(PQstatus(conn), CONNECTION_BAD);
    PQfinish(conn);
}

int servers_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redis_server_is_empty_after_a_restart_on_its_port),
        cmocka_unit_test(redis_server_that_is_paused_answers_nobody),
        cmocka_unit_test(postgres_keeps_what_was_committed_when_it_is_killed),
        cmocka_unit_test(postgres_asks_for_a_password),
    };
    return cmocka_run_group_tests_name("servers", tests, NULL, NULL);
}
