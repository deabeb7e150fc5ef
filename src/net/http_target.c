// SPDX-License-Identifier: Apache-2.0
// Request targets: percent-decoding and normalisation of paths, checks and decoding of queries.
#include "net/http_target_priv.h"

#include "net/url.h"
#include "util/text.h"

#include <string.h>

// Decodes in place; false for malformed escapes and for bytes that a path must not hide.
static bool decode_path(char *path)
{
    char *to = path;
    for (const char *from = path; *from; from++) {
        int c = (unsigned char)*from;
        if (c == '%') {
            c = nj_url_escape_value(from);
            if (c < 0x20 || c == 0x7f || c == '/')
                return false;
            from += 2;
        }
        *to++ = (char)c;
    }
    *to = '\0';
    return true;
}

static bool is_dots(const char *segment, size_t length, size_t count)
{
    return length == count && strspn(segment, ".") >= count;
}

bool nj_http_path_normalise(char *path)
{
    if (path[0] != '/' || !decode_path(path) || !nj_utf8_valid(path, strlen(path)))
        return false;
    char *to = path;
    const char *from = path;
    while (*from) { // `from` stands on a slash
        const char *segment = from + 1;
        size_t length = strcspn(segment, "/");
        bool last = segment[length] == '\0';
        bool dot = is_dots(segment, length, 1);
        if (is_dots(segment, length, 2))
            return false;
        from = segment + length;
        if ((length == 0 || dot) && !last)
            continue;
        *to++ = '/';
        if (!dot) {
            memmove(to, segment, length);
            to += length;
        }
    }
    *to = '\0';
    return true;
}

bool nj_http_query_valid(const char *query)
{
    for (const char *at = strchr(query, '%'); at; at = strchr(at + 3, '%')) {
        if (nj_url_escape_value(at) <= 0)
            return false;
    }
    return true;
}

void nj_http_query_decode(char *text, size_t length)
{
    char *to = text;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%' && i + 2 < length) {
            c = (char)nj_url_escape_value(text + i);
            i += 2;
        }
        *to++ = c;
    }
    *to = '\0';
}
