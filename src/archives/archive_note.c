// SPDX-License-Identifier: Apache-2.0
// Notes on addresses that archives were fetched from.
#include "archives/archive_store_priv.h"
#include "util/file.h"
#include "util/json_reader.h"
#include "util/json_writer.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

enum { NOTE_BYTES_MAX = 8192 };

static int path_of(const struct nj_archive_options *options, const char *key,
                   char out[NJ_ARCHIVE_PATH_MAX])
{
    char name[NJ_SHA256_HEX_SIZE + 8];
    snprintf(name, sizeof name, "%s.json", key);
    return nj_path_join(out, NJ_ARCHIVE_PATH_MAX, options->cache_folder, name);
}

static void take_text(const json_t *json, const char *key, char *out, size_t size)
{
    const char *text = "";
    nj_json_get_text(json, key, false, &text, NULL);
    if (!nj_text_copy(out, size, text))
        out[0] = '\0';
}

void nj_note_read(const struct nj_archive_options *options, const char *key, struct nj_note *out)
{
    char path[NJ_ARCHIVE_PATH_MAX];
    json_t *json = NULL;
    *out = (struct nj_note){.sha256 = ""};
    if (path_of(options, key, path) != 0 ||
        nj_json_parse_file(path, NOTE_BYTES_MAX, &json, NULL) != 0)
        return;
    take_text(json, "etag", out->etag, sizeof out->etag);
    take_text(json, "last_modified", out->last_modified, sizeof out->last_modified);
    take_text(json, "sha256", out->sha256, sizeof out->sha256);
    take_text(json, "part_etag", out->part_etag, sizeof out->part_etag);
    nj_json_get_int(json, "checked_us", false, &out->checked_us, NULL);
    json_decref(json);
    // It names a folder of the cache.
    if (strspn(out->sha256, "0123456789abcdef") != NJ_SHA256_HEX_SIZE - 1)
        out->sha256[0] = '\0';
}

int nj_note_write(const struct nj_archive_options *options, const char *key,
                  const struct nj_note *note, struct nj_error *err)
{
    char path[NJ_ARCHIVE_PATH_MAX];
    struct nj_buf text;
    struct nj_json_writer writer;
    if (path_of(options, key, path) != 0)
        return nj_error_set(err, NJ_E_TOO_BIG, "archives.cache_folder is too long a path");
    nj_buf_init(&text, NOTE_BYTES_MAX);
    nj_json_init(&writer, &text);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "etag", note->etag);
    nj_json_text(&writer, "last_modified", note->last_modified);
    nj_json_text(&writer, "sha256", note->sha256);
    nj_json_int(&writer, "checked_us", note->checked_us);
    nj_json_text(&writer, "part_etag", note->part_etag);
    nj_json_object_end(&writer);
    int rc = nj_buf_failed(&text);
    if (rc != 0)
        nj_error_set(err, rc, "no room for a note on an address");
    else
        rc = nj_file_write_atomic(path, text.data, text.length, err);
    nj_buf_finish(&text);
    return rc;
}
