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

// NJ_STEP_ROW, NJ_STEP_DONE or an error; starts at column 0 again.
int nj_sql_step(struct nj_sql *sql, struct nj_error *err);

// Columns, in order.
int64_t nj_sql_get_int(struct nj_sql *sql);
double nj_sql_get_number(struct nj_sql *sql);
void nj_sql_get_text(struct nj_sql *sql, char *out, size_t size); // cut to fit; NULL gives ""
// malloc'd copy, NULL for NULL; NJ_E_NOMEM.
int nj_sql_get_copy(struct nj_sql *sql, char **out);

// Steps a change to its end and ends it. *out_changes (may be NULL) gets the rows it changed.
int nj_sql_run(struct nj_sql *sql, int64_t *out_changes, struct nj_error *err);
// Steps a query for exactly one row with one integer and ends it.
int nj_sql_run_int(struct nj_sql *sql, int64_t *out, struct nj_error *err);

// Steps a query to its end, reads every row into a growing array and ends it. The caller owns *out
// (free()); NULL when there is no row.
struct nj_sql_rows {
    size_t row_size;
    void (*read)(struct nj_sql *sql, void *row);
};
int nj_sql_collect(struct nj_sql *sql, const struct nj_sql_rows *how, void **out, size_t *out_count,
                   struct nj_error *err);
// Reads the only row of a query and ends it; NJ_E_NOT_FOUND with `what` as its text.
int nj_sql_read_one(struct nj_sql *sql, const struct nj_sql_rows *how, void *out, const char *what,
                    struct nj_error *err);

// A text put together from constant pieces; too long a text fails at nj_sql_begin_once.
struct nj_sql_text {
    char text[2048];
    size_t length;
};
void nj_sql_text_start(struct nj_sql_text *text, const char *first);
void nj_sql_text_add(struct nj_sql_text *text, const char *piece);

#endif
