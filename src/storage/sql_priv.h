// SPDX-License-Identifier: Apache-2.0
// A statement in use: parameters and columns are taken in order, so that a query and its list of
// values read the same way. In place, never allocates.
#ifndef NJ_STORAGE_SQL_PRIV_H
#define NJ_STORAGE_SQL_PRIV_H

#include "storage/store_driver.h"
#include "storage/store_priv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_sql {
    struct nj_db *db;
    const struct nj_store_driver *driver;
    struct nj_store_stmt *stmt;
    int bound;  // parameters given
    int column; // columns taken of this row
};

// `text` is a constant of the program. After success nj_sql_end must follow.
int nj_sql_begin(struct nj_sql *sql, struct nj_db *db, const char *text, struct nj_error *err);
// The same for a text put together at run time from constant pieces (lists with filters).
int nj_sql_begin_once(struct nj_sql *sql, struct nj_db *db, const char *text, struct nj_error *err);
void nj_sql_end(struct nj_sql *sql);

// Parameters, in order. Bytes are borrowed until nj_sql_end.
void nj_sql_put_int(struct nj_sql *sql, int64_t value);
void nj_sql_put_number(struct nj_sql *sql, double value);
void nj_sql_put_text(struct nj_sql *sql, const char *text);         // NULL: NULL
void nj_sql_put_text_or_null(struct nj_sql *sql, const char *text); // "" as NULL too
void nj_sql_put_path(struct nj_sql *sql, const char *path);         // as bytes
void nj_sql_put_bytes(struct nj_sql *sql, const void *bytes, size_t length);

// NJ_STEP_ROW, NJ_STEP_DONE or an error; starts at column 0 again.
int nj_sql_step(struct nj_sql *sql, struct nj_error *err);

// Columns, in order.
int64_t nj_sql_get_int(struct nj_sql *sql);
double nj_sql_get_number(struct nj_sql *sql);
void nj_sql_get_text(struct nj_sql *sql, char *out, size_t size); // cut to fit; NULL gives ""
// Borrowed until the next step. *out_length may be NULL.
const char *nj_sql_get_bytes(struct nj_sql *sql, size_t *out_length);
// malloc'd copy, NULL for NULL; NJ_E_NOMEM.
int nj_sql_get_copy(struct nj_sql *sql, char **out);

// Steps a change to its end and ends it. *out_changes (may be NULL) gets the rows it changed.
int nj_sql_run(struct nj_sql *sql, int64_t *out_changes, struct nj_error *err);
// Steps a query for exactly one row with one integer and ends it.
int nj_sql_run_int(struct nj_sql *sql, int64_t *out, struct nj_error *err);

#endif
