// SPDX-License-Identifier: Apache-2.0
// Table batches.
#include "storage/store_batches.h"
#include "storage/sql_priv.h"

#define BATCH_COLUMNS                                                                              \
    "id, camera_id, state, close_reason, started_us, last_activity_us, arrived_us, created_us,"    \
    " closed_us, detection_count, pipeline_start_us"

static void read_row(struct nj_sql *sql, void *row)
{
    struct nj_batch_row *out = row;
    nj_sql_get_text(sql, out->id, sizeof(out->id));
    nj_sql_get_text(sql, out->camera_id, sizeof(out->camera_id));
    nj_sql_get_text(sql, out->state, sizeof(out->state));
    nj_sql_get_text(sql, out->close_reason, sizeof(out->close_reason));
    out->started_us = nj_sql_get_int(sql);
    out->last_activity_us = nj_sql_get_int(sql);
    out->arrived_us = nj_sql_get_int(sql);
    out->created_us = nj_sql_get_int(sql);
    out->closed_us = nj_sql_get_int(sql);
    out->detection_count = nj_sql_get_int(sql);
    out->pipeline_start_us = nj_sql_get_int(sql);
}

static const struct nj_sql_rows batch_rows = {sizeof(struct nj_batch_row), read_row};

int nj_batches_insert(struct nj_db *db, const struct nj_batch_row *row, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO batches (" BATCH_COLUMNS ")"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                          " ON CONFLICT DO NOTHING",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, row->id);
    nj_sql_put_text(&sql, row->camera_id);
    nj_sql_put_text(&sql, row->state);
    nj_sql_put_text(&sql, row->close_reason);
    nj_sql_put_int(&sql, row->started_us);
    nj_sql_put_int(&sql, row->last_activity_us);
    nj_sql_put_int(&sql, row->arrived_us);
    nj_sql_put_int(&sql, row->created_us);
    nj_sql_put_int(&sql, row->closed_us);
    nj_sql_put_int(&sql, row->detection_count);
    nj_sql_put_int(&sql, row->pipeline_start_us);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_EXISTS,
                          "batch %s exists, or camera %s has an open batch already", row->id,
                          row->camera_id);
    return rc;
}

int nj_batches_get(struct nj_db *db, const char *id, struct nj_batch_row *out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "SELECT " BATCH_COLUMNS " FROM batches WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    return nj_sql_read_one(&sql, &batch_rows, out, "no such batch", err);
}

int nj_batches_open_of(struct nj_db *db, const char *camera_id, struct nj_batch_row *out,
                       struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT " BATCH_COLUMNS " FROM batches"
                          " WHERE camera_id = ?1 AND state = 'open'",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, camera_id);
    return nj_sql_read_one(&sql, &batch_rows, out, "the camera has no open batch", err);
}

int nj_batches_fast_path_since(struct nj_db *db, const char *camera_id, nj_us since_us, bool *out,
                               struct nj_error *err)
{
    struct nj_sql sql;
    int64_t found = 0;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT EXISTS (SELECT 1 FROM batches WHERE camera_id = ?1"
                          " AND close_reason = 'fast_path'"
                          " AND created_us BETWEEN ?2 AND ?3)",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, camera_id);
    nj_sql_put_int(&sql, since_us);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    rc = nj_sql_run_int(&sql, &found, err);
    if (rc == 0)
        *out = found != 0;
    return rc;
}

static int check_detection(struct nj_db *db, int64_t id, struct nj_error *err)
{
    struct nj_sql sql;
    int64_t found = 0;
    int rc = nj_sql_begin(&sql, db, "SELECT COUNT(*) FROM detections WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    rc = nj_sql_run_int(&sql, &found, err);
    if (rc == 0 && found == 0)
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "no detection %lld", (long long)id);
    return rc;
}

// *count grows by one when the detection joined now.
static int join(struct nj_db *db, const char *id, int64_t detection_id, int64_t *count,
                struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(
        &sql, db, "UPDATE detections SET batch_id = ?1 WHERE id = ?2 AND batch_id IS NULL", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    nj_sql_put_int(&sql, detection_id);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc == 0 && changes == 0)
        return check_detection(db, detection_id, err);
    *count += changes;
    return rc;
}

int nj_batches_append(struct nj_db *db, const char *id, const struct nj_batch_growth *growth,
                      struct nj_error *err)
{
    struct nj_sql sql;
    int64_t joined = (int64_t)growth->inserted;
    for (size_t i = 0; i < growth->count; i++) {
        int rc = join(db, id, growth->detection_ids[i], &joined, err);
        if (rc != 0)
            return rc;
    }
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE batches SET detection_count = detection_count + ?1,"
                          " arrived_us = ?2, last_activity_us ="
                          " CASE WHEN last_activity_us < ?3 THEN ?3 ELSE last_activity_us END,"
                          " started_us ="
                          " CASE WHEN ?4 <> 0 AND ?4 < started_us THEN ?4 ELSE started_us END"
                          " WHERE id = ?5 AND (state = 'open'"
                          " OR (state = 'closed' AND close_reason = 'fast_path'))",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, joined);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    nj_sql_put_int(&sql, growth->activity_us);
    nj_sql_put_int(&sql, growth->oldest_us);
    nj_sql_put_text(&sql, id);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_CONFLICT, "batch %s takes no more detections", id);
    return rc;
}

static void read_id(struct nj_sql *sql, void *row)
{
    int64_t *out = row;
    *out = nj_sql_get_int(sql);
}

int nj_batches_detection_ids(struct nj_db *db, const char *id, int64_t **out, size_t *out_count,
                             struct nj_error *err)
{
    static const struct nj_sql_rows id_rows = {sizeof(int64_t), read_id};
    struct nj_sql sql;
    void *ids = NULL;
    int rc = nj_sql_begin(
        &sql, db, "SELECT id FROM detections WHERE batch_id = ?1 ORDER BY detected_us, id", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    rc = nj_sql_collect(&sql, &id_rows, &ids, out_count, err);
    if (rc == 0)
        *out = ids;
    return rc;
}

// Ends a change of state.
static int run_state(struct nj_sql *sql, const char *id, const char *state, struct nj_error *err)
{
    int64_t changes = 0;
    int rc = nj_sql_run(sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_CONFLICT, "batch %s is not %s", id, state);
    return rc;
}

int nj_batches_close(struct nj_db *db, const char *id, const char *reason, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE batches SET state = 'closed', close_reason = ?1, closed_us = ?2"
                          " WHERE id = ?3 AND state = 'open'",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, reason);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    nj_sql_put_text(&sql, id);
    return run_state(&sql, id, "open", err);
}

int nj_batches_set_analysed(struct nj_db *db, const char *id, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(
        &sql, db, "UPDATE batches SET state = 'analysed' WHERE id = ?1 AND state <> 'open'", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    return run_state(&sql, id, "closed", err);
}

int nj_batches_list_open(struct nj_db *db, struct nj_batch_row **out, size_t *out_count,
                         struct nj_error *err)
{
    struct nj_sql sql;
    void *rows = NULL;
    int rc = nj_sql_begin(
        &sql, db, "SELECT " BATCH_COLUMNS " FROM batches WHERE state = 'open' ORDER BY camera_id",
        err);
    if (rc == 0)
        rc = nj_sql_collect(&sql, &batch_rows, &rows, out_count, err);
    if (rc == 0)
        *out = rows;
    return rc;
}
