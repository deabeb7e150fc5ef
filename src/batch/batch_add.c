// SPDX-License-Identifier: Apache-2.0
// The sink of the pipelines: detections join a batch, or take the fast path, in the transaction
// that stores them.
#include "batch/batch_priv.h"
#include "bus/messages.h"
#include "util/digest.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

enum {
    BATCH_ID_BYTES = 16, // 128 random bits: two batches never share an id
    WINDOW_ROWS = 64,    // detections written at once
};

// One call of the sink.
struct adding {
    struct nj_batcher *batcher;
    struct nj_batch_options options;
    struct nj_db *db;
    const struct nj_stored_detections *stored;
    struct nj_outbox *outbox;
    struct nj_error *err;
};

static bool takes_fast_path(const struct adding *adding, const struct nj_detection_row *row)
{
    double threshold = adding->options.fast_path_threshold;
    if (threshold < 0)
        threshold = adding->batcher->config.model_fast_path_threshold;
    if (row->confidence < threshold)
        return false;
    const struct nj_text_list *types = &adding->options.fast_path_types;
    for (size_t i = 0; i < types->count; i++)
        if (nj_text_equal_nocase(types->items[i], row->object_type))
            return true;
    return false;
}

static void describe_batch(const struct adding *adding, const struct nj_detection_row *row,
                           struct nj_batch_row *out)
{
    *out = (struct nj_batch_row){
        .started_us = row->detected_us,
        .last_activity_us = row->detected_us,
        .arrived_us = nj_db_now_us(adding->db),
        .created_us = nj_db_now_us(adding->db),
        .pipeline_start_us = adding->stored->pipeline_start_us,
    };
    nj_text_copy(out->camera_id, sizeof out->camera_id, row->camera_id);
}

static int open_batch(const struct adding *adding, const struct nj_detection_row *row,
                      struct nj_batch_row *out)
{
    describe_batch(adding, row, out);
    nj_text_copy(out->state, sizeof out->state, "open");
    int rc = nj_random_hex(out->id, BATCH_ID_BYTES);
    if (rc != 0)
        return nj_error_set(adding->err, rc, "no random bytes for a batch id");
    return nj_batches_insert(adding->db, out, adding->err);
}

static int join_batch(const struct adding *adding, struct nj_detection_row *row,
                      const struct nj_batch_row *batch)
{
    struct nj_batch_growth growth = {.detection_ids = &row->id,
                                     .count = 1,
                                     .activity_us = row->detected_us,
                                     .oldest_us = row->detected_us};
    int rc = nj_batches_append(adding->db, batch->id, &growth, adding->err);
    if (rc == 0)
        nj_text_copy(row->batch_id, sizeof row->batch_id, batch->id);
    return rc;
}

// A live camera that rang a moment ago keeps quiet: its detections join the window.
static int must_pause(const struct adding *adding, bool *out)
{
    const struct nj_detection_row *row = &adding->stored->rows[0];
    *out = false;
    if (strcmp(row->media_type, "live") != 0 || adding->options.fast_path_pause_us == 0)
        return 0;
    return nj_batches_fast_path_since(adding->db, row->camera_id,
                                      nj_db_now_us(adding->db) - adding->options.fast_path_pause_us,
                                      out, adding->err);
}

static int open_fast_path(const struct adding *adding, const struct nj_detection_row *row,
                          struct nj_batch_row *batch)
{
    describe_batch(adding, row, batch);
    snprintf(batch->id, sizeof batch->id, "fast_path_%lld", (long long)row->id);
    nj_text_copy(batch->state, sizeof batch->state, "closed");
    nj_batch_set_reason(batch, NJ_CLOSE_FAST_PATH);
    batch->closed_us = batch->created_us;
    return nj_batches_insert(adding->db, batch, adding->err);
}

// All sure enough detections of one delivery share one fast-path batch: one picture, one event.
static int add_fast_path(const struct adding *adding)
{
    struct nj_batch_row batch = {0};
    bool paused = false, asked = false;
    for (size_t i = 0; i < adding->stored->count; i++) {
        struct nj_detection_row *row = &adding->stored->rows[i];
        if (!takes_fast_path(adding, row))
            continue;
        int rc = asked ? 0 : must_pause(adding, &paused);
        asked = true;
        if (rc == 0 && paused)
            return 0;
        if (rc == 0 && batch.id[0] == '\0')
            rc = open_fast_path(adding, row, &batch);
        if (rc == 0)
            rc = join_batch(adding, row, &batch);
        if (rc != 0)
            return rc;
        batch.detection_count += 1;
    }
    if (batch.id[0] == '\0')
        return 0;
    return nj_batch_hand_over(adding->batcher, adding->db, &batch, adding->outbox, adding->err);
}

// The camera's open batch, and the detections that join it with one write.
struct window {
    struct nj_batch_row batch; // with what joined; no id: not looked up yet
    int64_t ids[WINDOW_ROWS];
    size_t count;
    nj_us oldest_us, newest_us;
};

static int write_window(const struct adding *adding, struct window *window)
{
    struct nj_batch_growth growth = {.detection_ids = window->ids,
                                     .count = window->count,
                                     .activity_us = window->newest_us,
                                     .oldest_us = window->oldest_us};
    if (window->count == 0)
        return 0;
    window->count = 0;
    return nj_batches_append(adding->db, window->batch.id, &growth, adding->err);
}

static int close_window(const struct adding *adding, struct window *window,
                        enum nj_close_reason reason)
{
    int rc = write_window(adding, window);
    nj_batch_set_reason(&window->batch, reason);
    if (rc == 0)
        rc = nj_batch_close(adding->batcher, adding->db, &window->batch, adding->outbox,
                            adding->err);
    window->batch.id[0] = '\0';
    return rc;
}

// Makes window->batch the one that `row` belongs to; closes the one that is over.
static int find_window(const struct adding *adding, const struct nj_detection_row *row,
                       struct window *window)
{
    enum nj_close_reason reason;
    int rc = 0;
    if (window->batch.id[0] == '\0')
        rc = nj_batches_open_of(adding->db, row->camera_id, &window->batch, adding->err);
    if (rc == NJ_E_NOT_FOUND)
        return open_batch(adding, row, &window->batch);
    if (rc != 0 || !nj_batch_is_over(&adding->options, &window->batch, row->detected_us, &reason))
        return rc;
    rc = close_window(adding, window, reason);
    return rc != 0 ? rc : open_batch(adding, row, &window->batch);
}

static int add_to_window(const struct adding *adding, struct nj_detection_row *row,
                         struct window *window)
{
    int rc = find_window(adding, row, window);
    if (rc != 0)
        return rc;
    struct nj_batch_row *batch = &window->batch;
    const nj_us at_us = row->detected_us;
    if (window->count == 0 || at_us < window->oldest_us)
        window->oldest_us = at_us;
    if (window->count == 0 || at_us > window->newest_us)
        window->newest_us = at_us;
    window->ids[window->count++] = row->id;
    nj_text_copy(row->batch_id, sizeof row->batch_id, batch->id);
    batch->detection_count += 1;
    batch->started_us = at_us < batch->started_us ? at_us : batch->started_us;
    batch->last_activity_us = at_us > batch->last_activity_us ? at_us : batch->last_activity_us;
    if (batch->detection_count >= adding->options.max_detections)
        return close_window(adding, window, NJ_CLOSE_MAX_SIZE);
    return window->count == WINDOW_ROWS ? write_window(adding, window) : 0;
}

static int stored(void *context, struct nj_db *db, const struct nj_stored_detections *stored,
                  struct nj_outbox *outbox, struct nj_error *err)
{
    struct nj_batcher *batcher = context;
    struct adding adding = {batcher, nj_batcher_options(batcher), db, stored, outbox, err};
    for (size_t i = 0; i < stored->count; i++)
        stored->rows[i].batch_id[0] = '\0'; // this may be the second run
    struct window window = {.count = 0};
    int rc = add_fast_path(&adding);
    for (size_t i = 0; rc == 0 && i < stored->count; i++) {
        struct nj_detection_row *row = &stored->rows[i];
        if (row->batch_id[0] == '\0')
            rc = add_to_window(&adding, row, &window);
        if (rc == 0)
            rc = nj_message_detection_new(outbox, row, nj_db_now_us(db));
    }
    return rc != 0 ? rc : write_window(&adding, &window);
}

struct nj_detection_sink nj_batcher_sink(struct nj_batcher *batcher)
{
    return (struct nj_detection_sink){.stored = stored, .context = batcher};
}
