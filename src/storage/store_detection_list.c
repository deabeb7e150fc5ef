// SPDX-License-Identifier: Apache-2.0
// Table detections: lists and counts with filters, newest first.
#include "storage/detection_row_priv.h"
#include "storage/store_detections.h"

enum { LIMIT_MAX = 1000 };

static bool has_cursor(const struct nj_detection_filter *filter)
{
    return filter->before_us != 0 || filter->before_id != 0;
}

// The conditions and, in the same order, their values (put_conditions).
static void add_conditions(struct nj_sql_text *text, const struct nj_detection_filter *filter)
{
    if (filter->camera_id != NULL)
        nj_sql_text_add(text, " AND camera_id = ?");
    if (filter->batch_id != NULL)
        nj_sql_text_add(text, " AND batch_id = ?");
    if (filter->object_type != NULL)
        nj_sql_text_add(text, " AND object_type = ?");
    if (filter->event_id != 0)
        nj_sql_text_add(text, " AND batch_id = (SELECT e.batch_id FROM events e WHERE e.id = ?)");
    if (filter->min_confidence > 0)
        nj_sql_text_add(text, " AND confidence >= ?");
    if (filter->from_us != 0)
        nj_sql_text_add(text, " AND detected_us >= ?");
    if (filter->to_us != 0)
        nj_sql_text_add(text, " AND detected_us < ?");
}

static void put_conditions(struct nj_sql *sql, const struct nj_detection_filter *filter)
{
    if (filter->camera_id != NULL)
        nj_sql_put_text(sql, filter->camera_id);
    if (filter->batch_id != NULL)
        nj_sql_put_text(sql, filter->batch_id);
    if (filter->object_type != NULL)
        nj_sql_put_text(sql, filter->object_type);
    if (filter->event_id != 0)
        nj_sql_put_int(sql, filter->event_id);
    if (filter->min_confidence > 0)
        nj_sql_put_number(sql, filter->min_confidence);
    if (filter->from_us != 0)
        nj_sql_put_int(sql, filter->from_us);
    if (filter->to_us != 0)
        nj_sql_put_int(sql, filter->to_us);
}

// A batch's detections are wanted for each event: that statement is kept.
static bool is_whole_batch(const struct nj_detection_filter *filter)
{
    return filter->batch_id != NULL && filter->camera_id == NULL && filter->object_type == NULL &&
           filter->event_id == 0 && !(filter->min_confidence > 0) && filter->from_us == 0 &&
           filter->to_us == 0 && !has_cursor(filter);
}

static int begin_list(struct nj_sql *sql, struct nj_db *db,
                      const struct nj_detection_filter *filter, struct nj_error *err)
{
    static const char of_batch[] = "SELECT " NJ_DETECTION_COLUMNS " FROM detections"
                                   " WHERE batch_id = ? ORDER BY detected_us DESC, id DESC LIMIT ?";
    if (is_whole_batch(filter))
        return nj_sql_begin(sql, db, of_batch, err);
    struct nj_sql_text text;
    nj_sql_text_start(&text, "SELECT " NJ_DETECTION_COLUMNS " FROM detections WHERE 1 = 1");
    add_conditions(&text, filter);
    if (has_cursor(filter))
        nj_sql_text_add(&text, " AND (detected_us, id) < (?, ?)");
    nj_sql_text_add(&text, " ORDER BY detected_us DESC, id DESC LIMIT ?");
    return nj_sql_begin_once(sql, db, text.text, err);
}

int nj_detections_list(struct nj_db *db, const struct nj_detection_filter *filter,
                       struct nj_detection_row **out, size_t *out_count, struct nj_error *err)
{
    struct nj_sql sql;
    if (filter->limit < 1 || filter->limit > LIMIT_MAX)
        return nj_error_set(err, NJ_E_INVALID, "limit must be 1 to %d", LIMIT_MAX);
    int rc = begin_list(&sql, db, filter, err);
    if (rc != 0)
        return rc;
    put_conditions(&sql, filter);
    if (has_cursor(filter)) {
        nj_sql_put_int(&sql, filter->before_us);
        nj_sql_put_int(&sql, filter->before_id);
    }
    nj_sql_put_int(&sql, (int64_t)filter->limit);
    void *rows = NULL;
    rc = nj_sql_collect(&sql, &nj_detection_rows, &rows, out_count, err);
    if (rc == 0)
        *out = rows;
    return rc;
}

int nj_detections_count(struct nj_db *db, const struct nj_detection_filter *filter, int64_t *out,
                        struct nj_error *err)
{
    struct nj_sql sql;
    struct nj_sql_text text;
    nj_sql_text_start(&text, "SELECT COUNT(*) FROM detections WHERE 1 = 1");
    add_conditions(&text, filter);
    int rc = nj_sql_begin_once(&sql, db, text.text, err);
    if (rc != 0)
        return rc;
    put_conditions(&sql, filter);
    return nj_sql_run_int(&sql, out, err);
}
