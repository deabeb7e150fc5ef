// SPDX-License-Identifier: Apache-2.0
// The event model: levels from scores, the forms in which detections, batches and events are told
// on the wire. Ranks above use these and never write an event's JSON themselves.
#ifndef NJ_EVENTS_EVENTS_H
#define NJ_EVENTS_EVENTS_H

#include "bus/bus.h"
#include "bus/outbox.h"
#include "config/options.h"
#include "storage/store_events.h"
#include "util/json_writer.h"

// Full object of the API (list item and detail share it).
void nj_event_to_json(const struct nj_event_row *event, struct nj_json_writer *writer,
                      const char *key);
void nj_detection_to_json(const struct nj_detection_row *detection, struct nj_json_writer *writer,
                          const char *key);

// Life cycle: changes an event and tells it ("event.updated") after the commit. `op` style as the
// store; see nj_event_change.
struct nj_event_change {
    struct nj_store_op op; // set op.loop and op.done; the rest is filled by nj_event_change_submit
    int64_t id;
    bool has_reviewed, reviewed, has_notes;
    char notes[NJ_EVENT_NOTES_SIZE];
    int64_t if_version;
    struct nj_event_row result;
    struct nj_outbox outbox; // publish it in done when rc is 0
};
int nj_event_change_submit(struct nj_store *store, struct nj_event_change *change);

#endif
