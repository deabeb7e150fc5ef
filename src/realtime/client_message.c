// SPDX-License-Identifier: Apache-2.0
// What clients may send: ping, pong, subscribe, unsubscribe, resync, ack. A message that is wrong
// gets an error with a stable code; it never closes the socket.
#include "realtime/realtime_priv.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <string.h>

enum { PREVIEW_BYTES = 100 };

typedef void (*message_handler)(struct nj_realtime_client *client, const json_t *root);

static void send_buf(struct nj_realtime_client *client, struct nj_buf *buf)
{
    if (nj_buf_failed(buf) == 0)
        nj_websocket_send(client->socket, buf->data, buf->length);
    nj_buf_finish(buf);
}

static void answer_begin(struct nj_buf *buf, struct nj_json_writer *writer, const char *type)
{
    nj_buf_init(buf, NJ_MESSAGE_MAX_BYTES);
    nj_json_init(writer, buf);
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "type", type);
}

static void error_begin(struct nj_buf *buf, struct nj_json_writer *writer, const char *code,
                        const char *message)
{
    answer_begin(buf, writer, "error");
    nj_json_text(writer, "error", code);
    nj_json_text(writer, "message", message);
    nj_json_object_begin(writer, "details");
}

static void error_send(struct nj_realtime_client *client, struct nj_buf *buf,
                       struct nj_json_writer *writer)
{
    nj_json_object_end(writer);
    nj_json_object_end(writer);
    send_buf(client, buf);
}

static void refuse_json(struct nj_realtime_client *client, const char *text, size_t length,
                        const char *why)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    error_begin(&buf, &writer, "invalid_json", why);
    size_t shown = length < PREVIEW_BYTES ? length : PREVIEW_BYTES;
    while (shown > 0 && shown < length && ((unsigned char)text[shown] & 0xc0) == 0x80)
        shown--; // not half a character
    nj_json_text_n(&writer, "raw_data_preview", text, shown);
    error_send(client, &buf, &writer);
}

static void refuse_format(struct nj_realtime_client *client, const char *field, const char *why)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    error_begin(&buf, &writer, "invalid_message_format", "The message has a wrong form.");
    nj_json_array_begin(&writer, "validation_errors");
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "field", field);
    nj_json_text(&writer, "message", why);
    nj_json_object_end(&writer);
    nj_json_array_end(&writer);
    error_send(client, &buf, &writer);
}

static void send_pong(struct nj_realtime_client *client)
{
    static const char pong[] = "{\"type\":\"pong\"}";
    nj_websocket_send(client->socket, pong, sizeof pong - 1);
}

static void handle_ping(struct nj_realtime_client *client, const json_t *root)
{
    (void)root;
    send_pong(client);
}

static void handle_pong(struct nj_realtime_client *client, const json_t *root)
{
    (void)client; // that it came is enough: it has moved the idle time-out
    (void)root;
}

// The list data.events; NULL after an error was sent.
static const json_t *event_patterns(struct nj_realtime_client *client, const json_t *root)
{
    const json_t *events = json_object_get(json_object_get(root, "data"), "events");
    if (!json_is_array(events)) {
        refuse_format(client, "data.events", "must be a list of message types or patterns");
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(events); i++) {
        if (!json_is_string(json_array_get(events, i))) {
            refuse_format(client, "data.events", "must hold texts only");
            return NULL;
        }
    }
    return events;
}

static void answer_patterns(struct nj_realtime_client *client, const char *action,
                            const json_t *events)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    answer_begin(&buf, &writer, action);
    nj_json_text(&writer, "action", action);
    nj_json_array_begin(&writer, "events");
    for (size_t i = 0; i < json_array_size(events); i++)
        nj_json_text(&writer, NULL, json_string_value(json_array_get(events, i)));
    nj_json_array_end(&writer);
    nj_json_object_end(&writer);
    send_buf(client, &buf);
}

// Changes all or nothing, so that an answer never says more than what holds.
static void change_patterns(struct nj_realtime_client *client, const json_t *root,
                            int (*change)(struct nj_subscription *, const char *), bool choose)
{
    const json_t *events = event_patterns(client, root);
    if (events == NULL)
        return;
    struct nj_subscription changed = client->subscription;
    changed.chosen |= choose;
    for (size_t i = 0; i < json_array_size(events); i++) {
        if (change(&changed, json_string_value(json_array_get(events, i))) != 0) {
            refuse_format(client, "data.events",
                          "at most 32 patterns of 1 to 63 bytes are kept for a connection");
            return;
        }
    }
    client->subscription = changed;
    answer_patterns(client, choose ? "subscribed" : "unsubscribed", events);
}

static void handle_subscribe(struct nj_realtime_client *client, const json_t *root)
{
    change_patterns(client, root, nj_subscription_add, true);
}

static void handle_unsubscribe(struct nj_realtime_client *client, const json_t *root)
{
    change_patterns(client, root, nj_subscription_remove, false);
}

// The kept message with the mark of a repetition before its last brace.
static int send_again(struct nj_realtime_client *client, const struct nj_replay_message *message)
{
    static const char mark[] = ",\"replay\":true}";
    struct nj_buf buf;
    nj_buf_init(&buf, message->length + sizeof mark);
    nj_buf_append(&buf, message->json, message->length - 1);
    nj_buf_append(&buf, mark, sizeof mark - 1);
    int rc = nj_buf_failed(&buf);
    if (rc == 0)
        rc = nj_websocket_send(client->socket, buf.data, buf.length);
    nj_buf_finish(&buf);
    return rc;
}

static size_t replay_since(struct nj_realtime_client *client, uint64_t last_sequence)
{
    const struct nj_replay *replay = &client->channel->replay;
    size_t sent = 0;
    for (size_t i = 0; i < replay->count; i++) {
        const struct nj_replay_message *message = nj_replay_at(replay, i);
        if (message->sequence <= last_sequence ||
            !nj_subscription_wants(&client->subscription, message->tag))
            continue;
        if (send_again(client, message) != 0)
            break; // closed as too slow, or no memory: the ack's numbers tell
        sent++;
    }
    return sent;
}

static void handle_resync(struct nj_realtime_client *client, const json_t *root)
{
    const struct nj_realtime_channel *channel = client->channel;
    const json_t *data = json_object_get(root, "data");
    const char *name = channel->name;
    int64_t asked = -1;
    int rc = data != NULL ? nj_json_get_text(data, "channel", false, &name, NULL) : 0;
    if (rc != 0 || strcmp(name, channel->name) != 0) {
        refuse_format(client, "data.channel", "must be the channel of this connection");
        return;
    }
    if (nj_json_get_int(data, "last_sequence", true, &asked, NULL) != 0 || asked < 0) {
        refuse_format(client, "data.last_sequence", "must be a number from 0");
        return;
    }
    // Numbers begin anew when the program does: whoever comes with a higher one missed everything.
    bool restarted = (uint64_t)asked > channel->sequence;
    uint64_t since = restarted ? 0 : (uint64_t)asked;
    size_t replayed = replay_since(client, since);
    struct nj_buf buf;
    struct nj_json_writer writer;
    answer_begin(&buf, &writer, "resync_ack");
    nj_json_text(&writer, "channel", channel->name);
    nj_json_int(&writer, "last_sequence", asked);
    nj_json_int(&writer, "sequence", (int64_t)channel->sequence);
    nj_json_int(&writer, "replayed", (int64_t)replayed);
    nj_json_bool(&writer, "complete", !restarted && channel->replay.forgotten <= since);
    nj_json_object_end(&writer);
    send_buf(client, &buf);
}

static void handle_ack(struct nj_realtime_client *client, const json_t *root)
{
    const json_t *data = json_object_get(root, "data");
    int64_t sequence = -1;
    const char *member = json_object_get(data, "sequence") != NULL ? "sequence" : "seq";
    if (nj_json_get_int(data, member, true, &sequence, NULL) != 0 || sequence < 0) {
        refuse_format(client, "data.seq", "must be the sequence of a message");
        return;
    }
    if ((uint64_t)sequence > client->acked)
        client->acked = (uint64_t)sequence;
}

static const struct {
    const char *type;
    message_handler handle;
} handlers[] = {
    {"ack", handle_ack},       {"ping", handle_ping},           {"pong", handle_pong},
    {"resync", handle_resync}, {"subscribe", handle_subscribe}, {"unsubscribe", handle_unsubscribe},
};

static void refuse_type(struct nj_realtime_client *client, const char *type)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    error_begin(&buf, &writer, "unknown_message_type", "This message type is not known.");
    nj_json_text_n(&writer, "type", type, strnlen(type, PREVIEW_BYTES));
    nj_json_array_begin(&writer, "supported_types");
    for (size_t i = 0; i < NJ_COUNT_OF(handlers); i++)
        nj_json_text(&writer, NULL, handlers[i].type);
    nj_json_array_end(&writer);
    error_send(client, &buf, &writer);
}

static void dispatch(struct nj_realtime_client *client, const json_t *root)
{
    const char *type = NULL;
    if (!json_is_object(root)) {
        refuse_format(client, "", "must be an object");
        return;
    }
    if (nj_json_get_text(root, "type", true, &type, NULL) != 0) {
        refuse_format(client, "type", "must be a text");
        return;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(handlers); i++) {
        if (strcmp(handlers[i].type, type) == 0) {
            handlers[i].handle(client, root);
            return;
        }
    }
    refuse_type(client, type);
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

void nj_client_message(struct nj_realtime_client *client, const char *text, size_t length)
{
    if (is_word(text, length, "ping")) {
        send_pong(client);
        return;
    }
    if (is_word(text, length, "pong"))
        return;
    json_t *root = NULL;
    struct nj_error err = {.code = 0};
    int64_t limit = client->realtime->config.options.max_message_bytes;
    if (nj_json_parse(text, length, (size_t)limit, &root, &err) != 0) {
        refuse_json(client, text, length, err.text);
        return;
    }
    dispatch(client, root);
    json_decref(root);
}
