// SPDX-License-Identifier: Apache-2.0
// PATCH /api/events/{id}: reviewed and notes, guarded by If-Match.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "bus/messages.h"
#include "events/events.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 64 << 10 };

struct patch_call {
    struct nj_event_change change;
    struct nj_exchange *exchange;
};

static void reply(struct nj_exchange *exchange, const struct nj_event_row *event)
{
    char etag[NJ_ETAG_SIZE];
    struct nj_json_answer answer;
    snprintf(etag, sizeof etag, "\"v%" PRId64 "\"", event->version);
    nj_json_answer_begin(&answer);
    nj_message_event_members(event, &answer.writer);
    nj_json_answer_send(&answer, exchange, &(struct nj_answer_options){.etag = etag});
}

static void on_done(struct nj_store_op *op)
{
    struct patch_call *self = NJ_CONTAINER_OF(op, struct patch_call, change.op);
    struct nj_bus *bus = self->exchange->api->context->bus;
    if (op->rc == 0 && bus != NULL)
        nj_outbox_publish(&self->change.outbox, bus);
    else
        nj_outbox_reset(&self->change.outbox);
    if (op->rc == 0)
        reply(self->exchange, &self->change.result);
    else if (op->rc == NJ_E_CONFLICT)
        nj_exchange_problem(self->exchange, 412,
                            "somebody changed this event meanwhile: read it again");
    else
        nj_exchange_store_error(self->exchange, op->rc, &op->error);
    free(self);
}

// {"reviewed": bool, "notes": text or null}, at least one of them, nothing else.
static int read_body(const json_t *root, struct nj_event_change *change, struct nj_error *err)
{
    const char *key, *notes = "";
    json_t *value;
    if (!json_is_object(root) || json_object_size(root) == 0)
        return nj_error_set(err, NJ_E_INVALID, "give reviewed, notes or both");
    json_object_foreach((json_t *)(uintptr_t)root, key, value)
    {
        if (strcmp(key, "reviewed") == 0) {
            if (!json_is_boolean(value))
                return nj_error_set(err, NJ_E_INVALID, "reviewed must be true or false");
            change->has_reviewed = true;
            change->reviewed = json_is_true(value);
        } else if (strcmp(key, "notes") == 0) {
            if (!json_is_string(value) && !json_is_null(value))
                return nj_error_set(err, NJ_E_INVALID, "notes must be a text or null");
            change->has_notes = true;
            notes = json_is_string(value) ? json_string_value(value) : "";
        } else {
            return nj_error_set(err, NJ_E_INVALID, "only reviewed and notes can be changed");
        }
    }
    if (!nj_text_copy(change->notes, sizeof change->notes, notes))
        return nj_error_set(err, NJ_E_INVALID, "notes can hold %d bytes", NJ_EVENT_NOTES_SIZE - 1);
    return 0;
}

// The version that an entity tag of an event begins with ("v3-..."); * matches any. False: none.
static bool read_if_match(const char *tag, int64_t *version)
{
    char digits[24];
    if (tag == NULL || strcmp(tag, "*") == 0)
        return true;
    tag += strncmp(tag, "W/", 2) == 0 ? 2 : 0;
    if (strncmp(tag, "\"v", 2) != 0)
        return false;
    size_t length = strspn(tag + 2, "0123456789");
    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, tag + 2, length);
    digits[length] = '\0';
    return nj_text_to_int(digits, version) == 0;
}

// False: answered.
static bool read_request(struct nj_exchange *exchange, struct nj_event_change *change)
{
    struct nj_error err = {.code = 0};
    json_t *root = NULL;
    if (!nj_param_id(exchange, 0, &change->id))
        return false;
    if (!read_if_match(nj_http_header(exchange->request, "If-Match"), &change->if_version)) {
        nj_exchange_problem(exchange, 412, "If-Match is no tag of this event");
        return false;
    }
    int rc = nj_json_parse(exchange->body, exchange->body_length, BODY_MAX, &root, &err);
    if (rc == 0)
        rc = read_body(root, change, &err);
    json_decref(root);
    if (rc != 0)
        nj_exchange_error(exchange, rc, &err);
    return rc == 0;
}

void nj_route_event_patch(struct nj_exchange *exchange)
{
    struct nj_store *store = exchange->api->context->store;
    if (store == NULL) {
        nj_exchange_missing(exchange, "the store");
        return;
    }
    struct patch_call *self = calloc(1, sizeof *self);
    if (self == NULL) {
        nj_exchange_error(exchange, NJ_E_NOMEM, NULL);
        return;
    }
    if (!read_request(exchange, &self->change)) {
        free(self);
        return;
    }
    self->exchange = exchange;
    self->change.op.loop = exchange->api->context->loop;
    self->change.op.done = on_done;
    int rc = nj_event_change_submit(store, &self->change);
    if (rc == 0)
        return;
    nj_exchange_store_error(exchange, rc, NULL);
    free(self);
}
