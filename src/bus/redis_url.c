// SPDX-License-Identifier: Apache-2.0
// Redis URLs: redis[s]://[user[:password]@]host[:port][/database].
#include "bus/redis_priv.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_PORT = 6379, PORT_MAX = 65535, DATABASE_MAX = 65535, NUMBER_SIZE = 8 };

static int refuse(struct nj_error *err, const char *what)
{
    return nj_error_set(err, NJ_E_INVALID, "Redis URL: %s (redis://user@host:6379/0)", what);
}

// Decodes percent escapes; false when it is malformed or does not fit.
static bool decode(const char *text, size_t length, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            int high = i + 2 < length ? nj_hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? nj_hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return false;
            c = high * 16 + low;
            i += 2;
        }
        if (used + 1 >= size)
            return false;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return true;
}

static bool parse_number(const char *text, size_t length, int64_t max, int64_t *out)
{
    char digits[NUMBER_SIZE];
    if (length == 0 || length >= sizeof digits || strspn(text, "0123456789") < length)
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    return nj_text_to_int(digits, out) == 0 && *out <= max;
}

static int parse_user(const char *text, size_t length, struct nj_redis_target *out,
                      struct nj_error *err)
{
    const char *colon = memchr(text, ':', length);
    size_t user = colon != NULL ? (size_t)(colon - text) : length;
    size_t password = colon != NULL ? length - user - 1 : 0;
    if (!decode(text, user, out->user, sizeof out->user) ||
        !decode(colon != NULL ? colon + 1 : text, password, out->password, sizeof out->password))
        return refuse(err, "user or password is malformed or too long");
    return 0;
}

// What follows the host: nothing, or ":port".
static bool parse_port(const char *text, const char *end, int *out)
{
    int64_t port = DEFAULT_PORT;
    if (text != end &&
        (*text != ':' || !parse_number(text + 1, (size_t)(end - text - 1), PORT_MAX, &port)))
        return false;
    *out = (int)port;
    return port > 0;
}

// "host", "host:port", "[::1]:port"
static int parse_host(const char *text, size_t length, struct nj_redis_target *out,
                      struct nj_error *err)
{
    const char *end = text + length;
    const char *host = text;
    const char *host_end = memchr(text, ':', length);
    bool number = length > 0 && text[0] == '[';
    if (number) {
        host = text + 1;
        host_end = memchr(text, ']', length);
        if (host_end == NULL)
            return refuse(err, "the address has no closing bracket");
    }
    host_end = host_end != NULL ? host_end : end;
    if (host == host_end || !decode(host, (size_t)(host_end - host), out->host, sizeof out->host))
        return refuse(err, "the host is missing, malformed or too long");
    if (!parse_port(number ? host_end + 1 : host_end, end, &out->port))
        return refuse(err, "the port is not a number from 1 to 65535");
    snprintf(out->shown, sizeof out->shown, number ? "[%s]:%d" : "%s:%d", out->host, out->port);
    return 0;
}

static int parse_authority(const char *text, size_t length, struct nj_redis_target *out,
                           struct nj_error *err)
{
    const char *at = memrchr(text, '@', length);
    size_t user = at != NULL ? (size_t)(at - text) : 0;
    int rc = at != NULL ? parse_user(text, user, out, err) : 0;
    if (rc != 0)
        return rc;
    size_t skipped = at != NULL ? user + 1 : 0;
    return parse_host(text + skipped, length - skipped, out, err);
}

// "", "/" or "/3"
static bool parse_database(const char *path, int64_t *out)
{
    if (path[0] == '\0' || strcmp(path, "/") == 0)
        return true;
    return path[0] == '/' && parse_number(path + 1, strlen(path + 1), DATABASE_MAX, out);
}

static bool override_password(const char *password, struct nj_redis_target *out)
{
    if (password == NULL || password[0] == '\0')
        return true;
    return nj_text_copy(out->password, sizeof out->password, password);
}

int nj_redis_target_parse(const struct nj_redis_options *options, struct nj_redis_target *out,
                          struct nj_error *err)
{
    struct nj_redis_target target = {.database = 0};
    const char *url = options->url != NULL ? options->url : "";
    target.tls = strncmp(url, "rediss://", strlen("rediss://")) == 0;
    if (!target.tls && strncmp(url, "redis://", strlen("redis://")) != 0)
        return refuse(err, "it does not begin with redis:// or rediss://");
    const char *authority = strchr(url, '/') + 2;
    size_t length = strcspn(authority, "/?#");
    int rc = parse_authority(authority, length, &target, err);
    if (rc != 0)
        return rc;
    if (!parse_database(authority + length, &target.database))
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
