// SPDX-License-Identifier: Apache-2.0
// Statements in use: ordered parameters and columns over a driver.
#include "storage/sql_priv.h"
#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

static int begin(struct nj_sql *sql, struct nj_db *db, const char *text, enum nj_store_keep keep,
                 struct nj_error *err)
{
    sql->db = db;
    sql->driver = db->driver;
    sql->bound = 0;
    sql->column = 0;
    return db->driver->prepare(db->conn, text, keep, &sql->stmt, err);
}

int nj_sql_begin(struct nj_sql *sql, struct nj_db *db, const char *text, struct nj_error *err)
{
    return begin(sql, db, text, NJ_KEEP_STATIC, err);
}

int nj_sql_begin_once(struct nj_sql *sql, struct nj_db *db, const char *text, struct nj_error *err)
{
    return begin(sql, db, text, NJ_KEEP_ONCE, err);
}

void nj_sql_end(struct nj_sql *sql)
{
    sql->driver->finish(sql->stmt);
    sql->stmt = NULL;
}

void nj_sql_put_int(struct nj_sql *sql, int64_t value)
{
    sql->driver->bind_int(sql->stmt, ++sql->bound, value);
}

void nj_sql_put_number(struct nj_sql *sql, double value)
{
    sql->driver->bind_number(sql->stmt, ++sql->bound, value);
}

void nj_sql_put_text(struct nj_sql *sql, const char *text)
{
    sql->driver->bind_text(sql->stmt, ++sql->bound, text);
}

void nj_sql_put_text_or_null(struct nj_sql *sql, const char *text)
{
    nj_sql_put_text(sql, text != NULL && text[0] != '\0' ? text : NULL);
}

void nj_sql_put_path(struct nj_sql *sql, const char *path)
{
    sql->driver->bind_bytes(sql->stmt, ++sql->bound, path, strlen(path));
}

int nj_sql_step(struct nj_sql *sql, struct nj_error *err)
{
    sql->column = 0;
    return sql->driver->step(sql->stmt, err);
}

int64_t nj_sql_get_int(struct nj_sql *sql)
{
    return sql->driver->column_int(sql->stmt, sql->column++);
}

double nj_sql_get_number(struct nj_sql *sql)
{
    return sql->driver->column_number(sql->stmt, sql->column++);
}

void nj_sql_get_text(struct nj_sql *sql, char *out, size_t size)
{
    size_t length = 0;
    const char *bytes = sql->driver->column_bytes(sql->stmt, sql->column++, &length);
    if (length >= size)
        length = size - 1;
    memcpy(out, bytes, length);
    out[length] = '\0';
}

int nj_sql_get_copy(struct nj_sql *sql, char **out)
{
    if (sql->driver->column_null(sql->stmt, sql->column)) {
        sql->column++;
        *out = NULL;
        return 0;
    }
    size_t length = 0;
    const char *bytes = sql->driver->column_bytes(sql->stmt, sql->column++, &length);
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return NJ_E_NOMEM;
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    *out = copy;
    return 0;
}

int nj_sql_run(struct nj_sql *sql, int64_t *out_changes, struct nj_error *err)
{
    int rc = NJ_STEP_ROW;
    while (rc == NJ_STEP_ROW)
        rc = nj_sql_step(sql, err);
    if (rc == NJ_STEP_DONE && out_changes != NULL)
        *out_changes = sql->driver->changes(sql->db->conn);
    nj_sql_end(sql);
    return rc;
}

int nj_sql_run_int(struct nj_sql *sql, int64_t *out, struct nj_error *err)
{
    int rc = nj_sql_step(sql, err);
    if (rc == NJ_STEP_ROW) {
        *out = nj_sql_get_int(sql);
        rc = 0;
    } else if (rc == NJ_STEP_DONE) {
        rc = nj_error_set(err, NJ_E_INTERNAL, "store: a query that must have a row has none");
    }
    nj_sql_end(sql);
    return rc;
}

int nj_sql_collect(struct nj_sql *sql, const struct nj_sql_rows *how, void **out, size_t *out_count,
                   struct nj_error *err)
{
    void *rows = NULL;
    size_t count = 0, capacity = 0;
    int rc;
    while ((rc = nj_sql_step(sql, err)) == NJ_STEP_ROW) {
        if (nj_array_reserve(&rows, &capacity, count + 1, how->row_size) != 0) {
            rc = nj_error_set(err, NJ_E_NOMEM, "store: no memory for %zu rows", count + 1);
            break;
        }
        how->read(sql, (char *)rows + count * how->row_size);
        count++;
    }
    nj_sql_end(sql);
    if (rc != NJ_STEP_DONE) {
        free(rows);
        return rc;
    }
    *out = rows;
    *out_count = count;
    return 0;
}

int nj_sql_read_one(struct nj_sql *sql, const struct nj_sql_rows *how, void *out, const char *what,
                    struct nj_error *err)
{
    int rc = nj_sql_step(sql, err);
    if (rc == NJ_STEP_ROW) {
        how->read(sql, out);
        rc = 0;
    } else if (rc == NJ_STEP_DONE) {
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "%s", what);
    }
    nj_sql_end(sql);
    return rc;
}

void nj_sql_text_start(struct nj_sql_text *text, const char *first)
{
    text->length = 0;
    text->text[0] = '\0';
    nj_sql_text_add(text, first);
}

void nj_sql_text_add(struct nj_sql_text *text, const char *piece)
{
    size_t length = strlen(piece);
    if (length >= sizeof(text->text) - text->length) {
        // Our own bug; an empty text is refused by the database and stores nothing.
        text->length = sizeof(text->text) - 1;
        text->text[0] = '\0';
        return;
    }
    memcpy(text->text + text->length, piece, length + 1);
    text->length += length;
}
