// SPDX-License-Identifier: Apache-2.0
// One text into one field: parsing by type, limits, and messages that say what is allowed.
#include "config/config_value_priv.h"

#include "util/clock.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int nj_binding_error(const struct nj_binding *binding, const char *format, ...)
{
    char what[NJ_ERROR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    return nj_place_error(binding->binder->err, NJ_E_INVALID, binding->place, "%s: %s",
                          binding->name, what);
}

static int fail_nomem(const struct nj_binding *binding)
{
    return nj_error_set(binding->binder->err, NJ_E_NOMEM, "%s: out of memory", binding->name);
}

bool nj_option_has_minimum(const struct nj_option *option)
{
    return option->min != 0 || option->max != 0;
}

// A table row may give a minimum alone: { .min = 1 }.
bool nj_option_has_maximum(const struct nj_option *option)
{
    return nj_option_has_minimum(option) && option->max >= option->min;
}

// What the limits of a text or list count; "" for numbers.
static const char *countable_unit(enum nj_option_type type)
{
    switch (type) {
    case NJ_OPTION_TEXT:
    case NJ_OPTION_PATH:
        return "bytes";
    case NJ_OPTION_TEXT_LIST:
    case NJ_OPTION_OBJECTS:
        return "items";
    default:
        return "";
    }
}

void nj_option_range_text(const struct nj_option *option, char *out, size_t size)
{
    const char *unit = option->unit ? option->unit : countable_unit(option->type);
    const char *blank = *unit ? " " : "";
    if (nj_option_has_maximum(option) && option->min == option->max)
        snprintf(out, size, "%.15g%s%s", option->max, blank, unit);
    else if (nj_option_has_maximum(option))
        snprintf(out, size, "%.15g to %.15g%s%s", option->min, option->max, blank, unit);
    else if (nj_option_has_minimum(option))
        snprintf(out, size, "at least %.15g%s%s", option->min, blank, unit);
    else
        nj_text_copy(out, size, "");
}

int nj_value_check_range(const struct nj_binding *binding, double value)
{
    const struct nj_option *option = binding->option;
    bool low = nj_option_has_minimum(option) && value < option->min;
    bool high = nj_option_has_maximum(option) && value > option->max;
    if (!low && !high)
        return 0;
    char range[NJ_CONFIG_NAME_MAX];
    nj_option_range_text(option, range, sizeof(range));
    const char *unit = countable_unit(option->type);
    if (*unit && value == 0)
        return nj_binding_error(binding, "it is empty; it must have %s", range);
    if (*unit)
        return nj_binding_error(binding, "it has %.12g %s; it must have %s", value, unit, range);
    return nj_binding_error(binding, "%.12g is out of range; it must be %s", value, range);
}

// "; got "x"", cut to a readable length; nothing for a secret.
static int fail_expected(const struct nj_binding *binding, const char *expected, const char *text)
{
    if (binding->option->secret)
        return nj_binding_error(binding, "expected %s", expected);
    char shown[64];
    nj_text_printable(shown, sizeof(shown), text);
    return nj_binding_error(binding, "expected %s, got \"%s\"", expected, shown);
}

static int set_bool(const struct nj_binding *binding, const char *text)
{
    bool value;
    if (nj_text_to_bool(text, &value) != 0)
        return fail_expected(binding, "true or false", text);
    *(bool *)binding->field = value;
    return 0;
}

static int set_int(const struct nj_binding *binding, const char *text)
{
    int64_t value;
    if (nj_text_to_int(text, &value) != 0)
        return fail_expected(binding, "a whole number", text);
    int code = nj_value_check_range(binding, (double)value);
    if (code == 0)
        *(int64_t *)binding->field = value;
    return code;
}

static int set_number(const struct nj_binding *binding, const char *text)
{
    double value;
    if (nj_text_to_double(text, &value) != 0)
        return fail_expected(binding, "a number", text);
    int code = nj_value_check_range(binding, value);
    if (code == 0)
        *(double *)binding->field = value;
    return code;
}

static int set_seconds(const struct nj_binding *binding, const char *text)
{
    // 10000 years: what a table allows by accident still fits into microseconds.
    static const double seconds_max = 3.2e11;
    double value;
    if (nj_text_to_double(text, &value) != 0 || fabs(value) > seconds_max)
        return fail_expected(binding, "a number of seconds", text);
    int code = nj_value_check_range(binding, value);
    if (code == 0)
        *(nj_us *)binding->field = (nj_us)llround(value * NJ_US_PER_S);
    return code;
}

static int set_text(const struct nj_binding *binding, const char *text)
{
    if (!nj_utf8_valid(text, strlen(text)))
        return nj_binding_error(binding, "the text is not UTF-8");
    if (binding->option->secret) {
        int code = nj_secret_resolve(binding, text, &text);
        if (code != 0)
            return code;
    }
    int code = nj_value_check_range(binding, (double)strlen(text));
    if (code != 0)
        return code;
    const char *copy = nj_arena_text(binding->binder->arena, text, strlen(text));
    if (!copy)
        return fail_nomem(binding);
    *(const char **)binding->field = copy;
    return 0;
}

static int set_choice(const struct nj_binding *binding, const char *text)
{
    char allowed[NJ_ERROR_TEXT_MAX / 2] = "one of";
    size_t length = strlen(allowed);
    for (int i = 0; binding->option->choices[i]; i++) {
        const char *choice = binding->option->choices[i];
        if (nj_text_equal_nocase(choice, text)) {
            *(int *)binding->field = i;
            return 0;
        }
        if (length < sizeof(allowed))
            length += (size_t)snprintf(allowed + length, sizeof(allowed) - length, "%s %s",
                                       i > 0 ? "," : "", choice);
    }
    return fail_expected(binding, allowed, text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Cuts the next comma separated part out of *rest, blanks around it removed; NULL at the end.
static const char *next_part(const char **rest, size_t *out_length)
{
    const char *begin = *rest;
    if (!begin)
        return NULL;
    const char *end = strchr(begin, ',');
    *rest = end ? end + 1 : NULL;
    if (!end)
        end = begin + strlen(begin);
    while (begin < end && is_blank(*begin))
        begin++;
    while (end > begin && is_blank(end[-1]))
        end--;
    *out_length = (size_t)(end - begin);
    return begin;
}

static int set_comma_list(const struct nj_binding *binding, const char *text)
{
    size_t capacity = 1;
    for (const char *c = text; *c; c++)
        capacity += *c == ',';
    const char **items = nj_arena_alloc(binding->binder->arena, capacity, sizeof(items[0]));
    if (!items)
        return fail_nomem(binding);
    size_t count = 0;
    size_t length;
    const char *part;
    while ((part = next_part(&text, &length)) != NULL) {
        if (length == 0)
            continue;
        items[count] = nj_arena_text(binding->binder->arena, part, length);
        if (!items[count])
            return fail_nomem(binding);
        if (!nj_utf8_valid(items[count], length))
            return nj_binding_error(binding, "the text is not UTF-8");
        int code =
            binding->option->secret ? nj_secret_resolve(binding, items[count], &items[count]) : 0;
        if (code != 0)
            return code;
        count++;
    }
    int code = nj_value_check_range(binding, (double)count);
    if (code == 0)
        *(struct nj_text_list *)binding->field = (struct nj_text_list){items, count};
    return code;
}

// A list written into one text: YAML's flow form, of which JSON is a part.
static int set_inline(const struct nj_binding *binding, const char *text)
{
    const struct nj_source source = {
        .name = binding->place.source, .text = text, .length = strlen(text), .is_inline = 1};
    struct nj_node *node = NULL;
    int code = nj_node_parse(binding->binder->arena, &source, &node, binding->binder->err);
    if (code != 0)
        return code;
    return nj_value_set_node(binding, node);
}

static int set_list(const struct nj_binding *binding, const char *text)
{
    while (is_blank(*text))
        text++;
    if (*text == '[')
        return set_inline(binding, text);
    if (binding->option->type == NJ_OPTION_TEXT_LIST)
        return set_comma_list(binding, text);
    if (*text)
        return fail_expected(binding, "a list of mappings, such as [{name: value}]", text);
    int code = nj_value_check_range(binding, 0);
    if (code == 0)
        *(struct nj_object_list *)binding->field = (struct nj_object_list){NULL, 0};
    return code;
}

int nj_value_set_text(const struct nj_binding *binding, const char *text)
{
    static int (*const setters[])(const struct nj_binding *, const char *) = {
        [NJ_OPTION_BOOL] = set_bool,     [NJ_OPTION_INT] = set_int,
        [NJ_OPTION_NUMBER] = set_number, [NJ_OPTION_SECONDS] = set_seconds,
        [NJ_OPTION_TEXT] = set_text,     [NJ_OPTION_PATH] = set_text,
        [NJ_OPTION_CHOICE] = set_choice, [NJ_OPTION_TEXT_LIST] = set_list,
        [NJ_OPTION_OBJECTS] = set_list,
    };
    return setters[binding->option->type](binding, text);
}
