// SPDX-License-Identifier: Apache-2.0
// The batcher: creation, the sweep over open batches, and closing all of them at shutdown.
#include "batch/batch.h"

#include "batch/batch_priv.h"
#include "health/pipeline_metrics.h"
#include "util/json_reader.h"

#include <stdlib.h>
#include <string.h>

// One pass over the open batches, as one write operation.
struct nj_batch_sweep {
    struct nj_store_op op;
    struct nj_batcher *batcher;
    bool all; // shutdown: whatever their age
    struct nj_outbox outbox;
    void (*done)(void *arg, int rc);
    void *arg;
};

static const struct nj_metric_spec closed_spec = {
    .type = NJ_COUNTER,
    .name = "batches_closed_total",
    .help = "Batches closed, by reason.",
    .label = "reason",
};

struct nj_batch_options nj_batcher_options(struct nj_batcher *batcher)
{
    pthread_mutex_lock(&batcher->lock);
    struct nj_batch_options options = batcher->options;
    pthread_mutex_unlock(&batcher->lock);
    return options;
}

void nj_batcher_set_options(struct nj_batcher *batcher, const struct nj_batch_options *options)
{
    pthread_mutex_lock(&batcher->lock);
    batcher->options = *options;
    pthread_mutex_unlock(&batcher->lock);
}

// The sweep knows arrival only: capture times may lie in the past. A slow upload of old pictures
// keeps its batch open for a window of its own. After a clock that was set back nothing would age,
// so an arrival in the future counts as idle.
static bool sweep_closes(const struct nj_batch_options *options, const struct nj_batch_row *batch,
                         nj_us now_us, enum nj_close_reason *out)
{
    if (batch->detection_count >= options->max_detections)
        *out = NJ_CLOSE_MAX_SIZE;
    else if (now_us - batch->created_us >= options->window_us)
        *out = NJ_CLOSE_TIMEOUT;
    else if (now_us - batch->arrived_us >= options->idle_us ||
             batch->arrived_us - now_us >= options->idle_us)
        *out = NJ_CLOSE_IDLE;
    else
        return false;
    return true;
}

static int sweep_apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_batch_sweep *sweep = NJ_CONTAINER_OF(op, struct nj_batch_sweep, op);
    struct nj_batch_options options = nj_batcher_options(sweep->batcher);
    struct nj_batch_row *rows = NULL;
    size_t count = 0;
    nj_outbox_reset(&sweep->outbox);
    int rc = nj_batches_list_open(db, &rows, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        enum nj_close_reason reason = NJ_CLOSE_SHUTDOWN;
        if (!sweep->all && !sweep_closes(&options, &rows[i], nj_db_now_us(db), &reason))
            continue;
        nj_batch_set_reason(&rows[i], reason);
        rc = nj_batch_close(sweep->batcher, db, &rows[i], &sweep->outbox, err);
    }
    free(rows);
    return rc;
}

static void sweep_free(struct nj_batch_sweep *sweep)
{
    nj_outbox_reset(&sweep->outbox);
    free(sweep);
}

static void sweep_done(struct nj_store_op *op)
{
    struct nj_batch_sweep *sweep = NJ_CONTAINER_OF(op, struct nj_batch_sweep, op);
    struct nj_batcher *batcher = sweep->batcher;
    if (batcher->sweep == sweep)
        batcher->sweep = NULL;
    if (op->rc == 0)
        nj_outbox_publish(&sweep->outbox, batcher->config.bus);
    else
        nj_log_at(batcher->config.log, NJ_LOG_ERROR, "Batches could not be closed",
                  NJ_TEXT("error", op->error.text));
    void (*done)(void *, int) = sweep->done;
    void *arg = sweep->arg;
    int rc = op->rc;
    sweep_free(sweep);
    if (done != NULL)
        done(arg, rc);
}

// Every closed batch passes here once its transaction is durable, whoever closed it.
static void handle_closed(const struct nj_batcher *batcher, const json_t *data)
{
    const char *id = "", *camera_id = "", *reason = "";
    int64_t count = 0, duration_ms = 0;
    if (nj_json_get_text(data, "batch_id", true, &id, NULL) != 0 ||
        nj_json_get_text(data, "camera_id", true, &camera_id, NULL) != 0 ||
        nj_json_get_text(data, "close_reason", true, &reason, NULL) != 0 ||
        nj_json_get_int(data, "detection_count", true, &count, NULL) != 0 ||
        nj_json_get_int(data, "duration_ms", true, &duration_ms, NULL) != 0)
        return; // not ours
    nj_log_at(batcher->config.log, NJ_LOG_INFO, "Batch closed", NJ_TEXT("batch_id", id),
              NJ_TEXT("camera_id", camera_id), NJ_INT("detection_count", count),
              NJ_INT("duration_ms", duration_ms), NJ_TEXT("reason", reason));
    if (batcher->config.metrics == NULL)
        return;
    nj_metric_add(nj_metrics_get(batcher->config.metrics, &closed_spec, reason), 1);
    nj_pipeline_observe(nj_pipeline_stage(batcher->config.metrics, "batch"),
                        duration_ms * NJ_US_PER_MS);
}

static void handle_message(struct nj_bus_subscriber *subscriber,
                           const struct nj_bus_message *message)
{
    struct nj_batcher *batcher = NJ_CONTAINER_OF(subscriber, struct nj_batcher, subscriber);
    json_t *json = NULL;
    if (strcmp(message->tag, "detection.batch") != 0 ||
        nj_json_parse(message->json, message->length, message->length, &json, NULL) != 0)
        return;
    handle_closed(batcher, json_object_get(json, "data"));
    json_decref(json);
}

static struct nj_batch_sweep *sweep_create(struct nj_batcher *batcher, bool all)
{
    struct nj_batch_sweep *sweep = calloc(1, sizeof *sweep);
    if (sweep == NULL)
        return NULL;
    sweep->batcher = batcher;
    sweep->all = all;
    nj_outbox_init(&sweep->outbox);
    sweep->op = (struct nj_store_op){
        .apply = sweep_apply, .done = sweep_done, .loop = batcher->config.loop};
    return sweep;
}

static void handle_sweep_timer(struct nj_timer *timer)
{
    struct nj_batcher *batcher = NJ_CONTAINER_OF(timer, struct nj_batcher, sweep_timer);
    if (batcher->sweep != NULL)
        return; // the store is slow; the next round sees the same batches
    struct nj_batch_sweep *sweep = sweep_create(batcher, false);
    if (sweep == NULL || nj_store_write(batcher->config.store, &sweep->op) != 0) {
        free(sweep); // tried again at the next round
        return;
    }
    batcher->sweep = sweep;
}

int nj_batcher_create(const struct nj_batcher_config *config, struct nj_batcher **out,
                      struct nj_error *err)
{
    struct nj_batcher *batcher = calloc(1, sizeof *batcher);
    if (batcher == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "batcher: out of memory");
    batcher->config = *config;
    batcher->options = config->options;
    pthread_mutex_init(&batcher->lock, NULL);
    nj_timer_init(&batcher->sweep_timer, config->loop, handle_sweep_timer);
    batcher->subscriber.fn = handle_message;
    nj_bus_subscribe(config->bus, &batcher->subscriber, "events");
    *out = batcher;
    return 0;
}

void nj_batcher_destroy(struct nj_batcher *batcher)
{
    if (batcher == NULL)
        return;
    nj_timer_stop(&batcher->sweep_timer);
    nj_bus_unsubscribe(&batcher->subscriber);
    pthread_mutex_destroy(&batcher->lock);
    free(batcher);
}

int nj_batcher_start(struct nj_batcher *batcher, struct nj_error *err)
{
    nj_us every_us = nj_batcher_options(batcher).check_us;
    int rc = nj_timer_start(&batcher->sweep_timer, every_us, every_us);
    return rc == 0 ? 0 : nj_error_set(err, rc, "batcher: its timer could not be started");
}

void nj_batcher_stop(struct nj_batcher *batcher)
{
    if (batcher != NULL)
        nj_timer_stop(&batcher->sweep_timer);
}

void nj_batcher_close_all(struct nj_batcher *batcher, void (*done)(void *arg, int rc), void *arg)
{
    struct nj_batch_sweep *sweep = sweep_create(batcher, true);
    int rc = NJ_E_NOMEM;
    if (sweep != NULL) {
        sweep->done = done;
        sweep->arg = arg;
        rc = nj_store_write(batcher->config.store, &sweep->op);
        if (rc == 0)
            return;
        free(sweep);
    }
    done(arg, rc);
}
