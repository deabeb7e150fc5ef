// SPDX-License-Identifier: Apache-2.0
// Watches a store from outside, by plain SQL on a connection of its own: what a benchmark says was
// stored was seen by somebody else than the program that stored it.
//
// bench_rows DB wait PREFIX N SECONDS  until N files below PREFIX are known and no upload waits
// bench_rows DB follow                 "microseconds path" when a file's first row is there
// bench_rows DB dump                   "rows path" of every file that has any
#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WAIT_STEP_US = 5000,  // a thousandth of the time of a run
    FOLLOW_STEP_US = 200, // the error of a latency
    BUSY_MS = 5000,
};

// Monotonic, as the programs beside this one count.
static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void pause_us(int64_t time_us)
{
    const struct timespec time = {.tv_nsec = time_us * 1000};
    nanosleep(&time, NULL);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fprintf(stderr, "rows: %s\n", sqlite3_errmsg(db));
        exit(2);
    }
    return stmt;
}

// The statement's first column of its first row, -1 without one.
static int64_t number(sqlite3_stmt *stmt)
{
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_reset(stmt);
    return value;
}

static int wait_for_files(sqlite3 *db, const char *prefix, int64_t files, int64_t timeout_us)
{
    sqlite3_stmt *version = prepare(db, "PRAGMA data_version");
    sqlite3_stmt *waiting =
        prepare(db, "SELECT count(*) FROM work_items WHERE queue = 'detection_queue'");
    // Only these: the program forgets files of earlier runs, which are gone.
    sqlite3_stmt *known = prepare(
        db,
        "SELECT count(*) FROM seen_files WHERE path >= ?1 AND path < CAST(?1 || x'ff' AS BLOB)");
    sqlite3_bind_blob(known, 1, prefix, (int)strlen(prefix), SQLITE_STATIC);
    const int64_t until = now_us() + timeout_us;
    int64_t seen = -1;
    bool done = false;
    while (!done && now_us() < until) {
        const int64_t current = number(version);
        if (current != seen)
            done = number(waiting) == 0 && number(known) >= files;
        seen = current;
        if (!done)
            pause_us(WAIT_STEP_US);
    }
    printf("%" PRId64 "\n", now_us());
    if (!done)
        fprintf(stderr, "rows: %" PRId64 " of %" PRId64 " files known, %" PRId64 " waiting\n",
                number(known), files, number(waiting));
    sqlite3_finalize(version);
    sqlite3_finalize(waiting);
    sqlite3_finalize(known);
    return done ? 0 : 1;
}

// Ends with its standard output.
static int follow(sqlite3 *db)
{
    sqlite3_stmt *version = prepare(db, "PRAGMA data_version");
    sqlite3_stmt *fresh =
        prepare(db, "SELECT max(id), file_path FROM detections WHERE id > ? GROUP BY file_path");
    sqlite3_stmt *newest = prepare(db, "SELECT coalesce(max(id), 0) FROM detections");
    int64_t last = number(newest);
    int64_t seen = number(version);
    printf("ready\n");
    while (fflush(stdout) == 0) {
        const int64_t current = number(version);
        const int64_t time_us = now_us();
        sqlite3_bind_int64(fresh, 1, last);
        while (current != seen && sqlite3_step(fresh) == SQLITE_ROW) {
            const int64_t id = sqlite3_column_int64(fresh, 0);
            last = id > last ? id : last;
            printf("%" PRId64 " %s\n", time_us, (const char *)sqlite3_column_text(fresh, 1));
        }
        sqlite3_reset(fresh);
        seen = current;
        pause_us(FOLLOW_STEP_US);
    }
    sqlite3_finalize(version);
    sqlite3_finalize(fresh);
    sqlite3_finalize(newest);
    return 0;
}

static int dump(sqlite3 *db)
{
    sqlite3_stmt *files =
        prepare(db, "SELECT count(*), file_path FROM detections GROUP BY file_path");
    while (sqlite3_step(files) == SQLITE_ROW)
        printf("%d %s\n", sqlite3_column_int(files, 0),
               (const char *)sqlite3_column_text(files, 1));
    sqlite3_finalize(files);
    return 0;
}

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    int rc = 2;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_rows DB wait QUEUE FILES SECONDS | follow | dump\n");
        return 2;
    }
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_busy_timeout(db, BUSY_MS) == SQLITE_OK) {
        if (strcmp(argv[2], "wait") == 0 && argc == 6)
            rc = wait_for_files(db, argv[3], strtoll(argv[4], NULL, 10),
                                strtoll(argv[5], NULL, 10) * 1000000);
        else if (strcmp(argv[2], "follow") == 0)
            rc = follow(db);
        else if (strcmp(argv[2], "dump") == 0)
            rc = dump(db);
    } else {
        fprintf(stderr, "rows: %s: %s\n", argv[1], sqlite3_errmsg(db));
    }
    sqlite3_close(db);
    return rc;
}
