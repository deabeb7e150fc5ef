// SPDX-License-Identifier: Apache-2.0
// The payload of detection_queue: writing and checking.
#include "sources/upload_item.h"

#include "util/json_writer.h"
#include "util/text.h"

#include <string.h>

enum { BASE64_SIZE = (NJ_STORE_PATH_SIZE * 4 + 2) / 3 + 1 };

static void write_path(struct nj_json_writer *writer, const char *path)
{
    size_t length = strlen(path);
    if (nj_utf8_valid(path, length)) {
        nj_json_text_n(writer, "file_path", path, length);
        return;
    }
    char encoded[BASE64_SIZE];
    nj_base64url_encode(path, length, encoded);
    nj_json_text(writer, "file_path_base64", encoded);
}

void nj_upload_item_to_json(const struct nj_upload_item *item, struct nj_buf *out)
{
    struct nj_json_writer writer;
    nj_json_init(&writer, out);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "camera_id", item->camera_id);
    write_path(&writer, item->file_path);
    nj_json_time(&writer, "timestamp", item->taken_us);
    nj_json_text(&writer, "media_type", item->media_type);
    nj_json_time(&writer, "pipeline_start_time", item->pipeline_start_us);
    if (item->file_hash[0] != '\0')
        nj_json_text(&writer, "file_hash", item->file_hash);
    nj_json_object_end(&writer);
}

static int invalid(struct nj_error *err, const char *member)
{
    return nj_error_set(err, NJ_E_INVALID, "upload item: member %s is wrong", member);
}

static int read_camera_id(const json_t *payload, struct nj_upload_item *item, struct nj_error *err)
{
    const char *text = NULL;
    int rc = nj_json_get_text(payload, "camera_id", true, &text, err);
    if (rc != 0)
        return rc;
    size_t length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (length == 0 || text[length] != '\0' || length >= sizeof item->camera_id)
        return invalid(err, "camera_id");
    memcpy(item->camera_id, text, length + 1);
    return 0;
}

// A component "..", not two dots inside a name.
static bool climbs(const char *path)
{
    for (const char *at = strstr(path, "/.."); at != NULL; at = strstr(at + 1, "/..")) {
        if (at[3] == '/' || at[3] == '\0')
            return true;
    }
    return false;
}

static int read_path(const json_t *payload, struct nj_upload_item *item, struct nj_error *err)
{
    const char *text = NULL;
    const char *encoded = NULL;
    int rc = nj_json_get_text(payload, "file_path", false, &text, err);
    if (rc == 0)
        rc = nj_json_get_text(payload, "file_path_base64", false, &encoded, err);
    if (rc != 0)
        return rc;
    if ((text == NULL) == (encoded == NULL))
        return invalid(err, "file_path");
    size_t length = 0;
    if (encoded != NULL) {
        rc = nj_base64url_decode(encoded, item->file_path, sizeof item->file_path - 1, &length);
        if (rc != 0)
            return invalid(err, "file_path_base64");
    } else {
        length = strlen(text);
        if (length >= sizeof item->file_path)
            return invalid(err, "file_path");
        memcpy(item->file_path, text, length);
    }
    item->file_path[length] = '\0';
    if (strlen(item->file_path) != length || item->file_path[0] != '/' || climbs(item->file_path))
        return invalid(err, encoded != NULL ? "file_path_base64" : "file_path");
    return 0;
}

static int read_time(const json_t *payload, const char *key, bool required, nj_us *out,
                     struct nj_error *err)
{
    const char *text = NULL;
    int rc = nj_json_get_text(payload, key, required, &text, err);
    if (rc != 0 || text == NULL)
        return rc;
    return nj_time_parse_iso(text, out) == 0 ? 0 : invalid(err, key);
}

static int read_media_type(const json_t *payload, struct nj_upload_item *item, struct nj_error *err)
{
    const char *text = NULL;
    int rc = nj_json_get_text(payload, "media_type", true, &text, err);
    if (rc != 0)
        return rc;
    if (strcmp(text, "image") != 0 && strcmp(text, "video") != 0)
        return invalid(err, "media_type");
    nj_text_copy(item->media_type, sizeof item->media_type, text);
    return 0;
}

static int read_hash(const json_t *payload, struct nj_upload_item *item, struct nj_error *err)
{
    const char *text = NULL;
    int rc = nj_json_get_text(payload, "file_hash", false, &text, err);
    if (rc != 0 || text == NULL)
        return rc;
    if (strspn(text, "0123456789abcdef") != 64 || text[64] != '\0')
        return invalid(err, "file_hash");
    memcpy(item->file_hash, text, sizeof item->file_hash);
    return 0;
}

int nj_upload_item_from_json(const json_t *payload, struct nj_upload_item *out,
                             struct nj_error *err)
{
    struct nj_upload_item item = {0};
    if (!json_is_object(payload))
        return nj_error_set(err, NJ_E_INVALID, "upload item: not a JSON object");
    int rc = read_camera_id(payload, &item, err);
    if (rc == 0)
        rc = read_path(payload, &item, err);
    if (rc == 0)
        rc = read_time(payload, "timestamp", true, &item.taken_us, err);
    if (rc == 0)
        rc = read_media_type(payload, &item, err);
    if (rc == 0)
        rc = read_time(payload, "pipeline_start_time", false, &item.pipeline_start_us, err);
    if (rc == 0)
        rc = read_hash(payload, &item, err);
    if (rc == 0)
        *out = item;
    return rc;
}
