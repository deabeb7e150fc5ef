// SPDX-License-Identifier: Apache-2.0
// Writer to a foreign PostgreSQL database: rows of a user's own tables. A few connections, each
// with a thread of its own (libpq in pipeline mode), never the loop's; writes of one order key keep
// their order.
#ifndef NJ_STORAGE_FOREIGN_H
#define NJ_STORAGE_FOREIGN_H

#include "config/options.h"
#include "health/breaker.h"
#include "health/metrics.h"
#include "loop/loop.h"
#include "net/address_rules.h"
#include "util/log.h"

struct nj_foreign_options {
    const char *url;      // "postgresql://user@host:5432/database"; "" none
    const char *password; // secret; overrides the URL's
    int64_t connections;
    nj_us connect_us, statement_us;
    nj_us beat_us;       // an idle writer asks whether the server lives
    int64_t tries;       // 3 after the first
    nj_us retry_us;      // 1 s, doubles
    int64_t max_waiting; // writes; more: NJ_E_FULL
};
extern const struct nj_option_group nj_foreign_option_group; // group "postgresql"

struct nj_foreign_config {
    const struct nj_foreign_options *options; // copied
    const char *name;                         // for logs, metrics, thread names
    struct nj_loop *loop;
    struct nj_breaker *breaker; // may be NULL
    struct nj_metrics *metrics; // may be NULL
    struct nj_log *log;
    // The addresses of the server's host are judged, and one that was is connected to; trusted ones
    // are libpq's to find. Copied.
    const struct nj_address_rules *rules;
};

struct nj_foreign; // submit and get_stats are explicitly thread-safe

// Begins to connect; a server that is away is no error here. NJ_E_INVALID: URL (also an empty one).
int nj_foreign_create(const struct nj_foreign_config *config, struct nj_foreign **out,
                      struct nj_error *err);
// Gives writes under way until `deadline_us` (real time from now; 0: does not wait), then ends them
// with NJ_E_CANCELLED (whether a server that was asked already carries them out is not known).
// A connection that is being made, where libpq may be looking up a name, ends by itself later, and
// touches nothing of the caller's any more. `done` comes with the loop's next turns. Accepts NULL.
void nj_foreign_destroy(struct nj_foreign *foreign, nj_us deadline_us);

enum nj_foreign_kind {
    NJ_FOREIGN_INSERT, // a row whose key exists already changes nothing
    NJ_FOREIGN_FILL,   // a row whose key exists already gets values where it has none (NULL)
    NJ_FOREIGN_UPDATE, // no such row: NJ_E_NOT_FOUND
    NJ_FOREIGN_UPSERT
};
enum nj_cell_kind { NJ_CELL_NULL, NJ_CELL_TEXT, NJ_CELL_NUMBER, NJ_CELL_BOOL, NJ_CELL_NOW };
struct nj_foreign_cell {
    const char *column; // [A-Za-z_][A-Za-z0-9_]{0,62}: checked, and quoted
    enum nj_cell_kind kind;
    const char *text; // bound, never put into SQL
    double number;
    bool truth;
};
enum { NJ_FOREIGN_CELLS_MAX = 64 };

struct nj_foreign_write { // caller-owned and intrusive; valid until `done` has begun
    enum nj_foreign_kind kind;
    const char *table; // "table" or "schema.table"; without a schema: gas_station_1
    const char *key_column;
    const struct nj_foreign_cell *cells; // the key's among them
    size_t cell_count;
    const char *order_key; // writes of one key keep their order; "" none
    // Called from: loop thread. rc 0, NJ_E_INVALID (refused by the server or by us),
    // NJ_E_NOT_FOUND, NJ_E_UNAVAILABLE (all tries failed, or the breaker is open), NJ_E_TIMEOUT,
    // NJ_E_CANCELLED, NJ_E_DENIED (at once, by the address rules). A write whose answer was lost is
    // tried again: it says the same twice.
    void (*done)(struct nj_foreign_write *write);
    int rc;
    struct nj_error error;
    // The writer's:
    int64_t attempts;
    struct nj_call call;
    struct nj_foreign_write *next;
};
// Identifiers are checked here (NJ_E_INVALID), as is that no column comes twice and that the key
// has a value. NJ_E_FULL. `done` is not called on failure.
int nj_foreign_submit(struct nj_foreign *foreign, struct nj_foreign_write *write,
                      struct nj_error *err);

// Schema, table and columns exist from the first write of this process on: made once a table, text
// columns for what is missing, and never looked at again per row, unless the server says that they
// are gone. Tables and columns that exist are used as they are, so that a role without the right to
// make any can write to them. Where there is a column "updated_at" that a change does not name, it
// gets the time of the change.

struct nj_foreign_stats {
    bool connected; // the newest connection or answer came about
    int64_t waiting;
    uint64_t written, failed, reconnects, schema_statements;
    char problem[256];
};
void nj_foreign_get_stats(struct nj_foreign *foreign, struct nj_foreign_stats *out);

#endif
