// SPDX-License-Identifier: Apache-2.0
// Any text as an address: what parses is written back the same, what is shown holds no login, and
// rules never let a forbidden address pass.
#include "net/address_rules.h"
#include "net/url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const schemes[] = {"rtsp", "rtsps", "http", "https", NULL};

static void check(bool holds)
{
    if (!holds)
        abort();
}

// As text of its own size, so that a read beyond its end is seen.
static void try_redact(const char *text)
{
    size_t size = strlen(text) * 3 + 64;
    char *shown = malloc(size);
    if (!shown)
        return;
    nj_address_redact(text, shown, size);
    for (const char *at = shown; *at != '\0'; at++)
        check(*at > ' ' && *at < 0x7f);
    const char *login = strchr(shown, '@');
    check(!login || (login - shown >= 3 && memcmp(login - 3, "***", 3) == 0));
    nj_address_redact(text, shown, size / 4 + 1);
    check(strlen(shown) <= size / 4);
    free(shown);
}

static void try_parse(const char *text)
{
    struct nj_url url, again;
    char written[NJ_URL_MAX * 3];
    if (nj_url_parse(text, &url, NULL) != 0)
        return;
    check(nj_url_write(&url, written, sizeof written));
    if (strlen(written) >= NJ_URL_MAX)
        return;
    check(nj_url_parse(written, &again, NULL) == 0);
    check(memcmp(&url.port, &again.port, sizeof url.port) == 0);
    check(strcmp(url.scheme, again.scheme) == 0 && strcmp(url.host, again.host) == 0);
    check(strcmp(url.user, again.user) == 0 && strcmp(url.password, again.password) == 0);
    check(strcmp(url.rest, again.rest) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nj_address_rules nothing = {.loopback = false};
    struct nj_error err = {0};
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    try_redact(text);
    try_parse(text);
    // An address in digits is refused at once; a name says nothing yet. Nothing is asked for.
    int rc = nj_address_check_form(&nothing, text, schemes, &err);
    check(rc == 0 || rc == NJ_E_DENIED || rc == NJ_E_INVALID || rc == NJ_E_NOMEM);
    check(strlen(err.text) < sizeof err.text);
    free(text);
    return 0;
}
