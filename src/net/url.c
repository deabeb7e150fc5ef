// SPDX-License-Identifier: Apache-2.0
// Parts of an absolute URL with a host.
#include "net/url.h"

#include "util/mem.h"
#include "util/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

struct span {
    const char *start;
    size_t length;
};

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

static bool copy_lower(char *out, size_t size, struct span text)
{
    if (text.length == 0 || text.length >= size)
        return false;
    for (size_t i = 0; i < text.length; i++)
        out[i] = (char)tolower((unsigned char)text.start[i]);
    out[text.length] = '\0';
    return true;
}

int nj_url_escape_value(const char *text)
{
    const int high = nj_hex_value(text[1]);
    const int low = high < 0 ? -1 : nj_hex_value(text[2]);
    return low < 0 ? -1 : high * 16 + low;
}

bool nj_url_unescape(const char *text, size_t length, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            c = i + 2 < length ? nj_url_escape_value(text + i) : -1;
            i += 2;
        }
        if (c < ' ' || c == 0x7f || used + 1 >= size)
            return false;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return true;
}

static bool decode(char *out, size_t size, struct span text)
{
    return nj_url_unescape(text.start, text.length, out, size);
}

static bool take_scheme(const char **text, struct nj_url *out)
{
    const char *end = strstr(*text, "://");
    if (!end || !isalpha((unsigned char)**text))
        return false;
    struct span scheme = {*text, (size_t)(end - *text)};
    for (size_t i = 0; i < scheme.length; i++)
        if (!isalnum((unsigned char)scheme.start[i]) && !strchr("+-.", scheme.start[i]))
            return false;
    *text = end + 3;
    return copy_lower(out->scheme, sizeof out->scheme, scheme);
}

static bool take_credentials(struct span *authority, struct nj_url *out)
{
    const char *at = memrchr(authority->start, '@', authority->length);
    if (!at)
        return true;
    struct span user = {authority->start, (size_t)(at - authority->start)};
    authority->length -= user.length + 1;
    authority->start = at + 1;
    const char *colon = memchr(user.start, ':', user.length);
    if (colon) {
        struct span password = {colon + 1, user.length - (size_t)(colon + 1 - user.start)};
        user.length = (size_t)(colon - user.start);
        if (!decode(out->password, sizeof out->password, password))
            return false;
    }
    return decode(out->user, sizeof out->user, user);
}

static bool take_port(struct span text, struct nj_url *out)
{
    if (text.length > PORT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (!isdigit((unsigned char)text.start[i]))
            return false;
        out->port = out->port * 10 + (text.start[i] - '0');
    }
    return text.length == 0 || (out->port > 0 && out->port <= PORT_MAX);
}

static bool host_is_valid(struct span host, bool bracketed)
{
    for (size_t i = 0; i < host.length; i++) {
        char c = host.start[i];
        bool valid = bracketed ? isxdigit((unsigned char)c) || c == ':' || c == '.'
                               : isalnum((unsigned char)c) || strchr("-._", c) != NULL;
        if (!valid)
            return false;
    }
    return true;
}

// ":554", or nothing.
static bool take_port_after(struct span text, struct nj_url *out)
{
    if (text.length == 0)
        return true;
    return *text.start == ':' && take_port((struct span){text.start + 1, text.length - 1}, out);
}

static bool take_host(struct span authority, struct nj_url *out)
{
    struct span host = authority;
    const char *limit = authority.start + authority.length, *after;
    bool bracketed = authority.length > 0 && authority.start[0] == '[';
    if (bracketed) {
        const char *end = memchr(authority.start, ']', authority.length);
        if (!end)
            return false;
        host = (struct span){authority.start + 1, (size_t)(end - authority.start - 1)};
        after = end + 1;
    } else {
        const char *colon = memchr(authority.start, ':', authority.length);
        after = colon ? colon : limit;
        host.length = (size_t)(after - authority.start);
    }
    return host_is_valid(host, bracketed) && copy_lower(out->host, sizeof out->host, host) &&
           take_port_after((struct span){after, (size_t)(limit - after)}, out);
}

int nj_url_parse(const char *text, struct nj_url *out, struct nj_error *err)
{
    struct nj_url url = {.port = 0};
    size_t length = strlen(text);
    if (length >= NJ_URL_MAX)
        return nj_error_set(err, NJ_E_INVALID, "the address is longer than %d characters",
                            NJ_URL_MAX - 1);
    for (size_t i = 0; i < length; i++)
        if (!is_plain((unsigned char)text[i]))
            return nj_error_set(err, NJ_E_INVALID,
                                "the address has a blank or another character that belongs "
                                "escaped as %%XX");
    if (!take_scheme(&text, &url))
        return nj_error_set(err, NJ_E_INVALID, "no address of the form scheme://host/path");
    struct span authority = {text, strcspn(text, "/?#")};
    const char *rest = text + authority.length;
    if (!take_credentials(&authority, &url))
        return nj_error_set(err, NJ_E_INVALID,
                            "user or password of the address: broken, or longer than %d "
                            "characters",
                            NJ_URL_SECRET_SIZE - 1);
    if (!take_host(authority, &url))
        return nj_error_set(err, NJ_E_INVALID, "host or port of the address cannot be read");
    size_t rest_length = strcspn(rest, "#");
    memcpy(url.rest, rest, rest_length);
    url.rest[rest_length] = '\0';
    *out = url;
    return 0;
}

static size_t append(char *out, size_t size, size_t length, const char *text)
{
    size_t more = strlen(text);
    if (length + more < size)
        memcpy(out + length, text, more + 1);
    return length + more;
}

size_t nj_url_escape(const char *text, char *out, size_t size)
{
    size_t length = 0;
    if (size > 0)
        out[0] = '\0';
    for (; *text != '\0'; text++) {
        char piece[4] = {*text, '\0'};
        if (!isalnum((unsigned char)*text) && !strchr("-._~", *text))
            (void)snprintf(piece, sizeof piece, "%%%02X", (unsigned)(unsigned char)*text);
        length = append(out, size, length, piece);
    }
    return length;
}

static size_t append_escaped(char *out, size_t size, size_t length, const char *text)
{
    const size_t used = length < size ? length : size;
    return length + nj_url_escape(text, out + used, size - used);
}

bool nj_url_write(const struct nj_url *url, char *out, size_t size)
{
    bool bracketed = strchr(url->host, ':') != NULL;
    char port[16] = "";
    size_t length = append(out, size, 0, url->scheme);
    length = append(out, size, length, "://");
    if (url->user[0] != '\0' || url->password[0] != '\0') {
        length = append_escaped(out, size, length, url->user);
        length = append(out, size, length, ":");
        length = append_escaped(out, size, length, url->password);
        length = append(out, size, length, "@");
    }
    length = append(out, size, length, bracketed ? "[" : "");
    length = append(out, size, length, url->host);
    length = append(out, size, length, bracketed ? "]" : "");
    if (url->port > 0)
        (void)snprintf(port, sizeof port, ":%d", url->port);
    length = append(out, size, length, port);
    length = append(out, size, length, url->rest);
    return length < size;
}

static int usual_port(const char *scheme)
{
    static const struct {
        const char *scheme;
        int port;
    } usual[] = {{"http", 80}, {"https", 443}, {"rtsp", 554}, {"rtsps", 322}};
    for (size_t i = 0; i < NJ_COUNT_OF(usual); i++)
        if (strcmp(usual[i].scheme, scheme) == 0)
            return usual[i].port;
    return 0;
}

int nj_url_port(const struct nj_url *url)
{
    return url->port > 0 ? url->port : usual_port(url->scheme);
}

// Behind another port of a host there may be somebody else. The same service with TLS has another
// port: its usual one, where nobody but the host's owner listens.
static bool is_same_service(const struct nj_url *from, const struct nj_url *to)
{
    const size_t length = strlen(from->scheme);
    const bool same = strcmp(from->scheme, to->scheme) == 0;
    const bool upgraded = strncmp(from->scheme, to->scheme, length) == 0 &&
                          strcmp(to->scheme + length, "s") == 0; // rtsp to rtsps, http to https
    return strcmp(from->host, to->host) == 0 && (same || upgraded) &&
           (nj_url_port(from) == nj_url_port(to) ||
            (upgraded && nj_url_port(to) == usual_port(to->scheme)));
}

void nj_url_carry_login(const struct nj_url *from, struct nj_url *to)
{
    bool has_own = to->user[0] != '\0' || to->password[0] != '\0';
    if (has_own || !is_same_service(from, to))
        return;
    memcpy(to->user, from->user, sizeof to->user);
    memcpy(to->password, from->password, sizeof to->password);
}
