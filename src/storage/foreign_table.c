// SPDX-License-Identifier: Apache-2.0
// What is known of foreign tables: looked at once, made or completed where something is missing.
#include "storage/foreign_priv.h"
#include "util/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_MAX = 65536 };

static const char text_type[] = "varchar(255)";

struct table {
    struct nj_foreign_table_name name;
    char (*columns)[NJ_FOREIGN_NAME_SIZE];
    size_t count, capacity;
};

struct nj_foreign_tables {
    pthread_mutex_t lock; // held while the server is asked: nobody else may make the same
    struct table items[NJ_FOREIGN_TABLES_MAX];
    size_t count;
    atomic_uint_fast64_t made; // read by others without the lock
};

int nj_foreign_tables_create(struct nj_foreign_tables **out)
{
    struct nj_foreign_tables *tables = calloc(1, sizeof *tables);
    if (tables == NULL)
        return NJ_E_NOMEM;
    if (pthread_mutex_init(&tables->lock, NULL) != 0) {
        free(tables);
        return NJ_E_NOMEM;
    }
    *out = tables;
    return 0;
}

static void drop_all(struct nj_foreign_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++)
        free(tables->items[i].columns);
    tables->count = 0;
}

void nj_foreign_tables_destroy(struct nj_foreign_tables *tables)
{
    if (tables == NULL)
        return;
    drop_all(tables);
    pthread_mutex_destroy(&tables->lock);
    free(tables);
}

void nj_foreign_tables_forget(struct nj_foreign_tables *tables)
{
    pthread_mutex_lock(&tables->lock);
    drop_all(tables);
    pthread_mutex_unlock(&tables->lock);
}

uint64_t nj_foreign_tables_made(struct nj_foreign_tables *tables)
{
    return atomic_load(&tables->made);
}

static bool has_column(const struct table *table, const char *column)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->columns[i], column) == 0)
            return true;
    }
    return false;
}

static int add_column(struct table *table, const char *column)
{
    void *columns = table->columns;
    int rc =
        nj_array_reserve(&columns, &table->capacity, table->count + 1, sizeof table->columns[0]);
    if (rc != 0)
        return rc;
    table->columns = columns;
    snprintf(table->columns[table->count++], sizeof table->columns[0], "%s", column);
    return 0;
}

static struct table *find_table(struct nj_foreign_tables *tables,
                                const struct nj_foreign_table_name *name)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (strcmp(tables->items[i].name.schema, name->schema) == 0 &&
            strcmp(tables->items[i].name.table, name->table) == 0)
            return &tables->items[i];
    }
    return NULL;
}

// Runs a statement that makes something. Somebody else who makes the same at the same time may win,
// which is as good: the table is looked at again.
static enum nj_foreign_fate make(struct nj_foreign_tables *tables, struct nj_foreign_link *link,
                                 const struct nj_buf *sql, struct nj_error *err)
{
    if (nj_buf_failed(sql)) {
        nj_error_set(err, NJ_E_NOMEM, "PostgreSQL %s: no memory for a statement", link->shown);
        return NJ_FOREIGN_REFUSED;
    }
    enum nj_foreign_fate fate = nj_foreign_link_ask(link, sql->data, NULL, NULL, err);
    if (fate == NJ_FOREIGN_DONE)
        atomic_fetch_add(&tables->made, 1);
    return fate;
}

static enum nj_foreign_fate make_schema(struct nj_foreign_tables *tables,
                                        struct nj_foreign_link *link, const char *schema,
                                        struct nj_error *err)
{
    PGresult *rows = NULL;
    enum nj_foreign_fate fate = nj_foreign_link_ask(
        link, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", schema, &rows, err);
    bool exists = fate == NJ_FOREIGN_DONE && PQntuples(rows) > 0;
    PQclear(rows);
    if (fate != NJ_FOREIGN_DONE || exists)
        return fate; // making an existing one needs a right, even when nothing is made
    struct nj_buf sql;
    nj_buf_init(&sql, SQL_MAX);
    nj_buf_append_text(&sql, "CREATE SCHEMA IF NOT EXISTS ");
    nj_foreign_quote(&sql, schema);
    fate = make(tables, link, &sql, err);
    nj_buf_finish(&sql);
    return fate;
}

// The default is a constant of this program, without quotes in it.
static void put_type(struct nj_buf *sql, const struct nj_foreign_form *form, const char *column)
{
    const struct nj_foreign_form_column *known = nj_foreign_form_find(form, column);
    nj_buf_append_char(sql, ' ');
    nj_buf_append_text(sql, known != NULL && known->type != NULL ? known->type : text_type);
    if (known != NULL && known->text != NULL)
        nj_buf_printf(sql, " DEFAULT '%s'", known->text);
}

static void put_column(struct nj_buf *sql, const struct nj_foreign_write *write,
                       const struct nj_foreign_form *form, const char *column)
{
    nj_foreign_quote(sql, column);
    put_type(sql, form, column);
    if (strcmp(column, write->key_column) == 0)
        nj_buf_append_text(sql, " PRIMARY KEY");
}

static void put_columns(struct nj_buf *sql, const struct nj_foreign_write *write,
                        const struct nj_foreign_form *form)
{
    for (size_t i = 0; form != NULL && i < form->count; i++) {
        nj_buf_append_text(sql, i > 0 ? ", " : "");
        put_column(sql, write, form, form->columns[i].name);
    }
    for (size_t i = 0; form == NULL && i < write->cell_count; i++) {
        nj_buf_append_text(sql, i > 0 ? ", " : "");
        put_column(sql, write, NULL, write->cells[i].column);
    }
}

static enum nj_foreign_fate make_table(struct nj_foreign_tables *tables,
                                       struct nj_foreign_link *link,
                                       const struct nj_foreign_table_name *name,
                                       const struct nj_foreign_write *write, struct nj_error *err)
{
    const struct nj_foreign_form *form = nj_foreign_form_of(name, write->key_column);
    enum nj_foreign_fate fate = make_schema(tables, link, name->schema, err);
    if (fate != NJ_FOREIGN_DONE)
        return fate;
    struct nj_buf sql;
    nj_buf_init(&sql, SQL_MAX);
    nj_buf_append_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    nj_foreign_quote_table(&sql, name);
    nj_buf_append_text(&sql, " (");
    put_columns(&sql, write, form);
    nj_buf_append_text(&sql, ")");
    fate = make(tables, link, &sql, err);
    nj_buf_finish(&sql);
    return fate;
}

// The columns that the server has; none: no such table.
static enum nj_foreign_fate look(struct nj_foreign_link *link, struct table *table,
                                 struct nj_error *err)
{
    struct nj_buf name;
    PGresult *rows = NULL;
    nj_buf_init(&name, SQL_MAX);
    nj_foreign_quote_table(&name, &table->name);
    table->count = 0;
    enum nj_foreign_fate fate = NJ_FOREIGN_REFUSED;
    if (nj_buf_failed(&name))
        nj_error_set(err, NJ_E_NOMEM, "PostgreSQL %s: no memory", link->shown);
    else
        fate =
            nj_foreign_link_ask(link,
                                "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid ="
                                " pg_catalog.to_regclass($1) AND attnum > 0 AND NOT attisdropped",
                                name.data, &rows, err);
    nj_buf_finish(&name);
    int count = fate == NJ_FOREIGN_DONE ? PQntuples(rows) : 0;
    for (int i = 0; i < count && i < NJ_FOREIGN_COLUMNS_MAX; i++) {
        if (add_column(table, PQgetvalue(rows, i, 0)) == 0)
            continue;
        nj_error_set(err, NJ_E_NOMEM, "PostgreSQL %s: no memory", link->shown);
        fate = NJ_FOREIGN_REFUSED;
        break;
    }
    PQclear(rows);
    return fate;
}

static enum nj_foreign_fate complete(struct nj_foreign_tables *tables, struct nj_foreign_link *link,
                                     struct table *table, const struct nj_foreign_write *write,
                                     struct nj_error *err)
{
    const struct nj_foreign_form *form = nj_foreign_form_of(&table->name, write->key_column);
    enum nj_foreign_fate fate = NJ_FOREIGN_DONE;
    for (size_t i = 0; fate == NJ_FOREIGN_DONE && i < write->cell_count; i++) {
        const char *column = write->cells[i].column;
        if (has_column(table, column))
            continue;
        struct nj_buf sql;
        nj_buf_init(&sql, SQL_MAX);
        nj_buf_append_text(&sql, "ALTER TABLE ");
        nj_foreign_quote_table(&sql, &table->name);
        nj_buf_append_text(&sql, " ADD COLUMN IF NOT EXISTS ");
        nj_foreign_quote(&sql, column);
        put_type(&sql, form, column);
        fate = make(tables, link, &sql, err);
        nj_buf_finish(&sql);
        if (fate == NJ_FOREIGN_DONE && add_column(table, column) != 0) {
            nj_error_set(err, NJ_E_NOMEM, "PostgreSQL %s: no memory", link->shown);
            fate = NJ_FOREIGN_REFUSED;
        }
    }
    return fate;
}

// Looks at a table that was not seen yet, and makes it where there is none.
static enum nj_foreign_fate meet(struct nj_foreign_tables *tables, struct nj_foreign_link *link,
                                 const struct nj_foreign_table_name *name,
                                 const struct nj_foreign_write *write, struct nj_error *err)
{
    if (tables->count == NJ_FOREIGN_TABLES_MAX) {
        nj_error_set(err, NJ_E_TOO_BIG, "PostgreSQL %s: more than %d tables are written to",
                     link->shown, NJ_FOREIGN_TABLES_MAX);
        return NJ_FOREIGN_REFUSED;
    }
    struct table table = {.name = *name};
    enum nj_foreign_fate fate = look(link, &table, err);
    if (fate == NJ_FOREIGN_DONE && table.count == 0) {
        fate = make_table(tables, link, name, write, err);
        // Who lost a race against another program finds the table made by it.
        if (fate != NJ_FOREIGN_AGAIN && link->conn != NULL) {
            enum nj_foreign_fate seen = look(link, &table, fate == NJ_FOREIGN_DONE ? err : NULL);
            fate = seen != NJ_FOREIGN_DONE || table.count > 0 ? seen : fate;
        }
    }
    if (fate == NJ_FOREIGN_DONE && table.count > 0)
        tables->items[tables->count++] = table;
    else
        free(table.columns);
    return fate;
}

enum nj_foreign_fate nj_foreign_tables_ensure(struct nj_foreign_tables *tables,
                                              struct nj_foreign_link *link,
                                              const struct nj_foreign_write *write, bool *out_touch,
                                              struct nj_error *err)
{
    struct nj_foreign_table_name name;
    enum nj_foreign_fate fate = NJ_FOREIGN_DONE;
    nj_foreign_split(write->table, &name);
    pthread_mutex_lock(&tables->lock);
    struct table *table = find_table(tables, &name);
    if (table == NULL) {
        fate = meet(tables, link, &name, write, err);
        table = find_table(tables, &name);
    }
    if (fate == NJ_FOREIGN_DONE && table == NULL) {
        nj_error_set(err, NJ_E_UNAVAILABLE, "PostgreSQL %s: table \"%s\".\"%s\" went away",
                     link->shown, name.schema, name.table);
        fate = NJ_FOREIGN_AGAIN;
    }
    if (fate == NJ_FOREIGN_DONE)
        fate = complete(tables, link, table, write, err);
    if (fate == NJ_FOREIGN_DONE)
        *out_touch = has_column(table, "updated_at");
    pthread_mutex_unlock(&tables->lock);
    return fate;
}
