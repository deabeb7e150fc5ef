// SPDX-License-Identifier: Apache-2.0
// Table events: rows one at a time. Lists are in store_event_list.c.
#include "storage/store_events.h"
#include "storage/event_row_priv.h"

static void read_row(struct nj_sql *sql, void *row)
{
    struct nj_event_row *out = row;
    out->id = nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->batch_id, sizeof(out->batch_id));
    nj_sql_get_text(sql, out->camera_id, sizeof(out->camera_id));
    out->started_us = nj_sql_get_int(sql);
    out->ended_us = nj_sql_get_int(sql);
    out->created_us = nj_sql_get_int(sql);
    out->risk_score = (int)nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->risk_level, sizeof(out->risk_level));
    nj_sql_get_text(sql, out->summary, sizeof(out->summary));
    nj_sql_get_text(sql, out->reasoning, sizeof(out->reasoning));
    nj_sql_get_text(sql, out->breakdown, sizeof(out->breakdown));
    nj_sql_get_text(sql, out->analyser, sizeof(out->analyser));
    nj_sql_get_text(sql, out->object_types, sizeof(out->object_types));
    out->detection_count = nj_sql_get_int(sql);
    out->best_detection_id = nj_sql_get_int(sql);
    out->reviewed = nj_sql_get_int(sql) != 0;
    out->is_fast_path = nj_sql_get_int(sql) != 0;
    nj_sql_get_text(sql, out->notes, sizeof(out->notes));
    out->version = nj_sql_get_int(sql);
}

const struct nj_sql_rows nj_event_rows = {sizeof(struct nj_event_row), read_row};

static int find_by_batch(struct nj_db *db, const char *batch_id, int64_t *out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "SELECT id FROM events WHERE batch_id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, batch_id);
    return nj_sql_run_int(&sql, out, err);
}

static void put_row(struct nj_sql *sql, const struct nj_event_row *row, nj_us created_us)
{
    nj_sql_put_text(sql, row->batch_id);
    nj_sql_put_text(sql, row->camera_id);
    nj_sql_put_int(sql, row->started_us);
    nj_sql_put_int(sql, row->ended_us);
    nj_sql_put_int(sql, created_us);
    nj_sql_put_int(sql, row->risk_score);
    nj_sql_put_text(sql, row->risk_level);
    nj_sql_put_text(sql, row->summary);
    nj_sql_put_text(sql, row->reasoning);
    nj_sql_put_text(sql, row->breakdown);
    nj_sql_put_text(sql, row->analyser);
    nj_sql_put_text(sql, row->object_types);
    nj_sql_put_int(sql, row->detection_count);
    nj_sql_put_int(sql, row->best_detection_id);
    nj_sql_put_int(sql, row->reviewed);
    nj_sql_put_int(sql, row->is_fast_path);
    nj_sql_put_text(sql, row->notes);
}

int nj_events_insert(struct nj_db *db, struct nj_event_row *row, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO events (batch_id, camera_id, started_us, ended_us,"
                          " created_us, risk_score, risk_level, summary, reasoning, breakdown,"
                          " analyser, object_types, detection_count, best_detection_id, reviewed,"
                          " is_fast_path, notes, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
                          " ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 1)"
                          " ON CONFLICT (batch_id) DO NOTHING",
                          err);
    if (rc != 0)
        return rc;
    nj_us created_us = row->created_us != 0 ? row->created_us : nj_db_now_us(db);
    put_row(&sql, row, created_us);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc != 0)
        return rc;
    if (changes == 0) {
        rc = find_by_batch(db, row->batch_id, &row->id, err);
        return rc != 0 ? rc
                       : nj_error_set(err, NJ_E_EXISTS, "batch %s has its event already",
                                      row->batch_id);
    }
    row->id = db->driver->last_id(db->conn);
    row->created_us = created_us;
    row->version = 1;
    return 0;
}

int nj_events_get(struct nj_db *db, int64_t id, struct nj_event_row *out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "SELECT " NJ_EVENT_COLUMNS " FROM events WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    return nj_sql_read_one(&sql, &nj_event_rows, out, "no such event", err);
}

int nj_events_patch(struct nj_db *db, int64_t id, const struct nj_event_patch *patch,
                    struct nj_event_row *out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE events SET version = version + 1,"
                          " reviewed = CASE WHEN ?1 < 0 THEN reviewed ELSE ?1 END,"
                          " notes = COALESCE(?2, notes)"
                          " WHERE id = ?3 AND (?4 = 0 OR version = ?4)",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, patch->reviewed == NULL ? -1 : *patch->reviewed);
    nj_sql_put_text(&sql, patch->notes);
    nj_sql_put_int(&sql, id);
    nj_sql_put_int(&sql, patch->if_version);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc != 0)
        return rc;
    if (changes == 1)
        return nj_events_get(db, id, out, err);
    int64_t version = 0;
    rc = nj_sql_begin(&sql, db, "SELECT COALESCE(MAX(version), 0) FROM events WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    rc = nj_sql_run_int(&sql, &version, err);
    if (rc != 0)
        return rc;
    if (version == 0)
        return nj_error_set(err, NJ_E_NOT_FOUND, "no event %lld", (long long)id);
    return nj_error_set(err, NJ_E_CONFLICT, "event %lld was changed meanwhile: it has version %lld",
                        (long long)id, (long long)version);
}
