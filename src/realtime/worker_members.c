// SPDX-License-Identifier: Apache-2.0
// Members of messages, read by tables of what they must be.
#include "realtime/worker_priv.h"
#include "util/mem.h"
#include "util/nearest.h"
#include "util/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SHOWN = 64 };

static const json_t *find(const struct nj_worker_source *source, const char *name)
{
    const json_t *value = json_object_get(source->payload, name);
    return value != NULL ? value : json_object_get(source->root, name);
}

static int read_text(const struct nj_worker_member *member, const json_t *value, char *out,
                     struct nj_error *err)
{
    if (!json_is_string(value))
        return nj_error_set(err, NJ_E_INVALID, "%s: must be a text", member->name);
    const char *text = json_string_value(value);
    const bool whole = nj_text_copy(out, member->size, text);
    if (!whole && member->kind != NJ_MEMBER_CUT)
        return nj_error_set(err, NJ_E_INVALID, "%s: must have at most %zu bytes", member->name,
                            member->size - 1);
    if (member->required && text[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID, "%s: must not be empty", member->name);
    return 0;
}

static int whole_of(const json_t *value, int64_t *out)
{
    if (json_is_string(value))
        return nj_text_to_int(json_string_value(value), out);
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return 0;
    }
    const double number = json_is_real(value) ? json_real_value(value) : NAN;
    if (!(fabs(number) < 9e15) || floor(number) < number)
        return NJ_E_INVALID; // also what is no number
    *out = (int64_t)number;
    return 0;
}

static int read_whole(const struct nj_worker_member *member, const json_t *value,
                      struct nj_worker_whole *out, struct nj_error *err)
{
    int64_t number = 0;
    if (whole_of(value, &number) != 0 || number < member->min || number > member->max)
        return nj_error_set(err, NJ_E_INVALID,
                            "%s: must be a whole number from %" PRId64 " to %" PRId64, member->name,
                            member->min, member->max);
    *out = (struct nj_worker_whole){.given = true, .value = number};
    return 0;
}

// A number keeps the letters that it would be written with, so that it goes back as it came.
static int number_letters(const json_t *value, char *out, size_t size)
{
    char *letters = json_dumps(value, JSON_ENCODE_ANY);
    if (letters == NULL)
        return NJ_E_NOMEM;
    const bool whole = nj_text_copy(out, size, letters);
    free(letters);
    return whole ? 0 : NJ_E_TOO_BIG;
}

static int read_mark(const struct nj_worker_member *member, const json_t *value,
                     struct nj_worker_mark *out, struct nj_error *err)
{
    struct nj_worker_mark mark = {.given = true};
    const bool number = json_is_number(value) && member->kind == NJ_MEMBER_MARK;
    if (number) {
        mark.is_number = true;
        if (number_letters(value, mark.text, sizeof mark.text) != 0)
            return nj_error_set(err, NJ_E_INVALID, "%s: the number is too long", member->name);
    } else if (json_is_string(value)) {
        if (!nj_text_copy(mark.text, sizeof mark.text, json_string_value(value)))
            return nj_error_set(err, NJ_E_INVALID, "%s: must have at most %zu bytes", member->name,
                                sizeof mark.text - 1);
    } else if (!json_is_null(value)) {
        return nj_error_set(err, NJ_E_INVALID, "%s: must be a text%s or null", member->name,
                            member->kind == NJ_MEMBER_MARK ? ", a number" : "");
    }
    *out = mark;
    return 0;
}

static int read_branch(const struct nj_worker_member *member, const json_t *value,
                       const json_t **out, struct nj_error *err)
{
    const bool list = member->kind == NJ_MEMBER_LIST;
    if (list ? !json_is_array(value) : !json_is_object(value))
        return nj_error_set(err, NJ_E_INVALID, "%s: must be %s", member->name,
                            list ? "a list" : "an object");
    *out = value;
    return 0;
}

static int read_truth(const struct nj_worker_member *member, const json_t *value, bool *out,
                      struct nj_error *err)
{
    if (!json_is_boolean(value))
        return nj_error_set(err, NJ_E_INVALID, "%s: must be true or false", member->name);
    *out = json_is_true(value);
    return 0;
}

static int read_member(const struct nj_worker_member *member, const json_t *value,
                       struct nj_worker_args *args, struct nj_error *err)
{
    void *place = (char *)args + member->offset;
    switch (member->kind) {
    case NJ_MEMBER_TEXT:
    case NJ_MEMBER_CUT:
        return read_text(member, value, place, err);
    case NJ_MEMBER_WHOLE:
        return read_whole(member, value, place, err);
    case NJ_MEMBER_MARK:
    case NJ_MEMBER_WORD:
        return read_mark(member, value, place, err);
    case NJ_MEMBER_TRUTH:
        return read_truth(member, value, place, err);
    case NJ_MEMBER_OBJECT:
    case NJ_MEMBER_LIST:
        return read_branch(member, value, place, err);
    case NJ_MEMBER_UNREAD:
        return 0;
    }
    return NJ_E_INTERNAL;
}

// null stands for "not given", but for marks, which it clears.
static bool is_given(const struct nj_worker_member *member, const json_t *value)
{
    const bool null_counts = member->kind == NJ_MEMBER_MARK || member->kind == NJ_MEMBER_WORD;
    return value != NULL && (null_counts || !json_is_null(value));
}

// True when one of the tables has the name; else `nearest` has considered those of their names that
// mean something. The second may be NULL.
static bool is_known(const struct nj_worker_member *const tables[2], const char *name,
                     struct nj_nearest *nearest)
{
    nj_nearest_begin(nearest, name);
    for (size_t i = 0; i < 2 && tables[i] != NULL; i++)
        for (const struct nj_worker_member *member = tables[i]; member->name != NULL; member++) {
            if (strcmp(member->name, name) == 0)
                return true;
            if (i > 0 || member->kind != NJ_MEMBER_UNREAD)
                nj_nearest_consider(nearest, member->name, member->name);
        }
    return false;
}

static int check_names(const json_t *object, const struct nj_worker_member *const tables[2],
                       const char *place, struct nj_error *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, name, value)
    {
        struct nj_nearest nearest;
        char shown[NAME_SHOWN];
        if (is_known(tables, name, &nearest))
            continue;
        const bool near = nearest.best[0] != '\0';
        nj_text_printable(shown, sizeof shown, name);
        return nj_error_set(err, NJ_E_INVALID, "%s%s: no such member is known%s%s%s", place, shown,
                            near ? "; did you mean " : "", nearest.best, near ? "?" : "");
    }
    return 0;
}

static int check_source(const struct nj_worker_source *source,
                        const struct nj_worker_member *members, struct nj_error *err)
{
    const struct nj_worker_member *const inner[] = {members, NULL};
    const struct nj_worker_member *const outer[] = {members, source->envelope};
    int rc = check_names(source->payload, inner, "payload.", err);
    return rc != 0 ? rc : check_names(source->root, outer, "", err);
}

int nj_worker_read_members(const struct nj_worker_member *members,
                           const struct nj_worker_source *source, struct nj_worker_args *args,
                           enum nj_worker_code *out_code, struct nj_error *err)
{
    const char *missing = NULL;
    int rc = 0;
    for (const struct nj_worker_member *member = members; rc == 0 && member->name != NULL;
         member++) {
        const json_t *value = find(source, member->name);
        if (is_given(member, value))
            rc = read_member(member, value, args, err);
        else if (member->required && missing == NULL)
            missing = member->name;
    }
    *out_code = NJ_WORKER_INVALID_MEMBER;
    if (rc != 0)
        return rc;
    // Before what is missing: that may be what was mistyped.
    *out_code = NJ_WORKER_INVALID_MESSAGE;
    rc = source->strict ? check_source(source, members, err) : 0;
    if (rc != 0 || missing == NULL)
        return rc;
    *out_code = NJ_WORKER_MISSING_MEMBER;
    return nj_error_set(err, NJ_E_INVALID, "%s: is missing", missing);
}

int nj_worker_finish_spec(struct nj_worker_args *args, enum nj_worker_code *out_code,
                          struct nj_error *err)
{
    static const char *const names[] = {"cropX1", "cropY1", "cropX2", "cropY2"};
    struct nj_subscription_spec *spec = &args->spec;
    size_t given = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++)
        given += args->crop[i].given;
    spec->has_crop = given > 0;
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        spec->crop[i] = (int32_t)args->crop[i].value;
        if (given > 0 && !args->crop[i].given) {
            *out_code = NJ_WORKER_MISSING_MEMBER;
            return nj_error_set(err, NJ_E_INVALID, "%s: is missing; a crop has four sides",
                                names[i]);
        }
    }
    spec->snapshot_interval_us = args->snapshot_ms.value * NJ_US_PER_MS;
    spec->model_id = args->model_id.value;
    return 0;
}
