// SPDX-License-Identifier: Apache-2.0
// Table pipeline_records: what pipelines write where no foreign database is configured.
#include "storage/store_records.h"

#include "storage/foreign_priv.h"
#include "storage/sql_priv.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_COLUMNS "table_name, key, json, created_us, updated_us, id"

static const double exact_max = 9007199254740992.0; // 2^53: whole numbers up to it are exact

void nj_record_row_finish(struct nj_record_row *row)
{
    free(row->json);
    row->json = NULL;
}

// "schema.table", as the foreign writer would take it.
static void full_name(const char *table, char out[NJ_RECORD_TABLE_SIZE])
{
    struct nj_foreign_table_name name;
    nj_foreign_split(table, &name);
    snprintf(out, NJ_RECORD_TABLE_SIZE, "%s.%s", name.schema, name.table);
}

static json_t *number_value(double number)
{
    if (!isfinite(number))
        return json_null();
    if (number == floor(number) && fabs(number) <= exact_max)
        return json_integer((json_int_t)number);
    return json_real(number);
}

static json_t *cell_value(const struct nj_foreign_cell *cell, nj_us now_us)
{
    char iso[NJ_ISO_TIME_SIZE];
    switch (cell->kind) {
    case NJ_CELL_TEXT:
        return cell->text != NULL ? json_string(cell->text) : json_null();
    case NJ_CELL_NUMBER:
        return number_value(cell->number);
    case NJ_CELL_BOOL:
        return json_boolean(cell->truth);
    case NJ_CELL_NOW:
        nj_time_format_iso(now_us, iso);
        return json_string(iso);
    case NJ_CELL_NULL:
        break;
    }
    return json_null();
}

static int merge(json_t *object, const struct nj_foreign_write *write, nj_us now_us,
                 struct nj_error *err)
{
    for (size_t i = 0; i < write->cell_count; i++) {
        const struct nj_foreign_cell *cell = &write->cells[i];
        const json_t *there = json_object_get(object, cell->column);
        if (write->kind == NJ_FOREIGN_FILL && there != NULL && !json_is_null(there))
            continue;
        if (cell->kind == NJ_CELL_TEXT && cell->text != NULL &&
            !nj_utf8_valid(cell->text, strlen(cell->text)))
            return nj_error_set(err, NJ_E_INVALID, "record: column \"%s\" is not UTF-8",
                                cell->column);
        if (json_object_set_new(object, cell->column, cell_value(cell, now_us)) != 0)
            return nj_error_set(err, NJ_E_NOMEM, "record: no memory");
    }
    return 0;
}

// What the columns of a table of known form hold when nobody says it.
static int put_defaults(json_t *object, const struct nj_foreign_write *write, struct nj_error *err)
{
    struct nj_foreign_table_name name;
    nj_foreign_split(write->table, &name);
    const struct nj_foreign_form *form = nj_foreign_form_of(&name, write->key_column);
    for (size_t i = 0; form != NULL && i < form->count; i++) {
        const struct nj_foreign_form_column *column = &form->columns[i];
        if (column->text == NULL || json_object_get(object, column->name) != NULL)
            continue;
        if (json_object_set_new(object, column->name, json_string(column->text)) != 0)
            return nj_error_set(err, NJ_E_NOMEM, "record: no memory");
    }
    return 0;
}

static int key_text(const struct nj_foreign_write *write, nj_us now_us,
                    char out[NJ_RECORD_KEY_SIZE], struct nj_error *err)
{
    char scratch[NJ_FOREIGN_NUMBER_SIZE + NJ_ISO_TIME_SIZE];
    const char *text = scratch;
    for (size_t i = 0; i < write->cell_count; i++) {
        const struct nj_foreign_cell *cell = &write->cells[i];
        if (strcmp(cell->column, write->key_column) != 0)
            continue;
        if (cell->kind == NJ_CELL_TEXT)
            text = cell->text;
        else if (cell->kind == NJ_CELL_BOOL)
            text = cell->truth ? "true" : "false";
        else if (cell->kind == NJ_CELL_NOW)
            nj_time_format_iso(now_us, scratch);
        else
            snprintf(scratch, sizeof scratch, "%.15g", cell->number);
        if (nj_text_copy(out, NJ_RECORD_KEY_SIZE, text))
            return 0;
        return nj_error_set(err, NJ_E_TOO_BIG, "record: a key has at most %d bytes",
                            NJ_RECORD_KEY_SIZE - 1);
    }
    return nj_error_set(err, NJ_E_INVALID, "record: the key column has no value");
}

static int put_row(struct nj_db *db, const struct nj_record_row *row, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO pipeline_records (table_name, key, json, created_us,"
                          " updated_us) VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT (table_name, key)"
                          " DO UPDATE SET json = excluded.json, updated_us = excluded.updated_us",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, row->table);
    nj_sql_put_text(&sql, row->key);
    nj_sql_put_text(&sql, row->json);
    nj_sql_put_int(&sql, row->updated_us);
    return nj_sql_run(&sql, NULL, err);
}

static int store_object(struct nj_db *db, struct nj_record_row *row, const json_t *object,
                        struct nj_error *err)
{
    nj_record_row_finish(row);
    row->json = json_dumps(object, JSON_COMPACT);
    if (row->json == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "record: no memory");
    if (strlen(row->json) > NJ_RECORD_JSON_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "record: more than %d bytes", NJ_RECORD_JSON_MAX);
    row->updated_us = nj_db_now_us(db);
    return put_row(db, row, err);
}

static int make_record(struct nj_db *db, struct nj_record_row *row,
                       const struct nj_foreign_write *write, struct nj_error *err)
{
    json_t *object = json_object();
    int rc = object != NULL ? 0 : nj_error_set(err, NJ_E_NOMEM, "record: no memory");
    if (rc == 0)
        rc = merge(object, write, nj_db_now_us(db), err);
    if (rc == 0)
        rc = put_defaults(object, write, err);
    if (rc == 0)
        rc = store_object(db, row, object, err);
    json_decref(object);
    return rc;
}

static int change_record(struct nj_db *db, struct nj_record_row *row,
                         const struct nj_foreign_write *write, struct nj_error *err)
{
    json_t *object = NULL;
    int rc = nj_json_parse(row->json, strlen(row->json), NJ_RECORD_JSON_MAX, &object, err);
    if (rc == 0 && !json_is_object(object))
        rc = nj_error_set(err, NJ_E_CORRUPT, "record: what is stored is no object");
    if (rc == 0)
        rc = merge(object, write, nj_db_now_us(db), err);
    if (rc == 0)
        rc = store_object(db, row, object, err);
    json_decref(object);
    return rc;
}

int nj_records_write(struct nj_db *db, const struct nj_foreign_write *write, struct nj_error *err)
{
    struct nj_record_row row = {.json = NULL};
    char table[NJ_RECORD_TABLE_SIZE], key[NJ_RECORD_KEY_SIZE];
    struct nj_error missing;
    int rc = nj_foreign_check(write, err);
    if (rc == 0)
        rc = key_text(write, nj_db_now_us(db), key, err);
    if (rc != 0)
        return rc;
    full_name(write->table, table);
    rc = nj_records_get(db, table, key, &row, &missing);
    if (rc == NJ_E_NOT_FOUND && write->kind != NJ_FOREIGN_UPDATE) {
        row = (struct nj_record_row){.json = NULL};
        nj_text_copy(row.table, sizeof row.table, table);
        nj_text_copy(row.key, sizeof row.key, key);
        rc = make_record(db, &row, write, err);
    } else if (rc == 0 && write->kind != NJ_FOREIGN_INSERT) {
        rc = change_record(db, &row, write, err);
    } else if (rc != 0) {
        rc = nj_error_set(err, rc, "%s", missing.text);
    }
    nj_record_row_finish(&row);
    return rc;
}

static int read_row(struct nj_sql *sql, struct nj_record_row *out, int64_t *out_id,
                    struct nj_error *err)
{
    out->json = NULL;
    nj_sql_get_text(sql, out->table, sizeof out->table);
    nj_sql_get_text(sql, out->key, sizeof out->key);
    if (nj_sql_get_copy(sql, &out->json) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "record: no memory");
    out->created_us = nj_sql_get_int(sql);
    out->updated_us = nj_sql_get_int(sql);
    *out_id = nj_sql_get_int(sql);
    return 0;
}

int nj_records_get(struct nj_db *db, const char *table, const char *key, struct nj_record_row *out,
                   struct nj_error *err)
{
    struct nj_sql sql;
    char name[NJ_RECORD_TABLE_SIZE];
    int64_t id;
    full_name(table, name);
    int rc = nj_sql_begin(
        &sql, db,
        "SELECT " RECORD_COLUMNS " FROM pipeline_records WHERE table_name = ?1 AND key = ?2", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, name);
    nj_sql_put_text(&sql, key);
    rc = nj_sql_step(&sql, err);
    if (rc == NJ_STEP_ROW)
        rc = read_row(&sql, out, &id, err);
    else if (rc == NJ_STEP_DONE)
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "no such record in %s", name);
    nj_sql_end(&sql);
    return rc;
}

int nj_records_count(struct nj_db *db, const char *table, int64_t *out, struct nj_error *err)
{
    struct nj_sql sql;
    char name[NJ_RECORD_TABLE_SIZE];
    full_name(table, name);
    int rc =
        nj_sql_begin(&sql, db, "SELECT COUNT(*) FROM pipeline_records WHERE table_name = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, name);
    return nj_sql_run_int(&sql, out, err);
}

int nj_records_list(struct nj_db *db, const struct nj_records_query *query,
                    int (*see)(const struct nj_record_row *row, int64_t id, void *arg), void *arg,
                    struct nj_error *err)
{
    struct nj_sql sql;
    char name[NJ_RECORD_TABLE_SIZE] = "";
    const int64_t most = NJ_RECORDS_PAGE_MAX + 1;
    if (query->table != NULL)
        full_name(query->table, name);
    int rc = nj_sql_begin(&sql, db,
                          query->table != NULL
                              ? "SELECT " RECORD_COLUMNS " FROM pipeline_records"
                                " WHERE table_name = ?1 AND (?2 = 0 OR id < ?2)"
                                " ORDER BY id DESC LIMIT ?3"
                              : "SELECT " RECORD_COLUMNS " FROM pipeline_records"
                                " WHERE ?1 = '' AND (?2 = 0 OR id < ?2) ORDER BY id DESC LIMIT ?3",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, name);
    nj_sql_put_int(&sql, query->before_id);
    nj_sql_put_int(&sql, query->limit < most ? query->limit : most);
    while ((rc = nj_sql_step(&sql, err)) == NJ_STEP_ROW) {
        struct nj_record_row row;
        int64_t id;
        rc = read_row(&sql, &row, &id, err);
        if (rc == 0)
            rc = see(&row, id, arg);
        nj_record_row_finish(&row);
        if (rc < 0)
            break;
    }
    nj_sql_end(&sql);
    return rc;
}
