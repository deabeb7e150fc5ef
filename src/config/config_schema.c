// SPDX-License-Identifier: Apache-2.0
// An option table as JSON schema, so that what describes a body and what reads it are one table.
#include "config/config_object.h"
#include "config/config_value_priv.h"

// Names of the limits of a type; NULL: it has none.
struct limits {
    const char *minimum, *maximum;
};

static struct limits limits_of(enum nj_option_type type)
{
    switch (type) {
    case NJ_OPTION_INT:
    case NJ_OPTION_NUMBER:
    case NJ_OPTION_SECONDS:
        return (struct limits){"minimum", "maximum"};
    case NJ_OPTION_TEXT:
    case NJ_OPTION_PATH:
        return (struct limits){"minLength", "maxLength"};
    case NJ_OPTION_TEXT_LIST:
    case NJ_OPTION_OBJECTS:
        return (struct limits){"minItems", "maxItems"};
    default:
        return (struct limits){NULL, NULL};
    }
}

static const char *type_of(enum nj_option_type type)
{
    static const char *const names[] = {
        [NJ_OPTION_BOOL] = "boolean",  [NJ_OPTION_INT] = "integer",
        [NJ_OPTION_NUMBER] = "number", [NJ_OPTION_SECONDS] = "number",
        [NJ_OPTION_TEXT] = "string",   [NJ_OPTION_PATH] = "string",
        [NJ_OPTION_CHOICE] = "string", [NJ_OPTION_TEXT_LIST] = "array",
        [NJ_OPTION_OBJECTS] = "array",
    };
    return names[type];
}

static void write_type(const struct nj_option *option, enum nj_schema_use use,
                       struct nj_json_writer *writer)
{
    if (use != NJ_SCHEMA_ANSWER || !option->secret) {
        nj_json_text(writer, "type", type_of(option->type));
        return;
    }
    nj_json_array_begin(writer, "type"); // shown as set or not set
    nj_json_text(writer, NULL, type_of(option->type));
    nj_json_text(writer, NULL, "null");
    nj_json_array_end(writer);
}

static void write_limits(const struct nj_option *option, struct nj_json_writer *writer)
{
    const struct limits limits = limits_of(option->type);
    if (limits.minimum == NULL)
        return;
    if (nj_option_has_minimum(option))
        nj_json_number(writer, limits.minimum, option->min);
    if (nj_option_has_maximum(option))
        nj_json_number(writer, limits.maximum, option->max);
}

static void write_option(const struct nj_option *option, enum nj_schema_use use,
                         struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, option->name);
    write_type(option, use, writer);
    if (use == NJ_SCHEMA_REQUEST)
        write_limits(option, writer);
    if (option->type == NJ_OPTION_CHOICE) {
        nj_json_array_begin(writer, "enum");
        for (size_t i = 0; option->choices[i] != NULL; i++)
            nj_json_text(writer, NULL, option->choices[i]);
        nj_json_array_end(writer);
    } else if (option->type == NJ_OPTION_TEXT_LIST) {
        nj_json_object_begin(writer, "items");
        nj_json_text(writer, "type", "string");
        nj_json_object_end(writer);
    } else if (option->type == NJ_OPTION_OBJECTS) {
        nj_json_object_begin(writer, "items");
        nj_config_object_schema(option->members, use, writer);
        nj_json_object_end(writer);
    }
    nj_json_text(writer, "description", option->help);
    nj_json_object_end(writer);
}

void nj_config_object_schema(const struct nj_option_group *members, enum nj_schema_use use,
                             struct nj_json_writer *writer)
{
    nj_json_text(writer, "type", "object");
    nj_json_object_begin(writer, "properties");
    for (size_t i = 0; i < members->count; i++)
        write_option(&members->options[i], use, writer);
    nj_json_object_end(writer);
    if (use == NJ_SCHEMA_REQUEST) {
        nj_json_bool(writer, "additionalProperties", false);
        return;
    }
    nj_json_array_begin(writer, "required");
    for (size_t i = 0; i < members->count; i++)
        nj_json_text(writer, NULL, members->options[i].name);
    nj_json_array_end(writer);
}
