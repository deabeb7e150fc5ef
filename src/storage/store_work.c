// SPDX-License-Identifier: Apache-2.0
// Table work_items: insert, claim, extend, finish.
#include "storage/store_work.h"
#include "storage/sql_priv.h"

#include <stdlib.h>
#include <string.h>

void nj_work_row_finish(struct nj_work_row *row)
{
    free(row->payload);
    free(row->history);
    row->payload = NULL;
    row->history = NULL;
}

int nj_work_insert(struct nj_db *db, const struct nj_work_row *row, int64_t *out_id,
                   struct nj_error *err)
{
    struct nj_sql sql;
    size_t length = strlen(row->payload);
    if (length > NJ_WORK_PAYLOAD_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "a payload of %zu bytes for %s; the limit is %d",
                            length, row->queue, NJ_WORK_PAYLOAD_MAX);
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO work_items (queue, priority, due_us, not_before_us,"
                          " lease_until_us, fence, attempts, created_us, first_failed_us,"
                          " unique_key, order_key, history, payload)"
                          " VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
                          " ON CONFLICT DO NOTHING",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, row->queue);
    nj_sql_put_int(&sql, row->priority);
    nj_sql_put_int(&sql, row->not_before_us);
    nj_sql_put_int(&sql, row->not_before_us);
    nj_sql_put_int(&sql, row->fence);
    nj_sql_put_int(&sql, row->attempts);
    nj_sql_put_int(&sql, row->created_us != 0 ? row->created_us : nj_db_now_us(db));
    nj_sql_put_int(&sql, row->first_failed_us);
    nj_sql_put_text_or_null(&sql, row->unique_key);
    nj_sql_put_text_or_null(&sql, row->order_key);
    nj_sql_put_text(&sql, row->history);
    nj_sql_put_text(&sql, row->payload);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc != 0)
        return rc;
    if (changes == 0)
        return nj_error_set(err, NJ_E_EXISTS, "%s holds an item of key %s already", row->queue,
                            row->unique_key);
    if (out_id != NULL)
        *out_id = db->driver->last_id(db->conn);
    return 0;
}

#define WORK_COLUMNS                                                                               \
    "id, queue, priority, not_before_us, lease_until_us, fence, attempts, created_us,"             \
    " first_failed_us, unique_key, history, payload"

static int read_row(struct nj_sql *sql, struct nj_work_row *out, struct nj_error *err)
{
    out->payload = NULL;
    out->history = NULL;
    out->id = nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->queue, sizeof(out->queue));
    out->priority = (int)nj_sql_get_int(sql);
    out->not_before_us = nj_sql_get_int(sql);
    out->lease_until_us = nj_sql_get_int(sql);
    out->fence = nj_sql_get_int(sql);
    out->attempts = nj_sql_get_int(sql);
    out->created_us = nj_sql_get_int(sql);
    out->first_failed_us = nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->unique_key, sizeof(out->unique_key));
    if (nj_sql_get_copy(sql, &out->history) == 0 && nj_sql_get_copy(sql, &out->payload) == 0)
        return 0;
    nj_work_row_finish(out);
    return nj_error_set(err, NJ_E_NOMEM, "store: no memory for a work item");
}

static void finish_rows(struct nj_work_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nj_work_row_finish(&rows[i]);
}

static int select_due(struct nj_db *db, const struct nj_work_wish *wish, struct nj_work_row *out,
                      size_t *out_count, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT " WORK_COLUMNS " FROM work_items"
                          " WHERE queue = ?1 AND due_us <= ?2"
                          " ORDER BY priority DESC, id LIMIT ?3",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, wish->queue);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    nj_sql_put_int(&sql, (int64_t)wish->limit);
    size_t count = 0;
    for (bool alone = false; !alone && count < wish->limit; count++) {
        rc = nj_sql_step(&sql, err);
        if (rc == NJ_STEP_ROW)
            rc = read_row(&sql, &out[count], err);
        else
            break;
        if (rc != 0)
            break;
        alone = wish->alone_from > 0 && out[count].attempts >= wish->alone_from;
        if (alone && (count > 0 || wish->others)) {
            nj_work_row_finish(&out[count]);
            break;
        }
    }
    nj_sql_end(&sql);
    if (rc < 0) {
        finish_rows(out, count);
        return rc;
    }
    *out_count = count;
    return 0;
}

static int mark_claimed(struct nj_db *db, nj_us until_us, struct nj_work_row *row,
                        struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE work_items SET lease_until_us = ?1, due_us = ?1,"
                          " fence = fence + 1, attempts = attempts + 1 WHERE id = ?2",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, until_us);
    nj_sql_put_int(&sql, row->id);
    rc = nj_sql_run(&sql, NULL, err);
    row->lease_until_us = until_us;
    row->fence++;
    row->attempts++;
    return rc;
}

int nj_work_claim(struct nj_db *db, const struct nj_work_wish *wish, struct nj_work_row *out,
                  size_t *out_count, struct nj_error *err)
{
    size_t count = 0;
    int rc = select_due(db, wish, out, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = mark_claimed(db, nj_db_now_us(db) + wish->lease_us, &out[i], err);
        if (rc != 0)
            finish_rows(out, count);
    }
    if (rc == 0)
        *out_count = count;
    return rc;
}

// Ends a change that must have met exactly the claimed item.
static int run_fenced(struct nj_sql *sql, int64_t id, struct nj_error *err)
{
    int64_t changes = 0;
    int rc = nj_sql_run(sql, &changes, err);
    if (rc != 0 || changes == 1)
        return rc;
    return nj_error_set(err, NJ_E_CONFLICT,
                        "work item %lld is gone or somebody else claimed it since", (long long)id);
}

int nj_work_extend(struct nj_db *db, int64_t id, int64_t fence, nj_us lease_us,
                   struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE work_items SET lease_until_us = ?1, due_us = ?1"
                          " WHERE id = ?2 AND fence = ?3 AND lease_until_us > 0",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, nj_db_now_us(db) + lease_us);
    nj_sql_put_int(&sql, id);
    nj_sql_put_int(&sql, fence);
    return run_fenced(&sql, id, err);
}

int nj_work_delete(struct nj_db *db, int64_t id, int64_t fence, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(
        &sql, db, "DELETE FROM work_items WHERE id = ?1 AND fence = ?2 AND lease_until_us > 0",
        err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    nj_sql_put_int(&sql, fence);
    return run_fenced(&sql, id, err);
}

int nj_work_retry(struct nj_db *db, const struct nj_work_row *row, nj_us delay_us,
                  struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE work_items SET lease_until_us = 0, not_before_us = ?1,"
                          " due_us = ?1, first_failed_us = ?2, history = ?3"
                          " WHERE id = ?4 AND fence = ?5 AND lease_until_us > 0",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, nj_db_now_us(db) + delay_us);
    nj_sql_put_int(&sql, row->first_failed_us);
    nj_sql_put_text(&sql, row->history);
    nj_sql_put_int(&sql, row->id);
    nj_sql_put_int(&sql, row->fence);
    return run_fenced(&sql, row->id, err);
}

int nj_work_release(struct nj_db *db, int64_t id, int64_t fence, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE work_items SET lease_until_us = 0, due_us = not_before_us,"
                          " attempts = attempts - 1"
                          " WHERE id = ?1 AND fence = ?2 AND lease_until_us > 0",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    nj_sql_put_int(&sql, fence);
    return run_fenced(&sql, id, err);
}

int nj_work_postpone(struct nj_db *db, int64_t id, int64_t fence, nj_us delay_us,
                     struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE work_items SET lease_until_us = 0, not_before_us = ?3,"
                          " due_us = ?3, attempts = attempts - 1"
                          " WHERE id = ?1 AND fence = ?2 AND lease_until_us > 0",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    nj_sql_put_int(&sql, fence);
    nj_sql_put_int(&sql, nj_db_now_us(db) + delay_us);
    return run_fenced(&sql, id, err);
}

int nj_work_take_oldest(struct nj_db *db, const char *queue, struct nj_work_row *out,
                        struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "DELETE FROM work_items WHERE id = (SELECT MIN(id) FROM work_items"
                          " WHERE queue = ?1 AND lease_until_us = 0) RETURNING " WORK_COLUMNS,
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, queue);
    struct nj_work_row row = {.id = 0};
    rc = nj_sql_step(&sql, err);
    if (rc == NJ_STEP_ROW)
        rc = read_row(&sql, &row, err);
    else if (rc == NJ_STEP_DONE)
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "%s holds no waiting item", queue);
    nj_sql_end(&sql);
    if (rc == 0)
        *out = row;
    return rc;
}

int nj_work_counts(struct nj_db *db, const char *queue, struct nj_work_tally *out,
                   struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT COUNT(CASE WHEN lease_until_us = 0 THEN 1 END),"
                          " COUNT(CASE WHEN lease_until_us > 0 THEN 1 END),"
                          " COALESCE(MIN(CASE WHEN lease_until_us = 0 THEN created_us END), 0)"
                          " FROM work_items WHERE queue = ?1",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, queue);
    rc = nj_sql_step(&sql, err);
    if (rc == NJ_STEP_ROW) {
        out->waiting = nj_sql_get_int(&sql);
        out->claimed = nj_sql_get_int(&sql);
        out->oldest_us = nj_sql_get_int(&sql);
        rc = 0;
    }
    nj_sql_end(&sql);
    return rc;
}

int nj_work_next_due(struct nj_db *db, const char *queue, nj_us *out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT COALESCE(MIN(due_us), 0) FROM work_items WHERE queue = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, queue);
    return nj_sql_run_int(&sql, out, err);
}

int nj_work_pull_in(struct nj_db *db, const char *queue, nj_us farthest_us, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE work_items SET due_us = ?1,"
                          " not_before_us = MIN(not_before_us, ?1)"
                          " WHERE queue = ?2 AND due_us > ?3",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, nj_db_now_us(db));
    nj_sql_put_text(&sql, queue);
    nj_sql_put_int(&sql, nj_db_now_us(db) + farthest_us);
    return nj_sql_run(&sql, NULL, err);
}
