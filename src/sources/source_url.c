// SPDX-License-Identifier: Apache-2.0
// Where an entry's camera is, and who asks for it.
#include "net/address_rules.h"
#include "sources/source_driver.h"
#include "util/text.h"

#include <string.h>
#include <strings.h>

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == '\x7f')
            return true;
    return false;
}

static int put_login(const char *text, const char *name, char out[NJ_URL_SECRET_SIZE],
                     struct nj_error *err)
{
    if (text == NULL || text[0] == '\0')
        return 0;
    if (has_control(text)) // it would make further lines of what is said to the camera
        return nj_error_set(err, NJ_E_INVALID, "%s: it has control characters", name);
    if (!nj_text_copy(out, NJ_URL_SECRET_SIZE, text))
        return nj_error_set(err, NJ_E_INVALID, "%s: it is longer than %d bytes", name,
                            NJ_URL_SECRET_SIZE - 1);
    return 0;
}

// Another kind of camera may be meant: that is no matter of rules.
static int check_kind(const struct nj_source_entry *entry, const char *const *schemes,
                      struct nj_error *err)
{
    const size_t length = strcspn(entry->url, ":/?#@");
    if (strncmp(entry->url + length, "://", 3) != 0)
        return 0; // no URL, which is told by who parses it
    for (size_t i = 0; schemes[i] != NULL; i++)
        if (strlen(schemes[i]) == length && strncasecmp(schemes[i], entry->url, length) == 0)
            return 0;
    return nj_error_set(err, NJ_E_INVALID, "%s %s camera needs %s:// or %s://",
                        entry->kind == NJ_SOURCE_RTSP ? "an" : "a", nj_source_kinds[entry->kind],
                        schemes[0], schemes[1]);
}

int nj_source_entry_url(const struct nj_source_entry *entry, const char *const *schemes,
                        struct nj_url *out, struct nj_error *err)
{
    struct nj_url url;
    int rc = check_kind(entry, schemes, err);
    if (rc == 0)
        rc = nj_address_check_form(NULL, entry->url, schemes, err);
    if (rc == 0)
        rc = nj_url_parse(entry->url, &url, err);
    if (rc != 0)
        return nj_error_prefix(err, "url");
    rc = put_login(entry->username, "username", url.user, err);
    if (rc == 0)
        rc = put_login(entry->password, "password", url.password, err);
    if (rc == 0)
        *out = url;
    return rc;
}
