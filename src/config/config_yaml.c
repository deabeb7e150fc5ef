// SPDX-License-Identifier: Apache-2.0
// YAML into a tree of nodes, over libyaml's events: no recursion, limits checked at each event.
#include "config/config_node_priv.h"

#include <yaml.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct level {
    struct nj_node *node;
    const char *key; // read, and waiting for its value
    struct nj_place key_place;
};

struct reader {
    const struct nj_source *source;
    struct nj_arena *arena;
    struct nj_error *err;
    struct nj_node *root;
    int documents;
    int depth; // levels in use
    struct level levels[NJ_CONFIG_DEPTH_MAX];
};

int nj_place_error(struct nj_error *err, int code, struct nj_place place, const char *format, ...)
{
    char what[NJ_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (place.source[0] == '\0') // the name of what is wrong says enough
        return nj_error_set(err, code, "%s", what);
    if (place.line == 0)
        return nj_error_set(err, code, "%s: %s", place.source, what);
    return nj_error_set(err, code, "%s:%zu:%zu: %s", place.source, place.line, place.column, what);
}

static struct nj_place place_at(const struct nj_source *source, size_t line, size_t column)
{
    struct nj_place place = {.source = source->name};
    if (!source->is_inline) {
        place.line = line + 1;
        place.column = column + 1;
    }
    return place;
}

static int fail(struct reader *reader, const yaml_event_t *event, const char *what)
{
    struct nj_place place =
        place_at(reader->source, event->start_mark.line, event->start_mark.column);
    return nj_place_error(reader->err, NJ_E_INVALID, place, "%s", what);
}

static int fail_nomem(struct reader *reader)
{
    return nj_error_set(reader->err, NJ_E_NOMEM, "%s: out of memory", reader->source->name);
}

// libyaml counts no lines for bytes it could not decode; they are counted here.
static int fail_undecodable(struct reader *reader, const yaml_parser_t *parser)
{
    size_t line = 0;
    size_t column = 0;
    for (size_t i = 0; i < parser->problem_offset && i < reader->source->length; i++) {
        column++;
        if (reader->source->text[i] == '\n') {
            line++;
            column = 0;
        }
    }
    return nj_place_error(reader->err, NJ_E_INVALID, place_at(reader->source, line, column),
                          "%s; the text must be UTF-8 without control characters",
                          parser->problem ? parser->problem : "unreadable");
}

static int fail_syntax(struct reader *reader, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return fail_nomem(reader);
    if (parser->error == YAML_READER_ERROR)
        return fail_undecodable(reader, parser);
    struct nj_place place =
        place_at(reader->source, parser->problem_mark.line, parser->problem_mark.column);
    return nj_place_error(reader->err, NJ_E_INVALID, place, "%s%s%s",
                          parser->context ? parser->context : "", parser->context ? ", " : "",
                          parser->problem ? parser->problem : "not YAML");
}

static struct level *top(struct reader *reader)
{
    return reader->depth > 0 ? &reader->levels[reader->depth - 1] : NULL;
}

static struct nj_node *node_create(struct reader *reader, enum nj_node_kind kind,
                                   const yaml_event_t *event)
{
    struct nj_node *node = nj_arena_alloc(reader->arena, 1, sizeof(*node));
    if (!node)
        return NULL;
    node->kind = kind;
    node->place = place_at(reader->source, event->start_mark.line, event->start_mark.column);
    return node;
}

static void attach(struct reader *reader, struct nj_node *node)
{
    struct level *level = top(reader);
    if (!level) {
        reader->root = node;
        return;
    }
    node->key = level->key;
    node->key_place = level->key_place;
    level->key = NULL;
    if (level->node->last)
        level->node->last->next = node;
    else
        level->node->first = node;
    level->node->last = node;
    level->node->count++;
}

static bool wants_key(const struct level *level)
{
    return level && level->node->kind == NJ_NODE_MAP && !level->key;
}

static int handle_key(struct reader *reader, const yaml_event_t *event)
{
    struct level *level = top(reader);
    const char *text = (const char *)event->data.scalar.value;
    if (level->node->count >= NJ_CONFIG_KEYS_MAX)
        return fail(reader, event, "too many keys in one mapping");
    for (const struct nj_node *node = level->node->first; node; node = node->next) {
        if (strcmp(node->key, text) == 0) {
            struct nj_place place =
                place_at(reader->source, event->start_mark.line, event->start_mark.column);
            return nj_place_error(reader->err, NJ_E_INVALID, place, "%s is given twice", text);
        }
    }
    level->key = nj_arena_text(reader->arena, text, event->data.scalar.length);
    level->key_place = place_at(reader->source, event->start_mark.line, event->start_mark.column);
    return level->key ? 0 : fail_nomem(reader);
}

static bool is_null(const yaml_event_t *event)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp((const char *)event->data.scalar.value, words[i]) == 0)
            return true;
    }
    return false;
}

static int handle_scalar(struct reader *reader, const yaml_event_t *event)
{
    if (event->data.scalar.anchor || event->data.scalar.tag)
        return fail(reader, event, "anchors and tags are not used here; write the value out");
    if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
        return fail(reader, event, "a text must not hold a NUL character");
    if (wants_key(top(reader)))
        return handle_key(reader, event);
    if (!top(reader) && !is_null(event))
        return fail(reader, event, "expected a mapping, such as \"group:\" with its settings");
    enum nj_node_kind kind = is_null(event) ? NJ_NODE_NULL : NJ_NODE_SCALAR;
    struct nj_node *node = node_create(reader, kind, event);
    if (!node)
        return fail_nomem(reader);
    node->text = nj_arena_text(reader->arena, (const char *)event->data.scalar.value,
                               event->data.scalar.length);
    if (!node->text)
        return fail_nomem(reader);
    attach(reader, node);
    return 0;
}

static int handle_begin(struct reader *reader, const yaml_event_t *event)
{
    bool map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor =
        map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    if (anchor || tag)
        return fail(reader, event, "anchors and tags are not used here; write the value out");
    if (wants_key(top(reader)))
        return fail(reader, event, "a key must be a plain word");
    if (reader->depth == NJ_CONFIG_DEPTH_MAX)
        return fail(reader, event, "nested too deeply");
    struct nj_node *node = node_create(reader, map ? NJ_NODE_MAP : NJ_NODE_LIST, event);
    if (!node)
        return fail_nomem(reader);
    attach(reader, node);
    reader->levels[reader->depth++] = (struct level){.node = node};
    return 0;
}

static int handle_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (reader->documents++ > 0)
            return fail(reader, event, "a second document; one file holds one");
        return 0;
    case YAML_ALIAS_EVENT:
        return fail(reader, event, "aliases are not used here; write the value out");
    case YAML_SCALAR_EVENT:
        return handle_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return handle_begin(reader, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        reader->depth--;
        return 0;
    default:
        return 0;
    }
}

static int read_events(struct reader *reader, yaml_parser_t *parser)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return fail_syntax(reader, parser);
        int code = handle_event(reader, &event);
        bool end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (code != 0 || end)
            return code;
    }
}

int nj_node_parse(struct nj_arena *arena, const struct nj_source *source, struct nj_node **out,
                  struct nj_error *err)
{
    if (source->length > NJ_CONFIG_FILE_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "%s: longer than %d bytes", source->name,
                            NJ_CONFIG_FILE_MAX);
    struct reader reader = {.source = source, .arena = arena, .err = err};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return fail_nomem(&reader);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)source->text, source->length);
    int code = read_events(&reader, &parser);
    yaml_parser_delete(&parser);
    if (code != 0)
        return code;
    bool empty = !reader.root || reader.root->kind == NJ_NODE_NULL;
    *out = empty ? NULL : reader.root;
    return 0;
}
