// SPDX-License-Identifier: Apache-2.0
// What pipelines save where no Redis and no PostgreSQL is configured: records by table and key, and
// images by key with an end of life. Tables "pipeline_records" and "saved_images".
#ifndef NJ_STORAGE_STORE_RECORDS_H
#define NJ_STORAGE_STORE_RECORDS_H

#include "storage/foreign.h"
#include "storage/store.h"
#include "util/buf.h"

enum {
    NJ_RECORD_TABLE_SIZE = 130,
    NJ_RECORD_KEY_SIZE = 256,
    NJ_RECORD_JSON_MAX = 65536,
    NJ_IMAGE_KEY_SIZE = 512,
    NJ_IMAGE_PATH_SIZE = 1024,
    NJ_RECORDS_PAGE_MAX = 500
};

// As the foreign writer would do it, on the embedded store: a record is a JSON object of its
// columns, into which a change is merged; the time now is ISO 8601 in UTC. Table names mean the
// same with and without the schema that the foreign writer adds. Inside a write operation.
// NJ_E_INVALID, NJ_E_TOO_BIG (key or record), NJ_E_NOT_FOUND (an update of nothing).
int nj_records_write(struct nj_db *db, const struct nj_foreign_write *write, struct nj_error *err);

struct nj_record_row {
    char table[NJ_RECORD_TABLE_SIZE], key[NJ_RECORD_KEY_SIZE];
    char *json; // malloc'd
    nj_us created_us, updated_us;
};
void nj_record_row_finish(struct nj_record_row *row);
// NJ_E_NOT_FOUND. The caller finishes the row.
int nj_records_get(struct nj_db *db, const char *table, const char *key, struct nj_record_row *out,
                   struct nj_error *err);
int nj_records_count(struct nj_db *db, const char *table, int64_t *out, struct nj_error *err);
struct nj_records_query {
    const char *table; // NULL: all
    int64_t before_id; // 0: from the newest
    int64_t limit;     // at most NJ_RECORDS_PAGE_MAX and one, by which more are seen
};
// Calls `see` for each, newest first; its negative return ends the list and is returned.
int nj_records_list(struct nj_db *db, const struct nj_records_query *query,
                    int (*see)(const struct nj_record_row *row, int64_t id, void *arg), void *arg,
                    struct nj_error *err);

struct nj_image_row {
    char key[NJ_IMAGE_KEY_SIZE];
    char path[NJ_IMAGE_PATH_SIZE]; // below the media folder
    char type[32];                 // "image/jpeg"
    int64_t bytes;
    nj_us created_us, expires_us; // 0: never
};
// The file lies there already; an older one of the same key is replaced, its path goes to
// `out_replaced` ("" none) for the caller to delete after the commit. Retention takes files that
// rows name for no orphans. NJ_E_INVALID: a key that is empty or not text.
int nj_images_put(struct nj_db *db, const struct nj_image_row *row,
                  char out_replaced[NJ_IMAGE_PATH_SIZE], struct nj_error *err);
int nj_images_get(struct nj_db *db, const char *key, struct nj_image_row *out,
                  struct nj_error *err); // NJ_E_NOT_FOUND also when expired
// NJ_E_NOT_FOUND.
int nj_images_delete(struct nj_db *db, const char *key, char out_path[NJ_IMAGE_PATH_SIZE],
                     struct nj_error *err);
// At most `limit` of the expired, those that expired first; the caller deletes files, then rows.
struct nj_images_query {
    nj_us now_us;
    int64_t limit;
};
int nj_images_expired(struct nj_db *db, const struct nj_images_query *query,
                      int (*see)(const struct nj_image_row *row, void *arg), void *arg,
                      struct nj_error *err);

#endif
