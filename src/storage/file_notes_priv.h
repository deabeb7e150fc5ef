// SPDX-License-Identifier: Apache-2.0
// Table pending_file_deletes: files whose rows are gone, until they are gone too.
#ifndef NJ_STORAGE_FILE_NOTES_PRIV_H
#define NJ_STORAGE_FILE_NOTES_PRIV_H

#include "storage/store_detections.h"

struct nj_file_note {
    char path[NJ_STORE_PATH_SIZE];
    bool is_upload;
    nj_us unchanged_since_us; // wall; a file that changed later is another file
};

// FNV-1a, 64 bits, of the path: finds the rows of a file without an index over long paths. The
// values are stored: the function must never change.
int64_t nj_file_key(const char *path);

// In the transaction that deletes the rows. A path that is noted already keeps the later time.
int nj_file_notes_put(struct nj_db *db, const struct nj_file_note *note, struct nj_error *err);
// Notes behind `after` ("": from the start) in the order of their paths; *out is malloc'd (free()).
int nj_file_notes_list(struct nj_db *db, const char *after, struct nj_file_note **out,
                       size_t *out_count, struct nj_error *err);
int nj_file_notes_delete(struct nj_db *db, const char *path, struct nj_error *err);
// Whether a detection names the file.
int nj_file_is_named(struct nj_db *db, const char *path, bool *out, struct nj_error *err);

enum { NJ_FILE_NOTES_PAGE = 100 };

#endif
