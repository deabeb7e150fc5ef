// SPDX-License-Identifier: Apache-2.0
// Challenges of cameras, and their answers.
#include "sources/rtsp_login_priv.h"

#include "util/text.h"

#include <openssl/evp.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    HEX_SIZE = 2 * EVP_MAX_MD_SIZE + 1,
    PAIR_MAX = 2 * NJ_URL_SECRET_SIZE + 2,
    HASHED_MAX = NJ_URL_MAX + 1024,
};

// The value of `name` among "a=b, c="d, e""; "" when it is not there. False when it is too long.
static bool value_of(const char *text, const char *name, char out[NJ_RTSP_CHALLENGE_MAX])
{
    const size_t length = strlen(name);
    out[0] = '\0';
    while (*text != '\0') {
        text += strspn(text, " \t,");
        size_t key = strcspn(text, "=,");
        bool match = key == length && strncasecmp(text, name, length) == 0 && text[key] == '=';
        text += key + (text[key] == '=');
        bool quoted = *text == '"';
        text += quoted;
        size_t count = strcspn(text, quoted ? "\"" : ", \t");
        if (match && count >= NJ_RTSP_CHALLENGE_MAX)
            return false;
        if (match) {
            memcpy(out, text, count);
            out[count] = '\0';
            return true;
        }
        text += count;
        text += quoted && *text == '"';
    }
    return true;
}

static enum nj_rtsp_scheme scheme_of(const char *challenge, const char **values)
{
    char algorithm[NJ_RTSP_CHALLENGE_MAX];
    if (strncasecmp(challenge, "Basic", 5) == 0) {
        *values = challenge + 5;
        return NJ_RTSP_LOGIN_BASIC;
    }
    if (strncasecmp(challenge, "Digest", 6) != 0)
        return NJ_RTSP_LOGIN_NONE;
    *values = challenge + 6;
    if (!value_of(*values, "algorithm", algorithm))
        return NJ_RTSP_LOGIN_NONE;
    if (algorithm[0] == '\0' || strcasecmp(algorithm, "MD5") == 0)
        return NJ_RTSP_LOGIN_MD5;
    return strcasecmp(algorithm, "SHA-256") == 0 ? NJ_RTSP_LOGIN_SHA256 : NJ_RTSP_LOGIN_NONE;
}

bool nj_rtsp_login_challenge(struct nj_rtsp_login *login, const char *challenge)
{
    struct nj_rtsp_login next = *login;
    char qop[NJ_RTSP_CHALLENGE_MAX];
    const char *values = NULL;
    for (const char *at = challenge; *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            return false; // it would come back in our own lines
    next.scheme = scheme_of(challenge, &values);
    if (next.scheme == NJ_RTSP_LOGIN_NONE || next.scheme < login->scheme)
        return false;
    if (!value_of(values, "realm", next.realm) || !value_of(values, "nonce", next.nonce) ||
        !value_of(values, "opaque", next.opaque) || !value_of(values, "qop", qop))
        return false;
    next.qop = strstr(qop, "auth") != NULL;
    next.count = 0;
    *login = next;
    return true;
}

// The hash of what is printed, in hex; "" when it cannot be made.
static void hash(const struct nj_rtsp_login *login, char out[HEX_SIZE], const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void hash(const struct nj_rtsp_login *login, char out[HEX_SIZE], const char *format, ...)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[HASHED_MAX];
    unsigned size = 0;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const EVP_MD *kind = login->scheme == NJ_RTSP_LOGIN_SHA256 ? EVP_sha256() : EVP_md5();
    out[0] = '\0';
    if (length >= 0 && (size_t)length < sizeof text &&
        EVP_Digest(text, (size_t)length, digest, &size, kind, NULL) == 1)
        nj_hex_encode(digest, size, out);
    OPENSSL_cleanse(text, sizeof text);
}

static void write_basic(const struct nj_rtsp_login *login, struct nj_buf *out)
{
    char pair[PAIR_MAX];
    unsigned char code[4 * ((PAIR_MAX + 2) / 3) + 1];
    int length = snprintf(pair, sizeof pair, "%s:%s", login->user, login->password);
    EVP_EncodeBlock(code, (const unsigned char *)pair, length);
    nj_buf_printf(out, "Authorization: Basic %s\r\n", (const char *)code);
    OPENSSL_cleanse(pair, sizeof pair);
}

// Inside quotes (RFC 9110, 5.6.4).
static void append_quoted(struct nj_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            nj_buf_append_char(out, '\\');
        nj_buf_append_char(out, *text);
    }
}

static void write_digest(struct nj_rtsp_login *login, const char *method, const char *uri,
                         const char *salt, struct nj_buf *out)
{
    char who[HEX_SIZE], what[HEX_SIZE], response[HEX_SIZE], count[16];
    snprintf(count, sizeof count, "%08x", ++login->count);
    hash(login, who, "%s:%s:%s", login->user, login->realm, login->password);
    hash(login, what, "%s:%s", method, uri);
    if (login->qop)
        hash(login, response, "%s:%s:%s:%s:auth:%s", who, login->nonce, count, salt, what);
    else
        hash(login, response, "%s:%s:%s", who, login->nonce, what);
    nj_buf_append_text(out, "Authorization: Digest username=\"");
    append_quoted(out, login->user);
    nj_buf_printf(out, "\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\"", login->realm,
                  login->nonce, uri, response);
    if (login->scheme == NJ_RTSP_LOGIN_SHA256)
        nj_buf_append_text(out, ", algorithm=SHA-256");
    if (login->opaque[0] != '\0')
        nj_buf_printf(out, ", opaque=\"%s\"", login->opaque);
    if (login->qop)
        nj_buf_printf(out, ", qop=auth, nc=%s, cnonce=\"%s\"", count, salt);
    nj_buf_append_text(out, "\r\n");
}

void nj_rtsp_login_write(struct nj_rtsp_login *login, const char *method, const char *uri,
                         const char *salt, struct nj_buf *out)
{
    if (login->scheme == NJ_RTSP_LOGIN_BASIC)
        write_basic(login, out);
    else if (login->scheme != NJ_RTSP_LOGIN_NONE)
        write_digest(login, method, uri, salt, out);
}
