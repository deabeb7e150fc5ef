// SPDX-License-Identifier: Apache-2.0
// Redis URLs: redis[s]://[user[:password]@]host[:port][/database].
#include "bus/redis_priv.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_PORT = 6379, DATABASE_MAX = 65535 };

static int refuse(struct nj_error *err, const char *what)
{
    return nj_error_set(err, NJ_E_INVALID, "Redis URL: %s (redis://user@host:6379/0)", what);
}

static bool parse_number(const char *digits, int64_t max, int64_t *out)
{
    return digits[strspn(digits, "0123456789")] == '\0' && nj_text_to_int(digits, out) == 0 &&
           *out <= max;
}

// "", "/" or "/3"
static bool parse_database(const char *path, int64_t *out)
{
    if (path[0] == '\0' || strcmp(path, "/") == 0)
        return true;
    return path[0] == '/' && parse_number(path + 1, DATABASE_MAX, out);
}

static bool override_password(const char *password, struct nj_redis_target *out)
{
    if (password == NULL || password[0] == '\0')
        return true;
    return nj_text_copy(out->password, sizeof out->password, password);
}

static void take_place(const struct nj_url *url, struct nj_redis_target *out)
{
    const bool bracketed = strchr(url->host, ':') != NULL;
    out->tls = strcmp(url->scheme, "rediss") == 0;
    out->port = url->port != 0 ? url->port : DEFAULT_PORT;
    memcpy(out->host, url->host, sizeof out->host);
    memcpy(out->user, url->user, sizeof out->user);
    memcpy(out->password, url->password, sizeof out->password);
    snprintf(out->shown, sizeof out->shown, bracketed ? "[%s]:%d" : "%s:%d", out->host, out->port);
}

int nj_redis_target_parse(const struct nj_redis_options *options, struct nj_redis_target *out,
                          struct nj_error *err)
{
    struct nj_redis_target target = {.database = 0};
    const char *text = options->url != NULL ? options->url : "";
    struct nj_url url;
    struct nj_error why;
    if (strncmp(text, "redis://", strlen("redis://")) != 0 &&
        strncmp(text, "rediss://", strlen("rediss://")) != 0)
        return refuse(err, "it does not begin with redis:// or rediss://");
    if (nj_url_parse(text, &url, &why) != 0)
        return refuse(err, why.text);
    take_place(&url, &target);
    if (!parse_database(url.rest, &target.database))
        return refuse(err, "what follows the host is not the number of a database");
    if (!override_password(options->password, &target))
        return refuse(err, "the password is too long");
    if (target.tls && !nj_redis_tls_offered())
        return nj_error_set(err, NJ_E_UNSUPPORTED,
                            "Redis URL: rediss:// needs a hiredis with TLS (1.0 or later, with "
                            "hiredis_ssl), which this program was not built with; use redis:// "
                            "through a tunnel such as stunnel");
    *out = target;
    return 0;
}
