// SPDX-License-Identifier: Apache-2.0
// The handlers, one file each, in the order of their names.
#ifndef NJ_HTTP_ROUTES_PRIV_H
#define NJ_HTTP_ROUTES_PRIV_H

struct nj_exchange;

void nj_route_breaker_list(struct nj_exchange *exchange);
void nj_route_breaker_reset(struct nj_exchange *exchange);
void nj_route_camera_get(struct nj_exchange *exchange);
void nj_route_camera_image(struct nj_exchange *exchange);
void nj_route_camera_list(struct nj_exchange *exchange);
void nj_route_camera_snapshot(struct nj_exchange *exchange);
void nj_route_cleanup_get(struct nj_exchange *exchange);
void nj_route_cleanup_run(struct nj_exchange *exchange);
void nj_route_config_show(struct nj_exchange *exchange);
void nj_route_detection_get(struct nj_exchange *exchange);
void nj_route_detection_image(struct nj_exchange *exchange);
void nj_route_detection_list(struct nj_exchange *exchange);
void nj_route_detection_thumbnail(struct nj_exchange *exchange);
void nj_route_dlq_list(struct nj_exchange *exchange);
void nj_route_dlq_purge(struct nj_exchange *exchange);
void nj_route_dlq_requeue(struct nj_exchange *exchange);
void nj_route_dlq_requeue_all(struct nj_exchange *exchange);
void nj_route_dlq_requeue_one(struct nj_exchange *exchange);
void nj_route_dlq_stats(struct nj_exchange *exchange);
void nj_route_event_detections(struct nj_exchange *exchange);
void nj_route_event_get(struct nj_exchange *exchange);
void nj_route_event_list(struct nj_exchange *exchange);
void nj_route_event_patch(struct nj_exchange *exchange);
void nj_route_event_stats(struct nj_exchange *exchange);
void nj_route_events_stream(struct nj_exchange *exchange);
void nj_route_health_full(struct nj_exchange *exchange);
void nj_route_health_get(struct nj_exchange *exchange);
void nj_route_health_live(struct nj_exchange *exchange);
void nj_route_health_ready(struct nj_exchange *exchange);
void nj_route_image_delete(struct nj_exchange *exchange);
void nj_route_image_get(struct nj_exchange *exchange);
void nj_route_latency_show(struct nj_exchange *exchange);
void nj_route_log_list(struct nj_exchange *exchange);
void nj_route_metrics_show(struct nj_exchange *exchange);
void nj_route_model_list(struct nj_exchange *exchange);
void nj_route_openapi_get(struct nj_exchange *exchange);
void nj_route_page_get(struct nj_exchange *exchange);
void nj_route_queue_status(struct nj_exchange *exchange);
void nj_route_record_get(struct nj_exchange *exchange);
void nj_route_record_list(struct nj_exchange *exchange);
void nj_route_severity_get(struct nj_exchange *exchange);
void nj_route_source_add(struct nj_exchange *exchange);
void nj_route_source_get(struct nj_exchange *exchange);
void nj_route_source_list(struct nj_exchange *exchange);
void nj_route_source_pause(struct nj_exchange *exchange);
void nj_route_source_remove(struct nj_exchange *exchange);
void nj_route_source_replace(struct nj_exchange *exchange);
void nj_route_source_resume(struct nj_exchange *exchange);
void nj_route_source_test(struct nj_exchange *exchange);
void nj_route_stats_get(struct nj_exchange *exchange);
void nj_route_storage_get(struct nj_exchange *exchange);
void nj_route_stream_list(struct nj_exchange *exchange);
void nj_route_subscription_list(struct nj_exchange *exchange);
void nj_route_system_stream(struct nj_exchange *exchange);
void nj_route_upload_refused(struct nj_exchange *exchange);
void nj_route_worker_stream(struct nj_exchange *exchange);

#endif
