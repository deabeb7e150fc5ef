// SPDX-License-Identifier: Apache-2.0
// GET /api/subscriptions: what displays look at, with what, and what came of it.
#include "http/http_priv.h"
#include "http/routes_priv.h"
#include "net/url.h"

#include <stdio.h>
#include <string.h>

enum { IMAGE_URL_SIZE = 3 * NJ_SUBSCRIPTION_ID_SIZE + 32 };

struct listing {
    struct nj_subscriptions *subscriptions;
    struct nj_json_writer *writer;
};

static void write_model(const struct nj_subscription_view *view, struct nj_json_writer *writer)
{
    char address[NJ_SUBSCRIPTION_URL_SIZE];
    nj_address_redact(view->spec->model_url, address, sizeof address);
    nj_json_object_begin(writer, "model");
    nj_json_int(writer, "id", view->spec->model_id);
    nj_json_text(writer, "name", view->spec->model_name);
    nj_json_text(writer, "address", address);
    nj_json_text(writer, "state", view->model_state);
    nj_json_text(writer, "error", view->model_error[0] != '\0' ? view->model_error : NULL);
    nj_json_text(writer, "archive",
                 view->pipeline != NULL ? nj_loaded_pipeline_archive(view->pipeline)->sha256
                                        : NULL);
    nj_json_object_end(writer);
}

static void write_stream(const struct nj_subscription_view *view, struct nj_json_writer *writer)
{
    nj_json_object_begin(writer, "stream");
    nj_json_text(writer, "address", view->stream_address);
    nj_api_stream_write(&view->stream, writer);
    nj_json_object_end(writer);
}

static void write_crop(const struct nj_subscription_spec *spec, struct nj_json_writer *writer)
{
    if (!spec->has_crop) {
        nj_json_null(writer, "crop");
        return;
    }
    nj_json_array_begin(writer, "crop");
    for (size_t i = 0; i < NJ_COUNT_OF(spec->crop); i++)
        nj_json_int(writer, NULL, spec->crop[i]);
    nj_json_array_end(writer);
}

static void write_recalled(const struct listing *listing, const char *name,
                           enum nj_subscription_memory which, const char *key)
{
    const char *json =
        key[0] != '\0' ? nj_subscriptions_recall(listing->subscriptions, which, key) : NULL;
    if (json != NULL)
        nj_json_raw(listing->writer, name, json, strlen(json));
    else
        nj_json_null(listing->writer, name);
}

static void write_session(const struct listing *listing, const struct nj_session *session)
{
    struct nj_json_writer *writer = listing->writer;
    nj_json_object_begin(writer, "session");
    nj_json_text(writer, "state", nj_session_state_name(session->state));
    nj_json_text(writer, "id", session->id[0] != '\0' ? session->id : NULL);
    nj_json_text(writer, "stage", session->stage[0] != '\0' ? session->stage : NULL);
    nj_json_int(writer, "track_id", session->track_id);
    write_recalled(listing, "data", NJ_SESSION_DATA, session->id);
    nj_json_object_end(writer);
}

static void write_image_url(const char *id, struct nj_json_writer *writer)
{
    char url[IMAGE_URL_SIZE] = "/camera/";
    size_t used = strlen(url);
    used += nj_url_escape(id, url + used, sizeof url - used);
    snprintf(url + used, sizeof url - used, "/image");
    nj_json_text(writer, "image_url", url);
}

static void write_subscription(const struct nj_subscription_view *view, void *arg)
{
    const struct listing *listing = arg;
    struct nj_json_writer *writer = listing->writer;
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "id", view->spec->id);
    nj_json_text(writer, "display_id", view->display);
    nj_json_text(writer, "camera_id", view->camera);
    nj_json_bool(writer, "online", view->online);
    nj_json_text(writer, "problem", view->problem[0] != '\0' ? view->problem : NULL);
    nj_json_int(writer, "connections", (int64_t)view->owners);
    write_stream(view, writer);
    write_model(view, writer);
    write_crop(view->spec, writer);
    write_session(listing, view->session);
    nj_json_int(writer, "frames", (int64_t)view->frames);
    nj_json_int(writer, "runs", (int64_t)view->runs);
    nj_json_int(writer, "detections", (int64_t)view->detections);
    write_recalled(listing, "newest_detections", NJ_NEWEST_DETECTIONS, view->spec->id);
    write_recalled(listing, "newest_result", NJ_NEWEST_RESULT, view->spec->id);
    write_image_url(view->spec->id, writer);
    nj_json_object_end(writer);
}

static void write_cache(struct nj_subscriptions *subscriptions, struct nj_json_writer *writer)
{
    struct nj_subscription_stats stats;
    nj_subscriptions_get_stats(subscriptions, &stats);
    nj_json_object_begin(writer, "cache");
    nj_json_int(writer, "entries", (int64_t)stats.cache.entries);
    nj_json_int(writer, "bytes", (int64_t)stats.cache.bytes);
    nj_json_int(writer, "hits", (int64_t)stats.cache.hits);
    nj_json_int(writer, "misses", (int64_t)stats.cache.misses);
    nj_json_int(writer, "evictions", (int64_t)stats.cache.evictions);
    nj_json_int(writer, "expired", (int64_t)stats.cache.expired);
    nj_json_object_end(writer);
}

void nj_route_subscription_list(struct nj_exchange *exchange)
{
    struct nj_subscriptions *subscriptions = exchange->api->context->subscriptions;
    struct nj_json_answer answer;
    if (subscriptions == NULL) {
        nj_exchange_missing(exchange, "the detector worker");
        return;
    }
    nj_json_answer_begin(&answer);
    struct listing listing = {subscriptions, &answer.writer};
    nj_json_array_begin(&answer.writer, "items");
    nj_subscriptions_each(subscriptions, write_subscription, &listing);
    nj_json_array_end(&answer.writer);
    write_cache(subscriptions, &answer.writer);
    nj_json_answer_send(&answer, exchange, NULL);
}
