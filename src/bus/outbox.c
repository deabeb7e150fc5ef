// SPDX-License-Identifier: Apache-2.0
// A list of finished messages that waits for its transaction.
#include "bus/outbox.h"

#include "bus/bus.h"

#include <stdlib.h>

struct nj_outbox_message {
    struct nj_outbox_message *next;
    const char *topic, *tag;
    char *json;
    size_t length;
};

void nj_outbox_init(struct nj_outbox *outbox)
{
    *outbox = (struct nj_outbox){0};
}

void nj_outbox_reset(struct nj_outbox *outbox)
{
    for (struct nj_outbox_message *message = outbox->first; message != NULL;) {
        struct nj_outbox_message *next = message->next;
        free(message->json);
        free(message);
        message = next;
    }
    nj_outbox_init(outbox);
}

int nj_outbox_add(struct nj_outbox *outbox, const char *topic, const char *tag, struct nj_buf *json)
{
    if (nj_buf_failed(json) != 0)
        return nj_buf_failed(json);
    struct nj_outbox_message *message = calloc(1, sizeof *message);
    if (message == NULL)
        return NJ_E_NOMEM;
    message->topic = topic;
    message->tag = tag;
    message->json = nj_buf_take(json, &message->length);
    if (message->json == NULL) {
        free(message);
        return NJ_E_NOMEM;
    }
    if (outbox->last != NULL)
        outbox->last->next = message;
    else
        outbox->first = message;
    outbox->last = message;
    return 0;
}

void nj_outbox_publish(struct nj_outbox *outbox, struct nj_bus *bus)
{
    for (const struct nj_outbox_message *message = outbox->first; message != NULL;
         message = message->next)
        nj_bus_publish(bus, message->topic, message->tag, message->json, message->length);
    nj_outbox_reset(outbox);
}
