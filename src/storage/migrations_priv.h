// SPDX-License-Identifier: Apache-2.0
// Schema versions: which scripts exist, and how they are applied.
#ifndef NJ_STORAGE_MIGRATIONS_PRIV_H
#define NJ_STORAGE_MIGRATIONS_PRIV_H

#include "storage/store_driver.h"

enum { NJ_SQLITE_MIGRATIONS = 8 };
extern const char *const nj_sqlite_migrations[NJ_SQLITE_MIGRATIONS];

// Applies what is missing, each script in one transaction. *out_version gets the version reached.
// NJ_E_UNSUPPORTED when the database is newer than this program. Called from: the opening thread.
int nj_migrations_apply(const struct nj_store_driver *driver, struct nj_store_conn *conn,
                        nj_us now_us, int64_t *out_version, struct nj_error *err);

#endif
