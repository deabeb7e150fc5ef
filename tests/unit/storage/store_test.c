// SPDX-License-Identifier: Apache-2.0
// The store: groups, savepoints, hooks, waiting, reading, memory, closing.
#include "storage/migrations_priv.h"
#include "storage/store.h"
#include "storage/sql_priv.h"
#include "tests/unit/storage/rows_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int store_test(void);

enum { OPS = 100 };

// A gate that keeps the writer busy while operations pile up behind it.
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool entered, open;
};

#define GATE                                                                                       \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false                          \
    }

static void gate_wait(struct gate *gate, const bool *flag)
{
    while (!*flag)
        (void)pthread_cond_wait(&gate->cond, &gate->mutex);
}

struct op {
    struct nj_store_op op;
    struct gate *gate;           // wait here, in apply
    struct nj_commit_hook *hook; // to add
    int number;                  // camera c<number>; -1: none
    int fail;                    // what apply returns at its end
    atomic_int *done_order;      // counts `done`s
    int done_at, applied;
    struct nj_loop *loop_stop;
};

static int insert_camera(struct nj_db *db, int number, struct nj_error *err)
{
    char id[16];
    (void)snprintf(id, sizeof(id), "c%d", number);
    struct nj_camera_identity identity = {id, id, "folder"};
    return nj_cameras_ensure(db, &identity, NULL, err);
}

static int apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct op *self = NJ_CONTAINER_OF(op, struct op, op);
    self->applied++;
    if (self->gate != NULL) {
        (void)pthread_mutex_lock(&self->gate->mutex);
        self->gate->entered = true;
        (void)pthread_cond_broadcast(&self->gate->cond);
        gate_wait(self->gate, &self->gate->open);
        (void)pthread_mutex_unlock(&self->gate->mutex);
    }
    if (self->hook != NULL)
        nj_db_after_commit(db, self->hook);
    int rc = self->number >= 0 ? insert_camera(db, self->number, err) : 0;
    if (rc == 0 && self->fail != 0)
        rc = nj_error_set(err, self->fail, "asked to fail");
    return rc;
}

static void done(struct nj_store_op *op)
{
    struct op *self = NJ_CONTAINER_OF(op, struct op, op);
    self->done_at = atomic_fetch_add(self->done_order, 1) + 1;
    if (self->loop_stop != NULL)
        nj_loop_stop(self->loop_stop);
}

// Holds the writer, submits all, lets go, waits for all.
static void run_together(struct nj_store_fixture *f, struct op *ops, size_t count)
{
    struct gate gate = GATE;
    atomic_int order = 0;
    struct op first = {
        .op = {.apply = apply, .done = done}, .gate = &gate, .number = -1, .done_order = &order};
    assert_int_equal(nj_store_write(f->store, &first.op), 0);
    (void)pthread_mutex_lock(&gate.mutex);
    gate_wait(&gate, &gate.entered);
    for (size_t i = 0; i < count; i++) {
        ops[i].op.apply = apply;
        ops[i].op.done = done;
        ops[i].done_order = &order;
        assert_int_equal(nj_store_write(f->store, &ops[i].op), 0);
    }
    gate.open = true;
    (void)pthread_cond_broadcast(&gate.cond);
    (void)pthread_mutex_unlock(&gate.mutex);
    struct op last = {.op = {.apply = apply}, .number = -1};
    assert_int_equal(nj_store_write_wait(f->store, &last.op, NULL), 0);
    assert_int_equal(atomic_load(&order), (int)count + 1);
}

static int64_t cameras(const struct nj_store_fixture *f)
{
    return nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM cameras");
}

static void waiting_operations_share_one_commit(void **state)
{
    struct nj_store_fixture *f = *state;
    static struct op ops[OPS];
    memset(ops, 0, sizeof(ops));
    for (int i = 0; i < OPS; i++)
        ops[i].number = i;
    run_together(f, ops, OPS);
    struct nj_store_stats stats;
    nj_store_get_stats(f->store, &stats);
    assert_int_equal(cameras(f), OPS);
    // The one that held the writer, the group (with or without the last), perhaps the last.
    assert_in_range(stats.commits, 2, 3);
    assert_int_equal(stats.operations, OPS + 2);
    assert_int_equal(stats.failed, 0);
    assert_int_equal(stats.queued, 0);
    for (int i = 0; i < OPS; i++)
        assert_int_equal(ops[i].done_at, i + 2); // in the order of submission
}

static void failing_operation_leaves_its_group_alone(void **state)
{
    struct nj_store_fixture *f = *state;
    struct op ops[3] = {{.number = 1}, {.number = 2, .fail = NJ_E_CONFLICT}, {.number = 3}};
    run_together(f, ops, 3);
    assert_int_equal(ops[0].op.rc, 0);
    assert_int_equal(ops[1].op.rc, NJ_E_CONFLICT);
    assert_string_equal(ops[1].op.error.text, "asked to fail");
    assert_int_equal(ops[2].op.rc, 0);
    assert_int_equal(cameras(f), 2);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM cameras WHERE id = 'c2'"),
                     0);
    struct nj_store_stats stats;
    nj_store_get_stats(f->store, &stats);
    assert_int_equal(stats.failed, 1);
    assert_false(stats.read_only); // its own failure, not the disk's
}

struct counting_hook {
    struct nj_commit_hook hook;
    int runs;
};

static void count_run(struct nj_commit_hook *hook)
{
    NJ_CONTAINER_OF(hook, struct counting_hook, hook)->runs++;
}

static void hook_runs_once_per_commit_and_not_for_rolled_back(void **state)
{
    struct nj_store_fixture *f = *state;
    struct counting_hook shared = {.hook = {.fn = count_run}}, lost = {.hook = {.fn = count_run}};
    struct op ops[4] = {
        {.number = 1, .hook = &shared.hook},
        {.number = 2, .hook = &shared.hook, .fail = NJ_E_CONFLICT},
        {.number = 3, .hook = &lost.hook, .fail = NJ_E_CONFLICT},
        {.number = 4, .hook = &shared.hook},
    };
    run_together(f, ops, 4);
    assert_int_equal(shared.runs, 1);
    assert_int_equal(lost.runs, 0);
    assert_false(lost.hook.queued);
    struct op again = {.op = {.apply = apply}, .number = 5, .hook = &lost.hook};
    assert_int_equal(nj_store_write_wait(f->store, &again.op, NULL), 0);
    assert_int_equal(lost.runs, 1);
    again.fail = NJ_E_INVALID;
    assert_int_equal(nj_store_write_wait(f->store, &again.op, NULL), NJ_E_INVALID);
    assert_int_equal(lost.runs, 1);
}

static void lonely_operation_that_fails_stores_nothing(void **state)
{
    struct nj_store_fixture *f = *state;
    struct op op = {.op = {.apply = apply}, .number = 1, .fail = NJ_E_INVALID};
    struct nj_error err;
    assert_int_equal(nj_store_write_wait(f->store, &op.op, &err), NJ_E_INVALID);
    assert_int_equal(err.code, NJ_E_INVALID);
    assert_int_equal(cameras(f), 0);
}

static void group_wait_gathers_company(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_store_close(f->store);
    f->store = NULL;
    f->options.group_wait_us = 60 * (nj_us)NJ_US_PER_S; // ended by group_max
    f->options.group_max = 3;
    assert_int_equal(nj_store_open(&f->options, &f->clock.clock, &f->store, NULL), 0);
    atomic_int order = 0;
    struct op ops[2] = {{.number = 1}, {.number = 2}};
    for (int i = 0; i < 2; i++) {
        ops[i].op = (struct nj_store_op){.apply = apply, .done = done};
        ops[i].done_order = &order;
        assert_int_equal(nj_store_write(f->store, &ops[i].op), 0);
    }
    struct op last = {.op = {.apply = apply}, .number = 3};
    assert_int_equal(nj_store_write_wait(f->store, &last.op, NULL), 0);
    struct nj_store_stats stats;
    nj_store_get_stats(f->store, &stats);
    assert_int_equal(stats.commits, 1);
    assert_int_equal(stats.operations, 3);
}

static void full_queue_refuses_and_close_finishes_what_was_accepted(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_store_close(f->store);
    f->store = NULL;
    f->options.max_queued = 16;
    assert_int_equal(nj_store_open(&f->options, &f->clock.clock, &f->store, NULL), 0);
    struct gate gate = GATE;
    atomic_int order = 0;
    struct op ops[18];
    memset(ops, 0, sizeof(ops));
    for (int i = 0; i < 18; i++) {
        ops[i] = (struct op){.op = {.apply = apply, .done = done},
                             .gate = i == 0 ? &gate : NULL,
                             .number = i,
                             .done_order = &order};
        int rc = nj_store_write(f->store, &ops[i].op);
        assert_int_equal(rc, i < 17 ? 0 : NJ_E_FULL);
        if (i == 0) {
            (void)pthread_mutex_lock(&gate.mutex);
            gate_wait(&gate, &gate.entered);
            (void)pthread_mutex_unlock(&gate.mutex);
        }
    }
    (void)pthread_mutex_lock(&gate.mutex);
    gate.open = true;
    (void)pthread_cond_broadcast(&gate.cond);
    (void)pthread_mutex_unlock(&gate.mutex);
    nj_store_close(f->store);
    f->store = NULL;
    assert_int_equal(atomic_load(&order), 17);
    assert_int_equal(cameras(f), 17);
    char log[NJ_TEMP_PATH_MAX + 8];
    (void)snprintf(log, sizeof(log), "%s-wal", f->db_path);
    assert_int_not_equal(access(log, F_OK), 0); // the log is empty and gone
}

struct level_op {
    struct nj_store_op op;
    int64_t level; // SQLite's own word: 2 flushes every commit, 1 does not
};

static int read_level(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_sql sql;
    int rc = nj_sql_begin_once(&sql, db, "PRAGMA synchronous", err);
    if (rc != 0)
        return rc;
    rc = nj_sql_run_int(&sql, &NJ_CONTAINER_OF(op, struct level_op, op)->level, err);
    return rc != 0 ? rc : insert_camera(db, 1, err);
}

static void only_relaxed_operations_are_not_flushed(void **state)
{
    static const struct {
        bool relaxed;
        int64_t level;
    } cases[] = {{false, 2}, {true, 1}, {true, 1}, {false, 2}};
    struct nj_store_fixture *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct level_op op = {.op = {.apply = read_level, .relaxed = cases[i].relaxed}};
        assert_int_equal(nj_store_write_wait(f->store, &op.op, &f->err), 0);
        assert_int_equal(op.level, cases[i].level);
    }
}

static void ignore_done(struct nj_store_op *op)
{
    (void)op;
}

static void relaxed_operation_in_company_is_flushed_with_it(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_store_close(f->store);
    f->store = NULL;
    f->options.group_wait_us = 60 * (nj_us)NJ_US_PER_S;
    f->options.group_max = 2;
    assert_int_equal(nj_store_open(&f->options, &f->clock.clock, &f->store, NULL), 0);
    struct level_op relaxed = {.op = {.apply = read_level, .done = ignore_done, .relaxed = true}};
    struct level_op other = {.op = {.apply = read_level}};
    assert_int_equal(nj_store_write(f->store, &relaxed.op), 0);
    assert_int_equal(nj_store_write_wait(f->store, &other.op, &f->err), 0);
    assert_int_equal(relaxed.level, 2);
    assert_int_equal(other.level, 2);
}

static void done_arrives_on_the_loop_thread(void **state)
{
    struct nj_store_fixture *f = *state;
    struct nj_loop *loop = NULL;
    assert_int_equal(nj_loop_create(nj_clock_real(), &loop, NULL), 0);
    atomic_int order = 0;
    struct op op = {.op = {.apply = apply, .done = done, .loop = loop},
                    .number = 1,
                    .done_order = &order,
                    .loop_stop = loop};
    assert_int_equal(nj_store_write(f->store, &op.op), 0);
    nj_loop_run(loop);
    assert_int_equal(op.done_at, 1);
    assert_int_equal(cameras(f), 1); // durable before done
    op.op.rc = 1;
    op.number = -1;
    assert_int_equal(nj_store_read(f->store, &op.op), 0);
    nj_loop_run(loop);
    assert_int_equal(op.done_at, 2);
    assert_int_equal(op.op.rc, 0);
    nj_loop_destroy(loop);
}

static int read_twice(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct nj_store_fixture *f = arg;
    struct nj_camera_row *rows = NULL;
    size_t before = 0, after = 0;
    int rc = nj_cameras_list(db, &rows, &before, err);
    free(rows);
    rows = NULL;
    nj_test_sql(f->db_path, "INSERT INTO cameras (id, name, kind, status, reason, created_us,"
                            " last_seen_us) VALUES ('x', 'x', 'f', 'online', '', 0, 0)");
    if (rc == 0)
        rc = nj_cameras_list(db, &rows, &after, err);
    free(rows);
    assert_int_equal(before, after);
    return rc;
}

static void reader_sees_one_state_of_the_database(void **state)
{
    struct nj_store_fixture *f = *state;
    assert_int_equal(nj_test_read(f, read_twice, f), 0);
    assert_int_equal(cameras(f), 1);
}

static void reader_cannot_write(void **state)
{
    struct nj_store_fixture *f = *state;
    struct op op = {.op = {.apply = apply}, .number = 1};
    assert_true(nj_store_read_wait(f->store, &op.op, NULL) < 0);
    assert_int_equal(cameras(f), 0);
}

static void memory_store_reads_what_it_wrote(void **state)
{
    (void)state;
    struct nj_store_options options = {
        .path = ":memory:", .readers = 2, .max_queued = 100, .group_max = 10};
    struct nj_store *store = NULL;
    assert_int_equal(nj_store_open(&options, nj_clock_real(), &store, NULL), 0);
    struct op op = {.op = {.apply = apply}, .number = 1};
    assert_int_equal(nj_store_write_wait(store, &op.op, NULL), 0);
    assert_int_equal(nj_store_read_wait(store, &op.op, NULL), 0);
    assert_int_equal(nj_store_backup(store, "/nowhere/copy.db", NULL), NJ_E_UNSUPPORTED);
    nj_store_close(store);
}

static void backup_is_a_whole_database_and_never_overwrites(void **state)
{
    struct nj_store_fixture *f = *state;
    char copy[NJ_TEMP_PATH_MAX];
    (void)nj_temp_dir_path(&f->dir, "copy.db", copy);
    struct op op = {.op = {.apply = apply}, .number = 1};
    assert_int_equal(nj_store_write_wait(f->store, &op.op, NULL), 0);
    assert_int_equal(nj_store_backup(f->store, copy, &f->err), 0);
    assert_int_equal(nj_test_sql_int(copy, "SELECT COUNT(*) FROM cameras"), 1);
    assert_int_equal(nj_store_backup(f->store, copy, NULL), NJ_E_EXISTS);
    struct nj_store_options options = f->options;
    struct nj_store *store = NULL;
    options.path = copy;
    assert_int_equal(nj_store_open(&options, &f->clock.clock, &store, NULL), 0);
    nj_store_close(store);
}

static void time_of_an_operation_is_the_clock_of_the_store(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "a");
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT created_us FROM cameras"), nj_test_now(f));
    struct nj_store_stats stats;
    nj_store_get_stats(f->store, &stats);
    assert_int_equal(stats.schema_version, NJ_SQLITE_MIGRATIONS);
    assert_true(stats.file_bytes > 4096);
    nj_store_close(NULL);
}

int store_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(waiting_operations_share_one_commit),
        CASE(failing_operation_leaves_its_group_alone),
        CASE(hook_runs_once_per_commit_and_not_for_rolled_back),
        CASE(lonely_operation_that_fails_stores_nothing),
        CASE(group_wait_gathers_company),
        CASE(full_queue_refuses_and_close_finishes_what_was_accepted),
        CASE(only_relaxed_operations_are_not_flushed),
        CASE(relaxed_operation_in_company_is_flushed_with_it),
        CASE(done_arrives_on_the_loop_thread),
        CASE(reader_sees_one_state_of_the_database),
        CASE(reader_cannot_write),
        cmocka_unit_test(memory_store_reads_what_it_wrote),
        CASE(backup_is_a_whole_database_and_never_overwrites),
        CASE(time_of_an_operation_is_the_clock_of_the_store),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
