// SPDX-License-Identifier: Apache-2.0
// Hexadecimal and base64url (RFC 4648 section 5, without padding).
#include "util/text.h"

#include <string.h>

void nj_hex_encode(const void *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++) {
        *out++ = digits[at[i] >> 4];
        *out++ = digits[at[i] & 15];
    }
    *out = '\0';
}

int nj_hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void nj_base64url_encode(const void *bytes, size_t length, char *out)
{
    const uint8_t *at = bytes;
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8 | at[i]) & 0xffff;
        for (count += 8; count >= 6; count -= 6)
            *out++ = alphabet[bits >> (count - 6) & 63];
    }
    if (count)
        *out++ = alphabet[bits << (6 - count) & 63];
    *out = '\0';
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

int nj_base64url_decode(const char *text, void *out, size_t size, size_t *out_length)
{
    size_t text_length = strlen(text);
    size_t length = text_length / 4 * 3 + (text_length % 4 * 3) / 4;
    if (text_length % 4 == 1 || length > size)
        return NJ_E_INVALID;
    // Refused whole or written whole: the text is checked before the first byte is stored.
    for (size_t i = 0; i < text_length; i++) {
        if (sextet(text[i]) < 0)
            return NJ_E_INVALID;
    }
    // The bits behind the last byte must be zero: one value has one text.
    int unused = text_length % 4 == 2 ? 15 : text_length % 4 == 3 ? 3 : 0;
    if (unused && (sextet(text[text_length - 1]) & unused))
        return NJ_E_INVALID;
    uint8_t *at = out;
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < text_length; i++) {
        bits = (bits << 6 | (uint32_t)sextet(text[i])) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *at++ = (uint8_t)(bits >> count);
        }
    }
    *out_length = length;
    return 0;
}
