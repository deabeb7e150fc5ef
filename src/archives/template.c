// SPDX-License-Identifier: Apache-2.0
// Compiles templates into a row of literals and names, and fills them in.
#include "archives/template.h"

#include "util/json_reader.h"
#include "util/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECES_MAX = 2 * NJ_TEMPLATE_NAMES_MAX + 1 };

struct piece {
    size_t start, length; // of a literal in `literals`
    const char *name;     // in `names`; NULL: a literal
    bool quoted;          // the name stands inside JSON quotes
};

struct nj_template {
    struct piece pieces[PIECES_MAX];
    size_t piece_count;
    char (*names)[NJ_TEMPLATE_NAME_SIZE];
    size_t name_count;
    struct nj_buf literals;
    bool is_json, is_now;
};

// Where the compiler stands.
struct compiler {
    const char *text, *at;
    struct nj_template *out;
    bool json_braces; // braces outside of quotes are JSON's
    bool quoted, escaped;
    size_t literal_start;
    struct nj_error *err;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_blanks(const char *text, const char *end)
{
    while (text < end && is_blank(*text))
        text++;
    return text;
}

// {"..., {}, [{"..., ["..., []: nobody begins a text for people like that.
static bool begins_as_json(const char *text, size_t length)
{
    const char *end = text + length;
    char close = '}';
    text = skip_blanks(text, end);
    if (text < end && *text == '[') {
        text = skip_blanks(text + 1, end);
        close = ']';
    }
    if (text < end && *text == '{') {
        text = skip_blanks(text + 1, end);
        close = '}';
    } else if (close == '}') {
        return false;
    }
    if (text < end && *text == close) // empty: only when nothing follows
        return skip_blanks(text + 1, end) == end;
    return text < end && *text == '"';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static int fail_at(const struct compiler *compiler, const char *at, const char *what)
{
    return nj_error_set(compiler->err, NJ_E_INVALID, "template, at byte %td: %s",
                        at - compiler->text + 1, what);
}

// Bytes of a well-formed name at `text`: parts around at most one dot; 0 when there is none.
static size_t name_length(const char *text)
{
    size_t length = 0, part = 0;
    bool dot = false;
    for (;; length++) {
        if (is_name_char(text[length])) {
            part++;
        } else if (text[length] == '.' && !dot && part > 0) {
            dot = true;
            part = 0;
        } else {
            return part > 0 ? length : 0;
        }
    }
}

static void add_piece(struct nj_template *out, const struct piece *piece)
{
    out->pieces[out->piece_count++] = *piece;
}

static void end_literal(struct compiler *compiler)
{
    struct nj_template *out = compiler->out;
    size_t length = out->literals.length - compiler->literal_start;
    if (length > 0)
        add_piece(out, &(struct piece){.start = compiler->literal_start, .length = length});
    compiler->literal_start = out->literals.length;
}

// A literal byte, and what it does to the quotes around the names.
static void take_literal(struct compiler *compiler, char c)
{
    nj_buf_append_char(&compiler->out->literals, c);
    if (compiler->escaped)
        compiler->escaped = false;
    else if (c == '\\')
        compiler->escaped = compiler->quoted;
    else if (c == '"')
        compiler->quoted = !compiler->quoted;
}

// `at` is behind the brace.
static int take_name(struct compiler *compiler, const char *at, size_t length)
{
    struct nj_template *out = compiler->out;
    if (length >= NJ_TEMPLATE_NAME_SIZE)
        return nj_error_set(compiler->err, NJ_E_TOO_BIG,
                            "template: the name at byte %td is longer than %d bytes",
                            at - compiler->text + 1, NJ_TEMPLATE_NAME_SIZE - 1);
    if (out->name_count == NJ_TEMPLATE_NAMES_MAX)
        return nj_error_set(compiler->err, NJ_E_TOO_BIG, "template: more than %d names",
                            NJ_TEMPLATE_NAMES_MAX);
    end_literal(compiler);
    char *name = out->names[out->name_count++];
    memcpy(name, at, length);
    name[length] = '\0';
    add_piece(out, &(struct piece){.name = name, .quoted = compiler->quoted});
    compiler->escaped = false;
    compiler->at = at + length + 1;
    return 0;
}

static int take_open(struct compiler *compiler)
{
    const char *at = compiler->at;
    const size_t length = name_length(at + 1);
    if (length > 0 && at[1 + length] == '}')
        return take_name(compiler, at + 1, length);
    if (compiler->json_braces && !compiler->quoted) {
        take_literal(compiler, '{');
        compiler->at++;
        return 0;
    }
    if (at[1] == '{') {
        take_literal(compiler, '{');
        compiler->at += 2;
        return 0;
    }
    if (at[1] == '}')
        return fail_at(compiler, at, "'{}' has no name");
    const char *end = at + 1 + strcspn(at + 1, "{}");
    if (*end == '\0')
        return fail_at(compiler, at, "'{' is not closed; a brace itself is written '{{'");
    if (*end == '{')
        return fail_at(compiler, end, "'{' inside a name; a brace itself is written '{{'");
    return fail_at(compiler, at + 1,
                   "this is no name: letters, digits, '_' and '-', and at most one dot, are "
                   "allowed; a brace itself is written '{{'");
}

static int take_close(struct compiler *compiler)
{
    const bool own = compiler->json_braces && !compiler->quoted;
    if (!own && compiler->at[1] != '}')
        return fail_at(compiler, compiler->at,
                       "'}' closes nothing; a brace itself is written '}}'");
    take_literal(compiler, '}');
    compiler->at += own ? 1 : 2;
    return 0;
}

static int compile(struct compiler *compiler)
{
    int rc = 0;
    while (rc == 0 && *compiler->at != '\0') {
        if (*compiler->at == '{')
            rc = take_open(compiler);
        else if (*compiler->at == '}')
            rc = take_close(compiler);
        else
            take_literal(compiler, *compiler->at++);
    }
    if (rc == 0)
        end_literal(compiler);
    if (rc == 0 && nj_buf_failed(&compiler->out->literals))
        rc = nj_error_set(compiler->err, NJ_E_NOMEM, "no memory for a template");
    return rc;
}

// Stands for any value where the shape of the JSON is tried; a new one each time, so that two names
// as keys are no key twice.
struct trial {
    enum nj_value_kind kind;
    int count;
    char text[16];
};

static struct nj_value any_value(const void *context, const char *name)
{
    struct trial *trial = *(struct trial *const *)context;
    (void)name;
    snprintf(trial->text, sizeof trial->text, "%d", ++trial->count);
    return (struct nj_value){.kind = trial->kind, .text = trial->text, .number = trial->count};
}

static int try_json(const struct nj_template *template_, enum nj_value_kind kind,
                    struct nj_error *err)
{
    struct trial trial = {.kind = kind};
    struct trial *const pointer = &trial;
    const struct nj_values values = {any_value, &pointer};
    struct nj_buf filled;
    json_t *value = NULL;
    nj_buf_init(&filled, NJ_TEMPLATE_MAX);
    int rc = nj_template_fill(template_, &values, NJ_TEMPLATE_JSON, &filled, err);
    if (rc == 0)
        rc = nj_json_parse(filled.data, filled.length, NJ_TEMPLATE_MAX, &value, err);
    if (rc != 0)
        nj_error_prefix(err, "template, with %s for its names",
                        kind == NJ_VALUE_NUMBER ? "numbers" : "texts");
    json_decref(value);
    nj_buf_finish(&filled);
    return rc;
}

// A number would pass beside other digits, a text as the name of a member: both have to do.
static int check_json(const struct nj_template *template_, struct nj_error *err)
{
    const int rc = try_json(template_, NJ_VALUE_NUMBER, err);
    return rc == 0 ? try_json(template_, NJ_VALUE_TEXT, err) : rc;
}

static int create(struct nj_template **out)
{
    struct nj_template *template_ = calloc(1, sizeof *template_);
    if (template_ == NULL)
        return NJ_E_NOMEM;
    nj_buf_init(&template_->literals, NJ_TEMPLATE_MAX);
    *out = template_;
    return 0;
}

// Room for as many names as there can be; most templates have one or two.
static size_t count_open(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == '{';
    return count < NJ_TEMPLATE_NAMES_MAX ? count : NJ_TEMPLATE_NAMES_MAX;
}

int nj_template_parse(const char *text, struct nj_template **out, struct nj_error *err)
{
    struct nj_template *template_ = NULL;
    if (strlen(text) > NJ_TEMPLATE_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "template: longer than %d bytes", NJ_TEMPLATE_MAX);
    int rc = create(&template_);
    if (rc == 0) {
        template_->names = calloc(count_open(text) + 1, sizeof *template_->names);
        rc = template_->names != NULL ? 0 : NJ_E_NOMEM;
    }
    if (rc != 0) {
        nj_template_destroy(template_);
        return nj_error_set(err, rc, "no memory for a template");
    }
    const bool is_json = begins_as_json(text, strlen(text));
    struct compiler compiler = {
        .text = text, .at = text, .out = template_, .json_braces = is_json, .err = err};
    rc = compile(&compiler);
    if (rc == 0) {
        template_->is_now = strcmp(text, "NOW()") == 0;
        // What is JSON after "{{" became "{" is meant as JSON, too.
        template_->is_json =
            is_json || (template_->piece_count > 0 && template_->pieces[0].name == NULL &&
                        begins_as_json(template_->literals.data, template_->pieces[0].length));
    }
    if (rc == 0 && template_->is_json)
        rc = check_json(template_, err);
    if (rc == 0)
        *out = template_;
    else
        nj_template_destroy(template_);
    return rc;
}

void nj_template_destroy(struct nj_template *template_)
{
    if (template_ == NULL)
        return;
    nj_buf_finish(&template_->literals);
    free(template_->names);
    free(template_);
}

size_t nj_template_name_count(const struct nj_template *template_)
{
    return template_->name_count;
}

const char *nj_template_name(const struct nj_template *template_, size_t index)
{
    return template_->names[index];
}

bool nj_template_is_now(const struct nj_template *template_)
{
    return template_->is_now;
}

bool nj_template_is_json(const struct nj_template *template_)
{
    return template_->is_json;
}

static void append_text(const struct piece *piece, const char *text, enum nj_template_form form,
                        struct nj_buf *out)
{
    struct nj_json_writer writer;
    if (form == NJ_TEMPLATE_PLAIN) {
        nj_buf_append_text(out, text != NULL ? text : "");
        return;
    }
    if (text == NULL) {
        nj_buf_append_text(out, piece->quoted ? "" : "null");
        return;
    }
    nj_json_init(&writer, out);
    if (!piece->quoted) {
        nj_json_text(&writer, NULL, text);
        return;
    }
    // The writer's own quotes are taken off: the template brought some.
    const size_t start = out->length;
    nj_json_text(&writer, NULL, text);
    if (nj_buf_failed(out))
        return;
    out->length -= 2;
    memmove(out->data + start, out->data + start + 1, out->length - start);
    out->data[out->length] = '\0';
}

static int append_value(const struct piece *piece, const struct nj_values *values,
                        enum nj_template_form form, struct nj_buf *out)
{
    struct nj_json_writer writer;
    const struct nj_value value = values->lookup(values->context, piece->name);
    switch (value.kind) {
    case NJ_VALUE_TEXT:
        append_text(piece, value.text, form, out);
        return 0;
    case NJ_VALUE_NUMBER:
        nj_json_init(&writer, out);
        nj_json_number(&writer, NULL, value.number);
        return 0;
    case NJ_VALUE_BOOL:
        nj_buf_append_text(out, value.truth ? "true" : "false");
        return 0;
    case NJ_VALUE_NONE:
    default:
        return NJ_E_NOT_FOUND;
    }
}

int nj_template_fill(const struct nj_template *template_, const struct nj_values *values,
                     enum nj_template_form form, struct nj_buf *out, struct nj_error *err)
{
    const size_t before = out->length;
    int rc = 0;
    nj_buf_append(out, "", 0); // what is empty still ends with a NUL
    for (size_t i = 0; rc == 0 && i < template_->piece_count; i++) {
        const struct piece *piece = &template_->pieces[i];
        if (piece->name == NULL)
            nj_buf_append(out, template_->literals.data + piece->start, piece->length);
        else if (append_value(piece, values, form, out) != 0)
            rc = nj_error_set(err, NJ_E_NOT_FOUND, "no value for '%s'", piece->name);
    }
    if (rc == 0 && nj_buf_failed(out))
        rc = nj_error_set(err, nj_buf_failed(out), "no room for the text of a template");
    if (rc != 0 && out->data != NULL) {
        out->length = before;
        out->data[before] = '\0';
    }
    return rc;
}

int nj_template_value(const struct nj_template *template_, const struct nj_values *values,
                      struct nj_buf *scratch, struct nj_value *out, struct nj_error *err)
{
    if (template_->piece_count == 1 && template_->name_count == 1) {
        const struct nj_value value = values->lookup(values->context, template_->names[0]);
        if (value.kind == NJ_VALUE_NONE)
            return nj_error_set(err, NJ_E_NOT_FOUND, "no value for '%s'", template_->names[0]);
        *out = value;
        return 0;
    }
    nj_buf_reset(scratch);
    int rc = nj_template_fill(template_, values, NJ_TEMPLATE_PLAIN, scratch, err);
    if (rc == 0)
        *out = (struct nj_value){.kind = NJ_VALUE_TEXT, .text = scratch->data};
    return rc;
}
