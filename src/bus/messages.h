// SPDX-License-Identifier: Apache-2.0
// The forms in which rows are told: WebSocket messages and API objects share them, so that a
// client sees one shape of a detection, a batch and an event wherever it meets it.
#ifndef NJ_BUS_MESSAGES_H
#define NJ_BUS_MESSAGES_H

#include "bus/outbox.h"
#include "storage/store_events.h"
#include "util/json_writer.h"

// Objects as the API returns them; `key` as in json_writer.h.
void nj_message_detection_object(const struct nj_detection_row *detection,
                                 struct nj_json_writer *writer, const char *key);
void nj_message_event_object(const struct nj_event_row *event, struct nj_json_writer *writer,
                             const char *key);
// The members alone, for an object that has more.
void nj_message_event_members(const struct nj_event_row *event, struct nj_json_writer *writer);

// Whole messages {"type":...,"data":{...},"timestamp":...} into the outbox, topic "events".
// "detection.new": detection_id batch_id camera_id label confidence bbox (0..1) timestamp, and the
// detection object under "detection".
int nj_message_detection_new(struct nj_outbox *outbox, const struct nj_detection_row *detection,
                             nj_us now_us);
// "detection.batch": batch_id camera_id detection_ids detection_count started_at closed_at
// close_reason duration_ms (open to closed, wall of the store).
int nj_message_detection_batch(struct nj_outbox *outbox, const struct nj_batch_row *batch,
                               const int64_t *detection_ids, nj_us now_us);
// `type` "event" for a new one, "event.updated" after a change. Members that clients have always
// known (id, event_id, batch_id, camera_id, risk_score, risk_level, summary, reasoning, started_at,
// ended_at) and the rest of the event object.
int nj_message_event(struct nj_outbox *outbox, const char *type, const struct nj_event_row *event,
                     nj_us now_us);
// "camera_status" and "service_status", topics "events" and "system".
int nj_message_camera_status(struct nj_outbox *outbox, const struct nj_camera_row *camera,
                             const char *previous_status, nj_us now_us);
int nj_message_service_status(struct nj_outbox *outbox, const char *service, const char *status,
                              const char *message, nj_us now_us);

#endif
