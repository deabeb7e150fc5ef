// SPDX-License-Identifier: Apache-2.0
// A person's change to an event, told once it is durable.
#include "bus/messages.h"
#include "events/events.h"

static int change_apply(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_event_change *change = NJ_CONTAINER_OF(op, struct nj_event_change, op);
    struct nj_event_patch patch = {
        .reviewed = change->has_reviewed ? &change->reviewed : NULL,
        .notes = change->has_notes ? change->notes : NULL,
        .if_version = change->if_version,
    };
    nj_outbox_reset(&change->outbox);
    int rc = nj_events_patch(db, change->id, &patch, &change->result, err);
    if (rc != 0)
        return rc;
    return nj_message_event(&change->outbox, "event.updated", &change->result, nj_db_now_us(db));
}

int nj_event_change_submit(struct nj_store *store, struct nj_event_change *change)
{
    nj_outbox_init(&change->outbox);
    change->op.apply = change_apply;
    return nj_store_write(store, &change->op);
}
