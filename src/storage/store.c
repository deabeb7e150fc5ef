// SPDX-License-Identifier: Apache-2.0
// The store: opening, submitting, waiting, statistics. The threads live in store_writer.c and
// store_reader.c.
#include "storage/store_priv.h"
#include "loop/thread.h"
#include "storage/migrations_priv.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static const struct nj_option store_options[] = {
    {.name = "path",
     .type = NJ_OPTION_PATH,
     .offset = offsetof(struct nj_store_options, path),
     .min = 1,
     .max = 4000,
     .fallback = "data/nightjar.db",
     .help = "Database file; its folder is created. Keep it on a local disk."},
    {.name = "readers",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_store_options, readers),
     .min = 1,
     .max = NJ_STORE_READERS_MAX,
     .unit = "threads",
     .fallback = "2",
     .help = "Threads that answer queries; more help only when many clients list at once."},
    {.name = "max_queued",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_store_options, max_queued),
     .min = 16,
     .max = 1000000,
     .unit = "operations",
     .fallback = "20000",
     .help = "Operations that may wait for the writer; beyond that callers are told to wait."},
    {.name = "group_max",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_store_options, group_max),
     .min = 1,
     .max = 10000,
     .unit = "operations",
     .fallback = "256",
     .help = "Operations committed together at most; lower it when a slow disk makes some wait."},
    {.name = "group_wait",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_store_options, group_wait_us),
     .min = 0,
     .max = 1,
     .unit = "s",
     .fallback = "0",
     .help = "How long the first operation of a group waits for company; raise it to spare a slow "
             "disk, at the cost of that much latency."},
    {.name = "busy_timeout",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_store_options, busy_timeout_us),
     .min = 0,
     .max = 600,
     .unit = "s",
     .fallback = "5",
     .help = "How long to wait while another process holds the database."},
};

const struct nj_option_group nj_store_option_group = {
    .name = "store",
    .title = "Database",
    .options = store_options,
    .count = NJ_COUNT_OF(store_options),
    .struct_size = sizeof(struct nj_store_options),
};

static void db_init(struct nj_db *db, const struct nj_store_driver *driver)
{
    db->driver = driver;
    db->conn = NULL;
    db->hooks = NULL;
    db->hooks_end = &db->hooks;
}

static int op_queue_init(struct nj_op_queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
    return nj_cond_init(&queue->wake);
}

static int create(const struct nj_store_options *options, const struct nj_clock *clock,
                  struct nj_store **out)
{
    struct nj_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return NJ_E_NOMEM;
    store->options = *options;
    store->own_path = nj_strdup(options->path);
    store->readers = calloc(NJ_STORE_READERS_MAX, sizeof(*store->readers));
    if (store->own_path == NULL || store->readers == NULL)
        goto fail;
    store->options.path = store->own_path;
    store->clock = clock;
    store->driver = &nj_store_sqlite;
    store->in_memory = strcmp(options->path, ":memory:") == 0;
    db_init(&store->writer, store->driver);
    if (pthread_mutex_init(&store->mutex, NULL) != 0)
        goto fail;
    if (pthread_mutex_init(&store->wait_mutex, NULL) != 0)
        goto fail_mutex;
    if (nj_cond_init(&store->wait_cond) != 0)
        goto fail_wait_mutex;
    if (op_queue_init(&store->writes) != 0)
        goto fail_wait_cond;
    if (op_queue_init(&store->reads) != 0)
        goto fail_writes;
    *out = store;
    return 0;

fail_writes:
    (void)pthread_cond_destroy(&store->writes.wake);
fail_wait_cond:
    (void)pthread_cond_destroy(&store->wait_cond);
fail_wait_mutex:
    (void)pthread_mutex_destroy(&store->wait_mutex);
fail_mutex:
    (void)pthread_mutex_destroy(&store->mutex);
fail:
    free(store->readers);
    free(store->own_path);
    free(store);
    return NJ_E_NOMEM;
}

static void destroy(struct nj_store *store)
{
    for (size_t i = 0; i < NJ_STORE_READERS_MAX; i++)
        store->driver->close(store->readers[i].db.conn);
    store->driver->close(store->writer.conn); // last: it empties the log
    (void)pthread_cond_destroy(&store->reads.wake);
    (void)pthread_cond_destroy(&store->writes.wake);
    (void)pthread_cond_destroy(&store->wait_cond);
    (void)pthread_mutex_destroy(&store->wait_mutex);
    (void)pthread_mutex_destroy(&store->mutex);
    free(store->readers);
    free(store->own_path);
    free(store);
}

static int create_folder(const char *path, struct nj_error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return 0;
    char *folder = nj_strndup(path, (size_t)(slash - path));
    if (folder == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "store: no memory");
    int rc = nj_dir_create(folder, err);
    free(folder);
    return rc;
}

static int open_writer(struct nj_store *store, struct nj_error *err)
{
    const struct nj_store_driver *driver = store->driver;
    struct nj_store_conn_options options = {
        .path = store->own_path,
        .role = NJ_STORE_WRITER,
        .busy_timeout_us = store->options.busy_timeout_us,
    };
    bool unclean = false;
    int rc = store->in_memory ? 0 : create_folder(store->own_path, err);
    if (rc == 0)
        rc = driver->open(&options, &store->writer.conn, &unclean, err);
    if (rc == 0 && unclean)
        rc = driver->check(store->writer.conn, err);
    if (rc == 0)
        rc = nj_migrations_apply(driver, store->writer.conn, nj_wall_us(store->clock),
                                 &store->schema_version, err);
    return rc;
}

static int open_readers(struct nj_store *store, struct nj_error *err)
{
    struct nj_store_conn_options options = {
        .path = store->own_path,
        .role = NJ_STORE_READER,
        .busy_timeout_us = store->options.busy_timeout_us,
    };
    int64_t wanted = store->options.readers;
    if (store->in_memory)
        wanted = 0;
    else if (wanted < 1 || wanted > NJ_STORE_READERS_MAX)
        wanted = wanted < 1 ? 1 : NJ_STORE_READERS_MAX;
    for (int64_t i = 0; i < wanted; i++) {
        struct nj_store_reader *reader = &store->readers[i];
        reader->store = store;
        db_init(&reader->db, store->driver);
        int rc = store->driver->open(&options, &reader->db.conn, NULL, err);
        if (rc != 0)
            return rc;
        rc = nj_thread_start(&reader->thread, "store-read", nj_store_reader_main, reader, err);
        if (rc != 0)
            return rc;
        store->reader_count++;
    }
    return 0;
}

static void stop_threads(struct nj_store *store, bool writer_runs)
{
    (void)pthread_mutex_lock(&store->mutex);
    store->closing = true;
    (void)pthread_cond_broadcast(&store->writes.wake);
    (void)pthread_cond_broadcast(&store->reads.wake);
    (void)pthread_mutex_unlock(&store->mutex);
    if (writer_runs)
        nj_thread_join(store->writer_thread);
    for (size_t i = 0; i < store->reader_count; i++)
        nj_thread_join(store->readers[i].thread);
}

int nj_store_open(const struct nj_store_options *options, const struct nj_clock *clock,
                  struct nj_store **out, struct nj_error *err)
{
    struct nj_store *store = NULL;
    int rc = create(options, clock, &store);
    if (rc != 0)
        return nj_error_set(err, rc, "store: no memory to open %s", options->path);
    rc = open_writer(store, err);
    if (rc == 0)
        rc = open_readers(store, err);
    if (rc == 0)
        rc = nj_thread_start(&store->writer_thread, "store", nj_store_writer_main, store, err);
    if (rc != 0) {
        stop_threads(store, false);
        destroy(store);
        return rc;
    }
    *out = store;
    return 0;
}

void nj_store_close(struct nj_store *store)
{
    if (store == NULL)
        return;
    stop_threads(store, true);
    destroy(store);
}

static int submit(struct nj_store *store, struct nj_op_queue *queue, struct nj_store_op *op)
{
    int rc = 0;
    bool wake = false;
    op->next = NULL;
    op->rc = NJ_E_AGAIN;
    (void)pthread_mutex_lock(&store->mutex);
    if (store->closing) {
        rc = NJ_E_CANCELLED;
    } else if (queue->count >= store->options.max_queued) {
        rc = NJ_E_FULL;
    } else {
        *queue->end = op;
        queue->end = &op->next;
        queue->count++;
        queue->urgent += !op->patient;
        // The writer sleeps on while patient ones gather behind the first.
        wake = queue->sleeping > 0 && (!op->patient || queue->count == 1);
    }
    (void)pthread_mutex_unlock(&store->mutex);
    if (wake) // not under the lock, or it would wake only to wait for that
        (void)pthread_cond_signal(&queue->wake);
    return rc;
}

// In memory there is one connection, and its thread sleeps on one condition.
static void nudge_writer(struct nj_store *store)
{
    if (!store->in_memory)
        return;
    (void)pthread_mutex_lock(&store->mutex);
    (void)pthread_cond_signal(&store->writes.wake);
    (void)pthread_mutex_unlock(&store->mutex);
}

int nj_store_write(struct nj_store *store, struct nj_store_op *op)
{
    return submit(store, &store->writes, op);
}

int nj_store_read(struct nj_store *store, struct nj_store_op *op)
{
    int rc = submit(store, &store->reads, op);
    if (rc == 0)
        nudge_writer(store);
    return rc;
}

struct nj_store_op *nj_op_queue_pop_locked(struct nj_op_queue *queue)
{
    struct nj_store_op *op = queue->first;
    if (op == NULL)
        return NULL;
    queue->first = op->next;
    if (queue->first == NULL)
        queue->end = &queue->first;
    queue->count--;
    queue->urgent -= !op->patient;
    return op;
}

static void handle_posted(struct nj_call *call)
{
    struct nj_store_op *op = NJ_CONTAINER_OF(call, struct nj_store_op, call);
    op->done(op);
}

void nj_store_deliver(struct nj_store_op *op)
{
    if (op->loop == NULL) {
        op->done(op);
        return;
    }
    op->call.fn = handle_posted;
    nj_loop_post(op->loop, &op->call);
}

struct nj_store_op *nj_store_deliver_linked(struct nj_store_op *op)
{
    struct nj_loop *loop = op->loop;
    struct nj_call *oldest = &op->call, *newest = NULL;
    for (; op != NULL && op->loop == loop; op = op->next) {
        op->call.fn = handle_posted;
        op->call.next = newest;
        newest = &op->call;
    }
    nj_loop_post_linked(loop, newest, oldest);
    return op;
}

// A thread that waits for its operation.
struct waiter {
    struct nj_store *store;
    bool finished; // protected by wait_mutex
};

static void handle_waited(struct nj_store_op *op)
{
    struct waiter *waiter = op->waiter;
    struct nj_store *store = waiter->store;
    (void)pthread_mutex_lock(&store->wait_mutex);
    waiter->finished = true;
    (void)pthread_cond_broadcast(&store->wait_cond);
    (void)pthread_mutex_unlock(&store->wait_mutex);
}

static int wait_for(struct nj_store *store, struct nj_store_op *op,
                    int (*start)(struct nj_store *store, struct nj_store_op *op),
                    struct nj_error *err)
{
    struct waiter waiter = {.store = store, .finished = false};
    op->waiter = &waiter; // cppcheck-suppress autoVariables ; this function waits for its end
    op->done = handle_waited;
    op->loop = NULL;
    int rc = start(store, op);
    if (rc != 0) {
        const char *why = rc == NJ_E_FULL ? "store: too many operations wait; try again later"
                                          : "store: it is closing";
        return nj_error_set(err, rc, "%s", why);
    }
    (void)pthread_mutex_lock(&store->wait_mutex);
    while (!waiter.finished)
        (void)nj_cond_wait(&store->wait_cond, &store->wait_mutex, -1);
    (void)pthread_mutex_unlock(&store->wait_mutex);
    op->waiter = NULL;
    if (op->rc < 0 && err != NULL)
        *err = op->error;
    return op->rc;
}

int nj_store_write_wait(struct nj_store *store, struct nj_store_op *op, struct nj_error *err)
{
    return wait_for(store, op, nj_store_write, err);
}

int nj_store_read_wait(struct nj_store *store, struct nj_store_op *op, struct nj_error *err)
{
    return wait_for(store, op, nj_store_read, err);
}

void nj_db_after_commit(struct nj_db *db, struct nj_commit_hook *hook)
{
    if (hook->queued)
        return;
    hook->queued = true;
    hook->next = NULL;
    *db->hooks_end = hook;
    db->hooks_end = &hook->next;
}

void nj_db_hooks_drop(struct nj_db *db, struct nj_commit_hook **mark)
{
    for (struct nj_commit_hook *hook = *mark; hook != NULL; hook = hook->next)
        hook->queued = false;
    *mark = NULL;
    db->hooks_end = mark;
}

void nj_db_hooks_run(struct nj_db *db)
{
    struct nj_commit_hook *hook = db->hooks;
    db->hooks = NULL;
    db->hooks_end = &db->hooks;
    while (hook != NULL) {
        struct nj_commit_hook *next = hook->next;
        hook->queued = false;
        hook->fn(hook);
        hook = next;
    }
}

nj_us nj_db_now_us(const struct nj_db *db)
{
    return db->now_us;
}

void nj_store_get_stats(struct nj_store *store, struct nj_store_stats *out)
{
    (void)pthread_mutex_lock(&store->mutex);
    out->queued = store->writes.count;
    out->commits = store->commits;
    out->operations = store->operations;
    out->failed = store->failed;
    out->read_only = store->read_only;
    (void)nj_text_copy(out->problem, sizeof(out->problem), store->problem);
    out->commit_ms_avg = store->commit_count == 0
                             ? 0
                             : (double)store->commit_sum_us / (double)store->commit_count / 1e3;
    (void)pthread_mutex_unlock(&store->mutex);
    out->schema_version = store->schema_version;
    out->file_bytes = store->in_memory ? 0 : store->driver->bytes(store->own_path);
}

int nj_store_backup(struct nj_store *store, const char *path, struct nj_error *err)
{
    if (store->in_memory)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "store: a store in memory has no backup");
    struct nj_store_conn_options options = {
        .path = store->own_path,
        .role = NJ_STORE_READER,
        .busy_timeout_us = store->options.busy_timeout_us,
    };
    struct nj_store_conn *conn = NULL;
    // A connection of its own: the copy may take long, and readers go on meanwhile.
    int rc = store->driver->open(&options, &conn, NULL, err);
    if (rc != 0)
        return rc;
    rc = store->driver->backup(conn, path, err);
    store->driver->close(conn);
    return rc;
}
