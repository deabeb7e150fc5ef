// SPDX-License-Identifier: Apache-2.0
// Configuration files: reads them whole, and holds .json files to strict JSON before they take the
// same path as YAML.
#include "config/config_node_priv.h"
#include "util/file.h"
#include "util/text.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_json(const struct nj_source *source, struct nj_error *err)
{
    json_error_t problem;
    json_t *value = json_loadb(source->text, source->length, JSON_REJECT_DUPLICATES, &problem);
    if (value) {
        json_decref(value);
        return 0;
    }
    // Without memory jansson often gives up with no words at all.
    if (!problem.text[0] || json_error_code(&problem) == json_error_out_of_memory)
        return nj_error_set(err, NJ_E_NOMEM, "%s: out of memory", source->name);
    struct nj_place place = {source->name, 0, 0};
    if (problem.line > 0) {
        place.line = (size_t)problem.line;
        place.column = problem.column > 0 ? (size_t)problem.column : 1;
    }
    return nj_place_error(err, NJ_E_INVALID, place, "not JSON: %s", problem.text);
}

// The code unit of "\uXXXX" at `text`, or -1.
static long code_unit(const char *text, size_t length)
{
    if (length < 6 || text[0] != '\\' || text[1] != 'u')
        return -1;
    char digits[5];
    memcpy(digits, text + 2, 4);
    digits[4] = '\0';
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

// JSON writes a character beyond U+FFFF as two escapes; YAML knows one with eight digits. The
// twelve bytes become ten, in place. An escaped backslash before "ud83d" makes no pair: the second
// half would stand alone, which the strict check before refused. Returns the new length.
static size_t join_surrogates(char *text, size_t length)
{
    size_t to = 0;
    size_t from = 0;
    while (from < length) {
        long high = code_unit(text + from, length - from);
        long low = high >= 0 ? code_unit(text + from + 6, length - from - 6) : -1;
        if (high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
            char joined[16];
            long point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            snprintf(joined, sizeof(joined), "\\U%08lx", (unsigned long)point);
            memcpy(text + to, joined, 10);
            to += 10;
            from += 12;
            continue;
        }
        text[to++] = text[from++];
    }
    return to;
}

int nj_node_parse_file(struct nj_arena *arena, const char *path, struct nj_node **out,
                       struct nj_error *err)
{
    char *text = NULL;
    size_t length = 0;
    int code = nj_file_read(path, NJ_CONFIG_FILE_MAX, &text, &length, err);
    if (code != 0)
        return code;
    struct nj_source source = {.text = text, .length = length};
    // Nodes outlive this call and point to their source's name.
    source.name = nj_arena_text(arena, path, strlen(path));
    if (!source.name) {
        code = nj_error_set(err, NJ_E_NOMEM, "%s: out of memory", path);
        goto done;
    }
    if (nj_text_ends_with_nocase(path, ".json")) {
        code = check_json(&source, err);
        if (code != 0)
            goto done;
        source.length = join_surrogates(text, length);
    }
    code = nj_node_parse(arena, &source, out, err);
done:
    free(text);
    return code;
}
