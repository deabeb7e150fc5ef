// SPDX-License-Identifier: Apache-2.0
// What of an address is shown: without login, and without secrets in its path and query.
#include "net/address_rules.h"

#include "net/url.h"
#include "util/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { SECRET_NAME_MAX = 64 }; // a longer name is taken for one that tells of a secret

// Adds what fits of the text, printable.
static void add(char *out, size_t size, const char *text, size_t length)
{
    size_t used = strlen(out);
    for (size_t i = 0; i < length && used + 1 < size; i++)
        out[used++] = text[i] > ' ' && text[i] < 0x7f ? text[i] : '?';
    out[used] = '\0';
}

static bool is_secret_name(const char *name, size_t length)
{
    static const char *const words[] = {"pass", "pwd",      "token",   "secret",    "key",
                                        "auth", "user",     "usr",     "signature", "sig",
                                        "code", "loginuse", "session", "credential"};
    char lower[SECRET_NAME_MAX];
    if (length >= sizeof lower)
        return true;
    for (size_t i = 0; i < length; i++)
        lower[i] = (char)tolower((unsigned char)name[i]);
    lower[length] = '\0';
    for (size_t i = 0; i < NJ_COUNT_OF(words); i++)
        if (strstr(lower, words[i]))
            return true;
    return false;
}

// Of "SECRET_channel=1": where the value ends, at a separator or at a '_' or '/' before the next
// pair. Any other '/' may be the secret's own.
static size_t path_value_length(const char *value)
{
    static const char ends[] = "=_/&;?#";
    size_t length = 0;
    while (true) {
        length += strcspn(value + length, "_/&;?");
        if (value[length] != '_' && value[length] != '/')
            return length;
        const char *name = value + length + 1;
        const char *equals = name + strcspn(name, ends);
        // The '=' that end a value in base64 have nothing behind them.
        if (equals > name && *equals == '=' && equals[1] != '\0' && !strchr(ends, equals[1]))
            return length;
        length++;
    }
}

// A part of a path or a query: a pair, or what lies between two separators. Recorders have their
// login in either.
struct piece {
    size_t length;
    size_t shown; // from its beginning; the rest is secret
    bool secret;
};

static struct piece piece_at(const char *text, bool in_path)
{
    const size_t length = strcspn(text, in_path ? "/&;?#" : "&;#"), name = strcspn(text, "=");
    struct piece piece = {.length = length, .shown = length};
    if (name >= length)
        return piece;
    const char *value = text + name + 1;
    piece.secret = is_secret_name(text, name);
    if (in_path)
        piece.length = name + 1 + path_value_length(value);
    else if (piece.secret)
        piece.length = name + 1 + strcspn(value, "&;");
    piece.shown = piece.secret ? name + 1 : piece.length;
    return piece;
}

static void add_pieces(char *out, size_t size, const char *text, bool in_path)
{
    while (*text != '\0') {
        const struct piece piece = piece_at(text, in_path);
        add(out, size, text, piece.shown);
        if (piece.secret)
            add(out, size, "***", 3);
        text += piece.length;
        in_path = in_path && *text != '?';
        if (*text != '\0')
            add(out, size, text++, 1);
    }
}

// Behind the host at `text`: where the secret value ends that `at` lies in; NULL: in none.
static const char *end_of_secret(const char *text, const char *at)
{
    bool in_path = true;
    while (*text != '\0' && text <= at) {
        const struct piece piece = piece_at(text, in_path);
        const char *end = text + piece.length;
        if (at < end)
            return piece.secret && at >= text + piece.shown ? end : NULL;
        in_path = in_path && *end != '?';
        text = end + (*end != '\0');
    }
    return NULL;
}

// Whether every '@' behind the host lies in a secret value of the path or the query, and the host
// is one: else an '@' may as well end a password that has '/' or '?' unescaped.
static bool is_login_before_host(const char *start, const char *host_end)
{
    char text[NJ_URL_MAX];
    struct nj_url url;
    const int length = snprintf(text, sizeof text, "x://%.*s", (int)(host_end - start), start);
    if (host_end - start >= NJ_URL_MAX || length >= NJ_URL_MAX || nj_url_parse(text, &url, NULL))
        return false;
    for (const char *at = strchr(host_end, '@'); at; at = strchr(at + 1, '@'))
        if (!end_of_secret(host_end, at))
            return false;
    return true;
}

// Behind "scheme://", or at the beginning.
static const char *skip_scheme(const char *url)
{
    size_t length = 0;
    while (isalnum((unsigned char)url[length]) ||
           (url[length] != '\0' && strchr("+-.", url[length])))
        length++;
    return strncmp(url + length, "://", 3) == 0 ? url + length + 3 : url;
}

void nj_address_redact(const char *url, char *out, size_t size)
{
    if (size == 0)
        return;
    out[0] = '\0';
    const char *start = skip_scheme(url);
    const char *host_end = start + strcspn(start, "/?#");
    const char *at = start > url && is_login_before_host(start, host_end)
                         ? memrchr(start, '@', (size_t)(host_end - start))
                         : strrchr(start, '@');
    add(out, size, url, (size_t)(start - url));
    if (!at) {
        add_pieces(out, size, start, true);
        return;
    }
    add(out, size, "***@", 4);
    const char *secret = at > host_end ? end_of_secret(host_end, at) : NULL;
    const char *rest = secret ? secret : at + 1;
    if (secret)
        add(out, size, "***", 3);
    const bool in_path = !secret || !memchr(host_end, '?', (size_t)(rest - host_end));
    add_pieces(out, size, rest, in_path);
}
