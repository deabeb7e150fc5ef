// SPDX-License-Identifier: Apache-2.0
// Entries of cameras that clients give: what is allowed, and how they are kept.
#include "net/address_rules.h"
#include "net/url.h"
#include "pipeline/live_priv.h"
#include "pipeline/live_set.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { ENTRY_JSON_MAX = NJ_SOURCE_ENTRY_SIZE - 1 };

// What the API shows for a secret; sent back it means "as it was".
static const char hidden[] = "***";

static const char *const addresses[] = {"url", "detect_url"};

static int set_text(json_t *root, const char *key, const char *text, struct nj_error *err)
{
    if (json_object_set_new(root, key, json_string(text)) == 0)
        return 0;
    return nj_error_set(err, NJ_E_INVALID, "source.%s: not a text, or no memory", key);
}

static bool is_given(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);
    const char *text = json_string_value(value);
    return value != NULL && !json_is_null(value) && (text == NULL || strcmp(text, hidden) != 0);
}

// Whether a login of `from` may be used at `to`, as for a redirect.
static bool may_carry(const char *from, const char *to)
{
    struct nj_url old = {.port = 0}, fresh = {.port = 0};
    if (from == NULL || nj_url_parse(from, &old, NULL) != 0 || nj_url_parse(to, &fresh, NULL) != 0)
        return false;
    (void)nj_text_copy(old.user, sizeof old.user, "any");
    fresh.user[0] = fresh.password[0] = '\0';
    nj_url_carry_login(&old, &fresh);
    return fresh.user[0] != '\0';
}

// Whether each address of the new entry leads to where the old one's secrets are known already:
// who may not read them must not have them sent to a host of his choice.
static bool is_known_place(const json_t *root, const struct nj_source_entry *old)
{
    for (size_t i = 0; i < NJ_COUNT_OF(addresses); i++) {
        const char *text = json_string_value(json_object_get(root, addresses[i]));
        if (text != NULL && text[0] != '\0' && !may_carry(old->url, text) &&
            !may_carry(old->detect_url, text))
            return false;
    }
    return true;
}

// A secret that was not given is the old one's, or none.
static int keep_secret(json_t *root, const char *key, const char *old, struct nj_error *err)
{
    if (is_given(root, key))
        return 0;
    if (old != NULL && old[0] != '\0')
        return set_text(root, key, old, err);
    (void)json_object_del(root, key);
    return 0;
}

static int keep_secrets(json_t *root, const struct nj_source_entry *old, struct nj_error *err)
{
    const bool known = old != NULL && is_known_place(root, old);
    const char *username = known ? old->username : NULL;
    const char *password = old != NULL ? old->password : NULL;
    const bool secret = password != NULL && password[0] != '\0' && !is_given(root, "password");
    if (secret && !known)
        return nj_error_set(err, NJ_E_INVALID,
                            "source.password: give it anew, or an empty text; the kept one goes to "
                            "the same protocol, host and port only, or to its protocol with TLS");
    int rc = keep_secret(root, "username", username, err);
    return rc == 0 ? keep_secret(root, "password", password, err) : rc;
}

static int take_login(json_t *root, const char *key, const char *value, struct nj_error *err)
{
    if (value[0] == '\0' || strcmp(value, hidden) == 0 || is_given(root, key))
        return 0;
    return set_text(root, key, value, err);
}

// User and password of the address become members; those that are members already win.
static int split_login(json_t *root, const char *key, struct nj_error *err)
{
    const char *text = json_string_value(json_object_get(root, key));
    char plain[NJ_URL_MAX];
    struct nj_url url;
    if (text == NULL || text[0] == '\0')
        return 0; // the table says what is wrong
    int rc = nj_url_parse(text, &url, err);
    if (rc != 0) {
        (void)nj_error_prefix(err, "source.%s", key);
        return rc;
    }
    if (url.user[0] == '\0' && url.password[0] == '\0')
        return 0;
    rc = take_login(root, "username", url.user, err);
    if (rc == 0)
        rc = take_login(root, "password", url.password, err);
    url.user[0] = url.password[0] = '\0';
    if (rc == 0 && !nj_url_write(&url, plain, sizeof plain))
        rc = nj_error_set(err, NJ_E_TOO_BIG, "source.%s: too long", key);
    return rc == 0 ? set_text(root, key, plain, err) : rc;
}

// Whether a value of the path or the query is what the API shows for a secret.
static bool has_hidden_value(const char *text)
{
    struct nj_url url;
    return nj_url_parse(text, &url, NULL) == 0 && strstr(url.rest, "=***") != NULL;
}

// An address that came back as the API showed it means the old one, with its secrets.
static int keep_address(json_t *root, const char *key, const char *old, struct nj_error *err)
{
    const char *text = json_string_value(json_object_get(root, key));
    char shown[NJ_URL_SHOWN_SIZE];
    if (text == NULL || strstr(text, hidden) == NULL)
        return 0;
    nj_address_redact(old != NULL ? old : "", shown, sizeof shown);
    if (strcmp(text, shown) == 0)
        return set_text(root, key, old, err);
    if (!has_hidden_value(text))
        return 0;
    return nj_error_set(err, NJ_E_INVALID,
                        "source.%s: *** stands for a secret that is kept only while the address "
                        "stays as it was shown; give the secret anew",
                        key);
}

static int keep_addresses(json_t *root, const struct nj_source_entry *old, struct nj_error *err)
{
    int rc = keep_address(root, "url", old != NULL ? old->url : NULL, err);
    return rc == 0 ? keep_address(root, "detect_url", old != NULL ? old->detect_url : NULL, err)
                   : rc;
}

// What the address and the path of a request say already need not be said again.
static int fill_in(json_t *root, const char *id, struct nj_error *err)
{
    const char *url = json_string_value(json_object_get(root, "url"));
    int rc = 0;
    if (id != NULL && !is_given(root, "id"))
        rc = set_text(root, "id", id, err);
    if (rc == 0 && url != NULL && !is_given(root, "kind"))
        rc = set_text(root, "kind", strncmp(url, "rtsp", 4) == 0 ? "rtsp" : "snapshot", err);
    return rc;
}

static int normalise(json_t *root, const struct nj_source_entry *old, struct nj_error *err)
{
    if (!json_is_object(root))
        return nj_error_set(err, NJ_E_INVALID, "source: a JSON object is wanted");
    int rc = keep_addresses(root, old, err);
    for (size_t i = 0; rc == 0 && i < NJ_COUNT_OF(addresses); i++)
        rc = split_login(root, addresses[i], err);
    return rc == 0 ? keep_secrets(root, old, err) : rc;
}

// A file or generated pictures would let a client look at what lies on this machine.
static int check_kind(const struct nj_source_entry *entry, struct nj_error *err)
{
    const char *kind = nj_source_kinds[entry->kind];
    if (strcmp(kind, "rtsp") == 0 || strcmp(kind, "snapshot") == 0)
        return 0;
    return nj_error_set(err, NJ_E_INVALID,
                        "source.kind: rtsp or snapshot; other kinds stand in the configuration");
}

static int check_masks(const struct nj_source_entry *entry, struct nj_error *err)
{
    struct nj_live_masks masks;
    int rc = nj_live_masks_read(&entry->masks, &masks, err);
    if (rc != 0)
        (void)nj_error_prefix(err, "source");
    return rc;
}

static int check_object(json_t *root, struct nj_live_entry *made, struct nj_error *err)
{
    int rc = 0;
    char *text = json_dumps(root, JSON_COMPACT);
    if (text == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a source");
    if (strlen(text) > ENTRY_JSON_MAX)
        rc = nj_error_set(err, NJ_E_TOO_BIG, "source: at most %d bytes", ENTRY_JSON_MAX);
    const struct nj_config_object_input whole = {
        .members = &nj_source_entry_group, .json = text, .length = strlen(text)};
    if (rc == 0)
        rc = nj_config_object_parse(&whole, &made->object, err);
    free(text);
    if (rc == 0)
        rc = check_kind(nj_config_object_values(made->object), err);
    return rc == 0 ? check_masks(nj_config_object_values(made->object), err) : rc;
}

// Whether a camera is paused is kept beside its entry, where pause and resume change it.
static int split_paused(json_t *root, struct nj_live_entry *made, struct nj_error *err)
{
    const struct nj_source_entry *entry = nj_config_object_values(made->object);
    made->paused = json_object_get(root, "paused") == NULL ? -1 : entry->paused;
    (void)json_object_del(root, "paused");
    made->json = json_dumps(root, JSON_COMPACT);
    return made->json != NULL ? 0 : nj_error_set(err, NJ_E_NOMEM, "no memory for a source");
}

int nj_live_entry_parse(const struct nj_live_entry_input *input, struct nj_live_entry *out,
                        struct nj_error *err)
{
    json_t *root = NULL;
    struct nj_live_entry made = {.object = NULL};
    int rc = nj_json_parse(input->json, input->length, ENTRY_JSON_MAX, &root, err);
    if (rc == 0)
        rc = normalise(root, input->old, err);
    if (rc == 0)
        rc = fill_in(root, input->id, err);
    if (rc == 0)
        rc = check_object(root, &made, err);
    if (rc == 0)
        rc = split_paused(root, &made, err);
    json_decref(root);
    if (rc != 0)
        nj_live_entry_finish(&made);
    else
        *out = made;
    return rc;
}

void nj_live_entry_finish(struct nj_live_entry *entry)
{
    nj_config_object_destroy(entry->object);
    free(entry->json);
    *entry = (struct nj_live_entry){.object = NULL};
}
