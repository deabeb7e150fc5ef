// SPDX-License-Identifier: Apache-2.0
// A watched folder with a real store, queue and loop; what happened is read from the database file
// with SQLite itself.
#ifndef NJ_SOURCES_HELPER_H
#define NJ_SOURCES_HELPER_H

#include "sources/folder.h"
#include "tests/fake/temp_dir.h"

#include <stdbool.h>

struct nj_folder_bench {
    struct nj_temp_dir dir;
    char root[NJ_TEMP_PATH_MAX];
    char db_path[NJ_TEMP_PATH_MAX];
    struct nj_loop *loop;
    struct nj_store *store;
    struct nj_metrics *metrics;
    struct nj_work_queue *queue;
    struct nj_folder_options options; // to be changed before start
    struct nj_folder_source *source;  // NULL: not started
    size_t cameras_seen, cameras_created;
    size_t consumed;
};

int nj_folder_bench_setup(void **state); // of a cmocka test; nothing started yet
int nj_folder_bench_teardown(void **state);

// Queue with room for `max_size` items; without a call it is 10000.
void nj_folder_bench_queue(struct nj_folder_bench *bench, int64_t max_size);
void nj_folder_bench_consume(struct nj_folder_bench *bench); // completes whatever comes
void nj_folder_bench_start(struct nj_folder_bench *bench);
void nj_folder_bench_stop(struct nj_folder_bench *bench);
struct nj_folder_stats nj_folder_bench_stats(struct nj_folder_bench *bench);

// Goes on until `done` says so; the test fails after 20 s. Each look first waits for the store.
typedef bool (*nj_bench_condition)(struct nj_folder_bench *bench, int64_t value);
void nj_folder_bench_wait(struct nj_folder_bench *bench, nj_bench_condition done, int64_t value);
bool nj_bench_accepted(struct nj_folder_bench *bench, int64_t value); // at least, as the next
bool nj_bench_cameras_seen(struct nj_folder_bench *bench, int64_t value);
bool nj_bench_refused(struct nj_folder_bench *bench, int64_t value);
bool nj_bench_duplicates(struct nj_folder_bench *bench, int64_t value);
bool nj_bench_pushed_back(struct nj_folder_bench *bench, int64_t value);
bool nj_bench_idle(struct nj_folder_bench *bench, int64_t value); // nothing pending, value unused
bool nj_bench_watching(struct nj_folder_bench *bench, int64_t value); // 0 or 1

int64_t nj_bench_sql_int(struct nj_folder_bench *bench, const char *sql);
void nj_bench_sql_text(struct nj_folder_bench *bench, const char *sql, char *out, size_t size);

// A JPEG picture of its own for each number; free().
struct nj_bench_picture {
    void *bytes;
    size_t length;
};
struct nj_bench_picture nj_bench_picture(unsigned number);

// Names are relative to the root.
const char *nj_bench_path(struct nj_folder_bench *bench, const char *name,
                          char out[NJ_TEMP_PATH_MAX]);
void nj_bench_mkdir(struct nj_folder_bench *bench, const char *name);
void nj_bench_write(struct nj_folder_bench *bench, const char *name, const void *bytes,
                    size_t length);
void nj_bench_write_picture(struct nj_folder_bench *bench, const char *name, unsigned number);
void nj_bench_rename(struct nj_folder_bench *bench, const char *from, const char *to);

#endif
