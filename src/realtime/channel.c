// SPDX-License-Identifier: Apache-2.0
// A channel: numbers what is published, marks what wants an answer, keeps it for replay and hands
// it to the fan-out ring, which encodes it once for everybody.
#include "realtime/realtime_priv.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <inttypes.h>
#include <string.h>

enum { ACK_RISK_SCORE = 80 }; // events from here on want an ack

// Only a new event of high risk: what somebody must have seen.
static bool requires_ack(const struct nj_bus_message *message)
{
    if (strcmp(message->tag, "event") != 0)
        return false;
    json_t *root = NULL;
    if (nj_json_parse(message->json, message->length, NJ_MESSAGE_MAX_BYTES, &root, NULL) != 0)
        return false;
    const json_t *data = json_object_get(root, "data");
    const char *level = NULL;
    double score = 0;
    nj_json_get_number(data, "risk_score", false, &score, NULL);
    nj_json_get_text(data, "risk_level", false, &level, NULL);
    bool required = score >= ACK_RISK_SCORE || (level != NULL && strcmp(level, "critical") == 0);
    json_decref(root);
    return required;
}

// The object with the channel's members put in before its last brace.
static int splice(const struct nj_bus_message *message, uint64_t sequence, struct nj_buf *out)
{
    size_t length = message->length;
    while (length > 0 && strchr(" \t\r\n", message->json[length - 1]) != NULL)
        length--;
    if (length < 3 || message->json[length - 1] != '}' || message->json[0] != '{')
        return NJ_E_INVALID; // also "{}": a message has at least its type
    nj_buf_append(out, message->json, length - 1);
    nj_buf_printf(out, ",\"sequence\":%" PRIu64 ",\"requires_ack\":%s}", sequence,
                  requires_ack(message) ? "true" : "false");
    return nj_buf_failed(out);
}

static void keep_for_replay(struct nj_realtime_channel *channel, const char *tag,
                            struct nj_buf *buf)
{
    struct nj_replay_message message = {.sequence = channel->sequence};
    nj_text_copy(message.tag, sizeof message.tag, tag);
    message.json = nj_buf_take(buf, &message.length);
    if (message.json != NULL)
        nj_replay_add(&channel->replay, &message);
}

void nj_channel_publish(struct nj_realtime_channel *channel, const struct nj_bus_message *message,
                        bool keep)
{
    struct nj_log *log = channel->realtime->config.log;
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_MESSAGE_MAX_BYTES);
    int rc = splice(message, channel->sequence + 1, &buf);
    if (rc == 0)
        rc = nj_fanout_publish(channel->fanout, message->tag, buf.data, buf.length);
    if (rc == 0) {
        channel->sequence++;
        nj_metric_add(channel->messages_metric, 1);
        if (keep)
            keep_for_replay(channel, message->tag, &buf);
    } else {
        nj_log_at(log, NJ_LOG_ERROR, "Message not published", NJ_TEXT("type", message->tag),
                  NJ_TEXT("error", nj_error_name(rc)));
    }
    nj_buf_finish(&buf);
}

void nj_channel_write_status(struct nj_realtime *realtime, bool performance, struct nj_buf *buf)
{
    const struct nj_realtime_config *config = &realtime->config;
    struct nj_json_writer writer;
    nj_json_init(&writer, buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "type", performance ? "performance_update" : "system_status");
    nj_json_object_begin(&writer, "data");
    (performance ? config->write_performance : config->write_status)(config->context, &writer);
    nj_json_object_end(&writer);
    nj_json_time(&writer, "timestamp", nj_wall_us(nj_loop_clock(config->loop)));
    nj_json_object_end(&writer);
}

static void publish_one(struct nj_realtime *realtime, bool performance, const char *tag)
{
    const struct nj_realtime_config *config = &realtime->config;
    if ((performance ? config->write_performance : config->write_status) == NULL)
        return;
    struct nj_buf buf;
    nj_buf_init(&buf, NJ_MESSAGE_MAX_BYTES);
    nj_channel_write_status(realtime, performance, &buf);
    if (nj_buf_failed(&buf) == 0) {
        struct nj_bus_message message = {.topic = "system", .json = buf.data, .length = buf.length};
        nj_text_copy(message.tag, sizeof message.tag, tag);
        // A newer one follows soon: replay has better use for its places.
        nj_channel_publish(&realtime->channels[NJ_CHANNEL_SYSTEM], &message, false);
    }
    nj_buf_finish(&buf);
}

void nj_channel_publish_status(struct nj_realtime *realtime)
{
    publish_one(realtime, false, "system_status");
    publish_one(realtime, true, "performance_update");
}
