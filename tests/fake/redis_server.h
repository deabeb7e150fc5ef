// SPDX-License-Identifier: Apache-2.0
// A real Redis server for a test, on a port and in a folder of its own; and a plain client beside
// the code under test.
#ifndef NJ_FAKE_REDIS_SERVER_H
#define NJ_FAKE_REDIS_SERVER_H

#include "tests/fake/server_process.h"

#include <stdint.h>

enum { NJ_REDIS_SERVER_URL_MAX = 256 };

struct nj_redis_server {
    struct nj_server_process process;
    struct nj_temp_dir folder;
    char program[NJ_TEMP_PATH_MAX];
    char password[64]; // "" none
    int port;
    int tls_port; // 0: none
};

// False: not installed; skip() the test then, with a name that begins with "redis_".
bool nj_redis_server_installed(void);
// Starts and waits until it answers. `password` may be NULL.
void nj_redis_server_start(struct nj_redis_server *server, const char *password);
// Ends it and removes its folder. Harmless when zeroed.
void nj_redis_server_stop(struct nj_redis_server *server);
// What may happen to it; its port stays the same. After kill and restart it is empty.
void nj_redis_server_kill(struct nj_redis_server *server);
void nj_redis_server_restart(struct nj_redis_server *server); // kills it when it is running
void nj_redis_server_pause(struct nj_redis_server *server);
void nj_redis_server_resume(struct nj_redis_server *server);

// Starts it again, empty, with a port for rediss:// beside the plain one and a certificate for
// `names` ("DNS:localhost"), whose path comes in `ca_file` of NJ_TEMP_PATH_MAX bytes.
void nj_redis_server_restart_with_tls(struct nj_redis_server *server, const char *names,
                                      char *ca_file);

// "redis://127.0.0.1:4711/0", without the password.
const char *nj_redis_server_url(const struct nj_redis_server *server,
                                char out[NJ_REDIS_SERVER_URL_MAX]);

// A blocking client with a time-out of some seconds, authenticated; redisFree() it.
struct redisContext *nj_redis_server_client(const struct nj_redis_server *server);
// The integer of a command's answer ("TTL key", "EXISTS key"); the test fails on another answer.
int64_t nj_redis_server_int(const struct nj_redis_server *server, const char *command);

#endif
