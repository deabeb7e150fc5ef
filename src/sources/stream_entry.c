// SPDX-License-Identifier: Apache-2.0
// A copy of a source's entry, and what makes two of them the same stream.
#include "sources/stream_entry_priv.h"

#include "net/url.h"
#include "sources/source_driver.h"
#include "util/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEY_MAX_BYTES = 256 * 1024 };

struct text_place {
    size_t offset;
};

static const struct text_place places[] = {
    {offsetof(struct nj_source_entry, id)},       {offsetof(struct nj_source_entry, name)},
    {offsetof(struct nj_source_entry, path)},     {offsetof(struct nj_source_entry, url)},
    {offsetof(struct nj_source_entry, username)}, {offsetof(struct nj_source_entry, password)},
};

static const char **text_at(struct nj_source_entry *entry, size_t place)
{
    return (const char **)(void *)((char *)entry + places[place].offset);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static size_t measure(struct nj_stream_entry *copy)
{
    size_t bytes = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(places); i++)
        bytes += strlen(or_empty(*text_at(&copy->entry, i))) + 1;
    return bytes;
}

static const char *keep(char **next, const char *text)
{
    size_t size = strlen(or_empty(text)) + 1;
    char *kept = *next;
    memcpy(kept, or_empty(text), size);
    *next += size;
    return kept;
}

int nj_stream_entry_init(struct nj_stream_entry *copy, const struct nj_source_entry *entry)
{
    struct nj_stream_entry made = {.entry = *entry};
    made.entry.masks = (struct nj_text_list){NULL, 0}; // the source itself needs neither
    made.entry.detect_url = NULL;
    made.texts = malloc(measure(&made));
    if (!made.texts)
        return NJ_E_NOMEM;
    char *next = made.texts;
    for (size_t i = 0; i < NJ_COUNT_OF(places); i++)
        *text_at(&made.entry, i) = keep(&next, *text_at(&made.entry, i));
    *copy = made;
    return 0;
}

void nj_stream_entry_finish(struct nj_stream_entry *copy)
{
    free(copy->texts);
    *copy = (struct nj_stream_entry){.texts = NULL};
}

static bool has_tls(const char *url)
{
    return strncasecmp(url, "rtsps:", 6) == 0 || strncasecmp(url, "https:", 6) == 0;
}

// Texts are told with their lengths, so that no text can pretend to be two.
static void add_text(struct nj_buf *out, const char *text)
{
    nj_buf_printf(out, "%zu:%s,", strlen(text), text);
}

// The same camera written in two ways is one: scheme and host in any case, credentials in the
// address or beside it.
static void add_url(struct nj_buf *out, const struct nj_source_entry *entry)
{
    struct nj_url url;
    char written[NJ_URL_MAX];
    const char *text = entry->url, *user = entry->username, *password = entry->password;
    if (nj_url_parse(entry->url, &url, NULL) == 0) {
        user = user[0] != '\0' ? user : url.user;
        password = password[0] != '\0' ? password : url.password;
        struct nj_url bare = url;
        bare.user[0] = bare.password[0] = '\0';
        text = nj_url_write(&bare, written, sizeof written) ? written : text;
    }
    add_text(out, text);
    add_text(out, user);
    add_text(out, password);
}

void nj_stream_entry_key(const struct nj_stream_entry *copy, struct nj_buf *out)
{
    const struct nj_source_entry *entry = &copy->entry;
    nj_buf_init(out, KEY_MAX_BYTES);
    nj_buf_printf(out, "%d,", entry->kind);
    if (entry->kind == NJ_SOURCE_RTSP || entry->kind == NJ_SOURCE_SNAPSHOT) {
        add_url(out, entry);
        nj_buf_printf(out, "%d,", has_tls(entry->url) && entry->tls_verify);
    } else {
        add_text(out, entry->path);
        nj_buf_printf(out, "%d,%d,%.3f,", entry->loop, entry->paced, entry->fps);
        if (!entry->loop)
            add_text(out, entry->id); // a play that ends is one camera's own
    }
}

void nj_stream_entry_address(const struct nj_stream_entry *copy, char *out, size_t size)
{
    const struct nj_source_entry *entry = &copy->entry;
    if (entry->kind == NJ_SOURCE_RTSP || entry->kind == NJ_SOURCE_SNAPSHOT)
        nj_address_redact(entry->url, out, size);
    else
        (void)snprintf(out, size, "%s:%s", nj_source_kinds[entry->kind], entry->path);
}
