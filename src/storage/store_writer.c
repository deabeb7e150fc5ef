// SPDX-License-Identifier: Apache-2.0
// Writer thread: takes what waits, applies it in one transaction with a savepoint for each
// operation, commits once, then tells everybody. When the shared commit fails, every operation gets
// a transaction of its own, so that one that cannot be stored does not take the others with it.
#include "loop/thread.h"
#include "storage/store_priv.h"
#include "util/text.h"

// Flushing is what storing costs. So many flushed commits may follow each other at once, as a
// lonely picture makes them on its way to an event; a busy store makes one every so often, and
// patient operations gather in between. The pages that a commit touches whatever its size are worth
// 100 ms.
enum { COMMITS_AT_ONCE = 16 };
static const nj_us commit_every_us = 100 * (nj_us)NJ_US_PER_MS;

// After so long without an operation housekeeping begins: a picture's way to its event makes pauses
// that are shorter.
static const nj_us quiet_us = 100 * (nj_us)NJ_US_PER_MS;

// Operations taken together, in order.
struct group {
    struct nj_store_op *first;
    struct nj_store_op **end;
    int64_t count;
};

static void wait_for_company_locked(struct nj_store *store)
{
    nj_us wait = store->options.group_wait_us;
    if (wait <= 0)
        return;
    const struct nj_clock *clock = nj_clock_real(); // the condition's own time
    nj_us until = nj_mono_us(clock) + wait;
    while (!store->closing && store->writes.count < store->options.group_max) {
        nj_us left = until - nj_mono_us(clock);
        if (left <= 0)
            break;
        (void)nj_cond_wait(&store->writes.wake, &store->mutex, left);
    }
}

static void wait_while_patient_locked(struct nj_store *store)
{
    const struct nj_clock *clock = nj_clock_real(); // the condition's own time
    nj_us until = store->paced_us - COMMITS_AT_ONCE * commit_every_us;
    while (!store->closing && !store->in_memory && store->writes.urgent == 0 &&
           store->writes.count < store->options.group_max) {
        nj_us left = until - nj_mono_us(clock);
        if (left <= 0)
            break;
        (void)nj_cond_wait(&store->writes.wake, &store->mutex, left);
    }
}

// What urgent operations spent is no debt of the patient ones: they never wait for more than one
// interval.
static void pay_for_commit(struct nj_store *store)
{
    nj_us now = nj_mono_us(nj_clock_real());
    nj_us most = now + (COMMITS_AT_ONCE + 1) * commit_every_us;
    nj_us paced = (store->paced_us > now ? store->paced_us : now) + commit_every_us;
    store->paced_us = paced < most ? paced : most;
}

static bool has_work_locked(const struct nj_store *store)
{
    return store->writes.first != NULL || (store->in_memory && store->reads.first != NULL);
}

// Waits for an operation; false when none came within `timeout_us` (-1: no limit).
static bool wait_for_work_locked(struct nj_store *store, nj_us timeout_us)
{
    while (!has_work_locked(store) && !store->closing)
        if (nj_cond_wait(&store->writes.wake, &store->mutex, timeout_us) != 0)
            return false;
    return true;
}

enum taken {
    TOOK_GROUP,
    TOOK_NOTHING, // nobody came in time
    TOOK_LAST,    // the store closes and nothing is left
};

static enum taken take_group(struct nj_store *store, nj_us timeout_us, struct group *out)
{
    out->first = NULL;
    out->end = &out->first;
    out->count = 0;
    (void)pthread_mutex_lock(&store->mutex);
    store->writes.sleeping++;
    bool timely = wait_for_work_locked(store, timeout_us);
    if (store->writes.first != NULL) {
        wait_while_patient_locked(store);
        wait_for_company_locked(store);
    }
    store->writes.sleeping--;
    bool any = has_work_locked(store);
    while (out->count < store->options.group_max) {
        struct nj_store_op *op = nj_op_queue_pop_locked(&store->writes);
        if (op == NULL)
            break;
        op->next = NULL;
        *out->end = op;
        out->end = &op->next;
        out->count++;
    }
    (void)pthread_mutex_unlock(&store->mutex);
    if (any)
        return TOOK_GROUP;
    return timely ? TOOK_LAST : TOOK_NOTHING;
}

static void fail_op(struct nj_store_op *op, int rc, const struct nj_error *why)
{
    op->rc = rc;
    op->error = *why;
}

// Runs the operation's body; rolls it back when it fails. False when the database gave up the whole
// transaction, so that nothing of the group can be committed.
static bool apply(struct nj_store *store, struct nj_store_op *op, bool shared)
{
    struct nj_db *db = &store->writer;
    struct nj_commit_hook **mark = db->hooks_end;
    op->error.code = 0;
    op->error.text[0] = '\0';
    db->now_us = nj_wall_us(store->clock);
    op->rc = shared ? db->driver->savepoint(db->conn, &op->error) : 0;
    if (op->rc != 0)
        return false;
    op->rc = op->apply(op, db, &op->error);
    bool kept = db->driver->in_transaction(db->conn);
    if (op->rc < 0) {
        nj_db_hooks_drop(db, mark);
        if (kept && shared)
            kept = db->driver->savepoint_rollback(db->conn, NULL) == 0;
    } else if (kept && shared) {
        kept = db->driver->savepoint_release(db->conn, NULL) == 0;
    }
    return kept;
}

static void note_trouble(struct nj_store *store)
{
    struct nj_error trouble;
    if (store->driver->take_trouble(store->writer.conn, &trouble) == 0)
        return;
    (void)pthread_mutex_lock(&store->mutex);
    store->read_only = true;
    (void)nj_text_copy(store->problem, sizeof(store->problem), trouble.text);
    (void)pthread_mutex_unlock(&store->mutex);
}

// A commit of nothing succeeds on a full or read-only disk as well: it ends no trouble.
static void note_commit(struct nj_store *store, bool wrote, nj_us took_us)
{
    if (!wrote)
        note_trouble(store);
    (void)pthread_mutex_lock(&store->mutex);
    store->commits++;
    if (wrote) {
        store->read_only = false;
        store->problem[0] = '\0';
    }
    if (store->commit_count == NJ_STORE_COMMIT_SAMPLES)
        store->commit_sum_us -= store->commit_us[store->commit_next];
    else
        store->commit_count++;
    store->commit_us[store->commit_next] = took_us;
    store->commit_sum_us += took_us;
    store->commit_next = (store->commit_next + 1) % NJ_STORE_COMMIT_SAMPLES;
    (void)pthread_mutex_unlock(&store->mutex);
}

static int commit(struct nj_store *store, struct nj_error *err)
{
    struct nj_db *db = &store->writer;
    nj_us before = nj_mono_us(store->clock);
    bool wrote = false;
    int rc = db->driver->commit(db->conn, &wrote, err);
    if (rc == 0)
        note_commit(store, wrote, nj_mono_us(store->clock) - before);
    return rc;
}

static void abandon(struct nj_store *store)
{
    struct nj_db *db = &store->writer;
    db->driver->rollback(db->conn);
    nj_db_hooks_drop(db, &db->hooks);
    note_trouble(store);
}

static bool is_durable(const struct group *group)
{
    for (const struct nj_store_op *op = group->first; op != NULL; op = op->next)
        if (!op->relaxed)
            return true;
    return false;
}

// Applies all of the group and commits. 0 when every op->rc is final; else nothing of the group is
// stored, and *why says what was wrong.
static int try_group(struct nj_store *store, const struct group *group, struct nj_error *why)
{
    struct nj_db *db = &store->writer;
    bool shared = group->count > 1;
    int rc = db->driver->begin(db->conn, is_durable(group), why);
    if (rc != 0)
        return rc;
    bool any = false;
    for (struct nj_store_op *op = group->first; op != NULL; op = op->next) {
        if (!apply(store, op, shared)) {
            if (op->rc >= 0)
                return nj_error_set(why, NJ_E_IO, "store: the transaction was lost");
            *why = op->error;
            return op->rc;
        }
        any = any || op->rc >= 0;
    }
    if (any)
        return commit(store, why);
    abandon(store);
    return 0;
}

static void run_alone(struct nj_store *store, struct nj_store_op *op)
{
    struct group alone = {.first = op, .count = 1};
    struct nj_store_op *next = op->next;
    struct nj_error why = {.code = 0};
    op->next = NULL;
    int rc = try_group(store, &alone, &why);
    if (rc != 0) {
        abandon(store);
        fail_op(op, rc, &why);
    } else {
        nj_db_hooks_run(&store->writer); // before the next one's failure drops them
    }
    op->next = next;
}

static void run_group(struct nj_store *store, const struct group *group)
{
    struct nj_error why = {.code = 0};
    int rc = try_group(store, group, &why);
    if (rc == 0)
        return;
    abandon(store);
    for (struct nj_store_op *op = group->first; op != NULL; op = op->next) {
        if (group->count > 1)
            run_alone(store, op);
        else
            fail_op(op, rc, &why);
    }
}

static void deliver_group(struct nj_store *store, const struct group *group)
{
    uint64_t failed = 0;
    for (const struct nj_store_op *op = group->first; op != NULL; op = op->next)
        failed += op->rc < 0;
    (void)pthread_mutex_lock(&store->mutex);
    store->operations += (uint64_t)group->count;
    store->failed += failed;
    (void)pthread_mutex_unlock(&store->mutex);
    nj_db_hooks_run(&store->writer);
    struct nj_store_op *op = group->first;
    while (op != NULL) {
        struct nj_store_op *next = op->next;
        if (op->loop != NULL)
            next = nj_store_deliver_linked(op);
        else
            op->done(op);
        op = next;
    }
}

static void run_reads_in_memory(struct nj_store *store)
{
    for (;;) {
        (void)pthread_mutex_lock(&store->mutex);
        struct nj_store_op *op = nj_op_queue_pop_locked(&store->reads);
        (void)pthread_mutex_unlock(&store->mutex);
        if (op == NULL)
            return;
        nj_store_run_read(store, &store->writer, op);
        nj_store_deliver(op);
    }
}

// True when there is more to do in quiet times.
static bool maintain(struct nj_store *store, bool quiet)
{
    (void)pthread_mutex_lock(&store->mutex);
    bool idle = store->writes.first == NULL;
    (void)pthread_mutex_unlock(&store->mutex);
    enum nj_store_calm calm = idle ? NJ_STORE_IDLE : NJ_STORE_BUSY;
    bool more = store->driver->maintain(store->writer.conn, quiet ? NJ_STORE_QUIET : calm);
    // What housekeeping could not do stays in the log; an operation that fails will tell.
    (void)store->driver->take_trouble(store->writer.conn, NULL);
    return more;
}

void nj_store_writer_main(void *arg)
{
    struct nj_store *store = arg;
    struct group group;
    enum taken taken;
    bool more = false;
    while ((taken = take_group(store, more ? quiet_us : -1, &group)) != TOOK_LAST) {
        if (group.count > 0) {
            run_group(store, &group);
            if (is_durable(&group))
                pay_for_commit(store);
            deliver_group(store, &group);
        }
        if (store->in_memory)
            run_reads_in_memory(store);
        more = maintain(store, taken == TOOK_NOTHING);
    }
}
