// SPDX-License-Identifier: Apache-2.0
// One step over UTF-8 (RFC 3629), shared by text.c and json_writer.c.
#ifndef NJ_UTIL_UTF8_PRIV_H
#define NJ_UTIL_UTF8_PRIV_H

#include <stddef.h>

// Bytes of the valid character at `text` (1 to 4), or 0 when none starts there. left > 0.
static inline size_t nj_utf8_step(const unsigned char *text, size_t left)
{
    unsigned char c = text[0];
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    size_t length = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (left < length)
        return 0;
    // The second byte excludes overlong forms, surrogates and what lies beyond U+10FFFF.
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

#endif
