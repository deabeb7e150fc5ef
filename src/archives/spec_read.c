// SPDX-License-Identifier: Apache-2.0
// The reader of objects by tables: types, ranges, defaults, unknown keys, paths, warnings.
#include "archives/spec_priv.h"

#include "net/address_rules.h"
#include "util/mem.h"
#include "util/nearest.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 64 };

struct nj_spec_place nj_spec_enter(struct nj_spec_reader *reader, const char *name, size_t index)
{
    const struct nj_spec_place place = {strlen(reader->path)};
    char *at = reader->path + place.length;
    const size_t room = sizeof reader->path - place.length;
    if (name == NULL)
        snprintf(at, room, "[%zu]", index);
    else
        snprintf(at, room, "%s%s", place.length > 0 ? "." : "", name);
    return place;
}

void nj_spec_leave(struct nj_spec_reader *reader, struct nj_spec_place place)
{
    reader->path[place.length] = '\0';
}

int nj_spec_fail(const struct nj_spec_reader *reader, int code, const char *format, ...)
{
    char text[NJ_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return nj_error_set(reader->err, code, "%s: %s",
                        reader->path[0] ? reader->path : "the document", text);
}

int nj_spec_warn(struct nj_spec_reader *reader, const char *format, ...)
{
    struct nj_spec_warnings *warnings = &reader->spec->warnings;
    char text[sizeof warnings->items[0]];
    if (warnings->count == NJ_SPEC_WARNINGS_MAX) {
        nj_text_copy(warnings->items[NJ_SPEC_WARNINGS_MAX - 1], sizeof warnings->items[0],
                     "and more than can be listed");
        return 0;
    }
    if (warnings->items == NULL)
        warnings->items = calloc(NJ_SPEC_WARNINGS_MAX, sizeof *warnings->items);
    if (warnings->items == NULL)
        return nj_spec_fail(reader, NJ_E_NOMEM, "out of memory");
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char *item = warnings->items[warnings->count++];
    if (reader->path[0] != '\0') {
        nj_text_copy(item, sizeof warnings->items[0], reader->path);
        strncat(item, ": ", sizeof warnings->items[0] - strlen(item) - 1);
    }
    const size_t length = strlen(item);
    nj_text_copy(item + length, sizeof warnings->items[0] - length, text);
    return 0;
}

int nj_spec_make(const struct nj_spec_reader *reader, size_t count, size_t size, void **out)
{
    void *items = calloc(count > 0 ? count : 1, size);
    if (items == NULL)
        return nj_spec_fail(reader, NJ_E_NOMEM, "out of memory");
    *out = items;
    return 0;
}

struct nj_spec_hint nj_spec_suggest(const char *word, const struct nj_members *members)
{
    struct nj_spec_hint hint = {""};
    struct nj_nearest nearest;
    nj_nearest_begin(&nearest, word);
    for (size_t i = 0; i < members->count; i++)
        nj_nearest_consider(&nearest, members->items[i].name, members->items[i].name);
    if (nearest.best[0] != '\0')
        snprintf(hint.text, sizeof hint.text, ", did you mean '%s'?", nearest.best);
    return hint;
}

// Control characters.
static const char *wrong_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return "control characters are not allowed";
    }
    return NULL;
}

bool nj_spec_is_identifier(const char *text, size_t length)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    enum { IDENTIFIER_MAX = 63 }; // PostgreSQL cuts longer ones
    return length >= 1 && length <= IDENTIFIER_MAX && strchr(first, text[0]) != NULL &&
           strspn(text, rest) >= length;
}

const char *nj_spec_wrong_identifier(const char *text)
{
    if (nj_spec_is_identifier(text, strlen(text)))
        return NULL;
    return "an identifier has 1 to 63 letters, digits and '_', and begins with no digit";
}

static void *field(const struct nj_member *member, void *object)
{
    return (char *)object + member->offset;
}

static bool has_range(const struct nj_member *member)
{
    return member->min != 0 || member->max != 0;
}

static int read_text(struct nj_spec_reader *reader, const struct nj_member *member,
                     const json_t *value, void *object)
{
    if (!json_is_string(value))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be a text");
    const char *text = json_string_value(value);
    const size_t length = strlen(text);
    const double max = has_range(member) ? member->max : (double)member->size - 1;
    if ((double)length < member->min || (double)length > max)
        return nj_spec_fail(reader, NJ_E_INVALID, "has %zu bytes, allowed are %.0f to %.0f", length,
                            member->min, max);
    const char *wrong = wrong_text(text);
    if (wrong == NULL && member->wrong != NULL)
        wrong = member->wrong(text);
    if (wrong != NULL) {
        char shown[SHOWN_MAX];
        if (strstr(text, "://") != NULL)
            nj_address_redact(text, shown, sizeof shown);
        else
            nj_text_printable(shown, sizeof shown, text);
        return nj_spec_fail(reader, NJ_E_INVALID, "'%s': %s", shown, wrong);
    }
    memcpy(field(member, object), text, length + 1);
    return 0;
}

static int read_choice(struct nj_spec_reader *reader, const struct nj_member *member,
                       const json_t *value, void *object)
{
    const char *text = json_string_value(value);
    char allowed[160] = "";
    for (int i = 0; member->choices[i] != NULL; i++) {
        if (text != NULL && strcmp(text, member->choices[i]) == 0) {
            *(int *)field(member, object) = i;
            return 0;
        }
        if (i > 0)
            strncat(allowed, " | ", sizeof allowed - strlen(allowed) - 1);
        strncat(allowed, member->choices[i], sizeof allowed - strlen(allowed) - 1);
    }
    return nj_spec_fail(reader, NJ_E_INVALID, "must be one of %s", allowed);
}

// Numbers of JSON that are whole may stand with a fraction of zero: generators write 4.0.
static int read_number(struct nj_spec_reader *reader, const struct nj_member *member,
                       const json_t *value, void *object)
{
    const double number = json_number_value(value);
    const bool whole = member->kind == NJ_MEMBER_INT32 || member->kind == NJ_MEMBER_INT64;
    if (!json_is_number(value) || (whole && number != trunc(number)) ||
        !(number >= member->min && number <= member->max))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be %s from %g to %g",
                            whole ? "a whole number" : "a number", member->min, member->max);
    void *out = field(member, object);
    if (member->kind == NJ_MEMBER_INT32)
        *(int32_t *)out = (int32_t)number;
    else if (member->kind == NJ_MEMBER_INT64)
        *(int64_t *)out = (int64_t)number;
    else if (member->kind == NJ_MEMBER_SECONDS)
        *(nj_us *)out = (nj_us)llround(number * NJ_US_PER_S);
    else
        *(double *)out = number;
    return 0;
}

static int read_name(struct nj_spec_reader *reader, const json_t *value, char **out)
{
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == '\0' || strlen(text) >= NJ_SPEC_NAME_SIZE)
        return nj_spec_fail(reader, NJ_E_INVALID, "must be a text of 1 to %d bytes",
                            NJ_SPEC_NAME_SIZE - 1);
    if (wrong_text(text) != NULL)
        return nj_spec_fail(reader, NJ_E_INVALID, "%s", wrong_text(text));
    *out = nj_strdup(text);
    return *out != NULL ? 0 : nj_spec_fail(reader, NJ_E_NOMEM, "out of memory");
}

static int read_names(struct nj_spec_reader *reader, const struct nj_member *member,
                      const json_t *value, void *object)
{
    struct nj_spec_names *names = field(member, object);
    const size_t count = json_array_size(value);
    if (!json_is_array(value))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be a list of texts");
    if (count > NJ_SPEC_NAMES_MAX)
        return nj_spec_fail(reader, NJ_E_TOO_BIG, "has %zu entries, at most %d are taken", count,
                            NJ_SPEC_NAMES_MAX);
    int rc = nj_spec_make(reader, count, sizeof *names->items, (void **)&names->items);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct nj_spec_place place = nj_spec_enter(reader, NULL, i);
        rc = read_name(reader, json_array_get(value, i), &names->items[i]);
        names->count += rc == 0;
        nj_spec_leave(reader, place);
    }
    return rc;
}

static int read_template_text(struct nj_spec_reader *reader, const char *text,
                              struct nj_template **out)
{
    struct nj_error why = {0};
    const int rc = nj_template_parse(text, out, &why);
    return rc == 0 ? 0 : nj_spec_fail(reader, rc, "%s", why.text);
}

static int read_template(struct nj_spec_reader *reader, const struct nj_member *member,
                         const json_t *value, void *object)
{
    if (!json_is_string(value))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be a text");
    if (json_string_length(value) < (size_t)member->min)
        return nj_spec_fail(reader, NJ_E_INVALID, "must not be empty");
    return read_template_text(reader, json_string_value(value), field(member, object));
}

static int read_bool(struct nj_spec_reader *reader, const struct nj_member *member,
                     const json_t *value, void *object)
{
    if (!json_is_boolean(value))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be true or false");
    *(bool *)field(member, object) = json_is_true(value);
    return 0;
}

static int read_member(struct nj_spec_reader *reader, const struct nj_member *member,
                       const json_t *value, void *object)
{
    int rc = 0;
    switch (member->kind) {
    case NJ_MEMBER_TEXT:
        rc = read_text(reader, member, value, object);
        break;
    case NJ_MEMBER_BOOL:
        rc = read_bool(reader, member, value, object);
        break;
    case NJ_MEMBER_CHOICE:
        rc = read_choice(reader, member, value, object);
        break;
    case NJ_MEMBER_NAMES:
        rc = read_names(reader, member, value, object);
        break;
    case NJ_MEMBER_TEMPLATE:
        rc = read_template(reader, member, value, object);
        break;
    case NJ_MEMBER_OTHER:
        rc = member->read != NULL ? member->read(reader, value, object) : 0;
        break;
    default:
        rc = read_number(reader, member, value, object);
        break;
    }
    if (rc == 0 && member->note != NULL)
        rc = nj_spec_warn(reader, "%s", member->note);
    return rc;
}

static int set_default(struct nj_spec_reader *reader, const struct nj_member *member, void *object)
{
    const char *text = member->text_fallback;
    switch (member->kind) {
    case NJ_MEMBER_BOOL:
        *(bool *)field(member, object) = member->fallback != 0;
        break;
    case NJ_MEMBER_INT32:
        *(int32_t *)field(member, object) = (int32_t)member->fallback;
        break;
    case NJ_MEMBER_INT64:
        *(int64_t *)field(member, object) = (int64_t)member->fallback;
        break;
    case NJ_MEMBER_NUMBER:
        *(double *)field(member, object) = member->fallback;
        break;
    case NJ_MEMBER_SECONDS:
        *(nj_us *)field(member, object) = (nj_us)(member->fallback * NJ_US_PER_S);
        break;
    case NJ_MEMBER_CHOICE:
        *(int *)field(member, object) = (int)member->fallback;
        break;
    case NJ_MEMBER_TEXT:
        nj_text_copy(field(member, object), member->size, text != NULL ? text : "");
        break;
    case NJ_MEMBER_TEMPLATE:
        return text != NULL ? read_template_text(reader, text, field(member, object)) : 0;
    default:
        break;
    }
    return 0;
}

static int check_keys(struct nj_spec_reader *reader, const struct nj_members *members,
                      const json_t *json)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)json, key, value)
    {
        size_t i = 0;
        while (i < members->count && strcmp(members->items[i].name, key) != 0)
            i++;
        if (i < members->count)
            continue;
        char shown[SHOWN_MAX];
        nj_text_printable(shown, sizeof shown, key);
        return nj_spec_fail(reader, NJ_E_INVALID, "unknown key '%s'%s", shown,
                            nj_spec_suggest(key, members).text);
    }
    return 0;
}

int nj_spec_read(struct nj_spec_reader *reader, const struct nj_members *members,
                 const json_t *json, void *object)
{
    if (!json_is_object(json))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be an object");
    int rc = check_keys(reader, members, json);
    for (size_t i = 0; rc == 0 && i < members->count; i++) {
        const struct nj_member *member = &members->items[i];
        const json_t *value = json_object_get(json, member->name);
        const struct nj_spec_place place = nj_spec_enter(reader, member->name, 0);
        if (value != NULL && !json_is_null(value))
            rc = read_member(reader, member, value, object);
        else if (member->required)
            rc = nj_spec_fail(reader, NJ_E_INVALID, "is missing");
        else
            rc = set_default(reader, member, object);
        nj_spec_leave(reader, place);
    }
    return rc;
}
