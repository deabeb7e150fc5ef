// SPDX-License-Identifier: Apache-2.0
// All routes in one table, sorted by pattern and method. openapi.json is made from it.
#include "http/http_priv.h"
#include "http/routes_priv.h"

#define QUERY(of, kind, says)                                                                      \
    {                                                                                              \
        .name = (of), .type = (kind), .help = (says)                                               \
    }

// clang-format off
#define PAGE_PARAMETERS                                                                            \
    QUERY("limit", "integer", "Rows of a page, 1 to 500; 50 by default."),                         \
    QUERY("cursor", "string", "next_cursor of the page before."),                                  \
    QUERY("total", "boolean",                                                                      \
          "Whether all rows are counted, else total is null; by default for a first page only.")
// clang-format on

static const struct nj_route_parameter page_parameters[] = {
    PAGE_PARAMETERS,
    {0},
};

static const struct nj_route_parameter event_parameters[] = {
    QUERY("camera_id", "string", "Only this camera."),
    QUERY("risk_level", "string", "low, medium, high or critical."),
    QUERY("object_type", "string", "Only events with this class."),
    QUERY("q", "string", "Text in summary or reasoning."),
    QUERY("reviewed", "boolean", "Only those that were, or were not, reviewed."),
    QUERY("start_date", "string", "From this date or time on (ISO 8601)."),
    QUERY("end_date", "string", "Before this time, or until the end of this date."),
    PAGE_PARAMETERS,
    {0},
};

static const struct nj_route_parameter event_stats_parameters[] = {
    QUERY("camera_id", "string", "Only this camera (counts)."),
    QUERY("start_date", "string", "From this date or time on (counts)."),
    QUERY("end_date", "string", "Before this time, or until the end of this date (counts)."),
    {0},
};

static const struct nj_route_parameter detection_parameters[] = {
    QUERY("camera_id", "string", "Only this camera."),
    QUERY("batch_id", "string", "Only this batch."),
    QUERY("object_type", "string", "Only this class."),
    QUERY("min_confidence", "number", "At least this sure, 0 to 1."),
    QUERY("start_date", "string", "From this date or time on (ISO 8601)."),
    QUERY("end_date", "string", "Before this time, or until the end of this date."),
    PAGE_PARAMETERS,
    {0},
};

static const struct nj_route_parameter saved_image_parameters[] = {
    {.name = "key",
     .type = "string",
     .help = "Key of the image, percent-encoded.",
     .required = true},
    {0},
};

static const struct nj_route_parameter event_patch_parameters[] = {
    {.name = "If-Match",
     .type = "string",
     .help = "ETag of the event that the change is of; 412 when it is another.",
     .place = "header"},
    {0},
};

static const struct nj_route_parameter websocket_parameters[] = {
    QUERY("token", "string", "The value of api.websocket_token, where one is set."),
    {0},
};

static const struct nj_route_parameter snapshot_parameters[] = {
    QUERY("width", "integer", "Largest width of a live picture in pixels, 16 to 16384."),
    {0},
};

static const struct nj_route_parameter image_parameters[] = {
    QUERY("quality", "integer", "Of the JPEG, 1 to 100; 88 by default."),
    QUERY("width", "integer", "Largest width in pixels, 16 to 16384."),
    QUERY("height", "integer", "Largest height in pixels, 16 to 16384."),
    {0},
};

static const struct nj_route_parameter letter_parameters[] = {
    QUERY("start", "integer", "Letters to pass over."),
    QUERY("limit", "integer", "Letters of a page, 1 to 1000; 100 by default."),
    {0},
};

static const struct nj_route_parameter log_parameters[] = {
    QUERY("limit", "integer", "Lines, 1 to 500; 50 by default."),
    {0},
};

static const struct nj_route_parameter cleanup_parameters[] = {
    QUERY("dry_run", "boolean", "Only count what would go."),
    {0},
};

static const char jpeg[] = "image/jpeg";

#define GET(path, handler, ...)                                                                    \
    {                                                                                              \
        .method = "GET", .pattern = (path), .handle = (handler), __VA_ARGS__                       \
    }
#define POST(path, handler, ...)                                                                   \
    {                                                                                              \
        .method = "POST", .pattern = (path), .handle = (handler), __VA_ARGS__                      \
    }

const struct nj_route nj_routes[] = {
    GET("/", nj_route_page_get, .open = true, .schema = "Liveness",
        .parameters = websocket_parameters,
        .summary = "The page for a browser, liveness for other clients, the worker's protocol for "
                   "a WebSocket."),
    GET("/api/cameras", nj_route_camera_list, .schema = "CameraPage", .summary = "All cameras."),
    GET("/api/cameras/{id}", nj_route_camera_get, .schema = "CameraDetail",
        .summary = "A camera with the tracks of its newest inferred frame."),
    GET("/api/cameras/{id}/snapshot", nj_route_camera_snapshot, .type = jpeg,
        .parameters = snapshot_parameters,
        .summary = "The newest inferred live frame, else the newest uploaded picture or, when that "
                   "is newer or the upload's file is gone, the newest detection's."),
    GET("/api/detections", nj_route_detection_list, .schema = "DetectionPage",
        .parameters = detection_parameters, .summary = "Detections, newest first."),
    GET("/api/detections/{id}", nj_route_detection_get, .schema = "Detection",
        .summary = "One detection."),
    GET("/api/detections/{id}/image", nj_route_detection_image, .type = jpeg,
        .summary = "The picture it was seen in, without boxes."),
    GET("/api/detections/{id}/thumbnail", nj_route_detection_thumbnail, .type = jpeg,
        .summary = "The same picture within 320x240."),
    GET("/api/dlq/jobs/{queue}", nj_route_dlq_list, .schema = "LetterPage",
        .parameters = letter_parameters, .summary = "Dead letters of a queue, oldest first."),
    POST("/api/dlq/requeue-all/{queue}", nj_route_dlq_requeue_all, .schema = "LettersRequeued",
         .summary = "Puts up to 10,000 dead letters back into their queue."),
    POST("/api/dlq/requeue/{queue}", nj_route_dlq_requeue, .schema = "LettersRequeued",
         .summary = "Puts the oldest dead letter back into its queue."),
    POST("/api/dlq/requeue/{queue}/{id}", nj_route_dlq_requeue_one, .schema = "LettersRequeued",
         .summary = "Puts one dead letter back into its queue."),
    GET("/api/dlq/stats", nj_route_dlq_stats, .schema = "LetterStats",
        .summary = "How many dead letters there are."),
    {.method = "DELETE",
     .pattern = "/api/dlq/{queue}",
     .handle = nj_route_dlq_purge,
     .schema = "LettersDeleted",
     .summary = "Deletes the dead letters of a queue."},
    GET("/api/events", nj_route_event_list, .schema = "EventPage", .parameters = event_parameters,
        .summary = "Events, those made last first."),
    GET("/api/events/stats", nj_route_event_stats, .schema = "EventStats",
        .parameters = event_stats_parameters,
        .summary = "Counts by level, and the highest risk of each of the last 24 hours."),
    GET("/api/events/{id}", nj_route_event_get, .schema = "EventDetail",
        .summary = "An event with its detections and its neighbours in time."),
    {.method = "PATCH",
     .pattern = "/api/events/{id}",
     .handle = nj_route_event_patch,
     .schema = "Event",
     .body = "EventPatch",
     .parameters = event_patch_parameters,
     .summary = "Changes reviewed and notes; If-Match guards the change."},
    GET("/api/events/{id}/detections", nj_route_event_detections, .schema = "DetectionPage",
        .parameters = page_parameters, .summary = "Detections of an event, newest first."),
    {.method = "DELETE",
     .pattern = "/api/images",
     .handle = nj_route_image_delete,
     .schema = "ImageDeleted",
     .parameters = saved_image_parameters,
     .summary = "Deletes an image that a pipeline saved, whatever is in its key."},
    GET("/api/images", nj_route_image_get, .type = "image/*", .parameters = saved_image_parameters,
        .summary = "An image that a pipeline saved, whatever is in its key."),
    {.method = "DELETE",
     .pattern = "/api/images/{key}",
     .handle = nj_route_image_delete,
     .schema = "ImageDeleted",
     .summary = "Deletes an image that a pipeline saved."},
    GET("/api/images/{key}", nj_route_image_get, .type = "image/*",
        .summary =
            "An image that a pipeline saved, JPEG or PNG, until its time is over. A key with "
            "a slash is asked for by /api/images?key=."),
    GET("/api/logs", nj_route_log_list, .schema = "LogPage", .parameters = log_parameters,
        .summary = "The newest lines of the log, newest last."),
    GET("/api/metrics", nj_route_metrics_show, .type = "text/plain",
        .summary = "Metrics as Prometheus reads them."),
    GET("/api/models", nj_route_model_list, .schema = "ModelPage",
        .summary = "The models that are loaded, and the archives of subscriptions as trees."),
    GET("/api/queues/status", nj_route_queue_status, .schema = "QueueStatus",
        .summary = "Depth, throughput and trouble of each queue."),
    GET("/api/records/{table}", nj_route_record_list, .schema = "SavedRecordPage",
        .parameters = page_parameters,
        .summary = "What pipelines wrote into a table of the embedded store, newest first."),
    GET("/api/records/{table}/{key}", nj_route_record_get, .schema = "SavedRecord",
        .summary = "One record of a table in the embedded store."),
    GET("/api/sources", nj_route_source_list, .schema = "SourcePage",
        .summary = "Live cameras as they are set up, without their secrets."),
    POST("/api/sources", nj_route_source_add, .schema = "Source", .status = 201,
         .body = "SourceNew",
         .summary = "Adds a live camera (kinds rtsp and snapshot) and plays it."),
    POST("/api/sources/test", nj_route_source_test, .schema = "SourceTest", .body = "SourceChange",
         .summary = "Waits for a picture of an entry that is not kept, as long as "
                    "api.source_test_seconds says."),
    {.method = "DELETE",
     .pattern = "/api/sources/{id}",
     .handle = nj_route_source_remove,
     .status = 204,
     .summary = "Removes a camera that was added; what it saw stays."},
    GET("/api/sources/{id}", nj_route_source_get, .schema = "Source",
        .summary = "One live camera as it is set up."),
    {.method = "PUT",
     .pattern = "/api/sources/{id}",
     .handle = nj_route_source_replace,
     .schema = "Source",
     .body = "SourceChange",
     .summary = "Changes a camera that was added. User and password that are not given, or are *** "
                "as an answer shows them, stay while the address leads to the same server; so does "
                "the secret of an address that is sent back as it was shown. An empty text "
                "removes them."},
    POST("/api/sources/{id}/pause", nj_route_source_pause, .schema = "Source",
         .summary = "Stops playing a live camera until it is resumed."),
    POST("/api/sources/{id}/resume", nj_route_source_resume, .schema = "Source",
         .summary = "Plays a paused camera again."),
    GET("/api/streams", nj_route_stream_list, .schema = "StreamPage",
        .summary = "The live streams, each with its users."),
    GET("/api/subscriptions", nj_route_subscription_list, .schema = "SubscriptionPage",
        .summary = "The detector worker's subscriptions with their newest results."),
    GET("/api/system/circuit-breakers", nj_route_breaker_list, .schema = "Breakers",
        .summary = "All circuit breakers."),
    POST("/api/system/circuit-breakers/{name}/reset", nj_route_breaker_reset,
         .schema = "BreakerReset", .summary = "Closes a circuit breaker now."),
    GET("/api/system/cleanup", nj_route_cleanup_get, .schema = "CleanupState",
        .summary = "Settings of retention and its last run by hand."),
    POST("/api/system/cleanup", nj_route_cleanup_run, .schema = "CleanupReport",
         .parameters = cleanup_parameters, .summary = "Runs retention now."),
    GET("/api/system/config", nj_route_config_show,
        .summary = "The settings in use, secrets masked."),
    GET("/api/system/health", nj_route_health_get, .unwell = true, .schema = "Health",
        .summary = "Every service by name; 503 when a critical one does not work."),
    GET("/api/system/health/full", nj_route_health_full, .unwell = true, .schema = "HealthFull",
        .summary = "Services, breakers, queues, store and WebSockets together."),
    GET("/api/system/health/live", nj_route_health_live, .schema = "Liveness",
        .summary = "The process answers."),
    GET("/api/system/health/ready", nj_route_health_ready, .unwell = true, .schema = "Readiness",
        .summary = "Whether work may be given to this process."),
    GET("/api/system/pipeline-latency", nj_route_latency_show, .schema = "PipelineLatency",
        .summary = "Percentiles of each stage over its newest 1000 samples."),
    GET("/api/system/severity", nj_route_severity_get, .schema = "Severity",
        .summary = "The levels of risk and their scores."),
    GET("/api/system/stats", nj_route_stats_get, .schema = "Stats",
        .summary = "How many cameras, detections and events there are."),
    GET("/api/system/storage", nj_route_storage_get, .schema = "Storage",
        .summary = "Database and disk."),
    GET("/api/uploads/refused", nj_route_upload_refused, .schema = "RefusedPage",
        .parameters = page_parameters,
        .summary =
            "Uploaded files that were not taken, and why; counts by reason where all are counted."),
    GET("/camera/{id}/image", nj_route_camera_image, .type = jpeg, .parameters = image_parameters,
        .summary = "The newest picture of a subscription (\"display;camera\") or of a camera."),
    GET("/health", nj_route_health_live, .open = true, .schema = "Liveness",
        .summary = "The process answers."),
    GET("/openapi.json", nj_route_openapi_get, .summary = "This description."),
    GET("/ready", nj_route_health_ready, .open = true, .unwell = true, .schema = "Readiness",
        .summary = "Whether work may be given to this process."),
    GET("/ws/events", nj_route_events_stream, .type = "websocket",
        .parameters = websocket_parameters,
        .summary = "WebSocket: events, detections and camera states as they happen."),
    GET("/ws/system", nj_route_system_stream, .type = "websocket",
        .parameters = websocket_parameters,
        .summary = "WebSocket: state of the system every few seconds and when it changes."),
    GET("/ws/worker", nj_route_worker_stream, .type = "websocket",
        .parameters = websocket_parameters,
        .summary = "WebSocket: the detector worker's protocol."),
};

const size_t nj_route_count = NJ_COUNT_OF(nj_routes);

_Static_assert(NJ_COUNT_OF(nj_routes) <= NJ_ROUTES_MAX, "room for the metrics of each route");
