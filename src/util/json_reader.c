// SPDX-License-Identifier: Apache-2.0
// Strict reading of foreign JSON on top of jansson.
#include "util/json_reader.h"

#include "util/file.h"

#include <stdlib.h>
#include <string.h>

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
    if (value) {
        *out = value;
        return 0;
    }
    if (json_error_code(&failure) == json_error_out_of_memory)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read JSON");
    return nj_error_set(err, NJ_E_INVALID, "bad JSON at line %d, column %d: %s",
                        failure.line > 0 ? failure.line : 1,
                        failure.column > 0 ? failure.column : 0, failure.text);
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
