// SPDX-License-Identifier: Apache-2.0
// Tables dedupe, seen_files and refused_files: what the folder source remembers.
#ifndef NJ_STORAGE_STORE_UPLOADS_H
#define NJ_STORAGE_STORE_UPLOADS_H

#include "storage/store_detections.h"
#include "util/digest.h"

// Marks the content as seen until now + ttl. NJ_E_EXISTS while an older mark lives, whose end is
// at most ttl away: one that ends later is of a clock that was set back.
int nj_dedupe_mark(struct nj_db *db, const char sha256_hex[NJ_SHA256_HEX_SIZE], const char *path,
                   nj_us ttl_us, struct nj_error *err);
// Notes another file with a content that is marked, as the payload of its job; the newest is kept.
// Harmless without a mark.
int nj_dedupe_note_copy(struct nj_db *db, const char sha256_hex[NJ_SHA256_HEX_SIZE],
                        const char *payload, struct nj_error *err);
// The file of the content's job vanished. *out_payload: of the copy that was noted, which is
// forgotten by that; malloc'd. NULL: there is none, and the content is news from now on.
int nj_dedupe_take_copy(struct nj_db *db, const char sha256_hex[NJ_SHA256_HEX_SIZE],
                        char **out_payload, struct nj_error *err);
// Forgets up to `limit` marks that are over.
int nj_dedupe_expire(struct nj_db *db, size_t limit, int64_t *out_deleted, struct nj_error *err);

// Files that were accepted or refused: (path, size, mtime) seen once is not read again at start.
int nj_seen_files_put(struct nj_db *db, const char *path, int64_t size, int64_t mtime_ns,
                      struct nj_error *err);
// Calls `fn` for every known file below the folder, at any depth, in the order of the bytes; the
// path is borrowed during the call. A non-zero return ends it and is returned.
int nj_seen_files_each(struct nj_db *db, const char *folder,
                       int (*fn)(void *arg, const char *path, int64_t size, int64_t mtime_ns),
                       void *arg, struct nj_error *err);
// Harmless when it is not known.
int nj_seen_files_delete(struct nj_db *db, const char *path, struct nj_error *err);

struct nj_refused_row {
    int64_t id;
    char path[NJ_STORE_PATH_SIZE];
    char camera_id[NJ_CAMERA_ID_SIZE];
    char reason[32]; // "too_small" "wrong_type" "truncated" "undecodable" "bad_name" "unreadable"
                     // ...
    char detail[512];
    int64_t size;
    nj_us refused_us;
};
int nj_refused_insert(struct nj_db *db, const struct nj_refused_row *row, struct nj_error *err);
struct nj_refused_filter {
    int64_t before_id; // cursor; 0: from the newest
    size_t limit;      // 1..1000
};
// Newest first; *out is malloc'd (free()).
int nj_refused_list(struct nj_db *db, const struct nj_refused_filter *filter,
                    struct nj_refused_row **out, size_t *out_count, struct nj_error *err);
// Calls `fn` for every reason; a non-zero return ends it and is returned.
int nj_refused_counts(struct nj_db *db, int (*fn)(void *arg, const char *reason, int64_t count),
                      void *arg, struct nj_error *err);

#endif
