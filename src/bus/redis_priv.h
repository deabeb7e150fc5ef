// SPDX-License-Identifier: Apache-2.0
// What the files of the Redis connection share: the server's place, and a link to it, which is one
// attempt to reach it and the talk that follows.
#ifndef NJ_BUS_REDIS_PRIV_H
#define NJ_BUS_REDIS_PRIV_H

#include "bus/redis.h"
#include "net/resolve.h"
#include "net/url.h"

#include <stdbool.h>
#include <stddef.h>

struct uv_loop_s;
struct redisContext;
struct redisReply;

// redis_url.c
struct nj_redis_target {
    bool tls;
    char host[NJ_URL_HOST_SIZE]; // a name, or a number without brackets
    int port;
    int64_t database;
    char user[NJ_URL_SECRET_SIZE], password[NJ_URL_SECRET_SIZE];
    char shown[300]; // host and port, for people
};
// NJ_E_INVALID says what is wrong without showing the URL; NJ_E_UNSUPPORTED without TLS.
int nj_redis_target_parse(const struct nj_redis_options *options, struct nj_redis_target *out,
                          struct nj_error *err);

// redis_tls.c
bool nj_redis_tls_offered(void); // by the library this was built with
// Begins TLS on a connected context, which then owns *out. NJ_E_UNAVAILABLE, NJ_E_INVALID (the file
// of authorities).
struct ssl_st;
int nj_redis_tls_begin(struct redisContext *context, const struct nj_redis_target *target,
                       const char *ca_file, struct ssl_st **out, struct nj_error *err);
bool nj_redis_tls_wants_read(const struct ssl_st *ssl); // before it can write; false for NULL
// What is wrong with the server's certificate; NULL for nothing.
const char *nj_redis_tls_trouble(const struct ssl_st *ssl);

// redis_uv.c. Callbacks come from the loop, never from inside a call of these functions, and none
// after nj_redis_link_close, which may be called from inside one.
struct nj_redis_link_config {
    const struct nj_redis_target *target; // outlives the link
    const char *ca_file;
    const struct nj_address_rules *rules;
    struct nj_resolver *resolver;
    struct nj_loop *loop;
    void (*up)(void *arg);                                    // bytes may be written now
    void (*reply)(void *arg, const struct redisReply *reply); // borrowed
    void (*down)(void *arg, const struct nj_error *error);    // once; nothing follows
    void *arg;
};
struct nj_redis_link;
int nj_redis_link_open(const struct nj_redis_link_config *config, struct nj_redis_link **out,
                       struct nj_error *err);
// Of a link that is up. Copies, and sends when the socket has room; without memory it goes down.
void nj_redis_link_write(struct nj_redis_link *link, const char *bytes, size_t length);
void nj_redis_link_close(struct nj_redis_link *link); // accepts NULL

#endif
