// SPDX-License-Identifier: Apache-2.0
// Rows for tests.
#include "tests/unit/storage/rows_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int camera_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct nj_camera_identity identity = {.id = arg, .name = arg, .kind = "folder"};
    return nj_cameras_ensure(db, &identity, NULL, err);
}

void nj_test_camera(struct nj_store_fixture *fixture, const char *id)
{
    assert_int_equal(nj_test_write(fixture, camera_body, (void *)(uintptr_t)id), 0);
}

static int batch_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_batches_insert(db, arg, err);
}

int nj_test_batch(struct nj_store_fixture *fixture, const char *id, const char *camera_id,
                  const char *state)
{
    nj_us now = nj_test_now(fixture);
    struct nj_batch_row row = {.started_us = now,
                               .last_activity_us = now,
                               .arrived_us = now,
                               .created_us = now,
                               .closed_us = strcmp(state, "open") == 0 ? 0 : now,
                               .pipeline_start_us = now};
    (void)snprintf(row.id, sizeof(row.id), "%s", id);
    (void)snprintf(row.camera_id, sizeof(row.camera_id), "%s", camera_id);
    (void)snprintf(row.state, sizeof(row.state), "%s", state);
    return nj_test_write(fixture, batch_body, &row);
}

struct nj_detection_row *nj_test_detection_row(struct nj_detection_row *row, const char *camera_id,
                                               nj_us detected_us)
{
    *row = (struct nj_detection_row){.file_is_upload = true,
                                     .media_type = "image",
                                     .object_type = "person",
                                     .confidence = 0.75,
                                     .x = 1,
                                     .y = 2,
                                     .width = 30,
                                     .height = 40,
                                     .picture_width = 768,
                                     .picture_height = 576,
                                     .detected_us = detected_us,
                                     .ended_us = detected_us,
                                     .model = "m"};
    (void)snprintf(row->camera_id, sizeof(row->camera_id), "%s", camera_id);
    (void)snprintf(row->file_path, sizeof(row->file_path), "/cameras/%s/a.jpg", camera_id);
    return row;
}

static int detection_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_detections_insert(db, arg, err);
}

int nj_test_detection(struct nj_store_fixture *fixture, struct nj_detection_row *row)
{
    return nj_test_write(fixture, detection_body, row);
}

struct nj_event_row *nj_test_event_row(struct nj_event_row *row, const char *batch_id,
                                       const char *camera_id, nj_us started_us)
{
    *row = (struct nj_event_row){.started_us = started_us,
                                 .ended_us = started_us + 1,
                                 .risk_score = 42,
                                 .risk_level = "medium",
                                 .summary = "A person at the door",
                                 .reasoning = "Seen for 100% of the time",
                                 .breakdown = "[]",
                                 .analyser = "rules",
                                 .object_types = "person,car",
                                 .detection_count = 2};
    (void)snprintf(row->batch_id, sizeof(row->batch_id), "%s", batch_id);
    (void)snprintf(row->camera_id, sizeof(row->camera_id), "%s", camera_id);
    return row;
}

static int event_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    return nj_events_insert(db, arg, err);
}

int nj_test_event(struct nj_store_fixture *fixture, struct nj_event_row *row)
{
    return nj_test_write(fixture, event_body, row);
}
