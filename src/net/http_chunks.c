// SPDX-License-Identifier: Apache-2.0
// Strict check of chunked framing: one small function per state.
#include "net/http_chunks_priv.h"

#include "util/text.h"

enum { NJ_CHUNK_DIGITS_MAX = 15 }; // hexadecimal; a size that no 64-bit sum overflows

enum state {
    SIZE,
    EXTENSION,
    SIZE_END,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE,
    NAME,
    VALUE,
    VALUE_END,
    LAST
};
enum verdict { ENDED = -1, BAD = -2 };

static bool is_text(unsigned char c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

static int on_size(struct nj_http_chunks *chunks, unsigned char c)
{
    int value = nj_hex_value((char)c);
    if (value >= 0) {
        chunks->left = chunks->left << 4 | (unsigned)value;
        return ++chunks->digits <= NJ_CHUNK_DIGITS_MAX ? SIZE : BAD;
    }
    if (chunks->digits == 0)
        return BAD;
    return c == '\r' ? SIZE_END : c == ';' ? EXTENSION : BAD;
}

static int on_extension(struct nj_http_chunks *chunks, unsigned char c)
{
    (void)chunks;
    return c == '\r' ? SIZE_END : is_text(c) ? EXTENSION : BAD;
}

static int on_size_end(struct nj_http_chunks *chunks, unsigned char c)
{
    chunks->digits = 0;
    if (c != '\n')
        return BAD;
    return chunks->left > 0 ? DATA : LINE;
}

static int on_data_cr(struct nj_http_chunks *chunks, unsigned char c)
{
    (void)chunks;
    return c == '\r' ? DATA_LF : BAD;
}

static int on_data_lf(struct nj_http_chunks *chunks, unsigned char c)
{
    (void)chunks;
    return c == '\n' ? SIZE : BAD;
}

static int on_name(struct nj_http_chunks *chunks, unsigned char c)
{
    (void)chunks;
    if (c == ':')
        return VALUE;
    return c > ' ' && c < 0x7f ? NAME : BAD;
}

static int on_line(struct nj_http_chunks *chunks, unsigned char c)
{
    if (c == '\r')
        return LAST;
    return c == ':' ? BAD : on_name(chunks, c);
}

static int on_value(struct nj_http_chunks *chunks, unsigned char c)
{
    (void)chunks;
    return c == '\r' ? VALUE_END : is_text(c) ? VALUE : BAD;
}

static int on_value_end(struct nj_http_chunks *chunks, unsigned char c)
{
    (void)chunks;
    return c == '\n' ? LINE : BAD;
}

static int on_last(struct nj_http_chunks *chunks, unsigned char c)
{
    (void)chunks;
    return c == '\n' ? ENDED : BAD;
}

static int (*const steps[])(struct nj_http_chunks *chunks, unsigned char c) = {
    [SIZE] = on_size,       [EXTENSION] = on_extension, [SIZE_END] = on_size_end,
    [DATA_CR] = on_data_cr, [DATA_LF] = on_data_lf,     [LINE] = on_line,
    [NAME] = on_name,       [VALUE] = on_value,         [VALUE_END] = on_value_end,
    [LAST] = on_last,
};

bool nj_http_chunks_check(struct nj_http_chunks *chunks, const char *bytes, size_t length)
{
    size_t i = 0;
    while (i < length && chunks->state >= 0) {
        if (chunks->state != DATA) {
            chunks->state = steps[chunks->state](chunks, (unsigned char)bytes[i++]);
            continue;
        }
        uint64_t rest = length - i;
        uint64_t count = rest < chunks->left ? rest : chunks->left;
        i += (size_t)count;
        chunks->left -= count;
        if (chunks->left == 0)
            chunks->state = DATA_CR;
    }
    return chunks->state != BAD;
}
