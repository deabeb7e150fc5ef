// SPDX-License-Identifier: Apache-2.0
// Rows for tests: cameras, batches, detections and events with sensible values.
#ifndef NJ_ROWS_HELPER_H
#define NJ_ROWS_HELPER_H

#include "storage/store_events.h"
#include "tests/unit/storage/storage_helper.h"

#include <string.h>

// Fills a text member to its end, so that whole rows can be compared.
#define NJ_TEST_SET(member, text) ((void)strncpy((member), (text), sizeof(member) - 1))

void nj_test_camera(struct nj_store_fixture *fixture, const char *id);
// A batch of `camera_id` in the state, started at `started_us`.
int nj_test_batch(struct nj_store_fixture *fixture, const char *id, const char *camera_id,
                  const char *state);
// Fills a valid row; change what matters, then nj_test_detection.
struct nj_detection_row *nj_test_detection_row(struct nj_detection_row *row, const char *camera_id,
                                               nj_us detected_us);
int nj_test_detection(struct nj_store_fixture *fixture, struct nj_detection_row *row);
struct nj_event_row *nj_test_event_row(struct nj_event_row *row, const char *batch_id,
                                       const char *camera_id, nj_us started_us);
int nj_test_event(struct nj_store_fixture *fixture, struct nj_event_row *row);

#endif
