// SPDX-License-Identifier: Apache-2.0
// Parts of retention: rows, noted files, orphans.
#ifndef NJ_STORAGE_RETENTION_PRIV_H
#define NJ_STORAGE_RETENTION_PRIV_H

#include "storage/file_notes_priv.h"
#include "storage/retention.h"

enum { NJ_RETENTION_BATCH = 1000 }; // rows a transaction: the writer is free again after some 20 ms

struct nj_retention_run {
    const struct nj_retention_task *task;
    nj_us cutoff_us, log_cutoff_us; // wall
    char *folder;                   // pictures_folder with its links resolved; NULL: there is none
    struct nj_retention_report report;
};

// NJ_E_CANCELLED when the task was cancelled.
int nj_retention_check(const struct nj_retention_run *run, struct nj_error *err);

// Deletes the rows, oldest first, and notes their files.
int nj_retention_delete_rows(struct nj_retention_run *run, struct nj_error *err);
// Counts the same rows and their files.
int nj_retention_count_rows(struct nj_retention_run *run, struct nj_error *err);

// Deletes noted files; a file that cannot be deleted now keeps its note.
int nj_retention_delete_files(struct nj_retention_run *run, struct nj_error *err);
// Deletes (or, in a dry run, counts) what no row names.
int nj_retention_delete_orphans(struct nj_retention_run *run, struct nj_error *err);

#endif
