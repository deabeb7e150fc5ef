// SPDX-License-Identifier: Apache-2.0
// Table dead_letters: jobs that failed for good or found no room, until somebody decides.
#include "storage/sql_priv.h"
#include "storage/store_work.h"
#include "util/mem.h"

#include <stdlib.h>

#define LETTER_COLUMNS                                                                             \
    "id, queue, reason, error_type, error, attempts, first_failed_us, last_failed_us, created_us," \
    " history, payload"

void nj_letter_row_finish(struct nj_letter_row *row)
{
    free(row->payload);
    free(row->history);
    row->payload = NULL;
    row->history = NULL;
}

int nj_letters_insert(struct nj_db *db, const struct nj_letter_row *row, int64_t *out_id,
                      struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO dead_letters (queue, reason, error_type, error, attempts,"
                          " first_failed_us, last_failed_us, created_us, history, payload)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, row->queue);
    nj_sql_put_text(&sql, row->reason);
    nj_sql_put_text(&sql, row->error_type);
    nj_sql_put_text(&sql, row->error);
    nj_sql_put_int(&sql, row->attempts);
    nj_sql_put_int(&sql, row->first_failed_us);
    nj_sql_put_int(&sql, row->last_failed_us);
    nj_sql_put_int(&sql, row->created_us != 0 ? row->created_us : nj_db_now_us(db));
    nj_sql_put_text(&sql, row->history);
    nj_sql_put_text(&sql, row->payload);
    rc = nj_sql_run(&sql, NULL, err);
    if (rc == 0 && out_id != NULL)
        *out_id = db->driver->last_id(db->conn);
    return rc;
}

static int read_row(struct nj_sql *sql, struct nj_letter_row *out, struct nj_error *err)
{
    out->payload = NULL;
    out->history = NULL;
    out->id = nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->queue, sizeof(out->queue));
    nj_sql_get_text(sql, out->reason, sizeof(out->reason));
    nj_sql_get_text(sql, out->error_type, sizeof(out->error_type));
    nj_sql_get_text(sql, out->error, sizeof(out->error));
    out->attempts = nj_sql_get_int(sql);
    out->first_failed_us = nj_sql_get_int(sql);
    out->last_failed_us = nj_sql_get_int(sql);
    out->created_us = nj_sql_get_int(sql);
    if (nj_sql_get_copy(sql, &out->history) == 0 && nj_sql_get_copy(sql, &out->payload) == 0)
        return 0;
    nj_letter_row_finish(out);
    return nj_error_set(err, NJ_E_NOMEM, "store: no memory for a dead letter");
}

static int count_letters(struct nj_db *db, const char *queue, const char *reason, int64_t *out,
                         struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT COUNT(*) FROM dead_letters"
                          " WHERE queue = ?1 AND (?2 IS NULL OR reason = ?2)",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, queue);
    nj_sql_put_text(&sql, reason);
    return nj_sql_run_int(&sql, out, err);
}

void nj_letter_page_finish(struct nj_letter_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        nj_letter_row_finish(&page->rows[i]);
    free(page->rows);
    page->rows = NULL;
    page->count = 0;
}

static int collect(struct nj_sql *sql, struct nj_letter_page *page, struct nj_error *err)
{
    size_t capacity = 0;
    int rc;
    while ((rc = nj_sql_step(sql, err)) == NJ_STEP_ROW) {
        void *rows = page->rows;
        if (nj_array_reserve(&rows, &capacity, page->count + 1, sizeof(*page->rows)) != 0)
            return nj_error_set(err, NJ_E_NOMEM, "store: no memory for dead letters");
        page->rows = rows;
        rc = read_row(sql, &page->rows[page->count], err);
        if (rc != 0)
            return rc;
        page->count++;
    }
    return rc;
}

int nj_letters_list(struct nj_db *db, const struct nj_letter_filter *filter,
                    struct nj_letter_page *out, struct nj_error *err)
{
    struct nj_sql sql;
    struct nj_letter_page page = {.rows = NULL};
    int rc = count_letters(db, filter->queue, filter->reason, &page.total, err);
    if (rc == 0)
        rc = nj_sql_begin(&sql, db,
                          "SELECT " LETTER_COLUMNS " FROM dead_letters"
                          " WHERE queue = ?1 AND (?2 IS NULL OR reason = ?2)"
                          " ORDER BY id LIMIT ?3 OFFSET ?4",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, filter->queue);
    nj_sql_put_text(&sql, filter->reason);
    nj_sql_put_int(&sql, (int64_t)filter->limit);
    nj_sql_put_int(&sql, (int64_t)filter->start);
    rc = collect(&sql, &page, err);
    nj_sql_end(&sql);
    if (rc == 0)
        *out = page;
    else
        nj_letter_page_finish(&page);
    return rc;
}

int nj_letters_get(struct nj_db *db, int64_t id, struct nj_letter_row *out, struct nj_error *err)
{
    struct nj_sql sql;
    int rc =
        nj_sql_begin(&sql, db, "SELECT " LETTER_COLUMNS " FROM dead_letters WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    struct nj_letter_row row = {0};
    rc = nj_sql_step(&sql, err);
    if (rc == NJ_STEP_ROW)
        rc = read_row(&sql, &row, err);
    else if (rc == NJ_STEP_DONE)
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "no dead letter %lld", (long long)id);
    nj_sql_end(&sql);
    if (rc == 0)
        *out = row;
    return rc;
}

int nj_letters_delete(struct nj_db *db, int64_t id, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "DELETE FROM dead_letters WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, id);
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "no dead letter %lld", (long long)id);
    return rc;
}

int nj_letters_purge(struct nj_db *db, const char *queue, const char *reason, int64_t *out_deleted,
                     struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(
        &sql, db, "DELETE FROM dead_letters WHERE queue = ?1 AND (?2 IS NULL OR reason = ?2)", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, queue);
    nj_sql_put_text(&sql, reason);
    return nj_sql_run(&sql, out_deleted, err);
}

int nj_letters_counts(struct nj_db *db, const char *queue, int64_t *out_failed,
                      int64_t *out_overflow, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT COUNT(CASE WHEN reason <> 'overflow' THEN 1 END),"
                          " COUNT(CASE WHEN reason = 'overflow' THEN 1 END)"
                          " FROM dead_letters WHERE queue = ?1",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, queue);
    rc = nj_sql_step(&sql, err);
    if (rc == NJ_STEP_ROW) {
        *out_failed = nj_sql_get_int(&sql);
        *out_overflow = nj_sql_get_int(&sql);
        rc = 0;
    }
    nj_sql_end(&sql);
    return rc;
}
