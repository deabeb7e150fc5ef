// SPDX-License-Identifier: Apache-2.0
// A snapshot as JSON, for people and the API; secrets never leave.
#include "config/config_object.h"
#include "config/config_priv.h"
#include "util/clock.h"
#include "util/json_writer.h"

#include <string.h>

static void write_text_list(struct nj_json_writer *writer, const char *key,
                            const struct nj_text_list *list)
{
    nj_json_array_begin(writer, key);
    for (size_t i = 0; i < list->count; i++)
        nj_json_text(writer, NULL, list->items[i]);
    nj_json_array_end(writer);
}

static void write_objects(struct nj_json_writer *writer, const struct nj_option *option,
                          const struct nj_object_list *list)
{
    nj_json_array_begin(writer, option->name);
    for (size_t i = 0; i < list->count; i++) {
        nj_json_object_begin(writer, NULL);
        nj_config_object_write(
            option->members, (const char *)list->items + i * option->members->struct_size, writer);
        nj_json_object_end(writer);
    }
    nj_json_array_end(writer);
}

static bool is_empty(const struct nj_option *option, const void *field)
{
    switch (option->type) {
    case NJ_OPTION_TEXT:
    case NJ_OPTION_PATH:
        return **(const char *const *)field == '\0';
    case NJ_OPTION_TEXT_LIST:
        return ((const struct nj_text_list *)field)->count == 0;
    case NJ_OPTION_OBJECTS:
        return ((const struct nj_object_list *)field)->count == 0;
    default:
        return false;
    }
}

// User and password that stand in an address are secrets wherever they were written.
static void write_plain_text(struct nj_json_writer *writer, const char *key, const char *text)
{
    const char *host = strstr(text, "://"), *at = strrchr(text, '@');
    struct nj_buf shown;
    if (!host || !at || at < host) {
        nj_json_text(writer, key, text);
        return;
    }
    nj_buf_init(&shown, strlen(text) + sizeof "***");
    nj_buf_append(&shown, text, (size_t)(host + 3 - text));
    nj_buf_append_text(&shown, "***");
    nj_buf_append_text(&shown, at);
    nj_json_text(writer, key, nj_buf_failed(&shown) ? "***" : shown.data);
    nj_buf_finish(&shown);
}

static void write_option(struct nj_json_writer *writer, const struct nj_option *option,
                         const void *field)
{
    if (option->secret) {
        nj_json_text(writer, option->name, is_empty(option, field) ? NULL : "***");
        return;
    }
    switch (option->type) {
    case NJ_OPTION_BOOL:
        nj_json_bool(writer, option->name, *(const bool *)field);
        return;
    case NJ_OPTION_INT:
        nj_json_int(writer, option->name, *(const int64_t *)field);
        return;
    case NJ_OPTION_NUMBER:
        nj_json_number(writer, option->name, *(const double *)field);
        return;
    case NJ_OPTION_SECONDS:
        nj_json_number(writer, option->name, (double)*(const nj_us *)field / NJ_US_PER_S);
        return;
    case NJ_OPTION_TEXT:
    case NJ_OPTION_PATH:
        write_plain_text(writer, option->name, *(const char *const *)field);
        return;
    case NJ_OPTION_CHOICE:
        nj_json_text(writer, option->name, option->choices[*(const int *)field]);
        return;
    case NJ_OPTION_TEXT_LIST:
        write_text_list(writer, option->name, field);
        return;
    case NJ_OPTION_OBJECTS:
        write_objects(writer, option, field);
        return;
    }
}

void nj_config_object_write(const struct nj_option_group *members, const void *values,
                            struct nj_json_writer *writer)
{
    for (size_t i = 0; i < members->count; i++)
        write_option(writer, &members->options[i],
                     (const char *)values + members->options[i].offset);
}

void nj_config_to_json(const struct nj_config *config, struct nj_buf *out)
{
    struct nj_json_writer writer;
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    for (size_t i = 0; i < config->count; i++) {
        const struct nj_config_section *section = &config->sections[i];
        nj_json_object_begin(&writer, section->group->name);
        nj_config_object_write(section->group, section->values, &writer);
        nj_json_object_end(&writer);
    }
    nj_json_object_end(&writer);
}
