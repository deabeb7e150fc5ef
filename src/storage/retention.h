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
    int64_t events, detections, batches, logs, pictures, images, bytes;
    bool dry_run;
};

// One whole run in batches of 1000 rows. `pictures_folder` is where our own pictures lie. Files and
// rows never part: a file to delete is noted in the transaction that deletes its row, and the note
// goes when the file is gone. Called from: a job thread. `cancelled` (may be NULL) is asked
// between batches.
int nj_retention_run(struct nj_store *store, const struct nj_retention_options *options,
                     const char *pictures_folder, bool dry_run, bool (*cancelled)(void *arg),
                     void *arg, struct nj_retention_report *out, struct nj_error *err);

#endif
