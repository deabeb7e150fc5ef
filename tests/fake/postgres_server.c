// SPDX-License-Identifier: Apache-2.0
// A real PostgreSQL server for tests.
#include "tests/fake/postgres_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    START_TRIES = 5, // another program may take the port, or the dead one's children be about
    INITDB_MS = 120000,
    START_MS = 30000,
    STOP_MS = 10000,
};

static const char bin_pattern[] = "/usr/lib/postgresql/*/bin/";

static bool find_program(const char *name, char out[NJ_TEMP_PATH_MAX])
{
    char pattern[NJ_TEMP_PATH_MAX];
    snprintf(pattern, sizeof pattern, "%s%s", bin_pattern, name);
    return nj_server_find(name, pattern, out);
}

bool nj_postgres_installed(void)
{
    char path[NJ_TEMP_PATH_MAX];
    return find_program("postgres", path) && find_program("initdb", path);
}

static PGconn *connect_to(const struct nj_postgres_server *server, const char *database)
{
    char port[16];
    snprintf(port, sizeof port, "%d", server->port);
    const char *const names[] = {
        "host", "port", "user", "password", "dbname", "connect_timeout", "client_encoding", NULL};
    const char *const values[] = {"127.0.0.1", port, "postgres", NJ_POSTGRES_PASSWORD,
                                  database,    "10", "UTF8",     NULL};
    return PQconnectdbParams(names, values, 0);
}

static bool answers(void *arg)
{
    PGconn *conn = connect_to(arg, "postgres");
    bool ready = PQstatus(conn) == CONNECTION_OK;
    PQfinish(conn);
    return ready;
}

static void write_password(const char *path)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "%s\n", NJ_POSTGRES_PASSWORD);
    assert_int_equal(fclose(file), 0);
}

static void make_cluster(struct nj_postgres_server *server)
{
    char initdb[NJ_TEMP_PATH_MAX], data[NJ_TEMP_PATH_MAX], password[NJ_TEMP_PATH_MAX];
    char password_option[NJ_TEMP_PATH_MAX + 16];
    assert_true(find_program("initdb", initdb));
    nj_temp_dir_path(&server->folder, "data", data);
    write_password(nj_temp_dir_path(&server->folder, "password", password));
    snprintf(password_option, sizeof password_option, "--pwfile=%s", password);
    const char *const words[] = {initdb,          "-D",          data,        "-A",
                                 "scram-sha-256", "-U",          "postgres",  "-E",
                                 "UTF8",          "--no-locale", "--no-sync", "--no-instructions",
                                 password_option, NULL};
    const struct nj_server_command command = {
        .words = words, .folder = server->folder.path, .orphan_signal = SIGKILL};
    nj_server_process_start(&server->process, &command);
    assert_true(nj_server_process_ended(&server->process, INITDB_MS));
}

static bool run(struct nj_postgres_server *server)
{
    char port[16], data[NJ_TEMP_PATH_MAX];
    snprintf(port, sizeof port, "%d", server->port);
    nj_temp_dir_path(&server->folder, "data", data);
    // Nothing here must survive the machine, only the process.
    const char *const words[] = {server->program,
                                 "-D",
                                 data,
                                 "-h",
                                 "127.0.0.1",
                                 "-p",
                                 port,
                                 "-k",
                                 server->folder.path,
                                 "-F",
                                 "-c",
                                 "full_page_writes=off",
                                 "-c",
                                 "max_connections=40",
                                 "-c",
                                 "shared_buffers=16MB",
                                 "-c",
                                 "autovacuum=off",
                                 NULL};
    const struct nj_server_command command = {
        .words = words, .folder = server->folder.path, .orphan_signal = SIGQUIT};
    nj_server_process_start(&server->process, &command);
    if (nj_server_process_await(&server->process, START_MS, answers, server))
        return true;
    nj_server_process_kill(&server->process);
    return false;
}

static struct nj_postgres_server shared;

static void end_shared(void)
{
    nj_server_process_stop(&shared.process, SIGINT, STOP_MS);
    nj_temp_dir_finish(&shared.folder);
}

struct nj_postgres_server *nj_postgres_shared(void)
{
    if (shared.folder.path[0] == '\0') {
        assert_true(find_program("postgres", shared.program));
        nj_server_folder_init(&shared.folder);
        assert_int_equal(atexit(end_shared), 0);
        make_cluster(&shared);
    }
    nj_postgres_resume(&shared);
    for (int i = 0; shared.process.pid == 0; i++) {
        assert_true(i < START_TRIES);
        if (shared.port == 0 || i > 0)
            shared.port = nj_server_free_port();
        run(&shared);
    }
    return &shared;
}

void nj_postgres_kill(struct nj_postgres_server *server)
{
    nj_server_process_kill(&server->process);
}

void nj_postgres_stop(struct nj_postgres_server *server)
{
    nj_server_process_stop(&server->process, SIGINT, STOP_MS);
}

void nj_postgres_restart(struct nj_postgres_server *server)
{
    nj_server_process_kill(&server->process);
    // Children of the killed one hold its shared memory for a moment.
    for (int i = 0; !run(server); i++)
        assert_true(i < START_TRIES);
}

void nj_postgres_pause(struct nj_postgres_server *server)
{
    nj_server_process_pause(&server->process);
}

void nj_postgres_resume(struct nj_postgres_server *server)
{
    nj_server_process_resume(&server->process);
}

static void hear_nothing(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

static PGresult *query(const struct nj_postgres_server *server, const char *database,
                       const char *sql)
{
    PGconn *conn = connect_to(server, database);
    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQsetNoticeProcessor(conn, hear_nothing, NULL);
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQfinish(conn);
    return result;
}

void nj_postgres_sql(const struct nj_postgres_server *server, const char *database, const char *sql)
{
    PQclear(query(server, database, sql));
}

void nj_postgres_fresh(struct nj_postgres_server *server, const char *database)
{
    char sql[256];
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS \"%s\" WITH (FORCE)", database);
    nj_postgres_sql(server, "postgres", sql);
    snprintf(sql, sizeof sql, "CREATE DATABASE \"%s\"", database);
    nj_postgres_sql(server, "postgres", sql);
}

const char *nj_postgres_url(const struct nj_postgres_server *server, const char *database,
                            char out[NJ_POSTGRES_URL_MAX])
{
    snprintf(out, NJ_POSTGRES_URL_MAX, "postgresql://postgres@127.0.0.1:%d/%s", server->port,
             database);
    return out;
}

const char *nj_postgres_text(const struct nj_postgres_server *server, const char *database,
                             const char *sql, char out[256])
{
    PGresult *result = query(server, database, sql);
    snprintf(out, 256, "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return out;
}

int64_t nj_postgres_int(const struct nj_postgres_server *server, const char *database,
                        const char *sql)
{
    char text[256];
    return strtoll(nj_postgres_text(server, database, sql, text), NULL, 10);
}
