// SPDX-License-Identifier: Apache-2.0
// Table pending_file_deletes.
#include "storage/file_notes_priv.h"
#include "storage/sql_priv.h"

int64_t nj_file_key(const char *path)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *byte = (const unsigned char *)path; *byte != '\0'; byte++)
        hash = (hash ^ *byte) * 0x100000001b3u;
    return (int64_t)hash;
}

static void read_row(struct nj_sql *sql, void *row)
{
    struct nj_file_note *out = row;
    nj_sql_get_text(sql, out->path, sizeof(out->path));
    out->is_upload = nj_sql_get_int(sql) != 0;
    out->unchanged_since_us = nj_sql_get_int(sql);
}

static const struct nj_sql_rows note_rows = {sizeof(struct nj_file_note), read_row};

int nj_file_notes_put(struct nj_db *db, const struct nj_file_note *note, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(
        &sql, db,
        "INSERT INTO pending_file_deletes (path, is_upload, unchanged_since_us)"
        " VALUES (?1, ?2, ?3) ON CONFLICT (path) DO UPDATE SET unchanged_since_us ="
        " CASE WHEN pending_file_deletes.unchanged_since_us < excluded.unchanged_since_us"
        " THEN excluded.unchanged_since_us"
        " ELSE pending_file_deletes.unchanged_since_us END",
        err);
    if (rc != 0)
        return rc;
    nj_sql_put_path(&sql, note->path);
    nj_sql_put_int(&sql, note->is_upload);
    nj_sql_put_int(&sql, note->unchanged_since_us);
    return nj_sql_run(&sql, NULL, err);
}

int nj_file_notes_list(struct nj_db *db, const char *after, struct nj_file_note **out,
                       size_t *out_count, struct nj_error *err)
{
    struct nj_sql sql;
    void *rows = NULL;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT path, is_upload, unchanged_since_us FROM pending_file_deletes"
                          " WHERE path > ?1 ORDER BY path LIMIT ?2",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_path(&sql, after);
    nj_sql_put_int(&sql, NJ_FILE_NOTES_PAGE);
    rc = nj_sql_collect(&sql, &note_rows, &rows, out_count, err);
    if (rc == 0)
        *out = rows;
    return rc;
}

int nj_file_notes_delete(struct nj_db *db, const char *path, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "DELETE FROM pending_file_deletes WHERE path = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_path(&sql, path);
    return nj_sql_run(&sql, NULL, err);
}

int nj_file_is_named(struct nj_db *db, const char *path, bool *out, struct nj_error *err)
{
    struct nj_sql sql;
    int64_t named = 0;
    int rc = nj_sql_begin(
        &sql, db,
        "SELECT EXISTS (SELECT 1 FROM detections WHERE file_key = ?1 AND file_path = ?2)"
        " OR EXISTS (SELECT 1 FROM saved_images WHERE path = ?2)",
        err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, nj_file_key(path));
    nj_sql_put_path(&sql, path);
    rc = nj_sql_run_int(&sql, &named, err);
    if (rc == 0)
        *out = named != 0;
    return rc;
}
