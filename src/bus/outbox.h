// SPDX-License-Identifier: Apache-2.0
// Messages that a transaction makes and that may only be told once it is durable: gathered during
// `apply`, published from `done`. One owner at a time.
#ifndef NJ_BUS_OUTBOX_H
#define NJ_BUS_OUTBOX_H

#include "util/buf.h"
#include "util/error.h"

#include <stddef.h>

struct nj_bus;

struct nj_outbox {
    struct nj_outbox_message *first, *last; // private
};

void nj_outbox_init(struct nj_outbox *outbox);
// Forgets all messages; call it first in `apply`, which may run twice.
void nj_outbox_reset(struct nj_outbox *outbox);

// `topic` ("events", "system") and `tag` ("event", "detection.new") are static; `json` is taken out
// of the buffer. NJ_E_NOMEM, or the buffer's failure.
int nj_outbox_add(struct nj_outbox *outbox, const char *topic, const char *tag,
                  struct nj_buf *json);

// Publishes in order and empties. Called from: loop thread.
void nj_outbox_publish(struct nj_outbox *outbox, struct nj_bus *bus);

#endif
