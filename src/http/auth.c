// SPDX-License-Identifier: Apache-2.0
// API keys: kept as SHA-256, compared in constant time with all of them.
#include "http/http_priv.h"
#include "util/text.h"

#include <string.h>
#include <strings.h>

static const char hash_prefix[] = "sha256:";
static const char protocol_prefix[] = "api-key.";

static bool parse_hex(const char *hex, uint8_t out[NJ_SHA256_SIZE])
{
    if (strlen(hex) != 2 * (size_t)NJ_SHA256_SIZE)
        return false;
    for (size_t i = 0; i < NJ_SHA256_SIZE; i++) {
        int high = nj_hex_value(hex[2 * i]), low = nj_hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int add_key(struct nj_api *api, const char *key, struct nj_error *err)
{
    uint8_t *place = api->keys[api->key_count];
    bool hashed = strncmp(key, hash_prefix, sizeof hash_prefix - 1) == 0;
    if (key[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID, "api.keys: a key is empty");
    if (hashed && !parse_hex(key + sizeof hash_prefix - 1, place))
        return nj_error_set(err, NJ_E_INVALID,
                            "api.keys: \"sha256:\" must be followed by 64 hex digits");
    int rc = hashed ? 0 : nj_sha256(key, strlen(key), place);
    if (rc == 0)
        api->key_count++;
    return rc;
}

int nj_auth_init(struct nj_api *api, const struct nj_api_options *options, struct nj_error *err)
{
    const struct nj_text_list *keys = &options->api_keys;
    if (keys->count > NJ_API_KEYS_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "api.keys: at most %d keys", NJ_API_KEYS_MAX);
    for (size_t i = 0; i < keys->count; i++) {
        int rc = add_key(api, keys->items[i], err);
        if (rc != 0)
            return rc;
    }
    api->key_enabled = options->api_key_enabled;
    if (api->key_enabled && api->key_count == 0)
        return nj_error_set(err, NJ_E_INVALID,
                            "api.key_enabled is set and api.keys is empty: nobody could come in");
    const char *token = options->websocket_token;
    api->token_enabled = token != NULL && token[0] != '\0';
    return api->token_enabled ? nj_sha256(token, strlen(token), api->token) : 0;
}

// Looks at every key whatever matches, so that time tells nothing.
static bool key_matches(const struct nj_api *api, const char *key, size_t length)
{
    uint8_t digest[NJ_SHA256_SIZE];
    if (length == 0 || nj_sha256(key, length, digest) != 0)
        return false;
    unsigned found = 0;
    for (size_t i = 0; i < api->key_count; i++)
        found |= nj_secret_equal(digest, sizeof digest, api->keys[i], NJ_SHA256_SIZE);
    return found != 0;
}

static bool text_matches(const struct nj_api *api, const char *key)
{
    return key != NULL && key_matches(api, key, strlen(key));
}

static bool bearer_matches(const struct nj_api *api, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *key = authorization + sizeof scheme - 1;
    return text_matches(api, key + strspn(key, " "));
}

// The next offered protocol of the list; NULL at its end.
static const char *next_protocol(const char *list, size_t *length)
{
    list += strspn(list, ", \t");
    *length = strcspn(list, ", \t");
    return *length > 0 ? list : NULL;
}

static bool is_key_protocol(const char *protocol, size_t length)
{
    return length > sizeof protocol_prefix - 1 &&
           strncmp(protocol, protocol_prefix, sizeof protocol_prefix - 1) == 0;
}

static bool protocol_matches(const struct nj_api *api, const char *list)
{
    size_t length;
    for (const char *at = list; at != NULL && (at = next_protocol(at, &length)) != NULL;
         at += length) {
        size_t prefix = sizeof protocol_prefix - 1;
        if (is_key_protocol(at, length) && key_matches(api, at + prefix, length - prefix))
            return true;
    }
    return false;
}

void nj_auth_subprotocol(const struct nj_http_request *request, char *out, size_t size)
{
    const char *list = nj_http_header(request, "Sec-WebSocket-Protocol");
    const char *chosen = NULL;
    size_t length = 0, chosen_length = 0;
    for (const char *at = list; at != NULL && (at = next_protocol(at, &length)) != NULL;
         at += length) {
        // A name of a protocol is a better answer than a secret.
        if (chosen == NULL || is_key_protocol(chosen, chosen_length)) {
            chosen = at;
            chosen_length = length;
        }
    }
    if (chosen == NULL || chosen_length >= size)
        chosen_length = 0;
    memcpy(out, chosen != NULL ? chosen : "", chosen_length);
    out[chosen_length] = '\0';
}

static bool token_matches(const struct nj_api *api, struct nj_http_request *request)
{
    const char *token = nj_http_query(request, "token");
    uint8_t digest[NJ_SHA256_SIZE];
    return token != NULL && nj_sha256(token, strlen(token), digest) == 0 &&
           nj_secret_equal(digest, sizeof digest, api->token, sizeof api->token);
}

static bool has_key(const struct nj_api *api, struct nj_http_request *request, bool websocket)
{
    return text_matches(api, nj_http_header(request, "X-API-Key")) ||
           bearer_matches(api, nj_http_header(request, "Authorization")) ||
           text_matches(api, nj_http_query(request, "api_key")) ||
           (websocket && protocol_matches(api, nj_http_header(request, "Sec-WebSocket-Protocol")));
}

bool nj_auth_is_websocket(struct nj_http_request *request)
{
    const char *path = nj_http_path(request);
    const char *upgrade = nj_http_header(request, "Upgrade");
    return strncmp(path, "/ws/", 4) == 0 || (strcmp(path, "/") == 0 && upgrade != NULL &&
                                             nj_text_equal_nocase(upgrade, "websocket"));
}

bool nj_auth_allows(const struct nj_api *api, struct nj_http_request *request)
{
    bool websocket = nj_auth_is_websocket(request);
    bool token_counts = websocket && api->token_enabled;
    if (!api->key_enabled && !token_counts)
        return true;
    if (token_counts && token_matches(api, request))
        return true;
    return api->key_enabled && has_key(api, request, websocket);
}
