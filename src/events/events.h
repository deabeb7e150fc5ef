// SPDX-License-Identifier: Apache-2.0
// The life of an event after it was written: review and notes, told to everybody once durable.
#ifndef NJ_EVENTS_EVENTS_H
#define NJ_EVENTS_EVENTS_H

#include "bus/outbox.h"
#include "storage/store_events.h"

// A change by a person. Caller-owned; valid until op.done has begun.
struct nj_event_change {
    struct nj_store_op op; // the caller sets op.loop and op.done; submit sets op.apply
    int64_t id;
    bool has_reviewed, reviewed;
    bool has_notes;
    char notes[NJ_EVENT_NOTES_SIZE];
    int64_t if_version;         // 0: whatever it is
    struct nj_event_row result; // after op.rc == 0
    struct nj_outbox outbox;    // "event.updated": publish or reset it in op.done
};

// As nj_store_write. op.rc afterwards: 0, NJ_E_NOT_FOUND, NJ_E_CONFLICT (version).
int nj_event_change_submit(struct nj_store *store, struct nj_event_change *change);

#endif
