// SPDX-License-Identifier: Apache-2.0
// A real PostgreSQL server for tests, on a port and in a folder of its own; and plain SQL beside
// the code under test.
#ifndef NJ_FAKE_POSTGRES_SERVER_H
#define NJ_FAKE_POSTGRES_SERVER_H

#include "tests/fake/server_process.h"

#include <stdint.h>

enum { NJ_POSTGRES_URL_MAX = 256 };

// Of the superuser "postgres", by which tests look; connections over TCP must give it.
#define NJ_POSTGRES_PASSWORD "pass/word:1@x"

struct nj_postgres_server {
    struct nj_server_process process;
    struct nj_temp_dir folder;
    char program[NJ_TEMP_PATH_MAX];
    int port;
};

// False: not installed; skip() the test then, with a name that begins with "postgres_".
bool nj_postgres_installed(void);
// The server of this test program: made at the first call, running again if a test has left it
// killed or paused, ended with the program. Tests separate themselves by databases.
struct nj_postgres_server *nj_postgres_shared(void);

// What may happen to it; its port and its data stay the same.
void nj_postgres_kill(struct nj_postgres_server *server);    // as a loss of power
void nj_postgres_stop(struct nj_postgres_server *server);    // sends its clients away
void nj_postgres_restart(struct nj_postgres_server *server); // kills it when it is running
void nj_postgres_pause(struct nj_postgres_server *server);
void nj_postgres_resume(struct nj_postgres_server *server);

// An empty database; what was in one of this name is gone.
void nj_postgres_fresh(struct nj_postgres_server *server, const char *database);
// "postgresql://postgres@127.0.0.1:4711/database", without the password.
const char *nj_postgres_url(const struct nj_postgres_server *server, const char *database,
                            char out[NJ_POSTGRES_URL_MAX]);

// Runs statements; the test fails when one does.
void nj_postgres_sql(const struct nj_postgres_server *server, const char *database,
                     const char *sql);
// First value of a query's first row: as a number, or as text in `out` ("" for NULL or no row).
int64_t nj_postgres_int(const struct nj_postgres_server *server, const char *database,
                        const char *sql);
const char *nj_postgres_text(const struct nj_postgres_server *server, const char *database,
                             const char *sql, char out[256]);

#endif
