// SPDX-License-Identifier: Apache-2.0
// Splitting addresses by libcurl's URL reader.
#include "net/url_login.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// *out stays NULL when the part is not there. False: no memory.
static bool take(CURLU *handle, CURLUPart part, unsigned flags, char **out)
{
    char *text = NULL;
    if (curl_url_get(handle, part, &text, flags) != CURLUE_OK)
        return true;
    *out = strdup(text);
    curl_free(text);
    return *out != NULL;
}

int nj_url_login_split(const char *url, struct nj_url_login *out, struct nj_error *err)
{
    struct nj_url_login login = {NULL};
    CURLU *handle = curl_url();
    if (handle == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for an address");
    int rc = 0;
    if (curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        rc = nj_error_set(err, NJ_E_INVALID, "the address is no URL");
    bool whole = rc != 0 || (take(handle, CURLUPART_USER, CURLU_URLDECODE, &login.user) &&
                             take(handle, CURLUPART_PASSWORD, CURLU_URLDECODE, &login.password));
    if (rc == 0) {
        (void)curl_url_set(handle, CURLUPART_USER, NULL, 0);
        (void)curl_url_set(handle, CURLUPART_PASSWORD, NULL, 0);
        whole = whole && take(handle, CURLUPART_URL, 0, &login.url) && login.url != NULL;
    }
    curl_url_cleanup(handle);
    if (rc == 0 && !whole)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory for an address");
    if (rc != 0)
        nj_url_login_finish(&login);
    else
        *out = login;
    return rc;
}

void nj_url_login_finish(struct nj_url_login *login)
{
    free(login->url);
    free(login->user);
    free(login->password);
    *login = (struct nj_url_login){NULL};
}
