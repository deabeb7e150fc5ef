// SPDX-License-Identifier: Apache-2.0
// Table sources: live cameras that people added while the program runs, beside those of the
// configuration.
#ifndef NJ_STORAGE_STORE_SOURCES_H
#define NJ_STORAGE_STORE_SOURCES_H

#include "storage/store.h"
#include "storage/store_cameras.h"

enum { NJ_SOURCE_ENTRY_SIZE = 16384 };

struct nj_source_row {
    char id[NJ_CAMERA_ID_SIZE];
    // JSON as it was accepted, secrets included; "": the row only says that a source of the
    // configuration is paused.
    char entry[NJ_SOURCE_ENTRY_SIZE];
    bool paused;
    int64_t version; // from 1; grows with each change
    nj_us created_us, updated_us;
};

// Inside write operations. NJ_E_EXISTS; the row's version and times are set by the store.
int nj_sources_insert(struct nj_db *db, const char *id, const char *entry, struct nj_error *err);
// NJ_E_NOT_FOUND.
int nj_sources_update(struct nj_db *db, const char *id, const char *entry, struct nj_error *err);
// Of any source, also one of the configuration.
int nj_sources_set_paused(struct nj_db *db, const char *id, bool paused, struct nj_error *err);
int nj_sources_delete(struct nj_db *db, const char *id, struct nj_error *err);
// All, by id; *out is malloc'd (free()).
int nj_sources_list(struct nj_db *db, struct nj_source_row **out, size_t *out_count,
                    struct nj_error *err);

#endif
