// SPDX-License-Identifier: Apache-2.0
// Statements for foreign tables: identifiers are checked and quoted, values are always bound.
#include "storage/foreign_priv.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char default_schema[] = "gas_station_1";
static const char touched[] = "updated_at";

static bool is_identifier(const char *text, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return length > 0 && length < NJ_FOREIGN_NAME_SIZE && (text[0] < '0' || text[0] > '9') &&
           strspn(text, letters) >= length;
}

static int refuse_name(struct nj_error *err, const char *what, const char *name)
{
    char shown[NJ_FOREIGN_NAME_SIZE];
    nj_text_printable(shown, sizeof shown, name != NULL ? name : "");
    return nj_error_set(
        err, NJ_E_INVALID,
        "%s \"%s\" is not a name: letters, digits and _, not a digit first, at most "
        "63",
        what, shown);
}

static int check_table(const char *table, struct nj_error *err)
{
    const char *dot = table != NULL ? strchr(table, '.') : NULL;
    const char *last = dot != NULL ? dot + 1 : table;
    bool good = table != NULL && is_identifier(last, strlen(last)) &&
                (dot == NULL || is_identifier(table, (size_t)(dot - table)));
    return good ? 0 : refuse_name(err, "table", table);
}

static int check_cell(const struct nj_foreign_write *write, size_t index, struct nj_error *err)
{
    const char *column = write->cells[index].column;
    if (column == NULL || !is_identifier(column, strlen(column)))
        return refuse_name(err, "column", column);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(write->cells[i].column, column) == 0)
            return nj_error_set(err, NJ_E_INVALID, "column \"%s\" comes twice", column);
    }
    return 0;
}

static const struct nj_foreign_cell *find_cell(const struct nj_foreign_write *write,
                                               const char *column)
{
    for (size_t i = 0; i < write->cell_count; i++) {
        if (strcmp(write->cells[i].column, column) == 0)
            return &write->cells[i];
    }
    return NULL;
}

static bool has_value(const struct nj_foreign_cell *cell)
{
    return cell->kind != NJ_CELL_NULL && (cell->kind != NJ_CELL_TEXT || cell->text != NULL);
}

int nj_foreign_check(const struct nj_foreign_write *write, struct nj_error *err)
{
    if (write->cell_count > NJ_FOREIGN_CELLS_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "%zu columns, at most %d are possible",
                            write->cell_count, NJ_FOREIGN_CELLS_MAX);
    int rc = check_table(write->table, err);
    for (size_t i = 0; rc == 0 && i < write->cell_count; i++)
        rc = check_cell(write, i, err);
    if (rc != 0)
        return rc;
    if (write->key_column == NULL || !is_identifier(write->key_column, strlen(write->key_column)))
        return refuse_name(err, "key column", write->key_column);
    const struct nj_foreign_cell *key = find_cell(write, write->key_column);
    if (key == NULL || !has_value(key))
        return nj_error_set(err, NJ_E_INVALID, "the key column \"%s\" has no value",
                            write->key_column);
    return 0;
}

void nj_foreign_split(const char *table, struct nj_foreign_table_name *out)
{
    const char *dot = strchr(table, '.');
    snprintf(out->schema, sizeof out->schema, "%.*s", dot != NULL ? (int)(dot - table) : 63,
             dot != NULL ? table : default_schema);
    snprintf(out->table, sizeof out->table, "%s", dot != NULL ? dot + 1 : table);
}

void nj_foreign_quote(struct nj_buf *sql, const char *identifier)
{
    nj_buf_append_char(sql, '"');
    for (const char *c = identifier; *c != '\0'; c++) {
        if (*c == '"') // no identifier that was checked has one
            nj_buf_append_char(sql, '"');
        nj_buf_append_char(sql, *c);
    }
    nj_buf_append_char(sql, '"');
}

void nj_foreign_quote_table(struct nj_buf *sql, const struct nj_foreign_table_name *name)
{
    nj_foreign_quote(sql, name->schema);
    nj_buf_append_char(sql, '.');
    nj_foreign_quote(sql, name->table);
}

// "now()", or a parameter, which the server reads as its column's type.
static void put_value(struct nj_foreign_statement *statement, const struct nj_foreign_cell *cell)
{
    if (cell->kind == NJ_CELL_NOW) {
        nj_buf_append_text(&statement->sql, "now()");
        return;
    }
    int index = statement->count++;
    char *number = statement->numbers[index];
    statement->values[index] = NULL;
    if (cell->kind == NJ_CELL_TEXT) {
        statement->values[index] = cell->text;
    } else if (cell->kind == NJ_CELL_BOOL) {
        statement->values[index] = cell->truth ? "true" : "false";
    } else if (cell->kind == NJ_CELL_NUMBER && isfinite(cell->number)) {
        // The shortest that reads back the same; PostgreSQL knows no locale's comma.
        for (int digits = 15; digits <= 17; digits++) {
            double back = 0;
            snprintf(number, NJ_FOREIGN_NUMBER_SIZE, "%.*g", digits, cell->number);
            if (nj_text_to_double(number, &back) == 0 && back == cell->number)
                break;
        }
        statement->values[index] = number;
    }
    nj_buf_printf(&statement->sql, "$%d", statement->count);
}

static void put_insert(struct nj_foreign_statement *statement, const struct nj_foreign_write *write)
{
    struct nj_buf *sql = &statement->sql;
    nj_buf_append_text(sql, write->kind == NJ_FOREIGN_FILL ? " AS kept (" : " (");
    for (size_t i = 0; i < write->cell_count; i++) {
        nj_buf_append_text(sql, i > 0 ? ", " : "");
        nj_foreign_quote(sql, write->cells[i].column);
    }
    nj_buf_append_text(sql, ") VALUES (");
    for (size_t i = 0; i < write->cell_count; i++) {
        nj_buf_append_text(sql, i > 0 ? ", " : "");
        put_value(statement, &write->cells[i]);
    }
    nj_buf_append_text(sql, ") ON CONFLICT (");
    nj_foreign_quote(sql, write->key_column);
    nj_buf_append_text(sql, ") DO ");
}

static void put_new_value(struct nj_foreign_statement *statement,
                          const struct nj_foreign_write *write, const struct nj_foreign_cell *cell)
{
    struct nj_buf *sql = &statement->sql;
    const bool fill = write->kind == NJ_FOREIGN_FILL;
    if (!fill && write->kind != NJ_FOREIGN_UPSERT) {
        put_value(statement, cell);
        return;
    }
    if (fill) {
        nj_buf_append_text(sql, "COALESCE(kept.");
        nj_foreign_quote(sql, cell->column);
        nj_buf_append_text(sql, ", ");
    }
    nj_buf_append_text(sql, "EXCLUDED.");
    nj_foreign_quote(sql, cell->column);
    nj_buf_append_text(sql, fill ? ")" : "");
}

// "a" = ..., for all but the key; returns how many.
static int put_changes(struct nj_foreign_statement *statement, const struct nj_foreign_write *write,
                       bool touch)
{
    struct nj_buf *sql = &statement->sql;
    int count = 0;
    for (size_t i = 0; i < write->cell_count; i++) {
        const char *column = write->cells[i].column;
        if (strcmp(column, write->key_column) == 0)
            continue;
        nj_buf_append_text(sql, count++ > 0 ? ", " : " SET ");
        nj_foreign_quote(sql, column);
        nj_buf_append_text(sql, " = ");
        put_new_value(statement, write, &write->cells[i]);
    }
    if (!touch || find_cell(write, touched) != NULL)
        return count;
    nj_buf_append_text(sql, count++ > 0 ? ", " : " SET ");
    nj_foreign_quote(sql, touched);
    nj_buf_append_text(sql, " = now()");
    return count;
}

static void build_update(struct nj_foreign_statement *statement,
                         const struct nj_foreign_write *write, bool touch)
{
    struct nj_buf *sql = &statement->sql;
    if (put_changes(statement, write, touch) == 0) {
        // Nothing to change; whether the row is there is still told.
        nj_buf_append_text(sql, " SET ");
        nj_foreign_quote(sql, write->key_column);
        nj_buf_append_text(sql, " = ");
        nj_foreign_quote(sql, write->key_column);
    }
    nj_buf_append_text(sql, " WHERE ");
    nj_foreign_quote(sql, write->key_column);
    nj_buf_append_text(sql, " = ");
    put_value(statement, find_cell(write, write->key_column));
}

static void build_upsert(struct nj_foreign_statement *statement,
                         const struct nj_foreign_write *write, bool touch)
{
    put_insert(statement, write);
    size_t before = statement->sql.length;
    nj_buf_append_text(&statement->sql, "UPDATE");
    if (put_changes(statement, write, touch) > 0)
        return;
    statement->sql.length = before;
    nj_buf_append_text(&statement->sql, "NOTHING");
}

void nj_foreign_build(struct nj_foreign_statement *statement, const struct nj_foreign_write *write,
                      bool touch)
{
    struct nj_foreign_table_name name;
    nj_foreign_split(write->table, &name);
    nj_buf_reset(&statement->sql);
    statement->count = 0;
    nj_buf_append_text(&statement->sql,
                       write->kind == NJ_FOREIGN_UPDATE ? "UPDATE " : "INSERT INTO ");
    nj_foreign_quote_table(&statement->sql, &name);
    switch (write->kind) {
    case NJ_FOREIGN_INSERT:
        put_insert(statement, write);
        nj_buf_append_text(&statement->sql, "NOTHING");
        break;
    case NJ_FOREIGN_UPDATE:
        build_update(statement, write, touch);
        break;
    case NJ_FOREIGN_FILL:
    case NJ_FOREIGN_UPSERT:
        build_upsert(statement, write, touch);
        break;
    }
}

enum nj_foreign_fate nj_foreign_fate_of(const char *sqlstate)
{
    // Connection, operator intervention, resources, serialization: the next try may not meet them.
    static const char *const passing[] = {"08", "57", "53", "40"};
    static const char *const missing[] = {"42P01", "42703", "3F000"};
    if (sqlstate == NULL)
        return NJ_FOREIGN_AGAIN;
    for (size_t i = 0; i < NJ_COUNT_OF(passing); i++) {
        if (strncmp(sqlstate, passing[i], 2) == 0)
            return NJ_FOREIGN_AGAIN;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(missing); i++) {
        if (strcmp(sqlstate, missing[i]) == 0)
            return NJ_FOREIGN_GONE;
    }
    return NJ_FOREIGN_REFUSED;
}
