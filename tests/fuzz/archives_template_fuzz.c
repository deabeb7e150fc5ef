// SPDX-License-Identifier: Apache-2.0
// Any text as a template: what compiles is filled in both forms, and what is JSON stays JSON
// whatever the values hold.
#include "archives/template.h"

#include "util/json_reader.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 4096, FILLED_MAX = 64 * TEXT_MAX };

// Names differ in what they stand for by their length.
static struct nj_value lookup(const void *context, const char *name)
{
    (void)context;
    switch (strlen(name) % 4) {
    case 0:
        return (struct nj_value){.kind = NJ_VALUE_TEXT, .text = "\"},{\"a\\\n{x}"};
    case 1:
        return (struct nj_value){.kind = NJ_VALUE_NUMBER, .number = -0.5};
    case 2:
        return (struct nj_value){.kind = NJ_VALUE_BOOL, .truth = true};
    default:
        return (struct nj_value){.kind = NJ_VALUE_TEXT, .text = NULL};
    }
}

// Texts outside of quotes may stand as keys, and two keys may become equal: only those fail.
static void check_json(const struct nj_buf *filled)
{
    json_error_t why;
    json_t *value = json_loadb(filled->data, filled->length, JSON_DECODE_ANY, &why);
    if (value == NULL && json_error_code(&why) != json_error_out_of_memory)
        abort();
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct nj_values values = {lookup, NULL};
    struct nj_template *template_ = NULL;
    struct nj_error err = {0};
    struct nj_buf filled;
    struct nj_value value;
    char text[TEXT_MAX];
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (nj_template_parse(text, &template_, &err) != 0) {
        if (err.text[0] == '\0' || template_ != NULL)
            abort();
        return 0;
    }
    nj_buf_init(&filled, FILLED_MAX);
    if (nj_template_fill(template_, &values, NJ_TEMPLATE_JSON, &filled, &err) == 0 &&
        nj_template_is_json(template_))
        check_json(&filled);
    nj_buf_reset(&filled);
    if (nj_template_value(template_, &values, &filled, &value, &err) == 0 &&
        value.kind == NJ_VALUE_NONE)
        abort();
    nj_buf_finish(&filled);
    nj_template_destroy(template_);
    return 0;
}
