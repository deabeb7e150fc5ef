// SPDX-License-Identifier: Apache-2.0
// A real Redis server for a test.
#include "tests/fake/redis_server.h"
#include "tests/fake/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

enum {
    START_TRIES = 5, // another program may take the port first
    START_MS = 15000,
    STOP_MS = 5000,
    CLIENT_S = 5,
    WORDS_MAX = 28,
};

static bool find_program(char out[NJ_TEMP_PATH_MAX])
{
    return nj_server_find("redis-server", NULL, out);
}

bool nj_redis_server_installed(void)
{
    char path[NJ_TEMP_PATH_MAX];
    return find_program(path);
}

static redisContext *connect_to(const struct nj_redis_server *server)
{
    const struct timeval limit = {.tv_sec = CLIENT_S};
    redisContext *client = redisConnectWithTimeout("127.0.0.1", server->port, limit);
    if (client == NULL || client->err != 0 || redisSetTimeout(client, limit) != REDIS_OK) {
        if (client != NULL)
            redisFree(client);
        return NULL;
    }
    return client;
}

// Whatever it says but that it is still loading, it is there.
static bool answers(void *arg)
{
    redisContext *client = connect_to(arg);
    redisReply *reply = client != NULL ? redisCommand(client, "PING") : NULL;
    bool ready = reply != NULL && (reply->type == REDIS_REPLY_STATUS ||
                                   strncmp(reply->str, "NOAUTH", strlen("NOAUTH")) == 0);
    if (reply != NULL)
        freeReplyObject(reply);
    if (client != NULL)
        redisFree(client);
    return ready;
}

// The names of the files in the server's folder, which is where it runs.
static const char certificate_name[] = "tls.pem", key_name[] = "tls.key";

static size_t add_words(const char **words, size_t count, const char *const *more)
{
    while (*more != NULL)
        words[count++] = *more++;
    return count;
}

static bool run(struct nj_redis_server *server)
{
    char port[16], tls_port[16];
    snprintf(port, sizeof port, "%d", server->port);
    snprintf(tls_port, sizeof tls_port, "%d", server->tls_port);
    const char *words[WORDS_MAX] = {server->program,
                                    "--port",
                                    port,
                                    "--bind",
                                    "127.0.0.1",
                                    "--save",
                                    "",
                                    "--appendonly",
                                    "no",
                                    "--dir",
                                    server->folder.path,
                                    "--daemonize",
                                    "no"};
    size_t count = 13;
    const char *const login[] = {"--requirepass", server->password, NULL};
    const char *const tls[] = {"--tls-port",
                               tls_port,
                               "--tls-cert-file",
                               certificate_name,
                               "--tls-key-file",
                               key_name,
                               "--tls-auth-clients",
                               "no",
                               NULL};
    if (server->password[0] != '\0')
        count = add_words(words, count, login);
    if (server->tls_port != 0)
        (void)add_words(words, count, tls);
    const struct nj_server_command command = {
        .words = words, .folder = server->folder.path, .orphan_signal = SIGKILL};
    nj_server_process_start(&server->process, &command);
    if (nj_server_process_await(&server->process, START_MS, answers, server))
        return true;
    nj_server_process_kill(&server->process);
    return false;
}

void nj_redis_server_start(struct nj_redis_server *server, const char *password)
{
    *server = (struct nj_redis_server){.port = 0};
    snprintf(server->password, sizeof server->password, "%s", password != NULL ? password : "");
    assert_true(find_program(server->program));
    nj_server_folder_init(&server->folder);
    for (int i = 0; i < START_TRIES; i++) {
        server->port = nj_server_free_port();
        if (run(server))
            return;
    }
    fail_msg("redis-server does not start; its output is in %s", server->folder.path);
}

void nj_redis_server_stop(struct nj_redis_server *server)
{
    nj_server_process_stop(&server->process, SIGTERM, STOP_MS);
    nj_temp_dir_finish(&server->folder);
}

void nj_redis_server_kill(struct nj_redis_server *server)
{
    nj_server_process_kill(&server->process);
}

void nj_redis_server_restart(struct nj_redis_server *server)
{
    nj_server_process_kill(&server->process);
    assert_true(run(server));
}

void nj_redis_server_restart_with_tls(struct nj_redis_server *server, const char *names,
                                      char *ca_file)
{
    struct nj_test_certificate certificate;
    char key_file[NJ_TEMP_PATH_MAX];
    nj_temp_dir_path(&server->folder, certificate_name, ca_file);
    nj_temp_dir_path(&server->folder, key_name, key_file);
    assert_true(nj_test_certificate_init(&certificate, names));
    assert_true(nj_test_certificate_save(&certificate, ca_file));
    assert_true(nj_test_certificate_save_key(&certificate, key_file));
    nj_test_certificate_finish(&certificate);
    nj_redis_server_kill(server);
    for (int i = 0; i < START_TRIES; i++) {
        server->tls_port = nj_server_free_port();
        if (run(server))
            return;
    }
    fail_msg("redis-server does not start with TLS; its output is in %s", server->folder.path);
}

void nj_redis_server_pause(struct nj_redis_server *server)
{
    nj_server_process_pause(&server->process);
}

void nj_redis_server_resume(struct nj_redis_server *server)
{
    nj_server_process_resume(&server->process);
}

const char *nj_redis_server_url(const struct nj_redis_server *server,
                                char out[NJ_REDIS_SERVER_URL_MAX])
{
    snprintf(out, NJ_REDIS_SERVER_URL_MAX, "redis://127.0.0.1:%d/0", server->port);
    return out;
}

struct redisContext *nj_redis_server_client(const struct nj_redis_server *server)
{
    redisContext *client = connect_to(server);
    assert_non_null(client);
    if (server->password[0] != '\0') {
        redisReply *reply = redisCommand(client, "AUTH %s", server->password);
        assert_true(reply != NULL && reply->type == REDIS_REPLY_STATUS);
        freeReplyObject(reply);
    }
    return client;
}

int64_t nj_redis_server_int(const struct nj_redis_server *server, const char *command)
{
    redisContext *client = nj_redis_server_client(server);
    redisReply *reply = redisCommand(client, command);
    assert_true(reply != NULL && reply->type == REDIS_REPLY_INTEGER);
    int64_t value = reply->integer;
    freeReplyObject(reply);
    redisFree(client);
    return value;
}
