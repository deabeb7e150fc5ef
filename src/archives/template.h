// SPDX-License-Identifier: Apache-2.0
// Field templates: "{session_id}", "{car_brand_cls_v1.brand}", compiled once when the archive is
// loaded. "{{" and "}}" are braces. In a text that begins as a JSON object or list does, braces
// outside of its quotes are JSON's own and stand once: {"id":"{session_id}","sure":{confidence}}.
#ifndef NJ_ARCHIVES_TEMPLATE_H
#define NJ_ARCHIVES_TEMPLATE_H

#include "util/buf.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { NJ_TEMPLATE_MAX = 16384, NJ_TEMPLATE_NAMES_MAX = 64, NJ_TEMPLATE_NAME_SIZE = 192 };

struct nj_template; // immutable

// Names have letters, digits, '_' and '-', and at most one dot. NJ_E_INVALID: an open brace, an
// empty or malformed name, what begins as JSON and is none, each with its place; NJ_E_TOO_BIG. The
// caller owns *out.
int nj_template_parse(const char *text, struct nj_template **out, struct nj_error *err);
void nj_template_destroy(struct nj_template *template_);
size_t nj_template_name_count(const struct nj_template *template_);
const char *nj_template_name(const struct nj_template *template_, size_t index);
bool nj_template_is_now(const struct nj_template *template_);  // the whole text is "NOW()"
bool nj_template_is_json(const struct nj_template *template_); // fill it as NJ_TEMPLATE_JSON

enum nj_value_kind { NJ_VALUE_NONE, NJ_VALUE_TEXT, NJ_VALUE_NUMBER, NJ_VALUE_BOOL };
struct nj_value {
    enum nj_value_kind kind; // NONE: unknown here
    const char *text;        // NULL: null in JSON outside of quotes, else nothing
    double number;
    bool truth;
};
// Looks a name up; borrowed until the next lookup.
struct nj_values {
    struct nj_value (*lookup)(const void *context, const char *name);
    const void *context;
};

enum nj_template_form {
    NJ_TEMPLATE_PLAIN, // as text
    NJ_TEMPLATE_JSON   // names inside a JSON text: escaped within quotes, typed outside of them
};

// Appends the filled-in text. NJ_E_NOT_FOUND names the first name without a value; NJ_E_TOO_BIG and
// NJ_E_NOMEM are the buffer's. Nothing is appended on failure.
int nj_template_fill(const struct nj_template *template_, const struct nj_values *values,
                     enum nj_template_form form, struct nj_buf *out, struct nj_error *err);
// The template is one name alone: its value with its type; else the text, which lies in `scratch`
// (emptied before). For columns. Errors as of nj_template_fill.
int nj_template_value(const struct nj_template *template_, const struct nj_values *values,
                      struct nj_buf *scratch, struct nj_value *out, struct nj_error *err);

#endif
