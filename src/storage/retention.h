// SPDX-License-Identifier: Apache-2.0
// Retention: daily clean-up of old rows and of our own pictures, orphans after a crash, and the
// disk watermark.
#ifndef NJ_STORAGE_RETENTION_H
#define NJ_STORAGE_RETENTION_H

#include "storage/store.h"

struct nj_retention_options {
    int64_t retention_days;     // RETENTION_DAYS 30
    int64_t log_retention_days; // LOG_RETENTION_DAYS 7: dead letters, refused files
    const char *cleanup_time;   // "03:00", local
    bool delete_images;         // also the user's uploads; default false
    double disk_min_free;       // part of the disk below which our own pictures stop, 0..1
};
extern const struct nj_option_group nj_retention_option_group; // group "retention"

struct nj_retention_report {
    int64_t events, detections, batches, logs; // rows
    int64_t pictures, images;                  // files: our own, the user's
    int64_t bytes;                             // of the files
    bool dry_run;
};

struct nj_retention_task {
    struct nj_store *store;
    const struct nj_retention_options *options;
    const char *pictures_folder;  // where our own pictures lie
    bool dry_run;                 // only count
    bool (*cancelled)(void *arg); // asked between batches; may be NULL
    void *arg;
};

// One whole run in batches of 1000 rows. Old means captured and stored before the limit. Open
// batches, detections that no analysis has seen, and what a younger event shows are kept. Files and
// rows never part: a file to delete is noted in the transaction that deletes its row, and the note
// goes when the file is gone. NJ_E_CANCELLED when it was cancelled; *out tells what was done until
// then, and also after a failure. Called from: a job thread.
int nj_retention_run(const struct nj_retention_task *task, struct nj_retention_report *out,
                     struct nj_error *err);

// What a crash left: noted files are deleted, then temporary files and pictures of our own that no
// row names, when they are older than an hour. When most pictures have no row, the folder does not
// belong to this database: NJ_E_CONFLICT, and none of them is touched. `dry_run` counts only.
// Called from: a job thread.
int nj_retention_recover(const struct nj_retention_task *task, struct nj_retention_report *out,
                         struct nj_error *err);

#endif
