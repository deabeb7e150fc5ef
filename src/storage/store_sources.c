// SPDX-License-Identifier: Apache-2.0
// Table sources.
#include "storage/store_sources.h"

#include "storage/sql_priv.h"

static void read_row(struct nj_sql *sql, void *row)
{
    struct nj_source_row *out = row;
    nj_sql_get_text(sql, out->id, sizeof(out->id));
    nj_sql_get_text(sql, out->entry, sizeof(out->entry));
    out->paused = nj_sql_get_int(sql) != 0;
    out->version = nj_sql_get_int(sql);
    out->created_us = nj_sql_get_int(sql);
    out->updated_us = nj_sql_get_int(sql);
}

int nj_sources_insert(struct nj_db *db, const char *id, const char *entry, struct nj_error *err)
{
    struct nj_sql sql;
    int rc =
        nj_sql_begin(&sql, db,
                     "INSERT INTO sources (id, entry, paused, version, created_us, updated_us)"
                     " VALUES (?1, ?2, 0, 1, ?3, ?3) ON CONFLICT (id) DO UPDATE SET entry = ?2,"
                     " paused = 0, version = version + 1, updated_us = ?3 WHERE entry = ''",
                     err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    nj_sql_put_text(&sql, entry);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    int64_t changes = 0;
    rc = nj_sql_run(&sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_EXISTS, "there is a source %s already", id);
    return rc;
}

// Ends a change of one source.
static int run_one(struct nj_sql *sql, const char *id, struct nj_error *err)
{
    int64_t changes = 0;
    int rc = nj_sql_run(sql, &changes, err);
    if (rc == 0 && changes == 0)
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "no source %s was added here", id);
    return rc;
}

int nj_sources_update(struct nj_db *db, const char *id, const char *entry, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "UPDATE sources SET entry = ?1, version = version + 1, updated_us = ?2"
                          " WHERE id = ?3 AND entry <> ''",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, entry);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    nj_sql_put_text(&sql, id);
    return run_one(&sql, id, err);
}

int nj_sources_set_paused(struct nj_db *db, const char *id, bool paused, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db,
                          "INSERT INTO sources (id, entry, paused, version, created_us, updated_us)"
                          " VALUES (?1, '', ?2, 1, ?3, ?3) ON CONFLICT (id) DO UPDATE SET"
                          " paused = ?2, version = version + 1, updated_us = ?3",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    nj_sql_put_int(&sql, paused);
    nj_sql_put_int(&sql, nj_db_now_us(db));
    return nj_sql_run(&sql, NULL, err);
}

int nj_sources_delete(struct nj_db *db, const char *id, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, "DELETE FROM sources WHERE id = ?1 AND entry <> ''", err);
    if (rc != 0)
        return rc;
    nj_sql_put_text(&sql, id);
    return run_one(&sql, id, err);
}

int nj_sources_list(struct nj_db *db, struct nj_source_row **out, size_t *out_count,
                    struct nj_error *err)
{
    static const struct nj_sql_rows how = {sizeof(struct nj_source_row), read_row};
    struct nj_sql sql;
    void *rows = NULL;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT id, entry, paused, version, created_us, updated_us FROM sources"
                          " ORDER BY id",
                          err);
    if (rc == 0)
        rc = nj_sql_collect(&sql, &how, &rows, out_count, err);
    if (rc == 0)
        *out = rows;
    return rc;
}
