// SPDX-License-Identifier: Apache-2.0
// Tables dedupe, seen_files and refused_files.
#include "storage/store_uploads.h"
#include "storage/sql_priv.h"

#include <stdlib.h>
#include <string.h>

int nj_dedupe_mark(struct nj_db *db, const char sha256_hex[NJ_SHA256_HEX_SIZE], const char *path,
                   nj_us ttl_us, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO dedupe (sha256, path, expires_us) VALUES (?1, ?2, ?3)"
                          " ON CONFLICT (sha256) DO UPDATE SET path = excluded.path,"
                          " expires_us = excluded.expires_us, copy = NULL"
                          " WHERE dedupe.expires_us NOT BETWEEN ?4 + 1 AND ?3",
                          err);
    if (rc != 0)
        return rc;
    nj_us now_us = nj_db_now_us(db);
    nj_sql_put_text(&sql, sha256_hex);
    nj_sql_put_path(&sql, path);
    nj_sql_put_int(&sql, now_us + ttl_us);
    nj_sql_put_int(&sql, now_us);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_EXISTS, "the same content was accepted a short time ago");
    return rc;
}

int nj_dedupe_note_copy(struct nj_db *db, const char sha256_hex[NJ_SHA256_HEX_SIZE],
                        const char *payload, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "UPDATE dedupe SET copy = ?1 WHERE sha256 = ?2", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, payload);
    nj_sql_put_text(&sql, sha256_hex);
    return nj_sql_run(&sql, NULL, err);
}

static int find_copy(struct nj_db *db, const char *sha256_hex, char **out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "SELECT copy FROM dedupe WHERE sha256 = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, sha256_hex);
    rc = nj_sql_step(&sql, err);
    if (rc == NJ_STEP_ROW && nj_sql_get_copy(&sql, out) != 0)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory for a job");
    nj_sql_end(&sql);
    return rc < 0 ? rc : 0;
}

int nj_dedupe_take_copy(struct nj_db *db, const char sha256_hex[NJ_SHA256_HEX_SIZE],
                        char **out_payload, struct nj_error *err)
{
    struct nj_sql sql;
    char *payload = NULL;
    int rc = find_copy(db, sha256_hex, &payload, err);
    if (rc == 0)
        rc = nj_sql_begin(&sql, db,
                          payload != NULL ? "UPDATE dedupe SET copy = NULL WHERE sha256 = ?1"
                                          : "DELETE FROM dedupe WHERE sha256 = ?1",
                          err);
    if (rc == 0) {
        nj_sql_put_text(&sql, sha256_hex);
        rc = nj_sql_run(&sql, NULL, err);
    }
    if (rc != 0) {
        free(payload);
        return rc;
    }
    *out_payload = payload;
    return 0;
}

int nj_dedupe_expire(struct nj_db *db, size_t limit, int64_t *out_deleted, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "DELETE FROM dedupe WHERE sha256 IN (SELECT sha256 FROM dedupe"
                          " WHERE expires_us <= ?1 ORDER BY expires_us LIMIT ?2)",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, nj_db_now_us(db));
    nj_sql_put_int(&sql, (int64_t)limit);
    return nj_sql_run(&sql, out_deleted, err);
}

int nj_seen_files_put(struct nj_db *db, const char *path, int64_t size, int64_t mtime_ns,
                      struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO seen_files (path, size, mtime_ns) VALUES (?1, ?2, ?3)"
                          " ON CONFLICT (path) DO UPDATE SET size = excluded.size,"
                          " mtime_ns = excluded.mtime_ns",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_path(&sql, path);
    nj_sql_put_int(&sql, size);
    nj_sql_put_int(&sql, mtime_ns);
    return nj_sql_run(&sql, NULL, err);
}

// Paths below a folder are those from "folder/" up to "folder0": '0' follows '/'.
static int folder_range(const char *folder, char from[NJ_STORE_PATH_SIZE],
                        char to[NJ_STORE_PATH_SIZE], struct nj_error *err)
{
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/')
        length--;
    if (length + 2 > NJ_STORE_PATH_SIZE)
        return nj_error_set(err, NJ_E_TOO_BIG, "a folder's path is too long");
    memcpy(from, folder, length);
    memcpy(to, folder, length);
    from[length] = '/';
    to[length] = '/' + 1;
    from[length + 1] = to[length + 1] = '\0';
    return 0;
}

int nj_seen_files_each(struct nj_db *db, const char *folder,
                       int (*fn)(void *arg, const char *path, int64_t size, int64_t mtime_ns),
                       void *arg, struct nj_error *err)
{
    struct nj_sql sql;
    char from[NJ_STORE_PATH_SIZE], to[NJ_STORE_PATH_SIZE], path[NJ_STORE_PATH_SIZE];
    int rc = folder_range(folder, from, to, err);
    if (rc == 0)
        rc = nj_sql_begin(&sql, db,
                          "SELECT path, size, mtime_ns FROM seen_files"
                          " WHERE path > ?1 AND path < ?2 ORDER BY path",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_path(&sql, from);
    nj_sql_put_path(&sql, to);
    while ((rc = nj_sql_step(&sql, err)) == NJ_STEP_ROW) {
        nj_sql_get_text(&sql, path, sizeof(path));
        int64_t size = nj_sql_get_int(&sql);
        rc = fn(arg, path, size, nj_sql_get_int(&sql));
        if (rc != 0)
            break;
    }
    nj_sql_end(&sql);
    return rc;
}

int nj_seen_files_delete(struct nj_db *db, const char *path, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "DELETE FROM seen_files WHERE path = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_path(&sql, path);
    return nj_sql_run(&sql, NULL, err);
}

static void read_refused(struct nj_sql *sql, void *row)
{
    struct nj_refused_row *out = row;
    out->id = nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->path, sizeof(out->path));
    nj_sql_get_text(sql, out->camera_id, sizeof(out->camera_id));
    nj_sql_get_text(sql, out->reason, sizeof(out->reason));
    nj_sql_get_text(sql, out->detail, sizeof(out->detail));
    out->size = nj_sql_get_int(sql);
    out->refused_us = nj_sql_get_int(sql);
}

static const struct nj_sql_rows refused_rows = {sizeof(struct nj_refused_row), read_refused};

int nj_refused_insert(struct nj_db *db, const struct nj_refused_row *row, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO refused_files (path, camera_id, reason, detail, size,"
                          " refused_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_path(&sql, row->path);
    nj_sql_put_text(&sql, row->camera_id);
    nj_sql_put_text(&sql, row->reason);
    nj_sql_put_text(&sql, row->detail);
    nj_sql_put_int(&sql, row->size);
    nj_sql_put_int(&sql, row->refused_us != 0 ? row->refused_us : nj_db_now_us(db));
    return nj_sql_run(&sql, NULL, err);
}

int nj_refused_list(struct nj_db *db, const struct nj_refused_filter *filter,
                    struct nj_refused_row **out, size_t *out_count, struct nj_error *err)
{
    struct nj_sql sql;
    void *rows = NULL;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT id, path, camera_id, reason, detail, size, refused_us"
                          " FROM refused_files WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, filter->before_id != 0 ? filter->before_id : INT64_MAX);
    nj_sql_put_int(&sql, (int64_t)filter->limit);
    rc = nj_sql_collect(&sql, &refused_rows, &rows, out_count, err);
    if (rc == 0)
        *out = rows;
    return rc;
}

int nj_refused_counts(struct nj_db *db, int (*fn)(void *arg, const char *reason, int64_t count),
                      void *arg, struct nj_error *err)
{
    struct nj_sql sql;
    char reason[sizeof(((struct nj_refused_row *)0)->reason)];
    int rc = nj_sql_begin(
        &sql, db, "SELECT reason, COUNT(*) FROM refused_files GROUP BY reason ORDER BY reason",
        err);
    if (rc != 0)
        return rc;
    while ((rc = nj_sql_step(&sql, err)) == NJ_STEP_ROW) {
        nj_sql_get_text(&sql, reason, sizeof(reason));
        rc = fn(arg, reason, nj_sql_get_int(&sql));
        if (rc != 0)
            break;
    }
    nj_sql_end(&sql);
    return rc;
}
