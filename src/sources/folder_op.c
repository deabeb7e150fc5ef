// SPDX-License-Identifier: Apache-2.0
// The accept transaction: dedupe mark, memory of the file, camera and queue entry, all or nothing.
#include "sources/folder_priv.h"

#include "health/pipeline_metrics.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAYLOAD_MAX_BYTES = 64 * 1024, // a path of 4096 bytes, escaped, is far below
    FULL_WAIT_US = 100 * NJ_US_PER_MS,
    FAILED_WAIT_US = NJ_US_PER_S,
};

int nj_folder_ops_init(struct nj_folder_source *source)
{
    source->ops = calloc(NJ_FOLDER_OPS, sizeof *source->ops);
    if (!source->ops)
        return NJ_E_NOMEM;
    for (size_t i = NJ_FOLDER_OPS; i-- > 0;) {
        struct nj_folder_op *op = &source->ops[i];
        op->source = source;
        nj_buf_init(&op->payload, PAYLOAD_MAX_BYTES);
        op->next = source->free_ops;
        source->free_ops = op;
    }
    return 0;
}

void nj_folder_ops_finish(struct nj_folder_source *source)
{
    for (size_t i = 0; source->ops && i < NJ_FOLDER_OPS; i++)
        nj_buf_finish(&source->ops[i].payload);
    free(source->ops);
    source->ops = NULL;
}

void nj_folder_op_release(struct nj_folder_source *source, struct nj_folder_op *op)
{
    op->next = source->free_ops;
    source->free_ops = op;
}

static int remember(struct nj_db *db, const struct nj_folder_verdict *verdict, struct nj_error *err)
{
    if (!verdict->keep)
        return 0;
    return nj_seen_files_put(db, verdict->item.file_path, verdict->size, verdict->mtime_ns, err);
}

// Called from: the store's thread.
static int apply_refusal(struct nj_store_op *store_op, struct nj_db *db, struct nj_error *err)
{
    struct nj_folder_op *op = NJ_CONTAINER_OF(store_op, struct nj_folder_op, op);
    const struct nj_folder_verdict *verdict = &op->verdict;
    struct nj_refused_row row = {.size = verdict->size, .refused_us = nj_db_now_us(db)};
    memcpy(row.path, verdict->item.file_path, sizeof row.path);
    memcpy(row.camera_id, verdict->item.camera_id, sizeof row.camera_id);
    memcpy(row.reason, verdict->reason, sizeof row.reason);
    memcpy(row.detail, verdict->detail, sizeof row.detail);
    int rc = nj_refused_insert(db, &row, err);
    return rc == 0 ? remember(db, verdict, err) : rc;
}

static int put(struct nj_folder_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_work_queue *queue = op->source->config.queue;
    const struct nj_work_put put = {.payload = op->payload.data};
    // Whatever the queue's own policy: files wait better on the disk than as dead letters.
    if (nj_work_queue_is_full(queue))
        return nj_error_set(err, NJ_E_FULL, "%s is full: new files wait in their folders",
                            nj_work_queue_name(queue));
    return nj_work_queue_put(queue, db, &put, err);
}

// Called from: the store's thread; may run twice.
static int apply_upload(struct nj_store_op *store_op, struct nj_db *db, struct nj_error *err)
{
    struct nj_folder_op *op = NJ_CONTAINER_OF(store_op, struct nj_folder_op, op);
    const struct nj_upload_item *item = &op->verdict.item;
    nj_us ttl_us = op->source->options->dedupe_ttl_us;
    op->camera_created = false;
    const struct nj_camera_identity camera = {item->camera_id, op->verdict.camera_name, "folder"};
    int rc = nj_cameras_ensure(db, &camera, &op->camera_created, err);
    if (rc == 0)
        rc = nj_cameras_touch(db, item->camera_id, nj_db_now_us(db), NULL, err);
    if (rc == 0)
        rc = nj_dedupe_mark(db, item->file_hash, item->file_path, ttl_us, err);
    op->duplicate = rc == NJ_E_EXISTS;
    if (rc == 0)
        rc = put(op, db, err);
    else if (op->duplicate)
        rc = nj_dedupe_note_copy(db, item->file_hash, op->payload.data, err);
    return rc == 0 ? remember(db, &op->verdict, err) : rc;
}

// Called from: the store's thread.
static void handle_done(struct nj_store_op *store_op)
{
    struct nj_folder_op *op = NJ_CONTAINER_OF(store_op, struct nj_folder_op, op);
    struct nj_folder_source *source = op->source;
    pthread_mutex_lock(&source->mutex);
    bool first = source->done_ops == NULL;
    op->next = source->done_ops;
    source->done_ops = op;
    // Under the lock: the folder's thread may end, and the source with it, once it has the last op.
    if (first)
        nj_folder_wake(source);
    pthread_mutex_unlock(&source->mutex);
}

int nj_folder_op_submit(struct nj_folder_source *source, struct nj_folder_op *op)
{
    struct nj_folder_verdict *verdict = &op->verdict;
    bool refused = verdict->reason[0] != '\0';
    // No flush: nobody is told before the rows are stored, which is flushed, and what a loss of
    // power takes back is found again by the scan, because file memory and queue entry go together.
    op->op = (struct nj_store_op){
        .apply = refused ? apply_refusal : apply_upload,
        .done = handle_done,
        .relaxed = true,
    };
    op->duplicate = op->camera_created = false;
    nj_buf_reset(&op->payload);
    if (!refused) {
        nj_upload_item_to_json(&verdict->item, &op->payload);
        if (nj_buf_failed(&op->payload) != 0)
            return nj_buf_failed(&op->payload);
        if (nj_strmap_set(source->cameras, verdict->item.camera_id, source) != 0)
            return NJ_E_NOMEM;
    }
    // From now on the same file is no news, whatever else tells of it.
    int rc = nj_seen_set_add(&source->seen, verdict->key);
    if (rc == 0)
        rc = nj_store_write(source->config.store, &op->op);
    if (rc != 0) {
        nj_seen_set_remove(&source->seen, verdict->key);
        return rc;
    }
    source->ops_under_way++;
    if (!refused)
        nj_work_queue_expect(source->config.queue);
    return 0;
}

void nj_folder_hold(struct nj_folder_source *source, nj_us wait_us, const char *problem)
{
    source->probing = true;
    source->retry_at_us = nj_mono_us(source->clock) + wait_us;
    nj_folder_set_problem(source, problem);
}

static void count_done(struct nj_folder_source *source, const struct nj_folder_op *op)
{
    struct nj_folder_stats *stats = &source->stats;
    const struct nj_folder_verdict *verdict = &op->verdict;
    bool refused = verdict->reason[0] != '\0';
    nj_folder_count(source, refused         ? &stats->refused
                            : op->duplicate ? &stats->duplicates
                                            : &stats->accepted);
    if (refused)
        nj_pipeline_refuse(source->config.metrics, verdict->reason);
    else if (source->config.metrics)
        nj_metric_add(op->duplicate ? source->metrics.duplicates : source->metrics.accepted, 1);
    if (refused) {
        char path[NJ_STORE_PATH_SIZE];
        nj_text_printable(path, sizeof path, verdict->item.file_path);
        nj_log_at(source->log, NJ_LOG_WARNING, "File refused", NJ_TEXT("reason", verdict->reason),
                  NJ_TEXT("detail", verdict->detail), NJ_TEXT("path", path));
    } else {
        nj_folder_tell_camera(source, verdict->item.camera_id, op->camera_created);
    }
}

static void finish(struct nj_folder_source *source, struct nj_folder_op *op)
{
    if (op->op.rc == 0) {
        count_done(source, op);
        free(op->file);
        if (source->probing) {
            source->probing = false;
            source->retry_at_us = 0;
            nj_folder_set_problem(source, "");
        }
    } else {
        bool full = op->op.rc == NJ_E_FULL;
        nj_seen_set_remove(&source->seen, op->verdict.key);
        nj_folder_put_back(source, op->file, full);
        nj_folder_hold(source, full ? FULL_WAIT_US : FAILED_WAIT_US, op->op.error.text);
        if (full)
            nj_folder_count(source, &source->stats.pushed_back);
        if (full && source->metrics.pushed_back)
            nj_metric_add(source->metrics.pushed_back, 1);
    }
    op->file = NULL;
    source->ops_under_way--;
    nj_folder_op_release(source, op);
}

void nj_folder_ops_collect(struct nj_folder_source *source)
{
    pthread_mutex_lock(&source->mutex);
    struct nj_folder_op *newest = source->done_ops;
    source->done_ops = NULL;
    pthread_mutex_unlock(&source->mutex);
    struct nj_folder_op *oldest = NULL;
    while (newest) {
        struct nj_folder_op *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct nj_folder_op *next = oldest->next;
        finish(source, oldest);
        oldest = next;
    }
}
