// SPDX-License-Identifier: Apache-2.0
// The store against crashes, full and read-only disks, damage, foreign and newer databases.
#include "storage/migrations_priv.h"
#include "storage/store.h"
#include "storage/store_work.h"
#include "tests/fake/full_disk.h"
#include "tests/unit/storage/rows_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int store_faults_test(void);

static int put_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    size_t length = *(size_t *)arg;
    char *payload = malloc(length + 1);
    if (payload == NULL)
        return NJ_E_NOMEM;
    memset(payload, 'x', length);
    payload[length] = '\0';
    struct nj_work_row row = {.queue = "q", .payload = payload};
    int rc = nj_work_insert(db, &row, NULL, err);
    free(payload);
    return rc;
}

static int put(struct nj_store_fixture *f, size_t length)
{
    return nj_test_write(f, put_body, &length);
}

static int change_nothing(struct nj_db *db, void *arg, struct nj_error *err)
{
    (void)db, (void)arg, (void)err;
    return 0;
}

static int64_t items(const struct nj_store_fixture *f)
{
    return nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM work_items");
}

// --- kill -9 ---

struct acknowledged {
    struct nj_store_op op;
    int64_t id;
    int pipe;
    struct nj_store *store;
};

static int apply_acknowledged(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct acknowledged *self = NJ_CONTAINER_OF(op, struct acknowledged, op);
    char payload[] = "{}";
    struct nj_work_row row = {.queue = "q", .payload = payload};
    return nj_work_insert(db, &row, &self->id, err);
}

// Tells the parent, then goes on with the next one for ever.
static void acknowledge(struct nj_store_op *op)
{
    struct acknowledged *self = NJ_CONTAINER_OF(op, struct acknowledged, op);
    op->relaxed = !op->relaxed; // either way it outlives the process
    if (op->rc != 0 || write(self->pipe, &self->id, sizeof(self->id)) != sizeof(self->id))
        _exit(1);
    (void)nj_store_write(self->store, op);
}

static void child_main(const struct nj_store_options *options, int pipe)
{
    enum { AT_ONCE = 8 };
    static struct acknowledged ops[AT_ONCE];
    struct nj_store *store = NULL;
    if (nj_store_open(options, nj_clock_real(), &store, NULL) != 0)
        _exit(2);
    for (int i = 0; i < AT_ONCE; i++) {
        ops[i] = (struct acknowledged){
            .op = {.apply = apply_acknowledged, .done = acknowledge}, .pipe = pipe, .store = store};
        (void)nj_store_write(store, &ops[i].op);
    }
    for (;;)
        (void)pause();
}

// Reads acknowledgements until `wanted`, kills, reads what was still on its way.
static size_t kill_after(pid_t child, int pipe, size_t wanted, int64_t *ids, size_t size)
{
    size_t count = 0;
    while (count < size && read(pipe, &ids[count], sizeof(ids[0])) == sizeof(ids[0])) {
        count++;
        if (count == wanted)
            (void)kill(child, SIGKILL);
    }
    return count;
}

static void acknowledged_rows_survive_kill(void **state)
{
    struct nj_store_fixture *f = *state;
    enum { SIZE = 100000 };
    int64_t *ids = malloc(SIZE * sizeof(*ids));
    assert_non_null(ids);
    nj_store_close(f->store);
    f->store = NULL;
    size_t checked = 0;
    for (size_t round = 0; round < 5; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            child_main(&f->options, ends[1]);
        (void)close(ends[1]);
        size_t count = kill_after(child, ends[0], 37 + 101 * round, ids, SIZE);
        (void)close(ends[0]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        for (size_t i = 0; i < count; i++) {
            char sql[96];
            (void)snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM work_items WHERE id = %lld",
                           (long long)ids[i]);
            assert_int_equal(nj_test_sql_int(f->db_path, sql), 1);
        }
        checked += count;
    }
    print_message("%zu acknowledged rows checked, none lost\n", checked);
    assert_int_equal(nj_store_open(&f->options, &f->clock.clock, &f->store, &f->err), 0);
    assert_int_equal(put(f, 10), 0);
    free(ids);
}

// --- full disk ---

static void full_disk_fails_clearly_and_recovers_by_itself(void **state)
{
    struct nj_store_fixture *f = *state;
    struct nj_store_stats stats;
    struct nj_full_disk disk;
    assert_int_equal(put(f, 10), 0);
    nj_full_disk_begin(&disk, 256 * 1024);
    int rc = 0;
    int64_t stored = 1;
    for (int i = 0; i < 200 && (rc = put(f, 4000)) == 0; i++)
        stored++;
    nj_store_get_stats(f->store, &stats);
    bool small_fails_too = put(f, 10) != 0;
    bool nothing_is_written = nj_test_write(f, change_nothing, NULL) == 0;
    nj_store_get_stats(f->store, &stats);
    nj_full_disk_end(&disk);
    assert_int_equal(rc, NJ_E_FULL);
    assert_non_null(strstr(f->err.text, f->db_path));
    assert_true(small_fails_too && nothing_is_written);
    assert_true(stats.read_only); // whatever needs no room goes through
    assert_non_null(strstr(stats.problem, "room"));
    assert_int_equal(items(f), stored); // all that was acknowledged, nothing else
    assert_int_equal(put(f, 4000), 0);  // there is room again
    nj_store_get_stats(f->store, &stats);
    assert_false(stats.read_only);
    assert_string_equal(stats.problem, "");
}

struct sized {
    struct nj_store_op op;
    size_t length;
    int rc;
    int *left;
    pthread_mutex_t *mutex;
    pthread_cond_t *cond;
};

static int apply_sized(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    return put_body(db, &NJ_CONTAINER_OF(op, struct sized, op)->length, err);
}

static void done_sized(struct nj_store_op *op)
{
    struct sized *self = NJ_CONTAINER_OF(op, struct sized, op);
    (void)pthread_mutex_lock(self->mutex);
    self->rc = op->rc;
    *self->left -= 1;
    (void)pthread_cond_signal(self->cond);
    (void)pthread_mutex_unlock(self->mutex);
}

// Small ones get through although a big one of their group cannot.
static void operation_too_big_for_the_disk_does_not_take_its_group(void **state)
{
    struct nj_store_fixture *f = *state;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    struct nj_full_disk disk;
    nj_store_close(f->store);
    f->store = NULL;
    f->options.group_wait_us = 60 * (nj_us)NJ_US_PER_S; // all three together
    f->options.group_max = 3;
    assert_int_equal(nj_store_open(&f->options, &f->clock.clock, &f->store, &f->err), 0);
    nj_full_disk_begin(&disk, 128 * 1024);
    int left = 3;
    struct sized ops[3] = {{.length = 10}, {.length = 200000}, {.length = 10}};
    for (int i = 0; i < 3; i++) {
        ops[i].op = (struct nj_store_op){.apply = apply_sized, .done = done_sized};
        ops[i].left = &left;
        ops[i].mutex = &mutex;
        ops[i].cond = &cond;
        assert_int_equal(nj_store_write(f->store, &ops[i].op), 0);
    }
    (void)pthread_mutex_lock(&mutex);
    while (left > 0)
        (void)pthread_cond_wait(&cond, &mutex);
    (void)pthread_mutex_unlock(&mutex);
    nj_full_disk_end(&disk);
    assert_int_equal(ops[0].rc, 0);
    assert_int_equal(ops[1].rc, NJ_E_FULL);
    assert_int_equal(ops[2].rc, 0);
    assert_int_equal(items(f), 2);
}

// --- another process ---

static void locked_database_fails_in_time_and_recovers(void **state)
{
    struct nj_store_fixture *f = *state;
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(f->db_path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(put(f, 10), NJ_E_UNAVAILABLE);
    assert_non_null(strstr(f->err.text, "another process"));
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(put(f, 10), 0);
    (void)sqlite3_close(other);
}

// --- files that cannot be the store ---

static int reopen(struct nj_store_fixture *f)
{
    nj_store_close(f->store);
    f->store = NULL;
    return nj_store_open(&f->options, &f->clock.clock, &f->store, &f->err);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, at), (ssize_t)length);
    (void)close(fd);
}

static void damaged_header_is_refused_and_kept(void **state)
{
    struct nj_store_fixture *f = *state;
    struct stat before, after;
    assert_int_equal(put(f, 10), 0);
    nj_store_close(f->store);
    f->store = NULL;
    overwrite(f->db_path, 0, "this is no database at all", 26);
    assert_int_equal(stat(f->db_path, &before), 0);
    assert_int_equal(reopen(f), NJ_E_CORRUPT);
    assert_non_null(strstr(f->err.text, "backup"));
    assert_int_equal(stat(f->db_path, &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(after.st_ino, before.st_ino);
}

static void truncated_database_is_refused(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_store_close(f->store);
    f->store = NULL;
    assert_int_equal(truncate(f->db_path, 8192), 0);
    assert_int_equal(reopen(f), NJ_E_CORRUPT);
}

// Damage inside: found at once after an unclean end, else by the operation that meets it.
static void damaged_page_is_reported_with_advice(void **state)
{
    struct nj_store_fixture *f = *state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(put(f, 2000), 0);
    char junk[4096], log[NJ_TEMP_PATH_MAX + 8];
    struct stat size;
    nj_store_close(f->store);
    f->store = NULL;
    memset(junk, 0xa5, sizeof(junk));
    assert_int_equal(stat(f->db_path, &size), 0);
    for (off_t at = 30 * 4096; at < size.st_size; at += 4096)
        overwrite(f->db_path, at, junk, sizeof(junk));
    (void)snprintf(log, sizeof(log), "%s-wal", f->db_path);
    int fd = open(log, O_WRONLY | O_CREAT, 0640); // a log that nobody took away
    assert_true(fd >= 0);
    assert_int_equal(write(fd, junk, 32), 32);
    (void)close(fd);
    assert_int_equal(reopen(f), NJ_E_CORRUPT);
    assert_non_null(strstr(f->err.text, "backup"));
}

static void newer_schema_is_refused(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_sql(f->db_path, "INSERT INTO schema_versions VALUES (4711, 0)");
    assert_int_equal(reopen(f), NJ_E_UNSUPPORTED);
    assert_non_null(strstr(f->err.text, "4711"));
}

static void database_of_another_program_is_left_alone(void **state)
{
    struct nj_store_fixture *f = *state;
    char other[NJ_TEMP_PATH_MAX];
    (void)nj_temp_dir_path(&f->dir, "other.db", other);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(other, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine (a)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    f->options.path = other;
    assert_int_equal(reopen(f), NJ_E_INVALID);
    assert_int_equal(nj_test_sql_int(other, "SELECT COUNT(*) FROM sqlite_schema"), 1);
}

static void items_of_an_older_version_get_their_order(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_sql(f->db_path,
                "DROP INDEX work_items_order; ALTER TABLE work_items DROP COLUMN order_key;"
                "ALTER TABLE dedupe DROP COLUMN copy;"
                "ALTER TABLE cameras DROP COLUMN picture_path;"
                "ALTER TABLE cameras DROP COLUMN picture_us;"
                "DELETE FROM schema_versions WHERE version >= 6;"
                "INSERT INTO work_items (queue, priority, due_us, not_before_us, lease_until_us,"
                " fence, attempts, created_us, first_failed_us, payload) VALUES"
                " ('action_queue', 0, 1, 1, 0, 0, 0, 1, 0, '{\"session_id\":\"s\"}')");
    assert_int_equal(reopen(f), 0);
    assert_int_equal(
        nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM work_items WHERE order_key = 's'"), 1);
}

static void cameras_of_an_older_version_have_no_newest_picture_yet(void **state)
{
    struct nj_store_fixture *f = *state;
    nj_test_camera(f, "yard");
    nj_test_sql(f->db_path, "ALTER TABLE cameras DROP COLUMN picture_path;"
                            "ALTER TABLE cameras DROP COLUMN picture_us;"
                            "DELETE FROM schema_versions WHERE version >= 8;");
    assert_int_equal(reopen(f), 0);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM cameras WHERE id = 'yard'"
                                                 " AND picture_path = x'' AND picture_us = 0"),
                     1);
}

static void migrations_are_noted_and_not_repeated(void **state)
{
    struct nj_store_fixture *f = *state;
    assert_int_equal(put(f, 10), 0);
    assert_int_equal(reopen(f), 0);
    assert_int_equal(items(f), 1);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM schema_versions"),
                     NJ_SQLITE_MIGRATIONS);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT MIN(applied_us) FROM schema_versions"),
                     (int64_t)NJ_TEST_NOW_S * NJ_US_PER_S);
}

// Half of an update is worse than none: the next start must find what this one found.
static void migration_that_fails_leaves_the_version_before_it(void **state)
{
    static const char *const scripts[] = {"CREATE TABLE one (id INTEGER)",
                                          "CREATE TABLE two (id INTEGER); INSERT INTO none "
                                          "VALUES (1)"};
    static const char *const mended[] = {"no script twice", "CREATE TABLE two (id INTEGER)"};
    struct nj_store_fixture *f = *state;
    char path[NJ_TEMP_PATH_MAX];
    const struct nj_store_conn_options options = {
        .path = nj_temp_dir_path(&f->dir, "other.db", path), .role = NJ_STORE_WRITER};
    struct nj_store_driver driver = nj_store_sqlite;
    struct nj_store_conn *conn = NULL;
    int64_t version = -1;
    assert_int_equal(driver.open(&options, &conn, NULL, NULL), 0);
    driver.migrations = scripts;
    driver.migration_count = 2;
    assert_true(nj_migrations_apply(&driver, conn, 1, &version, &f->err) < 0);
    assert_non_null(strstr(f->err.text, "migration 2"));
    assert_int_equal(version, -1);
    assert_false(driver.in_transaction(conn));
    driver.migrations = mended;
    assert_int_equal(nj_migrations_apply(&driver, conn, 1, &version, NULL), 0);
    assert_int_equal(version, 2);
    driver.close(conn);
}

// A reader whose end failed would refuse every read, and hold the log, until the next start.
static void transaction_that_could_not_be_ended_is_ended_by_the_next(void **state)
{
    struct nj_store_fixture *f = *state;
    for (int role = 0; role < 2; role++) {
        const struct nj_store_conn_options options = {
            .path = f->db_path, .role = role == 0 ? NJ_STORE_READER : NJ_STORE_WRITER};
        struct nj_store_conn *conn = NULL;
        assert_int_equal(nj_store_sqlite.open(&options, &conn, NULL, NULL), 0);
        assert_int_equal(nj_store_sqlite.begin(conn, true, NULL), 0);
        assert_int_equal(nj_store_sqlite.begin(conn, true, NULL), 0);
        nj_store_sqlite.rollback(conn);
        assert_false(nj_store_sqlite.in_transaction(conn));
        nj_store_sqlite.close(conn);
    }
}

// A store that cannot be written says so at its start. Root may write everywhere, but not to a
// file that is marked unchangeable or through a folder that is a file.
static void deleted_database_takes_no_writes_until_it_is_back(void **state)
{
    struct nj_store_fixture *f = *state;
    struct nj_store_stats stats;
    char aside[sizeof f->db_path + 8];
    (void)snprintf(aside, sizeof aside, "%s.aside", f->db_path);
    assert_int_equal(put(f, 10), 0);
    assert_int_equal(rename(f->db_path, aside), 0);
    assert_int_equal(put(f, 10), NJ_E_IO);
    nj_store_get_stats(f->store, &stats);
    assert_true(stats.read_only);
    assert_non_null(strstr(stats.problem, "deleted"));
    assert_int_equal(rename(aside, f->db_path), 0);
    assert_int_equal(put(f, 10), 0);
    nj_store_get_stats(f->store, &stats);
    assert_false(stats.read_only);
    assert_int_equal(items(f), 2);
}

static void path_that_cannot_be_written_is_refused(void **state)
{
    struct nj_store_fixture *f = *state;
    char path[NJ_TEMP_PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/below", f->db_path);
    f->options.path = path;
    assert_true(reopen(f) < 0);
    f->options.path = "/proc/nightjar.db";
    assert_true(reopen(f) < 0);
    if (geteuid() != 0) {
        f->options.path = f->db_path;
        assert_int_equal(chmod(f->db_path, 0440), 0);
        assert_int_equal(reopen(f), NJ_E_DENIED);
    }
}

int store_faults_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(acknowledged_rows_survive_kill),
        CASE(full_disk_fails_clearly_and_recovers_by_itself),
        CASE(operation_too_big_for_the_disk_does_not_take_its_group),
        CASE(locked_database_fails_in_time_and_recovers),
        CASE(damaged_header_is_refused_and_kept),
        CASE(truncated_database_is_refused),
        CASE(damaged_page_is_reported_with_advice),
        CASE(newer_schema_is_refused),
        CASE(database_of_another_program_is_left_alone),
        CASE(items_of_an_older_version_get_their_order),
        CASE(cameras_of_an_older_version_have_no_newest_picture_yet),
        CASE(migrations_are_noted_and_not_repeated),
        CASE(migration_that_fails_leaves_the_version_before_it),
        CASE(transaction_that_could_not_be_ended_is_ended_by_the_next),
        CASE(deleted_database_takes_no_writes_until_it_is_back),
        CASE(path_that_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
