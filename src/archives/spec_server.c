// SPDX-License-Identifier: Apache-2.0
// The servers that an archive brings: Redis and PostgreSQL.
#include "archives/spec_priv.h"

#include "util/mem.h"

#include <string.h>

enum { PORT_MAX = 65535, DATABASES_MAX = 1023 };

static const char *wrong_host(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:";
    return text[strspn(text, allowed)] == '\0' ? NULL : "a host name or an address is meant";
}

static const char *wrong_password(const char *text)
{
    static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    if (strncmp(text, "env:", 4) == 0 && (text[4] == '\0' || text[4 + strspn(text + 4, name)]))
        return "behind env: stands the name of an environment variable";
    if (strncmp(text, "file:", 5) == 0 && text[5] != '/')
        return "behind file: stands an absolute path";
    return NULL;
}

static int warn_plain(struct nj_spec_reader *reader, const char *password)
{
    if (password[0] == '\0' || strncmp(password, "env:", 4) == 0 ||
        strncmp(password, "file:", 5) == 0)
        return 0;
    return nj_spec_warn(reader, "the password stands here in plain text; write env:NAME or "
                                "file:PATH");
}

#define TEXT(key, where, must, check)                                                              \
    {                                                                                              \
        .name = (key), .kind = NJ_MEMBER_TEXT, .required = (must), .min = (must) ? 1 : 0,          \
        .max = sizeof(((STRUCT *)0)->where) - 1, .offset = offsetof(STRUCT, where),                \
        .size = sizeof(((STRUCT *)0)->where), .wrong = (check)                                     \
    }
#define NUMBER(key, where, must, low, high)                                                        \
    {                                                                                              \
        .name = (key), .kind = NJ_MEMBER_INT32, .required = (must),                                \
        .offset = offsetof(STRUCT, where), .min = (low), .max = (high)                             \
    }

#define STRUCT struct nj_spec_redis
static const struct nj_member redis_items[] = {
    TEXT("host", host, true, wrong_host),
    NUMBER("port", port, true, 1, PORT_MAX),
    TEXT("password", password, false, wrong_password),
    NUMBER("db", database, false, 0, DATABASES_MAX),
};
#undef STRUCT
#define STRUCT struct nj_spec_postgresql
static const struct nj_member postgresql_items[] = {
    TEXT("host", host, true, wrong_host),
    NUMBER("port", port, true, 1, PORT_MAX),
    TEXT("database", database, true, NULL),
    TEXT("username", username, true, NULL),
    TEXT("password", password, true, wrong_password),
};
#undef STRUCT
static const struct nj_members redis_members = {redis_items, NJ_COUNT_OF(redis_items)};
static const struct nj_members postgresql_members = {postgresql_items,
                                                     NJ_COUNT_OF(postgresql_items)};

int nj_spec_read_redis(struct nj_spec_reader *reader, const json_t *json, void *object)
{
    struct nj_spec_redis *redis = &((struct nj_spec *)object)->redis;
    redis->given = true;
    const int rc = nj_spec_read(reader, &redis_members, json, redis);
    return rc == 0 ? warn_plain(reader, redis->password) : rc;
}

int nj_spec_read_postgresql(struct nj_spec_reader *reader, const json_t *json, void *object)
{
    struct nj_spec_postgresql *postgresql = &((struct nj_spec *)object)->postgresql;
    postgresql->given = true;
    const int rc = nj_spec_read(reader, &postgresql_members, json, postgresql);
    return rc == 0 ? warn_plain(reader, postgresql->password) : rc;
}
