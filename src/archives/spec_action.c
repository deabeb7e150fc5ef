// SPDX-License-Identifier: Apache-2.0
// Members of the kinds of actions.
#include "archives/spec_priv.h"

#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EXPIRE_MAX_S = 10 * 366 * 86400, QUALITY_DEFAULT = 90 };

const char *const nj_action_kind_names[NJ_ACTION_KIND_COUNT] = {
    [NJ_ACTION_REDIS_SAVE_IMAGE] = "redis_save_image",
    [NJ_ACTION_REDIS_PUBLISH] = "redis_publish",
    [NJ_ACTION_POSTGRESQL_CREATE_RECORD] = "postgresql_create_record",
    [NJ_ACTION_POSTGRESQL_UPDATE] = "postgresql_update",
    [NJ_ACTION_POSTGRESQL_UPDATE_COMBINED] = "postgresql_update_combined",
    [NJ_ACTION_PUBLISH_MESSAGE] = "publish_message",
    [NJ_ACTION_HTTP_POST] = "http_post",
};

static const char *wrong_table(const char *text)
{
    const char *dot = strchr(text, '.');
    const size_t first = dot != NULL ? (size_t)(dot - text) : strlen(text);
    if (nj_spec_is_identifier(text, first) &&
        (dot == NULL || nj_spec_is_identifier(dot + 1, strlen(dot + 1))))
        return NULL;
    return "a table is 'table' or 'schema.table', each of 1 to 63 letters, digits and '_' that "
           "begin with no digit";
}

static const char *wrong_url(const char *text)
{
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
        return "must begin with http:// or https://";
    const char *authority = strstr(text, "://") + 3;
    const size_t length = strcspn(authority, "/?#");
    if (memchr(authority, '@', length) == NULL)
        return NULL;
    return "must not hold a user or password, which would be kept with each dead letter";
}

static int read_format(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct nj_spec_action *action = object;
    const char *text = json_string_value(value);
    if (text == NULL || (strcmp(text, "jpeg") != 0 && strcmp(text, "png") != 0))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be one of jpeg | png");
    action->png = strcmp(text, "png") == 0;
    return 0;
}

static int read_column(struct nj_spec_reader *reader, const char *column, const json_t *value,
                       struct nj_spec_action *action)
{
    struct nj_spec_field *field = &action->fields[action->field_count];
    struct nj_error why = {0};
    char shown[NJ_SPEC_NAME_SIZE];
    nj_text_printable(shown, sizeof shown, column);
    if (nj_spec_wrong_identifier(column) != NULL)
        return nj_spec_fail(reader, NJ_E_INVALID, "'%s': %s", shown,
                            nj_spec_wrong_identifier(column));
    if (!json_is_string(value))
        return nj_spec_fail(reader, NJ_E_INVALID, "'%s': must be a text", shown);
    const int rc = nj_template_parse(json_string_value(value), &field->value, &why);
    if (rc != 0)
        return nj_spec_fail(reader, rc, "'%s': %s", shown, why.text);
    nj_text_copy(field->column, sizeof field->column, column);
    action->field_count++;
    return 0;
}

static int read_fields(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct nj_spec_action *action = object;
    const size_t count = json_object_size(value);
    const char *column = NULL;
    json_t *item = NULL;
    if (!json_is_object(value) || count == 0)
        return nj_spec_fail(reader, NJ_E_INVALID, "must be an object of columns and their texts");
    if (count > NJ_SPEC_NAMES_MAX)
        return nj_spec_fail(reader, NJ_E_TOO_BIG, "has %zu columns, at most %d are taken", count,
                            NJ_SPEC_NAMES_MAX);
    int rc = nj_spec_make(reader, count, sizeof *action->fields, (void **)&action->fields);
    if (rc != 0)
        return rc;
    json_object_foreach((json_t *)value, column, item)
    {
        rc = read_column(reader, column, item, action);
        if (rc != 0)
            return rc;
    }
    return 0;
}

#define AT(member)   offsetof(struct nj_spec_action, member)
#define SIZE(member) sizeof(((struct nj_spec_action *)0)->member)

// The member that chose the table.
#define TYPE                                                                                       \
    {                                                                                              \
        .name = "type", .kind = NJ_MEMBER_OTHER                                                    \
    }
#define MESSAGE(key)                                                                               \
    {                                                                                              \
        .name = (key), .kind = NJ_MEMBER_TEMPLATE, .required = true, .offset = AT(message)         \
    }
#define CHANNEL(key, check)                                                                        \
    {                                                                                              \
        .name = (key), .kind = NJ_MEMBER_TEXT, .required = true, .offset = AT(channel),            \
        .size = SIZE(channel), .min = 1, .max = SIZE(channel) - 1, .wrong = (check)                \
    }
#define TABLE                                                                                      \
    {                                                                                              \
        .name = "table", .kind = NJ_MEMBER_TEXT, .required = true, .offset = AT(table),            \
        .size = SIZE(table), .min = 1, .max = SIZE(table) - 1, .wrong = wrong_table                \
    }
#define KEY_FIELD(must)                                                                            \
    {                                                                                              \
        .name = "key_field", .kind = NJ_MEMBER_TEXT, .required = (must), .offset = AT(key_field),  \
        .size = SIZE(key_field), .min = 1, .max = SIZE(key_field) - 1,                             \
        .text_fallback = "session_id", .wrong = nj_spec_wrong_identifier                           \
    }
#define KEY_VALUE(must)                                                                            \
    {                                                                                              \
        .name = "key_value", .kind = NJ_MEMBER_TEMPLATE, .required = (must), .min = 1,             \
        .offset = AT(key_value), .text_fallback = "{session_id}"                                   \
    }
#define FIELDS                                                                                     \
    {                                                                                              \
        .name = "fields", .kind = NJ_MEMBER_OTHER, .required = true, .read = read_fields           \
    }

static const struct nj_member save_image_items[] = {
    TYPE,
    {.name = "key", .kind = NJ_MEMBER_TEMPLATE, .required = true, .min = 1, .offset = AT(key)},
    {.name = "region", .kind = NJ_MEMBER_TEXT, .offset = AT(region), .size = SIZE(region)},
    {.name = "format", .kind = NJ_MEMBER_OTHER, .read = read_format},
    {.name = "quality",
     .kind = NJ_MEMBER_INT32,
     .offset = AT(quality),
     .min = 1,
     .max = 100,
     .fallback = QUALITY_DEFAULT},
    {.name = "expire_seconds",
     .kind = NJ_MEMBER_INT64,
     .offset = AT(expire_seconds),
     .max = EXPIRE_MAX_S,
     .fallback = NJ_SPEC_EXPIRE_DEFAULT},
};
static const struct nj_member redis_publish_items[] = {TYPE, CHANNEL("channel", NULL),
                                                       MESSAGE("message")};
static const struct nj_member publish_message_items[] = {TYPE, CHANNEL("topic", NULL),
                                                         MESSAGE("message")};
static const struct nj_member http_post_items[] = {TYPE, CHANNEL("url", wrong_url),
                                                   MESSAGE("body")};
static const struct nj_member create_items[] = {TYPE, TABLE, KEY_FIELD(false), KEY_VALUE(false),
                                                FIELDS};
static const struct nj_member update_items[] = {
    TYPE,
    TABLE,
    KEY_FIELD(true),
    KEY_VALUE(true),
    FIELDS,
    {.name = "waitForBranches", .kind = NJ_MEMBER_NAMES, .offset = AT(wait_for)},
};

static const struct nj_members kinds[NJ_ACTION_KIND_COUNT] = {
    [NJ_ACTION_REDIS_SAVE_IMAGE] = {save_image_items, NJ_COUNT_OF(save_image_items)},
    [NJ_ACTION_REDIS_PUBLISH] = {redis_publish_items, NJ_COUNT_OF(redis_publish_items)},
    [NJ_ACTION_POSTGRESQL_CREATE_RECORD] = {create_items, NJ_COUNT_OF(create_items)},
    [NJ_ACTION_POSTGRESQL_UPDATE] = {update_items, NJ_COUNT_OF(update_items)},
    [NJ_ACTION_POSTGRESQL_UPDATE_COMBINED] = {update_items, NJ_COUNT_OF(update_items)},
    [NJ_ACTION_PUBLISH_MESSAGE] = {publish_message_items, NJ_COUNT_OF(publish_message_items)},
    [NJ_ACTION_HTTP_POST] = {http_post_items, NJ_COUNT_OF(http_post_items)},
};
#undef AT
#undef SIZE

static int fail_type(const struct nj_spec_reader *reader, const char *type)
{
    struct nj_member names[NJ_ACTION_KIND_COUNT] = {{0}};
    char shown[NJ_SPEC_NAME_SIZE] = "", all[256] = "";
    for (size_t i = 0; i < NJ_ACTION_KIND_COUNT; i++) {
        names[i].name = nj_action_kind_names[i];
        if (i > 0)
            strncat(all, " | ", sizeof all - strlen(all) - 1);
        strncat(all, names[i].name, sizeof all - strlen(all) - 1);
    }
    if (type == NULL)
        return nj_spec_fail(reader, NJ_E_INVALID, "'type' is missing: %s", all);
    nj_text_printable(shown, sizeof shown, type);
    const struct nj_spec_hint hint =
        nj_spec_suggest(type, &(struct nj_members){names, NJ_ACTION_KIND_COUNT});
    return nj_spec_fail(reader, NJ_E_INVALID, "there is no action '%s'%s Allowed: %s", shown,
                        hint.text[0] != '\0' ? hint.text : ".", all);
}

// The key's own column is written by its value.
static int check_key(const struct nj_spec_reader *reader, const struct nj_spec_action *action)
{
    for (size_t i = 0; i < action->field_count; i++) {
        if (strcmp(action->fields[i].column, action->key_field) == 0)
            return nj_spec_fail(reader, NJ_E_INVALID,
                                "fields: '%s' is the key_field, whose value key_value gives",
                                action->key_field);
    }
    return 0;
}

static int read_action(struct nj_spec_reader *reader, const json_t *json,
                       struct nj_spec_action *action)
{
    if (!json_is_object(json))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be an object");
    const char *type = json_string_value(json_object_get(json, "type"));
    size_t kind = 0;
    while (kind < NJ_ACTION_KIND_COUNT &&
           (type == NULL || strcmp(nj_action_kind_names[kind], type) != 0))
        kind++;
    if (kind == NJ_ACTION_KIND_COUNT)
        return fail_type(reader, type);
    action->kind = (enum nj_action_kind)kind;
    nj_text_copy(action->path, sizeof action->path, reader->path);
    const int rc = nj_spec_read(reader, &kinds[kind], json, action);
    return rc == 0 ? check_key(reader, action) : rc;
}

int nj_spec_read_actions(struct nj_spec_reader *reader, const json_t *json,
                         struct nj_spec_action **out, size_t *out_count)
{
    const size_t count = json_array_size(json);
    if (!json_is_array(json))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be a list of actions");
    if (count > NJ_SPEC_ACTIONS_MAX)
        return nj_spec_fail(reader, NJ_E_TOO_BIG, "has %zu entries, at most %d are taken", count,
                            NJ_SPEC_ACTIONS_MAX);
    if (count == 0)
        return 0;
    int rc = nj_spec_make(reader, count, sizeof **out, (void **)out);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct nj_spec_place place = nj_spec_enter(reader, NULL, i);
        *out_count = i + 1;
        rc = read_action(reader, json_array_get(json, i), &(*out)[i]);
        nj_spec_leave(reader, place);
    }
    return rc;
}

void nj_spec_finish_actions(struct nj_spec_action *actions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct nj_spec_action *action = &actions[i];
        nj_template_destroy(action->key);
        nj_template_destroy(action->message);
        nj_template_destroy(action->key_value);
        for (size_t k = 0; k < action->field_count; k++)
            nj_template_destroy(action->fields[k].value);
        for (size_t k = 0; k < action->wait_for.count; k++)
            free(action->wait_for.items[k]);
        free(action->fields);
        free(action->wait_for.items);
    }
    free(actions);
}
