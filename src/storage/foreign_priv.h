// SPDX-License-Identifier: Apache-2.0
// What the files of the foreign writer share: statements, a connection with deadlines, what is
// known of tables, and the lanes.
#ifndef NJ_STORAGE_FOREIGN_PRIV_H
#define NJ_STORAGE_FOREIGN_PRIV_H

#include "net/resolve.h"
#include "net/url.h"
#include "storage/foreign.h"
#include "util/buf.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    NJ_FOREIGN_LANES_MAX = 16,
    NJ_FOREIGN_BATCH = 64,         // writes of one transaction
    NJ_FOREIGN_NAME_SIZE = 64,     // of an identifier, which has at most 63 bytes
    NJ_FOREIGN_TABLES_MAX = 256,   // that one process writes to
    NJ_FOREIGN_COLUMNS_MAX = 1600, // PostgreSQL's own limit
    NJ_FOREIGN_NUMBER_SIZE = 32,
};

// foreign_sql.c
struct nj_foreign_table_name {
    char schema[NJ_FOREIGN_NAME_SIZE], table[NJ_FOREIGN_NAME_SIZE];
};
// Checks all that needs no server. NJ_E_INVALID, NJ_E_TOO_BIG.
int nj_foreign_check(const struct nj_foreign_write *write, struct nj_error *err);
// Of a write that was checked.
void nj_foreign_split(const char *table, struct nj_foreign_table_name *out);
void nj_foreign_quote(struct nj_buf *sql, const char *identifier);
void nj_foreign_quote_table(struct nj_buf *sql, const struct nj_foreign_table_name *name);

struct nj_foreign_statement {
    struct nj_buf sql;
    int count;
    const char *values[NJ_FOREIGN_CELLS_MAX]; // borrowed from the write, or in `numbers`
    char numbers[NJ_FOREIGN_CELLS_MAX][NJ_FOREIGN_NUMBER_SIZE];
};
// `touch`: the table has "updated_at", which changes. In a statement that was initialised.
void nj_foreign_build(struct nj_foreign_statement *statement, const struct nj_foreign_write *write,
                      bool touch);

// How a statement or connection failed decides what becomes of its write.
enum nj_foreign_fate {
    NJ_FOREIGN_DONE,
    NJ_FOREIGN_REFUSED, // for ever
    NJ_FOREIGN_GONE,    // table or column is not there (any more)
    NJ_FOREIGN_AGAIN    // the connection, or the state of the server
};
enum nj_foreign_fate nj_foreign_fate_of(const char *sqlstate); // NULL: the connection

// foreign_form.c: tables whose form is known; they are made whole with the first write to them.
struct nj_foreign_form_column {
    const char *name;
    const char *type; // NULL: text
    const char *text; // default; NULL: none
};
struct nj_foreign_form {
    const char *schema, *table, *key;
    const struct nj_foreign_form_column *columns;
    size_t count;
};
// NULL: unknown, or another table of that name is meant, for it has another key.
const struct nj_foreign_form *nj_foreign_form_of(const struct nj_foreign_table_name *name,
                                                 const char *key);
// NULL for no such column, and no form.
const struct nj_foreign_form_column *nj_foreign_form_find(const struct nj_foreign_form *form,
                                                          const char *column);

// foreign_link.c: one connection, non-blocking, always in pipeline mode. One thread.
struct nj_foreign_link {
    const struct nj_foreign_options *options;
    const char *shown;                    // server and database, for messages
    const struct nj_address_rules *rules; // of the host
    const char *host;                     // of the URL
    struct nj_resolver *resolver;         // of all lanes
    const struct nj_cancel *stop;         // fired with stop_fd, for what waits for a name
    unsigned turn;                        // which of its addresses is tried
    int stop_fd;                          // readable: give up at once
    char name[NJ_FOREIGN_NAME_SIZE];      // "application_name": no other connection has it
    bool abandoned; // an earlier connection may still be at work on the server
    PGconn *conn;   // NULL: not connected
};
// Connects and makes the session ready; harmless when connected. NJ_E_UNAVAILABLE, NJ_E_TIMEOUT,
// NJ_E_CANCELLED, NJ_E_DENIED (by the rules).
int nj_foreign_link_open(struct nj_foreign_link *link, struct nj_error *err);
void nj_foreign_link_close(struct nj_foreign_link *link);
int nj_foreign_link_send(struct nj_foreign_link *link, const char *sql, int count,
                         const char *const *values, struct nj_error *err);
int nj_foreign_link_sync(struct nj_foreign_link *link, struct nj_error *err);
// The result of the next statement sent (the caller's, PQclear). Its failures are in the result; an
// error here means that the connection is closed.
int nj_foreign_link_result(struct nj_foreign_link *link, PGresult **out, struct nj_error *err);
// The transaction that a sync ended, after the results of its statements: only now they are done.
enum nj_foreign_fate nj_foreign_link_end(struct nj_foreign_link *link, struct nj_error *err);
// Of a failed result, with its text.
enum nj_foreign_fate nj_foreign_link_fail(const struct nj_foreign_link *link,
                                          const PGresult *result, struct nj_error *err);
// Sends, syncs and waits: rows in *out when it worked (may be NULL). The fate tells the rest.
enum nj_foreign_fate nj_foreign_link_ask(struct nj_foreign_link *link, const char *sql,
                                         const char *value, PGresult **out, struct nj_error *err);
// Waits `timeout_us`, or until the stop: NJ_E_CANCELLED then.
int nj_foreign_pause(int stop_fd, nj_us timeout_us);

// foreign_table.c: shared by the lanes.
struct nj_foreign_tables;
int nj_foreign_tables_create(struct nj_foreign_tables **out);
void nj_foreign_tables_destroy(struct nj_foreign_tables *tables);
// Makes what is missing for this write, once. *out_touch as nj_foreign_build has it.
enum nj_foreign_fate nj_foreign_tables_ensure(struct nj_foreign_tables *tables,
                                              struct nj_foreign_link *link,
                                              const struct nj_foreign_write *write, bool *out_touch,
                                              struct nj_error *err);
void nj_foreign_tables_forget(struct nj_foreign_tables *tables);
uint64_t nj_foreign_tables_made(struct nj_foreign_tables *tables); // statements

// foreign_lane.c
struct nj_foreign_lane {
    struct nj_foreign *foreign;
    size_t index;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct nj_foreign_write *first, *last; // that wait
    struct nj_foreign_batch *batch;        // what the thread has taken
    bool closing;                          // ends when nothing waits
    bool away;                             // connecting: libpq may look up a name for long
    bool stopped;                          // must not go away any more
    bool
        abandoned; // while it was away: its writes are taken, and nothing outside is there any more
    struct nj_foreign_link link; // of the thread
    bool connected_once;         // of the thread
    bool unreached;              // of the thread: the newest try to connect failed
    nj_us looked_us;             // of the thread: when it last looked whether the server is there
};
struct nj_foreign_batch;
int nj_foreign_lane_start(struct nj_foreign_lane *lane, struct nj_error *err);
void nj_foreign_lane_push(struct nj_foreign_lane *lane, struct nj_foreign_write *write);
void nj_foreign_lane_close(struct nj_foreign_lane *lane);
// Ends the thread: waits for it (all that it waits for watches the stop), or, when it is away,
// leaves it to die by itself. Returns the writes it can settle no more.
struct nj_foreign_write *nj_foreign_lane_stop(struct nj_foreign_lane *lane);
void nj_foreign_lane_finish(struct nj_foreign_lane *lane); // of one without a thread

// foreign.c
struct nj_foreign_meters {
    struct nj_metrics *metrics; // NULL: none of the others
    struct nj_metric *connected, *reconnects, *waiting;
};
struct nj_foreign {
    atomic_size_t references; // the owner's, and one for each lane that runs
    struct nj_foreign_config config;
    struct nj_foreign_options
        options; // a copy, as the rules: lanes may outlive those of the config
    struct nj_address_rules rules;
    char name[NJ_FOREIGN_NAME_SIZE], shown[256], host[NJ_URL_HOST_SIZE];
    int stop_fd;
    struct nj_cancel stop;
    struct nj_resolver *resolver;
    struct nj_foreign_tables *tables;
    struct nj_foreign_lane lanes[NJ_FOREIGN_LANES_MAX];
    size_t lane_count;
    atomic_bool closing;
    atomic_uint next_lane;
    atomic_int_fast64_t waiting;
    struct nj_foreign_meters meters;
    pthread_mutex_t lock; // of what follows
    pthread_cond_t ended;
    size_t running;        // lanes
    bool connected, known; // what is known of the server
    uint64_t written, failed, reconnects;
    char problem[256];
};
// Tells the loop; `error` NULL: it is written. The write is the caller's no more. Called from: lane
// threads.
void nj_foreign_settle(struct nj_foreign *foreign, struct nj_foreign_write *write,
                       const struct nj_error *error);
// The newest that is known of the server; `error` NULL: it works. Logs a change.
void nj_foreign_note(struct nj_foreign *foreign, const struct nj_error *error);
void nj_foreign_note_reconnect(struct nj_foreign *foreign);
// The thread's last word.
void nj_foreign_lane_ended(struct nj_foreign *foreign);

#endif
