// SPDX-License-Identifier: Apache-2.0
// Table cameras.
#include "storage/store_cameras.h"
#include "storage/sql_priv.h"

#define CAMERA_COLUMNS "id, name, kind, status, reason, created_us, last_seen_us, picture_us"

static void read_row(struct nj_sql *sql, void *row)
{
    struct nj_camera_row *out = row;
    nj_sql_get_text(sql, out->id, sizeof(out->id));
    nj_sql_get_text(sql, out->name, sizeof(out->name));
    nj_sql_get_text(sql, out->kind, sizeof(out->kind));
    nj_sql_get_text(sql, out->status, sizeof(out->status));
    nj_sql_get_text(sql, out->reason, sizeof(out->reason));
    out->created_us = nj_sql_get_int(sql);
    out->last_seen_us = nj_sql_get_int(sql);
    out->picture_us = nj_sql_get_int(sql);
}

static const struct nj_sql_rows camera_rows = {sizeof(struct nj_camera_row), read_row};

int nj_cameras_ensure(struct nj_db *db, const struct nj_camera_identity *identity,
                      bool *out_created, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO cameras (id, name, kind, status, reason, created_us,"
                          " last_seen_us) VALUES (?1, ?2, ?3, 'unknown', '', ?4, 0)"
                          " ON CONFLICT DO NOTHING",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, identity->id);
    nj_sql_put_text(&sql, identity->name);
    nj_sql_put_text(&sql, identity->kind);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc == 0 && out_created != NULL)
        *out_created = changes == 1;
    return rc;
}

// Ends a change of one camera.
static int run_one(struct nj_sql *sql, const char *id, struct nj_error *err)
{
    int64_t changes = 0;
    int rc = nj_sql_run(sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "no camera %s", id);
    return rc;
}

// The touch brings none, or an older one.
#define KEEPS_PICTURE "?5 = 0 OR picture_us BETWEEN ?5 + 1 AND ?6"

int nj_cameras_touch(struct nj_db *db, const char *id, nj_us seen_us,
                     const struct nj_camera_picture *picture, struct nj_error *err)
{
    struct nj_sql sql;
    int rc =
        nj_sql_begin(&sql, db,
                     "UPDATE cameras SET status = 'online', reason = '', last_seen_us ="
                     " CASE WHEN last_seen_us BETWEEN ?1 AND ?3 THEN last_seen_us ELSE ?1 END,"
                     " picture_path = CASE WHEN " KEEPS_PICTURE " THEN picture_path ELSE ?4 END,"
                     " picture_us = CASE WHEN " KEEPS_PICTURE " THEN picture_us ELSE ?5 END"
                     " WHERE id = ?2",
                     err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, seen_us);
    nj_sql_put_text(&sql, id);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    nj_sql_put_path(&sql, picture != NULL ? picture->path : "");
    nj_sql_put_int(&sql, picture != NULL ? picture->taken_us : 0);
    nj_sql_put_int(&sql, nj_db_now_us(db) + NJ_CAPTURE_AHEAD_MAX_US);
    return run_one(&sql, id, err);
}

int nj_cameras_set_status(struct nj_db *db, const char *id, const char *status, const char *reason,
                          struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(
        &sql, db, "UPDATE cameras SET status = ?1, reason = COALESCE(?2, '') WHERE id = ?3", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, status);
    nj_sql_put_text(&sql, reason);
    nj_sql_put_text(&sql, id);
    return run_one(&sql, id, err);
}

int nj_cameras_get(struct nj_db *db, const char *id, struct nj_camera_row *out,
                   struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "SELECT " CAMERA_COLUMNS " FROM cameras WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    return nj_sql_read_one(&sql, &camera_rows, out, "no such camera", err);
}

int nj_cameras_get_picture(struct nj_db *db, const char *id, char out_path[NJ_STORE_PATH_SIZE],
                           nj_us *out_taken_us, struct nj_error *err)
{
    struct nj_sql sql;
    int rc =
        nj_sql_begin(&sql, db, "SELECT picture_path, picture_us FROM cameras WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    rc = nj_sql_step(&sql, err);
    if (rc == NJ_STEP_ROW) {
        nj_sql_get_text(&sql, out_path, NJ_STORE_PATH_SIZE);
        *out_taken_us = nj_sql_get_int(&sql);
    } else if (rc == NJ_STEP_DONE) {
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "no such camera");
    }
    nj_sql_end(&sql);
    return rc < 0 ? rc : 0;
}

int nj_cameras_list(struct nj_db *db, struct nj_camera_row **out, size_t *out_count,
                    struct nj_error *err)
{
    struct nj_sql sql;
    void *rows = NULL;
    int rc = nj_sql_begin(&sql, db, "SELECT " CAMERA_COLUMNS " FROM cameras ORDER BY id", err);
    if (rc == 0)
        rc = nj_sql_collect(&sql, &camera_rows, &rows, out_count, err);
    if (rc == 0)
        *out = rows;
    return rc;
}
