// SPDX-License-Identifier: Apache-2.0
// Table saved_images: images of pipelines by key, each with an end of life.
#include "storage/sql_priv.h"
#include "storage/store_records.h"
#include "util/text.h"

#include <string.h>

#define IMAGE_COLUMNS "key, path, type, bytes, created_us, expires_us"

static void read_row(struct nj_sql *sql, void *row)
{
    struct nj_image_row *out = row;
    nj_sql_get_text(sql, out->key, sizeof out->key);
    nj_sql_get_text(sql, out->path, sizeof out->path);
    nj_sql_get_text(sql, out->type, sizeof out->type);
    out->bytes = nj_sql_get_int(sql);
    out->created_us = nj_sql_get_int(sql);
    out->expires_us = nj_sql_get_int(sql);
}

static const struct nj_sql_rows image_rows = {sizeof(struct nj_image_row), read_row};
static const char missing[] = "no image is saved under this key, or its time is over";

// Also one that has expired: its file is there until it is swept.
static int find(struct nj_db *db, const char *key, struct nj_image_row *out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc =
        nj_sql_begin(&sql, db, "SELECT " IMAGE_COLUMNS " FROM saved_images WHERE key = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, key);
    return nj_sql_read_one(&sql, &image_rows, out, missing, err);
}

int nj_images_put(struct nj_db *db, const struct nj_image_row *row,
                  char out_replaced[NJ_IMAGE_PATH_SIZE], struct nj_error *err)
{
    struct nj_sql sql;
    struct nj_image_row old = {.path = ""};
    if (row->key[0] == '\0' || !nj_utf8_valid(row->key, strlen(row->key)))
        return nj_error_set(err, NJ_E_INVALID, "saved image: the key is empty or not UTF-8");
    int rc = find(db, row->key, &old, err);
    if (rc != 0 && rc != NJ_E_NOT_FOUND)
        return rc;
    rc = nj_sql_begin(&sql, db,
                      "INSERT INTO saved_images (" IMAGE_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                      " ON CONFLICT (key) DO UPDATE SET path = excluded.path, type = excluded.type,"
                      " bytes = excluded.bytes, created_us = excluded.created_us,"
                      " expires_us = excluded.expires_us",
                      err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, row->key);
    nj_sql_put_path(&sql, row->path);
    nj_sql_put_text(&sql, row->type);
    nj_sql_put_int(&sql, row->bytes);
    nj_sql_put_int(&sql, row->created_us);
    nj_sql_put_int(&sql, row->expires_us);
    rc = nj_sql_run(&sql, NULL, err);
    if (rc == 0) // the same file may be saved again
        nj_text_copy(out_replaced, NJ_IMAGE_PATH_SIZE,
                     strcmp(old.path, row->path) != 0 ? old.path : "");
    return rc;
}

int nj_images_get(struct nj_db *db, const char *key, struct nj_image_row *out, struct nj_error *err)
{
    struct nj_image_row row;
    int rc = find(db, key, &row, err);
    if (rc == 0 && row.expires_us != 0 && row.expires_us <= nj_db_now_us(db))
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "%s", missing);
    if (rc == 0)
        *out = row;
    return rc;
}

int nj_images_delete(struct nj_db *db, const char *key, char out_path[NJ_IMAGE_PATH_SIZE],
                     struct nj_error *err)
{
    struct nj_sql sql;
    struct nj_image_row row;
    int rc = find(db, key, &row, err);
    if (rc == 0)
        rc = nj_sql_begin(&sql, db, "DELETE FROM saved_images WHERE key = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, key);
    rc = nj_sql_run(&sql, NULL, err);
    if (rc == 0)
        nj_text_copy(out_path, NJ_IMAGE_PATH_SIZE, row.path);
    return rc;
}

int nj_images_expired(struct nj_db *db, const struct nj_images_query *query,
                      int (*see)(const struct nj_image_row *row, void *arg), void *arg,
                      struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT " IMAGE_COLUMNS " FROM saved_images WHERE expires_us > 0 AND"
                          " expires_us <= ?1 ORDER BY expires_us LIMIT ?2",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, query->now_us);
    nj_sql_put_int(&sql, query->limit);
    while ((rc = nj_sql_step(&sql, err)) == NJ_STEP_ROW) {
        struct nj_image_row row;
        read_row(&sql, &row);
        rc = see(&row, arg);
        if (rc < 0)
            break;
    }
    nj_sql_end(&sql);
    return rc;
}
