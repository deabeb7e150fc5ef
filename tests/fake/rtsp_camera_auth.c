// SPDX-License-Identifier: Apache-2.0
// Basic (RFC 7617) and digest (RFC 2617, RFC 7616) on the camera's side.
#include "tests/fake/rtsp_camera_priv.h"

#include "util/text.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { VALUE_MAX = 512, HASH_MAX = EVP_MAX_MD_SIZE * 2 + 1 };

// Value of `name` in a list of name=value or name="value".
static bool parameter(const char *list, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    const char *at = list;
    while ((at = strcasestr(at, name)) != NULL) {
        bool starts = at > list && strchr(" ,\t", at[-1]);
        at += length;
        if (!starts || *at != '=')
            continue;
        at++;
        size_t end = *at == '"' ? strcspn(++at, "\"") : strcspn(at, ", \t");
        if (end >= size)
            return false;
        memcpy(out, at, end);
        out[end] = '\0';
        return true;
    }
    return false;
}

// Hex of the hash of the parts with ':' between them; `parts` ends with NULL.
static void hash(const EVP_MD *kind, const char *const *parts, char out[HASH_MAX])
{
    struct nj_buf text;
    nj_buf_init(&text, 8 * VALUE_MAX);
    for (size_t i = 0; parts[i]; i++)
        nj_buf_printf(&text, "%s%s", i ? ":" : "", parts[i]);
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (nj_buf_failed(&text) || EVP_Digest(text.data, text.length, sum, &size, kind, NULL) <= 0)
        size = 0;
    nj_hex_encode(sum, size, out);
    nj_buf_finish(&text);
}

static bool basic_right(const struct camera_mount *mount, const char *value)
{
    char plain[VALUE_MAX];
    char coded[VALUE_MAX * 2];
    snprintf(plain, sizeof(plain), "%s:%s", mount->user, mount->password);
    EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)plain, (int)strlen(plain));
    return !strncasecmp(value, "Basic ", 6) && !strcmp(value + 6, coded);
}

struct digest {
    char user[VALUE_MAX], realm[VALUE_MAX], nonce[VALUE_MAX], uri[2 * VALUE_MAX];
    char response[VALUE_MAX], cnonce[VALUE_MAX], nc[VALUE_MAX], qop[VALUE_MAX];
};

static bool digest_read(const char *value, bool with_qop, struct digest *out)
{
    memset(out, 0, sizeof(*out));
    if (strncasecmp(value, "Digest ", 7) != 0 ||
        !parameter(value, "username", out->user, sizeof(out->user)) ||
        !parameter(value, "realm", out->realm, sizeof(out->realm)) ||
        !parameter(value, "nonce", out->nonce, sizeof(out->nonce)) ||
        !parameter(value, "uri", out->uri, sizeof(out->uri)) ||
        !parameter(value, "response", out->response, sizeof(out->response)))
        return false;
    return !with_qop || (parameter(value, "cnonce", out->cnonce, sizeof(out->cnonce)) &&
                         parameter(value, "nc", out->nc, sizeof(out->nc)) &&
                         parameter(value, "qop", out->qop, sizeof(out->qop)));
}

static bool digest_right(const struct camera_conn *conn, const struct camera_request *request,
                         const struct digest *digest)
{
    const struct camera_mount *mount = conn->mount;
    bool sha256 = mount->auth == NJ_TEST_CAMERA_DIGEST_SHA256;
    const EVP_MD *kind = sha256 ? EVP_sha256() : EVP_md5();
    char secret[HASH_MAX], asked[HASH_MAX], right[HASH_MAX];
    const char *const who[] = {mount->user, digest->realm, mount->password, NULL};
    const char *const what[] = {request->method, digest->uri, NULL};
    hash(kind, who, secret);
    hash(kind, what, asked);
    if (mount->auth == NJ_TEST_CAMERA_DIGEST) {
        const char *const parts[] = {secret, digest->nonce, asked, NULL};
        hash(kind, parts, right);
    } else {
        const char *const parts[] = {secret,      digest->nonce, digest->nc, digest->cnonce,
                                     digest->qop, asked,         NULL};
        hash(kind, parts, right);
    }
    return !strcmp(digest->user, mount->user) && !strcasecmp(digest->response, right) &&
           strstr(request->target, digest->uri); // HTTP says the path, RTSP the whole
}

static void challenge(struct camera_conn *conn, const struct camera_request *request, bool stale)
{
    char line[VALUE_MAX];
    if (conn->mount->auth == NJ_TEST_CAMERA_BASIC)
        snprintf(line, sizeof(line), "WWW-Authenticate: Basic realm=\"camera\"\r\n");
    else
        snprintf(
            line, sizeof(line), "WWW-Authenticate: Digest realm=\"camera\", nonce=\"%s\"%s%s%s\r\n",
            conn->camera->nonce, conn->mount->auth == NJ_TEST_CAMERA_DIGEST ? "" : ", qop=\"auth\"",
            conn->mount->auth == NJ_TEST_CAMERA_DIGEST_SHA256 ? ", algorithm=SHA-256" : "",
            stale ? ", stale=true" : "");
    camera_count(conn, unauthorized, 1);
    camera_reply(conn, request, 401, line, 0);
}

bool camera_auth_pass(struct camera_conn *conn, const struct camera_request *request)
{
    const struct camera_mount *mount = conn->mount;
    if (mount->auth == NJ_TEST_CAMERA_OPEN)
        return true;
    char value[4 * VALUE_MAX];
    bool stale = false;
    if (camera_header(request, "Authorization", value, sizeof(value))) {
        struct digest digest;
        if (mount->auth == NJ_TEST_CAMERA_BASIC) {
            if (basic_right(mount, value))
                return true;
        } else if (digest_read(value, mount->auth != NJ_TEST_CAMERA_DIGEST, &digest) &&
                   digest_right(conn, request, &digest)) {
            if (!strcmp(digest.nonce, conn->camera->nonce))
                return true;
            stale = true;
        }
    }
    challenge(conn, request, stale);
    return false;
}
