// SPDX-License-Identifier: Apache-2.0
// Text: copying, UTF-8, comparison, likeness, ids, patterns.
#include "util/text.h"

#include "util/utf8_priv.h"

#include <string.h>

// Longest text whose likeness is worth computing; suggestions are for short names.
enum { NJ_TEXT_DISTANCE_MAX = 64 };

bool nj_text_copy(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);
    bool fits = length < size;
    if (!size)
        return false;
    if (!fits) {
        length = size - 1;
        // Back to the start of the character that the cut would split (at most 3 bytes).
        for (int i = 0; i < 3 && length && ((unsigned char)text[length] & 0xc0) == 0x80; i++)
            length--;
    }
    memmove(out, text, length);
    out[length] = '\0';
    return fits;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool nj_text_equal_nocase(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

bool nj_text_ends_with_nocase(const char *text, const char *suffix)
{
    size_t text_length = strlen(text);
    size_t suffix_length = strlen(suffix);
    return suffix_length <= text_length &&
           nj_text_equal_nocase(text + text_length - suffix_length, suffix);
}

bool nj_utf8_valid(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    while (length) {
        size_t step = nj_utf8_step(at, length);
        if (!step)
            return false;
        at += step;
        length -= step;
    }
    return true;
}

// U+0000 to U+001F, U+007F and U+0080 to U+009F.
// U+2028 to U+202E and U+2066 to U+2069: they end lines, or turn the order of what is shown around
// them, so that a name could pass for another.
static bool is_line_or_order(const unsigned char *at, size_t step)
{
    if (step != 3 || at[0] != 0xe2)
        return false;
    return (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) ||
           (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

static bool is_control(const unsigned char *at, size_t step)
{
    if (step == 1)
        return *at < 0x20 || *at == 0x7f;
    return (step == 2 && at[0] == 0xc2 && at[1] < 0xa0) || is_line_or_order(at, step);
}

void nj_text_printable(char *out, size_t size, const char *text)
{
    if (!size)
        return;
    const unsigned char *at = (const unsigned char *)text;
    size_t left = strlen(text);
    size_t length = 0;
    while (left) {
        size_t step = nj_utf8_step(at, left);
        bool shown = step && !is_control(at, step);
        size_t width = shown ? step : 1;
        if (length + width >= size)
            break;
        if (shown)
            memmove(out + length, at, step);
        else
            out[length] = '?';
        length += width;
        at += step ? step : 1;
        left -= step ? step : 1;
    }
    out[length] = '\0';
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// Distances between the first i letters of `a` and each beginning of `b`, from those of i - 1 and
// i - 2 letters.
static void distance_row(const char *a, const char *b, size_t i,
                         unsigned (*rows)[NJ_TEXT_DISTANCE_MAX + 1])
{
    unsigned *row = rows[i % 3];
    const unsigned *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
    row[0] = (unsigned)i;
    for (size_t j = 1; b[j - 1] != '\0'; j++) {
        const bool same = a[i - 1] == b[j - 1];
        row[j] = smaller(above[j - 1] + !same, smaller(above[j], row[j - 1]) + 1);
        if (!same && i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
            row[j] = smaller(row[j], before[j - 2] + 1);
    }
}

unsigned nj_text_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > NJ_TEXT_DISTANCE_MAX || b_length > NJ_TEXT_DISTANCE_MAX)
        return (unsigned)(a_length > b_length ? a_length : b_length);
    unsigned rows[3][NJ_TEXT_DISTANCE_MAX + 1] = {{0}};
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++)
        distance_row(a, b, i, rows);
    return rows[a_length % 3][b_length];
}

// What a character of a name becomes: itself, '_' for a separator, or NUL for nothing.
static char id_char(char c)
{
    c = lower(c);
    if (c == ' ' || c == '-' || c == '_' || c == '\t')
        return '_';
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '\0';
}

bool nj_text_to_id(const char *name, char *out, size_t size)
{
    size_t length = 0;
    bool gap = false; // separators wait for a character behind them
    for (; *name; name++) {
        char c = id_char(*name);
        if (c == '_')
            gap = length > 0;
        if (c == '_' || !c)
            continue;
        if (length + gap + 1 >= size)
            break;
        if (gap)
            out[length++] = '_';
        out[length++] = c;
        gap = false;
    }
    if (size)
        out[length] = '\0';
    return length > 0;
}

bool nj_text_match(const char *pattern, const char *name)
{
    // Only the last '*' has to be retried: what earlier ones took can be left as it is.
    const char *star = NULL;
    const char *resume = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
