// SPDX-License-Identifier: Apache-2.0
// Applies numbered scripts to a database, one transaction each.
#include "storage/migrations_priv.h"

static int query_version(const struct nj_store_driver *driver, struct nj_store_conn *conn,
                         int64_t *out, struct nj_error *err)
{
    struct nj_store_stmt *stmt;
    int rc = driver->prepare(conn, "SELECT COALESCE(MAX(version), 0) FROM schema_versions",
                             NJ_KEEP_ONCE, &stmt, err);
    if (rc != 0)
        return rc;
    rc = driver->step(stmt, err);
    if (rc == NJ_STEP_ROW)
        *out = driver->column_int(stmt, 0);
    driver->finish(stmt);
    return rc < 0 ? rc : 0;
}

static int note_version(const struct nj_store_driver *driver, struct nj_store_conn *conn,
                        int64_t version, nj_us now_us, struct nj_error *err)
{
    struct nj_store_stmt *stmt;
    int rc =
        driver->prepare(conn, "INSERT INTO schema_versions (version, applied_us) VALUES (?1, ?2)",
                        NJ_KEEP_ONCE, &stmt, err);
    if (rc != 0)
        return rc;
    driver->bind_int(stmt, 1, version);
    driver->bind_int(stmt, 2, now_us);
    rc = driver->step(stmt, err);
    driver->finish(stmt);
    return rc;
}

static int apply_one(const struct nj_store_driver *driver, struct nj_store_conn *conn,
                     int64_t version, nj_us now_us, struct nj_error *err)
{
    int rc = driver->begin(conn, true, err);
    if (rc != 0)
        return rc;
    rc = driver->execute(conn, driver->migrations[version - 1], err);
    if (rc == 0)
        rc = note_version(driver, conn, version, now_us, err);
    if (rc == 0)
        return driver->commit(conn, NULL, err);
    driver->rollback(conn);
    (void)nj_error_prefix(err, "migration %d", (int)version);
    return rc;
}

int nj_migrations_apply(const struct nj_store_driver *driver, struct nj_store_conn *conn,
                        nj_us now_us, int64_t *out_version, struct nj_error *err)
{
    int64_t version = 0;
    int rc = driver->execute(conn,
                             "CREATE TABLE IF NOT EXISTS schema_versions ("
                             "version BIGINT PRIMARY KEY, applied_us BIGINT NOT NULL)",
                             err);
    if (rc == 0)
        rc = query_version(driver, conn, &version, err);
    if (rc != 0)
        return rc;
    int64_t newest = (int64_t)driver->migration_count;
    if (version > newest)
        return nj_error_set(err, NJ_E_UNSUPPORTED,
                            "the database has schema version %d, this program knows %d: it was "
                            "made by a newer version; start that one, or restore a backup",
                            (int)version, (int)newest);
    while (version < newest) {
        rc = apply_one(driver, conn, version + 1, now_us, err);
        if (rc != 0)
            return rc;
        version++;
    }
    *out_version = version;
    return 0;
}
