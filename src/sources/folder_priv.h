// SPDX-License-Identifier: Apache-2.0
// Inside of the folder source. Everything belongs to its thread, but what is marked otherwise.
//
// The way of a file: an event or a scan notes its name (folder_tree, folder_scan), the thread reads
// and judges it (folder_accept, folder_judge), one store operation makes it work (folder_op), and
// the thread hears of the outcome.
#ifndef NJ_SOURCES_FOLDER_PRIV_H
#define NJ_SOURCES_FOLDER_PRIV_H

#include "sources/folder.h"
#include "sources/media_kind_priv.h"
#include "sources/seen_set_priv.h"
#include "storage/store_uploads.h"
#include "util/list.h"
#include "util/strmap.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum {
    NJ_FOLDER_OPS = 64,           // operations under way: what one group commit can gather
    NJ_FOLDER_PENDING_MAX = 4096, // names in memory; the rest waits on disk for a scan
    NJ_FOLDER_DEPTH_MAX = 32,     // folders inside each other
    NJ_FOLDER_UNSETTLED_MAX = 4096,
    NJ_FOLDER_READ_MAX_BYTES = 8 * 1024 * 1024, // pictures up to this are read once and whole
};

// A folder below the root.
struct nj_folder_dir {
    struct nj_list dirty_node; // in tree.dirty; initialised and alone when clean
    int wd;                    // -1: the kernel does not watch it
    bool polled;               // to be looked through at each beat
    bool recheck;              // once at the next beat: something in it could not be taken in yet
    char path[];               // relative to the root; "" is the root
};

struct nj_folder_tree {
    int root_fd;             // -1: the root is not there
    int inotify_fd;          // -1: polling
    int parent_wd;           // of the folder that holds the root; -1: none
    struct nj_strmap *paths; // path -> struct nj_folder_dir, owned
    struct nj_strmap *wds;   // decimal watch descriptor -> the same, borrowed
    struct nj_list dirty;    // to be scanned, oldest wish first
    bool watch_limit;        // the kernel gave no more watches
};

// A file that was noticed.
struct nj_folder_file {
    struct nj_list node;
    nj_us noticed_us; // wall
    bool unsure;      // found by looking: it may still be written
    char path[];      // relative to the root
};

struct nj_folder_scan {
    DIR *stream; // NULL: none under way
    bool polled;
    char path[NJ_STORE_PATH_SIZE]; // of the folder
};

// What is known of a file when it was judged.
struct nj_folder_verdict {
    struct nj_upload_item item;
    char camera_name[NJ_CAMERA_NAME_SIZE];
    struct nj_seen_key key;
    int64_t size, mtime_ns;
    bool keep;       // remember it beyond this run
    char reason[32]; // of the refusal; "" accepted
    char detail[512];
};

// One store operation, from a pool.
struct nj_folder_op {
    struct nj_store_op op;
    struct nj_folder_source *source;
    struct nj_folder_op *next;   // of the free or the done list
    struct nj_folder_file *file; // owned; goes back when the operation fails
    struct nj_folder_verdict verdict;
    struct nj_buf payload;
    // Results of apply:
    bool duplicate, camera_created;
};

struct nj_folder_metrics {
    struct nj_metric *accepted, *duplicates, *pushed_back, *vanished, *pending, *watches;
};

struct nj_folder_notice; // tells the loop thread of cameras; source_folder.c

struct nj_folder_source {
    struct nj_folder_config config;
    const struct nj_folder_options *options;
    const struct nj_clock *clock;
    struct nj_log *log;
    struct nj_folder_metrics metrics;
    struct nj_folder_notice *notice;
    char root[NJ_STORE_PATH_SIZE]; // absolute, no slash at the end
    size_t root_length;
    pthread_t thread;
    bool started;
    int wake_fd;
    atomic_bool stopping;

    struct nj_folder_tree tree;
    struct nj_folder_scan scan;
    struct nj_list files; // noticed, oldest first
    size_t file_count;
    struct nj_strmap *unsettled; // path -> struct nj_folder_size, owned
    struct nj_seen_set seen;
    size_t seen_limit;         // reload beyond this: names of files long gone have gathered
    struct nj_strmap *cameras; // id -> source (only its presence counts)
    struct nj_folder_op *ops;  // NJ_FOLDER_OPS
    struct nj_folder_op *free_ops;
    size_t ops_under_way;
    uint8_t *bytes; // the file that is read now
    size_t bytes_capacity;
    bool loaded;       // seen and cameras are read
    bool probing;      // after a failure one operation goes alone
    nj_us retry_at_us; // monotonic, as all the following; 0: not waiting
    nj_us beat_at_us, root_at_us, check_at_us, tidy_at_us;

    pthread_mutex_t mutex;
    // The following fields are protected by mutex.
    struct nj_folder_op *done_ops;
    struct nj_folder_stats stats;
    // End of protected fields.
};

// source_folder.c
void nj_folder_set_problem(struct nj_folder_source *source, const char *text); // "" all is well
void nj_folder_count(struct nj_folder_source *source, uint64_t *counter);      // a field of stats
void nj_folder_wake(struct nj_folder_source *source);                          // any thread
void nj_folder_tell_camera(struct nj_folder_source *source, const char *camera_id, bool created);
// Absolute path of a relative one; false when it is too long to be kept.
bool nj_folder_absolute(const struct nj_folder_source *source, const char *path,
                        char out[NJ_STORE_PATH_SIZE]);

// folder_tree.c
// 0 when the root is open and watched.
int nj_folder_tree_open(struct nj_folder_source *source, struct nj_error *err);
void nj_folder_tree_close(struct nj_folder_source *source);
// The root is still what its path names.
bool nj_folder_tree_alive(const struct nj_folder_source *source);
// Watches the folder (NULL result: gone, too deep, or no memory) and wants it scanned.
struct nj_folder_dir *nj_folder_tree_add(struct nj_folder_source *source, const char *path);
void nj_folder_tree_forget(struct nj_folder_source *source, const char *path); // and all below
void nj_folder_tree_dirty(struct nj_folder_source *source, struct nj_folder_dir *dir);
void nj_folder_tree_dirty_all(struct nj_folder_source *source, bool polled_only);
struct nj_folder_dir *nj_folder_tree_parent(struct nj_folder_source *source, const char *path);

// folder_events.c
// Handles what is there now; false when the root is gone.
bool nj_folder_read_events(struct nj_folder_source *source);

// folder_scan.c
int64_t nj_folder_mtime_ns(const struct stat *info); // of any file system's range: wraps
// Notes a file; when too many wait, its folder is scanned later instead.
void nj_folder_note(struct nj_folder_source *source, const char *path, bool unsure);
// `first`: nothing is wrong with the file. Else it goes behind the others, so that it never keeps
// them from their turn.
void nj_folder_put_back(struct nj_folder_source *source, struct nj_folder_file *file, bool first);
struct nj_folder_file *nj_folder_take(struct nj_folder_source *source);
// Goes on with the scan for a bounded while; false when nothing is to be scanned now.
bool nj_folder_scan_step(struct nj_folder_source *source);
void nj_folder_scan_stop(struct nj_folder_source *source);
// True when the file did not change for settle_us; else its folder is looked at again.
bool nj_folder_settled(struct nj_folder_source *source, const char *path, const struct stat *info);

// folder_accept.c
// Reads, judges and submits one file, which it owns from here on. `op` is free. False when the
// store or the machine cannot take it now: the file is put back.
bool nj_folder_accept(struct nj_folder_source *source, struct nj_folder_file *file);

// folder_judge.c
// Judges an open regular file: fills the verdict's item or its reason. Negative: could not be read
// now, try again.
struct nj_folder_open_file {
    int fd;
    const char *path; // relative
    struct stat info;
};
int nj_folder_judge(struct nj_folder_source *source, const struct nj_folder_open_file *file,
                    struct nj_folder_verdict *verdict, struct nj_error *err);
void nj_folder_refuse(struct nj_folder_verdict *verdict, const char *reason, const char *detail);

// folder_op.c
int nj_folder_ops_init(struct nj_folder_source *source);
void nj_folder_ops_finish(struct nj_folder_source *source);
// Submits the verdict of the op; on failure op and file are the caller's again.
int nj_folder_op_submit(struct nj_folder_source *source, struct nj_folder_op *op);
void nj_folder_op_release(struct nj_folder_source *source, struct nj_folder_op *op);
void nj_folder_ops_collect(struct nj_folder_source *source); // those that are done
// Something does not work now: wait before the next try. Owns nothing.
void nj_folder_hold(struct nj_folder_source *source, nj_us wait_us, const char *problem);

// folder_memory.c
int nj_folder_load(struct nj_folder_source *source, struct nj_error *err);
// Forgets rows of files that are gone, old dedupe marks, and fingerprints of neither.
void nj_folder_tidy(struct nj_folder_source *source);

#endif
