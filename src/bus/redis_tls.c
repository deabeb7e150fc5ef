// SPDX-License-Identifier: Apache-2.0
// TLS of the Redis connection, where hiredis offers it: the certificate must be valid for the host.
#include "bus/redis_priv.h"

#ifdef NJ_HIREDIS_TLS

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>

bool nj_redis_tls_offered(void)
{
    return true;
}

static SSL_CTX *make_context(const char *ca_file)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    bool own = ca_file != NULL && ca_file[0] != '\0';
    if ((own ? SSL_CTX_load_verify_locations(context, ca_file, NULL)
             : SSL_CTX_set_default_verify_paths(context)) == 1)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static bool name_peer(SSL *ssl, const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

int nj_redis_tls_begin(struct redisContext *context, const struct nj_redis_target *target,
                       const char *ca_file, struct ssl_st **out, struct nj_error *err)
{
    SSL_CTX *settings = make_context(ca_file);
    if (settings == NULL)
        return nj_error_set(err, NJ_E_INVALID,
                            "Redis %s: the authorities' certificates cannot be read",
                            target->shown);
    SSL *ssl = SSL_new(settings);
    SSL_CTX_free(settings); // the connection holds it
    if (ssl == NULL || !name_peer(ssl, target->host)) {
        SSL_free(ssl);
        return nj_error_set(err, NJ_E_NOMEM, "Redis %s: no memory for TLS", target->shown);
    }
    if (redisInitiateSSL(context, ssl) != REDIS_OK) {
        // A quick server's certificate may have been seen already.
        const char *trouble = nj_redis_tls_trouble(ssl);
        SSL_free(ssl); // else the context owns it
        return nj_error_set(err, NJ_E_UNAVAILABLE, "Redis %s: TLS: %s", target->shown,
                            trouble != NULL ? trouble : context->errstr);
    }
    *out = ssl;
    return 0;
}

bool nj_redis_tls_wants_read(const struct ssl_st *ssl)
{
    return ssl != NULL && SSL_want_read(ssl);
}

const char *nj_redis_tls_trouble(const struct ssl_st *ssl)
{
    long result = ssl != NULL ? SSL_get_verify_result(ssl) : X509_V_OK;
    return result != X509_V_OK ? X509_verify_cert_error_string(result) : NULL;
}

#else

bool nj_redis_tls_offered(void)
{
    return false;
}

int nj_redis_tls_begin(struct redisContext *context, const struct nj_redis_target *target,
                       const char *ca_file, struct ssl_st **out, struct nj_error *err)
{
    (void)context;
    (void)ca_file;
    (void)out;
    return nj_error_set(err, NJ_E_UNSUPPORTED, "Redis %s: this program was built without TLS",
                        target->shown);
}

bool nj_redis_tls_wants_read(const struct ssl_st *ssl)
{
    (void)ssl;
    return false;
}

const char *nj_redis_tls_trouble(const struct ssl_st *ssl)
{
    (void)ssl;
    return NULL;
}

#endif
