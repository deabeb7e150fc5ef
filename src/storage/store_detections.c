// SPDX-License-Identifier: Apache-2.0
// Table detections: rows one at a time. Lists are in store_detection_list.c.
#include "storage/store_detections.h"
#include "storage/detection_row_priv.h"
#include "storage/file_notes_priv.h"
#include "storage/sql_priv.h"

static void read_row(struct nj_sql *sql, void *row)
{
    struct nj_detection_row *out = row;
    out->id = nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->camera_id, sizeof(out->camera_id));
    nj_sql_get_text(sql, out->batch_id, sizeof(out->batch_id));
    nj_sql_get_text(sql, out->file_path, sizeof(out->file_path));
    out->file_is_upload = nj_sql_get_int(sql) != 0;
    nj_sql_get_text(sql, out->media_type, sizeof(out->media_type));
    nj_sql_get_text(sql, out->object_type, sizeof(out->object_type));
    out->confidence = nj_sql_get_number(sql);
    out->x = (int32_t)nj_sql_get_int(sql);
    out->y = (int32_t)nj_sql_get_int(sql);
    out->width = (int32_t)nj_sql_get_int(sql);
    out->height = (int32_t)nj_sql_get_int(sql);
    out->picture_width = (int32_t)nj_sql_get_int(sql);
    out->picture_height = (int32_t)nj_sql_get_int(sql);
    out->track_id = nj_sql_get_int(sql);
    out->video_offset_ms = nj_sql_get_int(sql);
    out->detected_us = nj_sql_get_int(sql);
    out->ended_us = nj_sql_get_int(sql);
    out->created_us = nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->model, sizeof(out->model));
    nj_sql_get_text(sql, out->source_key, sizeof(out->source_key));
}

const struct nj_sql_rows nj_detection_rows = {sizeof(struct nj_detection_row), read_row};

static void put_place(struct nj_sql *sql, const struct nj_detection_row *row)
{
    nj_sql_put_number(sql, row->confidence);
    nj_sql_put_int(sql, row->x);
    nj_sql_put_int(sql, row->y);
    nj_sql_put_int(sql, row->width);
    nj_sql_put_int(sql, row->height);
    nj_sql_put_int(sql, row->picture_width);
    nj_sql_put_int(sql, row->picture_height);
}

static int find_by_key(struct nj_db *db, const char *source_key, int64_t *out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "SELECT id FROM detections WHERE source_key = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, source_key);
    return nj_sql_run_int(&sql, out, err);
}

int nj_detections_insert(struct nj_db *db, struct nj_detection_row *row, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO detections (confidence, x, y, width, height, picture_width,"
                          " picture_height, camera_id, batch_id, file_path, file_key,"
                          " file_is_upload, media_type, object_type, track_id, video_offset_ms,"
                          " detected_us, ended_us, created_us, model, source_key) VALUES (?1, ?2,"
                          " ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
                          " ?18, ?19, ?20, ?21) ON CONFLICT DO NOTHING",
                          err);
    if (rc != 0)
        return rc;
    nj_us created_us = row->created_us != 0 ? row->created_us : nj_db_now_us(db);
    put_place(&sql, row);
    nj_sql_put_text(&sql, row->camera_id);
    nj_sql_put_text_or_null(&sql, row->batch_id);
    nj_sql_put_path(&sql, row->file_path);
    nj_sql_put_int(&sql, nj_file_key(row->file_path));
    nj_sql_put_int(&sql, row->file_is_upload);
    nj_sql_put_text(&sql, row->media_type);
    nj_sql_put_text(&sql, row->object_type);
    nj_sql_put_int(&sql, row->track_id);
    nj_sql_put_int(&sql, row->video_offset_ms);
    nj_sql_put_int(&sql, row->detected_us);
    nj_sql_put_int(&sql, row->ended_us);
    nj_sql_put_int(&sql, created_us);
    nj_sql_put_text(&sql, row->model);
    nj_sql_put_text_or_null(&sql, row->source_key);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc != 0)
        return rc;
    if (changes == 0) {
        rc = find_by_key(db, row->source_key, &row->id, err);
        return rc != 0 ? rc
                       : nj_error_set(err, NJ_E_EXISTS, "detection %s is stored already",
                                      row->source_key);
    }
    row->id = db->driver->last_id(db->conn);
    row->created_us = created_us;
    return 0;
}

int nj_detections_update(struct nj_db *db, const struct nj_detection_row *row, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE detections SET confidence = ?1, x = ?2, y = ?3, width = ?4,"
                          " height = ?5, picture_width = ?6, picture_height = ?7, file_path = ?8,"
                          " file_key = ?9, file_is_upload = ?10, object_type = ?11,"
                          " ended_us = ?12, model = ?13 WHERE id = ?14",
                          err);
    if (rc != 0)
        return rc;
    put_place(&sql, row);
    nj_sql_put_path(&sql, row->file_path);
    nj_sql_put_int(&sql, nj_file_key(row->file_path));
    nj_sql_put_int(&sql, row->file_is_upload);
    nj_sql_put_text(&sql, row->object_type);
    nj_sql_put_int(&sql, row->ended_us);
    nj_sql_put_text(&sql, row->model);
    nj_sql_put_int(&sql, row->id);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "no detection %lld", (long long)row->id);
    return rc;
}

int nj_detections_get(struct nj_db *db, int64_t id, struct nj_detection_row *out,
                      struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "SELECT " NJ_DETECTION_COLUMNS " FROM detections WHERE id = ?1",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    return nj_sql_read_one(&sql, &nj_detection_rows, out, "no such detection", err);
}

int nj_detections_last_track(struct nj_db *db, const char *camera_id, int64_t *out,
                             struct nj_error *err)
{
    struct nj_sql sql;
    // What retention deleted is remembered by the camera.
    int rc = nj_sql_begin(&sql, db,
                          "SELECT COALESCE(MAX(track_id), 0) FROM ("
                          "SELECT MAX(track_id) AS track_id FROM detections"
                          " WHERE camera_id = ?1 AND track_id > 0"
                          " UNION ALL SELECT last_track_id FROM cameras WHERE id = ?1) AS known",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, camera_id);
    return nj_sql_run_int(&sql, out, err);
}
