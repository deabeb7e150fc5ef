// SPDX-License-Identifier: Apache-2.0
// Finds the one JSON object in what a language model wrote, and believes nothing of it unchecked.
#include "analysis/llm_priv.h"
#include "util/json_reader.h"
#include "util/mem.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESPONSE_BYTES_MAX = 4 * 1024 * 1024,
    OBJECT_BYTES_MAX = 256 * 1024,
    STARTS_MAX = 32, // braces that are tried as the beginning of the object
};

static const char think_open[] = "<think>";
static const char think_close[] = "</think>";

// Cuts the thoughts out in place. What stands before a </think> that nobody opened is thought as
// well: templates open the block in the question. *out_unclosed: the text ends within a thought.
static void strip_thoughts(char *text, size_t *length, bool *out_unclosed)
{
    const char *end = text + *length;
    const char *from = text;
    char *to = text;
    *out_unclosed = false;
    while (from < end) {
        const char *open = memmem(from, (size_t)(end - from), think_open, strlen(think_open));
        const char *close = memmem(from, (size_t)(end - from), think_close, strlen(think_close));
        if (close != NULL && (open == NULL || close < open)) {
            to = text; // everything so far was thought
            from = close + strlen(think_close);
            continue;
        }
        const char *stop = open != NULL ? open : end;
        memmove(to, from, (size_t)(stop - from));
        to += stop - from;
        from = stop;
        if (open == NULL)
            break;
        if (close == NULL) {
            // Keep it: an answer may follow a thought that was never closed.
            to = text;
            from += strlen(think_open);
            *out_unclosed = true;
            memmove(to, from, (size_t)(end - from));
            to += end - from;
            break;
        }
        from = close + strlen(think_close);
    }
    *length = (size_t)(to - text);
    *to = '\0';
}

// Length of the balanced object that begins at `text`, 0 when it does not end.
static size_t object_length(const char *text, size_t length)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i += 1;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{') {
            depth += 1;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

static bool only_blanks(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (strchr(" \t\r\n`", text[i]) == NULL || text[i] == '\0')
            return false;
    return true;
}

// The first balanced object that is JSON; NULL when there is none. Behind an unclosed thought only
// an object at the very end counts: others are drafts.
static json_t *find_object(const char *text, size_t length, bool at_end)
{
    const char *at = text;
    const char *end = text + length;
    for (int starts = 0; starts < STARTS_MAX; starts++) {
        at = memchr(at, '{', (size_t)(end - at));
        if (at == NULL)
            return NULL;
        size_t taken = object_length(at, (size_t)(end - at));
        json_t *object = NULL;
        bool fits = taken > 0 && (!at_end || only_blanks(at + taken, (size_t)(end - at) - taken));
        if (fits && nj_json_parse(at, taken, OBJECT_BYTES_MAX, &object, NULL) == 0)
            return object;
        at += 1;
    }
    return NULL;
}

static int read_score(const json_t *object, int *out, struct nj_error *err)
{
    double score = -1;
    int rc = nj_json_get_number(object, "risk_score", true, &score, err);
    if (rc != 0)
        return rc;
    score = round(score);
    if (!(score >= 0 && score <= 100))
        return nj_error_set(err, NJ_E_CORRUPT, "risk_score %g is not within 0 to 100", score);
    *out = (int)score;
    return 0;
}

static int read_text(const json_t *object, const char *key, char *out, size_t size,
                     struct nj_error *err)
{
    const char *text = NULL;
    int rc = nj_json_get_text(object, key, true, &text, err);
    if (rc != 0)
        return rc;
    text += strspn(text, " \t\r\n");
    nj_text_copy(out, size, text);
    size_t length = strlen(out);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
            out[i] = ' ';
    while (length > 0 && out[length - 1] == ' ')
        out[--length] = '\0';
    return length > 0 ? 0 : nj_error_set(err, NJ_E_CORRUPT, "%s is empty", key);
}

// Whatever is wrong with what others wrote, it is one kind of failure.
static int as_corrupt(int rc, struct nj_error *err)
{
    if (rc == 0 || rc == NJ_E_NOMEM)
        return rc;
    if (err != NULL)
        err->code = NJ_E_CORRUPT;
    return NJ_E_CORRUPT;
}

int nj_llm_read_answer(char *text, size_t length, struct nj_finding *out, struct nj_error *err)
{
    bool unclosed = false;
    strip_thoughts(text, &length, &unclosed);
    json_t *object = find_object(text, length, unclosed);
    if (object == NULL)
        return nj_error_set(err, NJ_E_CORRUPT, "the answer holds no whole JSON object");
    struct nj_finding *finding = malloc(sizeof *finding);
    if (finding == NULL) {
        json_decref(object);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the answer");
    }
    *finding = *out;
    int rc = read_score(object, &finding->risk_score, err);
    if (rc == 0)
        rc = read_text(object, "summary", finding->summary, sizeof finding->summary, err);
    if (rc == 0)
        rc = read_text(object, "reasoning", finding->reasoning, sizeof finding->reasoning, err);
    if (rc == 0)
        *out = *finding;
    free(finding);
    json_decref(object);
    return as_corrupt(rc, err);
}

// What the model wrote, borrowed from `root`; NULL when it is not where it should be.
static const char *written_text(enum nj_llm_protocol protocol, const json_t *root)
{
    if (protocol == NJ_LLM_COMPLETION)
        return json_string_value(json_object_get(root, "content"));
    const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    return json_string_value(json_object_get(json_object_get(choice, "message"), "content"));
}

int nj_llm_read_response(enum nj_llm_protocol protocol, const struct nj_buf *body,
                         struct nj_finding *out, struct nj_error *err)
{
    json_t *root = NULL;
    int rc = body->length == 0
                 ? nj_error_set(err, NJ_E_CORRUPT, "the response is empty")
                 : nj_json_parse(body->data, body->length, RESPONSE_BYTES_MAX, &root, err);
    if (rc != 0)
        return as_corrupt(rc, err);
    const char *borrowed = written_text(protocol, root);
    char *text = nj_strdup(borrowed);
    if (borrowed == NULL)
        rc = nj_error_set(err, NJ_E_CORRUPT, "the response holds no text of the model");
    else if (text == NULL)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory for the answer");
    else
        rc = nj_llm_read_answer(text, strlen(text), out, err);
    free(text);
    json_decref(root);
    return rc;
}
