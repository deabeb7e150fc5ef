// SPDX-License-Identifier: Apache-2.0
// Strict reading of foreign JSON on top of jansson.
#include "util/json_reader.h"

#include "util/file.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SHOWN = 40, PLACE_SIZE = 160 }; // of the place of a mistake

// Offset of the bracket that opens one level too many, or `length`. jansson's own limit is far
// beyond what a small stack bears, so the depth is measured before it runs. Brackets within texts
// do not count; whether the rest is JSON is not judged here.
static size_t find_too_deep(const char *text, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{') && ++depth > NJ_JSON_DEPTH_MAX)
            return i;
        else if (!quoted && (c == ']' || c == '}'))
            depth--;
    }
    return length;
}

static int refuse_depth(const char *text, size_t offset, struct nj_error *err)
{
    int line = 1;
    int column = 1;
    for (size_t i = 0; i < offset; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    return nj_error_set(err, NJ_E_TOO_BIG,
                        "JSON is nested deeper than %d levels at line %d, column %d",
                        NJ_JSON_DEPTH_MAX, line, column);
}

// Where in the document a mistake is: the brackets and keys that are open there.
struct level {
    bool is_object, wants_key;
    size_t index;           // of an array's element
    size_t key, key_length; // of the newest member, as written
};
struct place {
    struct level levels[NJ_JSON_DEPTH_MAX];
    int depth;
};

static void open_level(struct place *place, bool is_object)
{
    if (place->depth < NJ_JSON_DEPTH_MAX)
        place->levels[place->depth++] =
            (struct level){.is_object = is_object, .wants_key = is_object};
}

static void take_mark(struct place *place, char mark)
{
    struct level *level = place->depth > 0 ? &place->levels[place->depth - 1] : NULL;
    if (mark == '{' || mark == '[')
        open_level(place, mark == '{');
    else if (level == NULL)
        return;
    else if (mark == '}' || mark == ']')
        place->depth--;
    else if (mark == ',' && level->is_object)
        level->wants_key = true;
    else if (mark == ',')
        level->index++;
}

// Reads no further than `end`, where jansson stopped; what is wrong JSON makes no more than a wrong
// place.
static void find_place(const char *text, size_t end, struct place *place)
{
    place->depth = 0;
    for (size_t i = 0; i < end; i++) {
        struct level *level = place->depth > 0 ? &place->levels[place->depth - 1] : NULL;
        if (text[i] != '"') {
            take_mark(place, text[i]);
            continue;
        }
        const size_t begin = ++i;
        while (i < end && text[i] != '"')
            i += text[i] == '\\' ? 2 : 1;
        if (level != NULL && level->wants_key) {
            level->wants_key = false;
            level->key = begin;
            level->key_length = (i < end ? i : end) - begin;
        }
    }
}

// "subscriptions[3].cropX1: " in `out`; "" where nothing is open.
static void write_place(const char *text, const struct place *place, char out[PLACE_SIZE])
{
    char shown[KEY_SHOWN + 1], key[KEY_SHOWN + 1];
    size_t length = 0;
    out[0] = '\0';
    for (int i = 0; i < place->depth && length < PLACE_SIZE - sizeof shown - 4; i++) {
        const struct level *level = &place->levels[i];
        if (!level->is_object) {
            length += (size_t)snprintf(out + length, PLACE_SIZE - length, "[%zu]", level->index);
        } else if (level->key_length > 0) {
            snprintf(key, sizeof key, "%.*s", (int)level->key_length, text + level->key);
            nj_text_printable(shown, sizeof shown, key);
            length += (size_t)snprintf(out + length, PLACE_SIZE - length, "%s%s",
                                       length > 0 ? "." : "", shown);
        }
    }
    if (length > 0)
        snprintf(out + length, PLACE_SIZE - length, ": ");
}

static int refuse(const char *text, size_t length, const json_error_t *failure,
                  struct nj_error *err)
{
    struct place place;
    char where[PLACE_SIZE];
    // Jansson says nothing where memory ends, or, within a text, that the text is bad.
    if (json_error_code(failure) == json_error_out_of_memory || failure->text[0] == '\0')
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read JSON");
    const size_t end = failure->position > 0 ? (size_t)failure->position : 0;
    find_place(text, end < length ? end : length, &place);
    write_place(text, &place, where);
    return nj_error_set(err, NJ_E_INVALID, "%sbad JSON at line %d, column %d: %s", where,
                        failure->line > 0 ? failure->line : 1,
                        failure->column > 0 ? failure->column : 0, failure->text);
}

int nj_json_parse(const char *text, size_t length, size_t limit, json_t **out, struct nj_error *err)
{
    if (length > limit)
        return nj_error_set(err, NJ_E_TOO_BIG, "JSON has %zu bytes, at most %zu are taken", length,
                            limit);
    size_t deep = find_too_deep(text, length);
    if (deep < length)
        return refuse_depth(text, deep, err);
    json_error_t failure;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &failure);
    if (!value)
        return refuse(text, length, &failure, err);
    *out = value;
    return 0;
}

int nj_json_parse_file(const char *path, size_t limit, json_t **out, struct nj_error *err)
{
    char *text;
    size_t length;
    int rc = nj_file_read(path, limit, &text, &length, err);
    if (rc)
        return rc; // names the path already
    rc = nj_json_parse(text, length, limit, out, err);
    free(text);
    if (rc)
        nj_error_prefix(err, "%s", path);
    return rc;
}

// 0 and *out NULL when the member may be left out and is.
static int get_member(const json_t *object, const char *key, bool required, const json_t **out,
                      struct nj_error *err)
{
    if (!json_is_object(object))
        return nj_error_set(err, NJ_E_INVALID, "an object was expected around \"%s\"", key);
    const json_t *value = json_object_get(object, key);
    *out = json_is_null(value) ? NULL : value;
    if (!*out && required)
        return nj_error_set(err, NJ_E_INVALID, "\"%s\" is missing", key);
    return 0;
}

static int wrong_type(struct nj_error *err, const char *key, const char *expected)
{
    return nj_error_set(err, NJ_E_INVALID, "\"%s\" must be %s", key, expected);
}

int nj_json_get_text(const json_t *object, const char *key, bool required, const char **out,
                     struct nj_error *err)
{
    const json_t *value = NULL;
    int rc = get_member(object, key, required, &value, err);
    if (rc || !value)
        return rc;
    if (!json_is_string(value))
        return wrong_type(err, key, "a text");
    *out = json_string_value(value);
    return 0;
}

int nj_json_get_int(const json_t *object, const char *key, bool required, int64_t *out,
                    struct nj_error *err)
{
    const json_t *value = NULL;
    int rc = get_member(object, key, required, &value, err);
    if (rc || !value)
        return rc;
    if (!json_is_integer(value))
        return wrong_type(err, key, "an integer");
    *out = json_integer_value(value);
    return 0;
}

int nj_json_get_number(const json_t *object, const char *key, bool required, double *out,
                       struct nj_error *err)
{
    const json_t *value = NULL;
    int rc = get_member(object, key, required, &value, err);
    if (rc || !value)
        return rc;
    if (!json_is_number(value))
        return wrong_type(err, key, "a number");
    *out = json_number_value(value);
    return 0;
}

int nj_json_get_bool(const json_t *object, const char *key, bool required, bool *out,
                     struct nj_error *err)
{
    const json_t *value = NULL;
    int rc = get_member(object, key, required, &value, err);
    if (rc || !value)
        return rc;
    if (!json_is_boolean(value))
        return wrong_type(err, key, "true or false");
    *out = json_is_true(value);
    return 0;
}
