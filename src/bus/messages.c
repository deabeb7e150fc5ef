// SPDX-License-Identifier: Apache-2.0
// Rows as JSON for the wire: one function per shape.
#include "bus/messages.h"

#include <stdio.h>
#include <string.h>

// A message is small; longer ones are our own mistake and fail instead of growing.
enum { MESSAGE_MAX = 256 * 1024, CONFIDENCE_DIGITS = 4, RATIO_DIGITS = 6 };

static const char topic_events[] = "events";
static const char topic_system[] = "system";

// Live and uploaded pictures alike are shown through the API, never by their path on disk.
static void write_detection_links(const struct nj_detection_row *detection,
                                  struct nj_json_writer *writer)
{
    char url[64];
    snprintf(url, sizeof url, "/api/detections/%lld/image", (long long)detection->id);
    nj_json_text(writer, "image_url", url);
    snprintf(url, sizeof url, "/api/detections/%lld/thumbnail", (long long)detection->id);
    nj_json_text(writer, "thumbnail_url", url);
}

static void write_pixel_box(const struct nj_detection_row *detection, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "bbox");
    nj_json_int(writer, "x", detection->x);
    nj_json_int(writer, "y", detection->y);
    nj_json_int(writer, "width", detection->width);
    nj_json_int(writer, "height", detection->height);
    nj_json_object_end(writer);
}

void nj_message_detection_object(const struct nj_detection_row *detection,
                                 struct nj_json_writer *writer, const char *key)
{
    nj_json_object_begin(writer, key);
    nj_json_int(writer, "id", detection->id);
    nj_json_text(writer, "camera_id", detection->camera_id);
    nj_json_text(writer, "batch_id", detection->batch_id[0] != '\0' ? detection->batch_id : NULL);
    nj_json_text(writer, "object_type", detection->object_type);
    nj_json_fixed(writer, "confidence", detection->confidence, CONFIDENCE_DIGITS);
    write_pixel_box(detection, writer);
    nj_json_int(writer, "picture_width", detection->picture_width);
    nj_json_int(writer, "picture_height", detection->picture_height);
    nj_json_text(writer, "media_type", detection->media_type);
    if (detection->track_id > 0)
        nj_json_int(writer, "track_id", detection->track_id);
    else
        nj_json_null(writer, "track_id");
    nj_json_int(writer, "video_offset_ms", detection->video_offset_ms);
    nj_json_time(writer, "detected_at", detection->detected_us);
    nj_json_time(writer, "ended_at", detection->ended_us);
    nj_json_text(writer, "model", detection->model);
    write_detection_links(detection, writer);
    nj_json_object_end(writer);
}

void nj_message_event_members(const struct nj_event_row *event, struct nj_json_writer *writer)
{
    nj_json_int(writer, "id", event->id);
    nj_json_int(writer, "event_id", event->id);
    nj_json_text(writer, "batch_id", event->batch_id);
    nj_json_text(writer, "camera_id", event->camera_id);
    nj_json_int(writer, "risk_score", event->risk_score);
    nj_json_text(writer, "risk_level", event->risk_level);
    nj_json_text(writer, "summary", event->summary);
    nj_json_text(writer, "reasoning", event->reasoning);
    nj_json_time(writer, "started_at", event->started_us);
    nj_json_time(writer, "ended_at", event->ended_us);
    nj_json_time(writer, "created_at", event->created_us);
    const char *breakdown = event->breakdown[0] != '\0' ? event->breakdown : "[]";
    nj_json_raw(writer, "breakdown", breakdown, strlen(breakdown));
    nj_json_text(writer, "analyser", event->analyser);
    nj_json_text(writer, "object_types", event->object_types);
    nj_json_int(writer, "detection_count", event->detection_count);
    nj_json_int(writer, "best_detection_id", event->best_detection_id);
    nj_json_bool(writer, "is_fast_path", event->is_fast_path);
    nj_json_bool(writer, "reviewed", event->reviewed);
    nj_json_text(writer, "notes", event->notes);
    nj_json_int(writer, "version", event->version);
}

void nj_message_event_object(const struct nj_event_row *event, struct nj_json_writer *writer,
                             const char *key)
{
    nj_json_object_begin(writer, key);
    nj_message_event_members(event, writer);
    nj_json_object_end(writer);
}

// Opens {"type":...,"data":{ and leaves the writer inside data.
static void message_begin(struct nj_buf *buf, struct nj_json_writer *writer, const char *type)
{
    nj_buf_init(buf, MESSAGE_MAX);
    nj_json_init(writer, buf);
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "type", type);
    nj_json_object_begin(writer, "data");
}

// Closes the message and hands it to the outbox; the buffer is empty after, also on failure.
static int message_end(struct nj_json_writer *writer, nj_us now_us, struct nj_outbox *outbox,
                       const char *const topic_and_tag[2])
{
    nj_json_object_end(writer);
    nj_json_time(writer, "timestamp", now_us);
    nj_json_object_end(writer);
    int rc = nj_outbox_add(outbox, topic_and_tag[0], topic_and_tag[1], writer->buf);
    nj_buf_finish(writer->buf);
    return rc;
}

static double ratio(int32_t part, int32_t whole)
{
    return whole > 0 ? (double)part / whole : 0;
}

int nj_message_detection_new(struct nj_outbox *outbox, const struct nj_detection_row *detection,
                             nj_us now_us)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    message_begin(&buf, &writer, "detection.new");
    nj_json_int(&writer, "detection_id", detection->id);
    nj_json_text(&writer, "batch_id", detection->batch_id);
    nj_json_text(&writer, "camera_id", detection->camera_id);
    nj_json_text(&writer, "label", detection->object_type);
    nj_json_fixed(&writer, "confidence", detection->confidence, CONFIDENCE_DIGITS);
    nj_json_object_begin(&writer, "bbox");
    nj_json_fixed(&writer, "x", ratio(detection->x, detection->picture_width), RATIO_DIGITS);
    nj_json_fixed(&writer, "y", ratio(detection->y, detection->picture_height), RATIO_DIGITS);
    nj_json_fixed(&writer, "width", ratio(detection->width, detection->picture_width),
                  RATIO_DIGITS);
    nj_json_fixed(&writer, "height", ratio(detection->height, detection->picture_height),
                  RATIO_DIGITS);
    nj_json_object_end(&writer);
    nj_json_time(&writer, "timestamp", detection->detected_us);
    nj_message_detection_object(detection, &writer, "detection");
    return message_end(&writer, now_us, outbox,
                       (const char *const[]){topic_events, "detection.new"});
}

int nj_message_detection_batch(struct nj_outbox *outbox, const struct nj_batch_row *batch,
                               const int64_t *detection_ids, nj_us now_us)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    message_begin(&buf, &writer, "detection.batch");
    nj_json_text(&writer, "batch_id", batch->id);
    nj_json_text(&writer, "camera_id", batch->camera_id);
    nj_json_array_begin(&writer, "detection_ids");
    for (int64_t i = 0; i < batch->detection_count; i++)
        nj_json_int(&writer, NULL, detection_ids[i]);
    nj_json_array_end(&writer);
    nj_json_int(&writer, "detection_count", batch->detection_count);
    nj_json_time(&writer, "started_at", batch->started_us);
    nj_json_time(&writer, "closed_at", batch->closed_us);
    nj_json_text(&writer, "close_reason", batch->close_reason);
    nj_json_int(&writer, "duration_ms", (batch->closed_us - batch->created_us) / NJ_US_PER_MS);
    return message_end(&writer, now_us, outbox,
                       (const char *const[]){topic_events, "detection.batch"});
}

int nj_message_event(struct nj_outbox *outbox, const char *type, const struct nj_event_row *event,
                     nj_us now_us)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    message_begin(&buf, &writer, type);
    nj_message_event_members(event, &writer);
    return message_end(&writer, now_us, outbox, (const char *const[]){topic_events, type});
}

int nj_message_camera_status(struct nj_outbox *outbox, const struct nj_camera_row *camera,
                             const char *previous_status, nj_us now_us)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    message_begin(&buf, &writer, "camera_status");
    nj_json_text(&writer, "camera_id", camera->id);
    nj_json_text(&writer, "camera_name", camera->name);
    nj_json_text(&writer, "status", camera->status);
    nj_json_text(&writer, "previous_status", previous_status);
    nj_json_text(&writer, "reason", camera->reason[0] != '\0' ? camera->reason : NULL);
    nj_json_time(&writer, "timestamp", now_us);
    return message_end(&writer, now_us, outbox,
                       (const char *const[]){topic_events, "camera_status"});
}

int nj_message_service_status(struct nj_outbox *outbox, const char *service, const char *status,
                              const char *message, nj_us now_us)
{
    struct nj_buf buf;
    struct nj_json_writer writer;
    message_begin(&buf, &writer, "service_status");
    nj_json_text(&writer, "service", service);
    nj_json_text(&writer, "status", status);
    nj_json_text(&writer, "message", message);
    return message_end(&writer, now_us, outbox,
                       (const char *const[]){topic_system, "service_status"});
}
