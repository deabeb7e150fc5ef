// SPDX-License-Identifier: Apache-2.0
// The sink of the pipelines: detections are stored in the batch that they belong to, the camera's
// open one or one of the fast path.
#include "batch/batch_priv.h"
#include "bus/messages.h"
#include "util/digest.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

enum {
    BATCH_ID_BYTES = 16, // 128 random bits: two batches never share an id
    JOINING_ROWS = 64,   // detections that join with one write
};

// A batch and what was added to it since it was written.
struct growing {
    struct nj_batch_row batch; // with what was added; no id: not looked up, or there is none
    int64_t ids[JOINING_ROWS]; // rows that were stored before their batch was there
    size_t count, inserted;
    nj_us oldest_us, newest_us;
};

// One call of the sink.
struct adding {
    struct nj_batcher *batcher;
    struct nj_batch_options options;
    struct nj_db *db;
    struct nj_new_detections *found;
    struct nj_outbox *outbox;
    struct nj_error *err;
    struct growing window, fast;
    bool pause_asked, paused;
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
        .pipeline_start_us = adding->found->pipeline_start_us,
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

static void add(struct growing *growing, struct nj_detection_row *row, bool inserted)
{
    const nj_us at_us = row->detected_us;
    struct nj_batch_row *batch = &growing->batch;
    bool first = growing->count == 0 && growing->inserted == 0;
    if (first || at_us < growing->oldest_us)
        growing->oldest_us = at_us;
    if (first || at_us > growing->newest_us)
        growing->newest_us = at_us;
    if (inserted)
        growing->inserted += 1;
    else
        growing->ids[growing->count++] = row->id;
    nj_text_copy(row->batch_id, sizeof row->batch_id, batch->id);
    batch->detection_count += 1;
    batch->started_us = at_us < batch->started_us ? at_us : batch->started_us;
    batch->last_activity_us = at_us > batch->last_activity_us ? at_us : batch->last_activity_us;
}

static int write_growth(const struct adding *adding, struct growing *growing)
{
    struct nj_batch_growth growth = {.detection_ids = growing->ids,
                                     .count = growing->count,
                                     .inserted = growing->inserted,
                                     .activity_us = growing->newest_us,
                                     .oldest_us = growing->oldest_us};
    if (growing->count == 0 && growing->inserted == 0)
        return 0;
    growing->count = growing->inserted = 0;
    return nj_batches_append(adding->db, growing->batch.id, &growth, adding->err);
}

enum { THERE_ALREADY = 1 }; // beside 0 and the codes of errors

// `batch_id` "": it joins a batch later.
static int insert(const struct adding *adding, struct nj_detection_row *row, const char *batch_id)
{
    row->id = 0;
    nj_text_copy(row->batch_id, sizeof row->batch_id, batch_id);
    int rc = nj_detections_insert(adding->db, row, adding->err);
    if (rc != NJ_E_EXISTS)
        return rc;
    row->batch_id[0] = '\0';
    return THERE_ALREADY;
}

// A live camera that rang a moment ago keeps quiet: its detections join the window.
static int must_pause(struct adding *adding)
{
    const struct nj_detection_row *row = &adding->found->rows[0];
    if (adding->pause_asked)
        return 0;
    adding->pause_asked = true;
    if (strcmp(row->media_type, "live") != 0 || adding->options.fast_path_pause_us == 0)
        return 0;
    return nj_batches_fast_path_since(adding->db, row->camera_id,
                                      nj_db_now_us(adding->db) - adding->options.fast_path_pause_us,
                                      &adding->paused, adding->err);
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

// All sure enough detections of one delivery share one fast-path batch: one picture, one event. It
// has its name from the first of them, which therefore joins when it is stored.
static int add_fast_path(struct adding *adding, struct nj_detection_row *row)
{
    struct growing *fast = &adding->fast;
    bool is_open = fast->batch.id[0] != '\0';
    int rc = insert(adding, row, fast->batch.id);
    if (rc == 0 && !is_open)
        rc = open_fast_path(adding, row, &fast->batch);
    if (rc == 0)
        add(fast, row, is_open);
    return rc;
}

static int end_fast_path(struct adding *adding)
{
    struct growing *fast = &adding->fast;
    if (fast->batch.id[0] == '\0')
        return 0;
    int rc = write_growth(adding, fast);
    return rc != 0 ? rc
                   : nj_batch_hand_over(adding->batcher, adding->db, &fast->batch, adding->outbox,
                                        adding->err);
}

static int close_window(struct adding *adding, enum nj_close_reason reason)
{
    struct growing *window = &adding->window;
    int rc = write_growth(adding, window);
    nj_batch_set_reason(&window->batch, reason);
    if (rc == 0)
        rc = nj_batch_close(adding->batcher, adding->db, &window->batch, adding->outbox,
                            adding->err);
    window->batch.id[0] = '\0';
    return rc;
}

// Looks for the camera's open batch. *out: the row belongs into it.
static int look_for_window(struct adding *adding, const struct nj_detection_row *row, bool *out)
{
    struct nj_batch_row *batch = &adding->window.batch;
    enum nj_close_reason reason;
    int rc = batch->id[0] != '\0'
                 ? 0
                 : nj_batches_open_of(adding->db, row->camera_id, batch, adding->err);
    *out = rc == 0 && !nj_batch_is_over(&adding->options, batch, row->detected_us, &reason);
    return rc == NJ_E_NOT_FOUND ? 0 : rc;
}

// A batch for a row that fits into none: the one that is over is closed.
static int renew_window(struct adding *adding, const struct nj_detection_row *row)
{
    struct nj_batch_row *batch = &adding->window.batch;
    enum nj_close_reason reason;
    int rc = 0;
    if (batch->id[0] != '\0' &&
        nj_batch_is_over(&adding->options, batch, row->detected_us, &reason))
        rc = close_window(adding, reason);
    return rc != 0 ? rc : open_batch(adding, row, batch);
}

static int add_to_window(struct adding *adding, struct nj_detection_row *row)
{
    struct growing *window = &adding->window;
    bool fits = false;
    int rc = look_for_window(adding, row, &fits);
    if (rc == 0)
        rc = insert(adding, row, fits ? window->batch.id : "");
    if (rc == 0 && !fits)
        rc = renew_window(adding, row); // not before: a row that is there already opens nothing
    if (rc != 0)
        return rc;
    add(window, row, fits);
    if (window->batch.detection_count >= adding->options.max_detections)
        return close_window(adding, NJ_CLOSE_MAX_SIZE);
    return window->count == JOINING_ROWS ? write_growth(adding, window) : 0;
}

static int add_row(struct adding *adding, struct nj_detection_row *row)
{
    bool fast = takes_fast_path(adding, row);
    int rc = fast ? must_pause(adding) : 0;
    if (rc != 0)
        return rc;
    rc = fast && !adding->paused ? add_fast_path(adding, row) : add_to_window(adding, row);
    if (rc == THERE_ALREADY)
        return 0; // of an earlier delivery: it keeps its batch, and was told of
    if (rc != 0)
        return rc;
    adding->found->fresh += 1;
    return nj_message_detection_new(adding->outbox, row, nj_db_now_us(adding->db));
}

static int store(void *context, struct nj_db *db, struct nj_new_detections *found,
                 struct nj_outbox *outbox, struct nj_error *err)
{
    struct nj_batcher *batcher = context;
    struct adding adding = {.batcher = batcher,
                            .options = nj_batcher_options(batcher),
                            .db = db,
                            .found = found,
                            .outbox = outbox,
                            .err = err};
    int rc = 0;
    found->fresh = 0;
    for (size_t i = 0; rc == 0 && i < found->count; i++)
        rc = add_row(&adding, &found->rows[i]);
    if (rc == 0)
        rc = end_fast_path(&adding);
    return rc != 0 ? rc : write_growth(&adding, &adding.window);
}

struct nj_detection_sink nj_batcher_sink(struct nj_batcher *batcher)
{
    return (struct nj_detection_sink){.store = store, .context = batcher};
}
