// SPDX-License-Identifier: Apache-2.0
// Retention of rows: which are old, deleting them in batches, counting them.
#include "storage/retention_priv.h"
#include "storage/sql_priv.h"
#include "util/mem.h"

#include <stdlib.h>
#include <sys/stat.h>

#define OLD_EVENT "started_us < ?1 AND created_us < ?1"
#define YOUNG_EVENT_OF(batch)                                                                      \
    "EXISTS (SELECT 1 FROM events e WHERE e.batch_id = " batch                                     \
    " AND NOT (e.started_us < ?1 AND e.created_us < ?1))"
#define OLD_DETECTION                                                                              \
    "d.detected_us < ?1 AND d.created_us < ?1 AND EXISTS (SELECT 1 FROM batches b"                 \
    " WHERE b.id = d.batch_id AND b.state = 'analysed') AND NOT " YOUNG_EVENT_OF("d.batch_id")
#define OLD_BATCH                                                                                  \
    "b.state = 'analysed' AND b.closed_us < ?1 AND b.created_us < ?1"                              \
    " AND NOT " YOUNG_EVENT_OF("b.id") " AND NOT EXISTS (SELECT 1 FROM detections d"               \
                                       " WHERE d.batch_id = b.id"                                  \
                                       " AND NOT (d.detected_us < ?1 AND d.created_us < ?1))"

// One batch of one kind of row.
struct batch_op {
    struct nj_store_op op;
    struct nj_retention_run *run;
    const char *sql; // changes with cutoff and limit
    nj_us cutoff_us;
    int64_t after_us, after_id; // detections: how far the batches before came
    int64_t next_us, next_id;
    int64_t changes;
    bool finished;
};

static int delete_simple(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct batch_op *self = NJ_CONTAINER_OF(op, struct batch_op, op);
    struct nj_sql sql;
    int rc = nj_sql_begin(&sql, db, self->sql, err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, self->cutoff_us);
    nj_sql_put_int(&sql, NJ_RETENTION_BATCH);
    rc = nj_sql_run(&sql, &self->changes, err);
    self->finished = self->changes < NJ_RETENTION_BATCH;
    return rc;
}

// A detection that goes.
struct victim {
    int64_t id, track_id;
    nj_us detected_us;
    char camera_id[NJ_CAMERA_ID_SIZE];
    struct nj_file_note file; // unchanged since the row was stored
};

static void read_victim(struct nj_sql *sql, void *row)
{
    struct victim *out = row;
    out->id = nj_sql_get_int(sql);
    out->track_id = nj_sql_get_int(sql);
    out->detected_us = nj_sql_get_int(sql);
    nj_sql_get_text(sql, out->camera_id, sizeof(out->camera_id));
    nj_sql_get_text(sql, out->file.path, sizeof(out->file.path));
    out->file.is_upload = nj_sql_get_int(sql) != 0;
    out->file.unchanged_since_us = nj_sql_get_int(sql);
}

static const struct nj_sql_rows victim_rows = {sizeof(struct victim), read_victim};

static int select_victims(struct nj_db *db, const struct batch_op *batch, struct victim **out,
                          size_t *out_count, struct nj_error *err)
{
    struct nj_sql sql;
    void *rows = NULL;
    int rc = nj_sql_begin(&sql, db,
                          "SELECT d.id, d.track_id, d.detected_us, d.camera_id, d.file_path,"
                          " d.file_is_upload, d.created_us FROM detections d WHERE " OLD_DETECTION
                          " AND (d.detected_us, d.id) > (?2, ?3)"
                          " ORDER BY d.detected_us, d.id LIMIT ?4",
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, batch->cutoff_us);
    nj_sql_put_int(&sql, batch->after_us);
    nj_sql_put_int(&sql, batch->after_id);
    nj_sql_put_int(&sql, NJ_RETENTION_BATCH);
    rc = nj_sql_collect(&sql, &victim_rows, &rows, out_count, err);
    if (rc == 0)
        *out = rows;
    return rc;
}

// The camera remembers the highest track, so that its number is not given again.
static int keep_track(struct nj_db *db, const struct victim *victim, struct nj_error *err)
{
    struct nj_sql sql;
    if (victim->track_id <= 0)
        return 0;
    int rc = nj_sql_begin(
        &sql, db, "UPDATE cameras SET last_track_id = ?1 WHERE id = ?2 AND last_track_id < ?1",
        err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, victim->track_id);
    nj_sql_put_text(&sql, victim->camera_id);
    return nj_sql_run(&sql, NULL, err);
}

static int delete_victim(struct nj_db *db, const struct victim *victim, bool delete_images,
                         struct nj_error *err)
{
    struct nj_sql sql;
    int rc = keep_track(db, victim, err);
    if (rc == 0 && victim->file.path[0] != '\0' && (!victim->file.is_upload || delete_images))
        rc = nj_file_notes_put(db, &victim->file, err);
    if (rc == 0)
        rc = nj_sql_begin(&sql, db, "DELETE FROM detections WHERE id = ?1", err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, victim->id);
    return nj_sql_run(&sql, NULL, err);
}

static int delete_detections(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct batch_op *self = NJ_CONTAINER_OF(op, struct batch_op, op);
    struct victim *victims = NULL;
    size_t count = 0;
    int rc = select_victims(db, self, &victims, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = delete_victim(db, &victims[i], self->run->task->options->delete_images, err);
        self->next_us = victims[i].detected_us;
        self->next_id = victims[i].id;
    }
    free(victims);
    self->changes = (int64_t)count;
    self->finished = count < NJ_RETENTION_BATCH;
    return rc;
}

// Repeats until a batch is not full. Grows *counter by what was committed.
static int repeat(struct batch_op *batch, int64_t *counter, struct nj_error *err)
{
    batch->finished = false;
    while (!batch->finished) {
        int rc = nj_retention_check(batch->run, err);
        if (rc == 0)
            rc = nj_store_write_wait(batch->run->task->store, &batch->op, err);
        if (rc != 0)
            return rc;
        *counter += batch->changes;
        batch->after_us = batch->next_us;
        batch->after_id = batch->next_id;
    }
    return 0;
}

static int delete_kind(struct nj_retention_run *run, const char *text, nj_us cutoff_us,
                       int64_t *counter, struct nj_error *err)
{
    struct batch_op batch = {
        .op = {.apply = delete_simple}, .run = run, .sql = text, .cutoff_us = cutoff_us};
    return repeat(&batch, counter, err);
}

int nj_retention_delete_rows(struct nj_retention_run *run, struct nj_error *err)
{
    struct nj_retention_report *report = &run->report;
    int64_t marks = 0;
    int rc = delete_kind(run,
                         "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE " OLD_EVENT
                         " ORDER BY started_us LIMIT ?2)",
                         run->cutoff_us, &report->events, err);
    struct batch_op batch = {.op = {.apply = delete_detections},
                             .run = run,
                             .cutoff_us = run->cutoff_us,
                             .after_us = INT64_MIN};
    if (rc == 0)
        rc = repeat(&batch, &report->detections, err);
    if (rc == 0)
        rc = delete_kind(run,
                         "DELETE FROM batches WHERE id IN (SELECT b.id FROM batches b"
                         " WHERE " OLD_BATCH " ORDER BY b.closed_us LIMIT ?2)",
                         run->cutoff_us, &report->batches, err);
    if (rc == 0)
        rc = delete_kind(run,
                         "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters"
                         " WHERE created_us < ?1 ORDER BY created_us LIMIT ?2)",
                         run->log_cutoff_us, &report->logs, err);
    if (rc == 0)
        rc = delete_kind(run,
                         "DELETE FROM refused_files WHERE id IN (SELECT id FROM refused_files"
                         " WHERE refused_us < ?1 ORDER BY refused_us LIMIT ?2)",
                         run->log_cutoff_us, &report->logs, err);
    if (rc == 0)
        rc = delete_kind(run,
                         "DELETE FROM dedupe WHERE sha256 IN (SELECT sha256 FROM dedupe"
                         " WHERE expires_us < ?1 ORDER BY expires_us LIMIT ?2)",
                         run->log_cutoff_us, &marks, err);
    if (rc == 0)
        rc = delete_kind(run,
                         "DELETE FROM pipeline_records WHERE id IN (SELECT id FROM"
                         " pipeline_records WHERE updated_us < ?1 ORDER BY updated_us LIMIT ?2)",
                         run->cutoff_us, &marks, err);
    return rc;
}

struct count_op {
    struct nj_store_op op;
    struct nj_retention_run *run;
};

static int count_kind(struct nj_db *db, const char *text, nj_us cutoff_us, int64_t *counter,
                      struct nj_error *err)
{
    struct nj_sql sql;
    int64_t number = 0;
    int rc = nj_sql_begin(&sql, db, text, err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, cutoff_us);
    rc = nj_sql_run_int(&sql, &number, err);
    *counter += number;
    return rc;
}

static void count_file(struct nj_retention_run *run, const char *path, bool is_upload)
{
    struct stat state;
    if (lstat(path, &state) != 0 || (is_upload && !run->task->options->delete_images))
        return;
    if (is_upload)
        run->report.images++;
    else
        run->report.pictures++;
    run->report.bytes += (int64_t)state.st_size;
}

static int count_files(struct nj_db *db, struct nj_retention_run *run, struct nj_error *err)
{
    struct nj_sql sql;
    char path[NJ_STORE_PATH_SIZE];
    int rc = nj_sql_begin(&sql, db,
                          "SELECT DISTINCT d.file_path, d.file_is_upload FROM detections d"
                          " WHERE " OLD_DETECTION,
                          err);
    if (rc != 0)
        return rc;
    nj_sql_put_int(&sql, run->cutoff_us);
    while ((rc = nj_sql_step(&sql, err)) == NJ_STEP_ROW) {
        nj_sql_get_text(&sql, path, sizeof(path));
        count_file(run, path, nj_sql_get_int(&sql) != 0);
    }
    nj_sql_end(&sql);
    return rc;
}

static int count_all(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_retention_run *run = NJ_CONTAINER_OF(op, struct count_op, op)->run;
    struct nj_retention_report *report = &run->report;
    *report = (struct nj_retention_report){.dry_run = true};
    int rc = count_kind(db, "SELECT COUNT(*) FROM events WHERE " OLD_EVENT, run->cutoff_us,
                        &report->events, err);
    if (rc == 0)
        rc = count_kind(db, "SELECT COUNT(*) FROM detections d WHERE " OLD_DETECTION,
                        run->cutoff_us, &report->detections, err);
    if (rc == 0)
        rc = count_kind(db, "SELECT COUNT(*) FROM batches b WHERE " OLD_BATCH, run->cutoff_us,
                        &report->batches, err);
    if (rc == 0)
        rc = count_kind(db, "SELECT COUNT(*) FROM dead_letters WHERE created_us < ?1",
                        run->log_cutoff_us, &report->logs, err);
    if (rc == 0)
        rc = count_kind(db, "SELECT COUNT(*) FROM refused_files WHERE refused_us < ?1",
                        run->log_cutoff_us, &report->logs, err);
    return rc != 0 ? rc : count_files(db, run, err);
}

int nj_retention_count_rows(struct nj_retention_run *run, struct nj_error *err)
{
    struct count_op count = {.op = {.apply = count_all}, .run = run};
    return nj_store_read_wait(run->task->store, &count.op, err);
}
