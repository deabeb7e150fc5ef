// SPDX-License-Identifier: Apache-2.0
// Closing a batch: state, analysis_queue and message in one transaction.
#include "batch/batch_priv.h"
#include "bus/messages.h"
#include "util/json_writer.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { PAYLOAD_MAX = 200 * 1024 };

static const char *reason_name(enum nj_close_reason reason)
{
    static const char *const names[] = {"timeout", "idle", "max_size", "shutdown", "fast_path"};
    return names[reason];
}

void nj_batch_set_reason(struct nj_batch_row *batch, enum nj_close_reason reason)
{
    nj_text_copy(batch->close_reason, sizeof batch->close_reason, reason_name(reason));
}

bool nj_batch_is_over(const struct nj_batch_options *options, const struct nj_batch_row *batch,
                      nj_us activity_us, enum nj_close_reason *out)
{
    // Pictures may come out of order: the span is what the batch would cover with this one.
    nj_us first = activity_us < batch->started_us ? activity_us : batch->started_us;
    nj_us last = activity_us > batch->last_activity_us ? activity_us : batch->last_activity_us;
    if (batch->detection_count >= options->max_detections)
        *out = NJ_CLOSE_MAX_SIZE;
    else if (last - first >= options->window_us)
        *out = NJ_CLOSE_TIMEOUT;
    else if (activity_us - batch->last_activity_us >= options->idle_us ||
             batch->started_us - activity_us >= options->idle_us)
        *out = NJ_CLOSE_IDLE;
    else
        return false;
    return true;
}

// {"batch_id","camera_id","detection_ids","timestamp","pipeline_start_time","reason"}
static int put_payload(struct nj_batcher *batcher, struct nj_db *db,
                       const struct nj_batch_row *batch, const int64_t *ids, struct nj_error *err)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, PAYLOAD_MAX);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "batch_id", batch->id);
    nj_json_text(&writer, "camera_id", batch->camera_id);
    nj_json_array_begin(&writer, "detection_ids");
    for (int64_t i = 0; i < batch->detection_count; i++)
        nj_json_int(&writer, NULL, ids[i]);
    nj_json_array_end(&writer);
    nj_json_number(&writer, "timestamp", (double)nj_db_now_us(db) / NJ_US_PER_S);
    nj_json_time(&writer, "pipeline_start_time", batch->pipeline_start_us);
    nj_json_text(&writer, "reason", batch->close_reason);
    nj_json_object_end(&writer);
    int rc = nj_buf_failed(&buf);
    if (rc != 0)
        rc = nj_error_set(err, rc, "batch %s: its queue entry is too large", batch->id);
    bool fast = strcmp(batch->close_reason, reason_name(NJ_CLOSE_FAST_PATH)) == 0;
    if (rc == 0)
        rc = nj_work_queue_put(batcher->config.analysis_queue, db,
                               &(struct nj_work_put){
                                   .payload = buf.data,
                                   .unique_key = batch->id,
                                   .priority = fast ? NJ_FAST_PATH_PRIORITY : NJ_BATCH_PRIORITY,
                               },
                               err);
    nj_buf_finish(&buf);
    return rc == NJ_E_EXISTS ? 0 : rc; // the entry waits already
}

int nj_batch_hand_over(struct nj_batcher *batcher, struct nj_db *db,
                       const struct nj_batch_row *batch, struct nj_outbox *outbox,
                       struct nj_error *err)
{
    int64_t *ids = NULL;
    size_t count = 0;
    int rc = nj_batches_detection_ids(db, batch->id, &ids, &count, err);
    if (rc != 0)
        return rc;
    struct nj_batch_row counted = *batch;
    counted.detection_count = (int64_t)count;
    rc = put_payload(batcher, db, &counted, ids, err);
    if (rc == 0)
        rc = nj_message_detection_batch(outbox, &counted, ids, nj_db_now_us(db));
    free(ids);
    return rc;
}

int nj_batch_close(struct nj_batcher *batcher, struct nj_db *db, struct nj_batch_row *batch,
                   struct nj_outbox *outbox, struct nj_error *err)
{
    int rc = nj_batches_close(db, batch->id, batch->close_reason, err);
    if (rc != 0)
        return rc;
    batch->closed_us = nj_db_now_us(db);
    return nj_batch_hand_over(batcher, db, batch, outbox, err);
}
